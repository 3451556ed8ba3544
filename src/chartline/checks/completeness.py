"""What is missing: asked once a patient, or once a centre where none of its patients has it.

In: one row a thing that the protocol needs of a patient (WHAT it is, whether it is PRESENT, the cell where it would
stand). Out: one finding a patient that lists what is missing, and one a centre for what none of its patients has, for
it is a habit then and not a slip. What stands in a cell and could not be read is asked already and is not missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from chartline.checks.context import SUBJECT, Context
from chartline.checks.model import Cell, Finding, Seen
from chartline.core.condition import parse_condition
from chartline.core.plans import run
from chartline.core.query import Severity

FEW = 3  # patients of a centre that are needed to call what none of them has a habit (our choice)
_SHOWN = 4
Say = Callable[[str, dict[str, Any]], str]  # what is missing, the first row -> the message


def gather_needed(context: Context, needed: pl.LazyFrame) -> Seen:
    """Gather what `lacking` asks: `absent`, the rows of `needed` that are not PRESENT, and `habits`, of each centre and
    WHAT whether EVER it is present and of how many PATIENTS it is needed.

    `needed` has CENTRE, USUBJID, WHAT, PRESENT, DOMAIN, VARIABLE, BLOCK, ROW, and what the sentences use. The cell is
    where it would stand; with a column VALUE it is another one, which shows what it is missing beside.
    """
    habits = needed.group_by("CENTRE", "WHAT").agg(
        pl.col("PRESENT").any().alias("EVER"), pl.col("USUBJID").n_unique().cast(pl.Int64).alias("PATIENTS")
    )
    absent = run(needed.filter(~pl.col("PRESENT")))
    filled = [
        "VALUE" not in absent.columns
        and r["VARIABLE"] != "USUBJID"
        and context.is_filled(r["DOMAIN"], r["VARIABLE"], r["BLOCK"], r["ROW"])
        for r in absent.select("DOMAIN", "VARIABLE", "BLOCK", "ROW").iter_rows(named=True)
    ]
    return {"absent": absent.filter(~pl.Series(filled, dtype=pl.Boolean)).lazy(), "habits": habits}


def lacking(
    seen: Seen, of_patient: Say, of_centre: Say, asks_centre: str, habit: Severity | None = None
) -> list[Finding]:
    """Return the findings of what `gather_needed` saw absent, in the order of the subjects. `habit` is the severity of
    a finding about a centre, where it is not that of the rule."""
    of = ["CENTRE", "WHAT"]
    habits = seen["habits"].group_by(of).agg(pl.col("EVER").any(), pl.col("PATIENTS").sum())
    absent = seen["absent"].join(habits, on=of, maintain_order="left").sort(SUBJECT, maintain_order=True)
    rows = run(absent)
    never = ~pl.col("EVER") & (pl.col("PATIENTS") >= FEW)
    patients = rows.filter(~never).partition_by(SUBJECT, maintain_order=True)
    centres = rows.filter(never).partition_by("CENTRE", maintain_order=True)
    out = [_finding(p, p["USUBJID"][0], of_patient) for p in patients]
    for c in centres:
        found = _finding(c, "", of_centre)
        out.append(Finding(found.centre, "", found.cells, found.message, asks_centre, habit))
    return out


def _finding(rows: pl.DataFrame, subject: str, say: Say) -> Finding:
    first = rows.row(0, named=True)
    what = listed(rows["WHAT"].unique(maintain_order=True))
    at = rows.unique(["DOMAIN", "VARIABLE", "BLOCK", "ROW"], keep="first", maintain_order=True).head(_SHOWN)
    cells = tuple(cell_of(r) for r in at.iter_rows(named=True))
    return Finding(first["CENTRE"], subject, cells, say(what, {**first, "N": rows["USUBJID"].n_unique()}))


def cell_of(r: dict[str, Any]) -> Cell:
    """Return the cell of a row with DOMAIN, VARIABLE, BLOCK and ROW; that of the patient's number names the patient."""
    if r["VARIABLE"] == "USUBJID":
        return Cell(r["DOMAIN"], "USUBJID", r["BLOCK"], r["ROW"], r["USUBJID"], label="Subject")
    return Cell(r["DOMAIN"], r["VARIABLE"], r["BLOCK"], r["ROW"], r.get("VALUE"))


def listed(words: Iterable[str]) -> str:
    """Return `a, b and c`."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def treated(context: Context) -> pl.LazyFrame:
    """The subjects with a day 0, each with the row that names the subject first."""
    zero = context.first_dose.lazy().select(SUBJECT)
    return context.subjects.lazy().join(zero, on=SUBJECT, how="semi", maintain_order="left")


def characteristics(context: Context, names: Iterable[str]) -> pl.LazyFrame:
    """One row a treated subject and characteristic of the protocol: whether it is there, and where it would stand."""
    found = [_characteristic(context, n) for n in names if n in context.protocol.characteristics]
    if "AGE" in names:
        found.append(_age(context))
    return pl.concat(found) if found else treated(context).select(SUBJECT).filter(pl.lit(False))


def _characteristic(context: Context, name: str) -> pl.LazyFrame:
    c = context.protocol.characteristics[name]
    rows = context.data[c.source].lazy()
    if c.where:
        rows = rows.filter(parse_condition(c.where).expr(dict(context.data[c.source].schema)))
    there = pl.col(c.value).is_not_null() if c.take != "count" else pl.lit(True)
    stated = rows.group_by(SUBJECT).agg(there.any().alias("PRESENT"), pl.col("BLOCK", "ROW").first())
    one = treated(context).join(stated, on=SUBJECT, how="left", suffix="_AT", maintain_order="left")
    known = pl.col("PRESENT").is_not_null()
    return one.select(
        *SUBJECT,
        pl.lit(small(c.label)).alias("WHAT"),
        pl.col("PRESENT").fill_null(c.take == "count"),
        pl.when(known).then(pl.lit(c.source)).otherwise("DOMAIN").alias("DOMAIN"),
        pl.when(known).then(pl.lit(c.value)).otherwise(pl.lit("USUBJID")).alias("VARIABLE"),
        *(pl.coalesce(f"{n}_AT", n).alias(n) for n in ("BLOCK", "ROW")),
    )


def _age(context: Context) -> pl.LazyFrame:
    known = pl.concat([context.birth.lazy().select(SUBJECT), context.stated("DM", "AGE").lazy().select(SUBJECT)])
    known = known.unique().with_columns(PRESENT=pl.lit(True))
    one = treated(context).join(known, on=SUBJECT, how="left", maintain_order="left")
    return one.select(
        *SUBJECT,
        pl.lit("date of birth or age").alias("WHAT"),
        pl.col("PRESENT").fill_null(False),
        "DOMAIN",
        pl.lit("USUBJID").alias("VARIABLE"),
        "BLOCK",
        "ROW",
    )


def small(label: str) -> str:
    """A label inside a sentence: its first letter small, unless the word is an abbreviation or a name (`CD22`)."""
    word = label.split()[0]
    return label if any(c.isupper() or c.isdigit() or c == ":" for c in word[1:]) else label[:1].lower() + label[1:]
