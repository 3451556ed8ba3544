"""The tiny study with one analysis of every kind, and subjects whose course has dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

from chartline.counts.count import count_analyses
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all
from counts_cases import DIGEST, ORIGIN, Row, adam, attrition, subject, time, tiny_protocol

ENDPOINT = {"endpoint": "RFS", "at_months": [3, 6]}
OVER = {"population": "all", "numerator": "RESPFL == 'Y'"}
TOXIC = {"population": "all", "flag": "TOXFL", "window": "after_first_dose"}
EVERY_KIND: list[dict[str, Any]] = [
    {"id": "screened", "kind": "tally", "count": "screened"},
    {"id": "response", "kind": "proportion", "interval": "mid_p", **OVER},
    {"id": "weight", "kind": "summary", "population": "all", "variable": "WT", "quantile_type": 6},
    {"id": "stage", "kind": "categories", "population": "all", "variable": "STAGE"},
    {
        "id": "rfs", "kind": "survival", "by": "SEX", "interval": "logit", "variance": "tsiatis",
        "restricted_mean_months": [6], "alive_at_months": [3], "hazard_bandwidth_months": 2, **ENDPOINT,
    },
    {"id": "followup", "kind": "follow_up", "by": "SEX", **ENDPOINT},
    {"id": "incidence", "kind": "cumulative_incidence", "by": "SEX", "strata": ["SITEID"], **ENDPOINT},
    {
        "id": "curves", "kind": "compare_survival", "endpoint": "RFS", "by": "SEX", "strata": ["SITEID"],
        "tests": ["logrank", "gehan", "tarone_ware", "peto", "fleming_harrington", "max_combo", "permutation", "trend"],
        "restricted_mean_months": [6],
    },
    {"id": "cox", "kind": "cox", "endpoint": "RFS", "covariates": ["SEX", {"variable": "AGE", "per": 10}],
     "strata": ["SITEID"]},
    {"id": "cox_relapse", "kind": "cox", "endpoint": "RFS", "covariates": ["SEX"], "cause": "relapse",
     "method": "ordinary", "ties": "exact"},
    {"id": "cox_transplant", "kind": "cox", "endpoint": "RFS", "time_dependent": "transplant", "covariates": ["SEX"]},
    {"id": "cox_robust", "kind": "cox", "endpoint": "RFS", "covariates": ["SEX"], "cluster": "SITEID"},
    {"id": "cox_frailty", "kind": "cox", "endpoint": "RFS", "covariates": ["SEX"], "frailty": "SITEID"},
    {"id": "cox_imputed", "kind": "cox", "endpoint": "RFS", "covariates": ["SEX", {"variable": "AGE", "per": 10}],
     "missing": "impute", "imputations": 2},
    {"id": "cox_spline", "kind": "cox", "endpoint": "RFS", "covariates": [{"variable": "AGE", "spline": 2}]},
    {"id": "logistic_imputed", "kind": "logistic", "covariates": ["SEX", "AGE"], "missing": "impute",
     "imputations": 2, **OVER},
    {"id": "fine_gray", "kind": "fine_gray", "endpoint": "RFS", "covariates": ["SEX", "AGE"], "cause": "relapse",
     "time_effects": ["AGE"]},
    {"id": "transplant", "kind": "intercurrent", "event": "transplant", "landmark_months": [2],
     "strategies": ["treatment_policy", "hypothetical", "composite", "landmark", "time_dependent", "simon_makuch",
                    "multistate", "naive"], **ENDPOINT},
    {"id": "course", "kind": "multistate", "population": "all", "states": ["transplant", "relapse"],
     "at_months": [3, 6]},
    {"id": "by_sex", "kind": "compare_proportions", "by": "SEX", "strata": ["SITEID"],
     "measures": ["difference", "ratio", "odds_ratio"],
     "tests": ["fisher", "fisher_mid_p", "boschloo", "barnard", "chi_square", "trend"], **OVER},
    {"id": "weights", "kind": "compare_values", "population": "all", "variable": "WT", "by": "SEX",
     "tests": ["wilcoxon", "kruskal_wallis", "t", "anova"],
     "measures": ["hodges_lehmann", "mean_difference", "standardised_difference"]},
    {"id": "agreement", "kind": "agreement", "population": "all", "first": "RESPFL", "second": "MRDFL"},
    {"id": "mrd_rates", "kind": "mrd", "population": "all", "windows": ["BEST", "HSCT"],
     "definitions": {"INO-VATE": "ino_vate"}, "interval": "wilson"},
    {"id": "logistic", "kind": "logistic", "covariates": ["SEX", "AGE"], **OVER},
    {"id": "without", "kind": "leave_one_out", "of": "response", "over": "SITEID"},
    {"id": "rfs_without", "kind": "leave_one_out", "of": "rfs", "over": "SITEID"},
    {"id": "lost", "kind": "lost_to_follow_up", "lost_after_days": 30, "threshold": 0.2, **ENDPOINT},
    {"id": "interval", "kind": "interval_censored", **ENDPOINT},
    {"id": "dates", "kind": "date_bounds", **ENDPOINT},
    {"id": "adjusted", "kind": "multiplicity", "of": ["curves", "by_sex", "weights/p_wilcoxon"]},
    {"id": "confounder", "kind": "e_value", "of": "cox"},
    {"id": "confounder_odds", "kind": "e_value", "of": "logistic", "common": False},
    {"id": "predicted", "kind": "predicted_survival", "of": "cox_spline", "profiles": {"old": {"AGE": 60}},
     "at_months": [3]},
    {"id": "predicted_strata", "kind": "predicted_survival", "of": "cox", "at_months": [3],
     "profiles": {"young": {"AGE": 30, "SEX": "F"}, "man": {"AGE": 30, "SEX": "M"}}},
    {"id": "tox_cycle", "kind": "toxicity_by_cycle", **TOXIC},
    {"id": "tox_rate", "kind": "exposure_adjusted_rate", "by": "SEX", "per_months": 1, **TOXIC},
    {"id": "tox_onset", "kind": "time_to_onset", "by": "SEX", "at_months": [1, 3], **TOXIC},
    {"id": "tox_mean", "kind": "mean_cumulative_count", "by": "SEX", "at_months": [1, 3],
     **{**TOXIC, "window": "on_treatment"}},
    {"id": "precision", "kind": "precision", "n": [32], "expected": 0.6},
    {"id": "power_arm", "kind": "power", "design": "one_arm", "n": [32], "null_rate": 0.3, "alternative_rate": 0.6},
    {"id": "power_curves", "kind": "power", "design": "logrank", "n": [100], "hazard_ratio": 0.6, "median_months": 6,
     "accrual_months": 24, "follow_up_months": 12, "dropout_per_year": 0.05},
]  # fmt: skip


def every_kind(**over: Any) -> Protocol:
    """The tiny study's protocol with one analysis of every kind."""
    analyses = [{"label": a["id"], **a} for a in EVERY_KIND]
    return tiny_protocol(**{"analyses": analyses, "headline": {}, **over})


def day(days: int | None) -> dt.date | None:
    """The date so many days after the origin."""
    return None if days is None else ORIGIN + dt.timedelta(days=days)


def course(
    subject_id: str,
    *,
    transplant: int | None = None,
    relapse: int | None = None,
    death: int | None = None,
    seen: int = 0,
    **values: Any,
) -> Row:
    """A subject by the days of what happened; `seen` is the last contact without an event."""
    last = max(x for x in (transplant, relapse, death, seen) if x is not None)
    flags = {"HSCTFL": transplant, "RELFL": relapse, "DTHFL": death}
    dates = {"HSCTDT": transplant, "RELDT": relapse, "DTHDT": death, "LKADT": last}
    row = {name: "N" if d is None else "Y" for name, d in flags.items()} | {n: day(d) for n, d in dates.items()}
    return subject(subject_id, **{"TRTSDT": ORIGIN, **row, **values})


def results_of(tables: Adam, *analyses: dict[str, Any], **over: Any) -> Results:
    """The results of these analyses of the tiny study; an analysis is labelled by its id where it has no label."""
    declared = [{"label": a["id"], **a} for a in analyses]
    protocol = tiny_protocol(**{"analyses": declared, "headline": {}, "report": {}, **over})
    counts = count_analyses(tables, attrition(tables), protocol, DIGEST)
    return Results(estimate_all(counts, protocol), DIGEST, "data")


def people(*of: tuple[int, str | None, dict[str, Any]], withheld: list[Row] | None = None) -> Adam:
    """Subjects "0", "1", ... by the day their time ends, by what (None: censored), and their values of ADSL."""
    subjects = [course(str(i), seen=end, **values) for i, (end, _, values) in enumerate(of)]
    return adam(subjects, [time(str(i), end, cause) for i, (end, cause, _) in enumerate(of)], withheld=withheld)
