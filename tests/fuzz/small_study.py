"""Five centres of the reference study, cut to a few patients, and what becomes of each when one file is changed.

In: a file's changed bytes. Out: an Outcome, which says how far chartline came with them. Anything but a StudyError on
the way is raised: that is what the fuzzer looks for.

A run of a few patients takes as long as one of some hundred. So what many changed files say is derived together, each
as a centre of its own: `estimate` takes all of them through the checks, the derivation, the assertions and the
statistics in the time that one takes.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import signal
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import openpyxl
import polars as pl
from protocols import protocol_texts

from chartline.checks.confirmed import check_and_close
from chartline.checks.engine import check_settings
from chartline.core.clinical import ClinicalData, combine
from chartline.core.query import Query
from chartline.derive.endpoint import check_endpoints
from chartline.derive.graded_values import grade_by
from chartline.derive.response_rules import counts_window_of
from chartline.derive.rule_sets import check_rule_sets
from chartline.errors import StudyError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.mapping.possible import check_remission
from chartline.pipeline import deidentify_centre
from chartline.pipeline.run import estimated
from chartline.protocol.load import load_protocol, protocol_digest
from chartline.protocol.model import Protocol
from chartline.protocol.own_checks import OwnCheck
from chartline.sources.base import SourceData
from chartline.sources.read import read_centre
from chartline.study import StudyData

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
_SECONDS = 60  # of the processor, for what takes a tenth of one
_KEPT = {
    "A": ("A-01", "A-04", "A-07"), "B": ("B-01", "B-05", "B-08"), "C": ("C-01", "C-05", "C-07"),
    "D": ("D-01", "D-02", "D-03"), "E": ("E-01", "E-05", "E-06"),
}  # fmt: skip
_MORE_OF_THE_SAME = re.compile(r'"(?:AST|ALP|GGT|CREA|WBC|HB)"')  # read by the rules that read ALT, BILI, ANC and PLT


@dataclass(frozen=True)
class Outcome:
    """How far a changed file came: refused, or read, mapped and ready to be derived under a protocol."""

    refused: StudyError | None = None
    protocol: Protocol | None = None
    data: ClinicalData | None = None
    queries: tuple[Query, ...] = ()
    own_checks: tuple[OwnCheck, ...] = ()


class SmallStudy:
    """A folder with the cut study; each `..._outcome` puts one changed file in its place, and the old one back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        shutil.copytree(EXAMPLE, home, dirs_exist_ok=True)
        for centre, kept in _KEPT.items():
            for path in (home / "centres" / f"centre_{centre}").iterdir():
                _cut(path, centre, kept)
        self.protocol_texts = protocol_texts((home / "protocol.yaml").read_text(encoding="utf-8"))
        self._turn = 0

    @cached_property
    def protocols(self) -> list[Protocol]:
        """The parts of the reference study's protocol."""
        path, found = self.home / "protocol.yaml", []
        for text in self.protocol_texts:
            with changed(path, text):
                protocol = load_protocol(path)
            if protocol.study.id == "SYN-INO-IN32":
                found.append(protocol)
        return found

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

    def file_outcome(self, centre: str, name: str, content: bytes) -> Outcome:
        """Read and map a centre with one of its files changed."""
        with changed(self.home / "centres" / f"centre_{centre}" / name, content), _in_time():
            return self._mapped(centre, self.mappings[centre])

    def mapping_outcome(self, centre: str, content: bytes) -> Outcome:
        """The same with another mapping of the same files."""
        path = self.home / "mappings" / f"centre_{centre}.yaml"
        protocol = self.protocols[0]
        with changed(path, content), _in_time():
            try:
                mapping = load_mapping(path)
                check_settings(protocol, "protocol.yaml", {centre: (str(path), mapping.own_checks)})
                check_remission(protocol, [mapping], "protocol.yaml")
            except StudyError as error:
                return Outcome(error)
            return self._mapped(centre, mapping)

    def protocol_outcome(self, content: bytes) -> Outcome:
        """The same files under another protocol."""
        path = self.home / "protocol.yaml"
        with changed(path, content), _in_time():
            try:
                protocol = load_protocol(path)
                check_endpoints(protocol, str(path))
                check_rule_sets(protocol, str(path))
                check_settings(protocol, str(path), {})
                check_remission(protocol, self.mappings.values(), str(path))
            except StudyError as error:
                return Outcome(error)
        return Outcome(None, protocol, self.data["A"][1])

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
        return Outcome()

    def _mapped(self, centre: str, mapping: Mapping) -> Outcome:
        try:
            data, queries = map_centre(self.read(centre, mapping), mapping)
        except StudyError as error:
            return Outcome(error)
        return Outcome(None, self.protocols[0], data, tuple(queries), mapping.own_checks)

    def turned(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """The outcomes of changed charts under the next part of the protocol, so that every analysis has its turn."""
        self._turn += 1
        own, following = self.protocols, self.protocols[self._turn % len(self.protocols)]
        return [replace(one, protocol=following) if one.protocol is own[0] else one for one in outcomes]


def estimate(outcomes: Sequence[Outcome]) -> None:
    """Check, derive, assert, count and estimate what changed files say, all together.

    All are under one protocol; of several each becomes a centre of its own, with subjects of its own. Raises
    `StudyError` where one of them is refused only now.
    """
    protocol = outcomes[0].protocol
    assert protocol is not None
    if len(outcomes) > 1:
        outcomes = [_renamed(one, f"{n}:") for n, one in enumerate(outcomes)]
    with _in_time():
        both = combine([one.data for one in outcomes if one.data is not None])
        found = [query for one in outcomes for query in one.queries]
        own = {one.data["DM"]["CENTRE"][0]: one.own_checks for one in outcomes if one.data and one.own_checks}
        asked = check_and_close(found, both, protocol, counts_window_of(protocol.response), [], grade_by(protocol), own)
        study = StudyData(protocol, protocol_digest(protocol), both, tuple(asked), (), {})
        estimated(study, Path("out"))


def _renamed(outcome: Outcome, prefix: str) -> Outcome:
    assert outcome.data is not None
    names = [(pl.lit(prefix) + pl.col(key)).alias(key) for key in ("CENTRE", "USUBJID")]
    frames = {domain: frame.with_columns(names) for domain, frame in outcome.data.domains.items()}
    queries = [
        replace(query, centre=prefix + query.centre, subject=query.subject and prefix + query.subject)
        for query in outcome.queries
    ]
    return replace(outcome, data=replace(outcome.data, domains=frames), queries=tuple(queries))


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
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

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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
    """Leave out the other patients' rows, and laboratory tests of which there are enough."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        for sheet in book:
            for row in range(sheet.max_row, 1, -1):
                patient = str(sheet.cell(row, 1).value)
                if patient.startswith(f"{centre}-") and patient not in kept:
                    sheet.delete_rows(row)
        book.save(path)
    elif centre == "E" and path.suffix == ".csv":
        numbers = {str(int(name[2:])) for name in kept}  # the person_id of E-05 is 5
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for row in rows if row.get("person_id", "5") in numbers)
    elif path.suffix == ".xml":
        subjects = re.compile(r'\s*<SubjectData SubjectKey="([^"]*)".*?</SubjectData>', re.S)
        text = path.read_text(encoding="utf-8")
        path.write_text(subjects.sub(lambda one: one[0] if one[1] in kept else "", text), encoding="utf-8")
    elif path.suffix in (".csv", ".ndjson") and "Dictionary" not in path.name:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        other = re.compile(rf"\b{centre}-(?!{'|'.join(name[2:] for name in kept)})\d\d\b")
        more = _MORE_OF_THE_SAME if path.suffix == ".ndjson" else re.compile("(?!)")
        left = [line for line in lines if not other.search(line) and not more.search(line)]
        path.write_text("".join(left), encoding="utf-8")
