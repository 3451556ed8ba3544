"""Whether a response was held as long as its rule set asks (CIBMTR, NCI: four weeks).

In: assessments with category (AVALC), sentence (BECAUSE) and the next assessment that shows relapse (NEXTREL),
milestones. Out: the same with the category of what was not held. Lost is what ends sooner by relapse, death or an
assessment that shows relapse; exactly the days asked for is held. Follow-up that ends sooner without a loss does not
show one. A response immediately before transplantation need not be held.
"""

from __future__ import annotations

import polars as pl

from chartline.derive.milestones import KEY, WORDS
from chartline.derive.response_rules import ResponseRules
from chartline.protocol.base import Milestone

_LOSSES = (Milestone.RELAPSE, Milestone.DEATH)


def held_or_not(rows: pl.LazyFrame, milestones: pl.LazyFrame, rules: ResponseRules) -> pl.LazyFrame:
    """Return the assessments, those of a response that was not held as the category that the rule set names."""
    asked = rules.durability
    if asked is None:
        return rows
    days = {m: (pl.col(f"{m}_ON") - pl.col("ADT")).dt.total_days() for m in (*_LOSSES, Milestone.TRANSPLANT)}
    seen = (pl.col("NEXTREL") - pl.col("ADT")).dt.total_days()
    losses = {**{WORDS[m]: days[m] for m in _LOSSES}, "an assessment that shows relapse": seen}
    # What happened before the marrow ends nothing that it shows.
    after = {word: pl.when(d >= 0).then(d) for word, d in losses.items()}
    lost = pl.min_horizontal(list(after.values()))
    word = pl.coalesce([pl.when(d == lost).then(pl.lit(w)) for w, d in after.items()])
    excused = (days[Milestone.TRANSPLANT] >= 0) & (days[Milestone.TRANSPLANT] <= asked.days)
    excused = excused.fill_null(False) & pl.lit(asked.unless_transplanted)
    not_held = pl.col("AVALC").is_in(asked.of) & (lost < asked.days).fill_null(False) & ~excused
    said = pl.format(f"{{}}; {{}} not held for {asked.days} days: {{}} {{}} days later", "BECAUSE", "AVALC", word, lost)
    on = [pl.col(m).alias(f"{m}_ON") for m in (*_LOSSES, Milestone.TRANSPLANT)]
    joined = rows.join(milestones.select(*KEY, *on), on=KEY, how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(not_held).then(pl.lit(asked.code)).otherwise("AVALC").alias("AVALC"),
        pl.when(not_held).then(said).otherwise("BECAUSE").alias("BECAUSE"),
    ).drop(f"{m}_ON" for m in (*_LOSSES, Milestone.TRANSPLANT))
