"""Mean, standard deviation and quartiles, as recorded by tests/reference/record_summary.R."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chartline.stats.values.summary import summarise
from chartline.verify.cases import Case


def summary(case: Case) -> Mapping[str, Any]:
    cells = case.column(case.arguments["column"])
    known = Counter(v for v in cells if v is not None)
    return vars(summarise(known, missing=len(cells) - known.total(), kind=case.arguments.get("kind", 7)))


REPLAYS = {"mean": summary, "quartiles": summary}
