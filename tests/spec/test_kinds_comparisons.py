"""Groups compared as a protocol declares it: curves, proportions, numbers, two classifications; P values adjusted.

Where a test is certified elsewhere its value must be that of the kernel on plain arrays.
"""

from __future__ import annotations

from typing import Any

import pytest

from chartline.results.model import Results
from chartline.stats.comparison.logrank import logrank_test
from chartline.stats.comparison.max_combo import max_combo_test
from chartline.stats.comparison.permutation import permutation_logrank_test
from chartline.stats.episodes import Episodes
from chartline.stats.proportions.fisher import fisher_test
from chartline.stats.proportions.odds_ratio import exact_odds_ratio
from chartline.stats.proportions.stratified import breslow_day_test, mantel_haenszel, mantel_haenszel_test
from chartline.stats.proportions.trend import trend_test
from chartline.stats.proportions.two_proportions import newcombe
from chartline.stats.proportions.unconditional import boschloo_test
from chartline.stats.survival.restricted_mean import compare_restricted_means
from chartline.stats.values.hodges_lehmann import estimate_shift
from chartline.stats.values.rank_groups import kruskal_wallis_test
from chartline.stats.values.rank_tests import rank_sum_test
from chartline.stats.values.t_test import t_test
from counts_cases import adam, subject
from kinds_cases import people, results_of

# --- curves ---

CURVES = {"id": "curves", "kind": "compare_survival", "endpoint": "RFS", "by": "STAGE"}
DAY = [20, 40, 45, 60, 90, 100, 30, 80, 110, 150, 160, 200]
EVENT = [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0]
STAGE = ["EARLY"] * 6 + ["LATE"] * 6  # the protocol declares [LATE, EARLY]
SITE = list("ABABAB") * 2


def cohort(**over: Any) -> Results:
    own = [
        (d, "death" if e else None, {"STAGE": g, "SITEID": c})
        for d, e, g, c in zip(DAY, EVENT, STAGE, SITE, strict=True)
    ]
    return results_of(people(*own), CURVES | over)


def test_each_test_that_was_asked_for_has_its_row() -> None:
    of = cohort(tests=["logrank", "permutation", "max_combo", "fleming_harrington"], gamma=0.5)
    known = Episodes.of(DAY, EVENT, group=STAGE)
    assert of["curves/p_logrank"].value == pytest.approx(logrank_test(known).p)
    assert of["curves/chisq_logrank"].value == pytest.approx(logrank_test(known).chisq)
    assert of["curves/p_permutation"].value == pytest.approx(permutation_logrank_test(known).p)
    assert of["curves/p_max_combo"].value == pytest.approx(max_combo_test(known).p)
    assert of["curves/p_fleming_harrington"].method == "Fleming-Harrington test (rho 0, gamma 0.5), 1 df"
    assert of["curves/p_permutation"].method == "Permutation log-rank test, exact"
    assert [of[f"curves/STAGE={s}/{n}"].value for s in ("LATE", "EARLY") for n in ("n", "events")] == [6, 3, 6, 5]


def test_strata_are_named_by_their_label() -> None:
    of = cohort(strata=["SITEID"])
    p = of["curves/p_logrank"]
    assert p.value == pytest.approx(logrank_test(Episodes.of(DAY, EVENT, group=STAGE, strata=SITE)).p)
    assert p.method == "Log-rank test, stratified by centre, 1 df"


def test_the_groups_of_a_trend_go_in_their_declared_order() -> None:
    stages = {"STAGE": {"label": "Stage", "from": "DM", "value": "SEX", "categories": ["LOW", "MIDDLE", "HIGH"]}}
    own = [
        (d, "death" if e else None, {"STAGE": ("LOW", "MIDDLE", "HIGH")[i % 3]})
        for i, (d, e) in enumerate(zip(DAY, EVENT, strict=True))
    ]
    of = results_of(people(*own), CURVES | {"tests": ["trend"]}, characteristics=stages)
    ranked = Episodes.of(DAY, EVENT, group=[str(i % 3) for i in range(12)])
    assert of["curves/p_trend"].value == pytest.approx(logrank_test(ranked, trend=True).p)
    wrong = results_of(people(*own), CURVES | {"tests": ["trend"], "scores": [0, 1]}, characteristics=stages)
    assert wrong["curves/p_trend"].reason == "2 scores are declared for 3 groups"


def test_restricted_means_and_their_difference() -> None:
    of = cohort(restricted_mean_months=[4])
    both = compare_restricted_means(
        Episodes.of(DAY, EVENT, group=["1" if s == "EARLY" else "0" for s in STAGE]), 121.75
    )
    d = of["curves/restricted_mean_difference@4"]
    assert d.value == pytest.approx(both.difference.value / 30.4375) and d.unit == "months"
    assert d.method == "Restricted mean up to 4 months (area under Kaplan-Meier), Early against Late"
    late, early = (of[f"curves/STAGE={s}/restricted_mean@4"].value for s in ("LATE", "EARLY"))
    assert (early or 0) - (late or 0) == pytest.approx(d.value)
    assert of["curves/p_restricted_mean_difference@4"].value == pytest.approx(both.difference.p)


def test_who_has_no_group_is_left_out_and_counted() -> None:
    own = [(d, "death", {"STAGE": s}) for d, s in [(10, "LATE"), (20, "EARLY"), (30, None)]]
    r = results_of(people(*own), CURVES)["curves/p_logrank"]
    assert (r.N, r.missing, r.warnings[0]) == (2, 1, "1 patient without a time or group left out")


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        ([], "no patients with a time and a group"),
        ([(10, "death", {"STAGE": "LATE"})], "there is one group only"),
        ([(10, None, {"STAGE": "LATE"}), (20, None, {"STAGE": "EARLY"})], "no events"),
    ],
)
def test_why_curves_cannot_be_compared(of: list[Any], reason: str) -> None:
    assert results_of(people(*of), CURVES)["curves/p_logrank"].reason == reason


# --- proportions ---

SHARES = {
    "id": "shares", "kind": "compare_proportions", "population": "all", "numerator": "RESPFL == 'Y'", "by": "SEX"
}  # fmt: skip


def responding(f: tuple[int, int], m: tuple[int, int], site: str = "A", first: int = 0) -> list[Any]:
    """Subjects: of each sex, how many responded and how many did not."""
    of = [("F", "Y")] * f[0] + [("F", "N")] * f[1] + [("M", "Y")] * m[0] + [("M", "N")] * m[1]
    return [subject(f"{site}{first + i}", SEX=s, RESPFL=r, SITEID=site) for i, (s, r) in enumerate(of)]


def test_measures_are_of_the_second_group_against_the_first() -> None:
    asked = SHARES | {
        "measures": ["difference", "ratio", "odds_ratio"],
        "tests": ["fisher", "fisher_mid_p", "boschloo"],
    }
    of = results_of(adam(responding((8, 2), (3, 7))), asked)
    assert [(of[f"shares/SEX={s}/proportion"].n, of[f"shares/SEX={s}/proportion"].N) for s in "FM"] == [
        (8, 10),
        (3, 10),
    ]
    d = of["shares/risk_difference"]
    assert d.value == pytest.approx(3 / 10 - 8 / 10)
    assert (d.lower, d.upper) == pytest.approx((newcombe(3, 10, 8, 10).lower, newcombe(3, 10, 8, 10).upper))
    assert d.method == "Difference, Newcombe interval, Male against Female"
    assert of["shares/risk_ratio"].value == pytest.approx(3 / 8)
    assert of["shares/odds_ratio"].value == pytest.approx(exact_odds_ratio(3, 10, 8, 10).estimate)
    table = fisher_test([[8, 2], [3, 7]])
    assert of["shares/p_fisher"].value == pytest.approx(table.p)
    assert of["shares/p_fisher_mid_p"].value == pytest.approx(table.p_mid)
    assert of["shares/p_boschloo"].value == pytest.approx(boschloo_test(3, 10, 8, 10).p)


def test_fishers_p_and_the_exact_interval_need_not_agree() -> None:
    """Responders 4 of 4 and 0 of 3. Tables of these margins have weights 1, 12, 18, 4 (of 35) times the odds ratio to
    the power 0 to 3, so that P is 1/35 and the upper limit u solves 1 + 12 u + 18 u^2 + 4 u^3 = 1/0.025.
    R 4.2.2 fisher.test(matrix(c(0, 3, 4, 0), 2)): P 0.02857, 95 % interval 0 to 1.08009.
    """
    of = results_of(adam(responding((4, 0), (0, 3))), SHARES | {"measures": ["odds_ratio"], "tests": ["fisher"]})
    assert of["shares/p_fisher"].value == pytest.approx(1 / 35, rel=1e-12)
    ratio = of["shares/odds_ratio"]
    u = ratio.upper or 0
    assert (ratio.value, ratio.lower) == (0, 0) and 1 + 12 * u + 18 * u**2 + 4 * u**3 == pytest.approx(40, rel=1e-9)
    assert u == pytest.approx(1.08009, rel=1e-5) and u > 1
    assert of["shares/p_fisher"].method == "Fisher's exact test, two-sided by minimum likelihood"
    assert ratio.method == "Odds ratio (conditional), exact central interval, Male against Female"


def test_pooled_over_centres() -> None:
    tables = adam([*responding((8, 2), (3, 7)), *responding((5, 3), (4, 6), "B")])
    of = results_of(tables, SHARES | {"strata": ["SITEID"]})
    strata = [[[3, 7], [8, 2]], [[4, 6], [5, 3]]]
    pooled = mantel_haenszel(strata, "odds_ratio")
    r = of["shares/odds_ratio_pooled"]
    assert (r.value, r.lower, r.upper) == pytest.approx((pooled.estimate, pooled.lower, pooled.upper))
    assert r.method == "Mantel-Haenszel over centre, Male against Female"
    assert of["shares/p_odds_ratio_pooled"].value == pytest.approx(mantel_haenszel_test(strata, continuity=False).p)
    assert of["shares/p_breslow_day"].value == pytest.approx(breslow_day_test(strata).p_tarone)


def test_a_trend_over_groups_in_their_declared_order() -> None:
    stages = {"STAGE": {"label": "Stage", "from": "DM", "value": "SEX", "categories": ["LOW", "MIDDLE", "HIGH"]}}
    n = {"LOW": (1, 9), "MIDDLE": (4, 6), "HIGH": (6, 4)}
    of = [(s, r) for s, (yes, no) in n.items() for r in ["Y"] * yes + ["N"] * no]
    tables = adam([subject(str(i), STAGE=s, RESPFL=r) for i, (s, r) in enumerate(of)])
    found = results_of(tables, SHARES | {"by": "STAGE", "tests": ["trend"]}, characteristics=stages)
    assert found["shares/p_trend"].value == pytest.approx(trend_test([1, 4, 6], [10, 10, 10]).p)
    assert found["shares/risk_difference"].reason == "3 groups, where two are compared"


def test_an_unknown_answer_or_group_is_left_out_of_the_comparison() -> None:
    of = results_of(adam([*responding((2, 1), (1, 2)), subject("x", SEX="F"), subject("y", RESPFL="Y")]), SHARES)
    r = of["shares/risk_difference"]
    assert (r.N, r.missing, r.warnings[0]) == (6, 2, "2 patients with an unknown value or group left out")


@pytest.mark.parametrize(("n", "groups"), [([], 0), (responding((2, 1), (0, 0)), 1)])
def test_one_group_or_nobody(n: list[Any], groups: int) -> None:
    of = results_of(adam(n), SHARES | {"tests": ["fisher"]})
    assert of["shares/risk_difference"].reason == f"{groups} groups, where two are compared"
    assert of["shares/p_fisher"].value is None or groups


# --- numbers ---

VALUES = {"id": "values", "kind": "compare_values", "population": "all", "variable": "WT", "by": "SEX"}
F, M = [50.0, 61.5, 70.0, 58.0], [66.0, 72.0, 81.0, 90.5, 66.0]


def weights(**over: Any) -> Results:
    of = [("F", w) for w in F] + [("M", w) for w in M]
    return results_of(adam([subject(str(i), SEX=s, WT=w) for i, (s, w) in enumerate(of)]), VALUES | over)


def test_numbers_of_two_groups() -> None:
    of = weights(tests=["wilcoxon", "t", "kruskal_wallis"], measures=["hodges_lehmann", "mean_difference"])
    shift = estimate_shift(M, F)
    r = of["values/hodges_lehmann"]
    assert (r.value, r.lower, r.upper) == pytest.approx((shift.estimate, shift.lower, shift.upper)) and r.unit == "kg"
    assert r.method.startswith("Hodges-Lehmann shift, Male against Female (")
    assert of["values/mean_difference"].value == pytest.approx(sum(M) / 5 - sum(F) / 4)
    assert of["values/p_wilcoxon"].value == pytest.approx(rank_sum_test(M, F).p)
    assert of["values/p_t"].value == pytest.approx(t_test(M, F).p)
    assert of["values/p_kruskal_wallis"].value == pytest.approx(kruskal_wallis_test({"F": F, "M": M}).p)
    assert (of["values/SEX=F/median"].value, of["values/SEX=M/n"].value) == (59.75, 5)


def test_a_number_of_one_group_or_of_nobody() -> None:
    one = results_of(adam([subject("1", SEX="F", WT=50.0)]), VALUES)
    assert one["values/p_wilcoxon"].reason == "1 groups, where two are compared"
    assert one["values/SEX=F/sd"].reason == "too few patients with a value"
    assert results_of(adam([]), VALUES)["values/hodges_lehmann"].reason == "0 groups, where two are compared"


def test_a_missing_number_or_group_is_counted() -> None:
    of = results_of(
        adam([subject("1", SEX="F", WT=50.0), subject("2", SEX="M", WT=60.0), subject("3", SEX="M"),
              subject("4", WT=70.0)]), VALUES,
    )  # fmt: skip
    r = of["values/p_wilcoxon"]
    assert (r.N, r.missing, r.warnings[0]) == (2, 2, "2 patients without a value or group left out")


# --- two classifications ---

AGREE = {"id": "agree", "kind": "agreement", "population": "all", "first": "RESPFL", "second": "MRDFL"}


def both(*cells: tuple[str | None, str | None, int]) -> Results:
    of = [(a, b) for a, b, n in cells for _ in range(n)]
    return results_of(adam([subject(str(i), RESPFL=a, MRDFL=b) for i, (a, b) in enumerate(of)]), AGREE)


def test_agreement_kappa_and_mcnemar() -> None:
    of = both(("Y", "Y", 20), ("Y", "N", 5), ("N", "Y", 10), ("N", "N", 15), ("Y", None, 2))
    r = of["agree/agreement"]
    assert (r.value, r.n, r.N, r.missing) == (35 / 50, 35, 50, 2)
    # expected by chance: (25 x 30 + 25 x 20) / 50^2 = 0.5
    assert of["agree/kappa"].value == pytest.approx((0.7 - 0.5) / 0.5)
    # 5 against 10 of 15 pairs: twice the binomial tail
    tail = sum([1, 15, 105, 455, 1365, 3003]) / 2**15
    assert of["agree/p_mcnemar"].value == pytest.approx(2 * tail)
    assert of["agree/RESPFL=Y;MRDFL=N/n"].value == 5


def test_agreement_of_nobody_and_of_one_category() -> None:
    assert both()["agree/agreement"].reason == "nobody has both classifications"
    same = both(("Y", "Y", 3))
    assert same["agree/agreement"].value == 1
    assert same["agree/kappa"].reason == "all are in one category"
    assert same["agree/p_mcnemar"].reason == "McNemar's test is of two levels; there are 1"


# --- P values adjusted, E-values ---


def test_p_values_of_other_analyses_are_adjusted_for_their_number() -> None:
    tables = adam([subject(str(i), SEX=s, WT=w, RESPFL="YN"[i % 2]) for i, (s, w) in enumerate(
        [("F", w) for w in F] + [("M", w) for w in M])])  # fmt: skip
    adjusted = {"id": "adjusted", "kind": "multiplicity", "of": ["values", "shares/p_fisher", "shares/p_barnard"]}
    of = results_of(tables, VALUES, SHARES | {"tests": ["fisher"]}, adjusted)
    p, q = of["values/p_wilcoxon"].value, of["shares/p_fisher"].value
    assert p is not None and q is not None and p < q
    assert of["adjusted/OF=values/p_adjusted"].value == pytest.approx(2 * p)  # Holm, of two
    assert of["adjusted/OF=shares/p_fisher/p_adjusted"].value == pytest.approx(q)
    assert of["adjusted/OF=values/p_adjusted"].method == of["adjusted/OF=shares/p_fisher/p_adjusted"].method
    assert of["adjusted/OF=values/p_adjusted"].method == (
        "Adjusted by Holm's method (family-wise error rate); family of 2 P values: values: Wilcoxon rank-sum test; "
        "shares: Fisher's exact test"
    )
    assert of["adjusted/OF=shares/p_barnard/p_adjusted"].reason == "shares/p_barnard has no P value"


def test_an_e_value_of_each_ratio_and_of_its_limit() -> None:
    own = [(d, "death" if e else None, {"STAGE": s}) for d, e, s in zip(DAY, EVENT, STAGE, strict=True)]
    cox = {"id": "cox", "kind": "cox", "endpoint": "RFS", "covariates": ["STAGE"]}
    of = results_of(people(*own), cox, {"id": "e", "kind": "e_value", "of": "cox", "common": False})
    ratio = of["cox/TERM=STAGE=EARLY/hazard_ratio"].value or 0
    assert ratio > 1
    assert of["e/TERM=STAGE=EARLY/e_value"].value == pytest.approx(ratio + (ratio * (ratio - 1)) ** 0.5)
    limit = of["cox/TERM=STAGE=EARLY/hazard_ratio"].lower or 0
    assert limit > 1
    assert of["e/TERM=STAGE=EARLY/e_value_limit"].value == pytest.approx(limit + (limit * (limit - 1)) ** 0.5)


def test_an_e_value_without_a_model_says_why() -> None:
    cox = {"id": "cox", "kind": "cox", "endpoint": "RFS", "covariates": ["STAGE"]}
    of = results_of(people(), cox, {"id": "e", "kind": "e_value", "of": "cox"})
    assert of["e/e_value"].reason == of["cox/model"].reason == "no patients with a time and all covariates"


def test_times_in_a_reason_or_warning_are_months() -> None:
    of = cohort(restricted_mean_months=[4, 12])
    early, late = (of[f"curves/STAGE={s}/restricted_mean@{m}"] for s, m in (("EARLY", 4), ("LATE", 12)))
    assert early.warnings == ("everyone had the event by day 100, before the restriction time 4 months",)
    assert late.reason == "the last patient was censored on day 200, before the restriction time 12 months"


def test_the_order_of_the_alphabet_is_no_order_for_a_trend() -> None:
    ages = {"AGEGRP": {"label": "Age group", "from": "MH", "value": "MHORRES"}}
    groups = [("<40", 1), ("40-60", 4), (">60", 6)]
    rows = [(30, None, {"STAGE": g, "RESPFL": "Y" if i < n else "N"}) for g, n in groups for i in range(10)]
    undeclared = {"STAGE": {"label": "Age group", "from": "MH", "value": "MHORRES"}} | ages
    of = results_of(people(*rows), SHARES | {"by": "STAGE", "tests": ["trend"]}, characteristics=undeclared)
    assert (
        of["shares/p_trend"].reason
        == "age group has no declared order of its levels (`categories`), so there is no trend"
    )
    of = results_of(people(*rows), CURVES | {"by": "STAGE", "tests": ["trend"]}, characteristics=undeclared)
    assert of["curves/p_trend"].value is None and "no declared order" in of["curves/p_trend"].reason


def test_a_trend_prints_its_order_and_scores() -> None:
    declared = {"STAGE": {"label": "Age", "from": "MH", "value": "MHORRES", "categories": ["<40", "40-60", ">60"]}}
    groups = [("<40", 5), ("40-60", 15), (">60", 25)]
    rows = [(30, None, {"STAGE": g, "RESPFL": "Y" if i < n else "N"}) for g, n in groups for i in range(50)]
    asked = SHARES | {"by": "STAGE", "tests": ["trend"]}
    r = results_of(people(*rows), asked, characteristics=declared)["shares/p_trend"]
    assert r.value == pytest.approx(1.274967492e-05, rel=1e-9)  # R: prop.trend.test(c(5, 15, 25), c(50, 50, 50))
    assert "<40 0, 40-60 1, >60 2" in r.method
    scored = results_of(people(*rows), asked | {"scores": [0, 1, 3]}, characteristics=declared)["shares/p_trend"]
    assert (
        scored.value == pytest.approx(trend_test([5, 15, 25], [50, 50, 50], [0, 1, 3]).p) and ">60 3" in scored.method
    )


def test_a_flag_in_table_1_differs_in_the_direction_of_the_yes() -> None:
    rows = [(30, None, {"SEX": s, "MRDFL": "Y" if i < n else "N"}) for s, n in (("F", 2), ("M", 8)) for i in range(10)]
    report = {"table1": ["MRDFL"], "table1_by": "SEX", "table1_tests": "ranks"}
    r = results_of(people(*rows), report=report)["table1.mrdfl/smd"]
    # 80 % against 20 %: 0.6 / sqrt((0.16 + 0.16) / 2), positive because the second column has more of the yes
    assert r.value == pytest.approx(0.6 / 0.4)
    assert r.method == "Standardised difference of Yes, Male against Female"


def test_a_column_without_values_has_no_standardised_difference() -> None:
    rows = [(30, None, {"SEX": s, "WT": w}) for s, w in (("F", 60.0), ("F", 70.0), ("M", None))]
    of = results_of(people(*rows), report={"table1": ["WT"], "table1_by": "SEX", "table1_differences": True})
    assert of["table1.wt/smd"].reason == "fewer than two columns have values"
    three = [*rows, (30, None, {"SEX": "U", "WT": 80.0}), (30, None, {"SEX": "U", "WT": 90.0})]
    of = results_of(people(*three), report={"table1": ["WT"], "table1_by": "SEX", "table1_differences": True})
    assert of["table1.wt/smd"].reason == "3 columns, where two are compared"


def test_standardised_differences_are_had_without_tests_and_only_between_two_columns() -> None:
    rows = [(30, None, {"SEX": s, "MRDFL": "Y", "SITEID": c}) for s, c in (("F", "A"), ("M", "A"), ("F", "A"))]
    asked = {"table1": ["SEX"], "table1_by": "SITEID", "table1_differences": True}
    of = results_of(people(*rows), report=asked)
    assert of["table1.sex/smd"].reason == "1 column, where two are compared"
    assert of.get("table1.sex", "p") is None
    silent = results_of(people(*rows), report={"table1": ["SEX"], "table1_by": "MRDFL"})
    assert silent.get("table1.sex", "smd") is None
