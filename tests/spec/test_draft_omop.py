"""Drafting an OMOP source: what its `concept` and `concept_ancestor` tables say of standard concepts is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.draft.draft import draft_centre
from chartline.draft.model import Draft
from chartline.draft.write import yaml_text
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.protocol.events import Endpoint
from chartline.protocol.load import load_protocol
from chartline.sources.read import read_centre

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
# Ids and names as OHDSI's vocabularies have them; what the source wrote beside them are codes of its own.
TABLES = {
    "person": """
        person_id | gender_concept_id | birth_datetime
        1 | 8532 | 1980-04-13
        2 | 8507 | 1975-11-27
    """,
    "concept": """
        concept_id | concept_name | vocabulary_id | concept_code
        501 | inotuzumab ozogamicin | RxNorm | 1942950
        502 | 注射用 0.9 MG | RxNorm | 1942956
        503 | fludarabine phosphate 50 MG Injection | RxNorm | 105623
        504 | Hemoglobin [Mass/volume] in Blood | LOINC | 718-7
        510 | Platelets [#/volume] in Blood by Impedance | LOCAL | 17
        9444 | billion per liter | UCUM | 10*9/L
        505 | Creatinine [Mass/volume] in Urine | LOINC | 2161-8
        506 | Precursor B-cell acute lymphoblastic leukemia | SNOMED | 277571004
        507 | Allogeneic bone marrow transplantation | SNOMED | 58390007
        508 | Transfusion of packed red blood cells | SNOMED | 71493000
        509 | Family history of leukemia | SNOMED | 429006005
        8713 | gram per deciliter | UCUM | g/dL
    """,
    "concept_ancestor": """
        ancestor_concept_id | descendant_concept_id
        501 | 501
        501 | 502
    """,
    "drug_exposure": """
        drug_exposure_id | person_id | drug_concept_id | drug_exposure_start_date | drug_source_value
        1 | 1 | 502 | 2020-04-13 | 00008-0100
        2 | 1 | 503 | 2019-04-13 | 00703-4852
        3 | 2 | 502 | 2020-05-13 | 00008-0100
    """,
    "measurement": """
        measurement_id|person_id|measurement_concept_id|measurement_date|value_as_number|unit_concept_id|measurement_source_value
        1 | 1 | 504 | 2020-04-12 | 9.1 | 8713 | L1001
        2 | 2 | 504 | 2020-05-12 | 8.2 | 8713 | L1001
        3 | 2 | 505 | 2020-05-12 | 40 | 8713 | L2002
        6 | 2 | 510 | 2020-05-12 | 81 | 9444 | L3003
        4 | 1 | 0 | 2020-05-12 | 4.1 | 8713 | Haemoglobin
        5 | 1 | 0 | 2020-05-12 | 3.9 | 8713 | Albumin
    """,
    "condition_occurrence": """
        condition_occurrence_id|person_id|condition_concept_id|condition_start_date|condition_source_value
        1 | 1 | 506 | 2018-01-02 | 204.00
        2 | 2 | 506 | 2019-02-03 | 204.00
        3 | 2 | 509 | 2019-02-03 | V16.6
    """,
    "procedure_occurrence": """
        procedure_occurrence_id|person_id|procedure_concept_id|procedure_date|procedure_source_value
        1 | 1 | 507 | 2020-08-01 | 41.03
        2 | 2 | 508 | 2020-08-01 | 99.04
    """,
}


def frame_of(text: str) -> pl.DataFrame:
    heads, *rows = [[c.strip() for c in line.split("|")] for line in text.strip().splitlines()]
    return pl.DataFrame(rows, schema=heads, orient="row")


@pytest.fixture(scope="module", params=["one file a table", "parts as Spark writes them"])
def centre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Draft]:
    folder = tmp_path_factory.mktemp("cdm")
    for name, text in TABLES.items():
        if request.param == "one file a table":
            frame_of(text).write_csv(folder / f"{name}.csv")
        else:
            (folder / name).mkdir()
            frame = frame_of(text)
            for i, part in enumerate((frame[:1], frame[1:])):
                part.write_parquet(folder / name / f"part-0000{i}.parquet")
    return folder, draft_centre(folder, None, load_protocol(EXAMPLE), "K")


@pytest.fixture(scope="module")
def records(centre: tuple[Path, Draft], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, draft = centre
    file = tmp_path_factory.mktemp("draft") / "draft.yaml"
    file.write_text(yaml_text(draft), encoding="utf-8")
    mapping = load_mapping(file)
    return map_centre(read_centre(folder, mapping.sources, mapping.ignore_files), mapping)[0]


def test_a_product_is_the_index_drug_by_its_ingredient(records: Any) -> None:
    """No word of 502 is known; that it descends from the ingredient 501 says what it is."""
    assert records["EX"].select("USUBJID", "EXSTDTC").rows() == [("1", "2020-04-13"), ("2", "2020-05-13")]


def test_a_drug_has_the_name_of_its_concept_where_the_source_wrote_a_code(records: Any) -> None:
    assert records["CM"].filter(pl.col("CMCAT").is_null()).select("USUBJID", "CMTRT").rows() == [
        ("1", "fludarabine phosphate 50 MG Injection")
    ]


def test_a_transfusion_and_a_transplantation_are_known_by_their_names(records: Any) -> None:
    assert records["CM"].filter(pl.col("CMCAT").is_not_null()).select("USUBJID", "CMCAT", "CMTRT").rows() == [
        ("2", "RBC TRANSFUSION", "Transfusion of packed red blood cells")
    ]
    assert records["PR"].select("USUBJID", "PRSTDTC").rows() == [("1", "2020-08-01")]


def test_a_laboratory_test_is_known_by_loinc_or_its_name_and_its_unit_by_ucum(records: Any) -> None:
    assert records["LB"].select("USUBJID", "LBTESTCD", "LBORRES", "LBORRESU").rows() == [
        ("1", "HB", "9.1", "g/dL"),
        ("2", "HB", "8.2", "g/dL"),
        ("2", "PLT", "81", "10*9/L"),
    ]


def test_creatinine_in_urine_is_not_the_creatinine_in_serum(centre: tuple[Path, Draft]) -> None:
    assert any("Creatinine [Mass/volume] in Urine" in q.text for q in centre[1].questions)


def test_rows_without_a_concept_are_of_many_kinds_and_are_asked_about(centre: tuple[Path, Draft], records: Any) -> None:
    assert "4.1" not in records["LB"]["LBORRES"].to_list()
    assert any(q.column == "measurement_concept_id" and "0 (2)" in q.text for q in centre[1].questions)


def test_a_family_history_is_no_diagnosis(centre: tuple[Path, Draft], records: Any) -> None:
    assert records["MH"].height == 2
    assert any("Family history of leukemia (1)" in q.text for q in centre[1].questions)


def test_the_diagnosis_has_the_name_of_its_concept(records: Any) -> None:
    name = "Precursor B-cell acute lymphoblastic leukemia"
    assert records["MH"].select("USUBJID", "MHTERM").rows() == [("1", name), ("2", name)]


def test_observation_periods_are_read_where_follow_up_begins_with_one(tmp_path: Path) -> None:
    names = ("id", "start_date", "end_date")
    heads = ",".join(f"observation_period_{n}" for n in names)
    periods = f"{heads},person_id\n1,2019-01-01,2021-01-01,1\n"
    frame_of(TABLES["person"]).write_csv(tmp_path / "person.csv")
    (tmp_path / "observation_period.csv").write_text(periods, encoding="utf-8")
    plain = load_protocol(EXAMPLE)
    assert "observation_period" in draft_centre(tmp_path, None, plain, "K").unused
    late = Endpoint.model_validate(
        {"id": "OSOBS", "use": "overall_survival", "enter_at": "observed_from", "censor_at": ["observed_until"]}
    )
    entered = plain.model_copy(update={"endpoints": (*plain.endpoints, late)})
    draft = draft_centre(tmp_path, None, entered, "K")
    (record,) = draft.mapping["tables"]["observation_period"]["records"]
    assert record["variables"] == {
        "OBSSTDTC": "observation_period_start_date",
        "OBSENDTC": "observation_period_end_date",
    }


# A selection names its index event by a concept set: nothing of it needs to be recognised.
COLD = {
    "person": TABLES["person"],
    "concept": """
        concept_id | concept_name | vocabulary_id | concept_code
        601 | Viral sinusitis | SNOMED | 444814009
        602 | Viral maxillary sinusitis | SNOMED | 1
        603 | Acute viral pharyngitis | SNOMED | 195662009
        701 | celecoxib | RxNorm | 140587
        702 | diclofenac | RxNorm | 3355
    """,
    "concept_ancestor": """
        ancestor_concept_id | descendant_concept_id
        601 | 601
        601 | 602
    """,
    "condition_era": """
        condition_era_id | person_id | condition_concept_id | condition_era_start_date
        1 | 1 | 602 | 2011-02-03
        2 | 2 | 603 | 2012-03-04
    """,
    "condition_occurrence": """
        condition_occurrence_id | person_id | condition_concept_id | condition_start_date
        1 | 1 | 602 | 2011-02-03
        2 | 2 | 603 | 2012-03-04
    """,
    "drug_era": """
        drug_era_id | person_id | drug_concept_id | drug_era_start_date
        1 | 1 | 701 | 2013-04-05
        2 | 2 | 702 | 2014-05-06
    """,
}
NAMED = {"lookup": {"table": "concept", "key": "concept_id", "value": "concept_name"}}


def write_selecting(home: Path, zero: str, table: str, concept: str) -> None:
    """Write a protocol whose index event is a concept in a table, and make the folder of its centre."""
    (home / "protocol.yaml").write_text(
        f"chartline: protocol/1\nstudy: {{id: T, title: T}}\n{zero}\n"
        "data: {centres: [{id: K, folder: k, mapping: k.yaml}]}\n"
        f"concept_sets: {{it: {{label: It, concepts: [{concept}]}}}}\n"
        f"selection: {{index: {{table: {table}, concepts: it}}}}\n",
        encoding="utf-8",
    )
    (home / "k").mkdir()


@pytest.mark.parametrize(
    ("zero", "table", "concept", "record"),
    [
        (
            "index: {label: cold, from: MH, where: \"MHCAT == 'COLD'\"}", "condition_era",
            '{vocabulary: SNOMED, code: "444814009", descendants: true}',
            {
                "domain": "MH", "where": {"condition_concept_id": "602"},
                "variables": {
                    "MHCAT": {"constant": "COLD"}, "MHTERM": {"column": "condition_concept_id", **NAMED},
                    "MHSTDTC": "condition_era_start_date",
                },
            },
        ),
        (
            "index: {label: cold, from: MH, where: \"MHCAT == 'COLD'\"}", "condition_occurrence", "{id: 602}",
            {
                "domain": "MH", "where": {"condition_concept_id": "602"},
                "variables": {
                    "MHCAT": {"constant": "COLD"}, "MHTERM": {"column": "condition_concept_id", **NAMED},
                    "MHSTDTC": "condition_start_date",
                },
            },
        ),
        (
            "treatment: {drug: CELECOXIB, label: celecoxib}", "drug_era", "{vocabulary: RxNorm, name: celecoxib}",
            {
                "domain": "EX", "where": {"drug_concept_id": "701"},
                "variables": {"EXTRT": {"constant": "CELECOXIB"}, "EXSTDTC": "drug_era_start_date"},
            },
        ),
    ],
)  # fmt: skip
def test_the_index_event_of_a_selection_is_proposed_by_its_concept_set(
    tmp_path: Path, zero: str, table: str, concept: str, record: dict[str, Any]
) -> None:
    write_selecting(tmp_path, zero, table, concept)
    for name, text in COLD.items():
        frame_of(text).write_csv(tmp_path / "k" / f"{name}.csv")
    draft = draft_centre(tmp_path / "k", None, load_protocol(tmp_path), "K")
    entry = draft.mapping["tables"][table]
    assert entry["records"] == [record]
    assert [q.column for q in draft.questions if q.table == table] == [next(iter(record["where"]))]  # the other rows
    (tmp_path / "k.yaml").write_text(yaml_text(draft), encoding="utf-8")
    mapping = load_mapping(tmp_path / "k.yaml")
    data = map_centre(read_centre(tmp_path / "k", mapping.sources, mapping.ignore_files), mapping)[0]
    assert data[record["domain"]]["USUBJID"].to_list() == ["1"]


def test_a_unit_without_a_concept_is_read_as_the_source_wrote_it(tmp_path: Path) -> None:
    for name in ("person", "concept"):
        frame_of(TABLES[name]).write_csv(tmp_path / f"{name}.csv")
    heads = "measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,"
    rows = "1,1,504,2020-04-12,9.1,8713,g/dL\n2,2,504,2020-05-12,81,0,g/L\n3,2,505,2020-05-12,40,777,mg\n"
    (tmp_path / "measurement.csv").write_text(f"{heads}unit_source_value\n{rows}", encoding="utf-8")
    draft = draft_centre(tmp_path, None, load_protocol(EXAMPLE), "K")
    (record,) = draft.mapping["tables"]["measurement"]["records"]
    unit = record["variables"]["LBORRES"]["unit"]
    assert (unit["missing"], unit["otherwise"]) == (["0"], {"column": "unit_source_value"})
    # 777 is the unit of a row that is not read: no question.
    assert not [q for q in draft.questions if q.column == "unit_concept_id"]


# Columns of the CDM beside what is read, with what they hold, and why they are left.
ADMINISTRATIVE = {
    "drug_exposure": {
        "verbatim_end_date": ("2020-05-01", "only the start"),
        "stop_reason": ("finished", "why a drug was stopped"),
        "refills": ("0", "prescription"),
        "days_supply": ("31", "prescription"),
        "lot_number": ("0", "package"),
        "route_concept_id": ("4132161", "how a drug was given"),
        "route_source_value": ("oral", "how a drug was given"),
    },
    "condition_occurrence": {
        "condition_end_date": ("2019-01-01", "only the start"),
        "condition_status_concept_id": ("32902", "not used"),
        "stop_reason": ("healed", "why a condition ended"),
    },
    "measurement": {
        "measurement_time": ("10:00", "the time of day"),
        "value_as_concept_id": ("0", "0 alone: no concept"),
        "operator_concept_id": ("0", "0 alone: no concept"),
    },
    "procedure_occurrence": {
        "procedure_end_date": ("2020-08-02", "only the start"),
        "quantity": ("1", "how often"),
        "modifier_concept_id": ("0", "modifiers"),
        "modifier_source_value": ("left", "modifiers"),
    },
}


def drafted(folder: Path, more: dict[str, dict[str, tuple[str, str]]]) -> Draft:
    """A draft of the tables, with further columns that hold one value in every row."""
    for name, text in TABLES.items():
        columns = [pl.lit(value).alias(column) for column, (value, _) in more.get(name, {}).items()]
        frame_of(text).with_columns(*columns).write_csv(folder / f"{name}.csv")
    return draft_centre(folder, None, load_protocol(EXAMPLE), "K")


def test_administrative_columns_are_left_with_their_reason_and_not_asked_about(tmp_path: Path) -> None:
    draft = drafted(tmp_path, ADMINISTRATIVE)
    for table, columns in ADMINISTRATIVE.items():
        left = draft.mapping["tables"][table]["ignore"]
        for column, (_, why) in columns.items():
            assert why in left[column], (table, column)
        assert not {q.column for q in draft.questions if q.table == table} & set(columns)


def test_a_concept_that_says_something_is_asked_about(tmp_path: Path) -> None:
    """4171756 is `<`: 9.1 would be below 9.1. `0 alone` says nothing, and beside another concept it does."""
    draft = drafted(tmp_path, {"measurement": {"operator_concept_id": ("4171756", "")}})
    assert "operator_concept_id" in {q.column for q in draft.questions if q.table == "measurement"}


def test_an_amount_is_asked_about_where_it_is_one_of_the_index_drug(tmp_path: Path) -> None:
    amount = {"drug_exposure": {"quantity": ("0.9", "")}}
    draft = drafted(tmp_path, amount)
    assert [q.text for q in draft.questions if q.column == "quantity"] == [
        "is the quantity a dose in mg? It is read so"
    ]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("drug_era", {"drug_era_end_date": "2013-05-05", "drug_exposure_count": "2", "gap_days": "3"}),
        ("condition_era", {"condition_era_end_date": "2011-03-03", "condition_occurrence_count": "1"}),
    ],
)
def test_of_an_era_only_its_start_is_read(tmp_path: Path, table: str, columns: dict[str, str]) -> None:
    drug = table == "drug_era"
    zero = "treatment: {drug: C, label: c}" if drug else "index: {label: cold, from: MH, where: \"MHCAT == 'COLD'\"}"
    concept = "{id: 701}" if drug else "{id: 602}"
    write_selecting(tmp_path, zero, table, concept)
    for name in ("person", "concept", table):
        more = [pl.lit(value).alias(column) for column, value in columns.items() if name == table]
        frame_of(COLD[name]).with_columns(*more).write_csv(tmp_path / "k" / f"{name}.csv")
    draft = draft_centre(tmp_path / "k", None, load_protocol(tmp_path), "K")
    assert set(columns) <= set(draft.mapping["tables"][table]["ignore"])
    assert not {q.column for q in draft.questions} & set(columns)


def test_tables_of_which_nothing_is_read_are_left_with_their_reason(tmp_path: Path) -> None:
    tables = ("device_exposure", "specimen", "cohort", "cost", "payer_plan_period", "note")
    for name in tables:
        (tmp_path / f"{name}.csv").write_text(f"{name}_id,person_id\n1,1\n", encoding="utf-8")
    frame_of(TABLES["person"]).write_csv(tmp_path / "person.csv")
    draft = draft_centre(tmp_path, None, load_protocol(EXAMPLE), "K")
    assert all("open question" not in draft.unused[name] for name in tables)
    assert not {q.table for q in draft.questions} & set(tables)
