"""The files of a run besides its report: queries, counts, results, derived tables, trace and the lock.

In: a StudyData or Outcome and a folder that exists and is empty. Nothing here decides anything.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from chartline.cohort.model import Cohort
    from chartline.core.clinical import ClinicalData
    from chartline.derive.model import Adam
    from chartline.mapping.amendments import Applied
    from chartline.protocol.model import Protocol
    from chartline.results.multiverse import Multiverse
    from chartline.study import Outcome, StudyData


def write_queries(study: StudyData, folder: Path) -> None:
    from chartline.mapping.amendments import Places
    from chartline.queries.workbook import write_queries_csv, write_query_workbooks

    write_queries_csv(study.queries, folder / "queries.csv")
    (folder / "queries").mkdir()
    places = {centre: Places(source) for centre, source in study.sources.items()}
    known = study.standing.queries
    write_query_workbooks(study.queries, folder / "queries", study.protocol.study.id, places, known)


def write_numbers(run: Outcome, folder: Path) -> None:
    """What is not about single patients: queries, counts, results, the key numbers, and what was asserted."""
    import json

    import polars as pl

    from chartline.counts.serialise import counts_to_json
    from chartline.results.serialise import result_rows

    write_queries(run.study, folder)
    (folder / "counts.json").write_text(counts_to_json(run.counts), encoding="utf-8")
    (folder / "headline.json").write_text(
        json.dumps(run.headline, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    rows = pl.DataFrame(result_rows(run.results), infer_schema_length=None)
    _write_parquet(rows, folder / "results.parquet")
    _write_csv(rows, folder / "results.csv")
    write_assertions(run, folder)
    write_code_lists(run.study, folder)


def write_code_lists(study: StudyData, folder: Path) -> None:
    """The codes of the concept sets, a row a code and centre; no file where a study has none."""
    from chartline.trace.code_lists import code_table

    codes = code_table(study)
    if codes.height:
        _write_csv(codes, folder / "code_lists.csv")


def write_listings(
    data: ClinicalData, cohort: Cohort, adam: Adam, protocol: Protocol, applied: Sequence[Applied], folder: Path
) -> None:
    """What is derived of single patients, of all of them or of a part: `adam/`, trace, withheld; the definitions."""
    import json

    from chartline.derive.reviewed import DOMAIN
    from chartline.trace.adam import labels_of, published_tables
    from chartline.trace.build import build_trace
    from chartline.trace.definitions import definitions_of
    from chartline.trace.told_days import SENTENCES

    definitions = json.dumps(definitions_of(protocol, adam, data.study_days), indent=2, ensure_ascii=False)
    (folder / "definitions.json").write_text(definitions + "\n", encoding="utf-8")
    (folder / "adam").mkdir()
    for name, computed in published_tables(data, adam, protocol.mrd).items():
        table = data.study_days.texts(computed, *SENTENCES)  # ADMRD is made here
        labels = json.dumps(labels_of(table, adam), ensure_ascii=False)
        file = folder / "adam" / f"{name.lower()}.parquet"
        _write_parquet(table, file, metadata={"labels": labels, "dataset": name})
    if DOMAIN in adam.tables:
        _write_parquet(adam[DOMAIN], folder / "adam" / "overrides.parquet")
        write_overrides(adam[DOMAIN], folder)
    trace = build_trace(data, cohort, adam, protocol, applied)
    _write_parquet(trace, folder / "trace.parquet")
    (folder / "cut").mkdir(exist_ok=True)
    _write_parquet(adam.withheld, folder / "cut" / "withheld.parquet")


def write_charted(data: ClinicalData, folder: Path) -> None:
    """What stands in the charts of single patients, of all of them or of a part."""
    from chartline.trace.charted import charted_values

    (folder / "cut").mkdir(exist_ok=True)
    _write_parquet(charted_values(data), folder / "cut" / "charted.parquet")


def write_overrides(overrides: pl.DataFrame, folder: Path) -> None:
    _write_csv(overrides.drop("PLACE"), folder / "overrides.csv")


def write_cut(protocol: Protocol, folder: Path) -> None:
    """What `chartline diff` needs besides: the protocol."""
    import json

    declared = protocol.model_dump(mode="json", by_alias=True, exclude_unset=True)
    (folder / "cut" / "protocol.json").write_text(
        json.dumps(declared, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def write_assertions(run: Outcome, folder: Path) -> None:
    """One row a comparison of an assertion; patients are named only where the report may name them."""
    import polars as pl

    named = run.study.protocol.report.patient_level
    rows = []
    for v in run.assertions:
        who = [f"{b.subject}: {b.numbers}" if b.subject else b.numbers for b in v.breaches if named or not b.subject]
        row = {"assertion": v.assertion.id, "sentence": v.assertion.sentence, "compared": v.on, "verdict": v.verdict}
        rows.append(row | {"n": v.n, "breached": len(v.breaches), "for": "; ".join(who), "why": v.why})
    _write_csv(pl.DataFrame(rows, infer_schema_length=None), folder / "assertions.csv")


def write_multiverse(multiverse: Multiverse, folder: Path) -> None:
    import json

    import polars as pl

    from chartline.results.multiverse import multiverse_columns, multiverse_summary

    rows = pl.DataFrame(multiverse_columns(multiverse))
    _write_parquet(rows, folder / "multiverse.parquet")
    _write_csv(rows, folder / "multiverse.csv")
    summary = json.dumps(multiverse_summary(multiverse), indent=2, ensure_ascii=False)
    (folder / "multiverse.json").write_text(summary + "\n", encoding="utf-8")


def write_lock(study: StudyData, folder: Path) -> None:
    import json

    lock: dict[str, Any] = {
        "chartline": version("chartline"),
        "study": study.protocol.study.id,
        "protocol_digest": study.protocol_digest,
        "data_digest": study.data_digest,
        "inputs": dict(sorted(study.inputs.items())),
    }
    if study.standing.entries:
        lock["log"] = {"entries": study.standing.entries, "digest": study.standing.head}
    if study.standing.lock is not None:
        held = study.standing.lock
        lock["locked"] = {"by": held.by, "at": held.at, "reason": held.body["reason"], "digest": held.digest}
    (folder / "study.lock").write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


def csv_text(table: pl.DataFrame) -> str:
    """Return a table for people who open it in a spreadsheet program: no text in it becomes a formula."""
    import polars as pl

    from chartline.core.inert import BEGINNINGS, NUMBER

    text = pl.col(pl.String)
    computed = text.str.slice(0, 1).is_in(list(BEGINNINGS)) & ~text.str.contains(f"^{NUMBER}$")
    return table.with_columns(pl.when(computed).then("'" + text).otherwise(text).name.keep()).write_csv()


def _write_csv(table: pl.DataFrame, file: Path) -> None:
    file.write_text(csv_text(table), encoding="utf-8", newline="")


def _write_parquet(table: pl.DataFrame, file: Path, metadata: dict[str, str] | None = None) -> None:
    """Through memory, so that a full disk is the system's own error and not one of a library's many."""
    from io import BytesIO

    parquet = BytesIO()
    table.write_parquet(parquet, metadata=metadata)
    file.write_bytes(parquet.getbuffer())
