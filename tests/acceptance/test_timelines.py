"""The timelines of the reference study: every patient, from the out folder alone."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest

from chartline.cli import main
from chartline.pipeline import run_study
from chartline.study import StudyRun
from chartline.timelines import write_all_timelines, write_timeline
from chartline.trace.explain import ExplainError, explain_subject
from chartline.trace.timeline.course import Course, known_subjects, read_courses, read_definitions
from chartline.trace.timeline.drawing import width_of
from chartline.trace.timeline.picture import draw_course

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def courses(answered: StudyRun) -> list[Course]:
    return list(read_courses(answered.out, known_subjects(answered.out), read_definitions(answered.out)))


def test_no_text_of_any_patient_lies_on_another(courses: list[Course]) -> None:
    for course in (c for c in courses if c.findings):
        boxes = []
        for e in ET.fromstring(draw_course(course)).iter(f"{SVG}text"):
            said, size = e.text or "", 11.0 if "small" in e.get("class", "") else 12.0
            width, x, y = width_of(said, size) * 0.9, float(e.get("x", 0)), float(e.get("y", 0))
            left = x - {"middle": width / 2, "end": width}.get(e.get("text-anchor", ""), 0)
            boxes.append((left, left + width, y - 8, y, said))
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                apart = a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]
                assert apart, f"{course.subject}: {a[4]!r} on {b[4]!r}"


def test_a_page_has_what_the_run_derived(answered: StudyRun, courses: list[Course]) -> None:
    by = {c.subject: c for c in courses}
    adsl = {r["USUBJID"]: r for r in answered.adam["ADSL"].iter_rows(named=True)}
    assert sorted(by) == sorted(adsl)
    for subject, row in adsl.items():
        doses = answered.adam["ADEX"].filter(pl.col("USUBJID") == subject)
        assert len(by[subject].of("dose")) == doses.height
        if row["DTHDT"] is not None and row["TRTSDT"] is not None:
            died = [f.day for f in by[subject].of("event") if f.kind == "death"]
            assert died == [(row["DTHDT"] - row["TRTSDT"]).days]


def test_a_near_name_is_named(answered: StudyRun, tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match=r"did you mean .*A-03"):
        write_timeline(answered.out, "A-003", tmp_path / "a.html")


def test_no_table_of_a_run_is_read_whole(answered: StudyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heights: list[int] = []
    collect = pl.LazyFrame.collect

    def counted(self: pl.LazyFrame, **options: object) -> pl.DataFrame:
        frame: pl.DataFrame = collect(self, **options)  # type: ignore[call-overload]
        heights.append(frame["USUBJID"].n_unique())
        return frame

    monkeypatch.setattr(pl, "read_parquet", None)
    monkeypatch.setattr(pl.LazyFrame, "collect", counted)
    write_timeline(answered.out, "A-03", tmp_path / "a.html")
    assert set(heights) == {1}


def test_the_commands(answered: StudyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*args: object) -> int:
        monkeypatch.setattr(sys, "argv", ["chartline", "timeline", *map(str, args), "--out", str(answered.out)])
        try:
            main()
        except SystemExit as e:
            return int(e.code or 0)
        return 0

    assert call("A-03", "--to", tmp_path / "a.svg") == 0
    assert ET.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    assert call("A-03", "--to", tmp_path / "a.pdf") == 13  # neither page nor picture
    assert call("--all", "--to", tmp_path / "all") == 0
    assert len(list((tmp_path / "all").glob("*.html"))) == 1 + answered.adam["ADSL"].height
    assert call() == 1  # whose?
    assert write_all_timelines(answered.out, tmp_path / "all") == answered.adam["ADSL"].height  # its own is replaced


def test_every_derived_value_has_its_sentence_its_rule_set_and_where_it_rests_on_a_cell_its_cell(
    answered: StudyRun,
) -> None:
    trace = pl.read_parquet(answered.out / "trace.parquet")
    rules = read_definitions(answered.out)["values"]
    told = trace.group_by("ITEM", "USUBJID").agg(
        pl.col("BECAUSE").drop_nulls().first(), pl.col("ADDRESS").drop_nulls().first(), pl.col("SRCSEQ").max()
    )
    assert told.filter(pl.col("SRCSEQ").is_not_null() & pl.col("ADDRESS").is_null()).is_empty()
    known = {(r["ITEM"], r["USUBJID"]): r for r in told.iter_rows(named=True)}
    identity = {"CENTRE", "USUBJID", "SITEID", "SUBJID", "DUPOF", "ELIGREAS"}
    adsl = answered.adam["ADSL"]
    for name in (c for c in adsl.columns if c not in identity and not c.endswith("DTF")):
        for subject in adsl.filter(pl.col(name).is_not_null())["USUBJID"]:
            if name in ("NCYC", "NDOSE", "CUMDM2", "CUMMG") and ("ADSL." + name, subject) not in known:
                assert adsl.filter(pl.col("USUBJID") == subject)["TRTSDT"][0] is None  # no dose, no cell
                continue
            said = known[f"ADSL.{name}", subject]
            assert said["BECAUSE"], (name, subject)
            assert rules[f"ADSL.{name}"]["rules"], name
            if name.endswith("DT") or name in ("AGE", "SEX", "FRSP", "NDOSE"):
                assert said["ADDRESS"], (name, subject)  # a date, a dose and a response are found in a cell
    for r in answered.adam["ADTTE"].iter_rows(named=True):
        assert known[f"ADTTE.{r['PARAMCD']}", r["USUBJID"]]["ADDRESS"]
    visits = answered.adam["ADRS"].filter(pl.col("PARAMCD").str.starts_with("OVR"))
    assert visits.filter(pl.col("BECAUSE").is_null() | pl.col("SEQ").is_null()).is_empty()


def test_a_study_with_overrides_says_so_everywhere(study: Path, tmp_path: Path, answered: StudyRun) -> None:
    protocol = study / "protocol.yaml"
    text = protocol.read_text(encoding="utf-8")
    protocol.write_text(text.replace("answers: answers.csv", "answers: answers.csv\n  overrides: overrides.csv"))
    (study / "overrides.csv").write_text(
        "subject,item,date,term,derived,value,by,on,reason\n"
        "A-03,OVR,2019-09-10,,CRi,NR,A. Reviewer,2024-01-05,Smear seen again\n"
        "A-06,RELDT,,,2022-04-10,2022-03-20,A. Reviewer,2024-01-05,Seen in a letter\n",
        encoding="utf-8",
    )
    run = run_study(study, tmp_path / "out")
    assert run.headline["headline"]["cr_cri_rate"]["n"] == answered.headline["headline"]["cr_cri_rate"]["n"] - 1
    assert run.study.data_digest != answered.study.data_digest
    report = (run.out / "report.html").read_text(encoding="utf-8")
    assert report.index("2 derived values were set by a reviewer") < report.index("Objective")
    assert report.count("Smear seen again") >= 1
    assert [q.rule for q in run.study.queries if q.rule.startswith("override")] == ["override_outdated"]
    listed = pl.read_csv(run.out / "overrides.csv")
    assert listed.filter(pl.col("KIND") == "set").select("USUBJID", "VALUE", "DERIVED").rows() == [
        ("A-03", "NR", "CRi"), ("A-06", "2022-03-20", "2022-04-15"),
    ]  # fmt: skip
    assert "overrides.csv!line 2!value = NR" in "\n".join(explain_subject(run.out, "A-03", "BOR"))
    write_timeline(run.out, "A-03", tmp_path / "a.html")
    assert "set by A. Reviewer on 2024-01-05" in (tmp_path / "a.html").read_text(encoding="utf-8")
