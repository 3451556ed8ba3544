"""`chartline explain`: from a number to its members, to the sentence why each counts, to the cells.

Reads only what a finished run left in its out folder (headline.json, results.parquet, trace.parquet,
definitions.json), so it works long after the charts have been put away.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from chartline.core.dates import DAYS_PER_MONTH
from chartline.errors import StudyError

_ROLES = {
    "counted": "counted",
    "not_counted": "not counted",
    "missing": "missing: stays in the denominator",
    "withheld": "withheld: a blocking query is open",
    "event": "event",
    "censored": "censored",
    "lost": "lost to follow-up",
}
# Of follow-up, whose events are the ends of follow-up: what the members are called elsewhere would be the opposite.
_REVERSED = _ROLES | {"event": "with the endpoint's event", "censored": "end of follow-up"}
# What an analysis is asked for first.
_MAIN = (
    *("risk_difference", "proportion", "median", "hazard_ratio", "subdistribution_hazard_ratio", "odds_ratio"),
    *("incidence", "survival", "state", "agreement", "p_logrank", "mean_count", "event_rate"),
)
_AT_RISK = ("survival", "n_risk", "n_censored_before", "event_free")  # counts those still at risk at a landmark


class ExplainError(StudyError):
    """What was asked for is not in the out folder."""

    code = "explain"
    exit_code = 10


def explain_result(out: Path, what: str | None, *, members: bool = False) -> Iterator[str]:
    """Yield the explanation of a headline key, a result id or an analysis, line by line.

    Without `members` the members that count are listed with their sentence; with it everyone, with their cells.
    """
    headline = _headline(out)
    results = pl.read_parquet(out / "results.parquet", glob=False)
    result = _find_result(what, headline, results, out / "results.parquet")
    yield from _number(result, headline, what)
    own, whole = (f"RESULT.{result['analysis']}/{result['group']}", f"RESULT.{result['analysis']}")
    of = _traced(out, pl.col("ITEM") == own)
    of = _traced(out, pl.col("ITEM") == whole) if of.is_empty() else of
    if of.is_empty():
        yield "  (no patient list belongs to this number)"
        return
    of = _with_landmark(of, result)
    yield ""
    yield from _tally(of)
    shown = of if members else of.filter(pl.col("SHOWN"))
    cells = _cells(_traced(out, pl.col("ITEM").is_in(of["VIA"][0].split(";")))) if members else {}
    for row in shown.iter_rows(named=True):
        yield f"  {row['USUBJID']:<10} {row['STANDS']}"
        if row["BECAUSE"]:
            yield f"             {row['BECAUSE']}"
        for line in cells.get(row["USUBJID"], ()):
            yield f"               {line}"
    if not members:
        yield "  (--members lists everyone, with the cells)"


def explain_subject(out: Path, subject: str, what: str | None) -> Iterator[str]:
    """Yield why one subject has the value it has: an endpoint, variable, criterion, or analysis; all if none "
    "is named."""
    of = _traced(out, pl.col("USUBJID") == subject)
    if of.is_empty():
        known = _scan(out).select(pl.col("USUBJID").unique().sort()).collect()["USUBJID"].to_list()
        near = difflib.get_close_matches(subject, known, n=3)
        raise ExplainError(
            f"There is no subject {subject} in {out}",
            where=str(out / "trace.parquet"),
            expected=f"did you mean {', '.join(near)}?" if near else f"for example {', '.join(known[:5])}",
            do="correct the id; every subject is in adam/adsl.parquet",
        )
    if what is None:
        for row in of.unique("ITEM", maintain_order=True).iter_rows(named=True):
            if not row["ITEM"].startswith("RESULT."):
                yield f"{row['ITEM']:<16} {row['VALUE'] or '':<14} {row['BECAUSE'] or ''}"
        return
    rules = _rules(out)
    for item in _items(out, of, what):
        rows = of.filter(pl.col("ITEM") == item)
        first = rows.row(0, named=True)
        yield f"{subject} {item}: {first['VALUE'] if first['VALUE'] is not None else first['ROLE'] or 'missing'}"
        if item in rules:
            yield f"  by {rules[item]}"
        for (sentence,), cells in rows.group_by("BECAUSE", maintain_order=True):
            if sentence:
                yield f"  {sentence}"
            yield from (f"    {line}" for line in _cell_lines(cells.iter_rows(named=True)))


def _scan(out: Path) -> pl.LazyFrame:
    """The trace: one file, or a folder of the parts of a large study."""
    return pl.scan_parquet(out / "trace.parquet", glob=False)


def _traced(out: Path, wanted: pl.Expr) -> pl.DataFrame:
    """Return the rows that are wanted, and no others, by centre and subject."""
    order = {c: i for i, c in enumerate(_definitions(out).get("centres", {}))}
    rank = pl.col("CENTRE").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return _scan(out).filter(wanted).collect(engine="streaming").sort(rank, "USUBJID", maintain_order=True)


def _headline(out: Path) -> dict[str, Any]:
    file = out / "headline.json"
    if not file.is_file():
        raise ExplainError(
            f"There is no finished run in {out}",
            where=str(file),
            do="run `chartline run STUDY` first, or name its --out",
        )
    return json.loads(file.read_text(encoding="utf-8"))["headline"]  # type: ignore[no-any-return]


def _rules(out: Path) -> dict[str, str]:
    """Return derived value -> the rule set, with version, that made it."""
    return {item: said["rules"] for item, said in _definitions(out).get("values", {}).items()}


def _definitions(out: Path) -> dict[str, Any]:
    file = out / "definitions.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _find_result(what: str | None, headline: dict[str, Any], results: pl.DataFrame, file: Path) -> dict[str, Any]:
    """Return the row of `results` (read from `file`) that is meant; raise ExplainError where there is none."""
    if not what:
        raise ExplainError(
            "Say which number to explain",
            where=str(file),
            expected=f"one of {', '.join(headline)}, or a result id",
            do="see headline.json or results.csv for the names",
        )
    wanted = headline[what]["result_id"] if what in headline else what
    hit = results.filter(pl.col("result_id") == wanted)
    if hit.is_empty():  # an analysis: its own number, not the first of its rows
        rank = pl.col("statistic").replace_strict({s: i for i, s in enumerate(_MAIN)}, default=len(_MAIN))
        hit = results.filter(pl.col("analysis") == wanted).sort(rank, pl.col("group") != "", maintain_order=True)
    if hit.is_empty():
        known = [*headline, *sorted(set(results["analysis"].to_list())), *results["result_id"].to_list()]
        by_small = {k.lower(): k for k in reversed(known)}
        near = [by_small[k] for k in difflib.get_close_matches(what.lower(), by_small, n=3)]
        raise ExplainError(
            f"There is no result `{what}`",
            where=str(file),
            expected=f"did you mean {', '.join(near)}?" if near else f"one of {', '.join(headline)}, or a result id",
            do="see headline.json or results.csv for the names",
        )
    return hit.row(0, named=True)


def _number(r: dict[str, Any], headline: dict[str, Any], what: str | None) -> Iterator[str]:
    from chartline.report.format import format_headline, with_interval
    from chartline.results.serialise import result_of

    entry, result = headline.get(what or "", {}), result_of(r)
    shown = format_headline({**r, "estimate": r["value"], **entry}) if entry else with_interval(result)
    shown = f"P {shown}" if result.unit == "P" else shown
    if result.n is not None and result.N and result.unit == "proportion" and result.value == result.n / result.N:
        shown = shown if entry else f"{shown}, {result.n}/{result.N}"
    yield f"{entry.get('label') or result.title}: {shown}"
    if entry.get("definition"):
        yield f"  definition: {entry['definition']}"
    lines = (("group", r["group"]), ("method", r["method"]), ("reason", r["reason"]), ("result id", r["result_id"]))
    for name, text in lines:
        if text:
            yield f"  {name + ':':<11} {text}"
    yield from (f"  note:       {warning}" for warning in result.warnings)


def _with_landmark(of: pl.DataFrame, result: dict[str, Any]) -> pl.DataFrame:
    """Add STANDS (how a member stands, in words) and SHOWN (listed without --members)."""
    centre = [part.removeprefix("SITEID=") for part in result["group"].split(";") if part.startswith("SITEID=")]
    if centre:
        of = of.filter(pl.col("CENTRE") == centre[0])
    words = _REVERSED if result["method"].startswith("Reverse Kaplan-Meier") else _ROLES
    role = pl.col("ROLE").replace_strict(words, default=pl.col("ROLE"))
    if result["statistic"] in (*_AT_RISK, "incidence") and result["at"] is not None:
        shown = "still at risk" if result["statistic"] in _AT_RISK else "with the event by then"
        day, at = pl.col("VALUE").cast(pl.Float64, strict=False), result["at"] * DAYS_PER_MONTH
        event = pl.col("ROLE") == "event"
        stands = (
            pl.when(day.is_null())
            .then(role)
            .when(event & (day <= at))
            .then(pl.format("event on day {}", pl.col("VALUE")))
            .when(~event & (day < at))
            .then(pl.format("censored before, on day {}", pl.col("VALUE")))
            .otherwise(pl.format(f"still at risk at {result['at']:g} months (followed to day {{}})", pl.col("VALUE")))
        )
        group = (
            pl.when(day.is_null())
            .then(role)
            .when(event & (day <= at))
            .then(pl.lit("with the event by then"))
            .when(~event & (day < at))
            .then(pl.lit("censored before"))
            .otherwise(pl.lit("still at risk"))
        )
        return of.with_columns(stands.alias("STANDS"), group.alias("GROUP"), (group == shown).alias("SHOWN"))
    timed = pl.col("ROLE").is_in(["event", "censored", "lost"])
    stands = (
        pl.when(timed)
        .then(pl.format("{} on day {}", role, pl.col("VALUE")))
        .when(pl.col("VALUE").is_not_null())
        .then(pl.format("{}: {}", role, pl.col("VALUE")))
        .otherwise(role)
    )
    counted = ~pl.col("ROLE").is_in(["not_counted"])
    return of.with_columns(stands.alias("STANDS"), role.alias("GROUP"), counted.alias("SHOWN"))


def _tally(of: pl.DataFrame) -> Iterator[str]:
    n = of.group_by("GROUP", maintain_order=True).len()
    noun = "patient" if of.height == 1 else "patients"
    yield f"{of.height} {noun}: " + ", ".join(f"{row[1]} {row[0]}" for row in n.iter_rows())


def _cells(rows: pl.DataFrame) -> dict[str, list[str]]:
    return {
        key[0]: list(_cell_lines(part.iter_rows(named=True)))
        for key, part in rows.group_by("USUBJID", maintain_order=True)
    }


def _cell_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for row in rows:
        if row["ADDRESS"] and row["ADDRESS"] not in seen:
            seen.add(row["ADDRESS"])
            was = f"; answered, the file says {row['WAS'] or 'nothing'}" if row["WAS"] is not None else ""
            yield f"{row['ADDRESS']} = {row['RAW']}   ({row['SRCDOM']}.{row['SRCVAR']}{was})"


def _items(out: Path, of: pl.DataFrame, what: str) -> list[str]:
    known = of["ITEM"].unique(maintain_order=True).to_list()
    for prefix in ("ADTTE.", "ADSL.", "ELIG.", "RESULT.", "ADRS.", "ADAE.", ""):
        if prefix + what in known:
            return [prefix + what]
    headline = _headline(out)
    if what in headline:
        item = "RESULT." + str(headline[what]["result_id"]).split("/")[0]
        if item in known:
            via = of.filter(pl.col("ITEM") == item)["VIA"][0] or ""
            return [item, *(v for v in via.split(";") if v in known)]
        raise ExplainError(
            f"The subject does not belong to the population of {what}",
            where=str(out / "trace.parquet"),
            do="`chartline explain` without --subject lists who does",
        )
    near = difflib.get_close_matches(what, [k.split(".", 1)[1] for k in known], n=3)
    raise ExplainError(
        f"There is no value `{what}` for this subject",
        where=str(out / "trace.parquet"),
        expected=f"did you mean {', '.join(near)}?" if near else ", ".join(k.split(".", 1)[1] for k in known[:30]),
        do="correct the name; --subject without a name lists all that is explained",
    )
