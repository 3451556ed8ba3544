"""How much of a signed mapping does a draft propose right? The five centres of the example, drafted and compared.

In: `examples/inotuzumab-india` and its five signed mappings. Out: `results/draft.json` and, with --table, the table
in README.md. Each centre is drafted twice: without any hint (no signed mapping of the study), and with the mappings
that are signed for the four others. The two other examples are drafted as well, without a hint, where their data
lie beside the project (`../shared`); of the aims only the last is theirs: no wrong proposal above 0.9 confidence.

What is counted
  column   a column and one thing that is read from it (variable, item, cycle), with the rows it is read in; or a column
           that is not read, or that only says what a row is. A column that feeds three variables counts three times.
  code     one word of a coded variable and the term it stands for, among words that stand in the files or in the data
           dictionary.
  value    one value of one patient that the signed mapping yields; right where the draft yields it too.
A proposal is wrong where the signed mapping has no such thing; a question is not a proposal. What a confidence is worth
is counted too: of the columns proposed with so much, how many are right.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.draft.draft import draft_centre
from chartline.draft.model import Draft
from chartline.draft.write import yaml_text
from chartline.mapping.apply import map_centre
from chartline.mapping.blocks import Block, plan
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.mapping.views import TableView, wild
from chartline.protocol.load import load_protocol
from chartline.protocol.model import Protocol
from chartline.sources.base import SourceData
from chartline.sources.instruments import RedcapTable
from chartline.sources.read import read_centre

HERE = Path(__file__).resolve().parent
STUDY = HERE.parent / "examples" / "inotuzumab-india"
UNSEEN = {"aml-amlsg-0704": "amlsg_0704_n740", "all-aall0232": "target_all_p2_aall0232"}  # example -> shared data
AIM, LIMIT = 0.9, 0.9
BINS = (("up to 0.8", 0.0, 0.8), ("0.8 to 0.9", 0.8, 0.9), ("above 0.9", 0.9, 1.0))  # of the confidence of proposals
# Constants that say which value of which item, cycle or day a column holds; labels and units in words do not.
_WHICH = ("MHCAT", "LBTESTCD", "LBSUMM", "LBCYCLE", "FATESTCD", "PRTIMING", "EXCYCLE", "EXCYDAY", "RSCYCLE", "MHSEQN")
_OF_RECORD = ("LBDTC", "LBGCSF", "LBPLTTX", "LBRBCTX")  # said once for every test of the day

Role = tuple[str, ...]
Rows = frozenset[int]


@dataclass
class Reading:
    """What one mapping makes of a centre's files."""

    columns: dict[tuple[str, str], dict[Role, Rows]] = field(default_factory=dict)  # (table, column) -> role -> rows
    codes: dict[tuple[str, ...], str] = field(default_factory=dict)  # (domain, variable, item, word) -> term
    values: Counter[tuple[str, ...]] = field(default_factory=Counter)


@dataclass
class Score:
    """How many of what were right, and which were wrong."""

    right: int = 0
    of: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    proposals: list[tuple[float, bool]] = field(default_factory=list)  # how sure each was, and whether it was right

    @property
    def share(self) -> float:
        return self.right / self.of if self.of else 1.0


def main() -> None:
    """Measure and write."""
    options = _options()
    document = measure()
    options.write.parent.mkdir(exist_ok=True)
    options.write.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    lines = table(document)
    print("\n".join(lines))
    if options.table:
        _replace(options.table, lines)
    if not document["met"]:
        sys.exit("An aim is not met")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, default=HERE / "results" / "draft.json")
    parser.add_argument("--table", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def measure() -> dict[str, Any]:
    """Draft every centre without and with help, and compare."""
    protocol = load_protocol(STUDY)
    out: dict[str, Any] = {"aim": AIM, "limit": LIMIT}
    for how in ("without_hint", "with_other_centres"):
        centres = {c.id: compare_centre(STUDY, protocol, c.id, how != "without_hint") for c in protocol.data.centres}
        out[how] = {"centres": centres, "all": _all(centres.values())}
    alone = out["without_hint"]
    met = all(alone["all"][k]["share"] >= AIM for k in ("columns", "codes"))
    out["unseen"] = measure_unseen(HERE.parent.parent / "shared" / "data")
    drafts = [*alone["centres"].values(), *out["unseen"].values()]
    out["met"] = met and not any(c["wrong_above_limit"] for c in drafts)
    return out


def _all(centres: Iterable[dict[str, Any]]) -> dict[str, Any]:
    centres = list(centres)
    out: dict[str, Any] = {}
    for kind in ("columns", "columns_with_data", "codes", "values"):
        right, of = (sum(c[kind][k] for c in centres) for k in ("right", "of"))
        out[kind] = {"right": right, "of": of, "share": round(right / of, 4) if of else 1.0}
    out["by_confidence"] = {
        name: {k: sum(c["by_confidence"][name][k] for c in centres) for k in ("right", "of")} for name, _, _ in BINS
    }
    for kind in ("questions", "wrong_proposals"):
        out[kind] = sum(c[kind] for c in centres)
    return out


def compare_centre(study: Path, protocol: Protocol, centre: str, with_help: bool) -> dict[str, Any]:
    """Draft one centre and compare it with its signed mapping."""
    entry = next(c for c in protocol.data.centres if c.id == centre)
    folder = study / entry.folder
    signed = load_mapping(study / entry.mapping)
    others = [load_mapping(study / c.mapping) for c in protocol.data.centres if c.id != centre] if with_help else []
    draft = draft_centre(folder, None, protocol, centre, others)
    _same_names(draft, signed)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "draft.yaml"
        file.write_text(yaml_text(draft), encoding="utf-8")
        drafted = load_mapping(file)
    source = read_centre(folder, signed.sources, signed.ignore_files)
    again = read_centre(folder, drafted.sources, drafted.ignore_files)
    left = _left_out(source, signed)
    truth, mine = reading(source, signed, left), reading(again, drafted, left)
    columns, data = _columns(truth, mine, draft, again)
    codes = _codes(truth, mine, draft)
    values = _values(truth, mine)
    not_right = sorted((*columns.wrong, *codes.wrong), key=lambda w: json.dumps(w, sort_keys=True))
    wrong = [w for w in not_right if w["proposed"]]
    return {
        **{
            name: {"right": s.right, "of": s.of, "share": round(s.share, 4)}
            for name, s in (("columns", columns), ("columns_with_data", data), ("codes", codes), ("values", values))
        },
        "by_confidence": _by_confidence(columns.proposals),
        "questions": len(draft.questions),
        "wrong_proposals": len(wrong),
        "wrong_above_limit": [w for w in wrong if w["confidence"] > LIMIT],
        "not_right": not_right,
    }


def _by_confidence(proposals: Iterable[tuple[float, bool]]) -> dict[str, dict[str, int]]:
    """Return how many proposals of each confidence are right: what a confidence is worth."""
    out = {name: {"right": 0, "of": 0} for name, _, _ in BINS}
    for sure, right in proposals:
        name = next(name for name, low, high in BINS if low < sure <= high or (low == 0 and sure == 0))
        out[name]["of"] += 1
        out[name]["right"] += right
    return out


def _same_names(draft: Draft, signed: Mapping) -> None:
    """Give a delimited file's table the name that the signed mapping gives it: a name is no meaning."""
    for source in draft.mapping["sources"]:
        name = next((s.table for s in signed.sources if s.table and s.path == source.get("path")), None)
        if name:
            was = Path(source["path"]).stem
            source["table"] = name
            draft.mapping["tables"] = {name if n == was else n: t for n, t in draft.mapping["tables"].items()}
            for c in draft.columns:
                c.table = name if c.table == was else c.table


def measure_unseen(shared: Path) -> dict[str, Any]:
    """Draft the two other examples, whose data lie beside the project, in a copy of each example's folder."""
    out: dict[str, Any] = {}
    for example, data in UNSEEN.items():
        if not (shared / data).is_dir():
            continue
        with tempfile.TemporaryDirectory() as place:
            study = Path(place) / example
            shutil.copytree(STUDY.parent / example, study)
            protocol = load_protocol(study)
            entry = protocol.data.centres[0]
            (study / entry.folder).mkdir(exist_ok=True)
            for file in (shared / data).glob("*.csv"):
                shutil.copy(file, study / entry.folder)
            out[example] = compare_centre(study, protocol, entry.id, False)
    return out


# what a mapping makes of files ---------------------------------------------------------------------------------------


def _left_out(source: SourceData, mapping: Mapping) -> dict[str, set[int]]:
    """Return table -> rows that the signed mapping excludes; they count for nobody."""
    out: dict[str, set[int]] = {}
    for name, view in views_of(source, mapping).items():
        excluded = mapping.tables[name].exclude_rows
        out[name] = {i for e in excluded for i in view.holds(tuple(e.where.items())).arg_true()}
    return out


def views_of(source: SourceData, mapping: Mapping) -> dict[str, TableView]:
    """Return the mapped tables that are there; each knows the others, where its keys lead."""
    views: dict[str, TableView] = {}
    views |= {n: TableView(t, mapping.missing, views) for n, t in source.tables.items() if n in mapping.tables}
    return views


def reading(source: SourceData, mapping: Mapping, left: dict[str, set[int]]) -> Reading:
    """Return the roles of all columns, the codes of all words and the values that a mapping yields."""
    out = Reading()
    made = plan(mapping)
    views = views_of(source, mapping)
    for name, view in views.items():
        for column in view.columns:
            out.columns[name, column] = {}
        _subject_and_ignored(out, name, view, mapping)
    for name in mapping.ignore_tables:
        for table in source.tables:
            if wild([name]).fullmatch(table):
                for column in source.tables[table].columns:
                    out.columns[table, column] = {("ignored",): frozenset()}
    for block in made.blocks:
        if block.table in views:
            _roles(out, block, views[block.table], left.get(block.table, set()))
    data, _ = map_centre(source, mapping)
    out.values = _cells(data)
    return out


def _subject_and_ignored(out: Reading, name: str, view: TableView, mapping: Mapping) -> None:
    table = mapping.tables[name]
    subject = table.subject if isinstance(table.subject, str) else getattr(table.subject, "column", None)
    if subject:
        out.columns[name, subject][("subject",)] = frozenset()
    ignored = wild(table.ignore)
    for column in view.columns:
        if ignored.fullmatch(column):
            out.columns[name, column][("ignored",)] = frozenset()


def _roles(out: Reading, block: Block, view: TableView, left: set[int]) -> None:
    holds = view.holds(block.where).arg_true().to_list() if block.where else range(view.height)
    rows = [i for i in holds if i not in left]
    for variable, cell in block.cells.items():
        if "#" in variable:
            continue
        role = _role(block, variable)
        for column in cell.columns:
            if column not in view.columns:
                continue
            there = view.raw(column)
            mine = frozenset(i for i in rows if there[i] is not None and there[i].strip())
            have = out.columns[block.table, column]
            have[role] = have.get(role, frozenset()) | mine
        if cell.reading.codes is not None and len(cell.columns) == 1:
            _words(out, block, variable, cell.columns[0], dict(cell.reading.codes), cell.reading.extract, view, rows)
    for column, _ in block.where:
        if column in view.columns:
            out.columns[block.table, column].setdefault(("helper",), frozenset())
    for unit in block.units.values():
        for cell in unit.cells:
            column = cell.columns[0]
            if column in view.columns:
                out.columns[block.table, column].setdefault(("helper",), frozenset())
                codes = dict(cell.reading.codes or ())
                _words(out, block, "UNIT", column, codes, None, view, rows)


def _role(block: Block, variable: str) -> Role:
    """Return what a cell is: its variable, and the constants that say which one."""
    skip = {"LBTESTCD"} if variable in _OF_RECORD else set()
    which = tuple(f"{k}={block.constants[k]}" for k in _WHICH if k in block.constants and k not in skip)
    return (block.domain, variable, *which)


def _words(
    out: Reading,
    block: Block,
    variable: str,
    column: str,
    codes: dict[str, str],
    extract: str | None,
    view: TableView,
    rows: Iterable[int],
) -> None:
    item = block.constants.get("MHCAT", "")
    there: set[str] = set()
    raw = view.raw(column)
    for text in {raw[i] for i in rows if raw[i] is not None}:
        found = re.search(extract, text.strip()) if extract else None
        there.add((found[1] if found else "" if extract else text).strip().lower())
    if isinstance(view.table, RedcapTable):
        there |= (
            {w.lower() for w in view.table.choices.get(column.split("___")[0], {})} if "___" not in column else set()
        )
    for word, term in codes.items():
        if word in there:
            out.codes[block.domain, variable, item, word] = term


def _cells(data: ClinicalData) -> Counter[tuple[str, ...]]:
    out: Counter[tuple[str, ...]] = Counter()
    for domain in data.domains:
        frame = data[domain]
        skip = ("CENTRE", "BLOCK", "MHTERM", "MHORRESU", "COUNTRY", "FAOBJ", "EXTRT", "PRTRT")
        names = [c for c in frame.columns if c not in skip and not c.endswith("SEQ") and frame[c].dtype != pl.List]
        for row in frame.select(names).iter_rows(named=True):
            who = str(row.pop("USUBJID", ""))
            for name, value in row.items():
                if value is not None and not name.startswith("#"):
                    out[domain, who, name, str(value)] += 1
    return out


# comparison ---------------------------------------------------------------------------------------------------------


def _columns(truth: Reading, mine: Reading, draft: Draft, source: SourceData) -> tuple[Score, Score]:
    sure = _confidences(draft)
    score, data = Score(), Score()
    for key, roles in truth.columns.items():
        have = mine.columns.get(key, {})
        values = {r: rows for r, rows in roles.items() if len(r) > 1}
        if not values:
            proposed_here = [role for role in have if len(role) > 1]
            score.proposals += [(sure.get((*key, *r[:2]), sure.get(key, 0.0)), False) for r in proposed_here]
            score.of += 1
            kind = _kind(roles)
            right = _kind(have) == kind and not any(len(r) > 1 for r in have)
            if right and not _is_open(key, draft):
                score.right += 1
            else:
                proposed = any(len(r) > 1 for r in have) or not _is_open(key, draft)
                score.wrong.append(_fault(key, kind, sorted(" ".join(r) for r in have), proposed, sure))
            continue
        score.proposals += [
            (sure.get((*key, *role[:2]), sure.get(key, 0.0)), values.get(role) == rows)
            for role, rows in have.items()
            if len(role) > 1
        ]
        for role, rows in values.items():
            right = have.get(role) == rows
            for s in (score, data):
                s.of += 1
                s.right += right
            if not right:
                score.wrong.append(_fault(key, " ".join(role), sorted(" ".join(r) for r in have), False, sure))
        extra = [r for r in have if len(r) > 1 and r not in values]
        for role in extra:
            score.wrong.append(_fault(key, "nothing of the kind", [" ".join(role)], True, sure, role))
        if ("ignored",) in have and not _is_open(key, draft):
            score.wrong.append(_fault(key, "is read", ["ignored"], True, sure))
    return score, data


def _kind(roles: dict[Role, Rows]) -> str:
    for kind in ("subject", "helper", "ignored"):
        if (kind,) in roles:
            return kind
    return "helper" if roles else "nothing"


def _is_open(key: tuple[str, str], draft: Draft) -> bool:
    return any((c.table, c.name) == key and c.role == "open" for c in draft.columns)


def _confidences(draft: Draft) -> dict[tuple[str, ...], float]:
    out: dict[tuple[str, ...], float] = {}
    for c in draft.columns:
        out[c.table, c.name] = c.confidence
        for p in c.proposals:
            key = (c.table, c.name, p.target.domain, p.target.variable)
            out[key] = max(out.get(key, 0.0), p.confidence)
    return out


def _fault(
    key: tuple[str, str],
    signed: str,
    drafted: list[str],
    proposed: bool,
    sure: dict[tuple[str, ...], float],
    role: Role | None = None,
) -> dict[str, Any]:
    confidence = sure.get((*key, *role[:2]), sure.get(key, 0.0)) if role else sure.get(key, 0.0)
    return {
        "table": key[0],
        "column": key[1],
        "signed": signed,
        "drafted": drafted,
        "proposed": proposed,
        "confidence": confidence,
    }


def _codes(truth: Reading, mine: Reading, draft: Draft) -> Score:
    score = Score()
    sure = {
        (c.target.domain, c.target.variable, w.word.strip().lower(), w.term): w.confidence
        for c in draft.coded
        for w in c.words
    }
    for key, term in truth.codes.items():
        domain, variable, _, word = key
        found = mine.codes.get(key)
        as_it_stands = word == term.lower() and not any(k[:3] == key[:3] for k in mine.codes)
        same = as_it_stands or (found is not None and found.lower() == term.lower())
        score.of += 1
        score.right += same
        if not same:
            confidence = sure.get((domain, variable, word, found or ""), 0.0)
            score.wrong.append(_code_fault(key, term, found, confidence))
    for key, found in mine.codes.items():
        spoken = any(k[:3] == key[:3] for k in truth.codes)
        if key not in truth.codes and spoken:
            confidence = sure.get((key[0], key[1], key[3], found), 0.0)
            score.wrong.append(_code_fault(key, "not a word of the signed mapping", found, confidence))
    return score


def _code_fault(key: tuple[str, ...], term: str, found: str | None, confidence: float) -> dict[str, Any]:
    return {
        "table": " ".join(k for k in key[:3] if k),
        "column": key[3],
        "signed": term,
        "drafted": [found] if found else [],
        "proposed": found is not None,
        "confidence": confidence,
    }


def _values(truth: Reading, mine: Reading) -> Score:
    return Score(sum((truth.values & mine.values).values()), sum(truth.values.values()))


# the table ----------------------------------------------------------------------------------------------------------

_BEGIN, _END = "<!-- draft: begin -->", "<!-- draft: end -->"


def table(document: dict[str, Any]) -> list[str]:
    """Return the table of README.md."""
    lines = [
        "| centre | columns right | of those with data | codes right | values right | open questions "
        "| wrong, and surer than 0.9 |",
        "|---|---|---|---|---|---|---|",
    ]
    for how, said in (("without_hint", "without any hint"), ("with_other_centres", "with the four others' mappings")):
        part = document[how]
        for centre, c in part["centres"].items():
            lines.append(_row(f"{centre}, {said}", c, len(c["wrong_above_limit"])))
        above = sum(len(c["wrong_above_limit"]) for c in part["centres"].values())
        lines.append(_row(f"**all, {said}**", part["all"], above))
    for example, c in document["unseen"].items():
        lines.append(_row(f"{example}, not seen before", c, len(c["wrong_above_limit"])))
    return [*lines, "", *_confidence_table(document)]


def _confidence_table(document: dict[str, Any]) -> list[str]:
    """What a confidence is worth: of the proposals that were so sure, how many are right."""
    lines = [f"| columns proposed with a confidence | {' | '.join(name for name, _, _ in BINS)} |"]
    lines.append("|---|" + "---|" * len(BINS))
    rows = {"five centres, without any hint": document["without_hint"]["all"]}
    rows |= {f"{example}, not seen before": c for example, c in document["unseen"].items()}
    for said, c in rows.items():
        cells = [f"{b['right']} of {b['of']} right" if b["of"] else "none" for b in c["by_confidence"].values()]
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return lines


def _row(name: str, c: dict[str, Any], above: int) -> str:
    shares = [
        f"{c[k]['share']:.1%} ({c[k]['right']} of {c[k]['of']})"
        for k in ("columns", "columns_with_data", "codes", "values")
    ]
    return f"| {name} | {' | '.join(shares)} | {c['questions']} | {above} |"


def _replace(page: Path, lines: list[str]) -> None:
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text("\n".join([before + _BEGIN, *lines, _END]) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
