"""Knowing less never turns met into not met, nor the reverse: it can only make a syndrome not assessable."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.derive.syndrome_logic import truth_of
from chartline.derive.syndrome_rules import Requirement, available_syndromes, load_syndrome, names_in
from derive_cases import bare, derive

VALUES = (True, None, False)
EXHAUSTIVE = 8  # items: 3^8 states


def _requirements() -> list[tuple[str, Requirement]]:
    out = []
    for name in available_syndromes():
        rules = load_syndrome(name)
        out += [(f"{name} {p.code}", p.requires) for p in rules.pathways]
        out += [(f"{name} {g.code}", g.requires) for g in (rules.grading.grades if rules.grading else ())]
    return [(what, r) for what, r in out if list(names_in(r))]


def _fillable(requirement: Requirement) -> bool:
    """Whether every way of filling unknown items can be tried, and Kleene's answer is the sharpest there is."""
    names = list(names_in(requirement))
    return len(names) <= 6 and len(names) == len(set(names))


def _states(n: int) -> list[tuple[bool | None, ...]]:
    """Every state of n items, or, of many items, those of the first eight with the rest at each value in turn."""
    head = list(product(VALUES, repeat=min(n, EXHAUSTIVE)))
    return [h + (v,) * (n - len(h)) for h in head for v in (VALUES if n > EXHAUSTIVE else (None,))]


@pytest.mark.parametrize(("what", "requirement"), _requirements(), ids=lambda v: v if isinstance(v, str) else "")
def test_an_item_made_unknown_only_makes_it_unknown(what: str, requirement: Requirement) -> None:
    names = list(dict.fromkeys(names_in(requirement)))
    states = _states(len(names))
    frame = pl.DataFrame(states, schema=dict.fromkeys(names, pl.Boolean), orient="row")
    known = frame.select(truth_of(requirement, {n: pl.col(n) for n in names})).to_series()
    for hidden in names:
        items = {n: pl.lit(None, pl.Boolean) if n == hidden else pl.col(n) for n in names}
        less = frame.with_columns(truth_of(requirement, items).alias("less"))["less"]
        changed = (known != less) & known.is_not_null() & less.is_not_null()
        assert not changed.any(), (what, hidden)
        # Where the whole was already unknown, knowing less cannot decide it.
        assert less.filter(known.is_null()).null_count() == known.null_count(), (what, hidden)


@pytest.mark.parametrize(
    ("what", "requirement"),
    [r for r in _requirements() if _fillable(r[1])],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_unknown_means_that_the_unknown_items_could_decide_either_way(what: str, requirement: Requirement) -> None:
    names = list(names_in(requirement))
    frame = pl.DataFrame(
        list(product(VALUES, repeat=len(names))), schema=dict.fromkeys(names, pl.Boolean), orient="row"
    )
    truth = frame.with_columns(truth_of(requirement, {n: pl.col(n) for n in names}).alias("IS"))
    full = {row[:-1]: row[-1] for row in truth.iter_rows() if None not in row[:-1]}
    for *state, verdict in truth.iter_rows():
        filled = {full[f] for f in product(*[(True, False) if v is None else (v,) for v in state])}
        assert filled == ({True, False} if verdict is None else {verdict}), (what, state)


FINDINGS = ("BILI_MGDL", "HEPATOMEG", "RUQPAIN", "WTGAIN", "ASCITES", "DOPPLER", "HVPG", "HISTOLOGY", "MOD", "SIGNDAYS")
ANSWERS = st.sampled_from(["Y", "N", "1", "3", "6", "9", "12", "maybe"])
DAYS = st.sampled_from(["2020-03-05", "2020-03-22", "2020-03-23", "2020-04-10", "2020-03", ""])
SETS = ("vod_seattle", "vod_baltimore", "vod_ebmt_2016", "vod_ebmt_2023")


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(FINDINGS), DAYS, ANSWERS), max_size=14), hidden=st.sampled_from(FINDINGS)
)
def test_a_finding_struck_from_the_chart_makes_no_verdict_turn(rows: list[tuple[str, str, str]], hidden: str) -> None:
    def verdicts(of: list[tuple[str, str, str]]) -> dict[str, str]:
        lines = [f"P1|VOD/SOS|{code}|{day}|{answer}" for code, day, answer in of]
        tables = {
            "EX": "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1",
            "PR": "USUBJID|PRTRT|PRSTDTC|PRTIMING\nP1|ALLOGENEIC HSCT|2020-03-01|AFTER",
        }
        if lines:
            tables["FA"] = "\n".join(["USUBJID|FAOBJ|FATESTCD|FADTC|FAORRES", *lines])
        adam = derive(tables, **bare() | {"syndromes": {name.upper(): {"criteria": name} for name in SETS}})
        return dict(adam["ADSYN"].select("PARAMCD", "AVALC").iter_rows())

    whole, less = verdicts(rows), verdicts([r for r in rows if r[0] != hidden])
    for name in whole:
        assert {whole[name], less[name]} != {"MET", "NOT MET"}, name
        assert whole[name] != "NOT ASSESSABLE" or less[name] == "NOT ASSESSABLE", name
