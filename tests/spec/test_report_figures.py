"""Figures: drawn at any size of study, the same bytes each time, and no text of a study is read as markup."""

from __future__ import annotations

import json
import re
import struct
from typing import Any
from xml.etree import ElementTree

import pytest

from chartline.report.document import Figure
from chartline.report.figures import draw, to_json

HOSTILE = 'A#1 $x$ *b* <script>alert(1)</script> #panic("x") \\ " \' ] [ _ ` @ é \x07 \u202e'


def _group(label: str = "All", steps: int = 3, **more: Any) -> dict[str, Any]:
    points = [[float(i), 1 - i / max(steps, 1)] for i in range(steps + 1)]
    band = [[x, max(0.0, s - 0.1), min(1.0, s + 0.1)] for x, s in points]
    drawn = {"label": label, "steps": points, "band": band, "censored": [[1.5, 0.7]]}
    return drawn | {"risk": [9, 5, 1], "events": [0, 4, 8], "few_from": None, "few_at": None} | more


def _km(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    axes = {"x_label": "Months", "y_label": "Survival, %", "x_max": 12, "ticks": [0, 6, 12]}
    return axes | {"groups": groups or [_group()], "median": None, "summary": [], "note": ""} | more


def _swimmer(n: int, label: str = "P") -> dict[str, Any]:
    segments = [["treatment", 0, 2], ["follow_up", 2, 10]]
    markers = [["response_first", 1], ["relapse", 5], ["a kind nobody knows", 6]]
    row = {"id": label, "group": "CR", "end": 10.0, "alive": True, "segments": segments, "markers": markers}
    legend = {"segments": [["treatment", "On treatment"]], "markers": [["response_first", "CR"]]}
    return {"x_label": "Months", "x_max": 12, "ticks": [0, 6, 12], "rows": [row] * n} | legend


def _flow(reason: str = "Under 18", sets: int = 3) -> dict[str, Any]:
    step = {"reason": reason, "criterion": "Adult", "n_no": 1, "n_unknown": 1}
    ends = {"start": {"label": "Screened", "n": 5}, "end": {"label": "Eligible", "n": 3}}
    return ends | {"steps": [step] * 2, "sets": [{"label": f"Set {i}", "n": i} for i in range(sets)]}


def _digits(*counts: int) -> dict[str, Any]:
    columns = [{"label": str(i), "n": n, "words": str(n), "short": i < 2} for i, n in enumerate(counts)]
    return {"columns": columns, "x_label": "Digits", "asked": ["asked: 2", 2] if counts else None}


def _figure(kind: str, data: dict[str, Any]) -> Figure:
    return Figure("Figure 1", kind, kind, "c", "alt", data)


def _size(svg: bytes) -> tuple[float, float]:
    found = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found
    return float(found[1]), float(found[2])


CASES = {
    "km": ("km", _km()),
    "km of nobody": ("km", _km(_group(steps=0, censored=[], band=[]) | {"steps": []}, note="No patient")),
    "km without an event": ("km", _km(_group(steps=0))),
    "km of two groups": ("km", _km(_group(), _group("A rather long name of the second group of patients"))),
    "km that is dashed": ("km", _km(_group(few_from=2.0, few_at=1 / 3), median=[1.5, "Median 1.5 months"])),
    "flow": ("flow", _flow()),
    "flow without a step or a set": ("flow", _flow(sets=0) | {"steps": []}),
    "flow with eight sets": ("flow", _flow(sets=8)),
    "flow of a million": ("flow", _flow() | {"before": _flow() | {"start": {"label": "Persons", "n": 1_000_000}}}),
    "digits": ("digits", _digits(0, 1, 12_345, 7)),
    "digits of nothing": ("digits", _digits()),
    "swimmer of one": ("swimmer", _swimmer(1)),
    "swimmer of nobody": ("swimmer", _swimmer(0)),
    "swimmer of a hundred": ("swimmer", _swimmer(100)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_drawn_and_is_as_wide_as_the_text(name: str) -> None:
    width, height = _size(draw(_figure(*CASES[name]), "svg"))
    assert width == pytest.approx(162 / 25.4 * 72, abs=0.5)  # 160 mm and a margin of 1 mm
    assert 20 < height < 225 / 25.4 * 72  # with its caption it fits on a page of A4


@pytest.mark.parametrize("name", CASES)
def test_the_same_data_give_the_same_bytes(name: str) -> None:
    figure = _figure(*CASES[name])
    assert draw(figure, "svg") == draw(figure, "svg")


def test_png_is_sharp_enough_for_print() -> None:
    png = draw(_figure(*CASES["km"]), "png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, _ = struct.unpack(">II", png[16:24])
    assert width / (162 / 25.4) == pytest.approx(200, abs=2)  # dots per inch
    assert png == draw(_figure(*CASES["km"]), "png")


HOSTILES = {"km": _km(_group(HOSTILE), y_label=HOSTILE), "swimmer": _swimmer(2, HOSTILE), "flow": _flow(HOSTILE)}


@pytest.mark.parametrize("kind", HOSTILES)
def test_hostile_text_is_drawn_as_it_is(kind: str) -> None:
    svg = draw(_figure(kind, HOSTILES[kind]), "svg")
    assert b"<script" not in svg and b"alert" not in svg  # glyph outlines, not text
    assert svg.count(b"<use") > 40


def test_more_glyphs_are_drawn_for_longer_text_so_nothing_is_evaluated_away() -> None:
    plain, marked = (
        draw(_figure("swimmer", _swimmer(1, label)), "svg").count(b"<use") for label in ("abcdefg", "#a*b*$c$")
    )
    assert marked == plain + 1


@pytest.mark.parametrize("text", ["a\\b", "\\u0007 as letters", 'a "quoted" \\ word', "tab\tand\nline"])
def test_harmless_backslashes_and_line_ends_survive(text: str) -> None:
    assert json.loads(to_json({"x": text})) == {"x": text}


def test_control_characters_become_visible() -> None:
    assert json.loads(to_json("a\x00b\x07c\x7f\b")) == "a\ufffdb\ufffdc\ufffd\ufffd"


@pytest.mark.parametrize("kind", ["pie", "../report", "style;", ""])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no figure template"):
        draw(_figure(kind, {}), "svg")


def _runs(svg: bytes) -> list[tuple[float, float, float, int]]:
    """Where level text stands: x of its first and of its last glyph, y of its line (points), and how many glyphs."""
    out: list[tuple[float, float, float, int]] = []

    def walk(node: ElementTree.Element, x: float, y: float) -> None:
        if not node.tag.endswith(("svg", "}g")):
            return
        moved = re.fullmatch(r"(translate|matrix)\((.*)\)", node.get("transform", "translate(0 0)"))
        assert moved is not None
        numbers = [float(n) for n in moved[2].split()]
        if moved[1] == "matrix" and numbers[:4] != [1, 0, 0, -1]:
            return  # turned: the name of the upright axis
        dx, dy = numbers[-2:] if len(numbers) > 1 else (numbers[0], 0.0)
        x, y = x + dx, y + dy
        glyphs = [child for child in node if child.tag.endswith("use")]
        if glyphs:
            out.append((x, x + float(glyphs[-1].get("x", "0")), y, len(glyphs)))
        for child in node:
            walk(child, x, y)

    walk(ElementTree.fromstring(svg), 0, 0)
    return out


@pytest.mark.parametrize("x", [0.0, 0.2, 6.0, 10.0, 11.0, 11.9, 12.0])
def test_the_median_stands_inside_the_figure_however_late_it_is(x: float) -> None:
    svg = draw(_figure("km", _km(median=[x, "Median 975.1 months, long"])), "svg")
    width, _ = _size(svg)
    (label,) = [run for run in _runs(svg) if run[3] == len("Median975.1months,long")]
    assert 0 < label[0] < label[1] < width - 2.83 - 6  # the margin of 1 mm, and the last letter itself
    line = (1 + 18 + x / 12 * (160 - 18 - 4)) * 72 / 25.4  # margin; numbers of the axis; the drawing, and 4 mm right
    assert label[1] < line or label[0] > line, "beside its line, not on it"


STAYS_HIGH = [[0.0, 1.0], [11.0, 0.9], [12.0, 0.9]]
FALLS = [[0.0, 1.0], [1.0, 0.1], [12.0, 0.1]]
RISES = [[0.0, 0.0], [1.0, 0.97], [12.0, 0.97]]


@pytest.mark.parametrize(
    ("curves", "right", "low"),
    [
        ([FALLS], True, False),
        ([STAYS_HIGH], False, True),
        ([FALLS, STAYS_HIGH], True, False),  # no corner is free
        ([RISES], True, True),
    ],
)
def test_the_summary_stands_in_a_corner_through_which_no_curve_runs(
    curves: list[list[list[float]]], right: bool, low: bool
) -> None:
    groups = [_group(band=[], censored=[]) | {"steps": steps} for steps in curves]
    svg = draw(_figure("km", _km(*groups, summary=["2 events in 14 patients, and so on"])), "svg")
    (text,) = [run for run in _runs(svg) if run[3] == len("2eventsin14patients,andsoon")]
    width, height = _size(svg)
    assert (text[0] > width / 2, text[2] > height / 2) == (right, low)
