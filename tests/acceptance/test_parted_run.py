"""The pooled answer is the single answer: the example study in 1, 2, 7 and 64 parts, and what a reader finds there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from chartline.engines.parts import part_of
from chartline.pipeline import diff_cuts, run_parted
from chartline.trace.explain import explain_result, explain_subject
from parted import numbers_of, run_inline, study_of_centres

if TYPE_CHECKING:
    from chartline.study import StudyRun

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
# All that is written but the listings of patients, which lie in parts; the report in its three forms.
WHOLE = (
    *("headline.json", "counts.json", "results.csv", "results.parquet", "queries.csv", "assertions.csv"),
    *("definitions.json", "study.lock", "report.html", "report.docx", "report.pdf"),
)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out folder of the example in seven parts, by two worker processes."""
    out = tmp_path_factory.mktemp("seven") / "out"
    run_parted(EXAMPLE, out, parts=7, workers=2)
    return out


def test_two_processes_and_seven_parts_write_the_same_bytes(answered: StudyRun, seven: Path) -> None:
    for name in WHOLE:
        assert (seven / name).read_bytes() == (answered.out / name).read_bytes(), name


@pytest.mark.parametrize("parts", [1, 2, 64])
def test_any_number_of_parts_writes_the_same_bytes(
    answered: StudyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """In two parts the checks look at few rows at a time, as in a large study."""
    from chartline.checks import engine

    monkeypatch.setattr(engine, "_ROWS", 200 if parts == 2 else engine._ROWS)
    out = tmp_path / "out [1]*"  # a name that reads like a pattern
    run_inline(EXAMPLE, out, parts, report=True)
    for name in WHOLE:
        assert (out / name).read_bytes() == (answered.out / name).read_bytes(), name
    for listing in ("trace.parquet", "adam/adsl.parquet"):  # one part is a plain file
        assert (out / listing).is_file() is (parts == 1)


def test_without_answers_queries_withhold_in_parts_as_in_one(unanswered: StudyRun, tmp_path: Path) -> None:
    run_inline(EXAMPLE, tmp_path / "out", 2, use_answers=False)
    assert numbers_of(tmp_path / "out") == numbers_of(unanswered.out)
    assert (tmp_path / "out" / "queries.csv").read_bytes() == (unanswered.out / "queries.csv").read_bytes()
    assert any(
        getattr(table, "withheld", 0) for table in unanswered.counts.values()
    )  # so that there is something to lose


def test_listings_lie_in_parts_and_hold_the_same_rows(answered: StudyRun, seven: Path) -> None:
    names = sorted(p.relative_to(answered.out) for p in answered.out.rglob("*.parquet") if p.name != "results.parquet")
    assert (
        Path("trace.parquet") in names and Path("adam/adsl.parquet") in names and Path("cut/charted.parquet") in names
    )
    for name in names:
        assert (seven / name).is_dir(), name
        one, several = pl.read_parquet(answered.out / name), pl.read_parquet(seven / name)
        assert_frame_equal(several, one, check_row_order=False)


def test_the_report_is_made_without_reading_a_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the parts are put together, of all tables of patients one is asked for the rows with an imputed day."""
    from chartline.pipeline import parted

    pool, asked = parted.pool, []

    def watched(*arguments: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("read_parquet", "scan_parquet"):
                real = getattr(pl, name)
                patch.setattr(
                    pl, name, lambda files, *a, real=real, name=name, **k: _noted(asked, name, files, real, k)
                )
            return pool(*arguments)

    monkeypatch.setattr(parted, "pool", watched)
    run_inline(study_of_centres(tmp_path / "study"), tmp_path / "out", 4, report=True)
    of_parts = {(name, Path(file).name) for name, file in asked if "/part-" in file}
    assert of_parts == {("scan_parquet", "adtte.parquet")}


def _noted(asked: list[tuple[str, str]], name: str, files: Any, real: Any, options: Any) -> Any:
    asked.extend((name, str(file)) for file in (files if isinstance(files, list) else [files]))
    return real(files, **options)


def test_a_part_holds_its_subjects_and_no_others(seven: Path) -> None:
    for file in (seven / "adam" / "adsl.parquet").iterdir():
        number = int(file.stem.removeprefix("part-"))
        assert {part_of(s, 7) for s in pl.read_parquet(file)["USUBJID"]} == {number}


def test_explain_and_diff_read_parts_as_they_read_one(answered: StudyRun, seven: Path) -> None:
    for what in ("os_12m", "cr_cri_rate"):
        one = list(explain_result(answered.out, what, members=True))
        assert list(explain_result(seven, what, members=True)) == one and len(one) > 32
    for item in ("RFS", None):
        assert list(explain_subject(seven, "A-03", item)) == list(explain_subject(answered.out, "A-03", item))
    assert diff_cuts(answered.out, seven).nothing


def test_nothing_is_left_beside_the_out_folder(seven: Path) -> None:
    assert [p.name for p in seven.parent.iterdir()] == ["out"]


def test_a_pair_at_two_centres_is_one_person_though_its_records_are_in_different_parts(answered: StudyRun) -> None:
    """The duplicate of the example is judged among all subjects: otherwise no number above could agree."""
    twins = answered.cohort.subjects.filter(pl.col("DUPOF").is_not_null()).select("USUBJID", "DUPOF").rows()
    assert any(part_of(one, 64) != part_of(other, 64) for one, other in twins)
