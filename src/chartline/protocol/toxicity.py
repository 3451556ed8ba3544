"""What a protocol declares of laboratory grades, safety flags and syndromes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chartline.protocol.base import Declared, Milestone


class Laboratory(Declared):
    """How laboratory values are graded, and which of them belong to the treatment."""

    grading: str = Field(
        "ctcae_v5", description="Name of a shipped grading scale (listed below).", examples=["ctcae_v5"]
    )
    circumstances: Literal["worst_case", "numeric_only", "as_recorded"] = Field(
        "worst_case",
        description="Grades that need symptoms or anticoagulation, which a laboratory does not report: these are "
        "assumed (`worst_case`) or not (`numeric_only`), or the grade of the adverse event of that term on that day is "
        "taken and else there is none (`as_recorded`).",
        examples=["worst_case"],
    )
    baseline_days: int = Field(
        14,
        description="Baseline is the last value in this many days up to and including the first dose.",
        examples=[14],
    )
    on_treatment_days: int = Field(
        42,
        description="On treatment is after the first dose and at most this many days after the last dose ...",
        examples=[42],
    )
    before: tuple[Milestone, ...] = Field(
        (Milestone.TRANSPLANT, Milestone.NEW_THERAPY),
        description="... and at the latest the day before the first of these.",
        examples=[["transplant", "new_therapy"]],
    )


class LabComponent(Declared):
    """Subjects with an on-treatment laboratory grade."""

    kind: Literal["lab"] = Field("lab", description="A laboratory grade.", examples=["lab"])
    tests: tuple[str, ...] = Field(
        description="Codes of the laboratory tests, any of which counts.", examples=[["ALT", "AST", "BILI"]]
    )
    min_grade: int | None = Field(None, description="At least this grade; any grade if not given.", examples=[3])
    worsened: bool = Field(
        False, description="Only grades worse than the baseline grade (treatment-emergent).", examples=[True]
    )
    unless_all_unrelated: str | None = Field(
        None,
        description="AE group: not counted where the subject has adverse events of this group at `min_grade` or "
        "more and the treating team called every one of them unrelated.",
        examples=["hepatic"],
    )


class AeComponent(Declared):
    """Subjects with a recorded adverse event."""

    kind: Literal["ae"] = Field("ae", description="A recorded adverse event.", examples=["ae"])
    group: str = Field(description="Group of terms (see `ae_groups`).", examples=["vod"])
    min_grade: int | None = Field(None, description="At least this recorded grade; any if not given.", examples=[3])
    related_only: bool = Field(
        False,
        description="Only events that the treating team called related to the index treatment.",
        examples=[True],
    )
    window: Literal["on_treatment", "after_first_dose"] = Field(
        "on_treatment",
        description="`on_treatment`: onset in the laboratory window; `after_first_dose`: any time from the first dose.",
        examples=["after_first_dose"],
    )


class SafetyFlag(Declared):
    """A composite safety endpoint: any of its components. Becomes a Y/N variable of ADSL."""

    label: str = Field(description="How readers see it.", examples=["VOD/SOS, grade 3 or more"])
    any_of: tuple[Annotated[LabComponent | AeComponent, Field(discriminator="kind")], ...] = Field(
        min_length=1,
        description="Components; a subject with any of them has the endpoint.",
        examples=[[{"kind": "ae", "group": "vod", "min_grade": 3, "window": "after_first_dose"}]],
    )


class Syndrome(Declared):
    """A syndrome by a shipped set of criteria: met, not met, or not assessable with what was missing."""

    criteria: str = Field(description="Name of a shipped set (listed below).", examples=["vod_ebmt_2016"])
    label: str = Field("", description="How readers see it; that of the set if not given.", examples=["VOD/SOS"])
    counted_from: tuple[Milestone, ...] = Field(
        (),
        description="Day 0: the first of these that a patient has; that of the set if not given.",
        examples=[["transplant", "last_dose"]],
    )
