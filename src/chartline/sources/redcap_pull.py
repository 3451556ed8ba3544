"""Pull a REDCap project into a centre's folder, as the CSV files that a person's export gives.

In: a project by its API, the folder, and the names of the two files. Out: the records, the dictionary, and
`redcap_pull.json`, which says when, from which project and which version of REDCap, with the sha256 of each file.
Records are asked for in batches; a finished batch is kept in `.redcap-pull`, and a pull that was interrupted goes on
after it. All files are put in place at the end: first each lies complete beside the old ones, then they are moved,
and a pull that dies between two moves is finished by the next (`finish`); until then `redcap` refuses to read the
folder.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chartline.core.digest import digest_file, digest_value
from chartline.errors import SourceError

if TYPE_CHECKING:
    from chartline.sources.redcap_api import RedcapApi, Rows

RECORD, FILES, WORK = "redcap_pull.json", "redcap_files", ".redcap-pull"
_KEYS = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group")
_SAFE = re.compile(r"[^A-Za-z0-9-]+")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True)
class Pulled:
    """What a pull brought; `kept` of the batches were there from an earlier attempt."""

    project: str
    version: str
    records: int
    rows: int
    documents: int
    kept: int
    changed: tuple[str, ...]

    def lines(self) -> list[str]:
        """What a person is told."""
        out = [f"{self.project} (REDCap {self.version}): {self.records} records in {self.rows} rows"]
        out += [f"{self.documents} uploaded files in {FILES}/"] if self.documents else []
        out += [f"{self.kept} batches were kept from an interrupted pull"] if self.kept else []
        return [
            *out,
            f"Changed: {', '.join(self.changed)}" if self.changed else "Nothing has changed since the last pull",
        ]


@dataclass(frozen=True)
class Wanted:
    """What to pull, and where to."""

    folder: Path
    records: str
    dictionary: str
    batch: int = 100
    documents: bool = False  # files that were uploaded into records
    replace: bool = False  # also files that the last pull did not write, or that were changed since


def token_of(variable: str) -> str:
    """Return the token from the environment. Raises SourceError where there is none."""
    token = os.environ.get(variable, "").strip()
    if not token:
        raise SourceError(
            f"The environment variable {variable} holds no token",
            expected="the token of the project, from REDCap's page `API`",
            do=f"set it for this command alone: {variable}=... chartline redcap pull ...; write it into no file",
        )
    return token


def url_of(url: str | None, folder: Path) -> str:
    """Return the API's address: as given, or that of the last pull. Raises SourceError where there is neither."""
    if url:
        return url
    try:
        return str(json.loads((folder / RECORD).read_text(encoding="utf-8"))["server"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(
            "Nothing was pulled here before, so the server is not known", where=str(folder),
            expected="the address of its API", do="give it: --url https://redcap.example.org/api/",
        ) from None  # fmt: skip


def pull(api: RedcapApi, wanted: Wanted, tell: Callable[[str], None] = lambda step: None) -> Pulled:
    """Pull the whole project. Raises SourceError where the server does not give it, where it changes meanwhile, and
    where a file in the folder is not as the last pull left it."""
    folder = wanted.folder
    _check_folder(wanted)
    finish(folder)
    _check_untouched(wanted)
    tell("Asking REDCap for the project")
    about, version, metadata = api.project(), api.version(), api.metadata()
    if not metadata or not metadata[0].get("field_name"):
        raise SourceError("REDCap sends a data dictionary without fields", where=api.url)
    record_id = metadata[0]["field_name"]
    ids = api.record_ids(record_id)
    plan = {
        "server": api.url, "project_id": str(about.get("project_id", "")), "version": version,
        "metadata": digest_value(metadata), "ids": ids, "batch": wanted.batch,
    }  # fmt: skip
    started = _begin(folder / WORK, plan)
    forms = list(dict.fromkeys(row.get("form_name", "") for row in metadata))
    rows, kept = _batches(api, folder / WORK, ids, forms, record_id, wanted.batch, tell)
    if api.record_ids(record_id) != ids:
        raise SourceError("Records were added or deleted while the project was pulled", where=api.url, do="run again")
    columns = _columns(record_id, rows) if rows else api.columns()
    new = folder / WORK / "new"
    new.mkdir(exist_ok=True)
    _write(new / wanted.records, _csv(columns, rows))
    _write(new / wanted.dictionary, _csv(list(metadata[0]), metadata))
    documents = _documents(api, new, metadata, rows, record_id, tell) if wanted.documents else []
    names = [wanted.records, wanted.dictionary, *documents]
    digests = {name: digest_file(new / name) for name in names}
    changed = tuple(name for name in names if _digest(folder / name) != digests[name])
    record = {
        "server": api.url,
        "project_id": plan["project_id"],
        "project_title": str(about.get("project_title", "")),
        "redcap_version": version,
        "pulled_from": started,
        "pulled_until": _now(),
        "records": len(ids),
        "rows": len(rows),
        "instruments": api.instruments(),
        **_layout(api, about),
        "files": digests,
    }
    _write(new / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    _write(folder / WORK / "ready", json.dumps([*names, RECORD]))
    finish(folder)
    title = f"{record['project_title'] or 'Project'} [{plan['project_id']}]"
    return Pulled(title, version, len(ids), len(rows), len(documents), kept, changed)


def is_half_placed(folder: Path) -> bool:
    """True where a pull died while it moved its files into place."""
    return (folder / WORK / "ready").exists()


def finish(folder: Path) -> None:
    """Move the files of a complete pull into place, however many of them an earlier attempt has moved."""
    work = folder / WORK
    if not is_half_placed(folder):
        return
    for name in json.loads((work / "ready").read_text(encoding="utf-8")):
        if (work / "new" / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (work / "new" / name).replace(folder / name)
    (work / "ready").unlink()
    shutil.rmtree(work)


def _check_folder(wanted: Wanted) -> None:
    if wanted.batch < 1:
        raise SourceError("A batch has at least one record", expected="--batch 100 or the like")
    try:
        wanted.folder.mkdir(parents=True, exist_ok=True)
        (wanted.folder / WORK).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"The centre's folder cannot be written: {error.strerror}", where=str(wanted.folder)
        ) from None


def _check_untouched(wanted: Wanted) -> None:
    """Raise SourceError where a file that would be replaced is not the one that the last pull left."""
    if wanted.replace:
        return
    try:
        before = json.loads((wanted.folder / RECORD).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        before = {}
    for name in (wanted.records, wanted.dictionary):
        found = _digest(wanted.folder / name)
        if found and found != before.get(name):
            why = "was changed since it was pulled" if name in before else "was not made by a pull"
            raise SourceError(
                f"{name} {why}, and is not replaced",
                where=str(wanted.folder / name),
                do="put it elsewhere, or say --replace if what REDCap has now is to stand in its place",
            )


def _begin(work: Path, plan: dict[str, Any]) -> str:
    """Return when the pull began: an interrupted one of the very same records, fields and version goes on."""
    file = work / "plan.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if isinstance(found, dict) and found.get("plan") == plan:
        return str(found["started"])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    started = _now()
    _write(file, json.dumps({"plan": plan, "started": started}))
    return started


def _batches(
    api: RedcapApi, work: Path, ids: Sequence[str], forms: Sequence[str], record_id: str, size: int,
    tell: Callable[[str], None],
) -> tuple[Rows, int]:  # fmt: skip
    """Return all rows, and how many batches were there already."""
    rows: Rows = []
    kept = 0
    for start in range(0, len(ids), size):
        wanted = ids[start : start + size]
        file = work / f"batch-{start // size + 1:05d}.json"
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            kept += 1
        except (OSError, ValueError):
            tell(f"Pulling records {start + 1} to {start + len(wanted)} of {len(ids)}")
            found = api.records(wanted, forms)
            _check_batch(api, found, wanted, record_id)
            _write(file, json.dumps(found, ensure_ascii=False))
        rows += found
    return rows, kept


def _check_batch(api: RedcapApi, rows: Rows, wanted: Sequence[str], record_id: str) -> None:
    """Hold what came against what was asked for: a record lost on the way would be a patient less."""
    there = {row.get(record_id, "") for row in rows}
    lost, strange = [one for one in wanted if one not in there], sorted(there - set(wanted))
    if lost or strange:
        what = (
            f"does not send {len(lost)} of the records"
            if lost
            else f"sends {len(strange)} records that nobody asked for"
        )
        raise SourceError(
            f"REDCap {what}", where=api.url, expected="the rows of each record of the batch",
            do="run again; if it stays so, ask the project's owner whether the token may see all records",
        )  # fmt: skip


def _columns(record_id: str, rows: Rows) -> list[str]:
    """The columns of all batches: one without a repeated form may lack the columns of repetition."""
    seen = dict.fromkeys(name for row in rows for name in row)
    keys = [record_id, *(name for name in _KEYS if name in seen)]
    return [*keys, *(name for name in seen if name not in keys)]


def _csv(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> str:
    lines = [list(columns), *([row.get(name, "") for name in columns] for row in rows)]
    return "".join(",".join(map(_quoted, line)) + "\n" for line in lines)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in '",\r\n') else cell


def _documents(
    api: RedcapApi, new: Path, metadata: Rows, rows: Rows, record_id: str, tell: Callable[[str], None]
) -> list[str]:
    """Pull every uploaded file under a name of our own; return the names."""
    fields = [row["field_name"] for row in metadata if row.get("field_type") == "file"]
    (new / FILES).mkdir(exist_ok=True)
    names = []
    for row in rows:
        for field in fields:
            if not row.get(field):
                continue
            keys = (row[record_id], row.get(_KEYS[0], ""), row.get(_KEYS[1], ""), row.get(_KEYS[2], ""), field)
            stem = _stem(keys)
            found = next((new / FILES).glob(f"{stem}.*"), None)
            if found is None:
                tell(f"Pulling a file of record {row[record_id]}")
                content, name = api.file(row[record_id], field, keys[1], keys[3])
                ending = _ENDING.fullmatch(Path(name).suffix)
                found = new / FILES / f"{stem}{ending[0].lower() if ending else '.bin'}"
                _write(found, content)
            names.append(f"{FILES}/{found.name}")
    return names


def _stem(keys: Sequence[str]) -> str:
    """A file's name from its record, event, instance and field: nothing of it can lead out of the folder."""
    plain = "_".join(_SAFE.sub("-", key) for key in keys if key)[:100]
    return f"{plain}-{hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:8]}"


def _layout(api: RedcapApi, about: dict[str, Any]) -> dict[str, Rows]:
    """Events and repeated forms, of a project that has them; another would refuse the question."""
    found: dict[str, Rows] = {}
    if str(about.get("is_longitudinal")) == "1":
        found |= {"events": api.events(), "forms_of_events": api.event_mapping()}
    if str(about.get("has_repeating_instruments_or_events")) == "1":
        found["repeating"] = api.repeating()
    return found


def _write(file: Path, content: str | bytes) -> None:
    """Write a file that is there whole or not at all, and on the disk before anything speaks of it."""
    new = file.with_name(f".{file.name}.new")
    try:
        with new.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
    except OSError as error:
        raise SourceError(f"The pulled data cannot be written: {error.strerror}", where=str(file)) from None
    except UnicodeEncodeError:
        raise SourceError("REDCap sends half of a character (a lone surrogate)", where=file.name) from None


def _digest(file: Path) -> str:
    return digest_file(file) if file.is_file() else ""


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
