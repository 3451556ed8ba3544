"""Leaving a centre out by addition is a run without it; shares of the variance are those of least squares."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.cohort.select import select_cohort
from chartline.core.clinical import ClinicalData
from chartline.core.kept import Kept, only
from chartline.core.query import Query, Topic
from chartline.counts.count import count_analyses
from chartline.derive.derive import derive_all
from chartline.multiverse.patients import count_specification
from chartline.protocol.model import Protocol
from chartline.stats.sensitivity.specifications import decompose_specifications
from chartline.stats.statistic import NotEstimable
from chartline.study import StudyData
from derive_cases import block, eligible, lean, protocol, variants
from truth_data import tiny

ANALYSES = ("screened", "eligible", "cr_cri_rate", "os", "dor", "cycles", "best_response", "followup")


@st.composite
def studies(draw: st.DrawFn) -> tuple[ClinicalData, list[Query]]:
    """Up to seven subjects of three centres; the same first dose makes two of them one person."""
    rows: dict[str, list[str]] = {
        "EX": ["CENTRE|USUBJID|EXSTDTC|EXCYCLE"],
        "RS": ["CENTRE|USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD"],
        "SS": ["CENTRE|USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC"],
    }
    queries = []
    for i in range(draw(st.integers(1, 7))):
        centre, day = draw(st.sampled_from("ABC")), draw(st.integers(1, 3))
        who = f"{centre}|{centre}-{i}"
        rows["EX"] += [f"{who}|2020-01-0{day}|1", *[f"{who}|2020-02-1{i}|2"] * draw(st.integers(0, 1))]
        rows["RS"] += [f"{who}|2020-01-31|1|{draw(st.sampled_from([1, 20]))}|0|ABSENT"]
        rows["SS"] += [f"{who}|{draw(st.sampled_from([f'Y|2020-06-1{i}', 'N|']))}|2020-08-0{i + 1}|N|"]
        if draw(st.integers(0, 4)) == 0:
            queries.append(block(f"{centre}-{i}", Topic.RESPONSE, centre=centre))
    return eligible(tiny(**{domain: "\n".join(lines) for domain, lines in rows.items()})), queries


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(studies())
def test_leaving_a_centre_out_by_addition_is_a_run_without_it(study: tuple[ClinicalData, list[Query]]) -> None:
    data, queries = study
    p = of_three_centres()
    read = StudyData(p, "", data, tuple(queries), (), {}, found=tuple(queries))
    worlds = count_specification(read, p, ANALYSES, ("A", "B", "C"), Kept())
    for centre in ("", "A", "B", "C"):
        rest = ClinicalData({d: f.filter(pl.col("CENTRE") != centre) for d, f in data.domains.items()}, data.origins)
        left = [q for q in queries if q.centre != centre]
        cohort = select_cohort(rest, p, left, "")
        whole = count_analyses(derive_all(rest, cohort, p, left), cohort.attrition, p, "")
        for analysis in ANALYSES:
            for name, table in worlds[analysis][centre].items():
                assert table == whole[name], (centre, name)


def test_what_an_analysis_reads_is_derived_for_it_and_counted_as_in_a_run() -> None:
    """Variables that are named by a syndrome, a variant of response or grading, or a compared MRD definition."""
    shown = {
        "syndrome": "VODSEAT is present",
        "response": "BOR_W28 is present",
        "grading": "LIVTOXFL_V4 == 'N'",
        "residual": "MRD_EUROMRD_BEST is present",
    }
    asked = [
        {"id": name, "kind": "proportion", "label": name, "population": "treated", "numerator": condition}
        for name, condition in shown.items()
    ]
    p = protocol()
    p = protocol(analyses=[*asked, *(a.model_dump(by_alias=True) for a in p.analyses if a.kind == "mrd")], report={})
    p = p.model_copy(update={"checks": {rule: False for rule in _rules()}})
    ex, rs = "CENTRE|USUBJID|EXSTDTC|EXCYCLE\nA|A-1|2020-01-01|1", "RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|MRDCLASS"
    data = eligible(tiny(EX=ex, RS=f"CENTRE|USUBJID|{rs}\nA|A-1|2020-01-31|1|1|0|ABSENT|NEGATIVE"))
    counted = count_specification(StudyData(p, "", data, (), (), {}), p, tuple(shown), (), Kept())
    cohort = select_cohort(data, p, [], "")
    whole = count_analyses(derive_all(data, cohort, p, []), cohort.attrition, p, "")
    assert {name: counted[name][""][name] for name in shown} == {name: whole[name] for name in shown}


@cache
def of_three_centres() -> Protocol:
    p = protocol(**lean() | {key: {} for key in variants()})
    one = p.data.centres[0]
    centres = tuple(one.model_copy(update={"id": c, "label": c}) for c in "ABC")
    data = p.data.model_copy(update={"centres": centres})
    checks = {rule: False for rule in _rules()}  # the queries of this test are its own
    counted = tuple(a for a in p.analyses if a.id in ANALYSES)
    report = p.report.model_copy(update={"syndromes": ()})
    return p.model_copy(update={"data": data, "checks": checks, "analyses": counted, "report": report})


def _rules() -> list[str]:
    from chartline.checks.engine import rules

    return list(rules())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_shares_of_a_full_factorial_are_those_of_least_squares(shape: list[int], seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=shape)
    parts = decompose_specifications(y)
    total = ((y - y.mean()) ** 2).sum()
    for axis, size in enumerate(shape):
        level = np.indices(shape)[axis].ravel()
        design = np.stack([level == k for k in range(size)], axis=1).astype(float)
        fitted = design @ np.linalg.lstsq(design, y.ravel(), rcond=None)[0]
        assert parts.share[axis] == pytest.approx(((fitted - y.mean()) ** 2).sum() / total)
    assert sum(parts.share) + parts.interaction == pytest.approx(1)
    # neither unit nor zero of the number matters
    again = decompose_specifications(3 * y + 100)
    assert again.share == pytest.approx(parts.share)


def test_where_nothing_moves_nothing_has_a_share() -> None:
    parts = decompose_specifications(np.full((2, 3), 0.1))
    assert parts.share == (0, 0)
    assert parts.interaction == 0


def test_cells_without_a_value_are_left_out_and_said() -> None:
    parts = decompose_specifications([[1.0, np.nan], [3.0, 5.0]])
    assert not parts.complete
    assert parts.means[0].tolist() == [1, 4]
    # mean 3, total 8; rows 1 * 2^2 + 2 * 1^2 = 6; columns 2 * 1^2 + 1 * 2^2 = 6
    assert parts.share == pytest.approx((6 / 8, 6 / 8))
    assert np.isnan(parts.interaction)
    with pytest.raises(NotEstimable, match="fewer than two"):
        decompose_specifications([np.nan, 1.0])


def test_kept_calls_are_made_once_and_read_only_what_they_are_given() -> None:
    calls = []

    def frame(n: int) -> pl.DataFrame:
        calls.append(n)
        return pl.DataFrame({"x": [n % 2]})

    keep = Kept()
    first = keep(frame, 1)
    assert keep(frame, 1) is first
    assert keep(frame, 3) is first  # made again, and equal
    assert keep(frame, 2) is not first
    assert calls == [1, 3, 2]
    narrow = only(protocol(), "mrd.deep_by_cycle", "laboratory")
    assert narrow.mrd.deep_by_cycle == 2
    assert narrow == only(protocol(), "mrd.deep_by_cycle", "laboratory")
    with pytest.raises(AttributeError, match="`definition` is read"):
        _ = narrow.mrd.definition
