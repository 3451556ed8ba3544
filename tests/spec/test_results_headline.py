"""headline.json and the rows of results.csv: the shapes that others read."""

from __future__ import annotations

import json

import pytest

from chartline.counts.count import count_analyses
from chartline.errors import ProtocolError
from chartline.protocol.reporting import Headline
from chartline.results.headline import build_headline
from chartline.results.model import RESULT_COLUMNS, Result, Results
from chartline.results.serialise import result_rows, results_from_rows
from chartline.stats.estimate import estimate_all
from counts_cases import DIGEST, Row, adam, attrition, subject, time, tiny_protocol

PROTOCOL = tiny_protocol()


def results(subjects: list[Row], times: list[Row]) -> Results:
    tables = adam(subjects, times)
    counts = count_analyses(tables, attrition(tables), PROTOCOL, DIGEST)
    return Results(estimate_all(counts, PROTOCOL), DIGEST, "data")


@pytest.fixture
def study() -> Results:
    subjects = [subject("1", RESPFL="Y"), subject("2", RESPFL="N"), subject("3", RESPFL="N")]
    return results(subjects, [time("1", 60, "death"), time("2", 400), time("3", 500)])


def test_a_rate_has_everything_a_reader_needs(study: Results) -> None:
    out = build_headline(study, PROTOCOL)
    assert {k: out[k] for k in ("study", "protocol_digest", "data_digest")} == {
        "study": "TINY", "protocol_digest": DIGEST, "data_digest": "data"
    }  # fmt: skip
    assert list(out["headline"]) == list(PROTOCOL.headline)
    rate = out["headline"]["response"]
    # 1 of 3: Clopper-Pearson from R binom.test(1, 3)
    assert rate == {
        "label": "Response", "n": 1, "N": 3, "estimate": 1 / 3,
        "lower": pytest.approx(0.0084037586596126413, rel=1e-12),
        "upper": pytest.approx(0.9057006759497539, rel=1e-12),
        "unit": "proportion", "missing": 0, "method": "Clopper-Pearson exact interval",
        "definition": "Responded.", "result_id": "response/proportion",
    }  # fmt: skip


def test_a_count_has_only_n(study: Results) -> None:
    assert build_headline(study, PROTOCOL)["headline"]["screened"] == {
        "label": "Screened", "n": 3, "unit": "patients", "definition": "", "result_id": "screened/n"
    }  # fmt: skip


def test_a_number_that_cannot_be_computed_is_null_with_its_reason(study: Results) -> None:
    median = build_headline(study, PROTOCOL)["headline"]["rfs_median"]
    assert (median["estimate"], median["reason"]) == (None, "median not reached")
    json.dumps(build_headline(results([], []), PROTOCOL), allow_nan=False)


def test_a_headline_that_no_result_answers_is_an_error(study: Results) -> None:
    wrong = PROTOCOL.model_copy(update={"headline": {"x": Headline(analysis="rfs", statistic="mode")}})
    with pytest.raises(ProtocolError, match="rfs has no statistic `mode`"):
        build_headline(study, wrong)


def test_rows_are_flat_and_read_back(study: Results) -> None:
    rows = result_rows(study)
    assert all(tuple(r) == RESULT_COLUMNS for r in rows)
    assert {type(r["value"]) for r in rows} == {float, type(None)}
    assert list(results_from_rows(rows)) == list(study)


def test_a_warning_is_read_back_as_it_was_whatever_it_holds() -> None:
    said = ("2 at risk at 6 months; 1 left out", "level A | B", r"a path C:\d\|", "| alone")
    rows = result_rows(Results([Result("a", "mean", 1.0, method="m", warnings=said)], DIGEST, "data"))
    assert rows[0]["warnings"].split(" | ")[0] == said[0]
    assert next(iter(results_from_rows(rows))).warnings == said


def test_a_row_whose_id_is_of_another_result_is_refused(study: Results) -> None:
    with pytest.raises(ValueError, match="holds the result"):
        results_from_rows([result_rows(study)[0] | {"result_id": "other/n"}])
    with pytest.raises(ValueError, match="2 runs"):
        results_from_rows([*result_rows(study), result_rows(study)[0] | {"data_digest": "another"}])


def test_a_result_needs_a_value_or_a_reason_and_a_method_or_to_be_a_count() -> None:
    with pytest.raises(ValueError, match="neither a value nor a reason"):
        Result("a", "n", None, is_count=True)
    with pytest.raises(ValueError, match="no method and is not a count"):
        Result("a", "mean", 1.0)
