"""The folder that an export leaves: a part a format, and a page that says what each holds and of whom.

exchange.json         which run this is, what was written, and which parts hold patients
README.txt            the same for people
omop-results/         summarised_result.csv
omop-cohort/<centre>/ the cohort of each centre; omop-cohort-keys/ holds whose number is whose
dataset-json/         adsl.json and so on, large tables as .ndjson, and define.xml
measure-report/       Measure and MeasureReport, one pair a scoring
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.exchange.cohort import centre_cohorts
from chartline.exchange.columns import describe_dataset
from chartline.exchange.dataset_json import DEFINE, write_dataset
from chartline.exchange.define import define_xml
from chartline.exchange.measures import measure_files
from chartline.exchange.summarised import summarised_result

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

MARK = "exchange.json"
KEYS = "omop-cohort-keys"
PATIENT_LEVEL = "PATIENT-LEVEL.txt"
_WARNING = (
    "This folder holds data of single patients. It may go only where the study's approvals allow patient-level data.\n"
)


def _results(run: FinishedRun, folder: Path, at: datetime) -> list[str]:
    (folder / "summarised_result.csv").write_text(summarised_result(run), encoding="utf-8")
    return [f"{len(run.results)} statistics"]


def _cohort(run: FinishedRun, folder: Path, at: datetime) -> list[str]:
    (folder / PATIENT_LEVEL).write_text(_WARNING, encoding="utf-8")
    said = []
    for cohort in centre_cohorts(run):
        (folder / cohort.centre).mkdir()
        for name, text in cohort.files.items():
            (folder / cohort.centre / f"{name}.csv").write_text(text, encoding="utf-8")
        if cohort.key:
            keys = folder.parent / KEYS
            keys.mkdir(exist_ok=True)
            (keys / PATIENT_LEVEL).write_text(_WARNING, encoding="utf-8")
            (keys / f"{cohort.centre}.csv").write_text(cohort.key, encoding="utf-8")
        line = f"centre {cohort.centre}: {cohort.n} patients"
        if cohort.undated:
            line += f"; {len(cohort.undated)} not observed on day 0, or without a last day from then on, are left out"
        said.append(line)
    return said


def _datasets(run: FinishedRun, folder: Path, at: datetime) -> list[str]:
    (folder / PATIENT_LEVEL).write_text(_WARNING, encoding="utf-8")
    datasets = [describe_dataset(table) for table in run.tables.values()]
    for dataset in datasets:
        write_dataset(run, dataset, folder, at)
    (folder / DEFINE).write_bytes(define_xml(run, datasets, at))
    return [f"{d.name}: {d.records} records" for d in datasets]


def _measures(run: FinishedRun, folder: Path, at: datetime) -> list[str]:
    for name, text in measure_files(run, at).items():
        (folder / name).write_text(text, encoding="utf-8")
    return [f"{len(run.headline)} headline numbers"]


FORMATS: dict[str, Callable[[FinishedRun, Path, datetime], list[str]]] = {
    "omop-results": _results,
    "omop-cohort": _cohort,
    "dataset-json": _datasets,
    "measure-report": _measures,
}
_WHAT = {
    "omop-results": "every statistic as an OMOP summarised_result (R package omopgenerics)",
    "omop-cohort": "the eligible patients as an OMOP cohort table, a folder a centre",
    "dataset-json": "the derived tables as CDISC Dataset-JSON 1.1 with Define-XML 2.1",
    "measure-report": "the headline as FHIR R4 Measure and MeasureReport",
}
OF_PATIENTS = ("omop-cohort", "dataset-json")


def write_exchange(run: FinishedRun, formats: tuple[str, ...], folder: Path) -> dict[str, list[str]]:
    """Write the formats into an empty folder; return format -> what was written, in words."""
    at = datetime.now(UTC)
    written = {}
    for name in formats:
        (folder / name).mkdir()
        written[name] = FORMATS[name](run, folder / name, at)
    mark = {
        "chartline": run.version,
        "study": run.study,
        "protocol_digest": run.protocol_digest,
        "data_digest": run.data_digest,
        "smallest_cell": run.smallest_cell,
        "parts": {name: {"patient_level": name in OF_PATIENTS, "holds": said} for name, said in written.items()},
    }
    (folder / MARK).write_text(json.dumps(mark, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(_readme(run, written), encoding="utf-8")
    return written


def small_cells(run: FinishedRun) -> str:
    """Return what happened to small numbers of patients, in one sentence."""
    if run.smallest_cell <= 1:
        return "Small cells: every number of patients is written, as report.smallest_cell of the protocol says."
    return f"Small cells: numbers of 1 to {run.smallest_cell - 1} patients, and what they follow from, are hidden."


def _readme(run: FinishedRun, written: dict[str, list[str]]) -> str:
    lines = [f"{run.study}: {run.protocol.study.title}"]
    if run.protocol.study.notice:
        lines.append(run.protocol.study.notice)
    lines += [f"Protocol {run.protocol_digest}", f"Data     {run.data_digest}", "", small_cells(run), ""]
    for name, said in written.items():
        lines.append(f"{name}/  {_WHAT[name]}{'; PATIENT-LEVEL' if name in OF_PATIENTS else ''}")
        lines += [f"    {line}" for line in said]
    if "omop-cohort" in written:
        lines.append(f"{KEYS}/  whose number is whose, where subject_id is not a database's own; do not pass it on")
    if run.day_counting:
        each = ", ".join(run.day_counting)
        lines += ["", f"Dates of {each} are fictitious: these centres count days from an event."]
    return "\n".join(lines) + "\n"
