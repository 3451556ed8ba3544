"""Regressions as a protocol declares them: Cox, Fine-Gray, logistic.

What the models compute is certified elsewhere; here a declaration must give what the kernel gives on plain arrays, and
must say which method was taken and why, who was left out, and why there is no number where there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chartline.results.model import Results
from chartline.stats.competing.fine_gray import estimate_fine_gray
from chartline.stats.episodes import Episodes
from chartline.stats.regression.concordance import estimate_concordance
from chartline.stats.regression.cox import estimate_cox
from chartline.stats.regression.cox_curves import predict_survival
from chartline.stats.regression.firth_cox import estimate_firth_cox
from chartline.stats.regression.firth_logistic import estimate_firth_logistic
from chartline.stats.regression.logistic import Outcomes, estimate_logistic
from chartline.stats.regression.proportional_hazards import proportional_hazards_test
from chartline.stats.regression.splines import natural_spline
from counts_cases import adam, subject, time
from kinds_cases import course, people, results_of

N = 48
R = np.random.default_rng(20201)
DAY = R.integers(5, 400, N)
CAUSE = R.choice(["relapse", "death", ""], N, p=[0.45, 0.3, 0.25])
AGE = R.integers(20, 70, N)
SEX = R.choice(["F", "M"], N)
SITE = R.choice(["A", "B"], N)
STAGE = R.choice(["LATE", "EARLY"], N)
RESPONSE = R.choice(["Y", "N"], N)
EVENT = CAUSE != ""
COX = {"id": "cox", "kind": "cox", "endpoint": "RFS"}
BY_AGE = [{"variable": "AGE", "per": 10}]


def cohort(**gaps: Any) -> Any:
    """48 patients; `gaps` names a variable that those with these numbers lack."""
    own: list[dict[str, Any]] = [
        {
            "AGE": int(AGE[i]),
            "SEX": str(SEX[i]),
            "SITEID": str(SITE[i]),
            "STAGE": str(STAGE[i]),
            "RESPFL": str(RESPONSE[i]),
        }
        for i in range(N)
    ]
    for name, who in gaps.items():
        for i in who:
            own[i][name] = None
    return people(*((int(DAY[i]), str(CAUSE[i]) or None, own[i]) for i in range(N)))


def term(of: Results, name: str, statistic: str = "hazard_ratio", analysis: str = "cox") -> Any:
    r = of[f"{analysis}/TERM={name}/{statistic}"]
    return r.value, r.lower, r.upper


# --- Cox ---


def test_the_coefficients_are_those_of_the_kernel_on_plain_arrays() -> None:
    of = results_of(cohort(), COX | {"covariates": ["SEX", *BY_AGE], "strata": ["SITEID"]})
    fit = estimate_cox(Episodes.of(DAY, EVENT, strata=SITE, covariates={"SEX": SEX, "AGE": AGE / 10}))
    for i, name in enumerate(("SEX=M", "AGE")):
        assert term(of, name) == pytest.approx((fit.hazard_ratios[i], fit.lower[i], fit.upper[i]))
        assert term(of, name, "p")[0] == pytest.approx(fit.p[i])
        assert term(of, name, "std_error")[0] == pytest.approx(fit.std_errors[i])
    assert [of[f"cox/{s}"].value for s in ("n", "events")] == [N, EVENT.sum()]
    tests = {"likelihood_ratio": fit.likelihood_ratio.p, "wald": fit.wald.p, "score": fit.score.p}
    assert {s: of[f"cox/p_{s}"].value for s in tests} == pytest.approx(tests)
    assert of["cox/p_proportional_hazards"].value == pytest.approx(proportional_hazards_test(fit).overall.p)
    assert of["cox/concordance"].value == pytest.approx(estimate_concordance(fit).value)


def test_the_method_says_what_was_done_in_words() -> None:
    of = results_of(cohort(), COX | {"covariates": BY_AGE, "strata": ["SITEID"]})
    assert of["cox/TERM=AGE/hazard_ratio"].method == (
        f"Cox regression, Efron ties, stratified by centre; ordinary likelihood ({EVENT.sum()} events for 1 "
        "coefficient: at least 10 each); per 10"
    )


def test_a_category_is_compared_with_its_first_declared_level_or_the_one_that_is_named() -> None:
    # the protocol declares STAGE as [LATE, EARLY]
    of = results_of(cohort(), COX | {"covariates": ["STAGE"]})
    assert {r.group for r in of.of("cox") if r.group} == {"TERM=STAGE=EARLY"}
    named = results_of(cohort(), COX | {"covariates": [{"variable": "STAGE", "reference": "EARLY"}]})
    (ratio, *_), (other, *_) = term(of, "STAGE=EARLY"), term(named, "STAGE=LATE")
    assert ratio * other == pytest.approx(1)
    asked = {"variable": "STAGE", "reference": "EARLY"}
    only_late = people((10, "death", {"STAGE": "LATE"}), (20, None, {"STAGE": "LATE"}))
    assert results_of(only_late, COX | {"covariates": [asked]})["cox/model"].reason == (
        "nobody has stage: early, the level that the others are compared with"
    )


def test_levels_that_look_like_numbers_stay_categories() -> None:
    own = [(int(DAY[i]), str(CAUSE[i]) or None, {"STAGE": "123"[i % 3]}) for i in range(N)]  # a text by declaration
    of = results_of(people(*own), COX | {"covariates": ["STAGE"]})
    assert {r.group for r in of.of("cox") if r.group} == {"TERM=STAGE=2", "TERM=STAGE=3"}


def test_one_event_of_an_endpoint_the_others_censored() -> None:
    of = results_of(cohort(), COX | {"covariates": ["SEX"], "cause": "relapse", "ties": "breslow"})
    fit = estimate_cox(Episodes.of(DAY, CAUSE == "relapse", covariates={"SEX": SEX}), ties="breslow")
    assert term(of, "SEX=M") == pytest.approx((fit.hazard_ratios[0], fit.lower[0], fit.upper[0]))
    assert of["cox/events"].value == (CAUSE == "relapse").sum()
    assert of["cox/TERM=SEX=M/p"].method.startswith("Cox regression of relapse, other events censored, Breslow ties")


def test_a_milestone_on_the_way_is_a_covariate_that_changes() -> None:
    ends, at = [70, 15, 50, 120, 60, 100, 90, 80], [None, None, 20, 25, None, None, 0, 40]
    tables = adam(
        [course(str(i), transplant=t, seen=e) for i, (t, e) in enumerate(zip(at, ends, strict=True))],
        [time(str(i), e, "death") for i, e in enumerate(ends)],
    )
    of = results_of(tables, COX | {"time_dependent": "transplant"})
    rows = [(0, e, 0, True) if t is None else (0, t, 0, False) for t, e in zip(at, ends, strict=True) if t != 0]
    rows += [(t, e, 1, True) for t, e in zip(at, ends, strict=True) if t is not None]
    start, stop, after, died = zip(*rows, strict=True)
    fit = estimate_firth_cox(Episodes.of(stop, died, entry=start, covariates={"after": after})).terms[0]
    assert term(of, "STATE=after") == pytest.approx(fit.ratio)
    assert [of[f"cox/{s}"].value for s in ("n", "events")] == [8, 8]  # patients, not parts of their time


def test_robust_variance_by_cluster() -> None:
    own = [(int(DAY[i]), str(CAUSE[i]) or None, {"SEX": str(SEX[i]), "SITEID": "ABCDEF"[i % 6]}) for i in range(N)]
    of = results_of(people(*own), COX | {"covariates": ["SEX"], "cluster": "SITEID"})
    episodes = Episodes.of(DAY, EVENT, covariates={"SEX": SEX}, cluster=[i % 6 for i in range(N)])
    fit = estimate_cox(episodes, robust=True)
    assert term(of, "SEX=M") == pytest.approx((fit.hazard_ratios[0], fit.lower[0], fit.upper[0]))
    r = of["cox/TERM=SEX=M/p"]
    assert "robust variance by centre" in r.method
    assert "6 clusters are too few: their robust variance tends to be too small" in r.warnings
    one = [(day, cause, values | {"SITEID": "A"}) for day, cause, values in own]
    of = results_of(people(*one), COX | {"covariates": ["SEX"], "cluster": "SITEID"})
    assert of["cox/model"].reason == "all patients are in one cluster of centre, which gives no robust variance"


def test_a_spline_has_its_knots_where_the_patients_are() -> None:
    of = results_of(cohort(), COX | {"covariates": [{"variable": "AGE", "spline": 3}]})
    fit = estimate_cox(Episodes.of(DAY, EVENT, covariates={"AGE": natural_spline(AGE, df=3)}))
    for i in range(3):
        assert term(of, f"AGE[{i + 1}]", "coefficient")[0] == pytest.approx(fit.coefficients[i])


def test_few_events_are_penalised_and_said() -> None:
    own = [(int(DAY[i]), "death" if i < 7 else None, {"SEX": str(SEX[i])}) for i in range(N)]
    of = results_of(people(*own), COX | {"covariates": ["SEX"]})
    fit = estimate_firth_cox(Episodes.of(DAY, [i < 7 for i in range(N)], covariates={"SEX": SEX})).terms[0]
    assert term(of, "SEX=M") == pytest.approx(fit.ratio)
    r = of["cox/TERM=SEX=M/hazard_ratio"]
    sentence = "7 events for 1 coefficient, fewer than 10 each: fewer than 10 events in all"
    assert f"Firth's penalty, because of few events ({sentence})" in r.method and sentence in r.warnings


def test_separation_is_found_penalised_and_explained() -> None:
    own = [(int(DAY[i]), "death" if SEX[i] == "F" else None, {"SEX": str(SEX[i])}) for i in range(N)]
    r = results_of(people(*own), COX | {"covariates": ["SEX"]})["cox/TERM=SEX=M/hazard_ratio"]
    assert r.value is not None and 0 < r.value < 1
    assert "because no event is with sex: male, though some there are at risk" in r.method
    told = results_of(people(*own), COX | {"covariates": ["SEX"], "method": "ordinary"})["cox/TERM=SEX=M/hazard_ratio"]
    assert told.value is None and told.reason == "the likelihood has no maximum, so there is no finite estimate"


def test_who_lacks_a_covariate_or_stratum_is_left_out_and_counted() -> None:
    of = results_of(cohort(AGE=[0, 1], STAGE=[1, 2]), COX | {"covariates": ["AGE"], "strata": ["STAGE"]})
    r = of["cox/TERM=AGE/hazard_ratio"]
    assert (r.N, r.missing) == (N - 3, 3)
    assert r.warnings[0] == "3 patients without a time or covariate left out"
    keep = np.arange(N) > 2
    fit = estimate_cox(Episodes.of(DAY[keep], EVENT[keep], strata=STAGE[keep], covariates={"AGE": AGE[keep]}))
    assert r.value == pytest.approx(fit.hazard_ratios[0])


def test_who_was_transplanted_by_day_0_and_lacks_a_covariate_is_counted_too() -> None:
    tables = adam(
        [course(str(i), transplant=t, seen=60 + i, SEX=s) for i, (t, s) in enumerate(
            [(0, None), (0, "F"), (20, "M"), (None, "M"), (30, "F"), (None, "F")])],
        [time(str(i), 60 + i, "death") for i in range(6)],
    )  # fmt: skip
    of = results_of(tables, COX | {"time_dependent": "transplant", "covariates": ["SEX"]})
    assert (of["cox/n"].value, of["cox/n"].missing) == (5, 1)


def test_imputed_covariates_keep_everyone_with_a_time() -> None:
    asked = COX | {"covariates": ["SEX", "AGE"], "missing": "impute", "imputations": 3, "seed": 7}
    of = results_of(cohort(AGE=[0, 1, 2]), asked)
    r = of["cox/TERM=AGE/hazard_ratio"]
    assert (r.N, r.missing, r.n) == (N, 0, EVENT.sum())
    assert "3 imputations (seed 7; age at first dose missing in 3), Rubin's rules" in r.method
    assert results_of(cohort(AGE=[0, 1, 2]), asked)["cox/TERM=AGE/hazard_ratio"] == r  # the seed decides
    with_stratum = results_of(cohort(AGE=[0], STAGE=[3]), asked | {"strata": ["STAGE"]})
    assert (with_stratum["cox/n"].value, with_stratum["cox/n"].missing) == (N - 1, 1)


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        ([], "no patients with a time and all covariates"),
        ([(10, "death", {"SEX": "F"})], "sex has one level only"),
        ([(10, "death", {"SEX": "F"}), (20, None, {"SEX": "F"})], "sex has one level only"),
        ([(10, None, {"SEX": "F"}), (20, None, {"SEX": "M"})], "no events"),
        ([(10, "death", {}), (20, None, {})], "no patients with a time and all covariates"),
    ],
)
def test_why_there_is_no_model(of: list[Any], reason: str) -> None:
    found = results_of(people(*of), COX | {"covariates": ["SEX"]})
    assert found["cox/model"].value is None and found["cox/model"].reason == reason


def test_the_withheld_are_counted_on_every_row() -> None:
    query = [{"USUBJID": "0", "ITEM": "ADTTE.RFS", "QUERY": "Q1"}]
    own = [(int(DAY[i]), str(CAUSE[i]) or None, {"SEX": str(SEX[i])}) for i in range(N)]
    rows = results_of(people(*own, withheld=query), COX | {"covariates": ["SEX"]}).of("cox")
    assert {r.withheld for r in rows} == {1}
    assert all("1 patient withheld because of open blocking queries" in r.warnings for r in rows)


def test_a_frailty_of_centres() -> None:
    of = results_of(cohort(), COX | {"covariates": ["SEX"], "frailty": "SITEID"})
    assert of["cox/frailty_variance"].value is not None
    assert of["cox/TERM=SEX=M/hazard_ratio"].method == "Cox regression, gamma frailty by centre; against female"


# --- Fine-Gray ---

FINE_GRAY = {"id": "fg", "kind": "fine_gray", "endpoint": "RFS", "cause": "relapse"}


def test_fine_gray_of_one_event_against_the_others() -> None:
    of = results_of(cohort(AGE=[5]), FINE_GRAY | {"covariates": ["SEX", *BY_AGE], "time_effects": ["AGE"]})
    keep = np.arange(N) != 5
    status = np.select([CAUSE == "relapse", CAUSE == "death"], [1, 2], 0)[keep]
    known = Episodes.of(DAY[keep], status, covariates={"SEX": SEX[keep], "AGE": AGE[keep] / 10})
    fit = estimate_fine_gray(known, 1)
    plain = results_of(cohort(AGE=[5]), FINE_GRAY | {"covariates": ["SEX", *BY_AGE]})
    for i, name in enumerate(("SEX=M", "AGE")):
        found = term(plain, name, "subdistribution_hazard_ratio", "fg")
        assert found == pytest.approx((fit.hazard_ratios[i], fit.lower[i], fit.upper[i]))
    assert plain["fg/p_wald"].value == pytest.approx(fit.wald.p)
    assert (plain["fg/n"].value, plain["fg/n"].missing) == (N - 1, 1)
    assert "fg/TERM=AGE*log(day)/coefficient" in {r.id for r in of}


def test_fine_gray_of_few_events_is_warned_of_for_there_is_no_penalty() -> None:
    own = [(int(DAY[i]), "relapse" if i < 6 else "death", {"SEX": str(SEX[i])}) for i in range(N)]
    r = results_of(people(*own), FINE_GRAY | {"covariates": ["SEX"]})["fg/TERM=SEX=M/p"]
    assert "6 events for 1 coefficient, fewer than 10 each: fewer than 10 events in all" in r.warnings


@pytest.mark.parametrize(
    "model",
    [
        FINE_GRAY,
        COX | {"frailty": "SITEID"},
        COX | {"cluster": "SITEID"},
        COX | {"ties": "exact"},
    ],
)
def test_too_few_events_for_a_model_that_cannot_be_penalised_give_their_reason(model: dict[str, Any]) -> None:
    own = [(int(DAY[i]), "relapse" if i < 4 else None, {"SEX": str(SEX[i]), "SITEID": str(SITE[i])}) for i in range(N)]
    of = results_of(people(*own), model | {"covariates": ["SEX"]})
    assert of[f"{model['id']}/model"].reason == (
        "too few events (4 events for 1 coefficient, fewer than 5 each: fewer than 10 events in all), and no penalised "
        "form of this model exists"
    )
    assert of[f"{model['id']}/events"].value == 4


def test_fine_gray_without_its_event() -> None:
    own = [(10, "death", {"SEX": "F"}), (20, None, {"SEX": "M"})]
    assert results_of(people(*own), FINE_GRAY | {"covariates": ["SEX"]})["fg/model"].reason == (
        "no event of the cause relapse"
    )


# --- logistic ---

LOGISTIC = {"id": "logit", "kind": "logistic", "population": "all", "numerator": "RESPFL == 'Y'"}
YES = RESPONSE == "Y"


def test_odds_ratios_are_those_of_the_kernel() -> None:
    of = results_of(cohort(), LOGISTIC | {"covariates": ["SEX"]})
    outcomes = Outcomes.of(YES.astype(int), {"SEX": SEX})
    fit = estimate_logistic(outcomes)
    assert term(of, "SEX=M", "odds_ratio", "logit") == pytest.approx(fit.terms[1].ratio)
    assert of["logit/p_likelihood_ratio"].value == pytest.approx(fit.p)
    assert [of[f"logit/{s}"].value for s in ("n", "events")] == [N, YES.sum()]


def test_a_number_and_its_spline_in_a_logistic_regression() -> None:
    of = results_of(cohort(), LOGISTIC | {"covariates": BY_AGE, "method": "ordinary"})
    fit = estimate_logistic(Outcomes.of(YES.astype(int), {"AGE": AGE / 10}))
    assert term(of, "AGE", "odds_ratio", "logit") == pytest.approx(fit.terms[1].ratio)
    bent = results_of(cohort(), LOGISTIC | {"covariates": [{"variable": "AGE", "spline": 2}], "method": "ordinary"})
    curve = estimate_logistic(Outcomes.of(YES.astype(int), {"AGE": natural_spline(AGE, df=2)}))
    assert term(bent, "AGE[2]", "coefficient", "logit")[0] == pytest.approx(curve.terms[2].coef)


def test_separation_of_a_yes_or_no() -> None:
    tables = adam([subject(str(i), SEX="FM"[i % 2], RESPFL="YN"[i % 2] if i > 1 else "N") for i in range(20)])
    of = results_of(tables, LOGISTIC | {"covariates": ["SEX"]})
    y = [0 if i < 2 or i % 2 else 1 for i in range(20)]
    fit = estimate_firth_logistic(Outcomes.of(y, {"SEX": ["FM"[i % 2] for i in range(20)]}))
    assert term(of, "SEX=M", "odds_ratio", "logit") == pytest.approx(fit.terms[1].ratio)
    assert "Firth's penalty" in of["logit/TERM=SEX=M/p"].method and "infinite" in of["logit/TERM=SEX=M/p"].method


@pytest.mark.parametrize(
    ("subjects", "reason"),
    [
        ([], "no patients with an outcome and all covariates"),
        ([{"SEX": "F", "RESPFL": None}], "no patients with an outcome and all covariates"),
        ([{"SEX": "F", "RESPFL": "Y"}, {"SEX": "F", "RESPFL": "N"}], "sex has one level only"),
    ],
)
def test_why_there_is_no_logistic_model(subjects: list[dict[str, Any]], reason: str) -> None:
    tables = adam([subject(str(i), **s) for i, s in enumerate(subjects)])
    assert results_of(tables, LOGISTIC | {"covariates": ["SEX"]})["logit/model"].reason == reason


def test_everyone_or_nobody_responding_is_no_crash() -> None:
    tables = adam([subject(str(i), SEX="FM"[i % 2], RESPFL="Y") for i in range(12)])
    rows = results_of(tables, LOGISTIC | {"covariates": ["SEX"]}).of("logit")
    assert all(r.value is not None or r.reason for r in rows) and len(rows) > 2


def test_the_survival_a_model_predicts_for_a_described_patient() -> None:
    model = {**COX, "covariates": [*BY_AGE, {"variable": "SEX", "reference": "F"}], "method": "ordinary"}
    asked = {
        "id": "predicted", "kind": "predicted_survival", "of": "cox", "at_months": [3, 600],
        "profiles": {"a woman of 50": {"AGE": 50, "SEX": "F"}, "a man of 30": {"AGE": 30, "SEX": "M"}},
    }  # fmt: skip
    of = results_of(cohort(), model, asked)
    fit = estimate_cox(Episodes.of(DAY, EVENT, covariates={"AGE": AGE / 10, "SEX": SEX}, reference={"SEX": "F"}))
    for name, x in (("a woman of 50", {"AGE": 5.0}), ("a man of 30", {"AGE": 3.0, "SEX=M": 1.0})):
        (curve,) = predict_survival(fit, x, interval="log-log")
        expected = curve.at([3 * 30.4375])[0].tolist()
        r = of[f"predicted/PROFILE={name}/survival@3"]
        assert [r.value, r.lower, r.upper] == pytest.approx(expected, rel=1e-12)
        assert of[f"predicted/PROFILE={name}/survival@600"].reason == "nobody was followed to 600 months"


def test_a_patient_whom_nobody_resembles_has_no_prediction() -> None:
    model = {**COX, "covariates": ["SEX"], "method": "ordinary"}
    asked = {
        "id": "predicted",
        "kind": "predicted_survival",
        "of": "cox",
        "at_months": [3],
        "profiles": {"x": {"SEX": "U"}},
    }
    of = results_of(cohort(), model, asked)
    assert of["predicted/survival"].reason == "nobody has sex: unknown"
