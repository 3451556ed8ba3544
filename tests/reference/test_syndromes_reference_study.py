"""Syndromes of the reference study against its truth tables, read here in plain Python."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.protocol.model import Protocol

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def adam(truth_data: ClinicalData, reference_protocol: Protocol, truth: Path) -> Adam:
    """The study with the findings of its VOD forms, which the truth keeps in a table of their own."""
    lines = _read(truth, "vod")
    codes = ("BILI_MGDL", "HEPATOMEG", "RUQPAIN", "WTGAIN", "ASCITES", "DOPPLER")
    rows = [
        {"CENTRE": r["SITEID"], "USUBJID": r["SUBJID"], "FATESTCD": c, "FAORRES": r[c], "FADTC": r["ONSETDTC"]}
        for r in lines
        for c in codes
    ]
    numbered = [row | {"SEQ": i + 1, "BLOCK": 0, "ROW": i, "FAOBJ": "VOD/SOS"} for i, row in enumerate(rows)]
    fa = pl.DataFrame(numbered, schema=dict(truth_data["FA"].schema))
    data = ClinicalData(dict(truth_data.domains) | {"FA": fa}, truth_data.origins)
    return derive_all(data, select_cohort(data, reference_protocol, [], "digest"), reference_protocol, [])


@pytest.fixture(scope="module")
def truth(shared: Path) -> Path:
    return shared / "ino-cohort" / "truth"


@pytest.fixture(scope="module")
def eligible(truth: Path) -> set[str]:
    return {r["SUBJID"] for r in _read(truth, "dm") if r["ELIGFL"] == "Y"} - {"D-06"}  # the same person as C-05


def _read(truth: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((truth / f"{name}.csv").read_text(encoding="utf-8").splitlines()))


def _met(adam: Adam, name: str, eligible: set[str]) -> set[str]:
    rows = adam["ADSYN"].filter((pl.col("PARAMCD") == name) & (pl.col("AVALC") == "MET"))
    return set(rows["USUBJID"]) & eligible


def test_ebmt_2016_finds_the_recorded_vod_and_its_kind(adam: Adam, truth: Path, eligible: set[str]) -> None:
    recorded = {r["SUBJID"]: r for r in _read(truth, "vod") if r["SUBJID"] in eligible}
    assert _met(adam, "VODE16", eligible) == set(recorded)
    kinds = dict(adam["ADSL"].filter(pl.col("VODE16") == "Y").select("USUBJID", "VODE16_CAT").iter_rows())
    said = {("AFTER HSCT", "classical"): "classical", ("AFTER HSCT", "late onset"): "late onset"}
    said |= {("WITHOUT HSCT", "late onset"): "without transplantation"}
    assert {s: kinds[s] for s in recorded} == {s: said[r["SETTING"], r["EBMT2016"]] for s, r in recorded.items()}


def test_their_number_is_that_of_the_reference(adam: Adam, shared: Path, eligible: set[str]) -> None:
    liver = json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))["liver"]
    vod = adam["ADSL"].filter(pl.col("USUBJID").is_in(list(eligible)) & (pl.col("VODE16") == "Y"))
    assert vod.height == liver["vod"]["x"]
    assert vod.filter(pl.col("HSCTFL") == "Y").height == liver["vod_after_hsct"]
    assert vod.filter(pl.col("HSCTFL") == "N").height == liver["vod_without_hsct"]


def test_who_has_no_vod_form_is_never_said_to_be_free_of_vod_by_a_set_that_needs_its_findings(
    adam: Adam, truth: Path, eligible: set[str]
) -> None:
    without = eligible - {r["SUBJID"] for r in _read(truth, "vod")}
    for name in ("VODSEAT", "VODE16", "VODE23"):
        rows = adam["ADSYN"].filter((pl.col("PARAMCD") == name) & pl.col("USUBJID").is_in(list(without)))
        assert set(rows["AVALC"]) == {"NOT ASSESSABLE"}, name


def test_laboratory_grades_by_component_are_those_of_the_reference(
    adam: Adam, shared: Path, eligible: set[str]
) -> None:
    liver = json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text(encoding="utf-8"))["liver"]
    names = {"ALT": "Alanine", "AST": "Aspartate", "BILI": "Bilirubin", "ALP": "Alkaline", "GGT": "Gamma"}
    comp = adam["ADCOMP"].filter((pl.col("PARAMCD") == "LIVANYFL") & pl.col("USUBJID").is_in(list(eligible)))
    yes = comp.filter(pl.col("AVALC") == "Y")
    found = {t: yes.filter(pl.col("COMP").str.starts_with(word)).height for t, word in names.items()}
    assert found == liver["lab_g34_v5_by_test"]


def _labs(truth: Path) -> dict[tuple[str, str], list[tuple[dt.date, float, float | None]]]:
    out: dict[tuple[str, str], list[tuple[dt.date, float, float | None]]] = defaultdict(list)
    for r in _read(truth, "lb"):
        upper = float(r["LBULN"]) if r["LBULN"] else None
        out[r["SUBJID"], r["LBTESTCD"]].append((dt.date.fromisoformat(r["LBDTC"]), float(r["LBSTRESN"]), upper))
    return out


def test_biochemical_candidates_by_hys_law(adam: Adam, truth: Path, eligible: set[str]) -> None:
    labs, stop = _labs(truth), dict(adam["ADSL"].select("USUBJID", "TRTSDT").iter_rows())
    on = {r for r in adam["ADLB"].filter(pl.col("ANL01FL") == "Y").select("USUBJID", "ADT").iter_rows()}
    found = set()
    for s in eligible:
        for test in ("ALT", "AST"):
            for day, value, upper in labs[s, test]:
                if (s, day) not in on or day <= stop[s] or upper is None or value < 3 * upper:
                    continue
                near = [v > 2 * u for d, v, u in labs[s, "BILI"] if u and 0 <= (d - day).days <= 30]
                alp = [v > 2 * u for d, v, u in labs[s, "ALP"] if u and abs((d - day).days) <= 3]
                if any(near) and alp and not any(alp):
                    found.add(s)
    assert _met(adam, "HYLAW", eligible) == found


def test_doses_given_above_the_limits(adam: Adam, truth: Path, eligible: set[str]) -> None:
    labs = _labs(truth)
    doses: dict[str, list[tuple[dt.date, int]]] = defaultdict(list)
    for r in _read(truth, "ex"):
        doses[r["SUBJID"]].append((dt.date.fromisoformat(r["EXSTDTC"]), int(r["EXCYCLE"])))

    def last(s: str, test: str, day: dt.date, back: int) -> tuple[float, float | None] | None:
        inside = [(d, v, u) for d, v, u in labs[s, test] if 0 <= (day - d).days <= back]
        return max(inside)[1:] if inside else None

    def above(s: str, test: str, day: dt.date, times: float) -> bool:
        value = last(s, test, day, 7)
        return value is not None and value[1] is not None and value[0] > times * value[1]

    liver = {
        s
        for s in eligible
        for day, _ in doses[s]
        if above(s, "BILI", day, 1.5) and (above(s, "ALT", day, 2.5) or above(s, "AST", day, 2.5))
    }
    assert _met(adam, "INOLIVER", eligible) == liver
    counts = set()
    for s in eligible:
        first = min(doses[s])[0]
        starts = [min(d for d, c in doses[s] if c == cycle) for cycle in {c for _, c in doses[s]}]
        for start in (d for d in starts if d > first):
            for test, limit in (("ANC", 1.0), ("PLT", 50.0)):
                base, value = last(s, test, first, 14), last(s, test, start, 7)
                if base is not None and value is not None and base[0] >= limit and value[0] < limit:
                    counts.add(s)
    assert _met(adam, "INOCOUNT", eligible) == counts
