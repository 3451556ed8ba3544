"""The same study in other clothes: nothing may depend on a name, an order, or on how many centres there are."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from chartline.pipeline import run_study
from parted import run_unreported

if TYPE_CHECKING:
    from chartline.study import StudyRun


def numbers(run: StudyRun) -> dict[str, Any]:
    """Every headline number, without the digests that must differ."""
    return dict(run.headline["headline"])


def replace_in(file: Path, old: str, new: str, *, must: bool = True) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text or not must, f"{old} not in {file.name}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def drop_answers_of(study: Path, *centres: str) -> None:
    file = study / "answers.csv"
    with file.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    with file.open("w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(r for r in rows if r["centre"] not in centres)


def test_everything_renamed(study: Path, tmp_path: Path, answered: StudyRun) -> None:
    (study / "protocol.yaml").rename(study / "my study.yaml")
    (study / "mappings").rename(study / "how to read them")
    (study / "centres" / "centre_A").rename(study / "centres" / "North")
    book = study / "centres" / "North" / "CentreA_InO_review.xlsx"
    book.rename(book.with_name("review (final) v2.xlsx"))
    replace_in(study / "my study.yaml", "mappings/centre_", "how to read them/centre_")
    replace_in(study / "my study.yaml", "centres/centre_A", "centres/North")
    for file in (study / "how to read them" / "centre_A.yaml", study / "answers.csv"):
        replace_in(file, "CentreA_InO_review.xlsx", "review (final) v2.xlsx")
    assert numbers(run_unreported(study / "my study.yaml", tmp_path / "out")) == numbers(answered)


def shuffle_columns(file: Path) -> None:
    with file.open(encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f))
    order = list(range(len(rows[0])))
    random.Random(file.name).shuffle(order)
    with file.open("w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([row[i] for i in order] for row in rows)


def test_columns_in_another_order(study: Path, tmp_path: Path, answered: StudyRun) -> None:
    shuffle_columns(study / "centres" / "centre_C" / "SynInO_DATA.csv")
    for file in (study / "centres" / "centre_E").glob("*.csv"):
        shuffle_columns(file)
    assert numbers(run_unreported(study, tmp_path / "out")) == numbers(answered)


def test_rows_in_another_order(study: Path, tmp_path: Path, answered: StudyRun) -> None:
    for file in (study / "centres" / "centre_E").glob("*.csv"):
        head, *rows = file.read_text(encoding="utf-8").splitlines()
        file.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")
    assert numbers(run_unreported(study, tmp_path / "out")) == numbers(answered)


def without_centre(study: Path, centre: str) -> None:
    file = study / "protocol.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.strip().startswith(f"- {{id: {centre}, label: Centre")]
    assert len(kept) == len(lines) - 1
    file.write_text("\n".join(kept) + "\n", encoding="utf-8")


@pytest.mark.parametrize("centre", ["A", "C", "E"])
def test_one_centre_left_out(study: Path, tmp_path: Path, answered: StudyRun, centre: str) -> None:
    without_centre(study, centre)
    run = run_unreported(study, tmp_path / "out")
    whole = answered.adam["ADSL"].filter((pl.col("ELIGFL") == "Y") & (pl.col("SITEID") != centre))
    expected = whole.height + (1 if centre == "C" else 0)  # D-06 is the same person as C-05, counted at C
    assert run.headline["headline"]["eligible"]["n"] == expected
    # its answers are not used, and that is said
    assert any(q.rule == "answer_without_centre" and q.centre == centre for q in run.study.queries)


def test_a_centre_with_no_patient(study: Path, tmp_path: Path, answered: StudyRun) -> None:
    for file in (study / "centres" / "centre_E").glob("*.csv"):
        if file.name != "concept.csv":
            file.write_text(file.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    drop_answers_of(study, "E")
    run = run_unreported(study, tmp_path / "out")
    others = answered.adam["ADSL"].filter((pl.col("ELIGFL") == "Y") & (pl.col("SITEID") != "E"))
    assert run.headline["headline"]["eligible"]["n"] == others.height


def test_a_study_of_one_patient(study: Path, tmp_path: Path) -> None:
    for centre in "ABCD":
        without_centre(study, centre)
    for file in (study / "centres" / "centre_E").glob("*.csv"):
        if file.name == "concept.csv":
            continue
        head, *rows = file.read_text(encoding="utf-8").splitlines()
        place = head.split(",").index("person_id")
        kept = [r for r in rows if next(csv.reader([r]))[place] == "5"]
        file.write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    drop_answers_of(study, *"ABCDE")
    run = run_study(study, tmp_path / "out")
    head = run.headline["headline"]
    assert (head["eligible"]["n"], head["cr_cri_rate"]["n"], head["cr_cri_rate"]["N"]) == (1, 1, 1)
    assert head["cr_cri_rate"]["lower"] == pytest.approx(0.025)  # Clopper-Pearson of 1/1: (alpha/2)^(1/1)
    assert (run.out / "report.pdf").stat().st_size > 10_000


def test_a_study_of_nobody(study: Path, tmp_path: Path) -> None:
    for centre in "ABCD":
        without_centre(study, centre)
    for file in (study / "centres" / "centre_E").glob("*.csv"):
        file.write_text(file.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    drop_answers_of(study, *"ABCDE")
    run = run_study(study, tmp_path / "out")
    assert run.headline["headline"]["eligible"]["n"] == 0
    assert run.headline["headline"]["cr_cri_rate"]["estimate"] is None
    assert (run.out / "report.docx").is_file()


def test_pooled_is_whole(answered: StudyRun) -> None:
    """The patient side on any split of the subjects gives counts that add to those of the whole."""
    from dataclasses import replace

    from chartline.core.clinical import ClinicalData
    from chartline.counts.model import add_counts
    from chartline.pipeline import derive_study

    def part(keep: pl.Expr) -> Any:
        data = answered.study.data
        some = ClinicalData({d: f.filter(keep) for d, f in data.domains.items()}, data.origins)
        return derive_study(replace(answered.study, data=some))[2]

    # C-05 and D-06 are one person and stay together, as a partition by person would keep them
    together = pl.col("USUBJID").is_in(["C-05", "D-06"])
    odd = pl.col("USUBJID").str.slice(-1).is_in(["1", "3", "5", "7", "9"])
    pooled = add_counts([part(odd | together), part(~odd & ~together)])
    assert pooled == answered.counts
