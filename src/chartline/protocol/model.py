"""Protocol: what one study declares. Choices, never formulas; immutable; read in every room, written in none.

The models here are the reference: `chartline schema` prints them as JSON Schema and `docs/protocol.md` is generated
from them. Whatever a field refers to (a variable, a milestone, a set, an analysis) is resolved when the protocol is
loaded (`protocol/load.py`), so that a typing error is found before any patient is read.
What belongs to one subject has a module of its own: treatment, response, events, toxicity, reporting.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, model_validator

from chartline.core.dates import PartialPolicy
from chartline.core.index import IndexRows
from chartline.protocol.analyses import Analysis, Tally
from chartline.protocol.base import Declared, Milestone, OwnName
from chartline.protocol.events import DatedEvent, Endpoint
from chartline.protocol.multiverse import Multiverse
from chartline.protocol.own_checks import OwnCheck, named_once
from chartline.protocol.reporting import Characteristic, Headline, Published, Report
from chartline.protocol.response import Mrd, Response
from chartline.protocol.selection import AnySelection, ConceptSet
from chartline.protocol.toxicity import LabComponent, Laboratory, SafetyFlag, Syndrome
from chartline.protocol.treatment import EventSource, IndexEvent, PriorTherapy, Transplant, Treatment

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


class AnalysisSet(Declared):
    """The subjects that an analysis speaks about."""

    label: str = Field(description="How readers see it.", examples=["Eligible and treated"])
    where: str = Field(description="Condition on ADSL.", examples=["ELIGFL == 'Y'"])


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
    concept_sets: dict[str, ConceptSet] = Field(
        {},
        description="Codes that mean one thing, by name; what a selection in an OMOP database is made of.",
        examples=[{"b_all": {"label": "B-cell ALL", "concepts": [{"vocabulary": "SNOMED", "code": "277571004"}]}}],
    )
    selection: AnySelection | None = Field(
        None,
        description="Who is read from an OMOP database; everybody if not given.",
        examples=[
            {"index": {"table": "drug_exposure", "concepts": "inotuzumab", "from": "2017-02-01"}},
            {"circe": "cohort.json"},
        ],
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
    own_checks: Annotated[tuple[OwnCheck, ...], AfterValidator(named_once)] = Field(
        (),
        description="Data checks of the study itself, for every centre.",
        examples=[[{"id": "dose_by_day", "domain": "EX", "expect": "EXCYDAY in (1, 8, 15)", "says": "Day {EXCYDAY}?"}]],
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
    def ends_with_observation(self) -> bool:
        """Whether every endpoint ends with the observation period: its end is then as good as a last contact."""
        return {endpoint.last for endpoint in self.endpoints} == {Milestone.OBSERVED_UNTIL}

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
