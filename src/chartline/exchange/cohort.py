"""The eligible patients as an OMOP cohort table, a folder a centre, as each centre's own database can hold it.

Source: OMOP CDM 5.4, tables COHORT and COHORT_DEFINITION; omopgenerics 1.3.6, `newCohortTable`, for the settings and
the attrition of a cohort.

    cohort               cohort_definition_id, subject_id, cohort_start_date (day 0), cohort_end_date
    cohort_definition    the same in words
    cohort_settings      cohort_definition_id and cohort_name, with the study and its digests
    cohort_attrition     who left at which criterion

`cohort_end_date` is the end of the observation period that holds day 0, as OHDSI's tools take it, or the day of death
if that is earlier; where the centre knows no such period, or no end of it, the day of death or the last day known
alive. It is never after the study's cut-off. Who has periods, and none on day 0, is in no OMOP cohort. `subject_id` is
the person_id of a centre whose patients came from an OMOP database. Elsewhere it is made from the patient number: the
first 31 bits of a SHA-256, so that it stays from one cut to the next; `key` says which is whose, and is held beside the
cohort, not in it. A patient number can be guessed back from such a number: it is a name, not a pseudonym.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from chartline.cohort.select import DUPLICATE_LABEL
from chartline.exchange.text import csv_text, snake_case

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun

COHORT_ID = 1
_NO_CONCEPT = 0  # OMOP's "No matching concept"
_PERSON = re.compile(r"(?:^|!)person_id=(-?\d+)$")
_NEEDED = ("CENTRE", "USUBJID", "ELIGFL", "ELIGREAS", "TRTSDT", "DTHDT", "LKADT", "OBSSTDT", "OBSENDT", "SRCADDR")


@dataclass(frozen=True)
class CentreCohort:
    """The files of one centre, and who could not be written."""

    centre: str
    files: dict[str, str]  # name -> CSV
    key: str  # subject_id and USUBJID; "" where subject_id is the database's own
    n: int
    undated: tuple[str, ...]  # eligible, not observed on day 0, or without a last day from then on


def centre_cohorts(run: FinishedRun) -> list[CentreCohort]:
    """Return the cohort of each centre that has patients, in the protocol's order."""
    adsl = run.tables["ADSL"].scan().select(_NEEDED).collect()
    order = [c.id for c in run.protocol.data.centres]
    return [
        _cohort(run, centre, adsl.filter(pl.col("CENTRE") == centre).sort("USUBJID"))
        for centre in order
        if centre in adsl["CENTRE"].unique()
    ]


def _cohort(run: FinishedRun, centre: str, adsl: pl.DataFrame) -> CentreCohort:
    ids, own = subject_ids(adsl["USUBJID"].to_list(), adsl["SRCADDR"].to_list())
    dated = adsl.with_columns(subject_id=pl.Series(ids, dtype=pl.Int64), last=_last(run.protocol.data.cut_off))
    eligible = dated.filter(pl.col("ELIGFL") == "Y")
    unseen = (pl.col("OBSSTDT") > pl.col("TRTSDT")).fill_null(False)
    whole = eligible.filter((pl.col("last") >= pl.col("TRTSDT")) & ~unseen).sort("subject_id")
    left = eligible.join(whole, on="USUBJID", how="anti")["USUBJID"].to_list()
    rows = [(COHORT_ID, *r) for r in whole.select("subject_id", *_iso("TRTSDT", "last")).iter_rows()]
    key = [] if own else whole.select("subject_id", "USUBJID").rows()
    return CentreCohort(
        centre=centre,
        files={
            "cohort": csv_text(("cohort_definition_id", "subject_id", "cohort_start_date", "cohort_end_date"), rows),
            "cohort_definition": _definition(run),
            "cohort_settings": _settings(run),
            "cohort_attrition": _attrition(run, adsl, len(left)),
        },
        key=csv_text(("subject_id", "USUBJID"), key) if key else "",
        n=whole.height,
        undated=tuple(left),
    )


def subject_ids(subjects: list[str], addresses: list[str]) -> tuple[list[int], bool]:
    """Return the subject_id of each patient, and whether it is the person_id of the centre's own database.

    `addresses` are those of the patients' rows; `person.csv!person_id=7` is one of an OMOP database.
    """
    found = [_PERSON.search(address or "") for address in addresses]
    persons = [int(hit[1]) for hit in found if hit]
    if subjects and len(persons) == len(set(persons)) == len(subjects):
        return persons, True
    taken: set[int] = set()
    return [_made(subject, taken) for subject in subjects], False


def _made(subject: str, taken: set[int]) -> int:
    """Return a number of 31 bits, above 0; where two patients would share one, the later is drawn again."""
    tries = 0
    while True:
        drawn = hashlib.sha256(f"{subject}#{tries}".encode()).digest()
        number = int.from_bytes(drawn[:4], "big") >> 1
        if number and number not in taken:
            taken.add(number)
            return number
        tries += 1


def _last(cut_off: date | None) -> pl.Expr:
    last = pl.coalesce(
        pl.min_horizontal("OBSENDT", pl.when(pl.col("OBSENDT").is_not_null()).then("DTHDT")), "DTHDT", "LKADT"
    )
    if cut_off is None:
        return last
    return pl.when(last > pl.lit(cut_off)).then(pl.lit(cut_off)).otherwise(last)  # an unknown day stays unknown


def _iso(*names: str) -> list[pl.Expr]:
    return [pl.col(n).dt.to_string("%Y-%m-%d") for n in names]


def _definition(run: FinishedRun) -> str:
    study = run.protocol.study
    steps = "; ".join(c.label for c in run.protocol.eligibility)
    ends = "Ends with the observation period of day 0 or on the day of death, or on the last day known alive"
    cut_off = f", and no later than {run.protocol.data.cut_off}" if run.protocol.data.cut_off else ""
    words = f"Begins with the {run.protocol.index_rows.event}. {ends}{cut_off}. Eligibility: {steps}."
    words = f"{study.notice} {words}" if study.notice else words
    syntax = "; ".join(f"{c.id}: {c.require}" for c in run.protocol.eligibility)
    return csv_text(
        (
            *("cohort_definition_id", "cohort_definition_name", "cohort_definition_description"),
            *("definition_type_concept_id", "cohort_definition_syntax", "subject_concept_id"),
            "cohort_initiation_date",
        ),
        [(COHORT_ID, study.title[:255], words, _NO_CONCEPT, syntax, _NO_CONCEPT, None)],
    )


def _settings(run: FinishedRun) -> str:
    said = {
        "cohort_name": snake_case(run.study),
        "study_id": run.study,
        "package_name": "chartline",
        "package_version": run.version,
        "protocol_digest": run.protocol_digest,
        "data_digest": run.data_digest,
    }
    return csv_text(("cohort_definition_id", *said), [(COHORT_ID, *said.values())])


def _attrition(run: FinishedRun, adsl: pl.DataFrame, undated: int) -> str:
    left_at = Counter(reason for reason in adsl["ELIGREAS"].to_list() if reason)
    rows: list[tuple[int | str, ...]] = []
    now = adsl.height
    for reason, gone in _steps(run, left_at, undated):
        now -= gone
        rows.append((COHORT_ID, now, now, len(rows) + 1, reason[:255], gone, gone))
    return csv_text(
        (
            *("cohort_definition_id", "number_records", "number_subjects", "reason_id", "reason"),
            *("excluded_records", "excluded_subjects"),
        ),
        rows,
    )


def _steps(run: FinishedRun, left_at: Counter[str], undated: int) -> Iterable[tuple[str, int]]:
    """Yield each step and how many left at it: those who did not meet it and those of whom it cannot be decided."""
    yield "Initial qualifying events", 0
    yield DUPLICATE_LABEL, left_at[DUPLICATE_LABEL]
    for c in run.protocol.eligibility:
        yield c.label, left_at[c.excluded_as or c.label] + left_at[f"Cannot be decided: {c.label}"]
    if undated:
        yield "Observed on day 0, with a last day", undated
