"""What each tool is asked to do: the same numbers from the same patients.

A function `<tool>_<task>` takes the folder of the patients, reads what it needs into the tool's own form (untimed) and
returns `run`, which is timed, and `values`, which takes what `run` returned and gives the numbers that are compared.
Libraries are imported inside, so that a process holds one tool only.

kaplan_meier     curves of three arms with standard errors, and the log-rank test  -> chi-square
cox_categorical  Efron, 5 categorical covariates (9 indicators)                    -> coefficients, errors
cox_mixed        Efron, 2 categorical and 3 continuous covariates                  -> coefficients, errors
aalen_johansen   three arms, two causes, standard errors                           -> incidence and error at 5 years
gray             Gray's test of relapse in three arms                              -> chi-square
fine_gray        relapse, Breslow ties, 5 categorical covariates, robust variance  -> coefficients, errors
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from patients import ARMS, CATEGORICAL, MIXED, indicators, read_patients

TASKS = ("kaplan_meier", "cox_categorical", "cox_mixed", "aalen_johansen", "gray", "fine_gray")
FIVE_YEARS = 1826.0
Prepared = tuple[Callable[[], Any], Callable[[Any], list[float]]]


def prepare(tool: str, task: str, folder: Path) -> Prepared:
    """Return `run` and `values` of one tool and task; raises `KeyError` where the tool has no such method."""
    return _METHODS[tool, task](folder)


def has(tool: str, task: str) -> bool:
    return (tool, task) in _METHODS


# chartline, from arrays in memory and from Parquet ------------------------------------------------------------------


def _memory(folder: Path, task: str) -> Callable[[], Any]:
    from chartline.stats import Episodes

    if task in ("cox_categorical", "cox_mixed", "fine_gray"):
        day, event, columns = _model_columns(folder, task)
        return lambda: Episodes.of(day, event, covariates=columns)
    p = read_patients(folder, ("day", "event", "arm"))
    event = p["event"] > 0 if task == "kaplan_meier" else p["event"].astype(np.int64)
    day = p["day"].astype(np.float64)
    return lambda: Episodes.of(day, event, group=p["arm"])


def _parquet(folder: Path, task: str) -> Callable[[], Any]:
    from chartline.counts.scan import scan_episodes
    from chartline.stats import Episodes

    file, columns = folder / "patients.parquet", {"time": "day", "event": "event"}
    if task in ("kaplan_meier", "aalen_johansen", "gray"):
        return lambda: Episodes.from_columns(scan_episodes(file, **columns, group="arm"))
    names = (*MIXED[0], *MIXED[1]) if task == "cox_mixed" else CATEGORICAL
    return lambda: Episodes.from_columns(scan_episodes(file, **columns, covariates=names))


def _ours(task: str, source: Callable[[Path, str], Callable[[], Any]]) -> Callable[[Path], Prepared]:
    def prepared(folder: Path) -> Prepared:
        kernel, values = _KERNELS[task]
        make = source(folder, task)
        kernel = kernel()  # imports what it needs
        return lambda: kernel(make()), values

    return prepared


def _our_kaplan_meier() -> Callable[[Any], Any]:
    from chartline.stats import estimate_curves_by_group, logrank_test

    return lambda e: (estimate_curves_by_group(e), logrank_test(e))


def _our_cox() -> Callable[[Any], Any]:
    from chartline.stats import estimate_cox

    return estimate_cox


def _our_incidence() -> Callable[[Any], Any]:
    from chartline.stats import estimate_cumulative_incidences

    return estimate_cumulative_incidences


def _our_gray() -> Callable[[Any], Any]:
    from chartline.stats import gray_test

    return gray_test


def _our_fine_gray() -> Callable[[Any], Any]:
    from chartline.stats import estimate_fine_gray

    return lambda e: estimate_fine_gray(e, weights="finegray", variance="robust")


def _fit(fit: Any) -> list[float]:
    return [*fit.coefficients.tolist(), *fit.std_errors.tolist()]


def _incidence(curves: Any) -> list[float]:
    at = [curve.at(FIVE_YEARS).causes for curve in curves.values()]
    shares = [share for causes in at for share in causes.values()]
    return [float(getattr(s, name)[0]) for s in shares for name in ("estimate", "std_error")]


_KERNELS: dict[str, tuple[Callable[[], Callable[[Any], Any]], Callable[[Any], list[float]]]] = {
    "kaplan_meier": (_our_kaplan_meier, lambda r: [r[1].chisq]),
    "cox_categorical": (_our_cox, _fit),
    "cox_mixed": (_our_cox, _fit),
    "aalen_johansen": (_our_incidence, _incidence),
    "gray": (_our_gray, lambda r: [r.chisq]),
    "fine_gray": (_our_fine_gray, _fit),
}


# what the peers read ------------------------------------------------------------------------------------------------


def _model_columns(folder: Path, task: str) -> tuple[Any, Any, dict[str, Any]]:
    """Days, status (any event; of Fine-Gray by cause) and covariates as decimals, the indicators made already."""
    categories, numbers = MIXED if task == "cox_mixed" else (CATEGORICAL, ())
    p = read_patients(folder, ("day", "event", *categories, *numbers))
    event = p["event"].astype(np.int64) if task == "fine_gray" else (p["event"] > 0).astype(np.int64)
    return p["day"].astype(np.float64), event, {**indicators(p, categories), **{n: p[n] for n in numbers}}


def _by_arm(folder: Path) -> tuple[Any, Any, Any]:
    p = read_patients(folder, ("day", "event", "arm"))
    return p["day"].astype(np.float64), p["event"].astype(np.int64), p["arm"].astype(np.int64)


# statsmodels --------------------------------------------------------------------------------------------------------


def _statsmodels_kaplan_meier(folder: Path) -> Prepared:
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    day, event, arm = _by_arm(folder)
    event = np.minimum(event, 1)

    def run() -> Any:
        return [SurvfuncRight(day[arm == g], event[arm == g]) for g in range(ARMS)], survdiff(day, event, arm)

    return run, lambda r: [float(r[1][0])]


def _statsmodels_cox(task: str) -> Callable[[Path], Prepared]:
    def prepared(folder: Path) -> Prepared:
        from statsmodels.duration.hazard_regression import PHReg

        day, event, columns = _model_columns(folder, task)
        x = np.column_stack(list(columns.values()))
        return lambda: PHReg(day, x, status=event, ties="efron").fit(), lambda r: [*r.params, *r.bse]

    return prepared


def _statsmodels_aalen_johansen(folder: Path) -> Prepared:
    from statsmodels.duration.survfunc import CumIncidenceRight

    day, event, arm = _by_arm(folder)

    def values(curves: Any) -> list[float]:
        at = [(c, int(np.searchsorted(c.times, FIVE_YEARS, side="right")) - 1) for c in curves]
        return [float(x) for c, i in at for k in range(2) for x in (c.cinc[k][i], c.cinc_se[k][i])]

    return lambda: [CumIncidenceRight(day[arm == g], event[arm == g]) for g in range(ARMS)], values


# lifelines ----------------------------------------------------------------------------------------------------------


def _lifelines_kaplan_meier(folder: Path) -> Prepared:
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test

    day, event, arm = _by_arm(folder)
    event = np.minimum(event, 1)

    def run() -> Any:
        curves = [KaplanMeierFitter().fit(day[arm == g], event[arm == g]) for g in range(ARMS)]
        return curves, multivariate_logrank_test(day, arm, event)

    return run, lambda r: [float(r[1].test_statistic)]


def _lifelines_cox(task: str) -> Callable[[Path], Prepared]:
    def prepared(folder: Path) -> Prepared:
        import pandas as pd
        from lifelines import CoxPHFitter

        day, event, columns = _model_columns(folder, task)
        frame = pd.DataFrame({**columns, "T": day, "E": event})

        def values(fit: Any) -> list[float]:
            return [*fit.params_.tolist(), *fit.standard_errors_.tolist()]

        return lambda: CoxPHFitter().fit(frame, "T", "E"), values

    return prepared


def _lifelines_aalen_johansen(folder: Path) -> Prepared:
    import warnings

    from lifelines import AalenJohansenFitter

    warnings.simplefilter("ignore")  # it says that it moves tied days apart at random
    day, event, arm = _by_arm(folder)

    def run() -> Any:
        parts = [(day[arm == g], event[arm == g]) for g in range(ARMS)]
        return [[AalenJohansenFitter(seed=1).fit(*part, event_of_interest=k) for k in (1, 2)] for part in parts]

    def values(curves: Any) -> list[float]:
        out = []
        for curve in (c for arm in curves for c in arm):
            share, variance = curve.cumulative_density_, curve.variance_
            i = int(np.searchsorted(share.index, FIVE_YEARS, side="right")) - 1
            out += [float(share.iloc[i, 0]), float(np.sqrt(variance.iloc[i]))]
        return out

    return run, values


# the Rust wheel -----------------------------------------------------------------------------------------------------


def _rust_kaplan_meier(folder: Path) -> Prepared:
    from survival.surv_analysis import survfitkm
    from survival.validation import logrank_test

    day, event, arm = _by_arm(folder)
    event = np.minimum(event, 1)
    return lambda: (survfitkm(day, event, strata=arm), logrank_test(day, event, arm)), lambda r: [r[1].statistic]


def _rust_cox(task: str) -> Callable[[Path], Prepared]:
    def prepared(folder: Path) -> Prepared:
        from survival.regression import coxph_fit

        day, event, columns = _model_columns(folder, task)
        x = np.column_stack(list(columns.values()))
        return lambda: coxph_fit(day, event, x), lambda r: _rust_fit(r, x.shape[1])

    return prepared


def _rust_aalen_johansen(folder: Path) -> Prepared:
    from survival.surv_analysis import survfitaj

    day, event, arm = _by_arm(folder)

    def values(curves: Any) -> list[float]:
        out = []
        for c in curves:
            i = int(np.searchsorted(np.asarray(c.time), FIVE_YEARS, side="right")) - 1
            share, error = np.asarray(c.pstate), np.asarray(c.std_err)
            out += [float(x) for k in (1, 2) for x in (share[i, k], error[i, k])]
        return out

    return lambda: [survfitaj(day[arm == g], event[arm == g], ["relapse", "death"]) for g in range(ARMS)], values


def _rust_fine_gray(folder: Path) -> Prepared:
    from survival.regression import coxph_fit, finegray_expand

    day, event, columns = _model_columns(folder, "fine_gray")
    x = np.column_stack(list(columns.values()))

    def run() -> Any:
        rows = finegray_expand(day, event, 1).to_arrays()
        at = np.asarray(rows["row"]) - 1
        happened = ((event[at] == 1) & (np.asarray(rows["end"]) == day[at])).astype(np.int64)
        return coxph_fit(
            np.asarray(rows["end"]), happened, x[at], entry=np.asarray(rows["start"]), weights=np.asarray(rows["wt"]),
            method="breslow", cluster=at, robust=True,
        )  # fmt: skip

    return run, lambda r: _rust_fit(r, x.shape[1])


def _rust_fit(fit: Any, width: int) -> list[float]:
    return [*map(float, fit.coefficients), *np.sqrt(np.diag(np.asarray(fit.var).reshape(width, width))).tolist()]


_METHODS: dict[tuple[str, str], Callable[[Path], Prepared]] = {
    **{("chartline_parquet", task): _ours(task, _parquet) for task in TASKS},
    **{("chartline_memory", task): _ours(task, _memory) for task in TASKS},
    ("statsmodels", "kaplan_meier"): _statsmodels_kaplan_meier,
    ("statsmodels", "cox_categorical"): _statsmodels_cox("cox_categorical"),
    ("statsmodels", "cox_mixed"): _statsmodels_cox("cox_mixed"),
    ("statsmodels", "aalen_johansen"): _statsmodels_aalen_johansen,
    ("lifelines", "kaplan_meier"): _lifelines_kaplan_meier,
    ("lifelines", "cox_categorical"): _lifelines_cox("cox_categorical"),
    ("lifelines", "cox_mixed"): _lifelines_cox("cox_mixed"),
    ("lifelines", "aalen_johansen"): _lifelines_aalen_johansen,
    ("rust", "kaplan_meier"): _rust_kaplan_meier,
    ("rust", "cox_categorical"): _rust_cox("cox_categorical"),
    ("rust", "cox_mixed"): _rust_cox("cox_mixed"),
    ("rust", "aalen_johansen"): _rust_aalen_johansen,
    ("rust", "fine_gray"): _rust_fine_gray,
}
