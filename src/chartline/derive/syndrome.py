"""Syndromes by criteria sets: met, not met, or not assessable, with what was missing.

In: ADLB, ADAE, ADEX, FA, milestones and the protocol's `syndromes`. Out: ADSYN, one row a treated subject and set,

    CENTRE USUBJID PARAMCD PARAM
    AVALC               MET, NOT MET, NOT ASSESSABLE
    ADT SYNCAT          the day on which the criteria were met, and by which pathway
    SYNSEV              severity; "mild to severe" where unknown items could make it worse, "at least" if even the worst
    SYNFROM SYNDAY0     what days are counted from, and that day
    SYNOCC SYNNMET      days 0 of the subject (one, or one a dose, or one a laboratory day), and how many are met
    SYNMET SYNNOT SYNMISS  labels of the items that are so, are not so, are not known; separated by "; "
    SYNTOLD             what is told beside the result and does not change it
    BECAUSE             one English sentence

and per set the ADSL variables <name> (Y, N, null), <name>_DT, <name>_CAT, <name>_SEV. A subject who died before a
window opened cannot meet it. Of several days 0 the first that is met counts, else the first that is not assessable.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.plans import run, run_all
from chartline.core.query import Topic
from chartline.core.reasons import reason
from chartline.derive.milestones import KEY, WORDS
from chartline.derive.syndrome_days import occurrences_of, without_any_day
from chartline.derive.syndrome_evidence import Charts, Unit, deaths_of, evidence_rows
from chartline.derive.syndrome_logic import day_of, truth_of
from chartline.derive.syndrome_rules import Pathway
from chartline.derive.syndrome_units import BESIDE, GRADING, DeclaredSet, declared_sets
from chartline.derive.syndrome_words import sentence_of
from chartline.protocol.toxicity import Syndrome

MET, NOT_MET, NOT_ASSESSABLE = "MET", "NOT MET", "NOT ASSESSABLE"
SYNDROME_TOPICS = frozenset({Topic.FIRST_DOSE, Topic.LIVER, Topic.BLOOD_COUNTS, Topic.ADVERSE_EVENTS, Topic.TRANSPLANT})
SEVERITY_TOPICS = SYNDROME_TOPICS | {Topic.DEATH}  # some turn on a death and its cause
SYNDROME_VARIABLES = {
    "": "",
    "_DT": ", date",
    "_CAT": ", how met",
    "_SEV": ", severity",
}  # tail of the name, of the label
ADSYN_SCHEMA: dict[str, pl.DataType] = {
    "CENTRE": pl.String(), "USUBJID": pl.String(), "PARAMCD": pl.String(), "PARAM": pl.String(), "AVALC": pl.String(),
    "ADT": pl.Date(), "SYNCAT": pl.String(), "SYNSEV": pl.String(), "SYNFROM": pl.String(), "SYNDAY0": pl.Date(),
    "SYNOCC": pl.Int64(), "SYNNMET": pl.Int64(), "SYNMET": pl.String(), "SYNNOT": pl.String(), "SYNMISS": pl.String(),
    "SYNTOLD": pl.String(), "BECAUSE": pl.String(),
}  # fmt: skip
_OCC = [*KEY, "OCC"]


def derive_syndromes(
    data: ClinicalData, adlb: pl.DataFrame, adae: pl.DataFrame, adex: pl.DataFrame, milestones: pl.DataFrame,
    declared: Mapping[str, Syndrome],
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.LazyFrame]]:  # fmt: skip
    """Return (one row a treated subject with the ADSL variables, ADSYN, trace).

    Raises `ProtocolError` for a set that is not shipped, and for one that counts from something else than it can.
    """
    treated = milestones.filter(pl.col("first_dose").is_not_null())
    if not declared:
        return treated.select(KEY), pl.DataFrame(schema=ADSYN_SCHEMA), []
    sets = declared_sets(declared)
    charts = Charts(adlb.lazy(), data["FA"].lazy(), adae.lazy(), deaths_of(treated, data["SS"]))

    def days_of(s: DeclaredSet) -> pl.LazyFrame:
        return occurrences_of(s.rules, s.counted_from, treated, adex, charts)

    occurrences = dict(zip(declared, run_all(days_of(s) for s in sets), strict=True))
    asked = {u.number: (u, occurrences[s.name]) for s in sets for p, _, u in s.units if p != GRADING}
    found = _found([*asked.values()], charts)
    judged = dict(zip(declared, run_all(_judged(s, occurrences[s.name].lazy(), found) for s in sets), strict=True))
    onsets = {s.name: _onset(s, judged[s.name]) for s in sets}
    met = [s for s in sets if onsets[s.name].height]  # nothing is looked up for a severity that nobody has
    graded = _found([(u, onsets[s.name]) for s in met for p, _, u in s.units if p == GRADING], charts)
    evidence = pl.concat([found, graded])
    told = dict(zip(declared, run_all(_told(s, judged[s.name].lazy(), evidence) for s in sets), strict=True))
    rows = run_all(_rows(s, treated, judged[s.name], told[s.name], graded, charts) for s in sets)
    adsyn = pl.concat([r.select(pl.col(c).cast(t) for c, t in ADSYN_SCHEMA.items()) for r in rows])
    reasons = [p for s, r in zip(sets, rows, strict=True) for p in _reasons(s, r, told[s.name], graded)]
    return _variables(treated, adsyn, declared), adsyn, reasons


def _found(wanted: list[tuple[Unit, pl.DataFrame]], charts: Charts) -> pl.DataFrame:
    """Return, for each unit and day 0, the row that says most about it (columns of _FOUND)."""
    parts = [rows for unit, occ in wanted for rows in evidence_rows(unit, occ.lazy(), charts)]
    if not parts:
        return pl.DataFrame(schema=_FOUND)
    parts = [p.with_columns(pl.when(pl.col("STATE") == 2).then("DAY").alias("SO")) for p in parts]
    by = ["UNIT", *_OCC, "STATE", "SO", "RANK", "DAY", "DOM", "SEQ"]
    down = ["STATE", "RANK"]
    best = pl.concat(parts).sort(by, descending=[name in down for name in by], nulls_last=True)
    return run(
        best.unique(["UNIT", *_OCC], keep="first", maintain_order=True).select(
            pl.col(c).cast(t) for c, t in _FOUND.items()
        )
    )


_FOUND: dict[str, pl.DataType] = {
    "CENTRE": pl.String(), "USUBJID": pl.String(), "OCC": pl.Int64(), "UNIT": pl.Int32(), "STATE": pl.Int8(),
    "DAY": pl.Date(), "DOM": pl.String(), "SEQ": pl.Int64(), "VAR": pl.String(), "TEXT": pl.String(),
}  # fmt: skip


def _wide(numbers: list[int], occurrences: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    """Occurrences with S<unit> (true, false, null) and D<unit> (the day on which it was so)."""
    columns = []
    numbers = list(dict.fromkeys(numbers))
    for n in numbers:
        mine = pl.col("UNIT") == n
        columns.append(pl.col("STATE").filter(mine).first().alias(f"S{n}"))
        columns.append(pl.col("DAY").filter(mine & (pl.col("STATE") == 2)).first().alias(f"D{n}"))
    rows = found.lazy().filter(pl.col("UNIT").is_in(numbers)).group_by(_OCC).agg(columns)
    joined = occurrences.join(rows, on=_OCC, how="left", maintain_order="left")
    truth = [
        pl.when(pl.col(f"S{n}") == 2).then(True).when(pl.col(f"S{n}") == 0).then(False).alias(f"S{n}") for n in numbers
    ]
    return joined.with_columns(truth)


def _judged(s: DeclaredSet, occurrences: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    """Occurrences with P<i> (whether each pathway is met), VERDICT, CAT (index of the first that is met), ADT."""
    rows = _wide([u.number for p, _, u in s.units if p >= 0], occurrences, found)
    truths, days = [], []
    for i, pathway in enumerate(s.rules.pathways):
        of = s.of(i)
        items = {name: pl.col(f"S{n}") for name, n in of.items()}
        met = pl.col("TRIGGER") & truth_of(pathway.requires, items)
        truths.append(pl.when(_closed(pathway)).then(pl.lit(False)).otherwise(met).alias(f"P{i}"))
        days.append(day_of(pathway.requires, items, {name: pl.col(f"D{n}") for name, n in of.items()}).alias(f"DAY{i}"))
    rows = rows.with_columns(*truths, *days)
    pathways = range(len(s.rules.pathways))
    first = pl.coalesce([pl.when(f"P{i}").then(pl.lit(i)) for i in pathways])
    day = pl.coalesce([pl.when(f"P{i}").then(f"DAY{i}") for i in pathways])
    if s.rules.each:  # a dose above a limit is dated by the dose, though its value is of the days before
        day = pl.when(first.is_not_null()).then(pl.max_horizontal("ANCHOR", day))
    return rows.with_columns(
        pl.any_horizontal([pl.col(f"P{i}") for i in pathways]).alias("VERDICT"),
        first.cast(pl.Int32).alias("CAT"),
        day.alias("ADT"),
    ).drop(f"DAY{i}" for i in pathways)


def _closed(pathway: Pathway) -> pl.Expr:
    """Whether a pathway cannot apply: counted from something else, or dead before its window opened."""
    dead = ((pl.col("END") - pl.col("ANCHOR")).dt.total_days() < pathway.days[0]).fill_null(False)
    if pathway.counted_from is None:
        return dead
    return dead | ~pl.col("FROM").is_in([WORDS[m] for m in pathway.counted_from])


def _onset(s: DeclaredSet, judged: pl.DataFrame) -> pl.DataFrame:
    """The occurrences that are met, as days 0 of the grading."""
    met = judged.filter("VERDICT")
    if s.rules.grading and s.rules.grading.counted_from == "onset":
        met = met.with_columns(pl.col("ADT").alias("ANCHOR"))
    return met.select(*_OCC, "ANCHOR", "END", "SUMMARY")


def _told(s: DeclaredSet, judged: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    """One row a day 0 and item that decided it (KIND 0), or is told beside it (1): LABEL, STATE, TEXT and its cell.

    What decided: of a set that is met, the items of the pathway that was; otherwise those of the pathways that were not
    assessable, or of all that apply.
    """
    units = pl.DataFrame(
        [(p, u.number, u.item.label, i) for i, (p, _, u) in enumerate(s.units) if p != GRADING],
        schema={"PATHWAY": pl.Int32, "UNIT": pl.Int32, "LABEL": pl.String, "ORDER": pl.Int32},
        orient="row",
    )
    pathways = range(len(s.rules.pathways))
    mine = pl.coalesce([pl.when(pl.col("PATHWAY") == i).then(f"P{i}") for i in pathways])
    applies = pl.lit(False)
    for i, pathway in enumerate(s.rules.pathways):
        applies = pl.when(pl.col("PATHWAY") == i).then(~_closed(pathway)).otherwise(applies)
    decided = (
        pl.when(pl.col("VERDICT"))
        .then(pl.col("PATHWAY") == pl.col("CAT"))
        .when(pl.col("VERDICT").is_null())
        .then(mine.is_null())
        .otherwise(applies)
    )
    beside = pl.col("PATHWAY") == BESIDE
    rows = judged.join(units.lazy(), how="cross").filter(pl.when(beside).then(pl.col("VERDICT")).otherwise(decided))
    rows = rows.drop("DOM", "SEQ", "VAR").join(found.lazy(), on=[*_OCC, "UNIT"], how="left", maintain_order="left")
    best = rows.sort(*_OCC, "STATE", "ORDER", descending=[False, False, False, True, False], nulls_last=True)
    best = best.unique([*_OCC, "LABEL"], keep="first", maintain_order=True).sort(*_OCC, "ORDER")
    return best.select(*_OCC, "LABEL", "STATE", "TEXT", "DOM", "SEQ", "VAR", beside.cast(pl.Int32).alias("KIND"))


def _rows(
    s: DeclaredSet,
    treated: pl.DataFrame,
    judged: pl.DataFrame,
    told: pl.DataFrame,
    graded: pl.DataFrame,
    charts: Charts,
) -> pl.LazyFrame:
    """One row a treated subject: ADSYN, with OCC, DOM, SEQ, VAR of the day 0 that counts."""
    own, so = pl.col("KIND") == 0, pl.col("STATE")
    shown = pl.concat_str(pl.col("LABEL"), pl.lit(" ("), "TEXT", pl.lit(")"))
    lists = told.lazy().group_by(_OCC, maintain_order=True).agg(
        pl.col("LABEL").filter(own & (so == 2)).str.join("; ").alias("SYNMET"),
        pl.col("LABEL").filter(own & (so == 0)).str.join("; ").alias("SYNNOT"),
        pl.col("LABEL").filter(own & (so.is_null() | (so == 1))).str.join("; ").alias("SYNMISS"),
        pl.col("LABEL").filter(~own & (so == 2)).str.join("; ").alias("SYNTOLD"),
        shown.filter(own & (so == 2)).str.join(", ").alias("SHOWN"),
        shown.filter(own & (so == 0)).str.join(", ").alias("DENIED"),
        shown.filter(~own & (so == 2)).str.join(", ").alias("BESIDE"),
    )  # fmt: skip
    rows = judged.lazy().join(lists, on=_OCC, how="left", maintain_order="left")
    rows = rows.join(_severity(s, judged, graded), on=_OCC, how="left", maintain_order="left")
    rows = rows.with_columns(sentence_of(s.rules).alias("BECAUSE"))
    met = pl.col("VERDICT").fill_null(False)
    order = pl.when("VERDICT").then(0).when(pl.col("VERDICT").is_null()).then(1).otherwise(2)
    ranked = rows.sort(*KEY, order, "ADT", "OCC", nulls_last=True)
    every = pl.when(met.any()).then(pl.col("BECAUSE").filter(met).str.join("; ")).otherwise(pl.col("BECAUSE").first())
    verdict = pl.col("VERDICT")
    any_met = pl.when(verdict.any()).then(True).when(verdict.null_count() == 0).then(pl.lit(False))
    first = (
        "OCC",
        "ADT",
        "CAT",
        "SYNSEV",
        "FROM",
        "ANCHOR",
        "SYNMET",
        "SYNNOT",
        "SYNMISS",
        "SYNTOLD",
        "DOM",
        "SEQ",
        "VAR",
    )
    chosen = ranked.group_by(KEY, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("SYNOCC"),
        met.sum().cast(pl.Int64).alias("SYNNMET"),
        every.alias("BECAUSE"),
        any_met.first().alias("VERDICT"),
        pl.col(first).first(),
    )
    labels = {i: p.label for i, p in enumerate(s.rules.pathways)}
    out = treated.lazy().select(KEY).join(chosen, on=KEY, how="left", maintain_order="left")
    out = out.join(without_any_day(s.rules, treated, charts), on=KEY, how="left", maintain_order="left")
    way = pl.col("CAT").replace_strict(labels, default=None, return_dtype=pl.String)
    verdict = pl.when(pl.col("SYNOCC").is_null()).then("ABSENT").otherwise("VERDICT")
    return out.with_columns(
        PARAMCD=pl.lit(s.name),
        PARAM=pl.lit(s.rules.label),
        AVALC=pl.when(verdict).then(pl.lit(MET)).when(~verdict).then(pl.lit(NOT_MET)).otherwise(pl.lit(NOT_ASSESSABLE)),
        SYNCAT=way,
        SYNFROM=pl.col("FROM"),
        SYNDAY0=pl.col("ANCHOR"),
        SYNOCC=pl.col("SYNOCC").fill_null(0),
        SYNNMET=pl.col("SYNNMET").fill_null(0),
        BECAUSE=pl.coalesce(pl.format("met ({}), {}", way, "BECAUSE"), "BECAUSE", "WHY"),
    )


def _severity(s: DeclaredSet, judged: pl.DataFrame, graded: pl.DataFrame) -> pl.LazyFrame:
    """SYNSEV of the occurrences that are met: the worst grade shown, or from it to the worst that is not excluded."""
    met = judged.lazy().filter("VERDICT").select(_OCC)
    if s.rules.grading is None:
        return met.with_columns(pl.lit(None, pl.String).alias("SYNSEV"))
    grading, of = s.rules.grading, s.of(GRADING)
    items = {name: pl.col(f"S{n}") for name, n in of.items()}
    rows = _wide(list(of.values()), met, graded)
    truths = [truth_of(g.requires, items) for g in grading.grades]
    grade = range(len(truths))
    shown = pl.coalesce([pl.when(t).then(pl.lit(i)) for i, t in zip(grade, truths, strict=True)])
    worst = pl.coalesce([pl.when(t.fill_null(True)).then(pl.lit(i)) for i, t in zip(grade, truths, strict=True)])
    if grading.lift is not None:
        rises = [i for i in grade if grading.grades[i].code in grading.lift.grades]
        sure = truth_of(grading.lift.when, items)
        shown = pl.when(shown.is_in(rises) & sure.fill_null(False)).then(shown - 1).otherwise(shown)
        worst = pl.when(worst.is_in(rises) & sure.fill_null(True)).then(worst - 1).otherwise(worst)
    labels = {i: g.label for i, g in enumerate(grading.grades)}
    rows = rows.select(*_OCC, shown.alias("SHOWN"), worst.alias("WORST"))
    low, high = (pl.col(c).replace_strict(labels, default=None, return_dtype=pl.String) for c in ("SHOWN", "WORST"))
    exact = pl.when(pl.col("SHOWN") == pl.col("WORST")).then(low)
    open_ended = exact.when(pl.col("WORST") == 0).then(pl.format("at least {}", low))
    return rows.select(*_OCC, open_ended.otherwise(pl.format("{} to {}", low, high)).alias("SYNSEV"))


def _variables(treated: pl.DataFrame, adsyn: pl.DataFrame, declared: Mapping[str, Syndrome]) -> pl.DataFrame:
    """The ADSL variables of every set."""
    out = treated.lazy().select(KEY)
    flag = pl.col("AVALC").replace_strict({MET: "Y", NOT_MET: "N"}, default=None, return_dtype=pl.String)
    for name in declared:
        mine = adsyn.lazy().filter(pl.col("PARAMCD") == name)
        columns = [flag.alias(name), pl.col("ADT").alias(f"{name}_DT")]
        columns += [pl.col("SYNCAT").alias(f"{name}_CAT"), pl.col("SYNSEV").alias(f"{name}_SEV")]
        out = out.join(mine.select(*KEY, *columns), on=KEY, how="left", maintain_order="left")
    return run(out)


def _reasons(s: DeclaredSet, rows: pl.DataFrame, told: pl.DataFrame, graded: pl.DataFrame) -> list[pl.LazyFrame]:
    """The sentence of each variable, and under it every item that decided it, with its cell."""
    flag = pl.col("AVALC").replace_strict({MET: "Y", NOT_MET: "N"}, default=None, return_dtype=pl.String)
    values = {"": flag, "_DT": pl.col("ADT"), "_CAT": pl.col("SYNCAT"), "_SEV": pl.col("SYNSEV")}
    cell = (pl.col("DOM"), pl.col("SEQ"), pl.col("VAR"))
    out = [reason(rows, f"ADSL.{s.name}{tail}", v, pl.col("BECAUSE"), cell) for tail, v in values.items()]
    chosen = rows.lazy().select(*KEY, "OCC", "AVALC", "SYNSEV", pl.col("ADT").alias("METON"))
    items = chosen.join(told.lazy(), on=_OCC, maintain_order="left")
    grades = chosen.filter(pl.col("SYNSEV").is_not_null()).join(_grading_items(s), how="cross")
    grades = grades.join(graded.lazy(), on=[*_OCC, "UNIT"], how="left", maintain_order="left")
    word = pl.when(pl.col("STATE") == 2).then(pl.lit("so")).when(pl.col("STATE") == 0).then(pl.lit("not so"))
    text = pl.format("{}, {}: {}", "LABEL", word.fill_null("not known"), pl.col("TEXT").fill_null("not recorded"))
    on = reason(items.filter(pl.col("METON").is_not_null()), f"ADSL.{s.name}_DT", pl.col("METON"), text, cell)
    severity = reason(grades, f"ADSL.{s.name}_SEV", pl.col("SYNSEV"), text, cell)
    return [*out, reason(items, f"ADSL.{s.name}", flag, text, cell), on, severity]


def _grading_items(s: DeclaredSet) -> pl.LazyFrame:
    """UNIT and LABEL of every item of the severity."""
    units = [(u.number, u.item.label) for p, _, u in s.units if p == GRADING]
    return pl.LazyFrame(units, schema={"UNIT": pl.Int32, "LABEL": pl.String}, orient="row")
