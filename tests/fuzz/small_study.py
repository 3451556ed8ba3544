"""Three centres of the reference study, cut to a few patients, and what becomes of each when one file is changed.

In: a file's changed bytes. Out: an Outcome, which says how far chartline came with them. Anything but a StudyError on
the way is raised: that is what the fuzzer looks for.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import openpyxl

from chartline.checks.confirmed import check_and_close
from chartline.core.clinical import ClinicalData, combine
from chartline.core.query import Query
from chartline.derive.endpoint import check_endpoints
from chartline.derive.response_rules import counts_window_of
from chartline.derive.rule_sets import check_rule_sets
from chartline.errors import StudyError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.mapping.possible import check_remission
from chartline.pipeline import deidentify_centre, derive_study, estimate_study
from chartline.protocol.load import load_protocol, protocol_digest
from chartline.protocol.model import Protocol
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.study import StudyData

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
_SECONDS = 60  # for what takes a tenth of a second
_KEPT = {"A": ("A-01", "A-04", "A-07"), "C": ("C-01", "C-02", "C-03"), "D": ("D-01", "D-02", "D-03")}


@dataclass(frozen=True)
class Outcome:
    """How far a changed file came."""

    refused: StudyError | None
    source: SourceData | None = None
    data: ClinicalData | None = None
    queries: tuple[Query, ...] = ()


class SmallStudy:
    """A folder with the cut study; each `..._outcome` puts one changed file in its place, and the old one back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        shutil.copytree(EXAMPLE, home, dirs_exist_ok=True)
        for centre, kept in _KEPT.items():
            for path in (home / "centres" / f"centre_{centre}").iterdir():
                _cut(path, centre, kept)
        _only_some(home / "protocol.yaml")

    @cached_property
    def protocol(self) -> Protocol:
        return load_protocol(self.home)

    @cached_property
    def mappings(self) -> dict[str, Mapping]:
        return {centre: load_mapping(self.home / "mappings" / f"centre_{centre}.yaml") for centre in _KEPT}

    @cached_property
    def data(self) -> dict[str, tuple[SourceData, ClinicalData]]:
        """What each centre's own files say."""
        found = {}
        for centre, mapping in self.mappings.items():
            source = self.read(centre, mapping)
            found[centre] = (source, map_centre(source, mapping)[0])
        return found

    def read(self, centre: str, mapping: Mapping) -> SourceData:
        return read_centre(self.home / "centres" / f"centre_{centre}", mapping.sources, mapping.ignore_files)

    def file_outcome(self, centre: str, name: str, content: bytes, deep: bool = False) -> Outcome:
        """Read, map and check a centre with one of its files changed; `deep`: derive and count as well."""
        with _put(self.home / "centres" / f"centre_{centre}" / name, content), _in_time():
            try:
                source = self.read(centre, self.mappings[centre])
                data, queries = map_centre(source, self.mappings[centre])
            except StudyError as error:
                return Outcome(error)
        return self._checked(source, data, queries, self.protocol, deep)

    def mapping_outcome(self, centre: str, content: bytes, deep: bool = False) -> Outcome:
        """The same with another mapping of the same files."""
        with _put(self.home / "mappings" / f"centre_{centre}.yaml", content), _in_time():
            try:
                mapping = load_mapping(self.home / "mappings" / f"centre_{centre}.yaml")
                check_remission(self.protocol, [mapping], "protocol.yaml")
                source = self.read(centre, mapping)
                data, queries = map_centre(source, mapping)
            except StudyError as error:
                return Outcome(error)
        return self._checked(source, data, queries, self.protocol, deep)

    def protocol_outcome(self, content: bytes, deep: bool = False) -> Outcome:
        """The same files under another protocol."""
        path = self.home / "protocol.yaml"
        with _put(path, content), _in_time():
            try:
                protocol = load_protocol(path)
                check_endpoints(protocol, str(path))
                check_rule_sets(protocol, str(path))
                check_remission(protocol, self.mappings.values(), str(path))
            except StudyError as error:
                return Outcome(error)
        source, data = self.data["A"]
        return self._checked(source, data, [], protocol, deep)

    def door_outcome(self, name: str, content: bytes) -> Outcome:
        """What `chartline deidentify` makes of a folder that holds one changed file: a copy, or a refusal."""
        with TemporaryDirectory() as home, _in_time():
            charts = Path(home) / "charts"
            charts.mkdir()
            (charts / name).write_bytes(content)
            try:
                deidentify_centre(charts, Path(home) / "key", Path(home) / "out", shift_days=30)
            except StudyError as error:
                assert not (Path(home) / "out").exists()
                return Outcome(error)
        return Outcome(None)

    def _checked(
        self, source: SourceData, data: ClinicalData, queries: list[Query], protocol: Protocol, deep: bool
    ) -> Outcome:
        with _in_time():
            try:
                both = combine([data])
                asked = check_and_close(queries, both, protocol, counts_window_of(protocol.response), [])
                if deep:
                    study = StudyData(protocol, protocol_digest(protocol), both, tuple(asked), (), {})
                    counts = derive_study(study)[2]
                    estimate_study(counts, protocol, study.data_digest)
            except StudyError as error:
                return Outcome(error, source, data)
        return Outcome(None, source, data, tuple(asked))


@contextmanager
def _put(path: Path, content: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def _in_time() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not done within {_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def _cut(path: Path, centre: str, kept: tuple[str, ...]) -> None:
    """Leave out the other patients' rows."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        for sheet in book:
            for row in range(sheet.max_row, 5, -1):
                patient = str(sheet.cell(row, 1).value)
                if patient.startswith(f"{centre}-") and patient not in kept:
                    sheet.delete_rows(row)
        book.save(path)
    elif path.suffix in (".csv", ".ndjson") and "Dictionary" not in path.name:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        other = re.compile(rf"\b{centre}-(?!{'|'.join(name[2:] for name in kept)})\d\d\b")
        path.write_text("".join(line for line in lines if not other.search(line)), encoding="utf-8")


def _only_some(path: Path) -> None:
    """Leave two analyses of each kind: a kind is what can fail, not its thirtieth use."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kinds: Counter[str] = Counter()
    kept = []
    for line in lines:
        one = re.fullmatch(r"  - \{id: (\w+), kind: (\w+),.*\}\n", line)
        if one:
            kinds[one[2]] += 1
            if kinds[one[2]] > 2 and sum(f"{one[1]}" in other for other in lines) == 1:
                continue
        kept.append(line)
    path.write_text("".join(kept), encoding="utf-8")
