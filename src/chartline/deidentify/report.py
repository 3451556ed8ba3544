"""What was recognised, what was done, and what may remain: a page and lines of text, without any value of a chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chartline.core.sentences import counted, joined
from chartline.deidentify.model import Action, Decision, Done, Remaining
from chartline.report.document import Block, Cell, Document, Heading, KeyNumbers, Paragraph, Table

_LEFT = (
    "Left as they are, because the study needs them: dates{shifted}, ages, sex, diagnoses, findings and places of "
    "treatment. Together they can still lead to a person who is rare; the centre decides with its ethics committee who "
    "may receive them."
)
_CHECK = (
    "Recognition is by headings and by shapes; it cannot know every name. Before the copy leaves, look at the columns "
    "and places below, and declare what was missed (--drop, --pseudonym) or taken wrongly (--keep)."
)
_KEY = (
    "Pseudonyms and shifts are HMAC-SHA256 under the centre's key {fingerprint}. Keep the key; whoever has it can "
    "check which number a pseudonym stands for, and find the true dates. It is not in this folder."
)


def build_document(done: Done, version: str, made: str) -> Document:
    """Return the page of the report."""
    blocks: list[Block] = [
        KeyNumbers(_key_numbers(done)),
        Paragraph(_CHECK, "notice"),
        Heading("What may remain"),
        *_remaining(done),
        Heading("What was recognised"),
        *_decisions(done),
        *_in_text(done),
        *_kept(done),
        Heading("Dates"),
        Paragraph(_dates(done)),
        Heading("Files"),
        _table(
            "Files of the folder.", ("File", "What was done"), [(f, w) for f, w in sorted(done.files.items())], (3, 6)
        ),
        *(Paragraph(n, "small") for n in done.notes),
        Heading("What this does not do"),
        Paragraph(_LEFT.format(shifted=" (shifted)" if done.options.shift_days else "")),
        Paragraph(_KEY.format(fingerprint=done.fingerprint)),
    ]
    return Document(
        title="De-identification report",
        subtitle="What was removed from the copies in files/, and what to look at before they leave the centre.",
        notice="For the centre: read this before the copies leave.",
        blocks=tuple(_numbered(blocks)),
        footer=f"chartline {version}; key {done.fingerprint}; {made}",
        short_title="De-identification report",
        patient_level=False,
    )


def report_lines(done: Done) -> Iterator[str]:
    """Yield the report as lines of text."""
    copied = len(done.copies)
    yield f"{counted(copied, 'file')} copied, {len(done.files) - copied} not"
    for file, what in sorted(done.files.items()):
        if what != "copied":
            yield f"  {file}: {what}"
    yield from _decided(done)
    for (file, table, column, kind), n in sorted(done.in_text.items()):
        yield f"  {file}{_of(table, file)} {column}: {counted(n, kind)} removed from text"
    yield _dates(done)
    if done.remaining:
        yield "May remain, to be looked at:"
    for r in done.remaining.values():
        first = joined(_places(r))
        yield f"  {r.file}{_of(r.table, r.file)} {r.column}: {r.looks}, {counted(r.cells, 'cell')} ({first})"
    yield from done.notes


def _decided(done: Done) -> Iterator[str]:
    """A line for each column that was changed; what was kept is said once, with the number of its tables."""
    for d in _changed(done):
        yield f"  {d.file}{_of(d.table, d.file)} {d.column}: {d.action}: {counted(d.cells, 'cell')} ({d.reason})"
    for (column, _, reason), tables in _unchanged(done).items():
        more = f" and {counted(len(tables) - 1, 'other table')}" if len(tables) > 1 else ""
        yield f"  {column} in {tables[0]}{more}: {Action.KEEP} ({reason})"


def _changed(done: Done) -> Iterator[Decision]:
    return (d for d in done.decisions if d.action is not Action.KEEP)


def _unchanged(done: Done) -> dict[tuple[str, str, str], list[str]]:
    """The tables in which a column was kept, by column, kind and reason."""
    out: dict[tuple[str, str, str], list[str]] = {}
    for d in done.decisions:
        if d.action is Action.KEEP and d.reason:
            tables = out.setdefault((d.column, str(d.kind or ""), d.reason), [])
            table = f"{d.file}{_of(d.table, d.file)}"
            tables += [] if table in tables else [table]
    return out


def _places(r: Remaining) -> list[str]:
    """The first places without their column, which stands beside them."""
    return [place.partition("!")[0] for place in r.places]


def _of(table: str, file: str) -> str:
    return f"!{table}" if table and not file.startswith(f"{table}.") else ""


def _key_numbers(done: Done) -> tuple[tuple[str, str, str, str], ...]:
    dropped, replaced = (sum(d.cells for d in done.decisions if d.action is a) for a in (Action.DROP, Action.PSEUDONYM))
    return (
        (str(dropped + replaced), "Cells of identifiers", f"{dropped} dropped, {replaced} replaced by pseudonyms", ""),
        (str(sum(done.in_text.values())), "Found inside texts", "and removed", ""),
        (str(sum(r.cells for r in done.remaining.values())), "Cells to look at", "where one may remain", ""),
    )


def _remaining(done: Done) -> list[Block]:
    if not done.remaining:
        return [Paragraph("No text looks as if it still held an identifier. That is no proof that none does.")]
    rows = [
        (f"{r.file}{_of(r.table, r.file)}", r.column, r.looks, str(r.cells), ", ".join(_places(r)))
        for r in done.remaining.values()
    ]
    header = ("Table", "Column", "Looks", "Cells", "First places")
    return [_table("Columns in which an identifier may remain.", header, rows, (2.4, 2, 1.4, 0.7, 3))]


def _decisions(done: Done) -> list[Block]:
    rows = [
        (f"{d.file}{_of(d.table, d.file)}", d.column, str(d.kind or ""), str(d.action), str(d.cells), d.reason)
        for d in _changed(done)
    ]
    for (column, kind, reason), tables in _unchanged(done).items():
        rows.append(("; ".join(tables), column, kind, str(Action.KEEP), "", reason))
    if not rows:
        return [Paragraph("No column was recognised as a direct identifier.")]
    header = ("Table", "Column", "Kind", "What was done", "Cells", "Why")
    return [_table("Columns that are identifiers.", header, rows, (2.2, 1.8, 1.4, 1.6, 0.7, 2.4))]


def _kept(done: Done) -> list[Block]:
    rows = [(f"{f}{_of(t, f)}", "; ".join(columns)) for (f, t), columns in done.kept.items() if columns]
    if not rows:
        return []
    caption = "Columns left as they are: none of them may name a person."
    return [_table(caption, ("Table", "Columns"), rows, (2, 6))]


def _in_text(done: Done) -> list[Block]:
    rows = [(f"{f}{_of(t, f)}", c, kind, str(n)) for (f, t, c, kind), n in sorted(done.in_text.items())]
    if not rows:
        return []
    return [_table("Identifiers removed from texts.", ("Table", "Column", "Kind", "How many"), rows, (3, 3, 2, 1))]


def _dates(done: Done) -> str:
    if not done.options.shift_days:
        return "Dates were not shifted."
    verb = "was" if done.shifted == 1 else "were"
    said = [
        f"{counted(done.shifted, 'date')} {verb} shifted by up to {done.options.shift_days} days, each patient's by "
        f"the same number of days, so that intervals stay; dates as text were read "
        + ("as the mapping says." if done.options.orders else f"as {done.options.order}.")
    ]
    if done.partial:
        said.append(
            f"{counted(done.partial, 'month')} without a day moved with its fifteenth: intervals from or to it can"
        )
        said.append("change by up to half a month.")
    if done.undated:
        said.append(f"{counted(done.undated, 'date')} of rows that name no patient were removed.")
    return " ".join(said)


def _table(caption: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: tuple[float, ...]) -> Table:
    align = "".join("r" if h in ("Cells", "How many") else "l" for h in header)
    return Table("", caption, header, tuple(tuple(Cell(t) for t in row) for row in rows), align, widths)


def _numbered(blocks: list[Block]) -> Iterator[Block]:
    from dataclasses import replace

    n = 0
    for b in blocks:
        if isinstance(b, Table):
            n += 1
            b = replace(b, number=f"Table {n}")
        yield b
