"""A subject or a value that a finished run does not have: told where it was looked for, and what is there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from chartline.trace.explain import ExplainError, explain_result, explain_subject


@pytest.fixture
def out(tmp_path: Path) -> Path:
    rows = {"CENTRE": ["A", "B"], "USUBJID": ["A-03", "B-11"], "ITEM": ["ADTTE.RFS", "ADTTE.RFS"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "trace.parquet")
    (tmp_path / "headline.json").write_text('{"headline": {"os_12m": {}}}', encoding="utf-8")
    results = {"result_id": ["os/survival@12"], "analysis": ["os"], "statistic": ["survival"], "group": [""]}
    pl.DataFrame(results).write_parquet(tmp_path / "results.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("subject", "what", "expected", "do"),
    [
        ("A-30", None, "did you mean A-03?", "correct the id"),
        ("unknown", None, "for example A-03, B-11", "correct the id"),
        ("A-03", "RFSX", "did you mean RFS?", "--subject without a name lists all"),
    ],
)
def test_an_unknown_name_is_told_what_there_is(
    out: Path, subject: str, what: str | None, expected: str, do: str
) -> None:
    with pytest.raises(ExplainError) as e:
        list(explain_subject(out, subject, what))
    assert e.value.where == str(out / "trace.parquet")
    assert e.value.expected == expected
    assert do in (e.value.do or "")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("os_12", "did you mean os_12m?"),
        ("unlike anything", "one of os_12m, or a result id"),
        (None, "one of os_12m, or a result id"),
    ],
)
def test_an_unknown_result_is_told_where_it_was_looked_for(out: Path, what: str | None, expected: str) -> None:
    with pytest.raises(ExplainError) as e:
        list(explain_result(out, what))
    assert e.value.where == str(out / "results.parquet")
    assert e.value.expected == expected
    assert "results.csv" in e.value.do
