"""What is told of the main response besides its category: when it came, why there is none, what the team recorded.

In: the main response, milestones, the protocol's choices. Out per treated subject

    TTRESP TTRESPM    first dose (or what day 0 is) to first response, days and months
    NEREAS            of those not evaluable: Early death (so many days, by the rule set) or Other
    REFRFL            refractory by the rule set's landmark for this intensity of treatment: so many cycles (null where
                      fewer were assessed), or so many days (null where nobody knows the patient alive that day, or
                      nothing was assessed by then)
    INVBOR INVRSPFL   best response that the treating team recorded at the assessments that count, in the categories of
                      the rule set, and whether it is a response; null where they recorded none
"""

from __future__ import annotations

import polars as pl

from chartline.core.compare import exactly
from chartline.core.dates import DAYS_PER_MONTH
from chartline.core.index import IndexRows
from chartline.core.plans import run
from chartline.core.reasons import number_of, reason
from chartline.derive.milestones import KEY
from chartline.derive.response import Assessed
from chartline.derive.response_rules import Landmark, ResponseRules, load_rules, responders_of
from chartline.protocol.base import Milestone
from chartline.protocol.response import Response

NAMES = ("TTRESP", "TTRESPM", "NEREAS", "REFRFL", "INVBOR", "INVRSPFL")
EARLY, OTHER = "Early death", "Other"


def derive_details(
    response: Assessed, milestones: pl.DataFrame, choice: Response, index: IndexRows
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (KEY and NAMES, one row a treated subject; trace)."""
    rules = load_rules(choice.criteria)
    counted = response.visits.lazy().filter(pl.col("ANL01FL") == "Y")
    dates = milestones.lazy().select(
        *KEY, pl.col(Milestone.FIRST_DOSE).alias("TRTSDT"), pl.col(Milestone.DEATH).alias("DIED"),
        pl.col(f"{Milestone.DEATH}_SEQ").alias("DIEDSEQ"), pl.col(Milestone.LAST_ALIVE).alias("ALIVE"),
        (pl.col(f"{Milestone.DEATH}_KNOWN").fill_null(False) & pl.col(Milestone.DEATH).is_null()).alias("UNDATED"),
    )  # fmt: skip
    best = response.best.lazy().select(*KEY, "BOR", "FRSPDT", "FRSP", "FRSPSEQ")
    rows = best.join(dates, on=KEY, how="left", maintain_order="left")
    for part in (_recorded(counted, rules), _reached(counted, rules)):
        rows = rows.join(part, on=KEY, how="left", maintain_order="left")
    landmark = rules.refractory.landmark(choice.intensity) if rules.refractory else None
    days = (pl.col("FRSPDT") - pl.col("TRTSDT")).dt.total_days()
    survived = (pl.col("DIED") - pl.col("TRTSDT")).dt.total_days()
    rows = rows.with_columns(
        days.alias("TTRESP"),
        exactly(days / DAYS_PER_MONTH).alias("TTRESPM"),  # the last bit depends on the place in the column
        _not_evaluable(survived, rules).alias("NEREAS"),
        _refractory(landmark).alias("REFRFL"),
        _investigator(rules, choice),
        survived.alias("SURVIVED"),
    )
    out = run(rows.with_columns(_yes(pl.col("INVBOR").is_in(responders_of(choice))).alias("INVRSPFL")))
    return out.select(*KEY, *NAMES), _reasons(out, rules, landmark, index.event)


def _yes(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("Y")).when(~condition).then(pl.lit("N"))


def _recorded(counted: pl.LazyFrame, rules: ResponseRules) -> pl.LazyFrame:
    """The best that the treating team recorded at the counted assessments, with its row."""
    rank = {code: i for i, code in enumerate(rules.best)}
    meant = pl.col("INVRESP").replace_strict(rules.investigator, default=None, return_dtype=pl.String)
    rows = counted.with_columns(meant.alias("MEANT"))
    order = pl.col("MEANT").replace_strict(rank, default=None, return_dtype=pl.Int64)
    ordered = rows.with_columns(order.alias("RANK")).sort("RANK", "ADT", nulls_last=True)
    first = [pl.col(c).first().alias(a) for c, a in (("INVRESP__SEQ", "INVSEQ"), ("RSDTC", "INVON"))]
    word, code = pl.col("INVRESP").first().alias("INVWORD"), pl.col("MEANT").first().alias("INVCODE")
    return ordered.group_by(KEY, maintain_order=True).agg(word, code, pl.len().alias("ASSESSED"), *first)


def _investigator(rules: ResponseRules, choice: Response) -> pl.Expr:
    """The team's best; not evaluable where there was no assessment to judge, missing where none was judged."""
    none = pl.when(pl.col("ASSESSED").is_null()).then(pl.lit(rules.not_evaluable))
    return pl.coalesce("INVCODE", none).alias("INVBOR")


def _reached(counted: pl.LazyFrame, rules: ResponseRules) -> pl.LazyFrame:
    """LASTCYC, the last cycle after which was assessed, and JUDGED, the first day on which was; RESPCYC and RESPDAY,
    the first cycle and day with one of the categories asked for."""
    without = rules.refractory.without if rules.refractory else ()
    reached = pl.col("AVALC").is_in(without)
    return counted.group_by(KEY).agg(
        pl.col("RSCYCLE").max().alias("LASTCYC"),
        pl.col("RSCYCLE").filter(reached).min().alias("RESPCYC"),
        pl.col("ADT").filter(pl.col("AVALC") != rules.not_evaluable).min().alias("JUDGED"),
        pl.col("ADT").filter(reached).min().alias("RESPDAY"),
    )


def _days_after_first_dose(day: str) -> pl.Expr:
    return (pl.col(day) - pl.col("TRTSDT")).dt.total_days()


def _refractory(landmark: Landmark | None) -> pl.Expr:
    if landmark is None:
        return pl.lit(None, dtype=pl.String)
    if landmark.after_days is None:
        cycles = landmark.after_cycles
        told = pl.when(pl.col("RESPCYC") <= cycles).then(pl.lit("N"))
        return told.when(pl.col("LASTCYC") >= cycles).then(pl.lit("Y"))
    by, judged = _days_after_first_dose("RESPDAY") <= landmark.after_days, _days_after_first_dose("JUDGED")
    told = pl.when(by).then(pl.lit("N"))
    return told.when((judged <= landmark.after_days) & _alive_at(landmark)).then(pl.lit("Y"))


def _alive_at(landmark: Landmark) -> pl.Expr:
    """Whether the patient is known to have been alive at a landmark in days, and not to have died that day."""
    died = (_days_after_first_dose("DIED") <= landmark.after_days).fill_null(False)
    seen = (_days_after_first_dose("ALIVE") >= landmark.after_days).fill_null(False)
    return seen & ~died & ~pl.col("UNDATED")


def _not_evaluable(survived: pl.Expr, rules: ResponseRules) -> pl.Expr:
    early = (survived <= rules.early_death_days).fill_null(False)
    reasons = pl.when(early).then(pl.lit(EARLY)).otherwise(pl.lit(OTHER))
    return pl.when(pl.col("BOR") == rules.not_evaluable).then(reasons)


def _reasons(rows: pl.DataFrame, rules: ResponseRules, landmark: Landmark | None, event: str) -> list[pl.LazyFrame]:
    day = pl.col("FRSPDT").cast(pl.String)
    came = pl.format(f"{{}} on {{}}, {{}} after the {event}", "FRSP", day, number_of("TTRESP", "day")).fill_null(
        "no response"
    )
    late = pl.format(f"not evaluable; died {{}} after the {event}", number_of("SURVIVED", "day"))
    why = pl.when(pl.col("NEREAS").is_not_null()).then(late.fill_null("not evaluable; not dead")).otherwise(
        pl.format("evaluable: {}", "BOR")
    )  # fmt: skip
    recorded = pl.format("the treating team recorded {} on {}", "INVWORD", "INVON")
    silent = pl.when(pl.col("ASSESSED").is_null()).then(pl.lit("no assessment on treatment that counts"))
    team = pl.coalesce(recorded, silent, pl.lit("the treating team recorded no response at the assessments that count"))
    response, invest, death = ("RS", pl.col("FRSPSEQ"), "RSDTC"), ("RS", pl.col("INVSEQ"), "INVRESP"), (
        "SS", pl.when(pl.col("NEREAS").is_not_null()).then("DIEDSEQ"), "DTHDTC",
    )  # fmt: skip
    told = {"TTRESP": (came, response), "TTRESPM": (came, response), "NEREAS": (why, death)}
    refractory = _why_refractory(rules, landmark, event)
    told |= {"REFRFL": (refractory, response), "INVBOR": (team, invest), "INVRSPFL": (team, invest)}
    return [reason(rows, f"ADSL.{n}", pl.col(n), sentence, where) for n, (sentence, where) in told.items()]


def _why_refractory(rules: ResponseRules, landmark: Landmark | None, event: str) -> pl.Expr:
    if rules.refractory is None:
        return pl.lit(f"the rule set {rules.label} has no rule for refractory disease")
    if landmark is None:
        return pl.lit(f"the rule set {rules.label} tells refractory disease of intensive treatment only")
    codes = " or ".join(rules.refractory.without)
    told = _why_by_cycles(codes, landmark) if landmark.after_days is None else _why_by_days(codes, landmark, event)
    return pl.coalesce(*told, pl.lit("no assessment on treatment that counts"))


def _why_by_cycles(codes: str, landmark: Landmark) -> list[pl.Expr]:
    n = landmark.after_cycles
    reached = pl.format(f"{codes} after cycle {{}}", "RESPCYC")
    fewer = pl.format(f"no {codes} in {{}} assessed cycles; refractory is told after {landmark}", "LASTCYC")
    enough = pl.when(pl.col("LASTCYC") >= n).then(pl.lit(f"no {codes} after {landmark}"))
    return [pl.when(pl.col("RESPCYC") <= n).then(reached), enough, fewer]


def _why_by_days(codes: str, landmark: Landmark, event: str) -> list[pl.Expr]:
    n, judged = landmark.after_days, _days_after_first_dose("JUDGED")
    reached = pl.format(f"{codes} {{}} days after the {event}", _days_after_first_dose("RESPDAY"))
    none, asked = f"no {codes} by {landmark} after the {event}", f"refractory is told after {landmark}"
    late = pl.format(f"first assessed {{}} days after the {event}; {asked}", judged)
    died = pl.format(f"died {{}} days after the {event}; {asked}", _days_after_first_dose("DIED"))
    seen = pl.format(f"last known alive {{}} days after the {event}; {asked}", _days_after_first_dose("ALIVE"))
    return [
        pl.when(_days_after_first_dose("RESPDAY") <= n).then(reached),
        pl.when((judged <= n) & _alive_at(landmark)).then(pl.lit(none)),
        pl.when(judged > n).then(late),
        pl.when(judged.is_not_null() & (_days_after_first_dose("DIED") <= n)).then(died),
        pl.when(judged.is_not_null() & pl.col("UNDATED")).then(pl.lit(f"died, day not known; {asked}")),
        pl.when(judged.is_not_null()).then(seen.fill_null(f"last contact not known; {asked}")),
    ]
