"""Precision and power, as recorded by tests/reference/record_planning.R."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from chartline.stats.planning import one_arm, power, precision
from chartline.verify.cases import Case

_RECRUITMENT = ("accrual", "follow_up", "dropout")


def _split(case: Case, *apart: str) -> tuple[dict[str, Any], power.Recruitment]:
    """The arguments but those named, and the recruitment of them."""
    given = case.arguments
    rest = {k: v for k, v in given.items() if k not in (*_RECRUITMENT, *apart)}
    return rest, power.Recruitment(*(given[k] for k in _RECRUITMENT))


def _interval(case: Case) -> Mapping[str, Any]:
    given = case.arguments
    return asdict((precision.n_for_interval_width if "width" in given else precision.interval_precision)(**given))


def _probability(case: Case) -> Mapping[str, Any]:
    rest, recruitment = _split(case)
    return {"probability": power.event_probability(rest["hazard"], recruitment)}


def _sample_size(case: Case) -> Mapping[str, Any]:
    rest, recruitment = _split(case, "n", "power")
    size = power.logrank_sample_size(**rest, recruitment=recruitment, power=case.arguments["power"])
    other = power.trial_power(case.arguments["n"], **rest, recruitment=recruitment)
    return asdict(size) | {"power_of_n": other.power}


def _one_arm(case: Case) -> Mapping[str, Any]:
    return asdict((one_arm.one_arm_power if "n" in case.arguments else one_arm.one_arm_design)(**case.arguments))


_designs = cache(one_arm.simon_two_stage)  # the cases name the optimal and the minimax design one by one


def _simon(case: Case) -> Mapping[str, Any]:
    given = {k: v for k, v in case.arguments.items() if k != "kind"}
    return asdict(getattr(_designs(**given), case.arguments["kind"]))


def _one_sample(case: Case) -> Mapping[str, Any]:
    rest, recruitment = _split(case, "n")
    found = one_arm.one_sample_logrank_power(case.arguments["n"], **rest, recruitment=recruitment)
    return asdict(found) | {"size": one_arm.one_sample_logrank_size(**rest, recruitment=recruitment).n}


REPLAYS = {
    "interval_precision": _interval,
    "upper_bound_of_none": lambda case: {"upper": precision.upper_bound_of_none(**case.arguments)},
    "survival_precision": lambda case: asdict(precision.survival_precision(**case.arguments)),
    "hazard_ratio_precision": lambda case: asdict(precision.hazard_ratio_precision(**case.arguments)),
    "logrank_events": lambda case: asdict(power.logrank_events(**case.arguments)),
    "logrank_power": lambda case: asdict(power.logrank_power(**case.arguments)),
    "event_probability": _probability,
    "logrank_sample_size": _sample_size,
    "one_arm_design": _one_arm,
    "simon_two_stage": _simon,
    "one_sample_logrank_power": _one_sample,
}
