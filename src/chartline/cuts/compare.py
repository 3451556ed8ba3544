"""Two cuts in, their difference out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from chartline.cuts.model import (
    Cut,
    CutError,
    Declared,
    DerivedChange,
    Difference,
    PatientChange,
    QueryChange,
)
from chartline.cuts.numbers import compare_numbers
from chartline.cuts.records import compare_values
from chartline.protocol.names import level_label

_ELIGIBLE = {"Y": "eligible", "N": "not eligible"}
_DERIVED = ("ADSL.", "ADTTE.", "ELIG.")
_LONG = re.compile(r"-?\d+\.\d{4,}")
_IDENTITY = ("ADSL.SITEID", "ADSL.SUBJID")


def compare_cuts(old: Cut, new: Cut) -> Difference:
    """Return what is different in `new`. Raises `CutError` for two studies."""
    if old.study != new.study:
        raise CutError(
            f"{old.name} is a cut of {old.study}, {new.name} one of {new.study}",
            where=f"{old.folder}, {new.folder}",
            expected="two cuts of one study (study.id of the protocol)",
            do="name two out folders of the same study",
        )
    return Difference(
        old=old,
        new=new,
        declared=tuple(_declared(old, new)),
        patients=tuple(_patients(old, new)),
        values=compare_values(old.charted, new.charted),
        derived=tuple(_derived(old, new)),
        numbers=compare_numbers(old, new),
        queries=tuple(_queries(old, new)),
    )


def _declared(old: Cut, new: Cut) -> Iterator[Declared]:
    """The version, the keys of the protocol, the files."""
    if old.version != new.version:
        yield Declared("version", "chartline", old.version, new.version)
    was, now = (dict(_keys(c.protocol.model_dump(mode="json", by_alias=True))) for c in (old, new))
    for key in dict.fromkeys([*was, *now]):
        if was.get(key) != now.get(key):
            yield Declared("protocol", key, was.get(key), now.get(key))
    for file in sorted({*old.inputs, *new.inputs} - {"protocol"}):
        one, other = old.inputs.get(file), new.inputs.get(file)
        if one != other:
            yield Declared("file", file, one, other)


def _keys(declared: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a declaration with its value as text; a list of declarations by their ids."""
    if isinstance(declared, dict):
        for name, value in declared.items():
            yield from _keys(value, f"{path}.{name}" if path else name)
    elif isinstance(declared, list) and declared and all(isinstance(d, dict) and "id" in d for d in declared):
        for d in declared:
            yield from _keys(d, f"{path}.{d['id']}")
    elif declared is not None:
        yield path, declared if isinstance(declared, str) else json.dumps(declared, ensure_ascii=False)


def _patients(old: Cut, new: Cut) -> Iterator[PatientChange]:
    was, now = (_eligibility(c) for c in (old, new))
    for centre, subject in sorted({*was, *now}):
        one, other = was.get((centre, subject)), now.get((centre, subject))
        if one == other:
            continue
        what = "new" if one is None else "gone" if other is None else "eligibility"
        yield PatientChange(centre, subject, what, one or "", other or "")


def _eligibility(cut: Cut) -> dict[tuple[str, str], str]:
    rows = cut.adam["ADSL"].select("CENTRE", "USUBJID", "ELIGFL", "ELIGREAS").iter_rows()
    return {
        (centre, subject): _ELIGIBLE.get(flag, "undecided") + (f": {why}" if why else "")
        for centre, subject, flag, why in rows
    }


def _derived(old: Cut, new: Cut) -> Iterator[DerivedChange]:
    """The derived values of the patients of both cuts that are another now."""
    was, now = _derived_values(old), _derived_values(new)
    known = old.adam["ADSL"].select("CENTRE", "USUBJID")
    both = now.join(known, on=["CENTRE", "USUBJID"], how="semi").join(
        was, on=["CENTRE", "USUBJID", "ITEM"], how="left", suffix="_OLD", maintain_order="left"
    )
    items = set(was["ITEM"])  # a variable that only one of two protocols derives is no change of a patient
    moved = both.filter(~pl.col("VALUE").eq_missing(pl.col("VALUE_OLD")), pl.col("ITEM").is_in(list(items)))
    for r in moved.sort("CENTRE", "USUBJID", maintain_order=True).iter_rows(named=True):
        label = new.labels.get(r["ITEM"], r["ITEM"])
        was_it, is_it = (_words(r["ITEM"], value, new) for value in (r["VALUE_OLD"], r["VALUE"]))
        yield DerivedChange(r["CENTRE"], r["USUBJID"], r["ITEM"], label, was_it, is_it, r["BECAUSE"] or "")


def _words(item: str, value: str | None, cut: Cut) -> str | None:
    """A derived value as a reader sees it; a number with no more digits than it has meaning."""
    table, _, name = item.partition(".")
    if value is None or table != "ADSL":
        return value
    return f"{float(value):.4g}" if _LONG.fullmatch(value) else level_label(cut.protocol, name, value)


def _derived_values(cut: Cut) -> pl.DataFrame:
    """CENTRE USUBJID ITEM VALUE BECAUSE, a row a derived value; of a time also how it ends."""
    mine = pl.any_horizontal(pl.col("ITEM").str.starts_with(p) for p in _DERIVED) & ~pl.col("ITEM").is_in(_IDENTITY)
    rows = cut.trace.filter(mine).select("CENTRE", "USUBJID", "ITEM", "VALUE", "BECAUSE")
    rows = rows.unique(["CENTRE", "USUBJID", "ITEM"], keep="first", maintain_order=True)
    ends = pl.when(pl.col("CNSR") == 0).then(pl.lit("event")).when(pl.col("CNSR") > 0).then(pl.lit("censored"))
    times = cut.adam["ADTTE"].select(
        "CENTRE", "USUBJID", pl.format("ADTTE.{}", "PARAMCD").alias("ITEM"),
        pl.format("{} on day {}", ends, "AVAL").alias("TIME"),
    )  # fmt: skip
    timed = rows.join(times, on=["CENTRE", "USUBJID", "ITEM"], how="left", maintain_order="left")
    return timed.with_columns(pl.coalesce("TIME", "VALUE").alias("VALUE")).drop("TIME")


def _queries(old: Cut, new: Cut) -> Iterator[QueryChange]:
    for what, mine, other in (("closed", old, new), ("opened", new, old)):
        for id_, row in mine.queries.items():
            if id_ not in other.queries:
                yield QueryChange(row["centre"], row["subject"], id_, what, row["message"])
