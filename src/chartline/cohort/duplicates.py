"""The same person recorded at two centres: found by equal facts, counted once.

In: `Facts` and the data. Out: per record the record kept in its place (DUPOF) and the sentence that says
why. Two records of one centre are never paired here: twins of a file are a Query (`checks/`).
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.protocol.model import Duplicates

_KEY = ["CENTRE", "USUBJID"]
_ALONE = "no other record of this person"


def find_duplicates(frame: pl.DataFrame, data: ClinicalData, rule: Duplicates) -> pl.DataFrame:
    """Return `frame` with DUPOF (null: this record is the one counted) and DUPWHY (sentence).

    Records are one person where every variable of `rule.match` is present and equal and the centres differ.
    Kept is the record with most treatment records, or the one listed first; ties go to the centre listed
    first.
    """
    twins = find_twins(frame, rule)
    return with_verdict(frame, judge_twins(twins, data, rule))


def find_twins(frame: pl.DataFrame, rule: Duplicates) -> pl.DataFrame:
    """Return the rows of `frame` of whom there is a record at another centre with the same facts."""
    match = list(rule.match)
    whole = frame.lazy().filter(pl.all_horizontal(pl.col(match).is_not_null()))
    return run(whole.filter(pl.col("CENTRE").n_unique().over(match) > 1))


def judge_twins(twins: pl.DataFrame, data: ClinicalData, rule: Duplicates) -> pl.DataFrame:
    """Return CENTRE, USUBJID, DUPOF and DUPWHY of every twin. Of `data` only the twins' records are looked at."""
    if twins.is_empty():
        return pl.DataFrame(schema=dict.fromkeys((*_KEY, "DUPOF", "DUPWHY"), pl.String))
    match = list(rule.match)
    counted = twins.lazy().join(_treatment_records(twins.lazy(), data), on=_KEY, how="left", maintain_order="left")
    twins = run(counted.with_columns(pl.col("NREC").fill_null(0)))
    first = ["NREC", "CENTRE_ORDER", "USUBJID"] if rule.keep == "most_records" else ["CENTRE_ORDER", "USUBJID"]
    descending = [name == "NREC" for name in first]
    kept = (
        twins.lazy()
        .sort(first, descending=descending)
        .group_by(match, maintain_order=True)
        .agg(pl.col("USUBJID").first().alias("KEPT"), pl.col("NREC").first().alias("KEPTN"), pl.col("USUBJID"))
    )
    named = twins.lazy().select(*_KEY, *match, "NREC").join(kept, on=match).with_columns(_sentence(match))
    is_kept = pl.col("USUBJID") == pl.col("KEPT")
    return run(named.select(*_KEY, pl.when(~is_kept).then("KEPT").alias("DUPOF"), "DUPWHY"))


def with_verdict(frame: pl.DataFrame, verdict: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with DUPOF and DUPWHY; whoever has no verdict is nobody's twin."""
    if verdict.is_empty():
        return frame.with_columns(pl.lit(None, pl.String).alias("DUPOF"), pl.lit(_ALONE).alias("DUPWHY"))
    out = frame.lazy().join(verdict.lazy(), on=_KEY, how="left", maintain_order="left")
    return run(out.with_columns(pl.col("DUPWHY").fill_null(_ALONE)))


def _sentence(match: list[str]) -> pl.Expr:
    words = {"BRTHDT": "date of birth", "SEX": "sex", "TRTSDT": "first dose"}
    same = ", ".join(words.get(m, m) for m in match)
    dropped = pl.format(
        f"same {same} as {{}}, which is counted: {{}} treatment records there, {{}} here",
        "KEPT",
        "KEPTN",
        "NREC",
    )
    kept = pl.format(f"same {same} as another record, and this one is counted ({{}} treatment records)", "NREC")
    return pl.when(pl.col("USUBJID") == pl.col("KEPT")).then(kept).otherwise(dropped).alias("DUPWHY")


def _treatment_records(twins: pl.LazyFrame, data: ClinicalData) -> pl.LazyFrame:
    """Doses, assessments and laboratory days up to the end of treatment (the last dose in any of the
    records).
    """
    end = twins.select(*_KEY, pl.col("TRTEDT").max().over("TRTSDT").alias("END"))
    days = pl.concat(
        [
            _dated(data, "EX", "EXSTDTC", pl.concat_str(pl.lit("EX"), "SEQ")),
            _dated(data, "RS", "RSDTC", pl.concat_str(pl.lit("RS"), "SEQ")),
            _dated(data, "LB", "LBDTC", pl.lit("LB")).unique(),
        ]
    )
    until = days.join(end, on=_KEY).filter(first_day("DTC") <= pl.col("END"))
    return until.group_by(_KEY).agg(pl.len().alias("NREC"))


def _dated(data: ClinicalData, domain: str, date: str, what: pl.Expr) -> pl.LazyFrame:
    return data[domain].lazy().select(*_KEY, pl.col(date).alias("DTC"), what.alias("WHAT"))
