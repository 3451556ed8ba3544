"""Any split of the subjects pools to the whole: the counts exactly, and so every result."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts.count import count_analyses
from chartline.counts.model import add_counts
from chartline.counts.serialise import counts_from_json, counts_to_json
from chartline.derive.model import Adam
from chartline.stats.estimate import estimate_all
from counts_cases import DIGEST, Row, adam, attrition, tiny_protocol

PROTOCOL = tiny_protocol()
FLAG = st.sampled_from(["Y", "N", None])
GRADE = st.none() | st.integers(0, 4)


@st.composite
def one(draw: st.DrawFn) -> dict[str, Any]:
    """One subject: its rows of every table, without an id."""
    site = draw(st.sampled_from(["A", "B", "C"]))
    return {
        "adsl": {
            "CENTRE": site,
            "SITEID": site,
            "ELIGFL": draw(st.sampled_from(["Y", "Y", "Y", "N", None])),
            "RESPFL": draw(FLAG),
            "MRDFL": draw(FLAG),
            "NDOSE": draw(st.none() | st.integers(0, 12)),
            "WT": draw(st.none() | st.sampled_from([40.5, 59.9, 60.0, 0.1 + 0.2])),
            "STAGE": draw(st.sampled_from(["LATE", "EARLY", "?", None])),
        },
        "time": draw(st.none() | st.tuples(st.integers(0, 400), st.sampled_from(["relapse", "death", None]))),
        "lab": draw(st.none() | st.tuples(st.sampled_from(["ALT", "HB"]), GRADE, GRADE)),
        "ae": draw(st.none() | st.tuples(st.sampled_from(["Nausea", "NAUSEA", "Alt increased"]), GRADE)),
        "withheld": draw(st.sampled_from([None, None, "ADSL.RESPFL", "ADSL.MRDFL", "ADTTE.RFS"])),
        "part": draw(st.integers(0, 2)),
    }


def tables(people: list[tuple[str, dict[str, Any]]]) -> Adam:
    def rows(key: str, make: Any) -> list[Row]:
        return [{"USUBJID": i, **make(p[key])} for i, p in people if p[key] is not None]

    return adam(
        rows("adsl", dict),
        rows("time", lambda t: {"PARAMCD": "RFS", "AVAL": t[0], "CNSR": 0 if t[1] else 1, "CAUSE": t[1]}),
        rows("lab", lambda x: {"LBTESTCD": x[0], "BTOXGR": x[1], "ATOXGR": x[2], "ANL01FL": "Y"}),
        rows("ae", lambda x: {"AETERM": x[0], "AETOXGR": x[1], "TRTEMFL": "Y"}),
        rows("withheld", lambda item: {"ITEM": item, "QUERY": "Q1"}),
    )


def count(of: Adam) -> Any:
    return count_analyses(of, attrition(of), PROTOCOL, DIGEST)


SOME = settings(max_examples=8, deadline=None)


@SOME
@given(st.lists(one(), max_size=20))
def test_any_split_of_the_subjects_pools_to_the_whole(people: list[dict[str, Any]]) -> None:
    named = [(f"S{i}", p) for i, p in enumerate(people)]
    whole = count(tables(named))
    pooled = add_counts(count(tables([p for p in named if p[1]["part"] == part])) for part in range(3))
    assert pooled == whole
    assert estimate_all(pooled, PROTOCOL) == estimate_all(whole, PROTOCOL)
    assert counts_from_json(counts_to_json(pooled)) == whole


@SOME
@given(st.lists(one(), max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(people: list[dict[str, Any]], rng: random.Random) -> None:
    of = tables([(f"S{i}", p) for i, p in enumerate(people)])
    turned = Adam(
        {name: t.sample(fraction=1, shuffle=True, seed=rng.randrange(1000)) for name, t in of.tables.items()},
        of.trace,
        of.withheld.reverse(),
        {},
    )
    assert counts_to_json(count(turned)) == counts_to_json(count(of))


@SOME
@given(st.lists(one(), max_size=20))
def test_every_member_of_a_set_has_one_role(people: list[dict[str, Any]]) -> None:
    """In the set for certain = counted + not counted + missing + withheld, and never twice."""
    from chartline.counts.count import members

    of = tables([(f"S{i}", p) for i, p in enumerate(people)])
    eligible = of["ADSL"].filter(pl.col("ELIGFL") == "Y")["USUBJID"].sort()
    for name in ("response", "deep", "doses", "stage"):
        frame = members(of, PROTOCOL, PROTOCOL.analysis(name))
        assert frame["USUBJID"].sort().to_list() == eligible.to_list()
        assert frame["ROLE"].null_count() == 0
