"""The selection in the database, step by step: small tables in, who is selected and how many each step ruled out."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.errors import SourceError
from chartline.protocol.selection import ConceptSet, Selection
from chartline.sources.asked import Asked
from chartline.sources.cdm import CdmDatabase
from chartline.sources.folder import CentreFolder
from chartline.sources.omop import open_cdm
from chartline.sources.omop_select import Candidates
from chartline.sources.selected import choose, choose_persons, look_up_concepts
from chartline.sources.spec import SourceSpec

DRUG, PRODUCT, OTHER, ALL, PH = 101, 102, 103, 201, 202
BIG = 2**53 + 1  # more than a double can hold, and than 32 bits
SETS = {
    "drug": ConceptSet(label="Drug", concepts=[{"id": DRUG, "descendants": True}]),
    "all": ConceptSet(label="ALL", concepts=[{"id": ALL, "descendants": True}]),
    "not_ph": ConceptSet(
        label="ALL, not Ph+", concepts=[{"id": ALL, "descendants": True}, {"id": PH, "exclude": True}]
    ),
    "coded": ConceptSet(label="By code", concepts=[{"vocabulary": "RxNorm", "code": "1942950"}]),
    "chemo": ConceptSet(label="Chemotherapy", concepts=[{"id": OTHER}, {"id": DRUG, "descendants": True}]),
    "local": ConceptSet(label="Local", source_values=["INO %", "B_X"]),
}


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def person(number: int, born: str) -> dict[str, Any]:
    """`born` is a year, a month or a day, as far as it is known."""
    parts = [int(part) for part in born.split("-") if part] + [None, None, None]
    return {"person_id": number, "year_of_birth": parts[0], "month_of_birth": parts[1], "day_of_birth": parts[2]}


def drug(number: int, on: str, concept: int = DRUG, source: str | None = None) -> dict[str, Any]:
    return {
        "person_id": number,
        "drug_concept_id": concept,
        "drug_exposure_start_date": day(on),
        "drug_source_value": source,
    }


def condition(number: int, on: str, concept: int = ALL) -> dict[str, Any]:
    return {
        "person_id": number, "condition_concept_id": concept, "condition_start_date": day(on),
        "condition_source_value": None,
    }  # fmt: skip


def observed(number: int, start: str, end: str) -> dict[str, Any]:
    return {
        "person_id": number, "observation_period_start_date": day(start), "observation_period_end_date": day(end),
    }  # fmt: skip


CONCEPTS = [
    (DRUG, "drug", "RxNorm", "1942950", "S"),
    (PRODUCT, "product", "RxNorm", "1942951", "S"),
    (ALL, "ALL", "SNOMED", "91857003", "S"),
]
_IDS = pl.Int64()
SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "person": dict.fromkeys(("person_id", "year_of_birth", "month_of_birth", "day_of_birth"), _IDS),
    "drug_exposure": {
        "person_id": _IDS, "drug_concept_id": _IDS, "drug_exposure_start_date": pl.Date(),
        "drug_source_value": pl.String(),
    },
    "condition_occurrence": {
        "person_id": _IDS, "condition_concept_id": _IDS, "condition_start_date": pl.Date(),
        "condition_source_value": pl.String(),
    },
    "observation_period": {
        "person_id": _IDS, "observation_period_start_date": pl.Date(), "observation_period_end_date": pl.Date(),
    },
    "concept": {
        "concept_id": _IDS, "concept_name": pl.String(), "vocabulary_id": pl.String(), "concept_code": pl.String(),
        "standard_concept": pl.String(),
    },
    "concept_ancestor": {"ancestor_concept_id": _IDS, "descendant_concept_id": _IDS},
}  # fmt: skip
VOCABULARY = {
    "concept": [dict(zip(SCHEMAS["concept"], row, strict=True)) for row in CONCEPTS],
    "concept_ancestor": [
        {"ancestor_concept_id": a, "descendant_concept_id": b}
        for a, b in ((DRUG, DRUG), (DRUG, PRODUCT), (ALL, ALL), (ALL, PH))
    ],
}


def frames(**tables: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    return {name: pl.DataFrame(rows, schema=SCHEMAS[name]) for name, rows in (VOCABULARY | tables).items()}


def opened(folder: Path, tables: dict[str, pl.DataFrame]) -> CdmDatabase:
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    return open_cdm(CentreFolder(folder), SourceSpec(kind="omop", path="."))


def asked(**selection: Any) -> Asked:
    index = {"table": "drug_exposure", "concepts": "drug"}
    return Asked(Selection.model_validate({"index": index} | selection), SETS)


def select(folder: Path, what: Asked, **tables: list[dict[str, Any]]) -> Candidates:
    folder.mkdir(exist_ok=True)
    with opened(folder, frames(**tables)) as database:
        return choose_persons(database, what)[0]


def ids(found: Candidates) -> list[int]:
    return found.persons["person_id"].to_list()


def counts(found: Candidates) -> list[tuple[int, int, int]]:
    """Of each step: how many come in, how many it rules out, how many go on."""
    return [(s.n_in, s.n_no, s.n_out) for s in found.steps]


# the index event ------------------------------------------------------------------------------------------------


def test_the_index_date_is_the_first_record_of_the_drug_or_its_products(tmp_path: Path) -> None:
    found = select(
        tmp_path,
        asked(),
        person=[person(n, "1980") for n in (1, 2, 3)],
        drug_exposure=[drug(1, "2020-02-01"), drug(1, "2020-01-02", PRODUCT), drug(2, "2019-01-01", OTHER)],
    )
    assert found.persons.rows() == [(1, day("2020-01-02"))]
    assert found.screened == 3
    assert counts(found) == [(3, 2, 1)]


BOUNDS = {"table": "drug_exposure", "concepts": "drug", "from": "2020-01-02", "to": "2020-01-04"}
EARLY_AND_LATE = [drug(1, "2020-01-01"), drug(1, "2020-01-03"), drug(2, "2020-01-02"), drug(3, "2020-01-04")]
LATE = [drug(4, "2020-01-05")]
FOUR = [person(n, "1980") for n in (1, 2, 3, 4)]


def test_the_first_record_ever_must_lie_between_from_and_to_both_included(tmp_path: Path) -> None:
    found = select(tmp_path, asked(index=BOUNDS), person=FOUR, drug_exposure=EARLY_AND_LATE + LATE)
    assert ids(found) == [2, 3]
    assert counts(found) == [(4, 0, 4), (4, 2, 2)]


def test_or_it_is_the_first_between_them_whatever_came_before(tmp_path: Path) -> None:
    what = asked(index=BOUNDS | {"which": "first_between"})
    found = select(tmp_path, what, person=FOUR, drug_exposure=EARLY_AND_LATE + LATE)
    assert found.persons.rows() == [(1, day("2020-01-03")), (2, day("2020-01-02")), (3, day("2020-01-04"))]
    assert counts(found) == [(4, 1, 3)]


def test_a_record_of_somebody_who_is_not_in_person_selects_nobody(tmp_path: Path) -> None:
    found = select(tmp_path, asked(), person=[person(1, "1980")], drug_exposure=[drug(2, "2020-01-01")])
    assert (ids(found), counts(found)) == ([], [(1, 1, 0)])


def test_source_values_are_patterns_in_which_capitals_count(tmp_path: Path) -> None:
    what = asked(index={"table": "drug_exposure", "concepts": "local"})
    words = ["INO 1 mg", "ino 1 mg", "INO", "BAX", "BAAX", "B_X", None]
    records = [drug(n, "2020-01-01", 0, word) for n, word in enumerate(words)]
    found = select(tmp_path, what, person=[person(n, "1980") for n in range(len(words))], drug_exposure=records)
    assert ids(found) == [0, 3, 5]


def test_an_excluded_concept_is_taken_out_of_the_set(tmp_path: Path) -> None:
    what = asked(index={"table": "condition_occurrence", "concepts": "not_ph"})
    records = [condition(1, "2020-01-01"), condition(2, "2020-01-01", PH)]
    assert ids(select(tmp_path, what, person=[person(n, "1980") for n in (1, 2)], condition_occurrence=records)) == [1]


# the steps ------------------------------------------------------------------------------------------------------

AGES = [  # born, index date, whether a lowest age of 18 and a highest of 18 rule the person out
    ("2002-01-02", "2020-01-01", True, False),  # 17, the day before the 18th birthday
    ("2002-01-01", "2020-01-01", False, False),  # 18 on this day
    ("2001-01-02", "2020-01-01", False, False),  # 18, the day before the 19th birthday
    ("2001-01-01", "2020-01-01", False, True),  # 19 on this day
    ("2002-02-28", "2020-02-28", False, False),
    ("2004-02-29", "2022-02-28", True, False),  # born on 29 February: 18 on 1 March
    ("2004-02-29", "2022-03-01", False, False),
    ("2002", "2020-06-30", False, False),  # 17 or 18: not known, so nobody is ruled out
    ("2003", "2020-06-30", True, False),  # 16 or 17
    ("2000", "2020-06-30", False, True),  # 19 or 20
    ("2002-06", "2020-06-15", False, False),  # 17 or 18
    ("2002-07", "2020-06-30", True, False),  # 17
    ("2001-06", "2020-07-01", False, True),  # 19 by the end of the month
    ("", "2020-06-30", False, False),  # no year of birth
]


@pytest.mark.parametrize(("born", "index", "too_young", "too_old"), AGES)
def test_age_is_in_whole_years_and_rules_out_only_what_is_known(
    tmp_path: Path, born: str, index: str, too_young: bool, too_old: bool
) -> None:
    one = {"person": [person(1, born)], "drug_exposure": [drug(1, index)]}
    assert ids(select(tmp_path / "a", asked(age={"min": 18}), **one)) == ([] if too_young else [1])
    assert ids(select(tmp_path / "b", asked(age={"max": 18}), **one)) == ([] if too_old else [1])
    both = select(tmp_path / "c", asked(age={"min": 18, "max": 18}), **one)
    assert ids(both) == ([] if too_young or too_old else [1])
    # Who is neither ruled out nor surely of the age is told: a birth date to the year or to the month, or none.
    whole = len(born) == 10
    assert both.steps[-1].n_open == (0 if whole or too_young or too_old else 1)


def test_whom_the_database_cannot_decide_goes_on_and_is_told(tmp_path: Path) -> None:
    """Born in June 2002, 15 June 2020: 17 or 18. The day is not taken for the first or the last of the month."""
    born = ["2002-06", "2002-06-15", "2002-06-16", "2002", "2001"]
    found = select(
        tmp_path,
        asked(age={"min": 18}),
        person=[person(n, day) for n, day in enumerate(born)],
        drug_exposure=[drug(n, "2020-06-15") for n in range(len(born))],
    )
    assert ids(found) == [0, 1, 3, 4]
    assert [(s.n_in, s.n_no, s.n_out, s.n_open) for s in found.steps] == [(5, 0, 5, 0), (5, 1, 4, 2)]


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        ("2020-01-01", "2020-01-31", True),  # exactly 10 days before and 20 after 11 January
        ("2020-01-02", "2020-01-31", False),
        ("2020-01-01", "2020-01-30", False),
        ("2019-01-01", "2019-12-31", False),
    ],
)
def test_one_observation_period_reaches_so_far_on_both_sides(
    tmp_path: Path, start: str, end: str, inside: bool
) -> None:
    found = select(
        tmp_path,
        asked(observed_days={"before": 10, "after": 20}),
        person=[person(1, "1980")],
        drug_exposure=[drug(1, "2020-01-11")],
        observation_period=[observed(1, "2000-01-01", "2000-02-01"), observed(1, start, end)],
    )
    assert ids(found) == ([1] if inside else [])


REQUIRED = [  # the rule, days of the records, whether it holds; the index date is 2020-03-01 (after 29 February)
    ({"from_day": -1, "to_day": 0}, ["2020-02-28"], False),
    ({"from_day": -1, "to_day": 0}, ["2020-02-29"], True),
    ({"from_day": -1, "to_day": 0}, ["2020-03-01"], True),
    ({"from_day": -1, "to_day": 0}, ["2020-03-02"], False),
    ({"to_day": -1}, ["1990-01-01"], True),
    ({"from_day": 1}, ["2030-01-01"], True),
    ({"from_day": 1}, ["2020-03-01"], False),
    ({}, ["1990-01-01"], True),
    ({}, [], False),
    ({"at_least": 2}, ["2020-01-01"], False),
    ({"at_least": 2}, ["2020-01-01", "2020-01-01"], True),
    ({"at_least": 2, "distinct_days": True}, ["2020-01-01", "2020-01-01"], False),
    ({"at_least": 2, "distinct_days": True}, ["2020-01-01", "2020-01-02"], True),
]


@pytest.mark.parametrize(("rule", "days", "holds"), REQUIRED)
def test_a_record_is_required_or_excluded_in_days_from_the_index(
    tmp_path: Path, rule: dict[str, Any], days: list[str], holds: bool
) -> None:
    one = {
        "person": [person(1, "1980")],
        "drug_exposure": [drug(1, "2020-03-01")],
        "condition_occurrence": [condition(1, on) for on in days],
    }
    told = {"label": "ALL", "table": "condition_occurrence", "concepts": "all"} | rule
    assert ids(select(tmp_path / "a", asked(require=[told]), **one)) == ([1] if holds else [])
    assert ids(select(tmp_path / "b", asked(exclude=[told]), **one)) == ([] if holds else [1])


@pytest.mark.parametrize(
    ("rule", "records", "holds"),
    [
        ({"at_least": 1}, [], False),
        ({"at_least": 1}, [drug(1, "2019-12-31", OTHER)], True),
        ({"at_least": 1}, [drug(1, "2020-01-01", OTHER)], False),  # on the day itself is not before it
        ({"at_least": 2}, [drug(1, "2019-01-01", OTHER), drug(1, "2019-02-01", OTHER)], False),  # one drug
        ({"at_least": 0, "at_most": 0}, [drug(1, "2019-01-01", OTHER)], False),
        ({"at_least": 0, "at_most": 0}, [], True),
    ],
)
def test_drugs_before_the_index_are_counted_once_each(
    tmp_path: Path, rule: dict[str, Any], records: list[dict[str, Any]], holds: bool
) -> None:
    found = select(
        tmp_path,
        asked(prior_lines={"concepts": "chemo"} | rule),
        person=[person(1, "1980")],
        drug_exposure=[drug(1, "2020-01-01"), *records],
    )
    assert ids(found) == ([1] if holds else [])


def test_a_product_is_its_ingredient_among_the_drugs_before(tmp_path: Path) -> None:
    what = asked(
        index={"table": "condition_occurrence", "concepts": "all"}, prior_lines={"concepts": "chemo", "at_least": 2}
    )
    found = select(
        tmp_path,
        what,
        person=[person(1, "1980"), person(2, "1980")],
        condition_occurrence=[condition(1, "2020-01-01"), condition(2, "2020-01-01")],
        drug_exposure=[
            *(drug(1, "2019-01-01", DRUG), drug(1, "2019-02-01", PRODUCT)),
            *(drug(2, "2019-01-01", PRODUCT), drug(2, "2019-02-01", OTHER)),
        ],
    )
    assert ids(found) == [2]


EPISODE = {
    "person_id": _IDS, "episode_concept_id": _IDS, "episode_object_concept_id": _IDS, "episode_start_date": pl.Date(),
    "episode_source_value": pl.String(),
}  # fmt: skip
REGIMEN, CYCLE, RECURRENCE = 32531, 32532, 32529


@pytest.mark.parametrize(
    ("episodes", "lines"),
    [
        ([(REGIMEN, OTHER, "2019-01-01")], 1),
        ([(REGIMEN, OTHER, "2020-01-01")], 0),  # on the day itself is not before it
        ([(REGIMEN, OTHER, "2019-01-01"), (CYCLE, OTHER, "2019-01-01"), (CYCLE, OTHER, "2019-02-01")], 1),
        ([(REGIMEN, OTHER, "2018-01-01"), (REGIMEN, OTHER, "2019-01-01")], 2),  # the same again is another line
        ([(RECURRENCE, ALL, "2019-01-01"), (REGIMEN, ALL, "2019-01-01")], 0),  # no treatment of the set
    ],
)
def test_regimens_before_the_index_are_counted_and_their_cycles_are_not(
    tmp_path: Path, episodes: list[tuple[int, int, str]], lines: int
) -> None:
    tables = frames(person=[person(1, "1980")], drug_exposure=[drug(1, "2020-01-01")])
    rows = [(1, kind, what, day(on), None) for kind, what, on in episodes]
    tables["episode"] = pl.DataFrame(rows, schema=EPISODE, orient="row")
    for least in (1, 2):
        rule = {"concepts": "chemo", "count": "regimens", "at_least": least}
        (tmp_path / str(least)).mkdir()
        with opened(tmp_path / str(least), tables) as database:
            assert ids(choose_persons(database, asked(prior_lines=rule))[0]) == ([1] if lines >= least else [])


# all together, in every dialect ---------------------------------------------------------------------------------

EVERY_STEP = {
    "index": BOUNDS | {"from": "2020-01-01", "to": "2020-12-31"},
    "age": {"min": 18},
    "observed_days": {"before": 30, "after": 0},
    "require": [{"label": "ALL", "table": "condition_occurrence", "concepts": "all", "to_day": 0}],
    "exclude": [
        {"label": "Ph+", "table": "condition_occurrence", "concepts": "not_ph", "from_day": 1, "to_day": 5}
    ],
    "prior_lines": {"concepts": "chemo", "at_least": 1},
}  # fmt: skip


def everybody() -> dict[str, pl.DataFrame]:
    """Nine persons with ids of 64 bits and both signs; each of the first seven fails at another step."""
    n = [-1, -2, 3, 4, 5, 6, BIG, BIG + 1, -BIG]
    fine = n[2:]
    return frames(
        person=[person(i, "1980-01-01" if i != 3 else "2010-01-01") for i in n],
        drug_exposure=[
            drug(-2, "2019-12-31"),
            *(drug(i, "2020-06-01") for i in n[2:]),
            *(drug(i, "2020-01-01", OTHER) for i in fine if i != BIG),
        ],
        observation_period=[observed(i, "2020-01-01" if i != 4 else "2020-05-03", "2020-12-31") for i in fine],
        condition_occurrence=[
            *(condition(i, "2020-05-01") for i in fine if i != 5),
            condition(6, "2020-06-03"),
        ],
    )


STEPS = [(9, 1, 8), (8, 1, 7), (7, 1, 6), (6, 1, 5), (5, 1, 4), (4, 1, 3), (3, 1, 2)]
SELECTED = [-BIG, BIG + 1]


def test_every_step_counts_those_who_came_so_far(tmp_path: Path) -> None:
    with opened(tmp_path, everybody()) as database:
        found, _ = choose_persons(database, asked(**EVERY_STEP))
    assert ids(found) == SELECTED
    assert counts(found) == STEPS
    assert [s.id for s in found.steps] == [
        "index", "index_days", "age", "observed", "require1", "exclude1", "prior_lines",
    ]  # fmt: skip


@pytest.mark.parametrize("parts", [1, 2, 7, 64])
def test_the_parts_of_the_persons_add_up_to_the_whole(tmp_path: Path, parts: int) -> None:
    with opened(tmp_path, everybody()) as database:
        chosen = choose(database, asked(**EVERY_STEP))
    found = [chosen.part(number, parts) for number in range(parts)]
    assert list(itertools.chain.from_iterable(part.persons for part in found)) == SELECTED
    told = [part.selected for part in found if part.selected is not None]
    assert len(told) == parts and sum(one.screened for one in told) == 9
    steps = [[(s.n_in, s.n_out) for s in one.steps] for one in told]
    whole = [(s.n_in, s.n_out) for s in chosen.selected.steps]
    assert [tuple(map(sum, zip(*step, strict=True))) for step in zip(*steps, strict=True)] == whole


class _Spark(CdmDatabase):
    """As much of Spark as a selection needs: its SQL on views, to show that the SELECT is one for all."""

    def __init__(self, session: Any, tables: CdmDatabase) -> None:
        self.session, self.tables, self.name = session, tables.tables, "spark"

    def query(self, sql: str) -> pl.DataFrame:
        found = self.session.sql(sql.replace('"', "`"))
        return pl.DataFrame(
            [tuple(r) for r in found.collect()], schema=found.columns, orient="row", infer_schema_length=None
        )

    def rows(self, *_: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        self.session.stop()


@pytest.fixture
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    yield session
    session.stop()


def test_spark_understands_the_same_select(tmp_path: Path, spark: Any) -> None:
    with opened(tmp_path, everybody()) as database:
        for name in database.tables:
            spark.read.parquet(str(tmp_path / f"{name}.parquet")).createOrReplaceTempView(name)
        found, _ = choose_persons(_Spark(spark, database), asked(**EVERY_STEP))
    assert (ids(found), counts(found)) == (SELECTED, STEPS)


# concepts -------------------------------------------------------------------------------------------------------


def test_every_concept_tells_what_it_came_to_and_how_many_records_it_has(tmp_path: Path) -> None:
    what = asked(require=[{"label": "x", "table": "drug_exposure", "concepts": "local"}])
    records = [
        drug(1, "2020-01-01"),
        drug(1, "2020-01-02", PRODUCT),
        drug(2, "2020-01-01"),
        drug(3, "2020-01-01", 0, "BAX"),
    ]
    with opened(tmp_path, frames(person=[person(1, "1980")], drug_exposure=records)) as database:
        lines = look_up_concepts(database, what)
    assert [(c.concept_set, c.declared, c.name, c.concepts, c.records, c.persons) for c in lines] == [
        ("drug", "101", "drug", 2, 3, 2),
        ("local", "INO %", "source value", 0, 0, 0),
        ("local", "B_X", "source value", 0, 1, 1),
    ]


def test_a_code_that_the_vocabulary_does_not_know_is_told(tmp_path: Path) -> None:
    sets = SETS | {"drug": ConceptSet(label="Drug", concepts=[{"vocabulary": "RxNorm", "code": "0"}, {"id": 7}])}
    with opened(tmp_path, frames(person=[person(1, "1980")], drug_exposure=[drug(1, "2020-01-01")])) as database:
        found, resolved = choose_persons(database, Asked(asked().selection, sets))
    assert [line.note for line in resolved.lines] == [
        "not in the vocabulary: it stands for nothing",
        "not in the vocabulary: taken as it is written",
    ]
    assert [line.declared for line in resolved.lines if line.unknown] == ["RxNorm 0", "7"]
    assert ids(found) == []


def test_a_concept_may_be_named_in_its_vocabulary(tmp_path: Path) -> None:
    """Letter by letter, and of one vocabulary: an RxNorm drug is not the SNOMED concept of the same name."""
    sets = {
        name: ConceptSet(label=name, concepts=[{"vocabulary": vocabulary, "name": said, "descendants": True}])
        for name, vocabulary, said in (
            ("right", "RxNorm", "drug"), ("capitals", "RxNorm", "Drug"), ("elsewhere", "SNOMED", "drug"),
            ("quoted", "RxNorm", "o'drug"),
        )
    }  # fmt: skip
    records = [drug(1, "2020-01-01", PRODUCT)]
    for name, found in (("right", [1]), ("capitals", []), ("elsewhere", []), ("quoted", [])):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name, frames(person=[person(1, "1980")], drug_exposure=records)) as database:
            what = Asked(asked(index={"table": "drug_exposure", "concepts": name}).selection, sets)
            chosen, resolved = choose_persons(database, what)
        assert ids(chosen) == found
        assert [line.note for line in resolved.lines if line.unknown] == (
            [] if found else ["not in the vocabulary: it stands for nothing"]
        )


def test_two_concepts_of_one_name_are_both_taken_and_told(tmp_path: Path) -> None:
    sets = {"drug": ConceptSet(label="Drug", concepts=[{"vocabulary": "RxNorm", "name": "drug"}])}
    tables = frames(
        person=[person(1, "1980"), person(2, "1980")],
        drug_exposure=[drug(1, "2020-01-01"), drug(2, "2020-01-01", OTHER)],
        concept=[
            *VOCABULARY["concept"],
            dict(zip(SCHEMAS["concept"], (OTHER, "drug", "RxNorm", "9", None), strict=True)),
        ],
    )
    with opened(tmp_path, tables) as database:
        chosen, resolved = choose_persons(database, Asked(asked().selection, sets))
    assert ids(chosen) == [1, 2]
    assert [line.note for line in resolved.lines] == ["2 concepts are called so: all are taken"]


def test_without_concept_ancestor_a_concept_stands_alone_and_that_is_told(tmp_path: Path) -> None:
    tables = frames(person=[person(1, "1980"), person(2, "1980")])
    tables["drug_exposure"] = pl.DataFrame(
        [drug(1, "2020-01-01"), drug(2, "2020-01-01", PRODUCT)], schema=SCHEMAS["drug_exposure"]
    )
    empty = tables | {"concept_ancestor": tables["concept_ancestor"].clear()}
    del tables["concept_ancestor"]
    for name, one in (("none", tables), ("empty", empty)):
        (tmp_path / name).mkdir()
        with opened(tmp_path / name, one) as database:
            found, resolved = choose_persons(database, asked())
        assert ids(found) == [1]
        assert [line.note for line in resolved.lines] == ["no concept_ancestor: without descendants"]


def test_a_code_needs_a_vocabulary(tmp_path: Path) -> None:
    what = asked(index={"table": "drug_exposure", "concepts": "coded"})
    tables = frames(person=[person(1, "1980")], drug_exposure=[drug(1, "2020-01-01")])
    (tmp_path / "a").mkdir()
    with opened(tmp_path / "a", tables) as database:
        assert ids(choose_persons(database, what)[0]) == [1]
    (tmp_path / "b").mkdir()
    with (
        opened(tmp_path / "b", tables | {"concept": tables["concept"].clear()}) as database,
        pytest.raises(SourceError, match="concept of the centre's folder is empty, so no code can be looked up"),
    ):
        choose_persons(database, what)
    del tables["concept"]
    (tmp_path / "c").mkdir()
    with opened(tmp_path / "c", tables) as database, pytest.raises(SourceError, match="has no table concept"):
        choose_persons(database, what)


@pytest.mark.parametrize(
    ("gone", "selection", "words"),
    [
        ("person", {}, "has no table person"),
        ("drug_exposure", {}, "has no table drug_exposure"),
        ("observation_period", {"observed_days": {}}, "has no table observation_period"),
        ("condition_occurrence", {"exclude": EVERY_STEP["require"]}, "has no table condition_occurrence"),
    ],
)
def test_a_table_that_a_step_needs_must_be_there(
    tmp_path: Path, gone: str, selection: dict[str, Any], words: str
) -> None:
    tables = {name: frame for name, frame in everybody().items() if name != gone}
    with opened(tmp_path, tables) as database, pytest.raises(SourceError, match=words):
        choose_persons(database, asked(**selection))


def test_tables_that_no_step_needs_may_be_missing(tmp_path: Path) -> None:
    tables = {name: everybody()[name] for name in ("person", "drug_exposure")}
    with opened(tmp_path, tables) as database:
        assert choose_persons(database, asked())[0].steps[-1].n_out == 8


# what databases look like ---------------------------------------------------------------------------------------


def test_capitals_and_days_as_text_and_time_stamps_are_read(tmp_path: Path) -> None:
    tables = {name.upper(): frame.rename({c: c.upper() for c in frame.columns}) for name, frame in everybody().items()}
    as_text = pl.col("DRUG_EXPOSURE_START_DATE").cast(pl.String) + "T00:00:00"
    tables["DRUG_EXPOSURE"] = tables["DRUG_EXPOSURE"].with_columns(as_text)
    stamps = pl.col("CONDITION_START_DATE").cast(pl.Datetime("us"))
    tables["CONDITION_OCCURRENCE"] = tables["CONDITION_OCCURRENCE"].with_columns(stamps)
    tables["PERSON"] = tables["PERSON"].with_columns(pl.all().cast(pl.String))
    with opened(tmp_path, tables) as database:
        found, _ = choose_persons(database, asked(**EVERY_STEP))
    assert (ids(found), counts(found)) == (SELECTED, STEPS)


@pytest.mark.parametrize("written", ["31/12/2020", "2020-02-30", "soon"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, written: str) -> None:
    tables = everybody()
    tables["drug_exposure"] = tables["drug_exposure"].with_columns(pl.lit(written).alias("drug_exposure_start_date"))
    with opened(tmp_path, tables) as database, pytest.raises(SourceError, match="day or an id that cannot be read"):
        choose_persons(database, asked())
