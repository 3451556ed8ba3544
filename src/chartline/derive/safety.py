"""Composite safety endpoints: Y where any component is shown, N where every component could be judged and none is.

In: ADLB, ADAE and the protocol's flags. Out: one row a treated subject with each flag, and its reasons. A subject
without any gradable on-treatment value of the tests is unknown for that component, never free of toxicity. A
subject without adverse event rows has had none recorded; an event whose onset, grade or causality is missing leaves
the component unknown unless another event settles it.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from chartline.core.overrides import Override
from chartline.core.plans import run, run_all
from chartline.core.query import Topic
from chartline.core.reasons import number_text, reason
from chartline.derive.adverse_events import in_group
from chartline.derive.milestones import KEY
from chartline.mapping import words
from chartline.protocol.lab_terms import terms_of
from chartline.protocol.toxicity import AeComponent, LabComponent, SafetyFlag

_LIVER = {"ALT", "AST", "BILI", "ALP", "GGT"}
_BLOOD = {"ANC", "PLT", "HB", "WBC"}
Groups = Mapping[str, tuple[str, ...]]


def derive_safety(
    adlb: pl.DataFrame,
    adae: pl.DataFrame,
    window: pl.DataFrame,
    flags: Mapping[str, SafetyFlag],
    groups: Groups,
    attributed: tuple[Override, ...] = (),
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a treated subject with every flag, trace). `attributed`: the attributions that reviewers set."""
    on_treatment = run(adlb.lazy().filter(pl.col("ANL01FL") == "Y")).lazy()
    events = run(with_judge(adae, attributed)).lazy()
    plans = [_judged(name, f, window.lazy(), on_treatment, events, groups) for name, f in flags.items()]
    done = dict(zip(flags, run_all(plans), strict=True))
    out = window.select(KEY).with_columns(rows[name] for name, rows in done.items())
    return out, [part for name, rows in done.items() for part in _reasons(rows, name, flags[name])]


def _judged(
    name: str, flag: SafetyFlag, window: pl.LazyFrame, adlb: pl.LazyFrame, adae: pl.LazyFrame, groups: Groups
) -> pl.LazyFrame:
    """One row a subject: the flag, and per component i MET<i>, SEQ<i>, BECAUSE<i>."""
    rows = window.select(KEY)
    for i, part in enumerate(flag.any_of):
        found = _component(part, adlb, adae, groups)
        numbered = found.select(*KEY, *[pl.col(c).alias(f"{c}{i}") for c in ("MET", "SEQ", "BECAUSE")])
        rows = rows.join(numbered, on=KEY, how="left", maintain_order="left")
    return rows.with_columns(_nothing_recorded(flag)).with_columns(_verdict(len(flag.any_of)).alias(name))


def _component(
    part: LabComponent | AeComponent, adlb: pl.LazyFrame, adae: pl.LazyFrame, groups: Groups
) -> pl.LazyFrame:
    if isinstance(part, LabComponent):
        return _lab(adlb, adae, part, groups)
    return _adverse_event(adae, part, groups)


def flag_topics(flag: SafetyFlag) -> frozenset[Topic]:
    """Return what a flag rests on: liver chemistry, blood counts, adverse events."""
    topics: set[Topic] = set()
    for part in flag.any_of:
        if isinstance(part, AeComponent):
            topics.add(Topic.ADVERSE_EVENTS)
            continue
        tests = {test for test, _ in terms_of(part.tests)}
        topics |= ({Topic.LIVER} if tests & _LIVER else set()) | ({Topic.BLOOD_COUNTS} if tests & _BLOOD else set())
        topics |= {Topic.ADVERSE_EVENTS} if part.unless_all_unrelated else set()
    return frozenset(topics)


def lab_sentence() -> pl.Expr:
    """`ALT 369 U/L on 2021-05-09, grade 3 (baseline 24, grade 0; upper limit of normal 45)`."""
    tests = words.tests()
    label = pl.col("LBTESTCD").replace_strict({t: n for t, (n, _) in tests.items()}, default=pl.col("LBTESTCD"))
    unit = pl.col("LBTESTCD").replace_strict({t: u for t, (_, u) in tests.items()}, default=pl.lit(""))
    when = pl.coalesce(
        pl.format("on {}", pl.col("ADT").cast(pl.String)),
        pl.format("as the worst of cycle {}", "LBCYCLE"),
        pl.lit("without a date"),
    )
    value = pl.concat_str([pl.col("AVAL_OP").fill_null(""), number_text("AVAL")])
    ungraded = pl.format("cannot be graded ({})", "ATOXWHY").fill_null("cannot be graded")
    grade = pl.format("grade {}", "ATOXGR").fill_null(ungraded)
    base = pl.format(
        "baseline {}, {}", number_text("BASE"), pl.format("grade {}", "BTOXGR").fill_null("which cannot be graded")
    ).fill_null("no baseline")
    upper = pl.format("; upper limit of normal {}", number_text("ANRHI"))
    lower = pl.format("; lower limit of normal {}", number_text("ANRLO"))
    limits = pl.coalesce(pl.when(pl.col("AVAL") < pl.col("ANRLO")).then(lower), upper, lower, pl.lit(""))
    return pl.format("{} {} {} {}, {} ({}{})", label, value, unit, when, grade, base, limits)


def graded_rows(adlb: pl.LazyFrame, names: tuple[str, ...]) -> pl.LazyFrame:
    """Return the rows of the named terms, a row once a term, ATOXGR and BTOXGR being the grades of that term."""
    parts = []
    for direction in dict.fromkeys(d for _, d in terms_of(names)):
        tests = [t for t, d in terms_of(names) if d == direction]
        own = [pl.col(f"{g}{direction}").alias(g) for g in ("ATOXGR", "BTOXGR")]
        rows = adlb.filter(pl.col("LBTESTCD").is_in(tests))
        parts.append(rows.with_columns(*own, pl.lit(direction).alias("DIRECTION")))
    return pl.concat(parts)


def _lab(adlb: pl.LazyFrame, adae: pl.LazyFrame, part: LabComponent, groups: Groups) -> pl.LazyFrame:
    """KEY, MET, SEQ, BECAUSE of subjects with a value that could be judged: the worst that counts, else the worst."""
    rows = graded_rows(adlb, part.tests)
    hit = pl.col("ATOXGR") >= (part.min_grade or 1)
    if part.worsened:
        hit = hit & (pl.col("ATOXGR") > pl.col("BTOXGR"))
    judged = rows.with_columns(hit.alias("MET")).filter(pl.col("MET").is_not_null())
    worst = judged.sort("MET", "ATOXGR", "ADT", "SEQ", descending=[True, True, False, False], nulls_last=True)
    found = worst.unique(KEY, keep="first", maintain_order=True).with_columns(lab_sentence().alias("BECAUSE"))
    if part.unless_all_unrelated is None:
        return found
    excused = all_unrelated(adae, groups[part.unless_all_unrelated], part.min_grade or 1)
    found = found.join(excused, on=KEY, how="left", maintain_order="left")
    waived = pl.col("MET") & pl.col("EXCUSED").is_not_null()
    because = pl.when(waived).then(pl.format("{}; {}", "BECAUSE", "EXCUSED")).otherwise("BECAUSE")
    return found.with_columns(pl.col("MET") & ~waived, because.alias("BECAUSE"))


def with_judge(adae: pl.DataFrame, attributed: tuple[Override, ...]) -> pl.LazyFrame:
    """Return ADAE with JUDGED: who said whether an event was related, in words: the treating team, or a reviewer."""
    team = pl.lit("called unrelated by the treating team")
    if not attributed:
        return adae.lazy().with_columns(team.alias("JUDGED"))
    rows = [(o.subject, o.term, o.date, f"judged unrelated by {o.by} on {o.on}: {o.reason}") for o in attributed]
    told = pl.LazyFrame(rows, schema=["USUBJID", "AETERM", "_DATE", "JUDGED"], orient="row")
    dated = adae.lazy().with_columns(pl.col("ASTDTC").fill_null("").alias("_DATE"))
    joined = dated.join(told, on=["USUBJID", "AETERM", "_DATE"], how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("JUDGED", team).alias("JUDGED")).drop("_DATE")


def all_unrelated(events: pl.LazyFrame, words: tuple[str, ...], min_grade: int) -> pl.LazyFrame:
    """Subjects with events of the group at the grade or more, every one of them called unrelated.

    `events` is ADAE `with_judge`. EXCUSED says each event once, with who judged it.
    """
    severe = events.filter(in_group(words) & (pl.col("AETOXGR") >= min_grade))
    said = pl.format("{} was {}", "AETERM", "JUDGED").unique(maintain_order=True).str.join("; ")
    unrelated = (pl.col("AEREL") == "N").fill_null(False).all()
    return severe.group_by(KEY).agg(pl.when(unrelated).then(said).alias("EXCUSED"))


def _adverse_event(adae: pl.LazyFrame, part: AeComponent, groups: Groups) -> pl.LazyFrame:
    """KEY, MET, SEQ, BECAUSE of subjects with an event of the group: one that counts, one in doubt, or the first."""
    rows = adae.filter(in_group(groups[part.group]))
    timing = pl.col("TRTEMFL" if part.window == "on_treatment" else "AFTERFL") == "Y"
    met = timing
    if part.min_grade is not None:
        met = met & (pl.col("AETOXGR") >= part.min_grade)
    if part.related_only:
        met = met & (pl.col("AEREL") == "Y")
    order = pl.when(met).then(0).when(met.is_null()).then(1).otherwise(2)
    rows = rows.with_columns(met.alias("MET"), order.alias("ORDER"), _event_sentence(timing).alias("BECAUSE"))
    first = rows.sort("ORDER", "AETOXGR", "ASTDT", "SEQ", descending=[False, True, False, False], nulls_last=True)
    return first.group_by(KEY, maintain_order=True).agg(pl.col("MET", "SEQ", "BECAUSE").first())


def _event_sentence(timing: pl.Expr) -> pl.Expr:
    onset = pl.format("from {}", "ASTDTC").fill_null("without an onset date")
    grade = pl.format("grade {}", "AETOXGR").fill_null("no grade recorded")
    outside = pl.when(~timing).then(pl.lit(", outside the window")).otherwise(pl.lit(""))
    return pl.format("adverse event {} {}, {}{}", pl.col("AETERM"), onset, grade, outside)


def _nothing_recorded(flag: SafetyFlag) -> list[pl.Expr]:
    """Say what the absence of rows means: no event recorded is no; no gradable value is unknown."""
    out = []
    for i, part in enumerate(flag.any_of):
        absent = pl.col(f"BECAUSE{i}").is_null()
        if isinstance(part, AeComponent):
            out.append(pl.when(absent).then(pl.lit(False)).otherwise(f"MET{i}").alias(f"MET{i}"))
            out.append(pl.col(f"BECAUSE{i}").fill_null(f"no adverse event of the group {part.group} recorded"))
        else:
            text = f"no gradable value of {', '.join(part.tests)} on treatment"
            out.append(pl.col(f"BECAUSE{i}").fill_null(text))
    return out


def _verdict(n: int) -> pl.Expr:
    met = pl.any_horizontal([pl.col(f"MET{i}") for i in range(n)])  # Kleene: unknown unless one is true
    return pl.when(met).then(pl.lit("Y")).when(~met).then(pl.lit("N"))


def _reasons(rows: pl.DataFrame, name: str, flag: SafetyFlag) -> list[pl.LazyFrame]:
    """A row per component: those that made it Y; where none did, every component with its nearest miss."""
    out = []
    for i, part in enumerate(flag.any_of):
        told = rows.lazy().filter((pl.col(name) != "Y").fill_null(True) | pl.col(f"MET{i}"))
        source = ("LB", "LBSTRESN") if isinstance(part, LabComponent) else ("AE", "AETERM")
        where = (source[0], pl.col(f"SEQ{i}"), source[1])
        out.append(reason(told, f"ADSL.{name}", pl.col(name), pl.col(f"BECAUSE{i}"), where))
    return out
