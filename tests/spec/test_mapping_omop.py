"""A worked mapping of a standard OMOP database: what each table gives a study that has no chart.

`observation_period` gives the days on which anybody looked; `drug_era` the treatments, from which lines are rebuilt;
`measurement` the laboratory values, with the UCUM code that `concept` has for their unit, else the unit that the source
wrote; `episode` and the modifiers in `measurement` (Oncology extension) response and relapse, by the names that
`concept` has for them; `death` the death. Concept ids are those of this database's own `concept`.
"""

from __future__ import annotations

from typing import Any

import pytest

from chartline.core.query import Severity
from chartline.errors import MappingError
from chartline.mapping.apply import map_centre
from mapping_tables import mapping, source, table, values

CONCEPT = table(
    "concept",
    """concept_id|concept_name|concept_code
    101|haemoglobin|718-7
    201|gram per deciliter|g/dL
    202|billion per liter|10*9/L
    203|international unit per liter|[iU]/L
    204|furlong|furlong
    301|vincristine|11202
    302|blinatumomab|1597258
    401|Disease Recurrence|x""",
)
LOOKED_UP = {"table": "concept", "key": "concept_id", "value": "concept_code"}
NAME = {"table": "concept", "key": "concept_id", "value": "concept_name"}
VOCABULARY: dict[str, Any] = {"concept": {"ignore": {"concept_*": "looked up where a concept is used"}}}


def read(name: str, text: str, records: list[dict[str, Any]], **more: Any) -> tuple[Any, Any]:
    declared = mapping({name: {"subject": "person_id", "records": records} | more} | VOCABULARY)
    return map_centre(source(table(name, text), CONCEPT), declared)


LABS = [
    {
        "domain": "LB",
        "where": {"measurement_concept_id": "101"},
        "variables": {
            "LBTESTCD": {"constant": "HB"},
            "LBDTC": "measurement_date",
            "LBORRES": {"column": "value_as_number", "unit": {"column": "unit_concept_id", "lookup": LOOKED_UP}},
        },
    }
]


def test_a_unit_concept_is_looked_up() -> None:
    """8.1 g/dL are 81 g/L."""
    data, queries = read(
        "measurement",
        "person_id|measurement_concept_id|measurement_date|value_as_number|unit_concept_id\nP1|101|2020-01-02|8.1|201",
        LABS,
    )
    assert values(data, "LB", "LBSTRESN", "LBORRESU") == [(81.0, "g/dL")]
    assert queries == []


@pytest.mark.parametrize("unit", ["204", "999"])
def test_a_unit_that_nobody_knows_is_asked_about(unit: str) -> None:
    """A concept that is no unit of the test, and one that the vocabulary does not have: no number is made of either."""
    data, queries = read(
        "measurement",
        f"person_id|measurement_concept_id|measurement_date|value_as_number|unit_concept_id\nP1|101|2020-01-02|8|{unit}",
        LABS,
    )
    assert values(data, "LB", "LBSTRESN") == [(None,)]
    assert len(queries) == 1


OTHERWISE = [
    {
        "domain": "LB",
        "where": {"measurement_concept_id": "101"},
        "variables": {
            "LBTESTCD": {"constant": "HB"},
            "LBDTC": "measurement_date",
            "LBORRES": {
                "column": "value_as_number",
                "unit": {
                    "column": "unit_concept_id",
                    "lookup": LOOKED_UP,
                    "missing": ["0"],
                    "otherwise": {"column": "unit_source_value"},
                },
            },
        },
    }
]
HEAD = "person_id|measurement_concept_id|measurement_date|value_as_number|unit_concept_id|unit_source_value"


@pytest.mark.parametrize(
    ("concept", "written", "result"),
    [
        ("201", "", 81.0),  # 8.1 g/dL
        ("201", "g/L", 81.0),  # the concept is asked first
        ("0", "g/dL", 81.0),  # no matching concept
        ("", "g/dL", 81.0),
        ("999", "g/dL", 81.0),  # not in the vocabulary
        ("0", "", None),
        ("", "", None),
        ("999", "", None),
        ("0", "furlong", None),
        ("204", "g/dL", None),  # the concept is a unit, and none of haemoglobin: two that contradict are not reconciled
    ],
)
def test_a_unit_without_a_concept_is_the_one_that_the_source_wrote(
    concept: str, written: str, result: float | None
) -> None:
    data, queries = read("measurement", f"{HEAD}\nP1|101|2020-01-02|8.1|{concept}|{written}", OTHERWISE)
    assert values(data, "LB", "LBSTRESN") == [(result,)]
    assert [q.rule for q in queries] == ([] if result else ["unknown_unit"])
    if result is None:
        shown = {"0": "0", "": "(blank)", "999": "999", "204": "204 (furlong)"}[concept]
        assert f"unit_concept_id {shown}, unit_source_value {written or '(blank)'}" in queries[0].message
        assert queries[0].addresses == ("book.xlsx!measurement!F2",)  # where an answer in words is read


@pytest.mark.parametrize(("written", "result"), [("g/dL", 81.0), ("", None)])
def test_a_database_without_vocabulary_has_its_units_from_the_source(written: str, result: float | None) -> None:
    """`concept` may be absent; then every key leads nowhere."""
    text = f"{HEAD}\nP1|101|2020-01-02|8.1|8713|{written}"
    declared = mapping(
        {
            "measurement": {"subject": "person_id", "records": OTHERWISE},
            "concept": {"optional": True, "ignore": {"concept_*": "looked up"}},
        }
    )
    data, queries = map_centre(source(table("measurement", text)), declared)
    assert values(data, "LB", "LBSTRESN") == [(result,)]
    assert [(q.rule, q.severity) for q in queries] == ([] if result else [("unknown_unit", Severity.BLOCK)])


def test_observation_periods_are_rows_of_status() -> None:
    period = {"OBSSTDTC": "observation_period_start_date", "OBSENDTC": "observation_period_end_date"}
    data, queries = read(
        "observation_period",
        "person_id|observation_period_start_date|observation_period_end_date\n"
        "P1|2015-01-01|2018-01-01\nP1|2019-01-01|2021-01-01",
        [{"domain": "SS", "variables": period}],
    )
    assert values(data, "SS", "OBSSTDTC", "OBSENDTC") == [("2015-01-01", "2018-01-01"), ("2019-01-01", "2021-01-01")]
    assert queries == []


def test_drug_eras_are_treatments_by_name() -> None:
    drug = {
        "CMCAT": {"constant": "ANTICANCER"},
        "CMTRT": {"column": "drug_concept_id", "lookup": NAME},
        "CMSTDTC": "drug_era_start_date",
        "CMENDTC": "drug_era_end_date",
    }
    data, _ = read(
        "drug_era",
        "person_id|drug_concept_id|drug_era_start_date|drug_era_end_date\nP1|301|2018-01-01|2018-03-01",
        [{"domain": "CM", "variables": drug}],
    )
    assert values(data, "CM", "CMTRT", "CMSTDTC", "CMENDTC") == [("vincristine", "2018-01-01", "2018-03-01")]


EPISODES = (
    "episode_id|person_id|episode_concept_id|episode_object_concept_id|episode_start_date\n"
    "1|P1|401|501|2019-05-06\n2|P1|402|501|2018-01-01\n3|P1|401|502|2017-03-04\n4|P2|999|501|2019-01-01"
)
ONCOLOGY = table(
    "concept",
    """concept_id|concept_name|concept_code
    401|Disease Recurrence|x
    402|Disease Remission|y
    501|B-cell acute lymphoblastic leukemia|z
    502|Malignant tumor of breast|w
    601|Complete Remission|v""",
)


def episodes(where: dict[str, Any]) -> tuple[Any, Any]:
    relapse = {"RELAPSE": {"constant": "Y"}, "RELDTC": "episode_start_date"}
    records = [{"domain": "SS", "where": where, "variables": relapse}]
    ids = {"ignore": {"*": "not read"}}
    declared = mapping({"episode": {"subject": "person_id", "records": records} | ids, "concept": ids})
    return map_centre(source(table("episode", EPISODES), ONCOLOGY), declared)


def test_an_episode_is_chosen_by_the_name_of_its_concept() -> None:
    """The recurrences of the leukaemia; not its remission, nor the recurrence of another cancer."""
    data, queries = episodes(
        {
            "episode_concept_id": {"lookup": NAME, "is": ["Disease Recurrence", "Disease Progression"]},
            "episode_object_concept_id": {"lookup": NAME, "matches": "leuk(a?)emia"},
        }
    )
    assert values(data, "SS", "USUBJID", "RELDTC") == [("P1", "2019-05-06")]
    assert [q.rule for q in queries] == ["row_not_mapped"]
    # What leads nowhere is told by its name; 999 has none.
    assert "episode_concept_id = 402 (Disease Remission) (1 row)" in queries[0].message
    assert "episode_concept_id = 999 (1 row)" in queries[0].message


@pytest.mark.parametrize(
    ("test", "days"),
    [
        ({"lookup": NAME, "not": "Disease Recurrence"}, ["2018-01-01", "2019-01-01"]),
        ({"lookup": NAME, "present": False}, ["2019-01-01"]),
        # Capitals count, as everywhere in `where`.
        ({"lookup": NAME, "is": ["disease recurrence", "Disease Remission"]}, ["2018-01-01"]),
    ],
)
def test_what_a_key_leads_to_is_tested_like_a_cell(test: dict[str, Any], days: list[str]) -> None:
    data, _ = episodes({"episode_concept_id": test})
    assert [day for (day,) in values(data, "SS", "RELDTC")] == days


def test_a_modifier_leads_on_to_its_episode_and_to_the_disease() -> None:
    """Two responses of one day: one modifies an episode of the leukaemia, one of the breast cancer."""
    disease = [{"table": "episode", "key": "episode_id", "value": "episode_object_concept_id"}, NAME]
    response = {"RSDTC": "measurement_date", "INVRESP": {"column": "measurement_concept_id", "lookup": NAME, "codes": {
        "CR": "Complete Remission"}}}  # fmt: skip
    where = {"measurement_event_id": {"lookup": disease, "is": "B-cell acute lymphoblastic leukemia"}}
    measured = table(
        "measurement",
        "person_id|measurement_concept_id|measurement_date|measurement_event_id\n"
        "P1|601|2018-01-01|2\nP1|601|2017-03-04|3\nP1|601|2017-05-05|77",
    )
    records = [{"domain": "RS", "where": where, "variables": response}]
    ids = {"ignore": {"*": "not read"}}
    declared = mapping({"measurement": {"subject": "person_id", "records": records}, "episode": ids, "concept": ids})
    data, queries = map_centre(source(measured, table("episode", EPISODES), ONCOLOGY), declared)
    assert values(data, "RS", "RSDTC", "INVRESP") == [("2018-01-01", "CR")]
    assert [q.rule for q in queries] == ["row_not_mapped"]
    assert "measurement_event_id = 3 (Malignant tumor of breast) (1 row)" in queries[0].message
    assert "measurement_event_id = 77 (1 row)" in queries[0].message


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"is": "x"}, "`is` goes with `lookup`"),
        ({"lookup": NAME}, "exactly one of"),
        ({"not": {"lookup": NAME, "is": "x"}}, "beside `not`"),
    ],
)
def test_a_test_with_a_look_up_says_one_thing(test: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        episodes({"episode_concept_id": test})


def test_the_table_that_a_look_up_leads_to_must_be_mapped() -> None:
    elsewhere = {"table": "concepts", "key": "concept_id", "value": "concept_name"}
    with pytest.raises(MappingError, match=r"no table `concepts`(.|\n)*did you mean `concept`"):
        episodes({"episode_concept_id": {"lookup": elsewhere, "is": "x"}})


def test_a_recurrence_is_an_episode() -> None:
    relapse = {"RELAPSE": {"constant": "Y"}, "RELDTC": "episode_start_date"}
    data, _ = read(
        "episode",
        "person_id|episode_concept_id|episode_start_date\nP1|401|2019-05-06",
        [{"domain": "SS", "where": {"episode_concept_id": "401"}, "variables": relapse}],
    )
    assert values(data, "SS", "RELAPSE", "RELDTC") == [("Y", "2019-05-06")]
