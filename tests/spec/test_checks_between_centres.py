"""What the checks between centres tell: one centre against all others, from ten patients on each side.

Centres A and B of every table are alike; C is the odd one out, or its sound neighbour. Chances are held against R
(4.2.2).
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from chartline.checks.comparisons import fisher, rank_sum, uneven_digits
from chartline.checks.engine import Asks
from chartline.core.query import Query, Severity
from checks_cases import alone, asked_both_ways
from derive_cases import protocol
from truth_data import tiny

NOTE, WARN = Severity.NOTE, Severity.WARN


def people(centre: str, n: int = 12) -> list[str]:
    return [f"{centre}{i:02}" for i in range(1, n + 1)]


def doses(*centres: str, n: int = 12) -> str:
    rows = [f"{c} | {p} | 2020-01-01" for c in centres for p in people(c, n)]
    return "\n".join(["CENTRE | USUBJID | EXSTDTC", *rows])


def labs(rows: Iterable[tuple[str, str, str, object]]) -> str:
    lines = [f"{c} | {p} | {test} | 2020-01-02 | {v} | {v}" for c, p, test, v in rows]
    return "\n".join(["CENTRE | USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN", *lines])


def told(rule: str, **tables: str) -> list[Query]:
    data = tiny(**{"EX": doses("A", "B", "C"), **tables})
    return [q for q in asked_both_ways(data, Asks(alone(protocol(), rule))) if q.rule == rule]


def one(queries: list[Query], message: str, severity: Severity = NOTE) -> Query:
    assert [(q.centre, q.subject, q.message, q.severity) for q in queries] == [("C", "", message, severity)]
    return queries[0]


# --- the chances, as R has them


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 10, 30, 40), 0.0206698730784079),  # fisher.test(matrix(c(3, 7, 30, 10), 2, byrow = TRUE))
        ((10, 10, 2, 20), 2.19670384587926e-06),
        ((5, 10, 10, 20), 1.0),
    ],
)
def test_fishers_exact_test(table: tuple[int, int, int, int], p: float) -> None:
    assert fisher(*table) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "p"),
    [
        ((30, 10, 5, 5, 10, 20, 5, 5, 5, 5), 1.44272266108416e-10),  # chisq.test(x)
        ((12, 9, 11, 8, 10, 10, 13, 7, 9, 11), 0.964294972685089),
    ],
)
def test_ten_equal_shares(counts: tuple[int, ...], p: float) -> None:
    assert uneven_digits(counts) == pytest.approx(p, rel=1e-12)


def test_the_rank_sum_with_ties() -> None:
    """wilcox.test(x, y, exact = FALSE): W = 6.5 of 110 pairs, p = 0.000693351052550717."""
    x, y = [5, 9, 3, 9, 7, 12, 1, 4, 6, 8], [9, 11, 14, 9, 16, 13, 15, 12, 10, 18, 20]
    both = sorted(x + y)
    rank = {v: sum(i for i, w in enumerate(both, 1) if w == v) / both.count(v) for v in both}
    ties = sum(both.count(v) ** 3 - both.count(v) for v in set(both))
    share, p = rank_sum(len(x), len(both), sum(rank[v] for v in x), ties)
    assert share == pytest.approx(6.5 / 110)
    assert p == pytest.approx(0.000693351052550717, rel=1e-12)


# --- values


def centre_values(test: str, of_c: list[float], n: int = 12) -> str:
    usual = [("A", p, test, 60 + 3 * i) for i, p in enumerate(people("A", n))]
    usual += [("B", p, test, 61 + 3 * i) for i, p in enumerate(people("B", n))]
    return labs([*usual, *(("C", p, test, v) for p, v in zip(people("C", len(of_c)), of_c, strict=True))])


def test_a_centre_whose_values_lie_apart() -> None:
    """A and B: creatinine 60 to 94, median 77; C: 110 to 143, median 126.5, higher in every pair."""
    q = one(
        told("centre_values_apart", LB=centre_values("CREA", [110.0 + 3 * i for i in range(12)])),
        "Creatinine is higher at this centre than elsewhere: a median of 126 µmol/L in 12 patients, against 77 in 24.",
    )
    assert q.addresses == tuple(f"lb.csv!row {n}!LBSTRESN" for n in (26, 27, 28))


@pytest.mark.parametrize(
    "of_c",
    [
        [62.0 + 3 * i for i in range(12)],  # like the others
        [66.0 + 3 * i for i in range(12)],  # a little higher
        [110.0 + 3 * i for i in range(9)],  # too few patients
    ],
)
def test_a_centre_like_the_others_or_with_few_patients_is_not_told(of_c: list[float]) -> None:
    assert told("centre_values_apart", LB=centre_values("CREA", of_c)) == []


def test_a_centre_whose_patients_are_too_alike() -> None:
    """C: 77.0 to 78.1; the middle distance from the median is 0.4 % there and about 12 % elsewhere."""
    q = one(
        told("centre_values_alike", LB=centre_values("CREA", [77.0 + 0.1 * i for i in range(12)])),
        "Creatinine of the 12 patients of this centre is unusually alike: the middle patient is 0 % away from the "
        "centre's median, elsewhere 12 % (24 patients).",
    )
    assert q.addresses[0] == "lb.csv!row 26!LBSTRESN"
    assert told("centre_values_alike", LB=centre_values("CREA", [40.0 + 9 * i for i in range(12)])) == []


def test_a_centre_in_another_unit() -> None:
    """Bilirubin 60 to 82 umol/L at A and B, 4 mg/dL (68 umol/L) at C: 71 is 17.1 times 4.2, within 1.5."""
    usual = [(c, p, "BILI", 60 + 3 * i + k) for k, c in enumerate("AB") for i, p in enumerate(people(c, 6))]
    odd = [("C", p, "BILI", round(3.9 + 0.1 * i, 1)) for i, p in enumerate(people("C", 5))]
    one(
        told("unit_of_centre", LB=labs([*usual, *odd])),
        "Bilirubin (total): the median of the 5 patients of this centre is 4.1 µmol/L, that of the centres together "
        "67.5, as if at this centre numbers in mg/dL were carried as µmol/L.",
        WARN,
    )
    assert told("unit_of_centre", LB=labs([*usual, *odd[:4]])) == []
    assert told("unit_of_centre", LB=labs([*usual[6:], *odd])) == []  # two centres: which of them is it?
    ill = [("C", p, "BILI", 15 + i) for i, p in enumerate(people("C", 5))]
    assert told("unit_of_centre", LB=labs([*usual, *ill])) == []


# --- rates


def assessed(responders: dict[str, int], n: int = 12) -> str:
    rows = [
        f"{c} | {p} | 2020-01-25 | 1 | 2 | {'CR' if i < k else 'NR'}"
        for c, k in responders.items()
        for i, p in enumerate(people(c, n))
    ]
    return "\n".join(["CENTRE | USUBJID | RSDTC | RSCYCLE | BMBLAST | INVRESP", *rows])


def test_a_centre_where_everybody_responds() -> None:
    """12 of 12 against 10 of 24: Fisher's p is 0.0008, times three centres 0.0024."""
    q = one(
        told("centre_responders", RS=assessed({"A": 5, "B": 5, "C": 12})),
        "A response is recorded of 12 of 12 patients (100 %) at this centre, elsewhere of 10 of 24 (42 %).",
    )
    assert q.addresses == tuple(f"rs.csv!row {n}!INVRESP" for n in (26, 27, 28))
    assert told("centre_responders", RS=assessed({"A": 5, "B": 5, "C": 9})) == []
    assert told("centre_responders", RS=assessed({"A": 4, "B": 4, "C": 9}, n=9)) == []


def events(per_patient: dict[str, list[int]]) -> str:
    rows = [
        f"{c} | {p} | Event {k} | 2020-01-05"
        for c, counts in per_patient.items()
        for p, n in zip(people(c), counts, strict=True)
        for k in range(n)
    ]
    return "\n".join(["CENTRE | USUBJID | AETERM | AESTDTC", *rows])


def test_a_centre_that_records_few_adverse_events() -> None:
    usual = [3, 4, 5, 6, 3, 4, 5, 6, 3, 4, 5, 6]  # 54 of 12 patients, 4.5 each
    few = [0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]
    one(
        told("centre_events", AE=events({"A": usual, "B": usual, "C": few})),
        "The 12 treated patients of this centre have 0.2 adverse events each, those elsewhere 4.5 (24 patients).",
    )
    assert told("centre_events", AE=events({"A": usual, "B": usual, "C": [2, 3, 4, 5] * 3})) == []


# --- how a centre records


def graded(blank_of_c: int) -> str:
    rows = [
        f"{c} | {p} | Event {k} | 2020-01-05 | {'' if c == 'C' and k < blank_of_c else 2}"
        for c in "ABC"
        for p in people(c)
        for k in range(3)
    ]
    return "\n".join(["CENTRE | USUBJID | AETERM | AESTDTC | AETOXGR", *rows])


def test_a_centre_that_leaves_grades_blank() -> None:
    q = one(
        told("centre_blanks", AE=graded(2)),
        "CTCAE grade as recorded is blank in 24 of 36 records of this centre, elsewhere in 0 of 72 records.",
    )
    assert q.addresses == tuple(f"ae.csv!row {n}!AETOXGR" for n in (74, 75, 77))


def test_a_centre_that_never_grades_is_a_matter_of_its_mapping() -> None:
    assert told("centre_blanks", AE=graded(3)) == []
    assert told("centre_blanks", AE=graded(0)) == []


def history(partial: int) -> str:
    rows = [
        f"{c} | {p} | T{k} | {'2019-05' if c == 'C' and k < partial else '2019-05-07'}"
        for c in "ABC"
        for p in people(c)
        for k in range(3)
    ]
    return "\n".join(["CENTRE | USUBJID | MHTERM | MHSTDTC", *rows])


def test_a_centre_whose_dates_are_months() -> None:
    """Each patient has 3 dates of history and that of the dose: 2 x 12 of 48 are months at C, none of 96 elsewhere."""
    q = one(
        told("centre_partial_dates", MH=history(2)),
        "24 of 48 dates of this centre are a month or a year alone, elsewhere 0 of 96.",
    )
    assert q.addresses == tuple(f"mh.csv!row {n}!MHSTDTC" for n in (74, 75, 77))
    assert told("centre_partial_dates", MH=history(0)) == []


def haemoglobin(last: list[int], n: int = 100, scale: str = "") -> str:
    return labs(("C", people("C", 20)[i % 20], "HB", f"{70 + i // 2}{last[i % len(last)]}{scale}") for i in range(n))


def test_a_centre_that_prefers_0_and_5() -> None:
    """HB 700, 705, 710, ...: 100 numbers of which each ends in 0 or 5 (bounds aside: these are g/L times ten)."""
    lb = haemoglobin([0, 5]).replace("| HB |", "| ALT |")
    q = one(
        told("terminal_digit", LB=lb),
        "Alanine aminotransferase: the last digit is 0 or 5 in 100 of 100 (a fifth is usual) results of this centre.",
    )
    assert q.addresses[0] == "lb.csv!row 2!LBSTRESN"


def test_a_centre_that_prefers_one_digit() -> None:
    lb = haemoglobin([3, 3, 1, 4, 6, 7, 3, 8, 9, 2]).replace("| HB |", "| ALT |")
    one(
        told("terminal_digit", LB=lb),
        "Alanine aminotransferase: the last digit is 3 in 30 of 100 (a tenth is usual) results of this centre.",
    )


@pytest.mark.parametrize(
    "lb",
    [
        haemoglobin([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),  # every digit alike
        haemoglobin([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], scale="0"),  # counts per uL: the last zero is no digit
        haemoglobin([0, 5], n=99),  # too few
        labs(("C", people("C", 20)[i % 20], "HB", f"{70 + i % 20}5") for i in range(100)),  # twenty different numbers
    ],
)
def test_digits_that_say_nothing(lb: str) -> None:
    assert told("terminal_digit", LB=lb.replace("| HB |", "| ALT |")) == []
