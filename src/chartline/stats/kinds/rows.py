"""Rows that many kinds share: an effect with its interval, a P value with its test, and what could not be computed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chartline.results.model import Result
from chartline.stats.groups import left_out
from chartline.stats.kinds.source import DAYS_PER_MONTH
from chartline.stats.statistic import NotEstimable


@dataclass(frozen=True)
class Rows:
    """Makes the rows of one analysis, or of one group of it; what they share is said once."""

    analysis: str
    label: str
    group: str = ""
    shared: dict[str, Any] = field(default_factory=dict)

    def count(self, statistic: str, n: int, **more: Any) -> Result:
        """Return a count of patients."""
        own = {"unit": "patients", "is_count": True, "n": n}
        return self._row(statistic, n, own | more)

    def value(
        self, statistic: str, value: float | None, method: str, ends: tuple[Any, Any] = (None, None), **more: Any
    ) -> Result:
        """Return an estimate with its interval; a missing, infinite or undefined one is a row with its reason.

        An infinite limit is no limit.
        """
        lower, upper = (finite(e) for e in ends)
        shown = finite(value)
        reason = more.pop("reason", "") or ("" if shown is not None else _why(value))
        own = {"lower": lower, "upper": upper, "method": method, "reason": "" if shown is not None else reason}
        return self._row(statistic, shown, own | more)

    def p(self, statistic: str, p: float | None, method: str, **more: Any) -> Result:
        """Return a P value."""
        return self.value(statistic, p, method, unit="P", **more)

    def failed(self, statistic: str, reason: str, method: str, **more: Any) -> Result:
        """Return the row of what could not be computed."""
        return self._row(statistic, None, {"method": method, "reason": reason} | more)

    def tried(self, statistic: str, method: str, make: Callable[[], Iterator[Result]]) -> Iterator[Result]:
        """Yield what `make` yields, or the row of `statistic` with the reason where it is not estimable."""
        try:
            yield from make()
        except NotEstimable as e:
            yield self.failed(statistic, str(e), method)
        except np.linalg.LinAlgError:
            yield self.failed(statistic, "the data are too few to determine it", method)

    def _row(self, statistic: str, value: float | None, own: dict[str, Any]) -> Result:
        said = (*self.shared.get("warnings", ()), *own.pop("warnings", ()))
        of = {"group": self.group, "label": self.label} | self.shared | own
        if of.get("at_unit") == "months":
            said = tuple(_in_months(w, of["at"]) for w in said)
            of["reason"] = _in_months(of.get("reason", ""), of["at"])
        return Result(self.analysis, statistic, value, **{**of, "warnings": tuple(dict.fromkeys(said))})


def standing(n: int, missing: int, withheld: int, what: str) -> dict[str, Any]:
    """Return what rows share of the patients behind them: `n` counted, those missing (left out as `what` says), those
    withheld."""
    return {"N": n, "missing": missing, "withheld": withheld, "warnings": left_out(missing, withheld, what)}


def finite(value: Any) -> float | None:
    """Return a number, or None where it is missing, infinite or undefined."""
    return None if value is None or not math.isfinite(value) else float(value)


def _in_months(text: str, at: float) -> str:
    """Say a kernel's text, whose times are days, with its landmark in months: "nobody was followed to 12 months"."""
    text = re.sub(rf"(?:\bday )?\b{re.escape(f'{at * DAYS_PER_MONTH:g}')}\b", f"{at:g} months", text)
    return re.sub(r"\bat (?=\d+(?:\.\d+)?(?:[,;]|$))", "on day ", re.sub(r"\bby (?=\d+,)", "by day ", text))


def _why(value: Any) -> str:
    if value is not None and math.isinf(value):
        return "infinite: the data put no limit to it"
    return "not defined for these data"
