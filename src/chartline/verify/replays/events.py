"""Replays of event rates and mean cumulative counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chartline.stats.competing.mean_count import estimate_mean_count
from chartline.stats.survival.event_rate import estimate_event_rate
from chartline.verify.cases import Case, Replay


def _rate(case: Case) -> dict[str, Any]:
    (events,), (time,) = case.column("events"), case.column("time")
    return asdict(estimate_event_rate(events, time, **case.arguments))


def _mean_count(case: Case) -> dict[str, Any]:
    events = [[float(day) for day in text.split()] for text in case.column("events")]
    fit = estimate_mean_count(events, case.column("end"), case.column("dead"))
    read = [fit.at(day) for day in case.arguments["days"]]
    return {"count": [r[0] for r in read], "std_error": [r[1] for r in read]}


REPLAYS: dict[str, Replay] = {"event_rate": _rate, "mean_cumulative_count": _mean_count}
