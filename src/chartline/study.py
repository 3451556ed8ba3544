"""StudyData and StudyRun: what a run knows at the wall and at its end, and what it says on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chartline.core.clinical import ClinicalData
from chartline.core.digest import digest_value
from chartline.core.query import Query, Severity
from chartline.protocol.model import Protocol
from chartline.state.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chartline.assertions.model import Verdict
    from chartline.cohort.model import Cohort
    from chartline.counts.model import Counts
    from chartline.derive.model import Adam
    from chartline.mapping.amendments import Applied, Outdated
    from chartline.protocol.own_checks import OwnCheck
    from chartline.results.model import Results
    from chartline.sources.base import SourceData
    from chartline.stats.survival.kaplan_meier import Curve


_SHOWN = 10  # queries of one rule, or unknown concepts, on the terminal; the others are in the files


@dataclass(frozen=True)
class StudyData:
    """What the centres sent, mapped, amended and checked."""

    protocol: Protocol
    protocol_digest: str
    data: ClinicalData
    queries: tuple[Query, ...]
    applied: tuple[Applied, ...]
    inputs: dict[str, str]  # path relative to the study -> sha256
    signatures: dict[str, str] = field(default_factory=dict)  # mapping file -> who signed it, and when
    found: tuple[Query, ...] = ()  # the queries of reading and mapping, before any check
    centre_checks: Mapping[str, tuple[OwnCheck, ...]] = field(default_factory=dict)  # what mappings check themselves
    sources: Mapping[str, SourceData] = field(default_factory=dict)  # centre -> its tables, as amended
    outdated: tuple[Outdated, ...] = ()  # amendments that the study keeps and the files no longer hold the cell of
    standing: Standing = field(default_factory=Standing)  # what the study's log said when it was read
    own_answers: bool = True  # the protocol's answers and the study's amendments were laid over it, and no others
    entered: str = ""  # what this reading entered in the study's log, in words

    @property
    def data_digest(self) -> str:
        """Of every centre file, mapping and answer; the protocol has its own."""
        return digest_value({name: sha for name, sha in self.inputs.items() if name != "protocol"})

    @property
    def selected_counts(self) -> Counts:
        """How the databases of all centres selected, added up, as the counts of `selection`; empty where none did."""
        from chartline.counts.model import AttritionTable, CountKey

        key = CountKey(analysis="selection", protocol_digest=self.protocol_digest)
        found = [s.selected for s in self.sources.values() if s.selected is not None]
        tables = [AttritionTable(key=key, screened=s.screened, steps=s.steps) for s in found]
        return {"selection": sum(tables[1:], start=tables[0])} if tables else {}

    def summary(self) -> list[str]:
        """Return a few lines for a person: how many queries of which weight, by centre."""
        n = len(self.queries)
        out = [f"{self.protocol.study.id}: {n} {'query' if n == 1 else 'queries'}"]
        for severity in Severity:
            of = Counter(q.centre for q in self.queries if q.severity is severity)
            if of:
                by = ", ".join(f"{c} {n}" for c, n in sorted(of.items()))
                out.append(f"  {severity.value:<6} {sum(of.values()):>4}   ({by})")
        return [*out, *self._selected(), *([self.entered] if self.entered else [])]

    def _selected(self) -> list[str]:
        """Who was selected in databases, and which concepts their vocabularies do not know."""
        table: Any = self.selected_counts.get("selection")
        if table is None:
            return []
        told = {c: s.selected.unknown_concepts for c, s in self.sources.items() if s.selected is not None}
        unknown = [f"  Centre {centre}: {sentence}" for centre, sentences in told.items() for sentence in sentences]
        more = [f"  ... and {len(unknown) - _SHOWN:,} more: chartline concepts STUDY"] if len(unknown) > _SHOWN else []
        selected = f"  Selected in the database: {table.eligible:,} of {table.screened:,} persons"
        return [selected, *unknown[:_SHOWN], *more]

    def listing(self) -> list[str]:
        """Return a line a query that asks something, the blocking ones first; of a rule no more than `_SHOWN`."""
        asked = [q for q in self.queries if q.severity is not Severity.NOTE]
        lines: list[str] = []
        of: Counter[tuple[Severity, str]] = Counter()
        for q in sorted(asked, key=lambda q: (not q.blocks, q.centre, q.subject)):
            of[q.severity, q.rule] += 1
            if of[q.severity, q.rule] <= _SHOWN:
                at = q.addresses[0] if q.addresses else ""
                lines.append(f"{q.severity.value:<6} {q.subject or q.centre:<10} {q.message}  [{at}]")
        more = [f"{s.value:<6} ... and {n - _SHOWN:,} more of {rule}" for (s, rule), n in of.items() if n > _SHOWN]
        return [*lines, *more, *(["All of them: chartline check STUDY --out DIR"] if more else [])]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run comes to, without its patients."""

    study: StudyData
    counts: Counts
    results: Results
    curves: dict[str, dict[str, Curve]]  # analysis -> group -> curve
    headline: dict[str, Any]
    out: Path
    assertions: tuple[Verdict, ...] = ()

    def summary(self) -> list[str]:
        """Return the key numbers and where the report lies, for the terminal."""
        from chartline.report.format import format_headline

        out = self.study.summary()
        for entry in self.headline["headline"].values():
            out.append(f"  {entry['label']:<48} {format_headline(entry)}")
        out.append(self._asserted())
        out.append(f"Report: {self.out / 'report.html'}")
        return out

    def _asserted(self) -> str:
        n = Counter(v.verdict for v in self.assertions)
        held = f"Assertions: {n['held']} held, {n['not applicable']} do not apply"
        breached = [v for v in self.assertions if v.verdict == "breached"]
        if not breached:
            return held
        first = f"{breached[0].assertion.sentence.rstrip('.')} ({breached[0].on})"
        return f"{held}, {len(breached)} BREACHED (see assertions.csv): {first}"


@dataclass(frozen=True, kw_only=True)
class StudyRun(Outcome):
    """Everything of one run, still in memory."""

    cohort: Cohort
    adam: Adam
