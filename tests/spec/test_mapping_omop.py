"""A worked mapping of a standard OMOP database: what each table gives a study that has no chart.

`observation_period` gives the days on which anybody looked; `drug_era` the treatments, from which lines are rebuilt;
`measurement` the laboratory values, with the UCUM code that `concept` has for their unit; `episode` (Oncology
extension) relapse; `death` the death. Concept ids are those of this database's own `concept`.
"""

from __future__ import annotations

from typing import Any

import pytest

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


def test_a_recurrence_is_an_episode() -> None:
    relapse = {"RELAPSE": {"constant": "Y"}, "RELDTC": "episode_start_date"}
    data, _ = read(
        "episode",
        "person_id|episode_concept_id|episode_start_date\nP1|401|2019-05-06",
        [{"domain": "SS", "where": {"episode_concept_id": "401"}, "variables": relapse}],
    )
    assert values(data, "SS", "RELAPSE", "RELDTC") == [("Y", "2019-05-06")]
