"""The five centres mapped with the answers laid over are the truth; without, they differ by the planted errors.

What a centre did not keep cannot be mapped; each such gap is listed here, and nothing else may differ.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.core.clinical import ClinicalData, combine, statement
from chartline.core.query import Query, Severity
from chartline.mapping.amendments import Amendment, apply_amendments, read_amendments
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.sources.read import read_centre
from truth_data import truth_clinical_data

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
pytestmark = pytest.mark.shared


def mapped(answers: Iterable[Amendment]) -> tuple[ClinicalData, list[Query]]:
    answers = list(answers)
    parts, queries = [], []
    for centre in "ABCDE":
        mapping = load_mapping(EXAMPLE / "mappings" / f"centre_{centre}.yaml")
        data = read_centre(EXAMPLE / "centres" / f"centre_{centre}", mapping.sources, mapping.ignore_files)
        data, _, _ = apply_amendments(data, [a for a in answers if a.centre == centre])
        part, found = map_centre(data, mapping)
        parts.append(part)
        queries += found
    return combine(parts), queries


@pytest.fixture(scope="module")
def answered() -> tuple[ClinicalData, list[Query]]:
    return mapped(read_amendments(EXAMPLE / "answers.csv"))


@pytest.fixture(scope="module")
def unanswered() -> tuple[ClinicalData, list[Query]]:
    return mapped(())


@pytest.fixture(scope="module")
def ours(answered: tuple[ClinicalData, list[Query]]) -> ClinicalData:
    return answered[0]


@pytest.fixture(scope="module")
def truth(shared: Path) -> ClinicalData:
    return truth_clinical_data(shared / "ino-cohort", summaries=True)


def rows(frame: pl.DataFrame, *names: str) -> Counter[tuple[Any, ...]]:
    rounded = frame.select(
        "USUBJID", *(pl.col(n).round_sig_figs(10) if frame.schema[n] == pl.Float64 else pl.col(n) for n in names)
    )
    return Counter(rounded.iter_rows())


def differences(mine: pl.DataFrame, true: pl.DataFrame, *names: str) -> tuple[set[Any], set[Any]]:
    """Return (rows only ours, rows only the truth's)."""
    a, b = rows(mine, *names), rows(true, *names)
    return set(a - b), set(b - a)


NOTHING: tuple[set[Any], set[Any]] = (set(), set())


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("DM", ("BRTHDTC", "AGE", "SEX", "COUNTRY")),
        ("SS", ("RELDTC", "RELTYPE", "LKADTC", "DTHFL", "DTHDTC", "DTHCAUS")),
    ],
)
def test_statements(ours: ClinicalData, truth: ClinicalData, domain: str, names: tuple[str, ...]) -> None:
    assert differences(statement(ours[domain], *names), statement(truth[domain], *names), *names) == NOTHING


def test_body_surface_and_relapse_flag_where_the_source_has_them(ours: ClinicalData, truth: ClinicalData) -> None:
    """D and E keep no body surface, and record a relapse only where there was one."""
    kept = pl.col("CENTRE").is_in(["A", "B", "C"])
    for domain, name in (("DM", "BSA"), ("SS", "RELAPSE")):
        mine, true = (statement(d[domain].filter(kept), name) for d in (ours, truth))
        assert differences(mine, true, name) == NOTHING
    relapsed = pl.col("RELAPSE") == "Y"
    mine, true = (statement(d["SS"], "RELAPSE").filter(relapsed) for d in (ours, truth))
    assert differences(mine, true, "RELAPSE") == NOTHING


def test_doses(ours: ClinicalData, truth: ClinicalData) -> None:
    assert differences(ours["EX"], truth["EX"], "EXTRT", "EXSTDTC", "EXDOSM2", "EXDOSE") == NOTHING
    numbered = pl.col("CENTRE") != "E"  # E keeps no cycle number
    assert differences(ours["EX"].filter(numbered), truth["EX"].filter(numbered), "EXCYCLE", "EXCYDAY") == NOTHING
    assert ours["EX"].filter(~numbered)["EXCYCLE"].null_count() == 32


def test_transplants(ours: ClinicalData, truth: ClinicalData) -> None:
    done = ours["PR"].filter(pl.col("PRSTDTC").is_not_null())
    assert differences(done, truth["PR"], "PRTRT", "PRTIMING", "PRSTDTC") == NOTHING
    after = pl.col("PRTIMING") == "AFTER"  # prior transplants have a date only, except at D and E
    names = ("PRSTDTC", "PRDONOR", "PRCOND", "PRSTATUS")
    assert differences(done.filter(after), truth["PR"].filter(after), *names) == NOTHING
    assert "N" not in done["PROCCUR"].to_list()


def test_other_treatment(ours: ClinicalData, truth: ClinicalData) -> None:
    """OMOP asks for an end date, so E's subsequent treatments end on the day they start."""
    only_ours, only_true = differences(ours["CM"], truth["CM"], "CMCAT", "CMSTDTC", "CMENDTC")
    assert only_ours == {
        ("E-01", "SUBSEQUENT THERAPY", "2020-01-26", "2020-01-26"),
        ("E-04", "SUBSEQUENT THERAPY", "2018-11-11", "2018-11-11"),
    }
    assert only_true == {(*r[:3], None) for r in only_ours}


def test_adverse_events(ours: ClinicalData, truth: ClinicalData) -> None:
    names = ("AETERM", "AESTDTC", "AEENDTC", "AETOXGR", "AEREL", "AESER", "AEOUT")
    assert differences(ours["AE"], truth["AE"], *names) == NOTHING


def history(data: ClinicalData) -> pl.DataFrame:
    """MH without the columns that the truth uses in its own way (line number, site of extramedullary disease)."""
    line = pl.col("MHCAT") == "PRIOR LINE"
    return (
        data["MH"]
        .filter(pl.col("MHCAT") != "EMD SITE")
        .with_columns(
            pl.when(~line).then(pl.col("MHORRES").str.replace(r"\.0$", "")).alias("MHORRES"),
            pl.when(line).then("MHBESTRSP").alias("MHBESTRSP"),
        )
    )


def test_history(ours: ClinicalData, truth: ClinicalData) -> None:
    a, b = history(ours), history(truth)
    assert differences(a, b, "MHCAT", "MHTERM", "MHORRES", "MHSEQN", "MHBESTRSP") == NOTHING
    dated = pl.col("MHCAT").is_in(["DIAGNOSIS", "PRIOR LINE"])
    assert differences(a.filter(dated), b.filter(dated), "MHCAT", "MHSTDTC", "MHENDTC") == NOTHING


def assessments(data: ClinicalData) -> pl.DataFrame:
    """One row a subject and day: rows of one day are one assessment."""
    names = [c for c in data["RS"].columns if c not in ("CENTRE", "USUBJID", "RSDTC", "SEQ", "BLOCK", "ROW")]
    return data["RS"].group_by("CENTRE", "USUBJID", "RSDTC").agg(pl.col(n).drop_nulls().first() for n in names)


def test_mrd_of_d_and_e_is_by_flow_in_marrow_as_their_codes_say(ours: ClinicalData) -> None:
    """D codes MRD-FLOW, "MRD by flow cytometry, bone marrow"; E the concept "MRD flow bone marrow"."""
    sampled = pl.col("MRDCLASS").is_not_null() | pl.col("MRDVAL").is_not_null()
    found = ours["RS"].filter(sampled & pl.col("CENTRE").is_in(["D", "E"]))
    assert set(found.select("CENTRE", "MRDASSAY", "MRDSPEC").iter_rows()) == {
        ("D", "FLOW", "MARROW"),
        ("E", "FLOW", "MARROW"),
    }


def test_marrows_and_mrd(ours: ClinicalData, truth: ClinicalData) -> None:
    """B kept only blasts at baseline, and only blasts, response and MRD result in follow-up."""
    a, b = assessments(ours), assessments(truth)
    assert differences(a, b, "RSDTC", "RSVISIT", "BMBLAST", "MRDCLASS") == NOTHING
    names = ("RSDTC", "PBBLAST", "EMD", "INVRESP", "MRDSENS", "MRDCELLS")
    treated = (pl.col("CENTRE") != "B") | pl.col("RSVISIT").str.starts_with("END OF CYCLE")
    assert differences(a.filter(treated), b.filter(treated), *names) == NOTHING
    b_rest = a.filter(~treated).select("EMD", "MRDSENS", "MRDCELLS", "MRDVAL")
    assert b_rest.height == 17 and b_rest.null_count().row(0) == (17, 17, 17, 17)


def test_mrd_levels(ours: ClinicalData, truth: ClinicalData) -> None:
    """A writes '<0.01' where nothing was seen; the truth has 0."""
    a, b = (assessments(d).filter(pl.col("MRDVAL").is_not_null()) for d in (ours, truth))
    below = pl.col("MRDVAL_OP") == "<"
    assert set(a.filter(below).select("CENTRE", "MRDVAL").rows()) == {("A", 0.01)}
    a = a.with_columns(pl.when(below).then(0.0).otherwise("MRDVAL").alias("MRDVAL"))
    only_ours, only_true = differences(a, b, "RSDTC", "MRDVAL")
    assert only_ours == set()
    assert {s for s, _, _ in only_true} == {"B-01", "B-02", "B-07"}  # follow-up MRD at B has no level
    assert {v for _, _, v in only_true} == {0.0}


def test_cycles_of_assessments(ours: ClinicalData, truth: ClinicalData) -> None:
    """E writes the cycle only in the visit 'END OF CYCLE n'; other marrows (0 in the truth) have none."""
    a = assessments(ours).with_columns(
        pl.when(pl.col("CENTRE") == "E").then(pl.col("RSCYCLE").fill_null(0)).otherwise("RSCYCLE").alias("RSCYCLE")
    )
    assert differences(a, assessments(truth), "RSDTC", "RSCYCLE") == NOTHING


def labs(data: ClinicalData, at_marrow: bool) -> pl.DataFrame:
    """Results with a number; counts written beside a marrow carry the flags of support."""
    return data["LB"].filter(pl.col("LBSTRESN").is_not_null() & (pl.col("LBGCSF").is_not_null() == at_marrow))


def nearly(mine: pl.DataFrame, true: pl.DataFrame) -> pl.DataFrame:
    """Join by subject, test, day and summary; the truth rounds creatinine to 0.1 umol/L."""
    keys = ["USUBJID", "LBTESTCD", "LBDTC", "LBSUMM", "LBCYCLE"]
    joined = mine.join(true, on=keys, how="full", suffix="_true", nulls_equal=True, coalesce=True)
    slack = pl.when(pl.col("LBTESTCD") == "CREA").then(0.051).otherwise(1e-9)
    wrong = (pl.col("LBSTRESN") - pl.col("LBSTRESN_true")).abs() > slack
    return joined.filter(wrong.fill_null(True)).sort(keys)


@pytest.mark.parametrize("centre", "ACDE")
def test_dated_laboratory_values(ours: ClinicalData, truth: ClinicalData, centre: str) -> None:
    here = pl.col("CENTRE") == centre
    mine, true = labs(ours, False).filter(here), labs(truth, False).filter(here)
    assert (mine.height, nearly(mine, true).height) == (true.height, 0)


def test_summaries_of_centre_b(ours: ClinicalData, truth: ClinicalData) -> None:
    """B kept no peak creatinine, and for B-01 nothing of cycle 3 ('not done', '-', 'NA')."""
    here = pl.col("CENTRE") == "B"
    left = nearly(labs(ours, False).filter(here), labs(truth, False).filter(here))
    not_kept = (pl.col("LBTESTCD") == "CREA") | ((pl.col("USUBJID") == "B-01") & (pl.col("LBCYCLE") == 3))
    assert left["LBSTRESN"].null_count() == left.height == 24
    assert left.filter(~not_kept).is_empty()


@pytest.mark.parametrize("centre", "ABC")
def test_counts_beside_the_marrow(ours: ClinicalData, truth: ClinicalData, centre: str) -> None:
    """D and E do not repeat the counts in the assessment; theirs are in the laboratory data."""
    here = pl.col("CENTRE") == centre
    names = ("LBTESTCD", "LBDTC", "LBSTRESN", "LBGCSF", "LBPLTTX", "LBRBCTX")
    assert differences(labs(ours, True).filter(here), labs(truth, True).filter(here), *names) == NOTHING


def test_support_at_the_marrow_of_centre_d(ours: ClinicalData, shared: Path) -> None:
    """D states support on the marrow's date, without a count: rows with flags and no result."""
    with (shared / "ino-cohort" / "truth" / "rs.csv").open(encoding="utf-8", newline="") as f:
        true = {
            (r["SUBJID"], r["MARROWDTC"], r["GCSF7D"], r["PLTTX7D"], r["RBCTX7D"])
            for r in csv.DictReader(f)
            if r["SITEID"] == "D"
        }
    flags = ours["LB"].filter((pl.col("CENTRE") == "D") & pl.col("LBORRES").is_null())
    assert set(flags.select("USUBJID", "LBDTC", "LBGCSF", "LBPLTTX", "LBRBCTX").rows()) == true


def test_limits_of_normal(ours: ClinicalData, truth: ClinicalData) -> None:
    def limits(data: ClinicalData) -> pl.DataFrame:
        unique = labs(data, False).select("USUBJID", "LBTESTCD", "LBSTNRLO", "LBSTNRHI").unique()
        rounded = pl.when(pl.col("LBTESTCD") == "CREA").then(pl.col("LBSTNRHI").round(1)).otherwise("LBSTNRHI")
        return unique.with_columns(rounded.alias("LBSTNRHI"))

    assert differences(limits(ours), limits(truth), "LBTESTCD", "LBSTNRLO", "LBSTNRHI") == NOTHING


def test_vod_forms(ours: ClinicalData, truth: ClinicalData) -> None:
    kept = pl.col("FATESTCD").is_in(["BILI_MGDL", "HEPATOMEG", "RUQPAIN", "WTGAIN", "ASCITES", "DOPPLER", "SETTING"])
    names = ("FAOBJ", "FATESTCD", "FAORRES", "FADTC")
    assert differences(ours["FA"].filter(kept), truth["FA"].filter(kept), *names) == NOTHING


def test_with_the_answers_nothing_is_left_to_ask(answered: tuple[ClinicalData, list[Query]]) -> None:
    assert [q for q in answered[1] if q.severity is not Severity.NOTE] == []


def changed(a: ClinicalData, b: ClinicalData) -> set[tuple[str, str]]:
    """Return (domain, subject) of every row that is not the same in both."""
    out = set()
    for domain, frame in a.domains.items():
        names = [c for c in frame.columns if c not in ("SEQ", "BLOCK", "ROW", "CENTRE", "LBORRES", "LBORRESU")]
        x, y = Counter(frame.select(names).iter_rows()), Counter(b[domain].select(names).iter_rows())
        out |= {(domain, row[0]) for row in (x - y) | (y - x)}
    return out


def test_without_the_answers_exactly_the_planted_errors_differ(
    ours: ClinicalData, unanswered: tuple[ClinicalData, list[Query]], shared: Path
) -> None:
    with (shared / "ino-cohort" / "planted_errors.csv").open(encoding="utf-8", newline="") as f:
        planted = {(r["table"].upper(), r["subject"]) for r in csv.DictReader(f) if r["error_id"] not in ("Q10", "Q27")}
    # Q10: the first copy is kept anyway; Q27: the mapping's rule swaps the dates anyway
    assert changed(unanswered[0], ours) == planted


def test_what_mapping_itself_asks_without_the_answers(unanswered: tuple[ClinicalData, list[Query]]) -> None:
    asked = [q for q in unanswered[1] if q.severity is not Severity.NOTE]
    assert {(q.rule, q.severity, q.subject, q.addresses[0]) for q in asked} == {
        ("value_not_in_code_list", Severity.BLOCK, "B-08", "CentreB_master.xlsx!Master!DD10"),
        ("duplicate_subject_row", Severity.BLOCK, "B-07", "CentreB_master.xlsx!Master!KJ11"),
        ("value_not_in_code_list", Severity.WARN, "C-06", "SynInO_DATA.csv!row 170!status"),
        ("code_not_known", Severity.WARN, "D-01", "Observation.ndjson!line 19!code.coding[0].code"),
    }
    swapped = [q for q in unanswered[1] if q.rule == "date_format_mixed"]
    assert [q.addresses for q in swapped if not q.subject] == [
        tuple(f"CentreB_master.xlsx!Master!AR{r}" for r in (3, 5, 8, 9, 11))
    ]
    assert len(swapped) == 6


def test_the_centre_files_are_the_shared_ones_byte_for_byte(shared: Path) -> None:
    for file in (shared / "ino-cohort" / "centres").rglob("*"):
        if file.is_file():
            copy = EXAMPLE / "centres" / file.relative_to(shared / "ino-cohort" / "centres")
            assert copy.read_bytes() == file.read_bytes(), file.name
