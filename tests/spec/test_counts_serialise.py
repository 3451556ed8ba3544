"""counts.json: what a hospital sends is text that reads back exactly, and is refused when it is anything else."""

from __future__ import annotations

import json

import pytest

from chartline.counts.count import count_analyses
from chartline.counts.model import AttritionStep, AttritionTable, CountKey, Counts
from chartline.counts.serialise import CountsError, counts_from_json, counts_to_json
from counts_cases import DIGEST, adam, attrition, subject, time, tiny_protocol


@pytest.fixture
def counts() -> Counts:
    tables = adam(
        [subject("1", WT=0.1 + 0.2, RESPFL="Y"), subject("2", SITEID="Zürich"), subject("3", WT=1e-300)],
        [time("1", 4, "relapse"), time("2", 4)],
        labs=[{"USUBJID": "1", "LBTESTCD": "ALT", "ANL01FL": "Y", "ATOXGR": 2}],
    )
    return count_analyses(tables, attrition(tables), tiny_protocol(), DIGEST)


def test_round_trip_is_exact(counts: Counts) -> None:
    assert counts_from_json(counts_to_json(counts)) == counts


def test_equal_counts_give_equal_text_whatever_their_order(counts: Counts) -> None:
    turned = {name: counts[name] for name in reversed(counts)}
    assert counts_to_json(turned) == counts_to_json(counts)


def test_no_subject_is_in_the_text() -> None:
    tables = adam([subject("SUBJECT-77", RESPFL="Y")], [time("SUBJECT-77", 4)])
    text = counts_to_json(count_analyses(tables, attrition(tables), tiny_protocol(), DIGEST))
    assert "SUBJECT-77" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"chartline": "counts/9", "tables": {}}',
        '{"chartline": "counts/1", "tables": {"os": {"type": "Secret", "key": {}}}}',
        '{"chartline": "counts/1"}',
    ],
)
def test_another_file_is_refused_in_words(text: str) -> None:
    with pytest.raises(CountsError, match="The counts cannot be read") as e:
        counts_from_json(text, where="site_b/counts.json")
    assert "site_b/counts.json" in str(e.value)


@pytest.mark.parametrize(("old", "new"), [("[1, 0, 0, 0]", "[-1, 0, 0, 0]"), ("[1, 0, 0, 0]", "[9, 0, 0, 0]")])
def test_counts_that_do_not_add_up_are_refused(counts: Counts, old: str, new: str) -> None:
    text = counts_to_json(counts)
    assert old in text
    with pytest.raises(CountsError):
        counts_from_json(text.replace(old, new))


def test_the_text_is_plain_json_one_table_a_line(counts: Counts) -> None:
    text = counts_to_json(counts)
    assert sorted(json.loads(text)["tables"]) == sorted(counts)
    assert len(text.splitlines()) == len(counts) + 2


def test_whom_a_selection_left_open_reads_back_and_adds() -> None:
    """Of 9 persons 2 are ruled out and 7 go on, 3 of them though the database could not decide."""
    key = CountKey(analysis="selection", protocol_digest=DIGEST)
    table = AttritionTable(key=key, screened=9, steps=(AttritionStep("age", "Adult", 9, 2, 0, 7, 3),))
    read = counts_from_json(counts_to_json({"selection": table}))["selection"]
    assert read == table
    both = table + table
    assert both.steps == (AttritionStep("age", "Adult", 18, 4, 0, 14, 6),)
