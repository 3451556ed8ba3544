"""Episodes of toxicity (ADTOX): when they begin, when they end, and in which cycle."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.counts.count import count_analyses
from chartline.derive.model import Adam
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all
from counts_cases import attrition
from derive_cases import derive, protocol

EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1\nP1|2020-01-17|1\nP1|2020-02-10|2"
SS = "USUBJID|DTHFL|DTHDTC|LKADTC\nP1|N||2020-12-31"
FLAGS: dict[str, Any] = {
    "LIVFL": {"label": "Liver", "any_of": [{"kind": "lab", "tests": ["ALT"], "min_grade": 3}]},
    "FEVFL": {"label": "Fever", "any_of": [{"kind": "ae", "group": "fever"}]},
}
SHARED = {"label": "x", "population": "safety"}
ANALYSES = [
    {"id": "cycle", "kind": "toxicity_by_cycle", "flag": "LIVFL", **SHARED},
    {"id": "rate", "kind": "exposure_adjusted_rate", "flag": "LIVFL", **SHARED},
    {"id": "onset", "kind": "time_to_onset", "flag": "LIVFL", "at_months": [1], **SHARED},
    {"id": "mean", "kind": "mean_cumulative_count", "flag": "FEVFL", "at_months": [1], **SHARED},
]
OVER: dict[str, Any] = {
    "safety_flags": FLAGS, "ae_groups": {"fever": ["fever"]}, "analyses": ANALYSES, "headline": {}, "published": [],
    "report": {}, "multiverse": None, "laboratory_variants": {},
}  # fmt: skip


def study(*labs: str, events: tuple[str, ...] = (), ss: str = SS, ex: str = EX) -> Adam:
    """ALT `day|value` with upper limit 40; events `term|onset|end|grade`."""
    lb = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI\n" + "\n".join(
        f"P1|ALT|{d}|{v}|40" for d, _, v in (x.partition("|") for x in labs)
    )
    ae = "USUBJID|AETERM|AESTDTC|AEENDTC|AETOXGR\n" + "\n".join(f"P1|{e}" for e in (events or ("Rash|2020-01-20||1",)))
    return derive({"EX": ex, "LB": lb, "AE": ae, "SS": ss}, **OVER)


def episodes(adam: Adam, flag: str = "LIVFL") -> list[tuple[Any, ...]]:
    of = adam["ADTOX"].filter(pl.col("FLAG") == flag)
    return of.select("ASTDY", "ACYCLE", "AENDT", "GRADE").rows()


def results(adam: Adam) -> Results:
    p = protocol(**OVER)
    return Results(estimate_all(count_analyses(adam, attrition(adam), p, "digest"), p), "digest", "data")


def test_an_episode_lasts_until_grade_1_or_baseline() -> None:
    adam = study(
        "2020-01-09|30",
        "2020-01-20|250",  # grade 3: it begins, day 10
        "2020-01-25|150",  # grade 2: still the same
        "2020-01-30|300",
        "2020-02-05|100",  # grade 1: recovered
        "2020-02-12|220",  # a second one, day 33, in cycle 2
    )
    assert episodes(adam) == [(10, 1, dt.date(2020, 2, 5), 3), (33, 2, None, 3)]


def test_a_patient_who_recovers_to_an_abnormal_baseline_has_recovered() -> None:
    # under version 4.03, whose grades are multiples of the limit whatever the baseline: baseline 130 is grade 2
    over = OVER | {"laboratory": {"grading": "ctcae_v4"}}
    lb = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI\nP1|ALT|2020-01-09|130|40\nP1|ALT|2020-01-20|250|40\n"
    adam = derive({"EX": EX, "LB": lb + "P1|ALT|2020-01-25|140|40", "SS": SS}, **over)
    assert episodes(adam) == [(10, 1, dt.date(2020, 1, 25), 3)]


def test_an_adverse_event_is_one_episode_and_may_be_undated() -> None:
    adam = study(events=("Fever|2020-01-12|2020-01-14|2", "Fever|2020-02-11|2020-03|1", "Fever|||1"))
    end = dt.date(2020, 1, 14)
    assert episodes(adam, "FEVFL") == [(2, 1, end, 2), (32, 2, None, 1), (None, None, None, 1)]


def test_the_rows_of_one_patient() -> None:
    adam = study("2020-01-09|30", "2020-01-20|250", "2020-01-30|60", "2020-02-12|220",
                 events=("Fever|2020-01-12|2020-01-14|2", "Fever|2020-01-20|2020-01-21|1"))  # fmt: skip
    get = results(adam).get

    def value(analysis: str, statistic: str, at: float | None = None, group: str = "") -> Any:
        r = get(analysis, statistic, at, group)
        return None if r is None else r.value

    assert [value("cycle", "proportion", None, f"CYCLE={c}") for c in (1, 2)] == [1.0, 1.0]
    # at risk to 42 days after the last dose: 10 January to 23 March, 73 days; the first event on day 10
    assert value("rate", "events") == 2
    assert value("rate", "event_rate") == pytest.approx(2 / 73 * 365.25)
    assert value("rate", "incidence_rate") == pytest.approx(1 / 10 * 365.25)
    assert (value("onset", "onset_median"), value("onset", "recovery_median")) == (10, 10)
    assert value("onset", "incidence", 1) == 1.0
    assert value("mean", "mean_count", 1) == 2.0


def test_an_event_without_a_day_leaves_the_patient_out_visibly() -> None:
    adam = study("2020-01-09|30", "2020-01-20|250", events=("Fever|||2",))
    r = results(adam).get("mean", "mean_count")
    assert r is not None and r.value is None and r.missing == 1 and "no patients" in r.reason


def test_death_ends_the_time_at_risk() -> None:
    ss = "USUBJID|DTHFL|DTHDTC|LKADTC\nP1|Y|2020-01-30|2020-01-30"
    adam = study("2020-01-20|30", ss=ss, ex="USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1")
    counts = count_analyses(adam, attrition(adam), protocol(**OVER), "digest")
    assert counts["rate"].cells == {("", "20", "dead"): 1}  # type: ignore[union-attr]
