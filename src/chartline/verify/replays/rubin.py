"""Rubin's rules, computed again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chartline.stats import rubin
from chartline.verify.cases import Case


def pooled(case: Case) -> dict[str, Any]:
    a = case.arguments
    values = [[float(x) for x in case.column(k)] for k in ("q", "u")]
    return asdict(rubin(*values, a["level"], df_complete=a.get("df_complete", float("inf"))))


REPLAYS = {"rubin": pooled}
