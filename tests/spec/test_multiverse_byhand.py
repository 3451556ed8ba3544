"""The multiverse of a tiny study, by hand: combinations of options, leaving centres out, and what moves a number."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.errors import ProtocolError
from chartline.multiverse.estimate import estimate_multiverse
from chartline.report.blocks.multiverse import build
from chartline.report.document import Figure, Table
from chartline.report.figures import draw
from chartline.results.multiverse import Multiverse, multiverse_columns, multiverse_summary
from chartline.study import StudyData
from chartline.trace.listings import multiverse_source
from derive_cases import eligible, protocol
from truth_data import tiny

MONTH = 30.4375
CENTRE = {"centre": {"label": "Centre left out", "leave_out": "SITEID"}}
TRANSPLANT = {
    "transplant": {
        "label": "Transplantation",
        "options": {"ignored": {}, "censors": {"endpoints.DOR.censor_at": ["transplant"]}},
    }
}
# In remission on 31 January 2020, relapse so many days later: P1 100, P2 180 (transplanted after 50), P3 200, P4 300.
TABLES = {
    "EX": "\n".join(
        ["CENTRE|USUBJID|EXSTDTC|EXCYCLE", *(f"{c}|{s}|2020-01-0{s}|1" for c, s in ("A1", "A2", "B3", "B4"))]
    ),
    "RS": "\n".join(
        [
            "CENTRE|USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD",
            *(f"{c}|{s}|2020-01-31|1|1|0|ABSENT" for c, s in ("A1", "A2", "B3", "B4")),
        ]
    ),
    "SS": "CENTRE|USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL\n"
    "A|1|Y|2020-05-10|2021-06-01|N\nA|2|Y|2020-07-29|2021-06-01|N\n"
    "B|3|Y|2020-08-18|2021-06-01|N\nB|4|Y|2020-11-26|2021-06-01|N",
    "PR": "CENTRE|USUBJID|PRTRT|PRSTDTC\nA|2|ALLOGENEIC HSCT|2020-03-21",
}


def study(
    switches: dict[str, Any], outcomes: tuple[str, ...] = ("dor_median",), tables: Any = None, **over: Any
) -> StudyData:
    centres = [{"id": c, "label": f"Centre {c}", "folder": c, "mapping": f"{c}.yaml"} for c in "AB"]
    declared = {
        "data": {"cut_off": "2022-01-01", "centres": centres},
        "multiverse": {"outcomes": list(outcomes), "switches": switches},
    }
    data = eligible(tiny(**(tables or TABLES)))
    return StudyData(protocol(**declared, **over), "digest", data, (), (), {})


def values(m: Multiverse, at: int = 0) -> list[float | None]:
    return [None if r.value is None else round(r.value * MONTH, 6) for r in m.outcomes[at].results]


def test_every_combination_is_a_specification_the_last_switch_running_fastest() -> None:
    m = estimate_multiverse(study(TRANSPLANT | CENTRE))
    assert len(m) == 6
    assert m.switches[1].options == ("none", "A", "B")
    assert [m.choice(i) for i in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    # relapses on days 100 180 200 300: S is 1/2 from 180 to 200, so the median is 190; 200 300 and 100 180 alike.
    # censored at transplantation P2 leaves on day 50: S is 2/3, 1/3, 0 on days 100 200 300; without B 0 on day 100
    assert values(m) == [190, 250, 140, 200, 250, 100]


def test_what_moves_a_number_by_hand() -> None:
    m = estimate_multiverse(study(TRANSPLANT | CENTRE))
    transplant, centre = m.outcomes[0].sways
    # means 580/3 and 550/3; of the centres 195 250 120; all in all 565/3, sum of squares 17883 1/3
    assert transplant.means == pytest.approx((580 / 3 / MONTH, 550 / 3 / MONTH))
    assert centre.means == pytest.approx((195 / MONTH, 250 / MONTH, 120 / MONTH))
    assert transplant.spread == pytest.approx(10 / MONTH)
    assert transplant.share == pytest.approx(150 / (53650 / 3))
    between = 2 * ((195 - 565 / 3) ** 2 + (250 - 565 / 3) ** 2 + (120 - 565 / 3) ** 2)
    assert centre.share == pytest.approx(between / (53650 / 3))
    assert m.outcomes[0].interaction == pytest.approx(1 - (150 + between) / (53650 / 3))
    assert (transplant.alone, transplant.alone_option) == (pytest.approx(10 / MONTH), "censors")
    assert (centre.alone, centre.alone_option) == (pytest.approx(60 / MONTH), "A")
    assert [s.switch for s in m.outcomes[0].ranked] == ["centre", "transplant"]


def test_a_switch_that_changes_nothing_is_left_out_of_the_curve() -> None:
    ctcae = {"ctcae": {"label": "CTCAE", "options": {"5": {}, "4": {"laboratory.grading": "ctcae_v4"}}}}
    m = estimate_multiverse(study(ctcae | TRANSPLANT | CENTRE))
    assert values(m) == [190, 250, 140, 200, 250, 100] * 2
    assert not m.outcomes[0].sways[0].moves
    assert m.distinct(m.outcomes[0]) == [0, 1, 2, 3, 4, 5]


def test_a_number_that_cannot_be_computed_keeps_its_place_and_its_reason() -> None:
    tables = TABLES | {"SS": TABLES["SS"].replace("B|4|Y|2020-11-26", "B|4|N|").replace("B|3|Y|2020-08-18", "B|3|N|")}
    m = estimate_multiverse(study(TRANSPLANT | CENTRE, tables=tables))
    # nobody of B relapses: without A the median is not reached; with both S is 3/4 and 1/2 on days 100 and 180
    assert values(m)[1] is None
    assert m.outcomes[0].results[1].reason == "median not reached"
    summary = multiverse_summary(m)["outcomes"]["dor_median"]
    assert summary["estimable"] == pytest.approx(sum(v is not None for v in values(m)) / 6)
    assert m.outcomes[0].interaction is None  # the combinations are no longer all there
    columns = multiverse_columns(m)
    assert columns["reason"][1] == "median not reached"
    assert list(columns)[:4] == ["specification", "transplant", "centre", "outcome"]


def test_its_texts_have_labels_for_the_names_of_variables() -> None:
    shares = {
        "id": "shares", "label": "Response", "kind": "compare_proportions", "population": "treated",
        "numerator": "RESPFL == 'Y'", "by": "SEX", "strata": ["SITEID"],
    }  # fmt: skip
    analyses = [a.model_dump(exclude_unset=True, by_alias=True) for a in study(TRANSPLANT).protocol.analyses]
    m = estimate_multiverse(study(TRANSPLANT, ("shares/p_odds_ratio_pooled",), analyses=[*analyses, shares]))
    assert {r.method for r in m.outcomes[0].results} == {"Cochran-Mantel-Haenszel test over centre"}


def test_a_person_recorded_at_two_centres_is_counted_at_the_other_where_one_is_left_out() -> None:
    """3 of centre B is 1 of centre A: same birth, sex and first dose. A keeps more records, so B's is the duplicate."""
    tables = TABLES | {
        "EX": "CENTRE|USUBJID|EXSTDTC|EXCYCLE\nA|1|2020-01-01|1\nA|1|2020-01-08|1\nB|3|2020-01-01|1\nB|4|2020-01-02|1"
    }
    m = estimate_multiverse(study(CENTRE, ("eligible", "screened"), tables))
    assert [r.value for r in m.outcomes[0].results] == [2, 2, 1]  # all: 1 and 4; without A: 3 and 4; without B: 1
    assert [r.value for r in m.outcomes[1].results] == [3, 2, 1]


def test_the_study_without_its_only_centre_is_a_study_of_nobody() -> None:
    tables = {k: "\n".join(line for line in t.split("\n") if line[:2] != "B|") for k, t in TABLES.items()}
    m = estimate_multiverse(study(CENTRE, ("cr_cri_rate", "dor_median"), tables))
    assert [o.results[1].reason for o in m.outcomes] == ["no patients in the set"] * 2
    assert [o.results[2].value for o in m.outcomes] == [o.results[0].value for o in m.outcomes]


def test_an_option_that_changes_who_is_eligible_changes_every_number() -> None:
    period = {
        "period": {
            "label": "Study period",
            "options": {"all": {}, "from 2020-01-04": {"eligibility.period.require": "TRTSDT >= '2020-01-04'"}},
        }
    }
    m = estimate_multiverse(study(period | CENTRE, ("eligible", "dor_median")))
    assert [r.value for r in m.outcomes[0].results] == [4, 2, 2, 1, 1, 0]
    assert values(m, 1)[3:5] == [300, 300]


def test_a_variant_that_does_not_say_otherwise_follows_the_response() -> None:
    counts = "CENTRE|USUBJID|LBDTC|LBTESTCD|LBSTRESN|LBORRESU\n" + "\n".join(
        f"{c}|{s}|2020-02-20|{t}|{v}|x" for c, s in ("A1", "A2", "B3", "B4") for t, v in (("ANC", 2), ("PLT", 200))
    )
    window = {"window": {"label": "W", "options": {"14": {}, "28": {"response.counts_window_days": [0, 28]}}}}
    over = {
        "response_variants": {"SUP": {"support_free_days": 3}, "FIX": {"counts_window_days": [0, 14]}},
        "analyses": [
            {
                "id": n.lower(),
                "kind": "proportion",
                "label": n,
                "population": "treated",
                "numerator": f"BOR_{n} == 'CR'",
            }
            for n in ("SUP", "FIX")
        ],
        "headline": {},
        "report": {},
        "published": [],
    }
    m = estimate_multiverse(study(window, ("sup/proportion", "fix/proportion"), TABLES | {"LB": counts}, **over))
    # blood counts 20 days after the marrow: within 28 days, not within 14
    assert [[r.value for r in o.results] for o in m.outcomes] == [[0, 1], [0, 0]]


def test_an_outcome_that_its_analysis_does_not_have_is_refused() -> None:
    with pytest.raises(ProtocolError, match="has no statistic `meddian`") as e:
        estimate_multiverse(study(TRANSPLANT, ("dor/meddian",)))
    assert "median" in e.value.expected


def test_two_options_that_cannot_be_combined_are_refused_before_anything_is_derived() -> None:
    kinds = {
        "a": {"label": "A", "options": {"x": {}, "y": {"characteristics.BSA.type": "text"}}},
        "b": {"label": "B", "options": {"x": {}, "y": {"sets.deep.where": "ELIGFL == 'Y' and BSA > 2"}}},
    }
    over = {"report": {}, "analyses": [{"id": "n", "kind": "tally", "label": "N", "population": "deep"}]}
    over |= {"headline": {}, "published": []}
    with pytest.raises(ProtocolError, match=r"not valid under `y` \(a\) and `y` \(b\): BSA is compared with 2") as e:
        estimate_multiverse(study(kinds, ("n/n",), **over))
    assert "multiverse.switches.b.options.y" in e.value.where


def test_the_report_has_a_curve_a_number_and_says_what_moves_it() -> None:
    ctcae = {"ctcae": {"label": "CTCAE", "options": {"5": {}, "4": {"laboratory.grading": "ctcae_v4"}}}}
    data = study(ctcae | TRANSPLANT | CENTRE, ("dor_median", "vod_rate/proportion"))
    m = estimate_multiverse(data)
    blocks = build(multiverse_source(data, m))
    choices, moved = (b for b in blocks if isinstance(b, Table))
    assert [r[3].text for r in choices.rows] == [
        "none of the numbers",
        "median duration of response",
        "median duration of response; VOD/SOS, grade 3 or more",
    ]
    assert [c.text for c in moved.rows[0][2:]] == ["3.3–8.2", "100", "Centre left out (95%)", "Transplantation (<1%)"]
    figure = next(b for b in blocks if isinstance(b, Figure))
    assert figure.name == "multiverse_dor_median"
    assert [s[0] * MONTH for s in figure.data["specifications"]] == pytest.approx([100, 140, 190, 200, 250, 250])
    assert figure.data["reference"] == 2
    ignored, censors = figure.data["choices"][1]["options"]
    assert (ignored["reference"], censors["reference"]) == (True, False)
    assert ignored["runs"] == [(1, 3), (4, 5)]
    assert censors["runs"] == [(0, 1), (3, 4), (5, 6)]
    assert draw(figure, "svg").startswith(b"<svg")
