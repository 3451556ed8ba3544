"""What `chartline draft` does: which centre, which files, a draft or the differences, and what is told of it.

In: paths as a person types them. Out: the files to write (whole, by the caller) and the lines to tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chartline.draft.draft import draft_centre
from chartline.draft.model import IDENTIFIER, Draft
from chartline.draft.replay import differences_of, table_names
from chartline.draft.review import review_workbook
from chartline.draft.write import difference_text, yaml_text
from chartline.errors import MappingError, OutputError, SourceError, StudyError
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.protocol.load import load_protocol, protocol_file
from chartline.protocol.model import Protocol

_SHOWN = 5  # lines of a kind on the terminal
_NAMED = 6  # columns named in one of them


@dataclass
class Drafted:
    """Files to write, and what to tell."""

    files: dict[Path, str | bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def draft_files(
    files: Sequence[Path], study: Path, *, centre: str | None = None, out: Path | None = None, anew: bool = False
) -> Drafted:
    """Draft a mapping for files, or report how they differ from the mapping that the centre has.

    Raises ProtocolError, SourceError (nothing readable), MappingError (another centre's), OutputError (file is there).
    """
    protocol = load_protocol(study)
    home = protocol_file(study).parent
    root, names = _where(files)
    who = centre or _centre_of(root, protocol, home)
    entry = next((c for c in protocol.data.centres if c.id == who), None)
    others, told = _others(protocol, home, who)
    existing = home / entry.mapping if entry is not None else None
    if existing is not None and existing.is_file() and not anew:
        return _differences(root, names, protocol, who, existing, others, out)
    target = out or Path(f"{_plain(who)}.draft.yaml")
    book = _beside(target)
    draft = draft_centre(root, names, protocol, who, others)
    lines = [*_summary(draft), *told, f"Draft:  {target}", f"Review: {book}"]
    lines.append("Nobody has signed it: read it with the centre, decide what is open, enter signed_by and signed_on.")
    _make_folder(target)
    return Drafted({book: review_workbook(draft), target: yaml_text(draft)}, lines)


def _beside(target: Path) -> Path:
    """Return the workbook's name; raise OutputError where either file is there already."""
    if target.suffix not in (".yaml", ".yml"):
        raise OutputError(f"{target.name} is not a YAML file", where=str(target), do="name a file that ends in .yaml")
    book = target.with_name(f"{target.name.removesuffix(target.suffix)}.review.xlsx")
    for file in (target, book):
        if file.exists():
            raise OutputError(
                f"{file.name} is there already, and perhaps somebody has worked in it",
                where=str(file),
                do="name another --out, or remove it first",
            )
    return book


def _make_folder(target: Path) -> None:
    """Make the folder of a draft, such as `mappings` of a study that has none yet."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(
            f"The folder cannot be made: {e.strerror or e}", where=str(target.parent), do="name another --out"
        ) from e


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "centre"


def _where(files: Sequence[Path]) -> tuple[Path, list[str] | None]:
    """Return the folder and the names in it that are meant; None for all of a folder."""
    for file in files:
        if not file.exists():
            raise SourceError(f"There is no file or folder {file}", where=str(Path.cwd()), do="check the path")
    if len(files) == 1 and files[0].is_dir():
        return files[0], None
    roots = {f.parent for f in files if f.is_file()}
    if len(roots) != 1 or any(f.is_dir() for f in files):
        raise SourceError(
            "The files of a draft must stand in one folder",
            where=", ".join(map(str, files)),
            expected="one folder, or files of one folder",
            do="put the centre's files into one folder and name that",
        )
    return roots.pop(), [f.name for f in files]


def _centre_of(root: Path, protocol: Protocol, home: Path) -> str:
    for c in protocol.data.centres:
        if (home / c.folder).resolve() == root.resolve():
            return c.id
    return root.resolve().name


def _others(protocol: Protocol, home: Path, who: str) -> tuple[list[Mapping], list[str]]:
    """Return the mappings of the other centres, and what is to be told about those that cannot be read."""
    out: list[Mapping] = []
    told: list[str] = []
    for c in protocol.data.centres:
        file = home / c.mapping
        if c.id == who or not file.is_file():
            continue
        try:
            mapping = load_mapping(file)
        except StudyError as e:
            told.append(f"The mapping of {c.label or c.id} cannot be read and teaches nothing: {e.what}")
            continue
        out.append(mapping)
    return out, told


def _summary(draft: Draft) -> list[str]:
    roles = Counter(c.role for c in draft.columns)
    total = len(draft.columns)
    read = roles["value"] + roles["subject"] + roles["selector"]
    tables = len({c.table for c in draft.columns})
    lines = [
        f"{_n(total, 'column')} in {_n(tables, 'table')}: {read} proposed, {roles['ignored']} not read, "
        f"{roles['open']} open."
    ]
    words = [w for c in draft.coded for w in c.words if w.count]
    if words:
        unsure = sum(not w.sure for w in words)
        lines.append(f"{_n(len(words), 'word')} of coded columns: {len(words) - unsure} proposed, {unsure} open.")
    if draft.dates:
        lines.append(f"Dates: {draft.dates}.")
    seen = _layout(draft)
    lines += ["Layout:", *_some(seen, "in the draft and its workbook")] if seen else []
    who = [re.split(r"[.\[]", c.name)[0] for c in draft.columns if c.reason.startswith(IDENTIFIER) and c.profile.filled]
    if who:
        lines.append(f"Direct identifiers, left unread: {', '.join(dict.fromkeys(who))}.")
    if draft.questions:
        lines.append(f"{_n(len(draft.questions), 'question')} for a person:")
        lines += _some(_asked(draft), "in the draft and its workbook")
    return lines


def _layout(draft: Draft) -> list[str]:
    """Return what was recognised of the layout, once for all tables that are laid out alike."""
    tables: dict[str, list[str]] = {}
    for table, text in draft.layout:
        tables.setdefault(text.partition("; above it")[0], []).append(table)
    return [f"{_names(names)}: {text}" for text, names in tables.items()]


def _asked(draft: Draft) -> list[str]:
    """Return the questions as the terminal shows them: one that is asked of several columns of a table stands once."""
    columns: dict[tuple[str, str], list[str]] = {}
    for q in draft.questions:
        columns.setdefault((q.table, q.text), []).append(q.column)
    out = []
    for (table, text), names in columns.items():
        place = ", ".join(x for x in (table, _names([n for n in names if n])) if x)
        out.append(f"{place}{': ' if place else ''}{text}")
    return out


def _names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _some(lines: Sequence[str], where: str) -> list[str]:
    more = [f"  ... and {len(lines) - _SHOWN} more, {where}"] if len(lines) > _SHOWN else []
    return [*(f"  {line}" for line in lines[:_SHOWN]), *more]


def _n(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _differences(
    root: Path,
    names: list[str] | None,
    protocol: Protocol,
    who: str,
    existing: Path,
    others: list[Mapping],
    out: Path | None,
) -> Drafted:
    mapping = load_mapping(existing)
    if mapping.centre != who:
        raise MappingError(f"The mapping is for centre {mapping.centre}, not {who}", where=str(existing))
    draft = draft_centre(root, names, protocol, who, [*others, mapping], table_names(mapping))
    found = differences_of(draft, mapping, root, names)
    if not found:
        return Drafted({}, [f"Nothing differs from {existing}: it fits these files as it stands."])
    target = out or Path(f"{_plain(who)}.differences.yaml")
    book = _beside(target)
    lines = [f"{_n(len(found), 'difference')} from {existing}:"]
    lines += [f"  {d.line}" for d in found[: 4 * _SHOWN]]
    if len(found) > 4 * _SHOWN:
        lines.append(f"  ... and {len(found) - 4 * _SHOWN} more")
    lines += [f"Mapping with what is proposed for them: {target}", f"Review: {book}"]
    text = difference_text(existing.read_text(encoding="utf-8-sig"), draft, found)
    return Drafted({book: review_workbook(draft, found), target: text}, lines)
