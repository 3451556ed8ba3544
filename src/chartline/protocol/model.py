"""Protocol: what one study declares. Choices, never formulas; immutable; read in every room, written in none.

The models here are the reference: `chartline schema` prints them as JSON Schema and `docs/protocol.md` is generated
from them. Whatever a field refers to (a variable, a milestone, a set, an analysis) is resolved when the protocol is
loaded (`protocol/load.py`), so that a typing error is found before any patient is read.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chartline.core.dates import PartialPolicy


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Milestone(StrEnum):
    """The dated events of a subject from which endpoints are built (one ADSL date each)."""

    BIRTH = "birth"
    FIRST_DOSE = "first_dose"
    LAST_DOSE = "last_dose"
    FIRST_RESPONSE = "first_response"
    RELAPSE = "relapse"
    TRANSPLANT = "transplant"
    NEW_THERAPY = "new_therapy"
    DEATH = "death"
    LAST_ALIVE = "last_alive"


class Study(_Declared):
    id: str = Field(description="Short identifier, printed on every output.", examples=["SYN-INO-IN32"])
    title: str = Field(description="Title of the report.")
    short_title: str = Field("", description="Running title.")
    notice: str = Field("", description="Sentence printed on every page, e.g. that the data are synthetic.")
    objective: str = Field("", description="What the study asks, one sentence.")
    design: str = Field("", description="Design, e.g. 'Multicentre, retrospective, observational cohort study'.")
    setting: str = Field("", description="Where and when patients were treated and reviewed.")
    authors: tuple[str, ...] = Field((), description="Authors, in order.")
    ethics: str = Field("", description="Ethics and funding statement.")


class Centre(_Declared):
    id: str = Field(description="Short id of the centre.", examples=["A"])
    label: str = Field("", description="Name shown to readers.")
    folder: str = Field(description="Folder of the centre's files, relative to the protocol.")
    mapping: str = Field(description="The centre's mapping file, relative to the protocol.")


class Data(_Declared):
    cut_off: dt.date = Field(description="Last day that data can speak of; a later date is queried.")
    centres: tuple[Centre, ...] = Field(min_length=1, description="The centres, in the order of the report.")
    answers: str | None = Field(None, description="Answers of the centres (amendments), relative to the protocol.")


class CycleRule(_Declared):
    """How cycles are rebuilt where the source keeps no cycle number; a recorded number wins."""

    max_doses: int = Field(3, ge=1, description="Doses in a cycle; one more starts a new cycle.")
    new_cycle_after_days: int = Field(
        18, ge=1, description="A dose this many days or more after the cycle's first dose starts a new cycle."
    )


class Treatment(_Declared):
    drug: str = Field(description="The index drug as it stands in EXTRT.", examples=["INOTUZUMAB OZOGAMICIN"])
    label: str = Field(description="The drug's name in text.", examples=["inotuzumab ozogamicin"])
    abbreviation: str = Field("", description="Short name in tables and figures.", examples=["InO"])
    cycle: CycleRule = Field(default_factory=CycleRule)
    max_dose_m2: float | None = Field(None, description="Highest dose per administration, mg/m2; more is queried.")
    first_to_second_dose_days: tuple[int, int] | None = Field(
        None, description="Expected days from a dose to the next within a cycle (lowest, highest); other gaps are queried.",
        examples=[[5, 16]],
    )


class Characteristic(_Declared):
    """A baseline variable of ADSL, picked from a domain."""

    label: str = Field(description="How readers see it.")
    source: str = Field(alias="from", description="Domain it is read from.", examples=["MH"])
    where: str | None = Field(None, description="Condition on the domain's rows.", examples=["MHCAT == 'ECOG'"])
    value: str = Field(description="Variable that holds the value.", examples=["MHORRES"])
    type: Literal["text", "number", "integer", "date", "flag"] = Field("text", description="Type of the value.")
    unit: str = Field("", description="Unit of a number.")
    take: Literal["first", "last", "count", "max", "min"] = Field(
        "first", description="Which row counts when there are several; 'count' is the number of rows."
    )
    categories: tuple[str, ...] = Field((), description="Order of the categories in tables.")
    bands: dict[str, str] = Field(
        {}, description="Groups of values shown in tables: label -> condition on the variable.",
        examples=[{"40 years or over": "AGE >= 40"}],
    )


class Criterion(_Declared):
    """One eligibility criterion. A subject goes on where the condition is true; unknown is a third outcome."""

    id: str
    label: str = Field(description="The criterion as a reader sees it.")
    require: str = Field(description="Condition on the subject's variables.", examples=["AGE >= 18"])
    excluded_as: str = Field("", description="How the flow diagram names those who fail it.")


class Duplicates(_Declared):
    """When two records are the same person: all `match` variables equal and present."""

    match: tuple[str, ...] = Field(("BRTHDT", "SEX", "TRTSDT"), description="Variables that must agree.")
    keep: Literal["most_records", "first_listed"] = Field(
        "most_records",
        description="Which record is counted: the one with most treatment records (doses, assessments, laboratory "
        "days up to the end of treatment), or the centre listed first.",
    )


class Response(_Declared):
    criteria: str = Field("ino_vate", description="Response rule set in derive/criteria/.")
    counts_window_days: tuple[int, int] = Field(
        (0, 14), description="Days from the marrow in which blood counts prove recovery (first, last)."
    )
    support_free_days: int = Field(7, ge=0, description="Days before a count without G-CSF (ANC) or platelets (PLT).")
    assessments: str = Field("RSCYCLE >= 1", description="Which RS rows are on-treatment assessments.")
    before: tuple[Milestone, ...] = Field(
        (Milestone.RELAPSE, Milestone.TRANSPLANT, Milestone.NEW_THERAPY),
        description="Assessments count strictly before the first of these.",
    )
    responders: tuple[str, ...] = Field(("CR", "CRi"), description="Categories that are a response.")


class Mrd(_Declared):
    below_percent: float = Field(0.01, description="Negative is below this percentage of nucleated cells.")
    sensitivity: float = Field(1e-4, description="Limit of detection a negative result must reach (fraction).")
    deep_by_cycle: int = Field(2, description="Deep response: negative by the end of this cycle.")
    deep_after_last_dose_days: int = Field(
        42, description="End of that cycle where no further cycle was given: days after the last dose."
    )


class EventSource(_Declared):
    """Rows of a domain that make a milestone."""

    source: str = Field(alias="from", examples=["PR"])
    where: str = Field(examples=["PRTRT == 'ALLOGENEIC HSCT'"])


class Laboratory(_Declared):
    grading: str = Field("ctcae_v5", description="Grading scale in derive/grading/.")
    baseline_days: int = Field(14, description="Baseline: last value in this many days up to and including first dose.")
    on_treatment_days: int = Field(42, description="On treatment: after first dose to this many days after last dose,")
    before: tuple[Milestone, ...] = Field(
        (Milestone.TRANSPLANT, Milestone.NEW_THERAPY), description="and at the latest the day before the first of these."
    )


class LabComponent(_Declared):
    """Subjects with an on-treatment laboratory grade."""

    kind: Literal["lab"] = "lab"
    tests: tuple[str, ...]
    min_grade: int | None = Field(None, description="At least this grade.")
    worsened: bool = Field(False, description="Worse than the baseline grade (treatment-emergent).")
    unless_all_unrelated: str | None = Field(
        None,
        description="AE group: not counted where the subject has adverse events of this group at `min_grade` or "
        "more and the treating team called every one of them unrelated.",
    )


class AeComponent(_Declared):
    """Subjects with a recorded adverse event."""

    kind: Literal["ae"] = "ae"
    group: str = Field(description="AE group (see ae_groups).")
    min_grade: int | None = None
    related_only: bool = False
    window: Literal["on_treatment", "after_first_dose"] = "on_treatment"


class SafetyFlag(_Declared):
    """A composite safety endpoint: any of its components. Becomes a Y/N variable of ADSL."""

    label: str
    any_of: tuple[Annotated[LabComponent | AeComponent, Field(discriminator="kind")], ...]


class Endpoint(_Declared):
    """A time-to-event endpoint. `use` takes the defaults of a shipped endpoint (derive/endpoints/)."""

    id: str = Field(description="PARAMCD of ADTTE, at most 8 letters or digits.", pattern=r"^[A-Z][A-Z0-9_]{0,7}$")
    use: str | None = Field(None, description="Name of a shipped endpoint.", examples=["overall_survival"])
    label: str | None = None
    population: str | None = Field(None, description="Analysis set.")
    origin: Milestone | None = None
    events: tuple[Milestone, ...] | None = Field(None, description="Events in order of precedence on the same day.")
    censor_at: tuple[Milestone, ...] | None = Field(
        None, description="Intercurrent events that censor (hypothetical strategy); () is the treatment policy."
    )
    last: Milestone | None = Field(None, description="Where nothing happened, censored here.")
    partial_dates: PartialPolicy | None = Field(None, description="Which day stands for a partial event date.")


class AnalysisSet(_Declared):
    label: str
    where: str = Field(description="Condition on ADSL.", examples=["ELIGFL == 'Y'"])


class _Analysis(_Declared):
    id: str = Field(pattern=r"^[a-z][a-z0-9_.]*$")
    label: str
    definition: str = Field("", description="One sentence that a reader can check; printed beside the number.")
    by: str | None = Field(None, description="ADSL variable whose levels are counted apart, besides everyone.")
    sensitivity: bool = Field(False, description="A sensitivity analysis (printed in that table, not among the main).")


class Tally(_Analysis):
    kind: Literal["tally"] = "tally"
    count: Literal["screened", "eligible"] | None = None
    population: str | None = None


class Proportion(_Analysis):
    """n of N with an exact interval. A subject whose numerator is unknown stays in N, not in n, and is shown missing."""

    kind: Literal["proportion"] = "proportion"
    population: str
    numerator: str = Field(description="Condition on ADSL.", examples=["RESPFL == 'Y'"])
    interval: Literal["clopper_pearson", "wilson"] = "clopper_pearson"


class Summary(_Analysis):
    """n, missing, mean, SD, median, quartiles, range of a number."""

    kind: Literal["summary"] = "summary"
    population: str
    variable: str


class Categories(_Analysis):
    """n and % of each level, missing shown."""

    kind: Literal["categories"] = "categories"
    population: str
    variable: str


class Survival(_Analysis):
    """Kaplan-Meier: median, quartiles, survival at landmarks, curve."""

    kind: Literal["survival"] = "survival"
    endpoint: str
    at_months: tuple[float, ...] = ()
    interval: Literal["log-log", "log", "plain"] = "log-log"
    level: float = Field(0.95, gt=0, lt=1)


class FollowUp(_Analysis):
    """Follow-up by reverse Kaplan-Meier of an endpoint."""

    kind: Literal["follow_up"] = "follow_up"
    endpoint: str
    at_months: tuple[float, ...] = ()
    interval: Literal["log-log", "log", "plain"] = "log-log"
    level: float = Field(0.95, gt=0, lt=1)


Analysis = Annotated[
    Tally | Proportion | Summary | Categories | Survival | FollowUp, Field(discriminator="kind")
]


class Headline(_Declared):
    """One key of headline.json: which statistic of which analysis."""

    analysis: str
    statistic: str = Field(examples=["proportion", "median", "survival", "n"])
    at: float | None = Field(None, description="Landmark in months, for survival.")
    unit: str = Field("", description="'proportion', 'months', 'cycles', 'patients'.")


class Published(_Declared):
    """A number as another publication printed it, set beside ours."""

    item: str
    printed: str = Field(examples=["59.4% (n = 19)"])
    headline: str | None = Field(None, description="Headline key it is compared with.")
    analysis: str | None = None
    statistic: str | None = None
    at: float | None = None
    note: str = ""


class Report(_Declared):
    table1: tuple[str, ...] = Field((), description="ADSL variables of Table 1, in order.")
    table1_by: str | None = Field("SITEID", description="Variable of Table 1's columns besides 'All'.")
    curves: tuple[str, ...] = Field((), description="Survival analyses drawn as curves, in order.")
    response: tuple[str, ...] = Field((), description="Proportions of the response table, in order.")
    exposure: tuple[str, ...] = Field((), description="Summaries of the exposure table.")
    transplant: tuple[str, ...] = Field((), description="Analyses of the transplant table.")
    safety: tuple[str, ...] = Field((), description="Proportions of the safety table, in order.")
    lab_tests: tuple[str, ...] = Field((), description="Tests of the laboratory grade table, in order.")
    key_numbers: tuple[str, ...] = Field((), description="Headline keys shown under the title.")
    patient_level: bool = Field(True, description="Whether the swimmer plot and lists of patients are printed.")


class Protocol(_Declared):
    """A whole study."""

    chartline: Literal["protocol/1"] = Field(description="Version of this format.")
    study: Study
    data: Data
    treatment: Treatment
    partial_dates: PartialPolicy = Field(PartialPolicy.MID, description="Day that stands for a partial event date.")
    study_period: tuple[dt.date, dt.date] | None = Field(None, description="First dose within these days, both included.")
    characteristics: dict[str, Characteristic] = Field({}, description="Baseline variables by ADSL name.")
    duplicates: Duplicates = Field(default_factory=Duplicates)
    eligibility: tuple[Criterion, ...] = ()
    transplant: EventSource | None = None
    new_therapy: EventSource | None = None
    response: Response = Field(default_factory=Response)
    response_variants: dict[str, Response] = Field(
        {},
        description="The response derived again under other choices, as ADSL variables BOR_<name> and RESPFL_<name>; "
        "what a variant does not name is as in `response`.",
    )
    mrd: Mrd = Field(default_factory=Mrd)
    laboratory: Laboratory = Field(default_factory=Laboratory)
    ae_groups: dict[str, tuple[str, ...]] = Field({}, description="Groups of adverse event terms (lower case words).")
    safety_flags: dict[str, SafetyFlag] = Field({}, description="Composite safety endpoints by ADSL name.")
    endpoints: tuple[Endpoint, ...] = ()
    sets: dict[str, AnalysisSet] = Field({}, description="Analysis sets.")
    analyses: tuple[Analysis, ...] = ()
    headline: dict[str, Headline] = Field({}, description="Keys of headline.json.")
    published: tuple[Published, ...] = ()
    published_source: str = ""
    report: Report = Field(default_factory=Report)
    checks: dict[str, Any] = Field(
        {}, description="Data checks to switch off or tune: rule -> false, or rule -> {parameter: value}."
    )

    @model_validator(mode="before")
    @classmethod
    def _variants_inherit(cls, data: Any) -> Any:
        """A response variant says only what differs from `response`."""
        if not isinstance(data, dict) or not isinstance(data.get("response_variants"), dict):
            return data
        base = data.get("response", {})
        variants = {
            name: {**base, **v} if isinstance(base, dict) and isinstance(v, dict) else v
            for name, v in data["response_variants"].items()
        }
        return {**data, "response_variants": variants}

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Protocol:
        for what, ids in (
            ("centre", [c.id for c in self.data.centres]),
            ("criterion", [c.id for c in self.eligibility]),
            ("endpoint", [e.id for e in self.endpoints]),
            ("analysis", [a.id for a in self.analyses]),
        ):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(f"{what} ids must be unique; twice: {', '.join(twice)}")
        return self

    def analysis(self, analysis_id: str) -> Any:
        """Return the declared analysis with this id."""
        return next(a for a in self.analyses if a.id == analysis_id)
