"""Whatever the patients: scanned, they give the numbers at risk of plain arrays, and parts add up to the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.counts import scan
from chartline.counts.scan import scan_episodes
from chartline.stats import Episodes

PATIENT = st.tuples(
    st.integers(1, 12), st.integers(0, 2), st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 5)
)


def frame(patients: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {"day": pl.Int16, "event": pl.Int8, "arm": pl.String, "site": pl.String, "entry": pl.Int32}
    return pl.DataFrame([(d + e, k, a, s, e) for d, k, a, s, e in patients], schema=schema, orient="row")


def table(e: Episodes) -> tuple[Any, ...]:
    by = [(e.groups[g], e.strata[s]) for g, s in zip(e.group.tolist(), e.stratum.tolist(), strict=True)]
    rows = zip(by, e.entry.tolist(), e.exit.tolist(), e.status.tolist(), e.count.tolist(), strict=True)
    total: dict[Any, int] = {}
    for *key, count in rows:
        total[tuple(key)] = total.get(tuple(key), 0) + count
    return tuple(sorted(total.items()))


@settings(max_examples=40, deadline=None)
@given(st.lists(PATIENT, min_size=1, max_size=30), st.integers(0, 30), st.booleans(), st.booleans())
def test_scanned_is_plain_and_parts_are_the_whole(
    patients: list[tuple[Any, ...]], cut: int, late: bool, always: bool
) -> None:
    room, scan.ROOM = scan.ROOM, 10**6 if always else scan.ROOM  # counted even where it does not pay, or not
    try:
        options: dict[str, Any] = {"time": "day", "event": "event", "group": "arm", "strata": ("site",)}
        options |= {"entry": "entry"} if late else {}
        data = frame(patients)
        whole = scan_episodes(data.lazy(), causes=("one", "two"), **options)
        parts = [scan_episodes(p.lazy(), causes=("one", "two"), **options) for p in (data[:cut], data[cut:])]
    finally:
        scan.ROOM = room
    plain = Episodes.of(
        data["day"], data["event"], entry=data["entry"] if late else None, group=data["arm"].to_numpy(),
        strata=data["site"].to_numpy(), causes=("one", "two"),
    )  # fmt: skip
    assert table(Episodes.from_columns(whole)) == table(plain)
    assert table(Episodes.from_columns(parts[0] + parts[1])) == table(plain)
    assert np.array_equal(Episodes.from_columns(whole).risk.at_risk, plain.risk.at_risk)
