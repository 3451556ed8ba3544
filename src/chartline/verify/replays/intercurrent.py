"""Replays the recorded analyses of an event on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chartline.stats.comparison.logrank import LogrankTest
from chartline.stats.episodes import Episodes
from chartline.stats.intercurrent.landmark import landmark_data, landmark_test
from chartline.stats.intercurrent.mantel_byar import mantel_byar_test
from chartline.stats.intercurrent.naive import naive_comparison
from chartline.stats.intercurrent.simon_makuch import estimate_simon_makuch
from chartline.stats.intercurrent.split import split_at
from chartline.stats.survival.kaplan_meier import Curve
from chartline.verify.cases import Case

READ_AT = (200, 365, 500, 730)


def replay_mantel_byar(case: Case) -> Mapping[str, Any]:
    """The test of the split rows."""
    return _test(mantel_byar_test(_split(case), cause=case.arguments["cause"] or None))


def replay_simon_makuch(case: Case) -> Mapping[str, Any]:
    """Both curves; every so-many-th step of a long one."""
    a = case.arguments
    curves = estimate_simon_makuch(_split(case), landmark=a["landmark"], interval=a["interval"]).curves
    return {name: _curve(c, int(a["every"])) for name, c in zip(("not_yet", "after"), curves.values(), strict=True)}


def replay_landmark(case: Case) -> Mapping[str, Any]:
    """Numbers at the landmark and the log-rank test."""
    data = landmark_data(**_columns(case), landmark=case.arguments["landmark"])
    numbers = ("n", "n_by", "n_not", "n_excluded", "excluded_events")
    return {**_test(landmark_test(data).test), **{name: getattr(data, name) for name in numbers}}


def replay_naive(case: Case) -> Mapping[str, Any]:
    """The biased comparison and its immortal time."""
    found = naive_comparison(**_columns(case))
    times = {"immortal_time": found.immortal_time, "person_time_ever": found.person_time_ever}
    return {**_test(found.test), **times}


def _columns(case: Case) -> dict[str, Any]:
    strata, entry = case.arguments.get("strata"), case.arguments.get("entry")
    return {
        "time": case.column("time"), "event": case.column("status"),
        "at": [np.nan if u is None else u for u in case.column("transplant")],
        "strata": case.column("centre") if strata else None, "entry": case.column("entry") if entry else None,
    }  # fmt: skip


def _split(case: Case) -> Episodes:
    return split_at(**_columns(case))


def _test(t: LogrankTest) -> dict[str, Any]:
    return {"chisq": t.chisq, "p": t.p, "z": t.z, "observed": t.observed, "expected": t.expected}


def _curve(curve: Curve, every: int) -> dict[str, Any]:
    names = ("survival", "std_error", "lower", "upper", "at_risk", "events")
    out: dict[str, Any] = {name: getattr(curve, name)[every - 1 :: every] for name in ("times_days", *names)}
    at = [curve.survival_at(t).value for t in READ_AT]
    return {**out, "times": out["times_days"], "steps": len(curve.times_days), "at": at}


REPLAYS = {
    "mantel_byar": replay_mantel_byar,
    "simon_makuch": replay_simon_makuch,
    "landmark_comparison": replay_landmark,
    "naive_comparison": replay_naive,
}
