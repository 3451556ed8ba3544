"""A study that selects in its database: the numbers of every step are those of the truth, of a published count, or of
the same question asked by hand, and they stand in the report."""

from __future__ import annotations

import json
from pathlib import Path

from chartline.pipeline import run_study, simulate_database


def test_the_attrition_in_a_simulated_database_is_that_of_its_truth(tmp_path: Path) -> None:
    simulate_database(20_000, 3, tmp_path / "sim", treated=0.004, processes=2)
    drawn = json.loads((tmp_path / "sim" / "truth.json").read_text())["drawn"]
    assert 20_000 == drawn["persons"] > drawn["treated"] > drawn["in_period"] > drawn["adults"] > 30
    done = run_study(tmp_path / "sim", tmp_path / "out")
    table = done.counts["selection"]
    assert table is not None
    assert table.screened == 20_000
    # Whoever is drawn as treated has B-cell ALL before the first dose.
    assert [(s.id, s.n_in, s.n_out) for s in table.steps] == [
        ("index", 20_000, drawn["treated"]),
        ("index_days", drawn["treated"], drawn["in_period"]),
        ("age", drawn["in_period"], drawn["adults"]),
        ("require1", drawn["adults"], drawn["adults"]),
    ]
    assert done.cohort.attrition.screened == done.cohort.attrition.eligible == drawn["adults"]
    assert done.counts["selection"] == table
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Persons in the database" in report and "Patients were selected in the database by codes" in report
