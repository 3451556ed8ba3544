"""Which values of the charts changed: records of both cuts are paired, then compared variable by variable.

A file has no key for its rows, and a row that is inserted moves all below it. So records of one patient and domain
that say exactly the same are set aside; what is left is paired where it shares most, values and cells counted alike,
and never across two laboratory tests or kinds of history. A record without partner was added or removed.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from chartline.core.clinical import variables
from chartline.cuts.model import ValueChange
from chartline.cuts.words import record_words, value_words, variable_words

_SUBJECT = ("DOMAIN", "CENTRE", "USUBJID")
_RECORD = (*_SUBJECT, "SEQ")
# What a record is about: two that differ here are two records, not one that was corrected.
ABOUT = ("LBTESTCD", "LBSUMM", "MHCAT", "CMCAT", "PRTRT", "FAOBJ", "FATESTCD")
_END = "\x1f"

Key = tuple[str, str, str, int]  # domain, centre, subject, SEQ
Record = dict[str, tuple[str, str | None, str | None]]  # variable -> value, address, what the cell says


def compare_values(old: pl.DataFrame, new: pl.DataFrame) -> tuple[ValueChange, ...]:
    """Return every value that differs, by centre, patient, domain and record. Shapes: `trace/charted.py`."""
    before, after = _left_over(old, new), _left_over(new, old)
    partner = _pairs(before, after)
    was, now = _records(before), _records(after)
    taken = set(partner.values())
    found: list[tuple[Key, Record | None, Record | None]] = [
        (partner.get(key, key), one, now[partner[key]] if key in partner else None) for key, one in was.items()
    ]
    found += [(key, None, other) for key, other in now.items() if key not in taken]
    order = {domain: i for i, domain in enumerate(variables())}
    found.sort(key=lambda f: (f[0][1], f[0][2], order[f[0][0]], f[0][3], f[2] is None))
    return tuple(change for key, one, other in found for change in _changes(key, one, other))


def _left_over(these: pl.DataFrame, those: pl.DataFrame) -> pl.DataFrame:
    """The values of the records that are not in the other cut word for word."""
    left = _signed(these).join(_signed(those), on=[*_SUBJECT, "SAYS", "NTH"], how="anti", nulls_equal=True)
    return these.join(left.select(_RECORD), on=list(_RECORD), how="semi")


def _signed(values: pl.DataFrame) -> pl.DataFrame:
    """A row a record: all it says, and the how-manieth of those that say the same."""
    said = pl.concat_str("VARIABLE", pl.lit("="), "VALUE").sort().str.join(_END).alias("SAYS")
    records = values.group_by(_RECORD, maintain_order=True).agg(said).sort(_RECORD)
    return records.with_columns(pl.int_range(pl.len()).over(*_SUBJECT, "SAYS").alias("NTH"))


def _pairs(before: pl.DataFrame, after: pl.DataFrame) -> dict[Key, Key]:
    """Old record -> new record, of those that are one record; the likest first, each used once."""
    on = [*_SUBJECT, "VARIABLE"]
    shared = [
        before.select(*_RECORD, "VARIABLE", what).join(
            after.select(*_RECORD, "VARIABLE", what), on=[*on, what], suffix="_NEW"
        ).select(*_RECORD, "SEQ_NEW")
        for what in ("VALUE", "ADDRESS")
    ]  # fmt: skip
    scored = (
        pl.concat(shared)
        .group_by(*_RECORD, "SEQ_NEW")
        .len("SHARED")
        .join(_about(before), on=list(_RECORD), how="left")
        .join(_about(after).rename({"SEQ": "SEQ_NEW"}), on=[*_SUBJECT, "SEQ_NEW"], how="left", suffix="_NEW")
        .filter(pl.col("ABOUT").eq_missing(pl.col("ABOUT_NEW")))
        .sort("SHARED", *_RECORD, "SEQ_NEW", descending=[True, *[False] * 5])
    )
    out: dict[Key, Key] = {}
    taken: set[Key] = set()
    for domain, centre, subject, seq, seq_new in scored.select(*_RECORD, "SEQ_NEW").iter_rows():
        mine, theirs = (domain, centre, subject, seq), (domain, centre, subject, seq_new)
        if mine not in out and theirs not in taken:
            out[mine] = theirs
            taken.add(theirs)
    return out


def _about(values: pl.DataFrame) -> pl.DataFrame:
    said = pl.concat_str("VARIABLE", pl.lit("="), "VALUE").sort().str.join(_END).alias("ABOUT")
    return values.filter(pl.col("VARIABLE").is_in(ABOUT)).group_by(_RECORD).agg(said)


def _records(values: pl.DataFrame) -> dict[Key, Record]:
    out: dict[Key, Record] = {}
    for row in values.select(*_RECORD, "VARIABLE", "VALUE", "ADDRESS", "RAW").iter_rows():
        out.setdefault(row[:4], {})[row[4]] = row[5:]
    return out


def _changes(key: Key, was: Record | None, now: Record | None) -> Iterator[ValueChange]:
    """The variables in which a record of both cuts differs; all of one that was added or removed."""
    domain, centre, subject, _ = key
    record = now or was or {}
    said = {name: value for name, (value, _, _) in record.items()}
    of = "added" if was is None else "removed" if now is None else "changed"
    for name in variables()[domain]:
        old, new = (was or {}).get(name), (now or {}).get(name)
        if (old and old[0]) == (new and new[0]):
            continue
        yield ValueChange(
            centre=centre,
            subject=subject,
            domain=domain,
            record=record_words(domain, said),
            record_is=of,
            variable=name,
            label=variable_words(domain, name, said),
            what="added" if old is None else "removed" if new is None else "changed",
            old=value_words(domain, name, old[0]) if old else None,
            new=value_words(domain, name, new[0]) if new else None,
            old_place=old[1] if old else None,
            new_place=new[1] if new else None,
            reread=bool(old and new and old[2] and old[2] == new[2]),
        )
