"""Which headline numbers moved, and by which patients.

A patient is asked about where the two cuts count it otherwise in the number's analysis. The number is then computed
again from the new cut with that one patient as in the old cut: a subject's derived rows rest on its records alone, so
nothing has to be derived again, and nothing is approximated. What several patients move together is not shared out
among them: each line says what the number would be without that one change.

Where the protocols differ too, a patient's old rows are those of the old protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from chartline.counts.count import count_parts
from chartline.counts.members import Roster, all_members
from chartline.counts.model import Counts
from chartline.cuts.model import Cut, Mover, NumberChange
from chartline.cuts.words import standing
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol
from chartline.report.format import format_headline
from chartline.results.headline import build_headline
from chartline.results.model import Results
from chartline.results.unknown import best_responses
from chartline.stats.estimate import estimate_all

ASKED = 200  # patients of one number that are put back one by one; of more, only how they are counted is said
_SAYS = ("n", "N", "estimate", "lower", "upper", "reason")
_STANDS = ("ROLE", "VALUE", "LEVEL", "CAUSE", "ENTRY")
_KEY = ("CENTRE", "USUBJID")
Entry = Mapping[str, Any]


def compare_numbers(old: Cut, new: Cut) -> tuple[NumberChange, ...]:
    """Return every headline number of either cut, in the order of the new one, with the patients counted otherwise."""
    keys = list(dict.fromkeys([*new.headline, *old.headline]))
    again = _Again(old, new)
    return tuple(_number(key, old, new, again) for key in keys)


def _number(key: str, old: Cut, new: Cut, again: _Again) -> NumberChange:
    before, after = old.headline.get(key), new.headline.get(key)
    label = (after or before or {})["label"]
    was, now = (_shown(e) if e is not None else None for e in (before, after))
    if before is None or after is None:
        return NumberChange(key, label, was, now, moved=True, movers=())
    movers, note = again.movers(key)
    return NumberChange(key, label, was, now, moved=_differ(before, after), movers=movers, note=note)


def _shown(entry: Entry) -> str:
    """A number as the report's first page has it; of how many patients, where that does not stand in it."""
    text, total = format_headline(entry), entry.get("N")
    return text if total is None or f"/{total}" in text else f"{text}, of {total}"


def _differ(a: Entry, b: Entry) -> bool:
    return _shown(a) != _shown(b) or any(a.get(name) != b.get(name) for name in _SAYS)


class _Again:
    """The numbers of the new cut, with one patient as in the old cut."""

    def __init__(self, old: Cut, new: Cut) -> None:
        self._old, self._new = old, new
        self._alike = all(
            name in old.adam.tables and dict(old.adam[name].schema) == dict(table.schema)
            for name, table in new.adam.tables.items()
        )
        self._because = _because(old), _because(new)
        self._members: dict[str, pl.DataFrame] = {}

    def movers(self, key: str) -> tuple[tuple[Mover, ...], str]:
        """Return who is counted otherwise in a number, and what a reader should know of the list."""
        analysis = self._new.protocol.headline[key].analysis
        changed = self._changed(analysis)
        note = ""
        if not self._alike:
            note = "The two protocols derive different variables, so no patient was put back."
        elif changed.height > ASKED:
            note = f"{changed.height} patients are counted otherwise; they were not put back one by one."
        return tuple(self._mover(key, analysis, row, not note) for row in changed.iter_rows(named=True)), note

    def _changed(self, analysis: str) -> pl.DataFrame:
        """The patients who are counted otherwise: CENTRE USUBJID, how they stood (ROLE VALUE) and stand (.._NEW)."""
        if analysis not in self._members:
            was, now = (_standing_of(cut, analysis) for cut in (self._old, self._new))
            both = was.join(now, on=list(_KEY), how="full", coalesce=True, suffix="_NEW")
            differs = pl.any_horizontal(~pl.col(c).eq_missing(pl.col(f"{c}_NEW")) for c in ("ROLE", "VALUE", "ALL"))
            self._members[analysis] = both.filter(differs).sort(_KEY)
        return self._members[analysis]

    def _mover(self, key: str, analysis: str, row: dict[str, Any], ask: bool) -> Mover:
        subject, entry = row["USUBJID"], None
        if ask:
            entry = _entry(key, self._with_old(subject), self._new.protocol)
        follow_up = self._new.protocol.analysis(analysis).kind == "follow_up"
        return Mover(
            centre=row["CENTRE"],
            subject=subject,
            old=standing(row["ROLE"], row["VALUE"], follow_up),
            new=standing(row["ROLE_NEW"], row["VALUE_NEW"], follow_up),
            because=self._why(analysis, subject, row["ROLE_NEW"] is not None),
            without=_shown(entry) if entry is not None else None,
            moved=_differ(entry, self._new.headline[key]) if entry is not None else None,
        )

    def _why(self, analysis: str, subject: str, is_in: bool) -> str:
        """The sentence why a patient is counted as it is; of who is no longer in it, why it was."""
        was, now = (of.get((analysis, subject), "") for of in self._because)
        return now if is_in else f"Before: {was}" if was else ""

    def _with_old(self, subject: str) -> Adam:
        """The new cut's derived tables with one patient's rows from the old cut."""
        old, new = self._old.adam, self._new.adam
        tables = {name: _put_back(old[name], table, subject) for name, table in new.tables.items()}
        return Adam(tables, new.trace, _put_back(old.withheld, new.withheld, subject), {})


def _put_back(old: pl.DataFrame, new: pl.DataFrame, subject: str) -> pl.DataFrame:
    return pl.concat([new.filter(pl.col("USUBJID") != subject), old.filter(pl.col("USUBJID") == subject)])


def _standing_of(cut: Cut, analysis: str) -> pl.DataFrame:
    """How each member stands: the last part of its time (ROLE, VALUE), and all of it (ALL)."""
    if not any(a.id == analysis for a in cut.protocol.analyses):
        return pl.DataFrame(schema={c: pl.String for c in (*_KEY, "ROLE", "VALUE", "ALL")})
    declared = cut.protocol.analysis(analysis)
    rows = all_members(Roster(cut.adam, cut.protocol).tables(declared))
    said = pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in ("ANALYSIS", *_STANDS)], separator="\x1f")
    own = pl.col("ANALYSIS") == analysis
    return rows.group_by(_KEY, maintain_order=True).agg(
        *(pl.coalesce(pl.col(c).filter(own).last(), pl.col(c).last()).alias(c) for c in ("ROLE", "VALUE")),
        said.str.join("\x1e").alias("ALL"),
    )


def _entry(key: str, adam: Adam, protocol: Protocol) -> Entry:
    """One headline number computed from these tables, as a run does it."""
    wanted = _needed(protocol, protocol.headline[key].analysis)
    declared = tuple(a for a in protocol.analyses if a.id in wanted)
    counts: Counts = {}
    for analysis in declared:
        counts |= _counted(adam, protocol, analysis)
    report = protocol.report.model_copy(update={"table1": ()})
    asked = {"analyses": declared, "sets": {}, "report": report, "headline": {key: protocol.headline[key]}}
    reduced = protocol.model_copy(update=asked)
    results = Results(estimate_all(counts, reduced), "", "")
    return build_headline(results, reduced)["headline"][key]  # type: ignore[no-any-return]


def _counted(adam: Adam, protocol: Protocol, analysis: Any) -> Counts:
    everyone = adam["ADSL"].select("USUBJID", pl.lit("all").alias("PART"))
    parts = count_parts(adam, protocol, analysis, everyone)
    return parts.get("all", parts[""])


def _needed(protocol: Protocol, analysis: str) -> set[str]:
    """An analysis with those it is computed from, and the one that tells who of it was not evaluable."""
    best = best_responses(protocol, analysis)
    out, to_see = set[str](), [analysis, *([best.id] if best is not None else [])]
    while to_see:
        name = to_see.pop()
        if name not in out:
            out.add(name)
            of = getattr(protocol.analysis(name), "of", ())
            to_see += [of] if isinstance(of, str) else list(of)
    return out


def _because(cut: Cut) -> dict[tuple[str, str], str]:
    """(analysis, subject) -> the sentence why the patient is counted as it is."""
    rows = cut.trace.filter(pl.col("ITEM").str.starts_with("RESULT."), pl.col("BECAUSE").is_not_null())
    named = rows.select(pl.col("ITEM").str.strip_prefix("RESULT."), "USUBJID", "BECAUSE")
    return {(item, subject): said for item, subject, said in named.iter_rows()}
