"""What a protocol declares of treatment: the index drug or event, earlier lines, transplantation."""

from __future__ import annotations

from pydantic import Field, model_validator

from chartline.protocol.base import Declared


class CycleRule(Declared):
    """How cycles are rebuilt where the source keeps no cycle number; a recorded number wins."""

    max_doses: int = Field(3, ge=1, description="Doses in a cycle; one more starts a new cycle.", examples=[3])
    new_cycle_after_days: int = Field(
        18,
        ge=1,
        description="A dose this many days or more after the cycle's first dose starts a new cycle.",
        examples=[18],
    )


class Treatment(Declared):
    """The index treatment: the drug whose first dose is day 0 of every patient."""

    drug: str = Field(description="The index drug as it stands in EXTRT.", examples=["INOTUZUMAB OZOGAMICIN"])
    label: str = Field(description="The drug's name in text.", examples=["inotuzumab ozogamicin"])
    abbreviation: str = Field("", description="Short name in tables and figures.", examples=["InO"])
    cycle: CycleRule = Field(
        default_factory=CycleRule,
        description="How cycles are rebuilt where the source keeps no cycle number.",
        examples=[{"max_doses": 3, "new_cycle_after_days": 18}],
    )
    max_dose_m2: float | None = Field(
        None, description="Highest dose per administration, mg/m2; more is queried.", examples=[0.8]
    )
    first_to_second_dose_days: tuple[int, int] | None = Field(
        None,
        description="Expected days from a dose to the next within a cycle (lowest, highest); other gaps are queried.",
        examples=[[5, 16]],
    )
    schedule: str | None = Field(
        None,
        description="Name of a shipped dosing schedule (listed below): each cycle is then compared with its plan. "
        "Without one, doses are counted and nothing is called reduced or delayed.",
        examples=["inotuzumab_label"],
    )


class IndexEvent(Declared):
    """An event that is day 0 of every patient instead of the first dose of a drug."""

    label: str = Field(description="The event inside a sentence.", examples=["diagnosis"])
    source: str = Field(alias="from", description="Domain of its rows.", examples=["MH"])
    where: str = Field(
        description="Condition on the domain's rows; the first such row with a full date is day 0.",
        examples=["MHCAT == 'DIAGNOSIS'"],
    )


class EventSource(Declared):
    """Rows of a domain that make a milestone."""

    source: str = Field(alias="from", description="Domain of the rows.", examples=["PR"])
    where: str = Field(
        description="Condition on the domain's rows; the first such row after the first dose is the milestone.",
        examples=["PRTRT == 'ALLOGENEIC HSCT'"],
    )


class Named(Declared):
    """What is recognised by the words that name it, and becomes a Y/N variable of ADSL."""

    label: str = Field(description="How readers see it.", examples=["Prior blinatumomab"])
    words: tuple[str, ...] = Field(
        min_length=1,
        description="Words that name it, small letters. A word is letters and digits; `car-t` is the words car and t, "
        "which must follow each other.",
        examples=[["blinatumomab", "blina"]],
    )


class LineRule(Declared):
    """How lines of therapy are rebuilt from single exposures, where nobody recorded the lines: a line is what begins
    within a window; it ends with a further drug that begins later, or with a pause."""

    combine_days: int = Field(
        ge=0,
        description="A drug that begins at most so many days after the first day of a line belongs to its regimen.",
        examples=[28],
    )
    gap_days: int = Field(
        ge=1, description="After more than so many days without any drug a new line begins.", examples=[120]
    )

    @model_validator(mode="after")
    def _in_order(self) -> LineRule:
        if self.gap_days < self.combine_days:
            raise ValueError(f"`gap_days` {self.gap_days} is less than `combine_days` {self.combine_days}")
        return self


class PriorTherapy(Declared):
    """Lines of therapy before day 0: how many, with what, and whether the disease ever responded to them."""

    lines: EventSource = Field(
        description="Rows that are one line of therapy each, or with `rebuild` one exposure each.",
        examples=[{"from": "MH", "where": "MHCAT == 'PRIOR LINE'"}],
    )
    rebuild: LineRule | None = Field(
        None,
        description="The rows (of CM or EX, without the index treatment) are single exposures or drug eras, from which "
        "lines are rebuilt. What began on day 0 belongs to the index treatment.",
        examples=[{"combine_days": 28, "gap_days": 120}],
    )
    remission: tuple[str, ...] = Field(
        ("CR", "CRi"),
        description="Best responses to a line (MHBESTRSP) that are a remission. Without any, the disease is primary "
        "refractory.",
        examples=[["CR", "CRi"]],
    )
    agents: dict[str, Named] = Field(
        {},
        description="Treatments looked for among the lines, by ADSL name.",
        examples=[{"PRBLINFL": {"label": "Prior blinatumomab", "words": ["blinatumomab"]}}],
    )
    first_remission: str | None = Field(
        None, description="Characteristic that holds the duration of the first remission, months.", examples=["CR1DUR"]
    )
    short_remission_months: float = Field(
        12, description="A first remission of less than so many months is short.", examples=[12]
    )
    recorded: dict[str, str] = Field(
        {},
        description="Characteristics that state what is counted here: derived variable -> characteristic. Where the "
        "two differ, the centre is asked.",
        examples=[{"SALVAGE": "LINES", "PRBLINFL": "PRBLIN"}],
    )


class Transplant(EventSource):
    """Rows that are a transplantation, and what is told about the first one after day 0."""

    interval_days: tuple[int, ...] = Field(
        (28, 60, 120),
        description="Ends of the groups of days from the last dose to transplantation.",
        examples=[[28, 60, 120]],
    )
    bilirubin_days: int = Field(
        28,
        ge=1,
        description="The last bilirubin before transplantation is looked for in this many days before it.",
        examples=[28],
    )
    alkylators: dict[str, tuple[str, ...]] = Field(
        {},
        description="Alkylating agents of conditioning: name -> the words that name it in PRCOND, small letters.",
        examples=[{"busulfan": ["bu", "bu2", "busulfan"], "thiotepa": ["thiotepa", "tt"]}],
    )
    other_conditioning: tuple[str, ...] = Field(
        (),
        description="Words of conditioning that name no alkylating agent. With a word that is in neither list, it is "
        "not known how many there were.",
        examples=[["flu", "tbi"]],
    )
    recorded_remission: tuple[str, ...] = Field(
        ("CR", "CRi", "CRh", "CR1", "CR2", "CR3", "complete remission", "remission"),
        description="Words of the recorded disease status (PRSTATUS) that mean a remission, as every response of the "
        "rule set does. It is set beside the derived status; with any other word, or with both kinds, it is not.",
        examples=[["CR", "CR1", "CR2"]],
    )
    recorded_active: tuple[str, ...] = Field(
        ("active", "active disease", "relapse", "relapsed", "refractory", "PR", "NR", "SD", "PD", "no response"),
        description="Words of the recorded disease status that mean no remission.",
        examples=[["active disease", "relapse"]],
    )
