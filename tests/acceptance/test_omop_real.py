"""Whole studies in real OMOP databases: from a small protocol and mapping to report, headline, counts and trace.

What is expected was worked out without chartline: by a query in DuckDB over the files, by a textbook's product and sum
in fractions, by R (`reference.json`), or by counting rows of a hand-made table. The data are not copied; the studies
are `tests/data/omop_*`.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import shutil
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
import pytest

from chartline.counts.model import AttritionTable
from chartline.exchange.write import FORMATS
from chartline.pipeline import export_run, run_parted, run_study
from chartline.study import Outcome, StudyRun

pytestmark = pytest.mark.shared
STUDIES = Path(__file__).parents[1] / "data"
MONTH = 30.4375


class Span(NamedTuple):
    """A person's time in days: at risk after `entry` up to `end`, and what happened then ("" if nothing did)."""

    entry: int
    end: int
    event: str


def at_risk(spans: list[Span], day: float) -> int:
    return sum(s.entry < day <= s.end for s in spans)


def kaplan_meier(spans: list[Span], until: float) -> Fraction:
    """The product of 1 - d/n over the days of events (Kaplan and Meier 1958), with late entry."""
    out = Fraction(1)
    for day in sorted({s.end for s in spans if s.event and s.end <= until}):
        out *= 1 - Fraction(sum(s.end == day and bool(s.event) for s in spans), at_risk(spans, day))
    return out


def log_log_interval(spans: list[Span], until: float) -> tuple[float, float]:
    """Greenwood's variance on the scale of log(-log S): S ** exp(-/+ z se / |log S|)."""
    days = {s.end for s in spans if s.event and s.end <= until}
    terms = [(sum(s.end == d and bool(s.event) for s in spans), at_risk(spans, d)) for d in days]
    survival = float(kaplan_meier(spans, until))
    error = math.sqrt(sum(d / (n * (n - d)) for d, n in terms)) / abs(math.log(survival))
    z = 1.959963984540054
    return survival ** math.exp(z * error), survival ** math.exp(-z * error)


def aalen_johansen(spans: list[Span], cause: str, until: float) -> Fraction:
    """The sum of S(t-) d/n over the days of a cause's events."""
    out = Fraction(0)
    for day in sorted({s.end for s in spans if s.event == cause and s.end <= until}):
        events = sum(s.end == day and s.event == cause for s in spans)
        out += kaplan_meier(spans, day - 1) * Fraction(events, at_risk(spans, day))
    return out


def study_of(name: str, database: Path, home: Path) -> Path:
    """A copy of a small study beside its database."""
    study = home / name
    shutil.copytree(STUDIES / name, study)
    if database.is_dir():
        (study / "cdm").symlink_to(database, target_is_directory=True)
    else:
        (study / "cdm").mkdir()
        shutil.copy(database, study / "cdm")  # a link that leads out of the folder is not read
        mapping = study / "mapping.yaml"
        read = mapping.read_text().replace("path: .}", f"path: {database.name}}}")
        mapping.write_text(read.replace('path: "."}', f"path: {database.name}}}"))
    return study


def value(done: Outcome, analysis: str, statistic: str, at: float | None = None, group: str = "") -> Any:
    found = [r for r in done.results.of(analysis) if (r.statistic, r.at, r.group) == (statistic, at, group)]
    assert len(found) == 1, (analysis, statistic, at, group, [r.id for r in done.results.of(analysis)])
    return found[0]


def steps(done: Outcome, table: str) -> list[tuple[int, int]]:
    found = done.counts[table]
    assert isinstance(found, AttritionTable)
    return [(s.n_in, s.n_out) for s in found.steps]


def assert_written(out: Path, *words: str) -> None:
    """The outputs are there and whole, and the report says what it must in its three forms."""
    report = (out / "report.html").read_text(encoding="utf-8")
    for word in ("Persons in the database", *words):
        assert word in report, word
    assert (out / "report.pdf").read_bytes()[:5] == b"%PDF-"
    with zipfile.ZipFile(out / "report.docx") as document:
        text = document.read("word/document.xml").decode()
    assert words[-1] in text  # the others stand in figures
    for name in ("headline.json", "counts.json", "queries.csv", "results.csv", "study.lock", "figures/flow.csv"):
        assert (out / name).stat().st_size > 0, name


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def asked(out: Path) -> dict[str, int]:
    """Queries by rule."""
    rules = [row["rule"] for row in rows_of(out / "queries.csv")]
    return {rule: rules.count(rule) for rule in sorted(set(rules))}


# Synthea27Nj, CDM 5.4


@pytest.fixture(scope="module")
def synthea(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The database as it comes, CSV in capitals and Parquet, and made into a DuckDB file."""
    home = tmp_path_factory.mktemp("synthea")
    out: dict[str, Path] = {}
    for kind, archive in (("csv", "Synthea27Nj_5.4.zip"), ("parquet", "Synthea27NjParquet_5.4.zip")):
        with zipfile.ZipFile(shared / "data" / "omop_synthea27nj_5.4" / archive) as packed:
            packed.extractall(home / kind, [n for n in packed.namelist() if not n.startswith("__MACOSX")])
        out[kind] = next(p.parent for p in (home / kind).rglob(f"*.{kind}"))
    with duckdb.connect(str(home / "synthea.duckdb")) as connection:
        for file in sorted(out["parquet"].glob("*.parquet")):
            connection.execute(f"create table \"{file.stem}\" as select * from '{file}'")
    out["duckdb"] = home / "synthea.duckdb"
    return out


class Adult(NamedTuple):
    """One adult with a first viral sinusitis, 180 days of observation before it: what SQL finds in the CSV files."""

    person: str
    zero: dt.date
    birth: dt.date
    until: dt.date
    death: dt.date | None
    anaemia: dt.date | None


def adults_of(folder: Path) -> tuple[list[int], list[Adult]]:
    """Persons in the database, with the condition, observed; and the adults among these."""
    with duckdb.connect() as sql:
        for name in ("PERSON", "CONDITION_OCCURRENCE", "OBSERVATION_PERIOD", "DEATH", "MEASUREMENT"):
            sql.execute(f"create view {name} as from read_csv('{folder / name}.csv')")
        sql.execute("""
            create table cold as select person_id, min(condition_start_date) as zero from condition_occurrence
            where condition_concept_id = 40481087 group by person_id;
            create table observed as select person_id, zero, observation_period_end_date as until
            from cold join observation_period using (person_id)
            where zero between observation_period_start_date + 180 and observation_period_end_date""")
        counts = [
            sql.execute(f"select count(*) from {name}").fetchall()[0][0] for name in ("person", "cold", "observed")
        ]
        rows = sql.execute("""
            select person_id::varchar, zero, birth_datetime::date, until, death_date,
                   (select min(measurement_date) from measurement m where m.person_id = o.person_id
                    and measurement_source_value = '718-7' and unit_source_value = 'g/dL' and value_as_number < 12
                    and measurement_date > zero)
            from observed o join person using (person_id) left join death using (person_id)
            where datediff('year', birth_datetime::date, zero) - (strftime(zero, '%m%d') <
                  strftime(birth_datetime::date, '%m%d'))::int >= 18""").fetchall()
    return counts, [Adult(*row) for row in rows]


@pytest.fixture(scope="module")
def whole(synthea: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    home = tmp_path_factory.mktemp("whole")
    return run_study(study_of("omop_synthea", synthea["csv"], home), home / "out")


def test_a_study_in_synthea_from_charts_to_report(synthea: dict[str, Path], whole: StudyRun) -> None:
    counts, adults = adults_of(synthea["csv"])
    assert counts == [28, 23, 21] and len(adults) == 14  # what a look at the tables gives
    done, out = whole, whole.out
    assert steps(done, "selection") == [(28, 23), (23, 21)]
    assert steps(done, "attrition")[-1] == (21, 14)

    life = [
        Span((a.zero - a.birth).days, ((a.death or a.until) - a.birth).days, "death" * bool(a.death)) for a in adults
    ]
    since = [Span(-1, ((a.death or a.until) - a.zero).days, "death" * bool(a.death)) for a in adults]
    for analysis, spans, landmarks in (("os", since, (60, 180)), ("life", life, (600, 960))):
        assert value(done, analysis, "events").value == sum(bool(s.event) for s in spans) == 2
        for at in landmarks:
            survival = value(done, analysis, "survival", at)
            assert survival.value == pytest.approx(float(kaplan_meier(spans, at * MONTH)), rel=1e-12)
            assert value(done, analysis, "n_risk", at).value == at_risk(spans, at * MONTH)
            if survival.value < 1:
                expected = log_log_interval(spans, at * MONTH)
                assert (survival.lower, survival.upper) == pytest.approx(expected, rel=1e-9)

    first = [min(day for day in (a.anaemia, a.death, a.until) if day) for a in adults]
    competing = [
        Span(-1, (day - a.zero).days, "lowhb" if day == a.anaemia else "death" if day == a.death else "")
        for a, day in zip(adults, first, strict=True)
    ]
    for cause in ("lowhb", "death"):
        for at in (60, 180):
            found = value(done, "anaemia", "incidence", at, f"CAUSE={cause}").value
            assert found == pytest.approx(float(aalen_johansen(competing, cause, at * MONTH)), rel=1e-12)
    assert sum(s.event == "lowhb" for s in competing) == 3

    died = done.headline["headline"]["dead"]
    assert (died["n"], died["N"]) == (2, 14)  # 3 died in all; the third was a child and observed for 39 days before
    trace = pl.read_parquet(out / "trace.parquet")
    dead = trace.filter((pl.col("USUBJID") == "7") & (pl.col("ITEM") == "ADSL.DTHDT"))
    assert dead.select("VALUE", "ADDRESS").rows() == [("2019-05-28", "DEATH.csv!person_id=7!death_date")]
    swimmer = (out / "figures" / "swimmer.csv").read_text(encoding="utf-8").splitlines()
    assert len(swimmer) == 1 + 14 and "response" not in swimmer[0]
    # Nobody is asked for a last contact that the observation period gives, nor why it begins at birth.
    assert "date_missing" not in asked(out)
    assert_written(out, "No record: Viral sinusitis", "Aged under 18 years", "Alive by age")


@pytest.mark.parametrize("kind", ["parquet", "duckdb", "parts"])
def test_synthea_gives_the_same_in_every_format_and_in_parts(
    synthea: dict[str, Path], whole: StudyRun, tmp_path: Path, kind: str
) -> None:
    study = study_of("omop_synthea", synthea.get(kind, synthea["csv"]), tmp_path / kind)
    done: Outcome
    if kind == "parts":
        done = run_parted(study, tmp_path / "out", parts=3, workers=2)
    else:
        done = run_study(study, tmp_path / "out")
    assert done.headline["headline"] == whole.headline["headline"]
    for name in ("counts.json", "code_lists.csv", "figures/flow.csv", "figures/life.csv", "figures/swimmer.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (whole.out / name).read_bytes(), name


def test_the_export_of_a_run_in_synthea_is_its_cohort(
    synthea: dict[str, Path], whole: StudyRun, tmp_path: Path
) -> None:
    _, adults = adults_of(synthea["csv"])
    export_run(whole.out, tmp_path / "exchange", tuple(FORMATS))
    rows = rows_of(tmp_path / "exchange" / "omop-cohort" / "NJ" / "cohort.csv")
    cohort = {row["subject_id"]: (row["cohort_start_date"], row["cohort_end_date"]) for row in rows}
    assert cohort == {a.person: (str(a.zero), str(min(a.until, a.death or a.until))) for a in adults}
    rows = rows_of(tmp_path / "exchange" / "omop-results" / "summarised_result.csv")
    told = [(row["variable_name"], row["estimate_name"], row["estimate_value"]) for row in rows]
    assert ("Died", "count", "2") in told and ("Adults", "count", "14") in told
    tte = json.loads((tmp_path / "exchange" / "dataset-json" / "adtte.json").read_text(encoding="utf-8"))
    assert tte["records"] == 3 * len(adults)  # one row an adult and endpoint
    measure = json.loads((tmp_path / "exchange" / "measure-report" / "MeasureReport-proportion.json").read_text())
    counted = [p["count"] for p in measure["group"][0]["population"]]
    assert 2 in counted and 14 in counted


# GiBleed, CDM 5.3: eras alone


@pytest.fixture(scope="module")
def nsaid(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyRun, Path]:
    home = tmp_path_factory.mktemp("nsaid")
    done = run_study(study_of("omop_nsaid", shared / "data" / "omop_gibleed_partial_5.3", home), home / "out")
    return done, home / "out"


def test_two_drugs_compared_in_gibleed_as_r_compared_them(nsaid: tuple[StudyRun, Path], shared: Path) -> None:
    """Published: celecoxib 1,844, diclofenac 850, haemorrhage 479 of 2,694 persons; times, tests and model are R's."""
    done, out = nsaid
    reference = json.loads((shared / "data" / "omop_gibleed_partial_5.3" / "reference.json").read_text())
    r = reference["time_to_gi_bleed"]
    assert steps(done, "selection") == [(2694, 2694), (2694, 2694)]
    for drug, users in (("celecoxib", 1844), ("Diclofenac", 850)):
        group = f"DRUG={drug}"
        assert users == value(done, "bled", "proportion", None, group).N
        stratum = next(s for s in r["km"]["strata"] if s["stratum"].lower() == f"drug={drug.lower()}")
        assert value(done, "free", "n", None, group).value == stratum["n"]
        assert value(done, "free", "events", None, group).value == stratum["events"]
        # No haemorrhage begins between R's day 90 and 3 months, nor between 365 and 12 months: the curve is flat there.
        for day, month in ((90, 3), (365, 12)):
            at = next(x for x in stratum["surv_at_log-log"] if x["time"] == day)
            found = value(done, "free", "survival", month, group)
            assert found.value == pytest.approx(at["surv"], rel=1e-10)
            assert (found.lower, found.upper) == pytest.approx((at["lower"], at["upper"]), rel=1e-8)
    assert value(done, "bled", "proportion").n == 479
    tests = r["logrank"]
    for statistic, expected in (("p_logrank", tests["logrank"]), ("p_peto", tests["peto_peto_rho1"])):
        assert value(done, "drugs", statistic).value == pytest.approx(expected["p"], rel=1e-8)
    (term,) = r["cox"]["efron"]["coef"]
    ratio = next(x for x in done.results.of("hazard") if x.statistic == "hazard_ratio")
    assert ratio.value == pytest.approx(term["hr"], rel=1e-8)
    assert (ratio.lower, ratio.upper) == pytest.approx((term["hr_lower95"], term["hr_upper95"]), rel=1e-8)
    assert_written(out, "No record: Celecoxib or diclofenac", "Free of haemorrhage", "Code lists", "celecoxib")
    codes = [
        (row["concept_set"], row["vocabulary"], row["code"], row["name"]) for row in rows_of(out / "code_lists.csv")
    ]
    assert codes == [
        ("Celecoxib or diclofenac", "RxNorm", "140587", "celecoxib"),
        ("Celecoxib or diclofenac", "RxNorm", "3355", "Diclofenac"),
        ("Gastrointestinal haemorrhage", "SNOMED", "74474003", "Gastrointestinal hemorrhage"),
    ]
    assert "lists none of them one by one" in (out / "report.html").read_text(encoding="utf-8")


def test_gibleed_asks_only_what_is_a_question(nsaid: tuple[StudyRun, Path], shared: Path) -> None:
    """2,694 persons have no death and no last contact, and most are observed from birth: that is no error of a chart.

    Left are rows that the mapping does not read, and persons who may be one: same birth, sex and first use.
    """
    _, out = nsaid
    cdm = shared / "data" / "omop_gibleed_partial_5.3"
    twins = duckdb.sql(f"""
        select count(*) - count(distinct (birth_datetime, gender_concept_id, zero)) from read_csv('{cdm}/PERSON.csv')
        join (select person_id, min(drug_era_start_date) as zero from read_csv('{cdm}/DRUG_ERA.csv')
              where drug_concept_id in (1118084, 1124300) group by person_id) using (person_id)""").fetchall()[0][0]
    assert asked(out) == {"row_not_mapped": 2, "same_person": twins}


def test_gibleed_gives_the_same_from_duckdb_in_parts(
    nsaid: tuple[StudyRun, Path], shared: Path, tmp_path: Path
) -> None:
    whole, out = nsaid
    file = tmp_path / "gibleed.duckdb"
    cdm = shared / "data" / "omop_gibleed_partial_5.3"
    with duckdb.connect(str(file)) as sql:
        for name in ("person", "drug_era", "condition_era", "observation_period", "concept", "concept_ancestor"):
            sql.execute(f"create table {name} as from read_csv('{cdm / name.upper()}.csv')")
    done = run_parted(study_of("omop_nsaid", file, tmp_path), tmp_path / "out", parts=3, workers=2)
    assert done.headline["headline"] == whole.headline["headline"]
    for name in ("counts.json", "code_lists.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


# ehrdata's toy, CDM 5.4


def test_the_toy_is_followed_by_hand(shared: Path, tmp_path: Path) -> None:
    """Persons 1, 2 and 3 have the drug from 2100-01-01; 1 and 2 die on 2100-03-31, day 89; 3 is observed to day 30."""
    toy = shared / "data" / "omop_ehrdata_toy" / "vanilla"
    done = run_study(study_of("omop_toy", toy, tmp_path), tmp_path / "out")
    assert steps(done, "selection") == [(4, 3)]
    assert done.headline["headline"]["treated"]["n"] == 3
    assert (value(done, "os", "n").value, value(done, "os", "events").value) == (3, 2)
    assert value(done, "os", "survival", 1).value == 1
    assert value(done, "os", "n_risk", 1).value == 2  # 30 days are less than a month of 30.4375
    assert value(done, "os", "survival", 3).value == 0  # 3 months are 91.3 days
    assert value(done, "os", "median").value == pytest.approx(89 / MONTH, rel=1e-12)
    tte = pl.read_parquet(tmp_path / "out" / "adam" / "adtte.parquet")
    assert dict(zip(tte["USUBJID"], tte["AVAL"], strict=True)) == {"1": 89, "2": 89, "3": 30}
    # Nobody is asked for assessments and amounts of doses that this study does not read.
    assert asked(tmp_path / "out") == {"row_not_mapped": 1}
    assert_written(tmp_path / "out", "No record: The first drug", "Overall survival")
