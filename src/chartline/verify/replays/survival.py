"""Curves, restricted means, hazards, landmarks, follow-up and sensitivity, computed again on the shipped data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chartline.counts.model import CountKey, EventTable
from chartline.stats.episodes import Episodes
from chartline.stats.sensitivity.leave_one_out import estimate_leave_one_out
from chartline.stats.sensitivity.lost import bound_by_lost
from chartline.stats.sensitivity.tipping_point import find_tipping_point
from chartline.stats.survival.follow_up import estimate_completeness, estimate_follow_up_rates, reverse
from chartline.stats.survival.hazard import estimate_piecewise_hazard, estimate_smoothed_hazard
from chartline.stats.survival.kaplan_meier import Curve, Estimate, estimate_curve
from chartline.stats.survival.landmark import estimate_landmark_curve
from chartline.stats.survival.nelson_aalen import estimate_cumulative_hazard, estimate_hazard_survival
from chartline.stats.survival.restricted_mean import compare_restricted_means, estimate_restricted_mean
from chartline.verify.cases import Case


def _columns(case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """Entry, time, status, arm, centre and id of the rows that the case speaks of."""
    if "weeks" in case.data:
        time, status, centre = case.column("weeks"), case.column("relapse"), [int(p) % 3 for p in case.column("pair")]
        ids = [float(i + 1) for i in range(len(time))]
    else:
        time, status, centre, ids = (case.column(c) for c in ("time", "status", "centre", "id"))
    entry = case.column("entry") if case.arguments.get("entry") else [0.0] * len(time)
    arm = np.array(case.column("arm"))
    keep = arm == case.arguments["arm"] if "arm" in case.arguments else np.ones(len(time), bool)
    of = {"entry": entry, "time": time, "status": status, "centre": centre, "id": ids}
    return {name: np.array(values)[keep] for name, values in of.items()} | {"arm": arm[keep]}


def _episodes(case: Case, *, by_arm: bool = False, causes: tuple[str, ...] | None = None) -> Episodes:
    of = _columns(case)
    return Episodes.of(
        of["time"], of["status"] if causes else of["status"] > 0, entry=of["entry"], causes=causes,
        group=of["arm"] if by_arm else None, count=of["id"] % 3 + 1 if case.arguments.get("weights") else None,
    )  # fmt: skip


def _by_centre(case: Case) -> EventTable:
    of = _columns(case)
    rows: dict[Any, tuple[int, ...]] = {}
    for centre, time, status in zip(of["centre"].tolist(), of["time"].tolist(), of["status"].tolist(), strict=True):
        pattern = (("SITEID", str(centre)),)
        for day, add in ((0, (1, 0, 0)), (int(time), (0, int(status == 0), int(status > 0)))):
            rows[pattern, day] = tuple(a + b for a, b in zip(rows.get((pattern, day), (0, 0, 0)), add, strict=True))
    return EventTable(key=CountKey(analysis="case", protocol_digest=""), rows=rows)


def _some(case: Case, *names: str) -> dict[str, Any]:
    return {name: case.arguments[name] for name in names if name in case.arguments}


def _at(curve: Curve, case: Case) -> dict[str, Any]:
    times = case.arguments["times"]
    found = [curve.survival_at(t) for t in times]
    error = (None, *curve.std_error)
    return {
        "survival": [e.value for e in found],
        "lower": [e.lower for e in found],
        "upper": [e.upper for e in found],
        "std_error": [error[int(np.searchsorted(curve.times_days, t, side="right"))] for t in times],
    }


def _quantiles(curve: Curve, case: Case, prefix: str = "") -> dict[str, Any]:
    found = [curve.quantile(p) for p in case.arguments["p"]]
    name = prefix or "time"
    ends = f"{prefix}_" if prefix else ""
    return {
        name: [e.value for e in found],
        f"{ends}lower": [e.lower for e in found],
        f"{ends}upper": [e.upper for e in found],
    }


def _curve(case: Case) -> Curve:
    return estimate_curve(_episodes(case), **_some(case, "interval", "level", "variance"))


def _survival(case: Case) -> Mapping[str, Any]:
    return _at(_curve(case), case)


def _median(case: Case) -> Mapping[str, Any]:
    return _quantiles(_curve(case), case)


def _first_time(case: Case) -> Mapping[str, Any]:
    return {"time": _curve(case).first_time(case.arguments["survival"])}


def _cumulative_hazard(case: Case) -> Mapping[str, Any]:
    out: dict[str, Any] = {}
    for interval in ("log", "plain"):
        h = estimate_cumulative_hazard(_episodes(case), interval=interval, **_some(case, "ties"))
        found = [h.at(t) for t in case.arguments["times"]]
        out |= {f"lower_{interval}": [e.lower for e in found], f"upper_{interval}": [e.upper for e in found]}
        steps = np.searchsorted(h.times, case.arguments["times"], side="right") - 1
        out |= {"hazard": [e.value for e in found], "std_error": h.std_error[steps].tolist()}
    return out


def _hazard_survival(case: Case) -> Mapping[str, Any]:
    curve = estimate_hazard_survival(_episodes(case), **_some(case, "ties", "interval"))
    return _at(curve, case) | _quantiles(curve, case, "quantile")


def _restricted_mean(case: Case) -> Mapping[str, Any]:
    return vars(estimate_restricted_mean(_episodes(case), **_some(case, "tau", "level")))


def _restricted_mean_comparison(case: Case) -> Mapping[str, Any]:
    found = compare_restricted_means(_episodes(case, by_arm=True), **_some(case, "tau"))
    return vars(found) | {name: vars(getattr(found, name)) for name in ("difference", "ratio", "lost_ratio")}


def _landmark_survival(case: Case) -> Mapping[str, Any]:
    curve = estimate_landmark_curve(_episodes(case), **_some(case, "landmark", "interval"))
    return _at(curve, case) | {"n": curve.n}


def _smoothed_hazard(case: Case) -> Mapping[str, Any]:
    return vars(estimate_smoothed_hazard(_episodes(case), **_some(case, "bandwidth", "until", "times")))


def _piecewise_hazard(case: Case) -> Mapping[str, Any]:
    return vars(estimate_piecewise_hazard(_episodes(case), **_some(case, "ends", "level")))


def _follow_up(case: Case) -> Mapping[str, Any]:
    found = estimate_curve(reverse(_episodes(case)), **_some(case, "interval")).quantile(0.5)
    return {"median": found.value, "lower": found.lower, "upper": found.upper}


def _follow_up_rates(case: Case) -> Mapping[str, Any]:
    return vars(estimate_follow_up_rates(_episodes(case), case.arguments["horizon"]))


def _completeness(case: Case) -> Mapping[str, Any]:
    of, horizon = _columns(case), case.arguments["horizon"]
    seen = np.minimum(of["time"], horizon)
    had_it = (of["status"] > 0) & (of["time"] <= horizon)
    return vars(estimate_completeness(seen, np.where(had_it, seen, horizon)))


def _lost_bounds(case: Case) -> Mapping[str, Any]:
    found = bound_by_lost(_episodes(case, causes=("event", "lost")), **_some(case, "at", "end"))
    return {k: [v.value, v.lower, v.upper] if isinstance(v, Estimate) else v for k, v in vars(found).items()}


def _tipping_point(case: Case) -> Mapping[str, Any]:
    return vars(find_tipping_point(_episodes(case), **_some(case, "landmark", "threshold", "of", "order")))


def _leave_one_out(case: Case) -> Mapping[str, Any]:
    at = case.arguments["at"]
    return vars(estimate_leave_one_out(_by_centre(case), "SITEID", lambda t: estimate_curve(t).survival_at(at).value))


REPLAYS: dict[str, Callable[[Case], Mapping[str, Any]]] = {
    "survival": _survival,
    "median": _median,
    "first_time": _first_time,
    "cumulative_hazard": _cumulative_hazard,
    "hazard_survival": _hazard_survival,
    "restricted_mean": _restricted_mean,
    "restricted_mean_comparison": _restricted_mean_comparison,
    "landmark_survival": _landmark_survival,
    "smoothed_hazard": _smoothed_hazard,
    "piecewise_hazard": _piecewise_hazard,
    "follow_up": _follow_up,
    "follow_up_rates": _follow_up_rates,
    "completeness": _completeness,
    "lost_bounds": _lost_bounds,
    "tipping_point": _tipping_point,
    "leave_one_out": _leave_one_out,
}
