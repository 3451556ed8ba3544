"""What a protocol declares of response and MRD, and of a response that was never reached."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from chartline.protocol.base import Declared, Milestone


class Response(Declared):
    """How response is derived from raw marrow, blood and extramedullary findings."""

    criteria: str = Field(
        "ino_vate", description="Name of a shipped response rule set (listed below).", examples=["ino_vate"]
    )
    counts_window_days: tuple[int, int] | None = Field(
        None,
        description="Days from the marrow in which blood counts prove recovery (first, last); the rule set's own if "
        "not given.",
        examples=[[0, 28]],
    )
    support_free_days: int | None = Field(
        None,
        ge=0,
        description="Days before a count without any support that the rule set names (G-CSF, transfusions); the rule "
        "set's own if not given.",
        examples=[14],
    )
    assessments: str = Field(
        "RSCYCLE >= 1",
        description="Condition on RS: which rows are on-treatment assessments.",
        examples=["RSCYCLE >= 1"],
    )
    before: tuple[Milestone, ...] = Field(
        (Milestone.RELAPSE, Milestone.TRANSPLANT, Milestone.NEW_THERAPY),
        description="Assessments count strictly before the first of these.",
        examples=[["relapse", "transplant", "new_therapy"]],
    )
    responders: tuple[str, ...] = Field(
        (), description="Categories that are a response; the rule set's own if not given.", examples=[["CR", "CRi"]]
    )
    intensity: Literal["intensive", "less_intensive"] = Field(
        "intensive",
        description="Intensity of the treatment. It decides by which landmark a rule set for AML calls the disease "
        "refractory.",
        examples=["less_intensive"],
    )
    relapse: Literal["recorded", "derived"] = Field(
        "recorded",
        description="What the milestone `relapse` is: the relapse that the centre recorded, or the first assessment "
        "after the first response that shows relapse by the rule set. The two are compared in either case.",
        examples=["derived"],
    )

    @field_validator("counts_window_days")
    @classmethod
    def _in_order(cls, days: tuple[int, int] | None) -> tuple[int, int] | None:
        if days is not None and days[0] > days[1]:
            raise ValueError("the first day of the window is after its last")
        return days


class Mrd(Declared):
    """When measurable residual disease is negative, and when a response is deep."""

    definition: str = Field(
        "ino_vate",
        description="Name of a shipped MRD definition (listed below): level, limit of detection, assays. An analysis "
        "of kind `mrd` compares several.",
        examples=["ino_vate"],
    )
    first_response_days: int = Field(
        14,
        ge=0,
        description="A sample within so many days of the first response is `at first response`.",
        examples=[14],
    )
    deep_by_cycle: int = Field(2, description="Deep response: negative by the end of this cycle.", examples=[2])
    deep_after_last_dose_days: int = Field(
        42,
        description="End of treatment, and of that cycle where no further cycle was given: days after the last dose.",
        examples=[42],
    )


class Unsupported(Declared):
    """When a laboratory value does not count because support was given."""

    medication: str = Field(description="CMCAT of the support.", examples=["G-CSF"])
    flag: str | None = Field(None, description="Variable of LB that says so beside the value.", examples=["LBGCSF"])
    days: int = Field(7, ge=0, description="Days without it before the value counts.", examples=[7])
    without_end: Literal["ongoing", "one day"] = Field(
        "ongoing", description="What support without a recorded end was.", examples=["one day"]
    )


class ResponseLandmark(Declared):
    """By when a response must have been reached: `days` after the first dose, or by the end of a cycle."""

    days: int | None = Field(None, ge=1, description="Days after the first dose.", examples=[60])
    cycle: int | None = Field(
        None, ge=1, description="The end of this cycle: day 1 of the next, or after the last dose.", examples=[2]
    )
    after_last_dose_days: int = Field(
        42,
        ge=1,
        description="End of that cycle where no further cycle was given: days after its last dose.",
        examples=[42],
    )

    @model_validator(mode="after")
    def _is_one_landmark(self) -> ResponseLandmark:
        if (self.days is None) == (self.cycle is None):
            raise ValueError("a landmark is either `days` after the first dose or the end of a `cycle`")
        return self
