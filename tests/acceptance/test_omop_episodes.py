"""A study that OMOP's Oncology extension tells: response and relapse from Episode and the modifiers in Measurement,
lines of therapy from Episode, every concept by its name. Seven made-up persons (`tests/data/episodes`), by hand:

    person        InO         regimens before                  response                    relapse     last day
    ONC-1         2019-06-01  Hyper-CVAD, blinatumomab         CR 2019-06-28               2020-03-01  died 2020-06-01
    ONC-2         2019-02-01  Hyper-CVAD                       PR, CR 2019-03-20           none        2021-02-01
    ONC-3         2019-07-01  Hyper-CVAD, FLAG-IDA, blinatum.  SD 2019-07-20               none        died 2019-10-01
    ONC-4         2019-08-20  Hyper-CVAD (FLAG-IDA 2020-01-10) CR 2019-09-15               none        2020-08-20
    ONC-5         none        not selected
    ONC-6         2019-03-03  has acute myeloid leukaemia: ruled out
    ONC-7         2019-02-01  none; a cycle, which is no line: ruled out

The first CR of ONC-1 is a modifier of the disease's episode, that of ONC-2 is tied to it by `episode_event` alone, that
of ONC-4 is an episode. ONC-3 has a complete remission and ONC-4 a recurrence of breast cancer, which are not theirs;
ONC-1 has two cycles of Hyper-CVAD beside the regimen, and ONC-3 a response that modifies a condition with the id of
an episode. Person ids are negative and above 2^31 too.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from chartline.counts.model import AttritionTable
from chartline.errors import SourceError
from chartline.pipeline import run_study
from chartline.sources.cdm import CdmTable, Rows
from chartline.sources.cdm_postgres import Postgres
from chartline.study import StudyRun
from omop_databases import typed_tables, wheel_server, write_duckdb, write_parquet, write_parts, write_postgres
from parted import run_unreported

STUDY = Path(__file__).parents[1] / "data" / "episodes"
Cells = list[dict[str, str]]
Change = Callable[[str, Cells], Cells]


def as_it_is(table: str, rows: Cells) -> Cells:
    """CDM 5.4, where the Oncology extension is part of the CDM."""
    return rows


def of_cdm_5_3(table: str, rows: Cells) -> Cells:
    """CDM 5.3 with the Oncology extension: the two columns of a modifier are called otherwise."""
    named = {
        "measurement_event_id": "modifier_of_event_id",
        "meas_event_field_concept_id": "modifier_of_field_concept_id",
    }
    return [{named.get(c, c): v for c, v in row.items()} for row in rows]


def in_capitals(table: str, rows: Cells) -> Cells:
    return [{c.upper(): v for c, v in row.items()} for row in rows]


def renumbered(table: str, rows: Cells) -> Cells:
    """Another release of the vocabulary: every concept has another id, but the one that the CDM itself names."""
    kept = ("32531", "")
    return [
        {c: v if not c.endswith("concept_id") or v in kept else str(int(v) + 1_000_000) for c, v in row.items()}
        for row in rows
    ]


def of_an_unknown_day(table: str, rows: Cells) -> Cells:
    """ONC-4 is born in 2001, nobody knows when: 17 or 18 years old on 2019-08-20."""
    unknown = {"year_of_birth": "2001", "month_of_birth": "", "day_of_birth": ""}
    return [row | unknown if table == "person" and row["person_source_value"] == "ONC-4" else row for row in rows]


def study_of(folder: Path, change: Change) -> Path:
    study = folder / "study"
    shutil.copytree(STUDY, study)
    for file in (study / "cdm").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            rows = change(file.stem, list(csv.DictReader(stream)))
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    if change is of_cdm_5_3:
        mapping = (study / "mapping.yaml").read_text(encoding="utf-8")
        mapping = mapping.replace("measurement_event_id", "modifier_of_event_id")
        mapping = mapping.replace("meas_event_field_concept_id", "modifier_of_field_concept_id")
        (study / "mapping.yaml").write_text(mapping, encoding="utf-8")
    return study


def adam(out: Path, table: str, *columns: str) -> list[tuple[object, ...]]:
    return pl.read_parquet(out / "adam" / f"{table}.parquet").sort("USUBJID").select(columns).rows()


@pytest.mark.parametrize("change", [as_it_is, of_cdm_5_3, in_capitals, renumbered])
def test_response_relapse_and_lines_are_those_worked_by_hand(tmp_path: Path, change: Change) -> None:
    done = run_unreported(study_of(tmp_path, change), tmp_path / "out")
    selected = done.counts["selection"]
    assert isinstance(selected, AttritionTable)
    # 7 persons: one without the drug; all are adults; one without B-cell ALL; one without a regimen before.
    assert [(s.n_in, s.n_no) for s in selected.steps] == [(7, 1), (6, 0), (6, 1), (5, 1)]
    assert adam(tmp_path / "out", "adsl", "USUBJID", "BOR", "RESPFL", "RELFL", "SALVAGE", "PRBLINFL") == [
        ("ONC-1", "CR", "Y", "Y", 2, "Y"),
        ("ONC-2", "CR", "Y", None, 1, "N"),
        ("ONC-3", "SD", "N", None, 3, "Y"),
        ("ONC-4", "CR", "Y", None, 1, "N"),
    ]
    times = pl.read_parquet(tmp_path / "out" / "adam" / "adtte.parquet").sort("PARAMCD", "USUBJID")
    assert times.select("PARAMCD", "USUBJID", "AVAL", "EVNTDESC").rows() == [
        ("OS", "ONC-1", 366, "death"),  # 2019-06-01 to 2020-06-01, over 29 February
        ("OS", "ONC-2", 731, None),
        ("OS", "ONC-3", 92, "death"),  # 30 + 31 + 31
        ("OS", "ONC-4", 366, None),
        ("RFS", "ONC-1", 247, "relapse"),  # 2019-06-28 to 2020-03-01
        ("RFS", "ONC-2", 684, None),  # 2019-03-20 to 2021-02-01
        ("RFS", "ONC-4", 340, None),  # 2019-09-15 to 2020-08-20
        ("TTNT", "ONC-1", 366, "death"),
        ("TTNT", "ONC-2", 731, None),
        ("TTNT", "ONC-3", 92, "death"),
        ("TTNT", "ONC-4", 143, "new therapy"),  # 2019-08-20 to 2020-01-10
    ]
    value = {(r.analysis, r.statistic, r.at): r.value for r in done.results}
    assert value["cr", "proportion", None] == 3 / 4
    assert value["blinatumomab", "proportion", None] == 2 / 4
    # Of 4 one dies on day 92; then 3 are at risk when one dies on day 366, the day on which another is censored.
    assert [value["os", "survival", at] for at in (6, 12, 24)] == pytest.approx([3 / 4, 3 / 4, 3 / 4 * 2 / 3])
    # Of the 3 in remission one relapses on day 247, before anybody is censored.
    assert [value["rfs", "survival", at] for at in (6, 12)] == pytest.approx([1, 2 / 3])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyRun, Path]:
    out = tmp_path_factory.mktemp("episodes") / "out"
    return run_unreported(STUDY, out), out


def test_the_reason_leads_to_the_episode_or_its_modifier(done: tuple[StudyRun, Path]) -> None:
    trace = pl.read_parquet(done[1] / "trace.parquet").filter(pl.col("ITEM").is_in(["ADSL.BOR", "ADSL.RELFL"]))
    said = {(i, s): (b, a) for i, s, b, a in trace.select("ITEM", "USUBJID", "BECAUSE", "ADDRESS").iter_rows()}
    cell = "measurement_concept_id"
    assert said["ADSL.BOR", "ONC-2"][1] == f"measurement.csv!measurement_id=3!{cell}"
    assert said["ADSL.BOR", "ONC-4"][1] == "episode.csv!episode_id=82!episode_concept_id"
    assert said["ADSL.RELFL", "ONC-1"] == ("relapse on 2020-03-01", "episode.csv!episode_id=81!episode_start_date")


def test_what_is_left_out_is_told_and_nothing_else_is_asked(done: tuple[StudyRun, Path]) -> None:
    assert {q.severity.value for q in done[0].study.queries} == {"note"}
    left = {q.message for q in done[0].study.queries if q.rule == "rows_excluded"}
    assert "1 row left out as declared: response of another cancer." in left
    assert "1 row left out as declared: modifies something else than an episode." in left
    assert "1 row left out as declared: course of another cancer." in left
    assert "2 rows left out as declared: cycles of a regimen that has its own row." in left


def test_whom_codes_cannot_decide_is_told_in_the_flow(tmp_path: Path) -> None:
    done = run_study(study_of(tmp_path, of_an_unknown_day), tmp_path / "out")
    selected = done.counts["selection"]
    assert isinstance(selected, AttritionTable)
    assert {s.id: s.n_open for s in selected.steps} == {"index": 0, "age": 1, "require1": 0, "prior_lines": 0}
    told = "Aged 18 years or over: the database does not say whether this holds of 1 person; they went on"
    assert told in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ("ONC-4", None) in adam(tmp_path / "out", "adsl", "USUBJID", "AGE")


# the same study from every kind of database -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with wheel_server() as address:
        write_postgres(typed_tables(STUDY / "cdm"), address, "cdm")
        yield address


def from_database(folder: Path, source: str) -> Path:
    """The study with its database in another form: `source` is what the mapping says of it."""
    study = folder / "study"
    shutil.copytree(STUDY, study, ignore=shutil.ignore_patterns("*.csv"))
    mapping = (study / "mapping.yaml").read_text(encoding="utf-8")
    assert "{kind: omop, path: .}" in mapping
    (study / "mapping.yaml").write_text(mapping.replace("{kind: omop, path: .}", source), encoding="utf-8")
    (study / "cdm").mkdir(exist_ok=True)
    return study


def answers(out: Path) -> dict[str, object]:
    """What a run says, without where it stands."""
    plain = pl.read_parquet(out / "adam" / "adsl.parquet").drop("SRCADDR", "SRCSEQ")
    headline = json.loads((out / "headline.json").read_text()) | {"data_digest": ""}  # files are digested, or rows
    return {"headline": headline, "adsl": plain.sort("USUBJID").rows()}


@pytest.mark.parametrize("dialect", ["parquet", "parts", "duckdb", "postgres"])
def test_every_kind_of_database_gives_the_same_study(
    dialect: str, tmp_path: Path, done: tuple[StudyRun, Path], request: pytest.FixtureRequest
) -> None:
    tables = typed_tables(STUDY / "cdm")
    if dialect == "postgres":
        address = request.getfixturevalue("server")
        study = from_database(tmp_path, f'{{kind: omop, database: "{address}", schemas: [cdm]}}')
    elif dialect == "duckdb":
        study = from_database(tmp_path, "{kind: omop, path: cdm.duckdb}")
        write_duckdb(tables, study / "cdm" / "cdm.duckdb")
    else:
        study = from_database(tmp_path, f"{{kind: omop, path: '{'.' if dialect == 'parquet' else '*/*.parquet'}'}}")
        (write_parquet if dialect == "parquet" else write_parts)(tables, study / "cdm")
    run_unreported(study, tmp_path / "out")
    assert answers(tmp_path / "out") == answers(done[1])


def test_a_connection_lost_on_the_way_leaves_nothing_and_a_rerun_ends_right(
    tmp_path: Path, server: str, done: tuple[StudyRun, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the connection when the persons are chosen and half their tables are read."""
    study = from_database(tmp_path, f'{{kind: omop, database: "{server}", schemas: [cdm]}}')
    rows, lost = Postgres.rows, []

    def losing(self: Postgres, table: CdmTable, *arguments: Any) -> Rows:
        if table.name == "measurement" and not lost:
            lost.append(self.query("SELECT pg_backend_pid() AS pid")["pid"][0])
            with psycopg.connect(server, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (lost[0],))
        return rows(self, table, *arguments)

    monkeypatch.setattr(Postgres, "rows", losing)
    with pytest.raises(SourceError, match="connection to the database postgres was lost") as told:
        run_unreported(study, tmp_path / "out")
    assert lost and "run again; nothing was written" in str(told.value)
    assert not (tmp_path / "out").exists()
    run_unreported(study, tmp_path / "out")
    assert answers(tmp_path / "out") == answers(done[1])
