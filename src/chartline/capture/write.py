"""The files of a capture form, and what a person does with them.

In: a protocol, where to write, whose centre. Out: the workbook (or dictionary and instruments) with its signed mapping
beside it, all of them or none; and the lines that say what comes next.
"""

from __future__ import annotations

import datetime as dt
import re
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from chartline.capture.ask import capture_of
from chartline.capture.model import Capture
from chartline.capture.reading import mapping_text, redcap_mapping, workbook_mapping
from chartline.capture.redcap import dictionary_text, instruments_text
from chartline.capture.workbook import LEFT, sheet_names, write_workbook
from chartline.errors import OutputError, ProtocolError
from chartline.outputs import write_all
from chartline.protocol.model import Protocol

RECORDS = "records.csv"  # the export of a REDCap project, as the mapping expects it


def write_template(p: Protocol, out: Path, centre: str | None, day: dt.date) -> list[str]:
    """Write the workbook `out` and the mapping beside it (`<name>.yaml`); return what to tell."""
    whose, capture, mapping = _centre(p, centre), capture_of(p), _beside(out, ".xlsx")
    declared = workbook_mapping(
        capture, whose, _label(p, whose), out.name, sheet_names(capture), day, version("chartline"), LEFT
    )
    text = mapping_text(declared, _comment(capture, f"the filled workbook {out.name}"))
    _are_new(out, mapping)
    book = BytesIO()
    write_workbook(capture, book, whose)
    write_all({out: book.getvalue(), mapping: text})
    return [
        f"{out}: {_counts(capture)}",
        f"{mapping}: the mapping that reads it, signed by this template",
        *_next(p, whose, mapping, f"the filled workbook, under the name {out.name},"),
    ]


def write_redcap_dictionary(p: Protocol, out: Path, centre: str | None, day: dt.date) -> list[str]:
    """Write the dictionary `out`, the mapping (`<name>.yaml`) and which instruments repeat (`<name>.repeating.json`);
    return what to tell."""
    whose, capture, mapping = _centre(p, centre), capture_of(p), _beside(out, ".csv")
    repeating = out.with_suffix(".repeating.json")
    declared = redcap_mapping(capture, whose, _label(p, whose), RECORDS, out.name, day, version("chartline"))
    text = mapping_text(declared, _comment(capture, f"{RECORDS}, a raw CSV export of the REDCap project of {out.name}"))
    _are_new(out, repeating, mapping)
    write_all({out: dictionary_text(capture), repeating: instruments_text(capture), mapping: text})
    labels = ", ".join(f.label for f in capture.forms if f.repeats)
    return [
        f"{out}: {_counts(capture)}",
        f"{repeating}: the instruments that repeat. In REDCap: Project Setup, Repeating instruments: {labels}",
        f"{mapping}: the mapping that reads an export, signed by this dictionary",
        *_next(p, whose, mapping, f"the dictionary, and all records as raw CSV under the name {RECORDS},"),
    ]


def _beside(out: Path, suffix: str) -> Path:
    if out.suffix.lower() != suffix:
        raise OutputError(
            f"{out.name} is no name of such a file",
            where=str(out),
            expected=f"a name that ends in {suffix}",
            do=f"name it {out.stem}{suffix}",
        )
    return out.with_suffix(".yaml")


def _are_new(*files: Path) -> None:
    """A file that is there is never replaced: a centre may have filled it in, or somebody signed it."""
    there = next((f for f in files if f.exists()), None)
    if there is not None:
        raise OutputError(
            f"{there.name} is there already, and may hold what somebody entered",
            where=str(there),
            expected="a new name",
            do="name another --out, or put the file away yourself",
        )


def _centre(p: Protocol, centre: str | None) -> str:
    known = [c.id for c in p.data.centres]
    if centre is None and len(known) == 1:
        return known[0]
    if centre is None:
        raise ProtocolError(
            f"The study has {len(known)} centres, and the form is for one",
            expected=f"one of: {', '.join(known)}; or a new one",
            do="name it with --centre",
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,20}", centre):
        raise ProtocolError(
            f"`{centre}` is no id of a centre",
            expected="at most 20 letters, digits, points, strokes and underscores",
            do="give a short id",
        )
    return centre


def _label(p: Protocol, centre: str) -> str:
    return next((c.label for c in p.data.centres if c.id == centre), "")


def _comment(capture: Capture, what: str) -> str:
    return (
        f"Reads {what}.\nWritten with the form, which says what every column is: nothing in it needs to be confirmed."
    )


def _counts(capture: Capture) -> str:
    items = [item for form in capture.forms for item in form.items]
    return f"{len(items)} items on {len(capture.forms)} forms, {sum(i.required for i in items)} of them required"


def _next(p: Protocol, centre: str, mapping: Path, files: str) -> list[str]:
    known = next((c for c in p.data.centres if c.id == centre), None)
    if known:
        return [f"When it comes back: put into {known.folder} {files} and use the mapping as {known.mapping}"]
    line = f"- {{id: {centre}, label: Centre {centre}, folder: centres/{centre}, mapping: mappings/{mapping.name}}}"
    return [
        f"When it comes back: put {files} into a folder of its own, and add to `data.centres` of the protocol",
        f"  {line}",
    ]
