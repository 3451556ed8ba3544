"""Protocol: what one study declares. Choices, never formulas; immutable; read in every room, written in none.

The models here are the reference: `chartline schema` prints them as JSON Schema and `docs/protocol.md` is generated
from them. Whatever a field refers to (a variable, a milestone, a set, an analysis) is resolved when the protocol is
loaded (`protocol/load.py`), so that a typing error is found before any patient is read.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, field_validator, model_validator

from chartline.core.dates import PartialPolicy
from chartline.core.index import IndexRows
from chartline.protocol.analyses import Analysis, Tally
from chartline.protocol.base import Declared, Milestone, MilestoneName, OwnName
from chartline.protocol.multiverse import Multiverse

V = TypeVar("V", bound=Declared)


class Study(Declared):
    """What the study is called and what a reader must know before the first number."""

    id: str = Field(description="Short identifier, printed on every output.", examples=["SYN-INO-IN32"])
    title: str = Field(
        description="Title of the report.",
        examples=["Inotuzumab ozogamicin in adults with relapsed or refractory B-ALL: a retrospective study"],
    )
    short_title: str = Field("", description="Running title.", examples=["InO in relapsed or refractory B-ALL"])
    notice: str = Field(
        "",
        description="Sentence printed on every page, e.g. that the data are synthetic.",
        examples=["Synthetic data. No patient is real."],
    )
    objective: str = Field(
        "",
        description="What the study asks, one sentence.",
        examples=["To describe response and survival in adults treated with inotuzumab ozogamicin."],
    )
    design: str = Field(
        "",
        description="Design of the study.",
        examples=["Multicentre, retrospective, observational cohort study"],
    )
    setting: str = Field(
        "",
        description="Where and when patients were treated and reviewed.",
        examples=["Five centres; first dose between February 2017 and October 2022"],
    )
    authors: tuple[str, ...] = Field((), description="Authors, in order.", examples=[["A. First", "B. Second"]])
    ethics: str = Field(
        "",
        description="Ethics and funding statement.",
        examples=["Approved by the ethics committee of each centre."],
    )


class Centre(Declared):
    """One hospital: where its files lie and which mapping reads them."""

    id: str = Field(description="Short id of the centre.", examples=["A"])
    label: str = Field("", description="Name shown to readers.", examples=["Centre A"])
    folder: str = Field(
        description="Folder of the centre's files, relative to the protocol.", examples=["centres/centre_A"]
    )
    mapping: str = Field(
        description="The centre's mapping file, relative to the protocol.",
        examples=["mappings/centre_A.yaml"],
    )


class Data(Declared):
    """Which centres sent data, up to which day, and where their answers to queries are."""

    cut_off: dt.date | None = Field(
        None,
        description="Last day that data can speak of; a later date is queried. Not given where the calendar is not "
        "known (days from an event): then nothing is compared with it.",
        examples=["2023-12-31"],
    )
    centres: tuple[Centre, ...] = Field(
        min_length=1,
        description="The centres, in the order of the report.",
        examples=[[{"id": "A", "label": "Centre A", "folder": "centres/a", "mapping": "mappings/a.yaml"}]],
    )
    answers: str | None = Field(
        None,
        description="File with the answers of the centres to queries (amendments), relative to the protocol.",
        examples=["answers.csv"],
    )
    overrides: str | None = Field(
        None,
        description="File with what reviewers set in place of derived values, relative to the protocol. Columns: "
        "subject, item, date, term, derived (what the reviewer saw), value, by, on, reason. Items: `OVR` (category of "
        "the assessment of `date`; `OVR_<name>` of a variant), `RELDT` (a day, or none), `AEREL` and `AETOXGR` (of the "
        "adverse event `term` of `date`). Dates are yyyy-mm-dd, or `day 35` where the subject's centre counts days. "
        "All that follows from them is derived again; the derived values stay in `overrides.csv` of the output.",
        examples=["overrides.csv"],
    )


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


class Characteristic(Declared):
    """A baseline variable of ADSL, picked from a domain."""

    label: str = Field(description="How readers see it.", examples=["ECOG performance status"])
    source: str = Field(alias="from", description="Domain it is read from.", examples=["MH"])
    where: str | None = Field(None, description="Condition on the domain's rows.", examples=["MHCAT == 'ECOG'"])
    value: str = Field(description="Variable that holds the value.", examples=["MHORRES"])
    type: Literal["text", "number", "integer", "date", "flag"] = Field(
        "text", description="Type of the value.", examples=["integer"]
    )
    unit: str = Field("", description="Unit of a number.", examples=["months"])
    take: Literal["first", "last", "count", "max", "min"] = Field(
        "first",
        description="Which row counts when there are several; 'count' is the number of rows.",
        examples=["max"],
    )
    categories: tuple[str, ...] = Field(
        (), description="Order of the categories in tables.", examples=[["RELAPSED", "REFRACTORY"]]
    )
    labels: dict[str, str] = Field(
        {},
        description="How readers see a category; one without a label is shown in sentence case, abbreviations that "
        "chartline knows as they are (RELAPSED: Relapsed, CR: CR).",
        examples=[{"TKI_NAIVE": "No TKI before"}],
    )
    groups: dict[str, str] = Field(
        {},
        description="Makes the variable one of these groups: label -> condition on the number that `value` holds, "
        "written as the variable's name. The first that holds counts; where none does, the variable is missing. `type` "
        "is then `text`, and the groups are its categories.",
        examples=[{"Positive": "MRD29 >= 0.01", "Negative": "MRD29 < 0.01"}],
    )
    bands: dict[str, str] = Field(
        {},
        description="Groups of values shown in tables: label -> condition on the variable.",
        examples=[{"40 years or over": "AGE >= 40"}],
    )

    @model_validator(mode="after")
    def _labels_are_of_categories(self) -> Characteristic:
        strange = [level for level in self.labels if self.categories and level not in self.categories]
        if strange:
            raise ValueError(f"labels for {', '.join(strange)}, which the categories do not have")
        return self

    @model_validator(mode="before")
    @classmethod
    def _groups_are_categories(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("groups"):
            if given.get("type", "text") != "text" or given.get("categories") or given.get("take") == "count":
                raise ValueError("`groups` goes with `type: text`, without `categories`, and not with `take: count`")
            return {**given, "categories": tuple(given["groups"])}
        return given


class Criterion(Declared):
    """One eligibility criterion. A subject goes on where the condition is true; unknown is a third outcome."""

    id: str = Field(description="Short name, used by `chartline explain`.", examples=["adult"])
    label: str = Field(
        description="The criterion as a reader sees it.", examples=["Aged 18 years or over at first dose"]
    )
    require: str = Field(description="Condition on the subject's variables.", examples=["AGE >= 18"])
    excluded_as: str = Field(
        "", description="How the flow diagram names those who fail it.", examples=["Aged under 18 years"]
    )


class Duplicates(Declared):
    """When two records are the same person: all `match` variables equal and present."""

    match: tuple[str, ...] = Field(
        ("BRTHDT", "SEX", "TRTSDT"),
        description="Variables that must agree.",
        examples=[["BRTHDT", "SEX", "TRTSDT"]],
    )
    keep: Literal["most_records", "first_listed"] = Field(
        "most_records",
        description="Which record is counted: the one with most treatment records (doses, assessments, laboratory "
        "days up to the end of treatment), or the centre listed first.",
        examples=["most_records"],
    )


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


class PriorTherapy(Declared):
    """Lines of therapy before day 0: how many, with what, and whether the disease ever responded to them."""

    lines: EventSource = Field(
        description="Rows that are one line of therapy each.",
        examples=[{"from": "MH", "where": "MHCAT == 'PRIOR LINE'"}],
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


class Endpoint(Declared):
    """A time-to-event endpoint. `use` takes the defaults of a shipped endpoint (derive/endpoints/)."""

    id: str = Field(
        description="PARAMCD of ADTTE: a capital letter, then at most 7 capitals, digits or _.",
        pattern=r"^[A-Z][A-Z0-9_]{0,7}$",
        examples=["OS"],
    )
    use: str | None = Field(None, description="Name of a shipped endpoint.", examples=["overall_survival"])
    label: str | None = Field(
        None,
        description="How readers see it; that of the shipped endpoint if not given.",
        examples=["Overall survival"],
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


class AnalysisSet(Declared):
    """The subjects that an analysis speaks about."""

    label: str = Field(description="How readers see it.", examples=["Eligible and treated"])
    where: str = Field(description="Condition on ADSL.", examples=["ELIGFL == 'Y'"])


class Headline(Declared):
    """One key of headline.json: which statistic of which analysis."""

    analysis: str = Field(description="Id of the analysis.", examples=["os"])
    statistic: str = Field(
        description="Statistic of that analysis (each kind's statistics are listed below).",
        examples=["proportion", "median", "survival", "n"],
    )
    at: float | None = Field(
        None,
        description="Landmark in months, for what is estimated at one; one of the analysis' `at_months`.",
        examples=[12],
    )
    group: str = Field(
        "",
        description="Group of the number as in its result id: an event, a covariate, a level; everyone if not given.",
        examples=["CAUSE=relapse"],
    )
    unit: str = Field("", description="'proportion', 'months', 'cycles', 'patients'.", examples=["proportion"])


class Published(Declared):
    """A number as another publication printed it, set beside ours."""

    item: str = Field(description="What the number is.", examples=["CR/CRi"])
    printed: str = Field(description="The number as it was printed.", examples=["59.4% (n = 19)"])
    headline: str | None = Field(None, description="Headline key it is compared with.", examples=["cr_cri_rate"])
    analysis: str | None = Field(
        None,
        description="Analysis it is compared with, where there is no headline key.",
        examples=["vod_rate"],
    )
    statistic: str | None = Field(None, description="Statistic of that analysis.", examples=["proportion"])
    at: float | None = Field(None, description="Landmark of that statistic, months.", examples=[24])
    group: str = Field("", description="Group of that statistic, as in its result id.", examples=["CAUSE=relapse"])
    note: str = Field(
        "",
        description="What a reader must know to compare the two.",
        examples=["The abstract gives no grade."],
    )


class Report(Declared):
    """What the report prints. A part whose list is empty is left out."""

    table1: tuple[str, ...] = Field(
        (), description="ADSL variables of Table 1, in order.", examples=[["AGE", "SEX", "LINES"]]
    )
    table1_by: str | None = Field(
        "SITEID",
        description="Variable of Table 1's columns besides 'All'; null for none.",
        examples=["SITEID"],
    )
    table1_tests: Literal["none", "ranks", "means"] = Field(
        "none",
        description="Whether the columns of Table 1 are compared: numbers by rank tests or by means, categories by "
        "chi-square where Cochran's rule allows it, else Fisher's exact test. Which test and why is printed.",
        examples=["ranks"],
    )
    table1_differences: bool = Field(
        False,
        description="Whether Table 1 has a column of standardised differences (SMD), of its second column against the "
        "first; for a `table1_by` of two levels.",
        examples=[True],
    )
    curves: tuple[str, ...] = Field(
        (), description="Survival analyses drawn as curves, in order.", examples=[["os", "dor"]]
    )
    response: tuple[str, ...] = Field(
        (), description="Proportions of the response table, in order.", examples=[["cr_cri_rate", "cr_rate"]]
    )
    exposure: tuple[str, ...] = Field(
        (), description="Summaries and proportions of the exposure table, in order.", examples=[["cycles", "doses"]]
    )
    transplant: tuple[str, ...] = Field(
        (), description="Analyses of the transplant table, in order.", examples=[["hsct_rate"]]
    )
    safety: tuple[str, ...] = Field(
        (),
        description="Proportions of the safety table, in order.",
        examples=[["liver_g34_rate", "vod_rate"]],
    )
    lab_tests: tuple[str, ...] = Field(
        (), description="Tests of the laboratory grade table, in order.", examples=[["ALT", "BILI", "PLT"]]
    )
    safety_components: tuple[str, ...] = Field(
        (), description="Safety flags whose components are shown, in order.", examples=[["LIVTOXFL"]]
    )
    syndromes: tuple[str, ...] = Field(
        (),
        description="Syndromes and safety flags of the table of criteria, in order.",
        examples=[["VODFL", "VODEBMT"]],
    )
    liver_figure: bool = Field(
        False,
        description="Whether the peak of ALT is drawn against that of bilirubin (eDISH), a point a patient; only in a "
        "patient-level report.",
        examples=[True],
    )
    key_numbers: tuple[str, ...] = Field(
        (), description="Headline keys shown under the title.", examples=[["cr_cri_rate", "os_12m"]]
    )
    patient_level: bool = Field(
        True, description="Whether the swimmer plot and lists of patients are printed.", examples=[False]
    )


class Protocol(Declared):
    """A whole study."""

    chartline: Literal["protocol/1"] = Field(description="Version of this format.", examples=["protocol/1"])
    study: Study = Field(
        description="What the study is called.", examples=[{"id": "DEMO-1", "title": "A demonstration study"}]
    )
    data: Data = Field(
        description="Centres, cut-off day and answers.",
        examples=[
            {
                "cut_off": "2023-12-31",
                "centres": [{"id": "A", "folder": "centres/a", "mapping": "mappings/a.yaml"}],
            }
        ],
    )
    treatment: Treatment | None = Field(
        None,
        description="The index treatment. A protocol has exactly one of `treatment` and `index`.",
        examples=[{"drug": "INOTUZUMAB OZOGAMICIN", "label": "inotuzumab ozogamicin", "abbreviation": "InO"}],
    )
    index: IndexEvent | None = Field(
        None,
        description="What day 0 is where it is not the first dose of a drug. Wherever the names of this format say "
        "`first_dose`, this event is meant; there are then no doses, cycles and no last dose.",
        examples=[{"label": "diagnosis", "from": "MH", "where": "MHCAT == 'DIAGNOSIS'"}],
    )
    partial_dates: PartialPolicy = Field(
        PartialPolicy.MID,
        description="Day that stands for a partial event date: `mid` (day 15 of a month, 1 July of a year), `first` or "
        "`last` (day 28 of a month, 31 December of a year), `latest` (its last day). The first dose is never imputed.",
        examples=["mid"],
    )
    characteristics: dict[str, Characteristic] = Field(
        {},
        description="Baseline variables by ADSL name.",
        examples=[
            {
                "ECOG": {
                    "label": "ECOG",
                    "from": "MH",
                    "where": "MHCAT == 'ECOG'",
                    "value": "MHORRES",
                    "type": "integer",
                }
            }
        ],
    )
    duplicates: Duplicates = Field(
        default_factory=Duplicates,
        description="When two records are the same person.",
        examples=[{"match": ["BRTHDT", "SEX", "TRTSDT"], "keep": "most_records"}],
    )
    eligibility: tuple[Criterion, ...] = Field(
        (),
        description="Eligibility criteria, applied in this order.",
        examples=[[{"id": "adult", "label": "Aged 18 years or over", "require": "AGE >= 18"}]],
    )
    prior_therapy: PriorTherapy | None = Field(
        None,
        description="Lines of therapy before day 0; nothing is derived of them if not given.",
        examples=[{"lines": {"from": "MH", "where": "MHCAT == 'PRIOR LINE'"}, "remission": ["CR", "CRi"]}],
    )
    transplant: Transplant | None = Field(
        None,
        description="Rows that are a transplantation; none is derived if not given.",
        examples=[{"from": "PR", "where": "PRTRT == 'ALLOGENEIC HSCT'"}],
    )
    new_therapy: EventSource | None = Field(
        None,
        description="Rows that are a new anticancer therapy; none is derived if not given.",
        examples=[{"from": "CM", "where": "CMCAT == 'SUBSEQUENT THERAPY'"}],
    )
    milestones: dict[OwnName, DatedEvent] = Field(
        {},
        description="Further dated events, by a name of at most six small letters and digits; `agvhd` becomes "
        "AGVHDFL and AGVHDDT of ADSL.",
        examples=[
            {
                "agvhd": {
                    "label": "acute GVHD of grade 3-4",
                    "from": "AE",
                    "where": "AETERM == 'acute graft versus host disease' and AETOXGR >= 3",
                    "after": "transplant",
                }
            }
        ],
    )
    response: Response = Field(
        default_factory=Response,
        description="How response is derived.",
        examples=[{"criteria": "ino_vate", "counts_window_days": [0, 28]}],
    )
    response_variants: dict[str, Response] = Field(
        {},
        description="The response derived again under other choices, as ADSL variables BOR_<name> and RESPFL_<name>; "
        "what a variant does not name is as in `response`.",
        examples=[{"W28": {"counts_window_days": [0, 28]}}],
    )
    mrd: Mrd = Field(
        default_factory=Mrd,
        description="MRD negativity and deep response.",
        examples=[{"definition": "ino_vate"}],
    )
    laboratory: Laboratory = Field(
        default_factory=Laboratory,
        description="Grading and windows of laboratory values.",
        examples=[{"grading": "ctcae_v5", "on_treatment_days": 42}],
    )
    laboratory_variants: dict[str, Laboratory] = Field(
        {},
        description="Laboratory values graded again under other choices; every safety flag with a laboratory component "
        "is derived again as <flag>_<name>. What a variant does not name is as in `laboratory`.",
        examples=[{"V4": {"grading": "ctcae_v4"}}],
    )
    ae_groups: dict[str, tuple[str, ...]] = Field(
        {},
        description="Groups of adverse event terms, as they stand in AETERM but in small letters.",
        examples=[{"vod": ["veno-occlusive disease", "sinusoidal obstruction syndrome"]}],
    )
    safety_flags: dict[str, SafetyFlag] = Field(
        {},
        description="Composite safety endpoints by ADSL name.",
        examples=[{"VODFL": {"label": "VOD/SOS", "any_of": [{"kind": "ae", "group": "vod", "min_grade": 3}]}}],
    )
    syndromes: dict[str, Syndrome] = Field(
        {},
        description="Syndromes by ADSL name: the flag `<name>` (Y met, N not met, missing: not assessable), the day "
        "`<name>_DT`, the pathway `<name>_CAT` and the severity `<name>_SEV`.",
        examples=[{"VODEBMT": {"criteria": "vod_ebmt_2016", "counted_from": ["transplant", "last_dose"]}}],
    )
    endpoints: tuple[Endpoint, ...] = Field(
        (),
        description="Time-to-event endpoints.",
        examples=[[{"id": "OS", "use": "overall_survival", "population": "treated"}]],
    )
    sets: dict[str, AnalysisSet] = Field(
        {},
        description="Analysis sets by name.",
        examples=[{"treated": {"label": "Eligible and treated", "where": "ELIGFL == 'Y'"}}],
    )
    analyses: tuple[Analysis, ...] = Field(
        (),
        description="Everything that is computed, each with a kind.",
        examples=[
            [
                {
                    "id": "os",
                    "kind": "survival",
                    "label": "Overall survival",
                    "endpoint": "OS",
                    "at_months": [12],
                }
            ]
        ],
    )
    headline: dict[str, Headline] = Field(
        {},
        description="Keys of headline.json.",
        examples=[{"os_12m": {"analysis": "os", "statistic": "survival", "at": 12, "unit": "proportion"}}],
    )
    published: tuple[Published, ...] = Field(
        (),
        description="Numbers of another publication, set beside ours.",
        examples=[[{"item": "CR/CRi", "printed": "59.4% (n = 19)", "headline": "cr_cri_rate"}]],
    )
    published_source: str = Field(
        "", description="Citation of that publication.", examples=["Author A, et al. Journal 2025;15:1"]
    )
    report: Report = Field(
        default_factory=Report,
        description="What the report prints, in order.",
        examples=[{"table1": ["AGE", "SEX"], "curves": ["os"]}],
    )
    multiverse: Multiverse | None = Field(
        None,
        description="Choices that could have been made otherwise: `chartline multiverse` runs every combination.",
        examples=[
            {
                "outcomes": ["os_12m"],
                "switches": {"centre": {"label": "Centre left out", "leave_out": "SITEID"}},
            }
        ],
    )
    checks: dict[str, Any] = Field(
        {},
        description="Data checks to switch off or tune: rule -> false, or rule -> {parameter: value}.",
        examples=[{"dose_gap": False}],
    )

    @model_validator(mode="after")
    def _variants_inherit(self) -> Protocol:
        """A variant says only what differs from `response` or `laboratory`; that it did not say the rest is
        remembered."""
        _inherit(self.response_variants, self.response)
        _inherit(self.laboratory_variants, self.laboratory)
        return self

    @model_validator(mode="after")
    def _one_day_zero(self) -> Protocol:
        if (self.treatment is None) == (self.index is None):
            raise ValueError("a protocol needs exactly one of `treatment` and `index`")
        return self

    @property
    def index_rows(self) -> IndexRows:
        """The rows that hold day 0, and what it is called."""
        if self.index is not None:
            return IndexRows(self.index.label, domain=self.index.source, where=self.index.where)
        assert self.treatment is not None
        return IndexRows("first dose", drug=self.treatment.drug)

    def analysis(self, analysis_id: str) -> Any:
        """Return the declared analysis with this id."""
        return next(a for a in self.analyses if a.id == analysis_id)


def _inherit(variants: dict[str, V], main: V) -> None:
    for name, variant in variants.items():
        said = {field: getattr(variant, field) for field in variant.model_fields_set}
        full = {field: getattr(main, field) for field in type(main).model_fields} | said
        variants[name] = cast(V, type(main).model_construct(set(said), **full))


def graded_flags(protocol: Protocol) -> tuple[str, ...]:
    """Return the safety flags that rest on laboratory grades, as the variants of `laboratory` derive them again."""
    return tuple(n for n, f in protocol.safety_flags.items() if any(isinstance(p, LabComponent) for p in f.any_of))


def set_tallies(protocol: Protocol) -> tuple[Tally, ...]:
    """Return, for each analysis set, the analysis that counts it: `set.<name>`."""
    return tuple(Tally(id=f"set.{n.lower()}", label=s.label, population=n) for n, s in protocol.sets.items())
