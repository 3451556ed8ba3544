"""The safety flags again, with laboratory values graded under other choices (`laboratory_variants`).

In: the records, the protocol's variants and flags, ADAE. Out: one row a treated subject with <flag>_<variant> of every
flag that rests on laboratory grades, and the reasons. The adverse events of a flag stay as recorded in every scale.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.overrides import Override
from chartline.derive.labs import derive_labs
from chartline.derive.milestones import KEY
from chartline.derive.safety import derive_safety
from chartline.protocol.model import Protocol, graded_flags


def derive_regraded(
    data: ClinicalData,
    windows: tuple[pl.DataFrame, ...],
    protocol: Protocol,
    treated: pl.DataFrame,
    adae: pl.DataFrame,
    attributed: tuple[Override, ...] = (),
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row of `treated` with every flag of every variant, trace). `windows` are those of the variants."""
    out, trace = treated.select(KEY), []
    for (variant, rule), window in zip(protocol.laboratory_variants.items(), windows, strict=True):
        adlb = derive_labs(data, window, rule)
        flags = {f"{name}_{variant}": protocol.safety_flags[name] for name in graded_flags(protocol)}
        graded, why = derive_safety(adlb, adae, window, flags, protocol.ae_groups, attributed)
        out = out.join(graded, on=KEY, how="left", maintain_order="left")
        trace += why
    return out, trace
