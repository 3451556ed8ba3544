"""The components of composite safety endpoints, each on its own: what made a composite as large as it is.

In: as `safety.py`. Out: ADCOMP, one row a treated subject, flag and component (a laboratory test is a component of its
own): CENTRE USUBJID PARAMCD (the flag) COMP (the component in words) COMPN (its place) AVALC (Y, N, null: not known).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.plans import run
from chartline.derive.milestones import KEY
from chartline.derive.safety import derive_safety
from chartline.mapping import words
from chartline.protocol.toxicity import AeComponent, LabComponent, SafetyFlag

ADCOMP_SCHEMA: dict[str, pl.DataType] = {
    "CENTRE": pl.String(), "USUBJID": pl.String(), "PARAMCD": pl.String(), "COMP": pl.String(), "COMPN": pl.Int64(),
    "AVALC": pl.String(),
}  # fmt: skip


def derive_components(
    adlb: pl.DataFrame,
    adae: pl.DataFrame,
    window: pl.DataFrame,
    flags: Mapping[str, SafetyFlag],
    groups: Mapping[str, tuple[str, ...]],
) -> pl.DataFrame:
    """Return ADCOMP. A component is judged exactly as the composite judges it."""
    parts = {
        (name, i): (label, SafetyFlag(label=label, any_of=(part,)))
        for name, flag in flags.items()
        for i, (label, part) in enumerate(_components(flag))
    }
    if not parts:
        return pl.DataFrame(schema=ADCOMP_SCHEMA)
    alone = {f"{name} {i}": flag for (name, i), (_, flag) in parts.items()}
    judged, _ = derive_safety(adlb, adae, window, alone, groups)
    long = judged.lazy().unpivot(index=KEY, variable_name="PART", value_name="AVALC")
    names = pl.LazyFrame(
        [(f"{name} {i}", name, label, i) for (name, i), (label, _) in parts.items()],
        schema={"PART": pl.String, "PARAMCD": pl.String, "COMP": pl.String, "COMPN": pl.Int64},
        orient="row",
    )
    return run(long.join(names, on="PART", maintain_order="left").select(list(ADCOMP_SCHEMA)))


def _components(flag: SafetyFlag) -> list[tuple[str, LabComponent | AeComponent]]:
    out: list[tuple[str, LabComponent | AeComponent]] = []
    for part in flag.any_of:
        if isinstance(part, AeComponent):
            out.append((_event_words(part), part))
            continue
        for test in part.tests:
            label = words.tests()[test][0] if test in words.tests() else test
            out.append((f"{label}{_lab_words(part)}", part.model_copy(update={"tests": (test,)})))
    return out


def _lab_words(part: LabComponent) -> str:
    grade = f", grade {part.min_grade} or more" if part.min_grade else ""
    return f"{grade}{', worse than at baseline' if part.worsened else ''}"


def _event_words(part: AeComponent) -> str:
    grade = f", grade {part.min_grade} or more" if part.min_grade else ""
    related = ", related" if part.related_only else ""
    return f"Adverse event ({part.group.replace('_', ' ')}){grade}{related}"
