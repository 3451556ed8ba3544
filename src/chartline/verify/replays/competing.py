"""Replays of cumulative incidence, Gray's test, Fine-Gray models and multistate probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chartline.stats.competing.cumulative_incidence import (
    Shares,
    estimate_cumulative_incidence,
    estimate_relapse_nrm_rfs,
)
from chartline.stats.competing.fine_gray import FineGray, Test, TimeEffect, estimate_fine_gray
from chartline.stats.competing.gray import gray_test
from chartline.stats.competing.illness_death import illness_death
from chartline.stats.competing.multistate import StateProbabilities, estimate_states
from chartline.stats.competing.state_counts import count_transitions
from chartline.stats.episodes import Episodes
from chartline.verify.cases import Case

FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "log(t)": np.log,
    "t / 100": lambda t: t / 100,
    "t^2 / 10^5": lambda t: t**2 / 1e5,
    "t > 180": lambda t: (t > 180).astype(float),
}


def _episodes(case: Case, covariates: tuple[str, ...] = ()) -> Episodes:
    """The rows that the arguments name: of one group, by group, in strata, with late entry, counts, covariates."""
    a = case.arguments
    weeks = "weeks" in case.data
    columns = {name: np.array(values) for name, values in case.data.items()}
    keep = columns[a["by"]] == a["group"] if "group" in a else np.ones(len(columns["weeks" if weeks else "time"]), bool)
    of = {name: values[keep] for name, values in columns.items()}
    return Episodes.of(
        of["weeks" if weeks else "time"], of["relapse" if weeks else "status"],
        entry=of[a["entry"]] if "entry" in a else None, group=of[a["by"]] if "by" in a else None,
        strata=of[a["strata"]] if "strata" in a else None, count=of["id"] % 3 + 1 if "count" in a else None,
        covariates={name: of[name] for name in covariates}, causes=("relapse",) if weeks else ("cause 1", "cause 2"),
        cluster=of[a["cluster"]] if "cluster" in a else None,
    )  # fmt: skip


def _shares(curve: Shares) -> dict[str, Any]:
    return {name: getattr(curve, name) for name in ("estimate", "std_error", "lower", "upper")}


def cumulative_incidence(case: Case) -> dict[str, Any]:
    a = case.arguments
    curve = estimate_cumulative_incidence(
        _episodes(case), interval=a.get("interval", "log-log"), level=a.get("level", 0.95),
        variance=a.get("variance", "greenwood"),
    )  # fmt: skip
    at = curve.at(a["days"])
    return {
        "event_free": _shares(at.event_free), "causes": [_shares(c) for c in at.causes.values()], "at_risk": at.at_risk,
    }  # fmt: skip


def cumulative_incidence_gray(case: Case) -> dict[str, Any]:
    at = estimate_cumulative_incidence(_episodes(case), variance="gray").at(case.arguments["days"])
    curves = at.causes.values()
    return {"estimate": [c.estimate for c in curves], "variance": [c.std_error**2 for c in curves]}


def relapse_nrm_rfs(case: Case) -> dict[str, Any]:
    three = estimate_relapse_nrm_rfs(_episodes(case), case.arguments["days"], relapse="cause 1")
    return {name: _shares(getattr(three, name)) for name in case.expected}


def gray(case: Case) -> dict[str, Any]:
    test = gray_test(_episodes(case), case.arguments["cause"], rho=case.arguments["rho"])
    return {"chisq": test.chisq, "df": test.df, "p": test.p}


def _model(case: Case) -> FineGray:
    a = case.arguments
    effects = [TimeEffect(name, FUNCTIONS[label], label) for name, label in a.get("time_effects", [])]
    return estimate_fine_gray(
        _episodes(case, tuple(a["covariates"])), a.get("cause", 1), time_effects=effects,
        weights=a.get("weights", "crr"), variance=a.get("variance", "fine_gray"),
    )  # fmt: skip


def fine_gray(case: Case) -> dict[str, Any]:
    model = _model(case)

    def test(of: Test) -> dict[str, Any]:
        return {"chisq": of.chisq, "df": of.df, "p": of.p}

    return {
        "coefficients": model.coefficients, "std_errors": model.std_errors, "z": model.z, "p": model.p,
        "hazard_ratios": model.hazard_ratios, "lower": model.lower, "upper": model.upper, "loglik": model.loglik,
        "loglik_null": model.loglik_null, "information": model.information.reshape(-1),
        "covariance": model.covariance.reshape(-1), "wald": test(model.wald), "score": test(model.score),
        "likelihood_ratio": test(model.likelihood_ratio), "jumps": model.baseline_jumps[:5],
    }  # fmt: skip


def fine_gray_prediction(case: Case) -> dict[str, Any]:
    predicted = _model(case).predict(case.arguments["rows"], case.arguments["days"])
    return {"incidence": predicted.reshape(-1)}


def _process(case: Case) -> Episodes:
    """Illness-death with the transplantation on the way, to death or to both causes, from the columns of the case."""
    a = case.arguments
    columns = {name: np.array(values) for name, values in case.data.items() if name != "transplant"}
    at = np.array([np.nan if v is None else v for v in case.data["transplant"]])
    event = columns["status"].astype(int)
    return illness_death(
        columns["time"], event if a.get("ends") == 2 else np.minimum(event, 1), at, states=("start", "passed"),
        ends=("relapse", "dead") if a.get("ends") == 2 else ("dead",), entry=columns["entry"] if "entry" in a else None,
        count=columns["id"] % 3 + 1 if "count" in a else None,
    )  # fmt: skip


def _states(case: Case) -> StateProbabilities:
    a = case.arguments
    return estimate_states(
        _process(case), start=a.get("start"), since=a.get("since", 0), variance=a.get("variance", "greenwood"),
        interval=a.get("interval", "log-log"),
    )  # fmt: skip


def state_probability(case: Case) -> dict[str, Any]:
    at = _states(case).at(case.arguments["days"])
    names = ("probability", "std_error", "lower", "upper", "at_risk")
    return {name: getattr(at, name).reshape(-1) for name in names}


def transition_hazard(case: Case) -> dict[str, Any]:
    fit = _states(case)
    step = np.searchsorted(fit.times_days, case.arguments["days"], side="right") - 1
    return {
        f"{a} to {b}": {name: getattr(h, name)[step] for name in ("estimate", "aalen", "greenwood")}
        for (a, b), h in fit.hazards.items()
    }


def length_of_stay(case: Case) -> dict[str, Any]:
    stay = _states(case).length_of_stay(case.arguments["until"])
    return {"days": stay.days, "std_error": stay.std_error}


def transition_counts(case: Case) -> dict[str, Any]:
    counts = count_transitions(_process(case))
    return {"moves": counts.moves.reshape(-1), "last_seen": counts.last_seen, "entered": counts.entered}


REPLAYS = {
    "cumulative_incidence": cumulative_incidence,
    "cumulative_incidence_gray": cumulative_incidence_gray,
    "relapse_nrm_rfs": relapse_nrm_rfs,
    "gray": gray,
    "fine_gray": fine_gray,
    "fine_gray_prediction": fine_gray_prediction,
    "state_probability": state_probability,
    "transition_hazard": transition_hazard,
    "length_of_stay": length_of_stay,
    "transition_counts": transition_counts,
}
