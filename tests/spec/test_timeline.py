"""One patient's timeline: what is drawn, where, and that whatever a chart says is printed and never obeyed."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from chartline.trace.timeline.axis import Axis, axis_of
from chartline.trace.timeline.course import Course, Finding
from chartline.trace.timeline.drawing import rows_without_overlap, shortened, width_of
from chartline.trace.timeline.page import render_index, render_page
from chartline.trace.timeline.picture import draw_course

START = dt.date(2020, 1, 1)
DEFINITIONS: dict[str, Any] = {
    "study": {"id": "S", "title": "A study", "notice": "Synthetic."},
    "response": {
        "rules": "A rule set, version 3", "categories": {}, "order": ["CR", "CRi", "NR", "NE"],
        "responders": ["CR", "CRi"], "not_evaluable": "NE", "investigator": {"PD": "NR"},
    },
    "thresholds": {"BMBLAST": [{"operator": "<", "threshold": 5, "unit": "%"}]},
    "mrd": {"below_percent": 0.01, "sensitivity": 0.0001},
}  # fmt: skip


def finding(lane: str, day: int, shown: str = "x", series: str = "", **more: Any) -> Finding:
    date = START + dt.timedelta(days=day)
    return Finding(lane, series or lane, day, date, shown, f"because {shown}", "book.xlsx!Sheet!A1", **more)


def course(*findings: Finding) -> Course:
    return Course("P-1", "Centre A", START, (("Sex", "Male"),), findings, (), DEFINITIONS)


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def classes(svg: str, name: str) -> list[str]:
    found = ET.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [e.get("class", "") for e in found]


def test_an_axis_without_a_long_follow_up_is_even() -> None:
    axis = Axis(-10, 90, None, 0, 1000)
    assert [axis.x(d) for d in (-10, 0, 40, 90)] == [0, 100, 500, 1000]


def test_a_long_follow_up_has_its_own_coarser_scale_after_the_dense_part() -> None:
    axis = axis_of([0, 30, 60, 700], [0, 30, 60], 0, 1000)
    assert axis.fold == 60 + 14
    before, after = axis.x(60) - axis.x(59), axis.x(700) - axis.x(699)
    assert before > 10 * after > 0
    assert axis.x(axis.fold) == pytest.approx(760)  # three quarters of the paper for the dense part
    assert sorted(axis.ticks()) == axis.ticks()


def test_a_short_follow_up_does_not_fold_the_axis() -> None:
    assert axis_of([0, 30, 60, 150], [0, 30, 60], 0, 1000).fold is None


def test_lanes_without_a_finding_are_left_out() -> None:
    svg = draw_course(course(finding("dose", 0, "0.8 mg/m²", "Cycle 1", value=0.8)))
    assert "Doses" in texts(svg)
    assert not {"Blasts", "MRD", "Neutrophils", "Platelets", "Toxicity, grade", "Response"} & set(texts(svg))


def test_the_threshold_of_the_rule_set_is_drawn_and_named() -> None:
    svg = draw_course(course(finding("blasts", 0, "80 %", "Marrow", value=80.0)))
    assert "< 5" in texts(svg)
    assert classes(svg, "line").count("limit") == 1


@pytest.mark.parametrize(("sure", "drawn"), [(True, "dot"), (False, "open")])
def test_an_mrd_sample_is_filled_only_where_the_test_was_sensitive_enough(sure: bool, drawn: str) -> None:
    sample = finding("mrd", 20, "0.5 %", "FLOW", value=0.5, sure=sure, limit=1e-5)
    other = {"dot": "open", "open": "dot"}[drawn]
    keys = classes(draw_course(course(finding("mrd", 20, "0.5 %", value=None))), "circle")
    marks = classes(draw_course(course(sample)), "circle")
    assert (marks.count(drawn), marks.count(other)) == (2, 1)  # the key has one of each
    assert keys.count("dot") >= 1
    assert "< 10⁻⁴" in texts(draw_course(course(sample)))  # 0.01 % of cells


def test_a_level_below_a_limit_points_down() -> None:
    def triangles(f: Finding) -> int:
        return len([c for c in classes(draw_course(course(f)), "path") if c in ("dot", "open")])

    assert triangles(finding("mrd", 20, value=0.01)) == 1  # that of the key
    assert triangles(finding("mrd", 20, value=0.01, sign="<")) == 2


def test_a_toxicity_has_its_grade_as_number_and_colour() -> None:
    svg = draw_course(course(finding("toxicity", 8, "4", "Neutrophil count decreased", value=4.0)))
    assert "4" in texts(svg)
    assert "tox g4" in classes(svg, "circle")


def test_the_ribbon_colours_by_response_and_maps_the_words_of_the_treating_team() -> None:
    svg = draw_course(course(finding("response", 20, "CRi"), finding("recorded", 20, "PD"), finding("dose", 0)))
    assert "r1" in classes(svg, "rect")  # the second of the responders
    assert "r3" in classes(svg, "rect")  # PD is NR in this rule set


def test_a_category_that_a_reviewer_set_has_a_dagger() -> None:
    c = course(finding("response", 20, "NR", kind="reviewed"), finding("response", 40, "CR"), finding("dose", 0))
    assert {"NR†", "CR"} <= set(texts(draw_course(c)))
    assert "† set by a reviewer" in render_page(c)


def test_every_mark_says_why_and_from_which_cell() -> None:
    svg = draw_course(course(finding("response", 20, "CR")))
    titles = [e.text for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert "because CR\n2020-01-21, day 20\nCell: book.xlsx!Sheet!A1" in titles


def test_what_a_chart_says_is_printed_and_never_obeyed() -> None:
    nasty = "</text><script>alert(1)</script>&"
    c = course(finding("toxicity", 3, "2", nasty, value=2.0))
    page = render_page(c)
    ET.fromstring(draw_course(c))  # still one well-formed picture
    assert "<script>alert" not in page
    assert "&lt;/text&gt;&lt;script&gt;" in page


def test_the_page_needs_nothing_from_anywhere() -> None:
    page = render_page(course(finding("dose", 0)), back="index.html")
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["index.html"]
    assert "url(" not in page and "@import" not in page


def test_the_table_beneath_has_every_finding() -> None:
    found = (finding("dose", 0), finding("mrd", -90, "3 %"), finding("toxicity", 4, "2", "Rash", value=2.0))
    page = render_page(course(*found))
    table = page[page.index('id="findings"') :]
    assert table.count("<tr>") == 1 + len(found)
    assert "1 earlier than eight weeks before the first dose" in page  # day -90 is off the paper


def test_an_undosed_patient_has_a_page_without_a_picture() -> None:
    page = render_page(Course("P-2", "Centre A", None, (), (), (), DEFINITIONS))
    assert "<svg" not in page
    assert "no day 0" in page


def test_labels_that_would_meet_go_to_another_row() -> None:
    assert rows_without_overlap([(0, 50), (40, 90), (60, 100)], gap=5) == [0, 1, 0]
    assert rows_without_overlap([(0, 50), (56, 90)], gap=5) == [0, 0]


def test_a_long_word_is_cut_to_its_room() -> None:
    cut = shortened("White blood cell count decreased", 80)
    assert cut.endswith("…")
    assert width_of(cut) <= 80
    assert shortened("Rash", 80) == "Rash"


def test_the_index_leads_to_every_patient() -> None:
    page = render_index([("P-1", "P-1.html", (("Sex", "Male"),)), ("P 2", "P%202.html", ())], DEFINITIONS["study"])
    assert re.findall(r'href="([^"]*)"', page) == ["P-1.html", "P%202.html"]
