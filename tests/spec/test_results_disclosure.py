"""The rule of small cells on results: what is hidden so that a small number neither shows nor follows."""

from __future__ import annotations

import pytest

from chartline.results.disclosure import group_parts, hidden_results
from chartline.results.model import Result


def count(analysis: str, group: str, n: int, total: int | None = None, statistic: str = "n") -> Result:
    return Result(analysis, statistic, float(n), group, n=n, N=total, unit="patients", is_count=True)


def rate(analysis: str, n: int, total: int, group: str = "") -> Result:
    return Result(analysis, "proportion", n / total, group, n=n, N=total, unit="proportion", method="share")


def hidden(*rows: Result, smallest: int = 5) -> set[str]:
    return set(hidden_results(rows, smallest))


@pytest.mark.parametrize(("n", "hides"), [(0, False), (1, True), (4, True), (5, False), (6, False)])
def test_a_number_from_one_to_below_the_threshold_is_hidden(n: int, hides: bool) -> None:
    assert bool(hidden(count("a", "", n, 100), rate("a", n, 100))) == hides


@pytest.mark.parametrize(("n", "hides"), [(100, False), (99, True), (96, True), (95, False), (94, False)])
def test_who_is_left_of_the_total_counts_as_well(n: int, hides: bool) -> None:
    assert hidden(rate("a", n, 100)) == ({"a/proportion"} if hides else set())


def test_a_small_number_takes_its_whole_group_with_it_and_no_other() -> None:
    median = Result("os", "median", 5.7, "STATUS=R", unit="months", n=3, N=7, method="Kaplan-Meier")
    beside = Result("os", "restricted_mean", 3.2, "STATUS=R", unit="months", N=7, method="area")
    other = Result("os", "median", 8.1, "STATUS=S", unit="months", n=20, N=25, method="Kaplan-Meier")
    assert hidden(median, beside, other) == {"os/STATUS=R/median", "os/STATUS=R/restricted_mean"}


def test_a_threshold_of_one_hides_nothing() -> None:
    assert hidden(count("a", "", 1, 2), smallest=1) == set()


def test_a_least_or_greatest_value_is_that_of_one_patient() -> None:
    rows = [Result("age", s, 40.0, unit="years", n=30, N=30, method=s) for s in ("min", "median", "max")]
    assert hidden(*rows) == {"age/min", "age/max"}


def test_one_hidden_level_would_follow_from_the_total_so_the_next_smallest_goes_too() -> None:
    """40 = 3 + 12 + 25: with only 3 hidden it is 40 - 12 - 25. With 12 hidden too, 15 is shared by both."""
    rows = [count("bor", f"BOR={level}", n, 40) for level, n in (("A", 3), ("B", 12), ("C", 25))]
    assert hidden(*rows) == {"bor/BOR=A/n", "bor/BOR=B/n"}


def test_hidden_levels_that_are_a_small_cell_together_are_not_enough() -> None:
    """1 + 2 = 3 patients are left of 40 - 12 - 25: who are few are still few, so 12 goes too."""
    rows = [count("bor", f"BOR={level}", n, 40) for level, n in (("A", 1), ("B", 2), ("C", 12), ("D", 25))]
    assert hidden(*rows) == {"bor/BOR=A/n", "bor/BOR=B/n", "bor/BOR=C/n"}


def test_levels_that_do_not_make_up_the_total_give_nothing_away() -> None:
    """Adverse events: a patient has several, so 3 does not follow from the others."""
    rows = [count("ae", f"TERM={t}", n, 40) for t, n in (("A", 3), ("B", 12), ("C", 31))]
    assert hidden(*rows) == {"ae/TERM=A/n"}


def test_a_table_is_looked_at_along_both_of_its_variables() -> None:
    """Men by centre: A 3 hidden, B 20; women: A 9, B 20. 3 follows from A's 12 patients (hide A's women) and from the
    23 men (hide B's men); then B's and the women's lines have one hidden each, and the last cell goes as well."""
    cells = {("A", "M"): 3, ("A", "F"): 9, ("B", "M"): 20, ("B", "F"): 20}
    of_centre, of_sex = {"A": 12, "B": 40}, {"M": 23, "F": 29}
    rows = [count("sex", f"SITEID={c};SEX={s}", n, of_centre[c]) for (c, s), n in cells.items()]
    rows += [count("sex", f"SEX={s}", n, 52) for s, n in of_sex.items()]
    assert hidden(*rows) == {f"sex/SITEID={c};SEX={s}/n" for c, s in cells}


def steps(*left: int) -> list[Result]:
    rows, now = [count("attrition", "", 50, statistic="screened")], 50
    for i, gone in enumerate(left):
        group = f"STEP={i}"
        rows += [count("attrition", group, now, statistic="n_in"), count("attrition", group, gone, statistic="n_no")]
        now -= gone
        rows.append(count("attrition", group, now, statistic="n_out"))
    return [*rows, count("attrition", "", now, statistic="eligible")]


def test_a_small_number_of_excluded_hides_every_step_for_it_follows_from_those_around_it() -> None:
    out = hidden(*steps(10, 2))
    assert {i.split("/")[1] for i in out} == {"STEP=0", "STEP=1"} and len(out) == 6
    assert hidden(*steps(10, 5)) == set()


def test_the_screened_are_hidden_where_the_excluded_are_few_in_all() -> None:
    out = hidden(*steps(1, 2), count("screened", "", 50))
    assert {"attrition/screened", "attrition/eligible", "screened/n"} <= out


def test_a_level_may_hold_a_semicolon() -> None:
    assert group_parts("TERM=rash; mild;GRADE=2") == (("TERM", "rash; mild"), ("GRADE", "2"))
