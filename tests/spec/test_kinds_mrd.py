"""Rates of MRD-negative response: each denominator from a handful of subjects, by hand."""

from __future__ import annotations

import pytest

from counts_cases import Row, adam, subject, tiny_protocol
from kinds_cases import results_of

MRD = {
    "id": "mrd", "kind": "mrd", "label": "MRD", "population": "all", "windows": ["BEST"],
    "definitions": {"INO-VATE": "ino_vate"},
}  # fmt: skip
GROUP = "DEFINITION=INO-VATE;WINDOW=BEST"
# 7 responders: 3 negative, 1 positive, 1 undecided, 1 tested inadequately, 1 not tested; 3 others, 1 of them negative
CATEGORIES = ["NEGATIVE"] * 3 + ["POSITIVE", "UNDECIDED", "INADEQUATE", None]
PEOPLE = [subject(f"R{i}", RESPFL="Y", MRD_INO_VATE_BEST=c) for i, c in enumerate(CATEGORIES)]
PEOPLE += [subject(f"N{i}", RESPFL="N", MRD_INO_VATE_BEST=c) for i, c in enumerate(["NEGATIVE", None, "POSITIVE"])]


@pytest.mark.parametrize(
    ("denominator", "n", "total", "missing"),
    [
        ("tested", 3, 5, 0),  # 3 negative, 1 positive, 1 undecided
        ("responders", 3, 7, 2),
        ("all", 3, 10, 2),  # who did not respond has no MRD-negative response
        ("low", 3, 7, 2),
        ("high", 5, 7, 2),
    ],
)
def test_each_denominator(denominator: str, n: int, total: int, missing: int) -> None:
    r = results_of(adam(PEOPLE), MRD).get("mrd", f"proportion_{denominator}", group=GROUP)
    assert r is not None
    assert (r.n, r.N, r.missing, r.value) == (n, total, missing, n / total)
    assert r.method == "Clopper-Pearson exact interval"


def test_an_exact_interval() -> None:
    # 0 of 1: the upper limit of Clopper-Pearson is 1 - 0.025 ** (1 / 1) = 0.975
    one = [subject("R", RESPFL="Y", MRD_INO_VATE_BEST="POSITIVE")]
    r = results_of(adam(one), MRD).get("mrd", "proportion_tested", group=GROUP)
    assert r is not None and (r.lower, r.upper) == (0, pytest.approx(0.975, rel=1e-12))


def test_before_transplantation_only_the_transplanted_count() -> None:
    people = [subject("T", RESPFL="Y", HSCTFL="Y", MRD_INO_VATE_HSCT="NEGATIVE"), subject("R", RESPFL="Y", HSCTFL="N")]
    results = results_of(adam(people), MRD | {"windows": ["HSCT"]})
    r = results.get("mrd", "proportion_all", group="DEFINITION=INO-VATE;WINDOW=HSCT")
    assert r is not None and (r.n, r.N) == (1, 1)


def test_who_is_withheld_is_in_no_denominator_and_said() -> None:
    withheld: list[Row] = [{"USUBJID": "R0", "ITEM": "ADSL.MRD_INO_VATE_BEST", "QUERY": "q1", "REASON": "open"}]
    r = results_of(adam(PEOPLE, withheld=withheld), MRD).get("mrd", "proportion_responders", group=GROUP)
    assert r is not None and (r.n, r.N, r.withheld) == (2, 6, 1)


def test_nobody_is_a_row_with_its_reason() -> None:
    r = results_of(adam(PEOPLE), MRD | {"population": "nobody"}).get("mrd", "proportion_all", group=GROUP)
    assert r is not None and r.value is None and r.reason == "no patients in the set"


@pytest.mark.parametrize(
    "wrong",
    [{"windows": ["BEST", "BEST"]}, {"definitions": {"A": "ino_vate", "B": "ino_vate"}}, {"definitions": {"a=b": "x"}}],
)
def test_a_table_has_each_column_and_row_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"twice|holds no"):
        tiny_protocol(analyses=[MRD | wrong], headline={})
