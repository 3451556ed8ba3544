"""The ADaM-named tables as they are published: every row with its source and address, every column with a label."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.derive.model import Adam
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.reviewed import DOMAIN
from chartline.protocol.response import Mrd
from chartline.trace.build import locate
from chartline.trace.mrd_table import mrd_table

_SOURCES = {
    "ADEX": ("EX", "EXSTDTC"),
    "ADCYC": ("EX", "EXSTDTC"),
    "ADRS": ("RS", "RSDTC"),
    "ADMRD": ("RS", "MRDVAL"),
    "ADLB": ("LB", "LBORRES"),
    "ADAE": ("AE", "AETERM"),
}

_OF_SUBJECTS = ("ADSL", "ADSYN", "ADCOMP")


def published_tables(data: ClinicalData, adam: Adam, mrd: Mrd) -> dict[str, pl.DataFrame]:
    """Return the tables of `adam`, and ADMRD, with SRCDOM, SRCVAR, SRCSEQ and SRCADDR on each row.

    A row of ADSL, ADSYN or ADCOMP, and a best response, rests on many cells: its address is the subject's own row, or
    the assessment's; trace.parquet lists them all.
    """
    tables = {n: t for n, t in adam.tables.items() if n != DOMAIN}
    tables |= {"ADMRD": mrd_table(data, load_mrd_rules(mrd.definition))}
    sourced = {name: _with_source(name, table, data) for name, table in tables.items()}
    refs = [table.select("CENTRE", "SRCDOM", "SRCSEQ", "SRCVAR") for table in sourced.values()]
    addresses = locate(data, pl.concat(refs))["ADDRESS"].alias("SRCADDR")
    out, start = {}, 0
    for name, table in sourced.items():
        out[name] = table.with_columns(addresses.slice(start, table.height))
        start += table.height
    return out


def _with_source(name: str, table: pl.DataFrame, data: ClinicalData) -> pl.DataFrame:
    """Return a table with SRCDOM, SRCVAR and SRCSEQ on each row."""
    if name in _OF_SUBJECTS:
        return _of_subject(table, data)
    if name == "ADTOX":
        began = pl.when(pl.col("SRC") == "LB").then(pl.lit("LBORRES")).otherwise(pl.lit("AETERM"))
        return table.with_columns(SRCDOM=pl.col("SRC"), SRCVAR=began, SRCSEQ=pl.col("SEQ")).drop("SRC")
    if name not in _SOURCES:
        return table
    domain, variable = _SOURCES[name]
    rows = _of_assessment(table) if name == "ADRS" else table
    rows = rows.with_columns(SRCDOM=pl.lit(domain), SRCVAR=pl.lit(variable), SRCSEQ=pl.col("SEQ"))
    return _with_parameter(rows) if name == "ADLB" else rows


def labels_of(table: pl.DataFrame, adam: Adam) -> dict[str, str]:
    """Return column -> label for every column of a published table."""
    own = {**_vocabulary(), **adam.labels}
    imputed = {c: f"Imputation of: {own[c[:-1]]}" for c in table.columns if c.endswith("DTF") and c[:-1] in own}
    return {c: (own | imputed)[c] for c in table.columns if c in own or c in imputed}


@cache
def _vocabulary() -> dict[str, str]:
    with (files("chartline") / "vocabulary" / "adam.csv").open(encoding="utf-8") as f:
        return {r["variable"]: r["label"] for r in csv.DictReader(f)}


@cache
def _tests() -> dict[str, str]:
    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8") as f:
        return {r["testcd"]: f"{r['label']} ({r['unit']})" for r in csv.DictReader(f)}


def _with_parameter(adlb: pl.DataFrame) -> pl.DataFrame:
    test = pl.col("LBTESTCD")
    return adlb.with_columns(
        test.alias("PARAMCD"), test.replace_strict(_tests(), default=test, return_dtype=pl.String).alias("PARAM")
    )


def _of_assessment(adrs: pl.DataFrame) -> pl.DataFrame:
    """Give a best response the source row of the assessment that it is dated at."""
    rows = adrs.filter(pl.col("SEQ").is_not_null()).group_by("CENTRE", "USUBJID", "ADT").agg(pl.col("SEQ").min())
    found = adrs.join(rows, on=["CENTRE", "USUBJID", "ADT"], how="left", maintain_order="left")
    return found.with_columns(pl.coalesce("SEQ", "SEQ_right").alias("SEQ")).drop("SEQ_right")


def _of_subject(adsl: pl.DataFrame, data: ClinicalData) -> pl.DataFrame:
    first = data["DM"].group_by("CENTRE", "USUBJID").agg(pl.col("SEQ").min().alias("SRCSEQ"))
    rows = adsl.join(first, on=["CENTRE", "USUBJID"], how="left", maintain_order="left")
    return rows.with_columns(SRCDOM=pl.lit("DM"), SRCVAR=pl.lit("USUBJID"))
