"""What a protocol declares of what is shown: characteristics, headline and published numbers, the report."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from chartline.protocol.base import Declared, require_once


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
        require_once(self, "categories")
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
    smallest_cell: int = Field(
        1,
        ge=1,
        description="Quality report: a number of patients from 1 to below this is not printed, nor a share or median "
        "from which it follows; 1 prints all. Custodians ask for 5, 10 or (CMS) 11.",
        examples=[11],
    )
    patient_level: bool = Field(
        True, description="Whether the swimmer plot and lists of patients are printed.", examples=[False]
    )
