"""A subject or a value that a finished run does not have: told where it was looked for, and what is there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from chartline.trace.explain import ExplainError, explain_subject


@pytest.fixture
def out(tmp_path: Path) -> Path:
    rows = {"USUBJID": ["A-03", "B-11"], "ITEM": ["ADTTE.RFS", "ADTTE.RFS"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "trace.parquet")
    (tmp_path / "headline.json").write_text('{"headline": {}}', encoding="utf-8")
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
