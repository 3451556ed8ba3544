"""One function a lane: the findings of a course -> marks, and how high the lane is. A lane without findings is none.

Every function takes the course, the axis and the top edge, and returns a Lane. What is drawn on a square-root scale
(blasts, counts) shows 0 and the thresholds of the rule set at once; MRD is drawn on a logarithmic one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chartline.trace.timeline.axis import Axis
from chartline.trace.timeline.course import Course, Finding
from chartline.trace.timeline.drawing import (
    circle,
    element,
    line,
    path,
    rect,
    rows_without_overlap,
    shortened,
    text,
    told,
    width_of,
)

GUTTER = 186.0  # left of the paper: names of lanes and their scales
_RADIUS = 4.0
_ROOT, _ROW = 84.0, 19.0  # height of a lane with a scale; of a row of toxicities


@dataclass(frozen=True)
class Lane:
    """The marks of a lane and its height."""

    marks: str
    height: float


def name_of(top: float, name: str, *notes: str) -> str:
    """Return the name of a lane and notes below it, in the gutter."""
    said = text(0, top + 13, name, "lane")
    return said + "".join(
        text(0, top + 28 + 14 * i, shortened(n, GUTTER - 50, 11), "soft small") for i, n in enumerate(notes)
    )


def events(course: Course, axis: Axis, top: float) -> Lane | None:
    """The course from first dose to death or last contact, with what happened on the way."""
    found = [f for f in course.of("event") if axis.holds(f.day)]
    labels = [f"{f.series}, day {f.day}" + ("" if f.sure else " (imputed)") for f in found]
    spans = []
    for f, label in zip(found, labels, strict=True):
        width = width_of(label) + 4
        at = axis.x(f.day)
        low = min(max(at - width / 2, axis.left), axis.right - width)
        spans.append((low, low + width))
    rows = rows_without_overlap(spans)
    lift = 15.0 * (max(rows, default=0) + 1)
    y = top + lift + 9
    end = max([f.day for f in found], default=0)
    marks = name_of(y - 9, "Course") + line(axis.x(0), y, axis.x(end), y, "course")
    lowered = rows_without_overlap([(axis.x(f.day) - 5.5, axis.x(f.day) + 5.5) for f in found], gap=1)
    for f, row in zip(found, rows, strict=True):  # below the labels, which keep themselves clear
        marks += line(axis.x(f.day), top + lift - 15 * row - 2, axis.x(f.day), y, "cycle")
    for f, label, (low, high), row, down in zip(found, labels, spans, rows, lowered, strict=True):
        name = text((low + high) / 2, top + lift - 15 * row - 5, label, anchor="middle")
        marks += told(f, name + _event_mark(f.kind, axis.x(f.day), y + 14 * down))
    return Lane(marks, lift + 20 + 14 * max(lowered, default=0))


def _event_mark(kind: str, x: float, y: float) -> str:
    r = 6.5
    if kind == "transplant":
        return path([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], "mark", closed=True)
    if kind == "relapse":
        return path([(x, y - r), (x + r, y + r - 1), (x - r, y + r - 1)], "mark", closed=True)
    if kind == "relapse_derived":
        return path([(x, y - r), (x + r, y + r - 1), (x - r, y + r - 1)], "hollow", closed=True)
    if kind == "new_therapy":
        return rect(x - 5, y - 5, 10, 10, "hollow")
    if kind == "death":
        return rect(x - 6.5, y - 6.5, 13, 13, "paper") + element(
            "path", d=f"M{x - 5:.2f} {y - 5:.2f}l10 10m0 -10l-10 10", class_="event", style="stroke-width:2.4"
        )
    return path([(x - 3, y - 5.5), (x + 7, y), (x - 3, y + 5.5)], "hollow", closed=True)


def doses(course: Course, axis: Axis, top: float) -> Lane | None:
    """Doses as bars, as high as their amount per square metre, with a bracket round each cycle."""
    found = course.of("dose")
    if not found:
        return None
    highest = max([f.value for f in found if f.value is not None], default=1.0)
    base, room = top + 52, 32.0
    marks = name_of(top + 6, "Doses", "mg/m²") + line(axis.left, base, axis.right, base, "grid")
    ends: list[float] = []
    for f in found:
        x = axis.x(f.day)
        high = room * (f.value if f.value is not None else highest / 2) / highest
        bar = rect(x - 2.5, base - high, 5, high, "dose" if f.value is not None else "open")
        label = "" if f.value is None else f"{f.value:g}"
        width = width_of(label, 11)
        if label and all(x - width / 2 > e + 3 for e in ends[-1:]):
            bar += text(x, base - high - 4, label, "small", "middle")
            ends.append(x + width / 2)
        marks += told(f, bar + _hit(x - 7, base - room, 14, room))
    return Lane(marks + _cycles(found, axis, base + 5), 80)


def _cycles(found: Sequence[Finding], axis: Axis, y: float) -> str:
    out, reached = "", -1e9
    for name in dict.fromkeys(f.series for f in found):
        days = [f.day for f in found if f.series == name]
        low, high = axis.x(min(days)) - 3, axis.x(max(days)) + 3
        out += path([(low, y - 2), (low, y + 3), (high, y + 3), (high, y - 2)], "cycle")
        label = name if width_of(name, 11) < max(high - low, 40) else name.replace("Cycle ", "C")
        at = (low + high) / 2
        if at - width_of(label, 11) / 2 > reached:
            out += text(at, y + 16, label, "soft small", "middle")
            reached = at + width_of(label, 11) / 2 + 3
    return out


def blasts(course: Course, axis: Axis, top: float) -> Lane | None:
    """Blasts of marrow and blood, 0 to 100 %, with the threshold of a response."""
    limits = course.definitions["thresholds"].get("BMBLAST", [])
    drawn = _scaled(course, axis, top, "blasts", ("Blasts", "%"), [0, 5, 25, 50, 100], limits, ("Marrow", "Blood"))
    if drawn is None:
        return None
    keys = _key(top + 48, circle(5, top + 44, 3.4, "dot"), "marrow") + _key(
        top + 48, circle(70, top + 44, 3.2, "dot-2"), "blood", 65
    )
    return Lane(drawn.marks + keys, drawn.height)


def neutrophils(course: Course, axis: Axis, top: float) -> Lane | None:
    """Neutrophils with the thresholds of the rule set."""
    limits = course.definitions["thresholds"].get("ANC", [])
    return _scaled(course, axis, top, "ANC", ("Neutrophils", "10⁹/L"), [0, 0.5, 1, 2, 5, 10, 20, 50], limits)


def platelets(course: Course, axis: Axis, top: float) -> Lane | None:
    """Platelets with the thresholds of the rule set."""
    limits = course.definitions["thresholds"].get("PLT", [])
    steps = [0, 25, 100, 200, 400, 800, 1600]
    return _scaled(course, axis, top, "PLT", ("Platelets", "10⁹/L"), steps, limits)


def _scaled(
    course: Course,
    axis: Axis,
    top: float,
    lane: str,
    names: tuple[str, str],
    steps: Sequence[float],
    limits: Sequence[dict[str, object]],
    series: tuple[str, ...] = (),
) -> Lane | None:
    found = [f for f in course.of(lane) if axis.holds(f.day) and f.value is not None]
    if not found:
        return None
    most = max(f.value for f in found if f.value is not None)
    lines = [(float(str(x["threshold"])), f"{x['operator']} {x['threshold']:g}") for x in limits]
    most = max(most, *(x for x, _ in lines), 0)
    highest = next((s for s in steps if s >= most), most)
    low, room = top + _ROOT - 6, _ROOT - 18

    def y(value: float) -> float:
        return low - room * math.sqrt(max(value, 0) / highest)

    marks = name_of(top + 4, *names) + _scale([s for s in steps if s <= highest], axis, y, [x for x, _ in lines])
    marks += _limits(lines, axis, y)
    for i, name in enumerate(series or (found[0].series,)):
        marks += _series([f for f in found if f.series == name], axis, y, second=bool(i))
    return Lane(marks, _ROOT + 4)


def _key(y: float, mark: str, words: str, x: float = 0) -> str:
    """A mark and what it means, in the gutter."""
    return mark + text(x + 14, y, words, "soft small")


def _scale(steps: Sequence[float], axis: Axis, y: Callable[[float], float], apart: Sequence[float] = ()) -> str:
    out, last = "", 1e9
    for s in steps:
        if last - y(s) < 12:
            continue
        last = y(s)
        out += "" if s in apart else line(axis.left, y(s), axis.right, y(s), "grid")
        out += text(axis.left - 6, y(s) + 4, f"{s:g}", "soft small", "end")
    return out


def _limits(lines: Sequence[tuple[float, str]], axis: Axis, y: Callable[[float], float]) -> str:
    out = ""
    for value, label in lines:
        out += line(axis.left, y(value), axis.right, y(value), "limit")
        out += text(axis.right + 5, y(value) + 4, label, "limit-text")
    return out


def _series(found: Sequence[Finding], axis: Axis, y: Callable[[float], float], *, second: bool) -> str:
    ordered = sorted(found, key=lambda f: f.day)
    places = [(axis.x(f.day), y(f.value or 0)) for f in ordered]
    out = path(places, "line-2" if second else "line") if len(places) > 1 else ""
    for f, (x, at) in zip(ordered, places, strict=True):
        dot = circle(x, at, 3.2, "dot-2") if second else circle(x, at, 3.4, "dot")
        out += told(f, element("circle", cx=x, cy=at, r=7.0, class_="hit") + dot)
    return out


def mrd(course: Course, axis: Axis, top: float) -> Lane | None:
    """MRD levels as a share of cells, logarithmic: filled where the test was sensitive enough, with its reach below."""
    found = [f for f in course.of("mrd") if axis.holds(f.day)]
    if not found:
        return None
    floors = [f.limit for f in found if f.limit] + [(f.value or 1) / 100 for f in found if f.value]
    lowest = min(-5, *(math.floor(math.log10(x)) for x in floors if x > 0)) if floors else -5
    low, room = top + 92, 80.0

    def y(share: float) -> float:
        return low - room * (max(math.log10(share), lowest) - lowest) / -lowest

    marks = name_of(top + 4, "MRD", "share of cells")
    marks += _key(top + 48, circle(5, top + 44, _RADIUS, "dot"), "sensitive enough")
    marks += _key(top + 64, circle(5, top + 60, _RADIUS, "open"), "not shown to be")
    marks += _key(
        top + 80, path([(0, top + 72), (10, top + 72), (5, top + 81)], "dot", closed=True), "below this level"
    )
    steps = list(range(lowest, 1, 1 if lowest > -6 else 2))
    for s in steps:
        at = y(10.0**s)
        marks += line(axis.left, at, axis.right, at, "grid")
        if s % 2 == 0:
            marks += text(axis.left - 6, at + 4, "1" if s == 0 else f"10{_raised(s)}", "soft small", "end")
    asked = course.definitions["mrd"]["sensitivity"]
    power = round(math.log10(asked), 6)
    shown = f"< 10{_raised(int(power))}" if power == int(power) else f"< {asked:g}"
    marks += line(axis.left, y(asked), axis.right, y(asked), "limit") + text(
        axis.right + 5, y(asked) + 4, shown, "limit-text"
    )
    for f in found:
        marks += told(f, _sample(f, axis.x(f.day), y))
    return Lane(marks, 102)


def _sample(f: Finding, x: float, y: Callable[[float], float]) -> str:
    negative = f.kind.startswith("NEGATIVE")
    share = f.value / 100 if f.value is not None else (f.limit or 1e-9 if negative else 1.0)
    at = y(share) if share > 0 else y(f.limit or 1e-9)
    reach = ""
    if f.limit and y(f.limit) > at + _RADIUS:
        reach = line(x, at, x, y(f.limit), "reach") + line(x - 4, y(f.limit), x + 4, y(f.limit), "reach")
    below = f.sign.startswith("<") or (f.value is None and negative) or f.value == 0
    class_ = "dot" if f.sure else "open"
    mark = circle(x, at, _RADIUS + 0.4, class_)
    if below:  # somewhere below: a triangle that points down
        mark = path([(x - 5, at - 4), (x + 5, at - 4), (x, at + 5)], class_, closed=True)
    return element("circle", cx=x, cy=at, r=8.0, class_="hit") + reach + mark


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def response(course: Course, axis: Axis, top: float) -> Lane | None:
    """The derived category from each assessment to the next, and below it what the treating team recorded."""
    derived, recorded = course.of("response"), course.of("recorded")
    derived = [f for f in derived if axis.holds(f.day)]
    recorded = [f for f in recorded if axis.holds(f.day)]
    if not derived and not recorded:
        return None
    of = course.definitions["response"]
    stops = [f.day for f in course.of("event") if f.kind in ("relapse", "new_therapy", "death", "contact")]
    marks = text(0, top + 17, "Response", "lane") + text(GUTTER - 10, top + 17, "derived", "soft small", "end")
    marks += _ribbon(derived, stops, axis, top + 2, lambda code: _rank(code, of))
    height = 28.0
    if recorded:
        meant = of["investigator"]
        marks += text(GUTTER - 10, top + 42, "treating team", "soft small", "end")
        marks += _ribbon(recorded, stops, axis, top + 27, lambda word: _rank(meant.get(word, ""), of))
        height = 53.0
    return Lane(marks, height)


def _rank(code: str, of: dict[str, object]) -> int:
    """Return the colour of a category: 0 the best response, 1 another response, 2 and 3 below, 4 not evaluable."""
    order, responders = list(of["order"]), list(of["responders"])  # type: ignore[call-overload]
    if code == of["not_evaluable"] or code not in order:
        return 4
    if code in responders:
        return 0 if code == responders[0] else 1
    rest = [c for c in order if c not in responders and c != of["not_evaluable"]]
    return 3 if rest.index(code) >= len(rest) - 1 else 2


def _ribbon(found: list[Finding], stops: list[int], axis: Axis, y: float, rank: Callable[[str], int]) -> str:
    """Full colour up to the next assessment; after the last one, pale, until something ends it."""
    out, written = "", -1e9
    for i, f in enumerate(found):
        left = axis.x(f.day)
        is_last = i + 1 == len(found)
        stop = min([s for s in stops if s > f.day], default=axis.last)
        until = stop if is_last else min(found[i + 1].day, stop)
        right = axis.x(until)
        colour = rank(f.shown)
        words = f.shown + ("" if f.sure else "*") + ("†" if f.kind == "reviewed" else "")
        seen = min(left + width_of(words) + 12, right) if is_last else right
        block = rect(left, y, seen - left - 0.8, 20, f"r{colour}")
        if right > seen:
            block += rect(seen - 0.8, y, right - seen, 20, f"r{colour} after")
        if left + 5 > written and width_of(words) <= right - left - 6:
            block += text(left + 5, y + 14.5, words, f"on-r on-r{colour}")
            written = left + 5 + width_of(words)
        out += told(f, block + element("rect", x=left, y=y, width=max(right - left, 3), height=20.0, class_="hit"))
    return out


def toxicities(course: Course, axis: Axis, top: float) -> Lane | None:
    """Adverse events, one row a term, as a disc with its grade; a broken edge is not related to the treatment."""
    found = [f for f in course.of("toxicity") if axis.holds(f.day)]
    if not found:
        return None
    terms = list(dict.fromkeys(f.series for f in found))
    marks = text(0, top + 13, "Toxicity, grade", "lane")
    for i, term in enumerate(terms):
        y = top + 31 + i * _ROW
        marks += text(0, y + 4, shortened(term, GUTTER - 8, 11), "small")
        marks += line(axis.left, y, axis.right, y, "grid")
        for f in (f for f in found if f.series == term):
            grade = int(f.value) if f.value is not None and 0 <= f.value <= 5 else 0
            edge = "" if f.sure else " unrelated"
            disc = circle(axis.x(f.day), y, 8, f"tox g{grade}{edge}")
            marks += told(f, disc + text(axis.x(f.day), y + 4, f.shown, f"on-g on-g{grade}", "middle"))
    return Lane(marks, 31 + len(terms) * _ROW)


def _hit(x: float, y: float, width: float, height: float) -> str:
    return element("rect", x=x, y=y, width=width, height=height, class_="hit")


LANES: tuple[Callable[[Course, Axis, float], Lane | None], ...] = (
    events, doses, blasts, mrd, response, neutrophils, platelets, toxicities,
)  # fmt: skip
