"""Each cycle of the index drug against its plan.

In: ADEX, the first response of each subject, a schedule (`derive/schedules/`). Out: ADCYC, one row a subject and cycle
with the planned and the given dose and every departure, and per subject RDI, NCYRED, NCYDLY, NCYFLAT, NOMIT, CUMCUTFL.

Which plan a cycle has depends on whether a response was reached before its day 1. Relative dose intensity is the mg/m2
given in % of those planned for the cycles begun, whatever time they took. Departures (Y, N, null: not known):

    REDFL   less was given than the schedule's limit allows, for whatever reason
    DLYFL   day 1 came later after day 1 of the cycle before than that cycle's length and the limit allow
    FLATFL  whole vials, the same mg at each dose, and a dose off its plan
    NOMIT   planned doses that were not given; NOFFWIN doses outside the window, or too soon after the one before

CYCAT names one of them, the first that holds: a flat dose; ended early (the last cycle, and doses of it not given);
doses omitted (but a later cycle was given); reduced; late; else as planned.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from chartline.core.compare import exactly
from chartline.core.plans import run
from chartline.core.reasons import number_of, number_text, reason
from chartline.derive.milestones import KEY
from chartline.derive.schedule_rules import Limit, Plan, ScheduleRules, load_schedule
from chartline.protocol.treatment import Treatment

CYCLE = [*KEY, "CYCLE"]
_DECIMALS = 6  # sums of decimal doses: 0.8 + 0.5 + 0.5 is 1.8


def derive_cycles(
    adex: pl.DataFrame, best: pl.DataFrame, treatment: Treatment | None
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.LazyFrame]]:
    """Return (ADCYC, one row a subject that had a dose, trace); the three are empty without a schedule."""
    schedule = load_schedule(treatment)
    if schedule is None:
        return pl.DataFrame(), pl.DataFrame(), []
    cycles = _planned(adex, best, schedule)
    doses = _doses(adex, cycles, schedule)
    adcyc = run(_judged(cycles.lazy(), doses, schedule).with_columns(_sentence(schedule).alias("BECAUSE")))
    per_subject = _totals(adex, adcyc, schedule)
    told = _reasons(adex, adcyc, per_subject, best, schedule)
    return adcyc.drop("PLANNO", "LENGTH", "RUNTO", "FRSPDT", "FRSP"), per_subject.drop("TOTAL"), told


def _planned(adex: pl.DataFrame, best: pl.DataFrame, schedule: ScheduleRules) -> pl.DataFrame:
    """One row a cycle: when it began, whether in response, and the number of its plan (null: the schedule has none)."""
    cycles = (
        adex.lazy()
        .filter(pl.col("CYCLE").is_not_null())
        .sort(*CYCLE, "ASTDT", "SEQ", nulls_last=True)
        .group_by(CYCLE, maintain_order=True)
        .agg(
            pl.col("CYSTDT").first(),
            pl.col("CYORIG").first(),
            pl.len().cast(pl.Int64).alias("NDOSE"),
            pl.col("CYDOSM2").first().alias("GIVENM2"),
            pl.col("SEQ").first(),
        )
        .join(best.lazy().select(*KEY, "FRSPDT", "FRSP"), on=KEY, how="left", maintain_order="left")
    )
    responded = pl.when(pl.col("CYSTDT").is_not_null()).then((pl.col("FRSPDT") < pl.col("CYSTDT")).fill_null(False))
    fits = [pl.when(_fits(plan, schedule)).then(pl.lit(i)) for i, plan in enumerate(schedule.plans)]
    chosen = cycles.with_columns(responded.alias("RESPONDED")).with_columns(pl.coalesce(fits).alias("PLANNO"))
    return run(
        chosen.with_columns(
            _by_plan(schedule, lambda p: pl.lit(p.label)).alias("PLAN"),
            _by_plan(schedule, lambda p: pl.lit(len(p.doses))).cast(pl.Int64).alias("NPLAN"),
            _by_plan(schedule, lambda p: pl.lit(p.total_m2)).alias("PLANM2"),
            _by_plan(schedule, lambda p: pl.lit(p.length_days)).cast(pl.Int64).alias("LENGTH"),
            _by_plan(schedule, lambda p: pl.lit(p.may_run_to_days or p.length_days)).cast(pl.Int64).alias("RUNTO"),
        )
    )


def _fits(plan: Plan, schedule: ScheduleRules) -> pl.Expr:
    number = pl.col("CYCLE")
    which = (number == 1) if plan.cycles == "first" else (number > 1)
    if plan.in_response is not None:
        which &= pl.col("RESPONDED") == plan.in_response
    return which & schedule.cycles.met(number)


def _by_plan(schedule: ScheduleRules, of: Callable[[Plan], pl.Expr]) -> pl.Expr:
    """Return what `of` says of the plan that a row has."""
    return pl.coalesce([pl.when(pl.col("PLANNO") == i).then(of(plan)) for i, plan in enumerate(schedule.plans)])


def _doses(adex: pl.DataFrame, cycles: pl.DataFrame, schedule: ScheduleRules) -> pl.LazyFrame:
    """Each dose with OFFWIN (outside the window) and for each plan i DOSE<i>, the planned mg/m2 of the nearest day."""
    rows = (
        adex.lazy()
        .filter(pl.col("CYCLE").is_not_null())
        .sort(*KEY, "ASTDT", "SEQ", nulls_last=True)
        .with_columns((pl.col("ASTDT") - pl.col("ASTDT").shift(1).over(KEY)).dt.total_days().alias("SINCE"))
        .join(cycles.lazy().select(*CYCLE, "PLANNO"), on=CYCLE, how="left", maintain_order="left")
        .with_columns(_by_plan(schedule, _distance).alias("AWAY"))
    )
    near, apart = schedule.window.met(pl.col("AWAY")), schedule.apart.met(pl.col("SINCE")).fill_null(True)
    doses = [_nearest(plan).alias(f"DOSE{i}") for i, plan in enumerate(schedule.plans)]
    return rows.with_columns((~(near & apart)).alias("OFFWIN"), *doses)


def _distance(plan: Plan) -> pl.Expr:
    return pl.min_horizontal((pl.col("CYDAY") - d.day).abs() for d in plan.doses)


def _nearest(plan: Plan) -> pl.Expr:
    """The planned mg/m2 of the nearest day; of two as near, the earlier."""
    away = _distance(plan)
    return pl.coalesce([pl.when((pl.col("CYDAY") - d.day).abs() == away).then(d.dose_m2) for d in plan.doses])


def _judged(cycles: pl.LazyFrame, doses: pl.LazyFrame, schedule: ScheduleRules) -> pl.LazyFrame:
    """Add the departures of each cycle and the category that names one of them."""
    of_doses = doses.group_by(CYCLE, maintain_order=True).agg(
        pl.when(pl.col("OFFWIN").is_not_null().all()).then(pl.col("OFFWIN").sum().cast(pl.Int64)).alias("NOFFWIN"),
        _flat(schedule).alias("FLAT"),
    )
    rows = cycles.join(of_doses, on=CYCLE, how="left", maintain_order="left").sort(CYCLE)
    neighbour = (pl.col("CYCLE") - pl.col("CYCLE").shift(1).over(KEY)) == 1
    since = (pl.col("CYSTDT") - pl.col("CYSTDT").shift(1).over(KEY)).dt.total_days()
    rows = rows.with_columns(
        pl.when(neighbour).then(since).alias("PREVINT"),
        (pl.col("CYSTDT").shift(-1).over(KEY) - pl.col("CYSTDT")).dt.total_days().alias("NEXTINT"),
        (pl.col("CYCLE") == pl.col("CYCLE").max().over(KEY)).alias("LAST"),
        (pl.col("GIVENM2") / pl.col("PLANM2") * 100).round(_DECIMALS).alias("RDI"),
        (pl.col("NPLAN") - pl.col("NDOSE")).clip(lower_bound=0).alias("NOMIT"),
    )
    late = schedule.delayed.met(pl.col("PREVINT") - pl.col("LENGTH").shift(1).over(KEY))
    late &= pl.col("PREVINT") > pl.col("RUNTO").shift(1).over(KEY)
    first = pl.col("CYCLE") == pl.col("CYCLE").min().over(KEY)
    rows = rows.with_columns(
        _flag(schedule.reduced.met(pl.col("RDI"))).alias("REDFL"),
        _flag(pl.when(first).then(pl.lit(False)).otherwise(late)).alias("DLYFL"),
        _flag(pl.col("FLAT")).alias("FLATFL"),
    )
    return rows.with_columns(_category().alias("CYCAT")).drop("FLAT", "LAST", "RESPONDED")


def _flag(holds: pl.Expr) -> pl.Expr:
    return pl.when(holds).then(pl.lit("Y")).when(~holds).then(pl.lit("N"))


def _flat(schedule: ScheduleRules) -> pl.Expr:
    """Whether a cycle's doses are flat. The same whole vials that fit a plan are a coincidence of body size."""
    vials = exactly(pl.col("EXDOSE") / schedule.flat.vial_mg)
    same = (pl.col("EXDOSE").n_unique() == 1) & (vials == vials.floor()).all()
    known = pl.col("EXDOSE").is_not_null().all()
    off = pl.all_horizontal(_off(pl.col(f"DOSE{i}"), schedule.flat.off_plan) for i in range(len(schedule.plans)))
    return pl.when(~off | (known & ~same)).then(pl.lit(False)).when(known & off & (pl.len() > 1)).then(pl.lit(True))


def _off(planned: pl.Expr, limit: Limit) -> pl.Expr:
    """Whether a dose of the cycle is off a plan. Without mg/m2, the same mg at doses whose plans differ are."""
    off = limit.met((pl.col("EXDOSM2") / planned - 1).abs() * 100)
    return (
        pl.when(off.any())
        .then(pl.lit(True))
        .when(off.is_not_null().all())
        .then(pl.lit(False))
        .when(limit.met((planned.max() / planned.min() - 1) * 100))
        .then(pl.lit(True))
    )


def _category() -> pl.Expr:
    lacking = pl.col("NOMIT") > 0
    ways: list[tuple[pl.Expr, str]] = [
        (pl.col("FLATFL") == "Y", "Flat dose"),
        (lacking & pl.col("LAST"), "Ended early"),
        (lacking & ~pl.col("LAST"), "Doses omitted"),
        (pl.col("REDFL") == "Y", "Reduced dose"),
        (pl.col("DLYFL") == "Y", "Begun late"),
    ]
    known = pl.all_horizontal(pl.col(c).is_not_null() for c in ("FLATFL", "NOMIT", "REDFL", "DLYFL"))
    named: list[pl.Expr] = [pl.when(holds).then(pl.lit(name)) for holds, name in ways]
    return pl.coalesce([*named, pl.when(known).then(pl.lit("As planned"))])


def _sentence(schedule: ScheduleRules) -> pl.Expr:
    """Say what was planned and given, as a pharmacist would."""
    response = pl.format(" ({} since {})", "FRSP", pl.col("FRSPDT").cast(pl.String))
    since = pl.when(pl.col("FRSPDT") < pl.col("CYSTDT")).then(response)
    planned = pl.format("planned {} mg/m2, {}{}", number_text("PLANM2"), "PLAN", since.fill_null(""))
    given = pl.format("given {} mg/m2", number_text("GIVENM2")).fill_null("given in mg/m2 not recorded")
    doses = pl.format("{} of {} doses", "NDOSE", "NPLAN")
    begun = pl.format(
        "; begun {} after the cycle before, whose length is {}", number_of("PREVINT", "day"), _previous("LENGTH")
    )
    outside = pl.when(pl.col("NOFFWIN") > 0).then(pl.format("; {} outside the window of days", "NOFFWIN"))
    none = pl.format("cycle {}: no dose is planned by the {}", "CYCLE", pl.lit(schedule.label))
    told = pl.format("cycle {}: {}; {} in {}", "CYCLE", planned, given, doses)
    return pl.concat_str([told, begun.fill_null(""), outside.fill_null("")]).fill_null(none)


def _previous(name: str) -> pl.Expr:
    return pl.col(name).shift(1).over(KEY)


def _totals(adex: pl.DataFrame, adcyc: pl.DataFrame, schedule: ScheduleRules) -> pl.DataFrame:
    """Per subject; a sum with an unknown part is unknown."""

    def whole(name: str, part: pl.Expr) -> pl.Expr:
        return pl.when(pl.col(name).is_not_null().all()).then(part.sum())

    sums = (
        adcyc.lazy()
        .group_by(KEY, maintain_order=True)
        .agg(
            whole("GIVENM2", pl.col("GIVENM2")).alias("GIVENM2"),
            whole("PLANM2", pl.col("PLANM2")).alias("PLANM2"),
            *[whole(f, (pl.col(f) == "Y").cast(pl.Int64)).alias(n) for n, f in _FLAGGED.items()],
            whole("NOMIT", pl.col("NOMIT")).alias("NOMIT"),
        )
    )
    doses = (
        adex.lazy()
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("CYCLE").is_not_null().all().alias("PLACED"),
            pl.when(pl.col("EXDOSM2").is_not_null().all())
            .then(pl.col("EXDOSM2").sum().round(_DECIMALS))
            .alias("TOTAL"),
        )
    )
    rows = doses.join(sums, on=KEY, how="left", maintain_order="left")
    placed = [pl.when("PLACED").then(n).alias(n) for n in (*_FLAGGED, "NOMIT", "GIVENM2", "PLANM2")]
    rows = rows.with_columns(placed)
    intensity = (pl.col("GIVENM2") / pl.col("PLANM2") * 100).round(_DECIMALS)
    return run(
        rows.select(
            *KEY, intensity.alias("RDI"), *_FLAGGED, "NOMIT",
            _flag(schedule.cumulative.met(pl.col("TOTAL"))).alias("CUMCUTFL"), "TOTAL",
        )
    )  # fmt: skip


_FLAGGED = {"NCYRED": "REDFL", "NCYDLY": "DLYFL", "NCYFLAT": "FLATFL"}
_WORDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at or above", "==": "exactly"}


def _reasons(
    adex: pl.DataFrame,
    adcyc: pl.DataFrame,
    per_subject: pl.DataFrame,
    best: pl.DataFrame,
    schedule: ScheduleRules,
) -> list[pl.LazyFrame]:
    """One sentence a subject, with the cell of every dose, and of the marrow that a plan in response rests on."""
    told = (
        adcyc.lazy()
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("BECAUSE").str.join("; ").alias("TOLD"),
            *[
                pl.col("CYCLE").filter(pl.col(flag) == "Y").cast(pl.String).str.join(", ").alias(flag)
                for flag in _FLAGGED.values()
            ],
        )
    )
    rows = run(
        adex.lazy()
        .select(*KEY, "SEQ")
        .join(per_subject.lazy(), on=KEY, maintain_order="left")
        .join(told, on=KEY, how="left", maintain_order="left")
        .with_columns(pl.col("TOLD").fill_null("no dose could be given a cycle"))
    )
    cut = schedule.cumulative
    side = pl.when(pl.col("CUMCUTFL") == "Y").then(pl.lit("")).otherwise(pl.lit("not "))
    total = pl.format(
        f"cumulative dose {{}} {cut.unit}, {{}}{_WORDS[cut.operator]} {cut.threshold:g}: {{}}",
        number_text("TOTAL"), side, "TOLD",
    )  # fmt: skip
    dose = ("EX", pl.col("SEQ"), "EXDOSM2")
    out = [reason(rows, f"ADSL.{n}", pl.col(n), pl.col("TOLD"), dose) for n in ("RDI", "NOMIT")]
    marrow = best.lazy().filter(pl.col("FRSPSEQ").is_not_null()).select(*KEY, pl.col("FRSPSEQ").alias("MARROW"))
    once = rows.lazy().unique(KEY, keep="first", maintain_order=True).join(marrow, on=KEY, maintain_order="left")
    out.append(reason(once, "ADSL.RDI", pl.col("RDI"), pl.col("TOLD"), ("RS", pl.col("MARROW"), "BMBLAST")))
    for name, flag in _FLAGGED.items():
        which = pl.when(pl.col(flag) != "").then(pl.format("cycle {}; ", flag)).otherwise(pl.lit("none; "))
        source = ("EX", pl.col("SEQ"), {"NCYDLY": "EXSTDTC", "NCYFLAT": "EXDOSE"}.get(name, "EXDOSM2"))
        out.append(reason(rows, f"ADSL.{name}", pl.col(name), pl.format("{}{}", which.fill_null(""), "TOLD"), source))
    known = pl.when(pl.col("CUMCUTFL").is_not_null()).then(total)
    unknown = pl.lit("not known: mg/m2 of a dose is not recorded")
    out.append(reason(rows, "ADSL.CUMCUTFL", pl.col("CUMCUTFL"), pl.coalesce(known, unknown), dose))
    return out
