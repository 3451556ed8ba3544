"""The lanes below each other on one axis -> one SVG. In: a Course. Out: the text of an SVG file."""

from __future__ import annotations

from html import escape

from chartline.trace.timeline.axis import Axis, axis_of, date_of
from chartline.trace.timeline.course import Course
from chartline.trace.timeline.drawing import STYLE, element, line, path, rect, text
from chartline.trace.timeline.lanes import GUTTER, LANES

WIDTH, _RIGHT = 1040.0, 62.0
_GAP = 12.0
_TOP = 26.0
_DENSE = ("dose", "ANC", "PLT", "toxicity")
_DROPS = ("transplant", "relapse", "new_therapy", "death")


def draw_course(course: Course) -> str:
    """Return the timeline of a patient as SVG; it names itself and describes itself for those who cannot see it."""
    axis = _axis(course)
    bands, found, y = "", "", _TOP  # bands lie lowest, then the axis, then what was found
    shade = False
    for make in LANES:
        lane = make(course, axis, y)
        if lane is None:
            continue
        if shade:
            bands += rect(0, y - _GAP / 2, WIDTH, lane.height + _GAP, "band")
        found += element("g", lane.marks, class_="shaded" if shade else None)
        shade = not shade
        y += lane.height + _GAP
    bottom = y - _GAP / 2
    marks = _drops(course, axis, bottom) + _grid(course, axis, bottom)
    height = bottom + 24
    inner = (
        f"<style>{STYLE}</style>"
        + element("title", escape(title_of(course)), id="t")
        + element("desc", escape(describe(course)), id="d")
    )
    inner += rect(0, 0, WIDTH, height, "paper") + bands + marks + found
    return element(
        "svg", inner, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH:g} {height:g}", width=WIDTH,
        height=height, class_="tl", role="group", aria_labelledby="t d",
    )  # fmt: skip


def title_of(course: Course) -> str:
    """Return what the picture is."""
    return f"Timeline of patient {course.subject}"


def describe(course: Course) -> str:
    """Return the course in words, for who cannot see the picture; the table beneath has every finding."""
    lanes = {
        "dose": "doses", "blasts": "blast counts", "mrd": "MRD samples", "response": "assessments of response",
        "ANC": "neutrophil counts", "PLT": "platelet counts", "toxicity": "adverse events",
    }  # fmt: skip
    n = [f"{len(course.of(lane))} {word}" for lane, word in lanes.items() if course.of(lane)]
    happened = [f"{f.series.lower()} on day {f.day}" for f in course.of("event")]
    parts = [f"{k}: {v}" for k, v in course.facts] + [", ".join(n)] + ["; ".join(happened)]
    return ". ".join(p for p in parts if p) + ". The table beneath the picture lists every finding."


def _axis(course: Course) -> Axis:
    days = [f.day for f in course.findings]
    return axis_of(days, [f.day for f in course.of(*_DENSE)], GUTTER, WIDTH - _RIGHT)


def _grid(course: Course, axis: Axis, bottom: float) -> str:
    out = text(0, 14, "Day", "soft small")
    out += "" if course.days_from else text(0, bottom + 17, "Date", "soft small")
    reached = -1e9
    for day in axis.ticks():
        x = axis.x(day)
        out += line(x, _TOP - 6, x, bottom, "zero" if day == 0 else "grid")
        out += text(x, 14, str(day), "small" if day else "lane", "middle")
        assert course.start is not None
        date = date_of(course.start, day)
        if x - 28 > reached and not course.days_from:
            out += text(x, bottom + 17, date, "soft small", "middle")
            reached = x + 30
    if axis.fold is not None:
        x = axis.x(axis.fold)
        zigzag = [(x + (3 if i % 2 else -3), _TOP - 6 + i * 8) for i in range(int((bottom - _TOP + 6) // 8) + 1)]
        out += path(zigzag, "edge")
    return out


def _drops(course: Course, axis: Axis, bottom: float) -> str:
    found = [f for f in course.of("event") if f.kind in _DROPS and axis.holds(f.day)]
    return "".join(line(axis.x(f.day), _TOP + 18, axis.x(f.day), bottom, "drop") for f in found)
