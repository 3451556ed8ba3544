"""The quality report of the reference study: its files, and numbers computed here from the truth by other means."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chartline.core.query import Severity
from chartline.pipeline import quality_study
from chartline.quality.model import Quality, Share

if TYPE_CHECKING:
    from chartline.study import StudyRun

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
CUT_OFF = dt.date(2023, 12, 31)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality") / "quality"


@pytest.fixture(scope="module")
def quality(out: Path) -> Quality:
    return quality_study(EXAMPLE, out)


def test_the_report_and_a_page_a_centre_are_written(quality: Quality, out: Path) -> None:
    assert {p.name for p in out.iterdir()} == {"quality.html", "quality.pdf", "quality.csv", "centres"}
    assert {p.name for p in (out / "centres").iterdir()} == {f"{c}.{kind}" for c in "ABCDE" for kind in ("html", "pdf")}


def test_the_page_of_every_centre_is_one_page(quality: Quality, out: Path) -> None:
    for centre in quality.centres:
        assert b"/Count 1" in (out / "centres" / f"{centre}.pdf").read_bytes()
    assert b"/Count 1" not in (out / "quality.pdf").read_bytes()


def test_no_patient_is_named_anywhere(quality: Quality, out: Path) -> None:
    names = [f"{c}-0{i}" for c in "ABCDE" for i in range(1, 10)]
    for file in (*out.glob("*.html"), *out.glob("*.csv"), *out.glob("centres/*.html")):
        text = file.read_text(encoding="utf-8")
        assert not [n for n in names if n in text]


def test_queries_are_those_of_runs_without_and_with_answers(
    quality: Quality, answered: StudyRun, unanswered: StudyRun
) -> None:
    for found, run in ((quality.raised, unanswered), (quality.open, answered)):
        asked = Counter(q.centre for q in run.study.queries if q.severity is not Severity.NOTE)
        assert {c: found(c) for c in quality.centres} == {c: asked[c] for c in quality.centres}


@pytest.mark.shared
def test_follow_up_is_what_the_truth_says(quality: Quality, shared: Path) -> None:
    """Clark's index by hand: first dose to death or last contact, against first dose to death or cut-off."""
    truth = shared / "ino-cohort" / "truth"

    def rows(name: str) -> list[dict[str, str]]:
        with (truth / f"{name}.csv").open(encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))

    first = {r["SUBJID"]: dt.date.fromisoformat(r["RFSTDTC"]) for r in rows("dm") if r["ELIGFL"] == "Y"}
    seen: Counter[str] = Counter()
    possible: Counter[str] = Counter()
    for r in rows("ss"):
        if r["SUBJID"] in first:
            begin, last = first[r["SUBJID"]], dt.date.fromisoformat(r["LKADTC"])
            seen[r["SITEID"]] += (last - begin).days
            possible[r["SITEID"]] += ((last if r["DTHFL"] == "Y" else CUT_OFF) - begin).days
    assert quality.follow_up == {c: Share(seen[c], possible[c]) for c in "ABCDE"}


def test_a_year_of_birth_alone_is_no_gap_and_gaps_are_found(quality: Quality) -> None:
    """Centre B and C send no GGT, D and E no body surface area (mapping_facts.md of each centre)."""
    gaps = {n.label: [c for c, s in n.shares.items() if s.n == 0] for n in quality.needs}
    assert gaps["Body surface area"] == ["D", "E"]
    assert gaps["Gamma-glutamyl transferase, at baseline"] == ["B", "C"]
    assert gaps["Date of diagnosis"] == []
