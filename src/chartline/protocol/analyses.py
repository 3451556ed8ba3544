"""The kinds of analysis that a protocol can declare, each in one line; every kind is a class, its `kind` the word.

What a kind needs of the patients is counted by `counts/`, what it computes of the counts is in `stats/kinds/`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from chartline.core.faults import Shape
from chartline.protocol.base import Declared, Milestone, MilestoneName, require_once

_LEVEL = "Confidence level."
Month = Annotated[float, Field(ge=0)]  # since the origin
ANALYSIS_ID = Shape(
    r"^[a-z][a-z0-9_.]*$",
    "an id of an analysis",
    "a small letter, then small letters, digits, _ or a point",
    "cr_cri_rate",
)


class Base(Declared):
    """What all kinds share."""

    id: Annotated[str, ANALYSIS_ID] = Field(
        description="Name of the analysis: a small letter, then small letters, digits, _ or a point.",
        examples=["cr_cri_rate"],
    )
    label: str = Field(description="How readers see it.", examples=["CR or CRi"])
    definition: str = Field(
        "",
        description="One sentence that a reader can check; printed beside the number.",
        examples=["First dose to death from any cause; censored when last known alive."],
    )
    sensitivity: bool = Field(
        False,
        description="A sensitivity analysis (printed in that table, not among the main).",
        examples=[True],
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> Base:
        require_once(
            self, *(name for name, value in self if isinstance(value, tuple) and name not in ("scores", "covariates"))
        )
        return self


class _ByLevels(Base):
    by: str | None = Field(
        None,
        description="ADSL variable whose levels are counted apart, besides everyone.",
        examples=["SITEID"],
    )


class Tally(_ByLevels):
    """A number of subjects. It needs exactly one of `count` and `population`."""

    kind: Literal["tally"] = Field("tally", description="A number of subjects.", examples=["tally"])
    count: Literal["screened", "eligible"] | None = Field(
        None, description="The first or last number of the attrition table.", examples=["screened"]
    )
    population: str | None = Field(None, description="Analysis set that is counted.", examples=["treated"])


IntervalOfProportion = Literal["clopper_pearson", "wilson", "agresti_coull", "jeffreys", "mid_p"]


class Proportion(_ByLevels):
    """n of N with an exact interval. A subject whose numerator is unknown stays in N, not in n, and is shown
    missing."""

    kind: Literal["proportion"] = Field("proportion", description="n of N.", examples=["proportion"])
    population: str = Field(description="Analysis set; its size is the denominator.", examples=["treated"])
    numerator: str = Field(description="Condition on ADSL: who is counted.", examples=["RESPFL == 'Y'"])
    interval: IntervalOfProportion = Field(
        "clopper_pearson",
        description="Interval printed beside the proportion, 95 %; Clopper-Pearson and Wilson stand in the result "
        "file in any case.",
        examples=["wilson"],
    )


MrdWindow = Literal["FIRST", "CYCLE", "BEST", "END", "HSCT"]


class MrdRates(Base):
    """Every rate of MRD-negative response at once: time points and denominators by definition, in one table.

    The denominators are (A) responders with an adequate test, (B) all responders, a missing test being not negative,
    (C) the whole set, and (D) the bounds of B with every missing test negative and none. Before transplantation, only
    those transplanted are counted.
    """

    kind: Literal["mrd"] = Field("mrd", description="Rates of MRD-negative response.", examples=["mrd"])
    population: str = Field(description="Analysis set; its size is denominator C.", examples=["treated"])
    definitions: dict[str, str] = Field(
        min_length=1,
        description="Columns: label -> name of a shipped MRD definition (listed below).",
        examples=[{"INO-VATE": "ino_vate", "European": "euromrd"}],
    )
    windows: tuple[MrdWindow, ...] = Field(
        ("FIRST", "CYCLE", "BEST", "END", "HSCT"),
        min_length=1,
        description="Time points, in order: first response, end of the cycle `mrd.deep_by_cycle`, best ever, end of "
        "treatment, before transplantation.",
        examples=[["FIRST", "CYCLE", "BEST"]],
    )
    interval: IntervalOfProportion = Field("clopper_pearson", description="Interval, 95 %.", examples=["wilson"])

    @property
    def groups(self) -> dict[str, tuple[str, str]]:
        """Return the group of every rate in the results -> (definition, time point), in the order of the table."""
        return {
            f"DEFINITION={label};WINDOW={window}": (name, window)
            for window in self.windows
            for label, name in self.definitions.items()
        }

    @model_validator(mode="after")
    def _is_a_table(self) -> MrdRates:
        twice = [n for n, k in Counter([*self.definitions.values(), *self.windows]).items() if k > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands there twice")
        if any(c in label for label in self.definitions for c in ";="):
            raise ValueError("the label of a definition holds no ; and no =")
        return self


class Summary(_ByLevels):
    """n, missing, mean, SD, median, quartiles, range of a number."""

    kind: Literal["summary"] = Field("summary", description="Summary of a number.", examples=["summary"])
    population: str = Field(description="Analysis set; its size is the denominator.", examples=["treated"])
    variable: str = Field(description="ADSL variable that is a number.", examples=["NCYC"])
    quantile_type: int = Field(
        7, ge=1, le=9, description="Type of the quantiles, 1 to 9 as R's `quantile`.", examples=[6]
    )


class Categories(_ByLevels):
    """n and % of each level, missing shown."""

    kind: Literal["categories"] = Field("categories", description="Counts by level.", examples=["categories"])
    population: str = Field(description="Analysis set; its size is the denominator.", examples=["treated"])
    variable: str = Field(description="ADSL variable.", examples=["BOR"])


class _Timed(Base):
    endpoint: str = Field(description="Id of a declared endpoint.", examples=["OS"])
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class _Landmarks(_Timed):
    at_months: tuple[Month, ...] = Field((), description="Landmarks in months of 30.4375 days.", examples=[[6, 12]])


class _Curve(_Landmarks, _ByLevels):
    interval: Literal["log-log", "log", "plain", "logit", "arcsin"] = Field(
        "log-log",
        description="Transformation of the confidence interval, as R's conf.type.",
        examples=["log-log"],
    )


class Survival(_Curve):
    """Kaplan-Meier: median, quartiles, survival and cumulative hazard at landmarks, restricted mean, curve."""

    kind: Literal["survival"] = Field("survival", description="Kaplan-Meier.", examples=["survival"])
    variance: Literal["greenwood", "tsiatis"] = Field(
        "greenwood", description="Variance of the curve.", examples=["tsiatis"]
    )
    restricted_mean_months: tuple[Month, ...] = Field(
        (), description="Restricted mean survival time up to these months.", examples=[[12]]
    )
    alive_at_months: tuple[Month, ...] = Field(
        (),
        description="Survival at the landmarks given that the patient was event-free at these months.",
        examples=[[3]],
    )
    hazard_bandwidth_months: float | None = Field(
        None,
        gt=0,
        description="Bandwidth of the smoothed hazard at the landmarks; none is computed if not given.",
        examples=[3],
    )


class FollowUp(_Curve):
    """Follow-up by reverse Kaplan-Meier of an endpoint (its events are ends of follow-up), and how complete it is."""

    kind: Literal["follow_up"] = Field("follow_up", description="Reverse Kaplan-Meier.", examples=["follow_up"])


class CumulativeIncidence(_Landmarks):
    """Aalen-Johansen cumulative incidence of each event of an endpoint, the others competing; Gray's test by group."""

    kind: Literal["cumulative_incidence"] = Field(
        "cumulative_incidence", description="Competing risks.", examples=["cumulative_incidence"]
    )
    by: str | None = Field(None, description="ADSL variable whose groups are compared.", examples=["SEX"])
    strata: tuple[str, ...] = Field(
        (), description="ADSL variables within whose levels Gray's test compares.", examples=[["SITEID"]]
    )
    interval: Literal["log-log", "log", "plain"] = Field(
        "log-log", description="Transformation of the confidence interval.", examples=["log-log"]
    )


CurveTest = Literal[
    "logrank", "gehan", "tarone_ware", "peto", "fleming_harrington", "max_combo", "permutation", "trend"
]


class CompareSurvival(_Timed):
    """Curves of groups compared: weighted log-rank tests, and the restricted mean where `restricted_mean_months` is
    given. Name the test before seeing the curves; `max_combo` is for curves that may cross, `permutation` for few
    patients."""

    kind: Literal["compare_survival"] = Field(
        "compare_survival", description="Tests between curves.", examples=["compare_survival"]
    )
    by: str = Field(description="ADSL variable whose groups are compared.", examples=["SEX"])
    tests: tuple[CurveTest, ...] = Field(
        ("logrank",), min_length=1, description="Tests, in order.", examples=[["logrank", "permutation"]]
    )
    rho: float = Field(0, ge=0, description="Of `fleming_harrington`: weight of early differences.", examples=[0])
    gamma: float = Field(1, ge=0, description="Of `fleming_harrington`: weight of late differences.", examples=[1])
    strata: tuple[str, ...] = Field(
        (), description="ADSL variables within whose levels the groups are compared.", examples=[["SITEID"]]
    )
    scores: tuple[float, ...] = Field(
        (),
        description="Of `trend`: scores of the groups in their declared order; 0, 1, 2, ... if not given.",
        examples=[[0, 1, 3]],
    )
    restricted_mean_months: tuple[Month, ...] = Field(
        (), description="Difference and ratio of restricted means up to these months (two groups).", examples=[[12]]
    )


class Covariate(Declared):
    """A covariate with more to say than its name."""

    variable: str = Field(description="ADSL variable.", examples=["AGE"])
    reference: str | None = Field(
        None, description="Level that the others are compared with; the first if not given.", examples=["RELAPSED"]
    )
    per: float = Field(
        1, gt=0, description="Of a number: the difference that the ratio is for, e.g. 10 years.", examples=[10]
    )
    spline: int | None = Field(
        None, ge=2, le=6, description="Of a number: natural cubic spline with so many terms.", examples=[3]
    )


class _Model(Declared):
    covariates: tuple[str | Covariate, ...] = Field(
        (),
        description="ADSL variables of the model, in order: numbers as they are, categories against their first level; "
        "or a covariate with its choices.",
        examples=[["AGE", {"variable": "STATUS", "reference": "RELAPSED"}]],
    )
    method: Literal["auto", "ordinary", "firth"] = Field(
        "auto",
        description="`firth` penalises the likelihood (few events, separation); `auto` takes it where there are fewer "
        "than ten events a parameter or a level without events, and says why.",
        examples=["firth"],
    )
    missing: Literal["complete_cases", "impute"] = Field(
        "complete_cases",
        description="Patients with a missing covariate: left out and counted, or imputed (multiple imputation).",
        examples=["impute"],
    )
    imputations: int = Field(20, ge=2, description="Number of imputed data sets.", examples=[20])
    seed: int = Field(1, description="Seed of the imputation.", examples=[1])

    @property
    def terms(self) -> tuple[Covariate, ...]:
        """The covariates, each with its choices."""
        return tuple(Covariate(variable=c) if isinstance(c, str) else c for c in self.covariates)


class Cox(_Timed, _Model):
    """Cox regression of an endpoint, or of one of its events (cause-specific)."""

    kind: Literal["cox"] = Field("cox", description="Cox regression.", examples=["cox"])
    cause: MilestoneName | None = Field(
        None, description="The event of interest; the others censor. All events if not given.", examples=["relapse"]
    )
    ties: Literal["efron", "breslow", "exact"] = Field("efron", description="Tied events.", examples=["efron"])
    strata: tuple[str, ...] = Field(
        (), description="ADSL variables that stratify the baseline hazard.", examples=[["SITEID"]]
    )
    robust: bool = Field(False, description="Robust (sandwich) variance.", examples=[True])
    cluster: str | None = Field(
        None,
        description="ADSL variable whose levels are clusters of the robust variance; five centres are too few.",
        examples=["SITEID"],
    )
    time_dependent: MilestoneName | None = Field(
        None,
        description="A milestone on the way as covariate: 0 until it happens, 1 from then on.",
        examples=["transplant"],
    )
    frailty: str | None = Field(
        None, description="ADSL variable whose levels share a gamma frailty.", examples=["SITEID"]
    )

    @model_validator(mode="after")
    def _is_a_model(self) -> Cox:
        if not self.covariates and self.time_dependent is None:
            raise ValueError("a Cox regression needs covariates or a time_dependent milestone")
        if self.frailty and (self.cluster or self.robust or not self.covariates):
            raise ValueError("a frailty needs covariates, and goes with neither `robust` nor `cluster`")
        if self.method == "firth" and (self.ties == "exact" or self.robust or self.cluster or self.frailty):
            raise ValueError("Firth's penalty goes with Efron or Breslow ties and without robust variance or frailty")
        other = self.time_dependent or self.frailty or self.robust or self.cluster or self.ties == "exact"
        if self.missing == "impute" and (other or any(t.spline for t in self.terms)):
            raise ValueError(
                "imputation goes with Efron or Breslow ties, and without time_dependent, frailty, robust variance or "
                "spline"
            )
        return self


class PredictedSurvival(Base):
    """The survival that a Cox regression predicts for patients one describes; by stratum where it has strata.

    Not a forecast for a person: what the model says of the patients of this study.
    """

    kind: Literal["predicted_survival"] = Field(
        "predicted_survival", description="Curves predicted by a Cox regression.", examples=["predicted_survival"]
    )
    of: str = Field(description="Analysis of kind cox, of complete cases.", examples=["cox_os"])
    profiles: dict[str, dict[str, float | str]] = Field(
        min_length=1,
        description="Patients: a name, and the value of every covariate of the model.",
        examples=[{"40 years, relapsed": {"AGE": 40, "STATUS": "RELAPSED"}}],
    )
    at_months: tuple[Month, ...] = Field((), description="Landmarks in months of 30.4375 days.", examples=[[6, 12]])
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])

    @model_validator(mode="after")
    def _names_are_plain(self) -> PredictedSurvival:
        if any(";" in name for name in self.profiles):
            raise ValueError("the name of a patient holds no semicolon")
        return self


class FineGray(_Timed, _Model):
    """Fine-Gray regression of the cumulative incidence of one event, the others competing."""

    kind: Literal["fine_gray"] = Field("fine_gray", description="Fine-Gray regression.", examples=["fine_gray"])
    cause: MilestoneName = Field(description="The event of interest.", examples=["relapse"])
    method: Literal["ordinary"] = Field("ordinary", description="No penalised form exists.", examples=["ordinary"])
    missing: Literal["complete_cases"] = Field(
        "complete_cases", description="Patients with a missing covariate are left out.", examples=["complete_cases"]
    )
    time_effects: tuple[str, ...] = Field(
        (), description="Covariates whose effect may change with the logarithm of time.", examples=[["AGE"]]
    )


Strategy = Literal[
    "treatment_policy", "hypothetical", "composite", "landmark", "time_dependent", "simon_makuch", "multistate", "naive"
]


class Intercurrent(_Timed):
    """One event on the way, such as transplantation, under several strategies from one declaration (ICH E9(R1)).

    `naive` compares who ever had it from time zero; it is biased (immortal time) and only ever shown beside the others.
    """

    kind: Literal["intercurrent"] = Field(
        "intercurrent", description="Strategies for an intercurrent event.", examples=["intercurrent"]
    )
    event: MilestoneName = Field(description="The intercurrent event.", examples=["transplant"])
    strategies: tuple[Strategy, ...] = Field(
        ("treatment_policy", "hypothetical", "composite", "landmark", "time_dependent", "simon_makuch", "multistate"),
        min_length=1,
        description="Strategies, in the order of the table.",
        examples=[["treatment_policy", "landmark", "time_dependent"]],
    )
    landmark_months: tuple[Month, ...] = Field(
        (3,), description="Landmarks of `landmark`, fixed before the data are seen.", examples=[[3, 4]]
    )
    at_months: tuple[Month, ...] = Field((), description="Months at which curves are read.", examples=[[6, 12]])

    @model_validator(mode="after")
    def _naive_is_never_alone(self) -> Intercurrent:
        if set(self.strategies) == {"naive"}:
            raise ValueError("the naive comparison is biased and may only stand beside another strategy")
        return self


class Multistate(Base):
    """State probabilities of a multistate process (Aalen-Johansen), transitions and time spent in each state.

    A subject is in the first state from the origin on and enters the state of each milestone when it happens; the
    `absorbing` ones end it.
    """

    kind: Literal["multistate"] = Field("multistate", description="Multistate model.", examples=["multistate"])
    population: str = Field(description="Analysis set.", examples=["treated"])
    origin: MilestoneName = Field(Milestone.FIRST_DOSE, description="Milestone that is day 0.", examples=["first_dose"])
    initial: str = Field("Event-free", description="Name of the first state.", examples=["On treatment"])
    states: tuple[MilestoneName, ...] = Field(
        min_length=1, description="Milestones that are transient states.", examples=[["transplant", "relapse"]]
    )
    absorbing: tuple[MilestoneName, ...] = Field(
        (Milestone.DEATH,), min_length=1, description="Milestones that end the process.", examples=[["death"]]
    )
    at_months: tuple[Month, ...] = Field(
        (), description="Months at which probabilities are printed.", examples=[[6, 12]]
    )
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])

    @property
    def milestones(self) -> tuple[str, ...]:
        """Every state but the first: the transient, then the absorbing."""
        return (*self.states, *self.absorbing)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all states, in order."""
        return (self.initial, *(str(m) for m in self.milestones))

    @model_validator(mode="after")
    def _has_each_state_once(self) -> Multistate:
        twice = [name for name, n in Counter(self.names).items() if n > 1]
        if twice:
            raise ValueError(f"the state {twice[0]} is declared twice")
        if self.origin in self.milestones:
            raise ValueError(f"{self.origin} is the origin, so it cannot be a state; name the first state `initial`")
        return self


class CompareProportions(Base):
    """A proportion compared between the levels of a variable: differences, ratios, tests."""

    kind: Literal["compare_proportions"] = Field(
        "compare_proportions", description="Proportions of groups compared.", examples=["compare_proportions"]
    )
    population: str = Field(description="Analysis set.", examples=["treated"])
    numerator: str = Field(description="Condition on ADSL: who is counted.", examples=["RESPFL == 'Y'"])
    by: str = Field(description="ADSL variable whose groups are compared.", examples=["STATUS"])
    measures: tuple[Literal["difference", "ratio", "odds_ratio"], ...] = Field(
        ("difference",),
        description="Of two groups: difference (Newcombe and Miettinen-Nurminen), ratio (Miettinen-Nurminen), odds "
        "ratio (exact).",
        examples=[["difference", "odds_ratio"]],
    )
    tests: tuple[Literal["fisher", "fisher_mid_p", "boschloo", "barnard", "chi_square", "trend"], ...] = Field(
        (), description="Tests, in order; none if not asked for.", examples=[["fisher"]]
    )
    scores: tuple[float, ...] = Field(
        (),
        description="Of `trend`: scores of the groups in their declared order; 0, 1, 2, ... if not given.",
        examples=[[0, 1, 3]],
    )
    strata: tuple[str, ...] = Field(
        (),
        description="ADSL variables: Cochran-Mantel-Haenszel, pooled odds ratio and Breslow-Day over their levels.",
        examples=[["SITEID"]],
    )
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class CompareValues(Base):
    """A number compared between the levels of a variable."""

    kind: Literal["compare_values"] = Field(
        "compare_values", description="Numbers of groups compared.", examples=["compare_values"]
    )
    population: str = Field(description="Analysis set.", examples=["treated"])
    variable: str = Field(description="ADSL variable that is a number.", examples=["AGE"])
    by: str = Field(description="ADSL variable whose groups are compared.", examples=["STATUS"])
    tests: tuple[Literal["wilcoxon", "kruskal_wallis", "t", "anova"], ...] = Field(
        ("wilcoxon",), description="Tests, in order.", examples=[["wilcoxon"]]
    )
    measures: tuple[Literal["hodges_lehmann", "mean_difference", "standardised_difference"], ...] = Field(
        ("hodges_lehmann",), description="Differences of two groups.", examples=[["hodges_lehmann"]]
    )
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class _Toxicity(_ByLevels):
    population: str = Field(description="Analysis set.", examples=["safety"])
    flag: str = Field(
        description="Safety flag (see `safety_flags`): each time one of its components is met anew is an event.",
        examples=["LIVTOXFL"],
    )
    window: Literal["on_treatment", "after_first_dose"] = Field(
        "on_treatment",
        description="Patients are at risk from the first dose to the end of the laboratory window (`on_treatment`) or "
        "to death or last contact (`after_first_dose`).",
        examples=["after_first_dose"],
    )
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class ToxicityByCycle(_Toxicity):
    """Of the patients who began a cycle, those in whom an event of a safety flag began in it, with exact intervals.

    A cycle lasts until the first dose of the next, the last one until the end of the window.
    """

    kind: Literal["toxicity_by_cycle"] = Field(
        "toxicity_by_cycle", description="Toxicity by cycle.", examples=["toxicity_by_cycle"]
    )
    by: None = Field(None, description="Cycles are not counted by a further variable.", examples=[None])


class ExposureAdjustedRate(_Toxicity):
    """Events of a safety flag per time at risk, exact Poisson interval: first events until the first, and all events.

    Two events on one day are one.
    """

    kind: Literal["exposure_adjusted_rate"] = Field(
        "exposure_adjusted_rate", description="Events per time at risk.", examples=["exposure_adjusted_rate"]
    )
    per_months: float = Field(
        12, gt=0, description="Patient-months that the rate is for: 12 is per patient-year.", examples=[12]
    )


class TimeToOnset(_Toxicity):
    """When the first event of a safety flag began, death competing, and how long it took to recover.

    Recovery is the first day on which the grade is at most 1 or that of baseline, or the recorded end of the event.
    """

    kind: Literal["time_to_onset"] = Field(
        "time_to_onset", description="Onset and recovery.", examples=["time_to_onset"]
    )
    at_months: tuple[Month, ...] = Field(
        (), description="Months at which the cumulative incidence of onset is given.", examples=[[1, 3]]
    )


class MeanCumulativeCount(_Toxicity):
    """Expected number of events of a safety flag per patient by a time, recurrences counted, death ending them.

    The estimate of Ghosh and Lin; where nobody dies it is Nelson's mean cumulative function.
    """

    kind: Literal["mean_cumulative_count"] = Field(
        "mean_cumulative_count", description="Mean cumulative count.", examples=["mean_cumulative_count"]
    )
    at_months: tuple[Month, ...] = Field(min_length=1, description="Months at which it is given.", examples=[[1, 3, 6]])


class Agreement(Base):
    """Two classifications of the same patients: agreement, Cohen's kappa, McNemar's test where both have two levels."""

    kind: Literal["agreement"] = Field(
        "agreement", description="Two classifications of one patient.", examples=["agreement"]
    )
    population: str = Field(description="Analysis set.", examples=["treated"])
    first: str = Field(description="ADSL variable.", examples=["BOR"])
    second: str = Field(description="ADSL variable with the same levels.", examples=["BOR_W28"])
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class Logistic(Base, _Model):
    """Logistic regression of a condition on covariates."""

    kind: Literal["logistic"] = Field("logistic", description="Logistic regression.", examples=["logistic"])
    population: str = Field(description="Analysis set.", examples=["treated"])
    numerator: str = Field(description="Condition on ADSL: the outcome.", examples=["RESPFL == 'Y'"])
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])

    @model_validator(mode="after")
    def _has_a_covariate(self) -> Logistic:
        if not self.covariates:
            raise ValueError("a logistic regression needs covariates")
        if self.missing == "impute" and any(t.spline for t in self.terms):
            raise ValueError("a covariate with a spline cannot be imputed")
        return self


class LeaveOneOut(Base):
    """Another analysis again and again, each time without one level of a variable: is one centre the result?"""

    kind: Literal["leave_one_out"] = Field(
        "leave_one_out", description="An analysis without each level in turn.", examples=["leave_one_out"]
    )
    of: str = Field(description="Analysis (proportion, summary or survival).", examples=["cr_cri_rate"])
    over: str = Field("SITEID", description="ADSL variable whose levels are left out.", examples=["SITEID"])


class LostToFollowUp(_Landmarks):
    """Best and worst case for those lost: dead at last contact, or event-free until the cut-off; and the tipping point.

    Lost is who was censored more than `lost_after_days` before the cut-off.
    """

    kind: Literal["lost_to_follow_up"] = Field(
        "lost_to_follow_up", description="Best and worst case.", examples=["lost_to_follow_up"]
    )
    lost_after_days: int = Field(
        90, ge=0, description="Days without contact before the cut-off that make a patient lost.", examples=[90]
    )
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Survival at the landmarks below which the conclusion would change: how many of the lost would "
        "have to have had the event.",
        examples=[0.2],
    )


class IntervalCensored(_Landmarks):
    """The endpoint with events known only to lie between two days: partial dates, relapse between two assessments."""

    kind: Literal["interval_censored"] = Field(
        "interval_censored", description="Turnbull's estimate.", examples=["interval_censored"]
    )


class DateBounds(_Landmarks):
    """Survival with every partial date at the earliest and at the latest day it can mean, beside the declared policy.

    The day of origin stays as it is.
    """

    kind: Literal["date_bounds"] = Field(
        "date_bounds", description="What partial dates leave open.", examples=["date_bounds"]
    )


class Multiplicity(Base):
    """P values of other analyses, adjusted for multiple testing as one family of those that could be computed."""

    kind: Literal["multiplicity"] = Field("multiplicity", description="Adjusted P values.", examples=["multiplicity"])
    of: tuple[str, ...] = Field(
        min_length=2,
        description="Analyses; of each, its first P value, or the one named after a slash as in the result id.",
        examples=[["os_by_sex", "cox_os/TERM=AGE/p"]],
    )
    method: Literal["holm", "benjamini_hochberg", "bonferroni", "hochberg"] = Field(
        "holm",
        description="Adjustment: Holm, Bonferroni and Hochberg keep the family-wise error rate, Benjamini-Hochberg the "
        "false discovery rate.",
        examples=["holm"],
    )


class EValue(Base):
    """How strong an unmeasured confounder would have to be to explain a hazard or odds ratio away."""

    kind: Literal["e_value"] = Field("e_value", description="E-value.", examples=["e_value"])
    of: str = Field(description="Analysis of kind cox or logistic.", examples=["cox_os"])
    common: bool = Field(
        True,
        description="Whether the outcome is common (15 % or more by the end of follow-up).",
        examples=[True],
    )


class Precision(Base):
    """What width of interval so many patients give; planned, from no data."""

    kind: Literal["precision"] = Field("precision", description="Precision of a proportion.", examples=["precision"])
    n: tuple[int, ...] = Field(min_length=1, description="Numbers of patients.", examples=[[32, 55]])
    expected: float = Field(gt=0, lt=1, description="Expected proportion.", examples=[0.6])
    interval: IntervalOfProportion = Field("clopper_pearson", description="Interval.", examples=["wilson"])
    level: float = Field(0.95, gt=0, lt=1, description=_LEVEL, examples=[0.95])


class Power(Base):
    """Power of a log-rank comparison or of a one-arm design, for patients still to be observed.

    `logrank` needs hazard_ratio, median_months, accrual_months, follow_up_months; `one_arm` needs null_rate,
    alternative_rate. Power of data already seen is not offered: the width of their interval says more.
    """

    kind: Literal["power"] = Field("power", description="Power of a design.", examples=["power"])
    design: Literal["logrank", "one_arm"] = Field(description="Design.", examples=["one_arm"])
    n: tuple[int, ...] = Field(min_length=1, description="Numbers of patients.", examples=[[32, 55]])
    alpha: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Significance level: two-sided for logrank, one-sided for one_arm.",
        examples=[0.05],
    )
    null_rate: float | None = Field(None, gt=0, lt=1, description="one_arm: rate to be excluded.", examples=[0.3])
    alternative_rate: float | None = Field(None, gt=0, lt=1, description="one_arm: rate hoped for.", examples=[0.6])
    hazard_ratio: float | None = Field(None, gt=0, description="logrank: hazard ratio.", examples=[0.6])
    median_months: float | None = Field(None, gt=0, description="logrank: median of the control.", examples=[6])
    accrual_months: float | None = Field(None, ge=0, description="logrank: months of accrual.", examples=[24])
    follow_up_months: float | None = Field(
        None, ge=0, description="logrank: months of follow-up after accrual.", examples=[12]
    )
    dropout_per_year: float = Field(0, ge=0, lt=1, description="logrank: share lost in a year.", examples=[0.05])

    @model_validator(mode="after")
    def _is_complete(self) -> Power:
        needed = {
            "logrank": ("hazard_ratio", "median_months", "accrual_months", "follow_up_months"),
            "one_arm": ("null_rate", "alternative_rate"),
        }[self.design]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a design `{self.design}` needs {', '.join(missing)}")
        return self


Analysis = Annotated[
    Tally | Proportion | Summary | Categories | Survival | FollowUp | CumulativeIncidence | CompareSurvival | Cox
    | MrdRates | FineGray | Intercurrent | Multistate | CompareProportions | CompareValues | Agreement | Logistic
    | LeaveOneOut | LostToFollowUp | IntervalCensored | DateBounds | Multiplicity | EValue | PredictedSurvival
    | Precision | Power | ToxicityByCycle | ExposureAdjustedRate | TimeToOnset | MeanCumulativeCount,
    Field(discriminator="kind"),
]  # fmt: skip
Courses = ExposureAdjustedRate | TimeToOnset | MeanCumulativeCount  # kinds that count each patient's events in time
Toxicity = ToxicityByCycle | Courses


def toxicity_flags(analyses: Iterable[Base]) -> tuple[str, ...]:
    """Return the safety flags whose episodes some analysis counts, each once."""
    return tuple(dict.fromkeys(a.flag for a in analyses if isinstance(a, Toxicity)))
