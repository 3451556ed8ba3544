"""Dosing schedules as data: what a rule set in `derive/schedules/*.yaml` may say.

A schedule is a list of plans; the first whose cycles and response at the cycle's first day fit is that cycle's plan.
Limits say what departs from it: a limit holds where the number, compared as it says, is shown to meet it.
"""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from chartline.core.compare import exactly
from chartline.derive.rule_set import Operator, Rule, RuleSet, load_rule_set
from chartline.errors import ProtocolError
from chartline.protocol.treatment import Treatment


class PlannedDose(Rule):
    day: int = Field(ge=1, description="Day of the cycle.")
    dose_m2: float = Field(gt=0, description="mg/m2.")


class Plan(Rule):
    """The doses of a cycle."""

    cycles: Literal["first", "later"]
    in_response: bool | None = Field(
        None, description="Whether a response was reached before day 1; null: either, or not known."
    )
    label: str = Field(description="As a reader sees it.")
    doses: tuple[PlannedDose, ...] = Field(min_length=1)
    length_days: int = Field(description="Days from day 1 to day 1 of the next cycle.")
    may_run_to_days: int | None = Field(None, description="How long the cycle may last without being a departure.")

    @property
    def total_m2(self) -> float:
        """Planned mg/m2 of the cycle."""
        return round(sum(d.dose_m2 for d in self.doses), 6)


class Limit(Rule):
    """A comparison with a number."""

    operator: Operator
    threshold: float
    unit: str
    origin: str = Field(description="Where it was read, or 'ours'.")

    def met(self, number: pl.Expr) -> pl.Expr:
        """Return whether the number meets the limit (null where it is missing); equal decimals are equal."""
        n, limit = exactly(number), self.threshold
        compared = {"<": n < limit, "<=": n <= limit, ">": n > limit, ">=": n >= limit, "==": n == limit}
        return compared[self.operator]


class Flat(Rule):
    """A dose in whole vials whatever the body surface area."""

    vial_mg: float = Field(gt=0)
    off_plan: Limit = Field(description="How far a dose must be from its plan, in either direction.")


class ScheduleRules(RuleSet):
    """A whole schedule."""

    chartline: Literal["dosing-schedule/1"]
    drug: str = Field(description="EXTRT of the drug it is about.")
    plans: tuple[Plan, ...] = Field(min_length=1, description="In the order in which they are tried.")
    cycles: Limit = Field(description="Numbers of cycles that have a plan.")
    window: Limit = Field(description="Days between a dose and the planned day nearest to it.")
    apart: Limit = Field(description="Days from a dose to the next.")
    reduced: Limit = Field(description="Given in % of planned: a reduced cycle.")
    delayed: Limit = Field(description="Days beyond the length of the cycle before: a delayed cycle.")
    cumulative: Limit = Field(description="Cut-point of the cumulative dose, mg/m2.")
    flat: Flat

    @model_validator(mode="after")
    def _days_in_order(self) -> ScheduleRules:
        for plan in self.plans:
            days = [d.day for d in plan.doses]
            if days != sorted(set(days)):
                raise ValueError(f"the days of the plan '{plan.label}' are not in order: {days}")
        return self


def load_schedule(treatment: Treatment | None, where: object = "treatment.schedule") -> ScheduleRules | None:
    """Return the schedule of the index treatment; None where the study declares none.

    Raises `ProtocolError` where there is no such schedule, or where it is another drug's.
    """
    if treatment is None or treatment.schedule is None:
        return None
    rules = load_rule_set("schedules", treatment.schedule, ScheduleRules, "treatment.schedule")
    if rules.drug != treatment.drug:
        raise ProtocolError(
            f"The schedule `{rules.name}` is that of {rules.drug}, the index drug is {treatment.drug}",
            where=str(where),
            expected="a schedule of the index drug",
            do="name another, or leave `schedule` out",
        )
    return rules
