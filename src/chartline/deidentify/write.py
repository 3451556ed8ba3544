"""`chartline deidentify`: the copies in files/, the report beside them, and a record for machines."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chartline.core.digest import digest_file
from chartline.deidentify.key import open_key
from chartline.deidentify.model import Done, Options
from chartline.deidentify.report import build_document, report_lines
from chartline.deidentify.run import Folder
from chartline.errors import OutputError, SourceError
from chartline.outputs import staged
from chartline.sources.folder import CentreFolder

MARK = "deidentification.json"  # by which a folder of ours is known
FILES = "files"


def deidentify_to(folder: Path, key_file: Path, out: Path, options: Options) -> tuple[Done, bool]:
    """De-identify a centre's folder into `out`, all of it or nothing; return what was done, and whether a key was made.

    Raises `StudyError` for a folder without files, a file that cannot be read, a key that may not be used, a name of a
    file that identifies.
    """
    if out.absolute().resolve().is_relative_to(folder.absolute().resolve()):
        raise OutputError(
            "The copy would lie inside the folder that it is made from", where=str(out), do="name another --out"
        )
    charts = CentreFolder(folder)
    if not charts.all_files() and not charts.no_files():
        raise SourceError("The folder holds no file", where=str(folder), do="name the folder of the centre's files")
    key, made = open_key(key_file, away_from=(folder, out))
    with staged(out, MARK) as staging:
        centre = Folder(folder, key, options)
        (staging / FILES).mkdir()
        centre.write(staging / FILES)
        _report(centre.done, folder, staging)
    return centre.done, made


def _report(done: Done, folder: Path, staging: Path) -> None:
    from chartline.report.html import write_html

    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
    document = build_document(done, version("chartline"), now)
    (staging / "report.html").write_bytes(write_html(document))
    (staging / "report.txt").write_text("\n".join(report_lines(done)) + "\n", encoding="utf-8")
    record = json.dumps(_record(done, folder, staging, now), indent=2, ensure_ascii=False)
    (staging / MARK).write_text(record + "\n", encoding="utf-8")


def _record(done: Done, folder: Path, staging: Path, now: str) -> dict[str, Any]:
    """Which file became which, by digest; the decisions; nothing of a chart."""
    files = {
        name: {"what": what, "before": digest_file(folder / name) if (folder / name).is_file() else None,
               "after": digest_file(staging / FILES / copy) if (copy := done.copies.get(name)) else None}
        for name, what in sorted(done.files.items())
    }  # fmt: skip
    return {
        "chartline": version("chartline"),
        "made": now,
        "key": done.fingerprint,
        "shift_days": done.options.shift_days,
        "date_order": done.options.order,
        "files": files,
        "columns": [asdict(d) for d in done.decisions],
        "removed_from_text": [dict(zip(_TEXT, k, strict=True), n=n) for k, n in sorted(done.in_text.items())],
        "may_remain": [asdict(r) for r in done.remaining.values()],
        "dates_shifted": done.shifted,
    }


_TEXT = ("file", "table", "column", "kind")
