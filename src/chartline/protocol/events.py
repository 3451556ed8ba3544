"""What a protocol declares of dated events and of the endpoints that are made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chartline.core.dates import PartialPolicy
from chartline.core.faults import Shape
from chartline.protocol.base import Declared, Milestone, MilestoneName, require_once
from chartline.protocol.response import ResponseLandmark, Unsupported


class DatedEvent(Declared):
    """A milestone of the study's own, to be used like the others. It is one of three: the first of some rows of a
    domain (`from`, `where`), the first of other milestones (`first_of`), or treatment failure (`no_response_by`)."""

    label: str = Field(description="How readers see it, as inside a sentence.", examples=["acute GVHD of grade 3-4"])
    source: str | None = Field(None, alias="from", description="Domain of the rows.", examples=["AE"])
    where: str | None = Field(
        None,
        description="Condition on the domain's rows; the first such row after `after` is the milestone.",
        examples=["AETERM == 'acute graft versus host disease' and AETOXGR >= 3"],
    )
    after: MilestoneName = Field(
        Milestone.FIRST_DOSE,
        description="Rows, or the milestones of `first_of`, count strictly after this milestone (one declared above it,"
        " or one that every study has). Of `first_of` there is no such limit if not given.",
        examples=["transplant"],
    )
    without: Unsupported | None = Field(
        None,
        description="Of rows of LB: values under this support do not count.",
        examples=[{"medication": "G-CSF", "flag": "LBGCSF", "days": 7}],
    )
    first_of: tuple[MilestoneName, ...] = Field(
        (), description="The first of these milestones.", examples=[["transplant", "new_therapy"]]
    )
    unless_after: MilestoneName | None = Field(
        None,
        description="Of `first_of`: not where this milestone had happened by that day.",
        examples=["first_response"],
    )
    no_response_by: ResponseLandmark | None = Field(
        None,
        description="Treatment failure: alive at this landmark without a response by it.",
        examples=[{"cycle": 2}],
    )
    dated: Literal["assessment", "landmark", "first_dose"] = Field(
        "assessment",
        description="Day of a treatment failure: the last on-treatment assessment up to the landmark (the landmark "
        "where there was none), the landmark, or the first dose (ELN 2022; then a death before the landmark without a "
        "response is a failure too, and who was never assessed is none).",
        examples=["first_dose"],
    )

    @model_validator(mode="after")
    def _is_one_of_three(self) -> DatedEvent:
        forms = [self.source is not None, bool(self.first_of), self.no_response_by is not None]
        if sum(forms) != 1:
            raise ValueError("a milestone is declared by one of `from`, `first_of` and `no_response_by`")
        if (self.source is None) != (self.where is None):
            raise ValueError("`from` and `where` go together")
        if "after" in self.model_fields_set and self.no_response_by is not None:
            raise ValueError("`after` goes with `from` or `first_of`")
        if "dated" in self.model_fields_set and self.no_response_by is None:
            raise ValueError("`dated` goes with `no_response_by`")
        if self.without is not None and self.source != "LB":
            raise ValueError("`without` goes with rows of LB")
        if self.unless_after is not None and not self.first_of:
            raise ValueError("`unless_after` goes with `first_of`")
        return self


ENDPOINT_ID = Shape(
    r"^[A-Z][A-Z0-9_]{0,7}$", "an id of an endpoint", "a capital letter, then at most 7 capitals, digits or _", "OS"
)


class Endpoint(Declared):
    """A time-to-event endpoint. `use` takes the defaults of a shipped endpoint (derive/endpoints/)."""

    id: Annotated[str, ENDPOINT_ID] = Field(
        description="PARAMCD of ADTTE: a capital letter, then at most 7 capitals, digits or _.",
        examples=["OS"],
    )
    use: str | None = Field(None, description="Name of a shipped endpoint.", examples=["overall_survival"])
    label: str | None = Field(
        None,
        description="How readers see it; that of the shipped endpoint if not given.",
        examples=["Overall survival"],
    )
    proxy_for: str | None = Field(
        None,
        description="What the events stand for where the data do not record it, as inside a sentence; every table and "
        "figure then calls the endpoint a proxy.",
        examples=["relapse"],
    )
    population: str | None = Field(None, description="Analysis set (see `sets`).", examples=["treated"])
    origin: MilestoneName | None = Field(None, description="Milestone that is day 0.", examples=["first_dose"])
    events: tuple[MilestoneName, ...] | None = Field(
        None,
        description="Milestones that are the event, in order of precedence on the same day.",
        examples=[["relapse", "death"]],
    )
    censor_at: tuple[MilestoneName, ...] | None = Field(
        None,
        description="Intercurrent events that censor (hypothetical strategy); an empty list is the treatment policy.",
        examples=[["transplant"]],
    )
    last: MilestoneName | None = Field(
        None, description="Where nothing happened, censored here.", examples=["last_alive"]
    )
    enter_at: MilestoneName | None = Field(
        None,
        description="Milestone from which a patient is at risk, where it is later than the origin (left truncation): "
        "who had the event before it could not have been seen to have it. Day 0 if not given. Read by the kinds "
        "`survival`, `cumulative_incidence`, `compare_survival` and `cox`.",
        examples=["observed_from"],
    )
    partial_dates: PartialPolicy | None = Field(
        None,
        description="Which day stands for a partial event date; the study's policy if not given.",
        examples=["first"],
    )
    assessed_every_days: int | None = Field(
        None,
        ge=1,
        description="Days from one scheduled assessment to the next; needed by `missed_assessments`.",
        examples=[90],
    )
    missed_assessments: Literal["detection", "midpoint", "interval"] | None = Field(
        None,
        description="What a relapse (or response) found after two or more missed assessments means: the day it was "
        "found, the middle of the time since the last assessment, or only that it lies between (read by "
        "`kind: interval_censored`).",
        examples=["midpoint"],
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> Endpoint:
        require_once(self, "events", "censor_at")
        return self
