"""A difference in lines, for a terminal and for the tables of its page: what is said, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chartline.core.clinical import DOMAIN_LABELS
from chartline.core.sentences import counted, joined
from chartline.cuts.model import Cut, Declared, DerivedChange, Difference, NumberChange, ValueChange
from chartline.cuts.records import ABOUT

BLANK = "–"
_SHOWN = 12  # lines of one patient on a terminal; all are in diff.csv


@dataclass(frozen=True)
class ChartLine:
    """What changed in a chart: one variable, or a whole record that was added or removed."""

    words: str
    old: str
    new: str
    place: str
    reread: bool = False


def cut_words(cut: Cut) -> str:
    """Return "out-june (cut-off 2023-12-31, data a27ef9646f3a)"."""
    cut_off = cut.protocol.data.cut_off
    said = [f"cut-off {cut_off}"] if cut_off else []
    return f"{cut.name} ({', '.join([*said, f'data {cut.data_digest[:12]}'])})"


def same_words(difference: Difference) -> str:
    """Return whether protocol, mappings and version are the same in both cuts."""
    kinds = {"mapping" if is_mapping(d, difference) else d.kind for d in difference.declared}
    other = [words for kind, words in _DECLARED.items() if kind in kinds]
    same = [words for kind, words in _DECLARED.items() if kind not in kinds]
    if not other:
        return "Protocol, mappings and version of chartline are the same in both cuts, so only the data changed."
    rest = f"; {joined(same)} {'is' if len(same) == 1 else 'are'} the same" if same else ""
    return f"Not only the data changed: {joined(other)} differ{'s' if len(other) == 1 else ''}{rest}."


_DECLARED = {"protocol": "the protocol", "mapping": "a mapping", "version": "the version of chartline"}


def is_mapping(d: Declared, difference: Difference) -> bool:
    """Return whether a file that differs is a centre's mapping."""
    mappings = {c.mapping for cut in (difference.old, difference.new) for c in cut.protocol.data.centres}
    return d.kind == "file" and d.name in mappings


def declared_words(d: Declared) -> tuple[str, str]:
    """Return old and new; of a file, whose digest says nothing to a reader, whether it is there."""
    if d.kind != "file":
        return d.old or BLANK, d.new or BLANK
    return ("there" if d.old else BLANK), ("changed" if d.old and d.new else "new" if d.new else "gone")


def moved_numbers(difference: Difference) -> list[NumberChange]:
    """Return the numbers that moved, and those that stayed although somebody is counted otherwise."""
    return [n for n in difference.numbers if n.moved or n.movers]


def number_note(n: NumberChange) -> str:
    """Return what a reader should know of a number's list of patients."""
    if n.old is None or n.new is None:
        return "Only one of the cuts has this number."
    if not n.moved and any(m.moved for m in n.movers):
        return "The number is the same because the changes of these patients cancel out."
    if not n.moved:
        return "The number is the same although these patients are counted otherwise."
    if not n.movers:
        return "Nobody is counted otherwise: the declaration of the number changed."
    return n.note


def chart_lines(values: Sequence[ValueChange]) -> list[ChartLine]:
    """Return the changes of one patient's chart: a line a variable, and a line a record that came or went."""
    out: list[ChartLine] = []
    for (record, of, _), group in groupby(values, key=lambda v: (v.record, v.record_is, v.domain)):
        each = list(group)
        if of == "changed":
            out += [
                ChartLine(f"{record}. {v.label}", v.old or BLANK, v.new or BLANK, _place(v), v.reread) for v in each
            ]
            continue
        said = "; ".join(f"{v.label} {v.new or v.old}" for v in each if v.variable not in ABOUT)
        place = next((p for v in each if (p := v.new_place or v.old_place)), "")
        was, now = (BLANK, said) if of == "added" else (said, BLANK)
        out.append(ChartLine(f"{record}: record {of}", was, now, place))
    return out


def record_counts(values: Sequence[ValueChange]) -> str:
    """Return how many records of which kind came with a patient: "6 × Dose, 40 × Laboratory"."""
    n: dict[str, int] = {}
    for (domain, _, _), group in groupby(values, key=lambda v: (v.domain, v.record, v.new_place and _row(v.new_place))):
        n[domain] = n.get(domain, 0) + bool(list(group))
    return ", ".join(f"{k} × {DOMAIN_LABELS[d].lower()}" for d, k in n.items() if d != "DM")


def by_patient(items: Sequence[ValueChange] | Sequence[DerivedChange]) -> Iterator[tuple[str, list]]:  # type: ignore[type-arg]
    """Yield patient and its changes, in order."""
    for subject, group in groupby(items, key=lambda i: i.subject):
        yield subject, list(group)


def terminal_lines(difference: Difference) -> Iterator[str]:
    """Yield the whole difference as lines for a terminal."""
    old, new = difference.old, difference.new
    yield f"{new.study}: {cut_words(old)} -> {cut_words(new)}"
    if difference.nothing:
        yield "Nothing differs."
        return
    yield same_words(difference)
    for d in difference.declared:
        was, now = declared_words(d)
        yield f"  {d.name}: {now}" if d.kind == "file" else f"  {d.name}: {_short(was)} -> {_short(now)}"
    yield ""
    yield from _patients(difference)
    yield from _numbers(difference)
    yield from _charts(difference)
    yield from _derived(difference)
    yield from _queries(difference)


def patient_words(difference: Difference) -> str:
    """Return "1 new, none gone, 2 of changed eligibility"."""
    n = {what: sum(p.what == what for p in difference.patients) for what in ("new", "gone", "eligibility")}
    words = [f"{n[w] or 'none'} {w}" for w in ("new", "gone")]
    return ", ".join([*words, f"{n['eligibility'] or 'none'} of changed eligibility"])


def _patients(difference: Difference) -> Iterator[str]:
    yield f"Patients: {patient_words(difference)}"
    for p in difference.patients:
        yield f"  {p.subject:<10} {p.what}: {' -> '.join(filter(None, (p.old, p.new)))}"


def value_words(difference: Difference) -> str:
    """Return "3 changed, 12 added, 0 removed, of 4 patients"."""
    n = {what: sum(v.what == what for v in difference.values) for what in ("changed", "added", "removed")}
    patients = len({(v.centre, v.subject) for v in difference.values})
    return f"{', '.join(f'{k} {what}' for what, k in n.items())}, of {counted(patients, 'patient')}"


def _charts(difference: Difference) -> Iterator[str]:
    yield f"Values in the charts: {value_words(difference)}"
    whole = {p.subject: p.what for p in difference.patients if p.what in ("new", "gone")}
    for subject, values in by_patient(difference.values):
        if subject in whole:
            yield f"  {subject:<10} {whole[subject]} patient: {record_counts(values)}"
            continue
        lines = chart_lines(values)
        for line in lines[:_SHOWN]:
            yield f"  {subject:<10} {line.words}: {line.old} -> {line.new}  [{line.place}]"
            if line.reread:
                yield f"  {'':<10} (the cell says the same; it is read otherwise)"
        if len(lines) > _SHOWN:
            yield f"  {subject:<10} and {len(lines) - _SHOWN} more (--out DIR writes them all)"


def _derived(difference: Difference) -> Iterator[str]:
    patients = len({d.subject for d in difference.derived})
    yield f"Derived values: {len(difference.derived)} changed, of {counted(patients, 'patient')}"
    for subject, changes in by_patient(difference.derived):
        why = None
        for d in changes[:_SHOWN]:
            yield f"  {subject:<10} {d.label}: {d.old or BLANK} -> {d.new or BLANK}"
            if d.because and d.because != why:
                yield f"  {'':<10}   {d.because}"
            why = d.because
        if len(changes) > _SHOWN:
            yield f"  {subject:<10} and {len(changes) - _SHOWN} more (--out DIR writes them all)"


def _numbers(difference: Difference) -> Iterator[str]:
    moved = sum(n.moved for n in difference.numbers)
    yield f"Headline numbers: {moved} of {len(difference.numbers)} moved"
    for n in moved_numbers(difference):
        yield f"  {n.label}: {n.old or BLANK} -> {n.new or BLANK}"
        if note := number_note(n):
            yield f"    {note}"
        for m in n.movers:
            without = f"; without this change {m.without}" if m.moved else "; no effect on it" if m.without else ""
            yield f"    {m.subject:<10} {m.old} -> {m.new}{without}"


def _queries(difference: Difference) -> Iterator[str]:
    opened = [q for q in difference.queries if q.what == "opened"]
    yield f"Queries: {len(opened)} opened, {len(difference.queries) - len(opened)} closed"
    for q in difference.queries:
        yield f"  {q.subject or q.centre:<10} {q.what}: {q.message}  [{q.id}]"


def _place(v: ValueChange) -> str:
    if v.old_place and v.new_place and v.old_place != v.new_place:
        return f"{v.new_place}, before {v.old_place}"
    return v.new_place or v.old_place or ""


def _row(place: str) -> str:
    return place.rpartition("!")[0]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
