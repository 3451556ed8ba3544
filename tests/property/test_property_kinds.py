"""Every kind of analysis, of any small study: it pools, and it says why where it can compute nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chartline.counts.count import count_analyses
from chartline.counts.model import Counts, add_counts
from chartline.counts.serialise import counts_from_json, counts_to_json
from chartline.derive.model import Adam
from chartline.results.model import Results
from chartline.results.serialise import result_rows, results_from_rows
from chartline.stats.estimate import estimate_all, estimate_curves
from counts_cases import DIGEST, adam, attrition, time
from kinds_cases import course, day, every_kind

PROTOCOL = every_kind(report={"table1": ["WT", "STAGE"], "table1_by": "SEX", "table1_tests": "ranks"})
DAYS = st.none() | st.integers(0, 300)


@st.composite
def one(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "values": {
            "SITEID": draw(st.sampled_from(["A", "B"])),
            "SEX": draw(st.sampled_from(["F", "M", "M", None])),
            "AGE": draw(st.none() | st.integers(20, 70)),
            "WT": draw(st.none() | st.sampled_from([50.0, 60.0, 70.5])),
            "STAGE": draw(st.sampled_from(["LATE", "EARLY", None])),
            "RESPFL": draw(st.sampled_from(["Y", "N", None])),
            "MRDFL": draw(st.sampled_from(["Y", "N"])),
            "TOXFL": draw(st.sampled_from(["Y", "N", None])),
            "ONTRTEDT": day(draw(st.integers(0, 90))),
        },
        "days": {
            "transplant": draw(DAYS),
            "relapse": draw(DAYS),
            "death": draw(DAYS),
            "seen": draw(st.integers(0, 300)),
        },
        "toxicity": draw(st.lists(st.none() | st.integers(0, 200), max_size=4)),
        "part": draw(st.integers(0, 1)),
    }


def tables(people: list[tuple[str, dict[str, Any]]]) -> Adam:
    subjects = [course(i, **p["days"], **p["values"]) for i, p in people]
    times, assessed = [], {}
    for i, p in people:
        ends = [(d, c) for c in ("relapse", "death") if (d := p["days"][c]) is not None]
        end, cause = min(ends) if ends else (max(p["days"]["seen"], p["days"]["transplant"] or 0), None)
        times.append(time(i, end, cause))
        assessed[i] = [end // 2]
    doses = [{"CENTRE": p["values"]["SITEID"], "USUBJID": i, "CYCLE": c, "CYSTDT": day(28 * (c - 1))} for i, p in people
             for c in (1, 2)]  # fmt: skip
    toxic = [episode(i, p["values"]["SITEID"], d) for i, p in people for d in p["toxicity"]]
    return adam(subjects, times, assessed=assessed, doses=doses, episodes=toxic)


def episode(subject: str, centre: str, begins: int | None) -> dict[str, Any]:
    """An episode of the flag TOXFL, of a week; a day of None is not known."""
    row = {"CENTRE": centre, "USUBJID": subject, "FLAG": "TOXFL", "SRC": "AE", "ASTDY": begins}
    if begins is None:
        return row
    return row | {"ASTDT": day(begins), "AENDT": day(begins + 7), "ACYCLE": 1 if begins < 28 else 2}


def count(of: Adam) -> Counts:
    return count_analyses(of, attrition(of), PROTOCOL, DIGEST)


# not shrunk: a failing study of two dozen patients would be for minutes
@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(one(), max_size=24))
def test_every_kind_pools_and_never_fails(people: list[dict[str, Any]]) -> None:
    named = [(f"S{i}", p) for i, p in enumerate(people)]
    whole = count(tables(named))
    pooled = add_counts(count(tables([p for p in named if p[1]["part"] == part])) for part in range(2))
    assert pooled == whole
    assert counts_from_json(counts_to_json(pooled)) == whole
    rows = estimate_all(whole, PROTOCOL)
    assert rows == estimate_all(pooled, PROTOCOL)
    results = Results(rows, DIGEST, "data")  # no id twice, a reason for each missing value
    assert list(results_from_rows(result_rows(results))) == list(results)
    for r in results:
        assert r.unit != "P" or r.value is None or 0 <= r.value <= 1
        if r.unit == "proportion" and r.value is not None:
            assert -1e-12 <= r.value <= 1 + 1e-12
            assert r.lower is None or r.lower <= r.value + 1e-9
            assert r.upper is None or r.upper >= r.value - 1e-9
    for analysis in PROTOCOL.analyses:
        assert results.of(analysis.id), f"{analysis.id} has no row"
    estimate_curves(whole, PROTOCOL)
