"""One HTML page a patient: the picture, the same findings as a table, and every derived value with its cells.

In: a Course. Out: one self-contained file: no network, no library; light, dark and paper from one style sheet. A few
lines of script show what a mark says below the picture, for the finger and the tab key; without them the browser's own
tool tip does.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from chartline.trace.timeline.course import Course, Finding, Value, day_0, no_day_0
from chartline.trace.timeline.picture import draw_course, title_of

_LANES = {
    "event": "Course", "dose": "Dose", "blasts": "Blasts", "mrd": "MRD", "response": "Response, derived",
    "recorded": "Response, treating team", "ANC": "Neutrophils", "PLT": "Platelets", "toxicity": "Toxicity",
}  # fmt: skip

_FOLDER = files("chartline") / "trace" / "timeline"
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8").strip()
_SCRIPT = """
const said=document.getElementById("said");
for(const mark of document.querySelectorAll("svg g[tabindex]"))for(const when of ["pointerenter","focus","click"])
mark.addEventListener(when,()=>{said.textContent=mark.querySelector("title").textContent});
""".strip()


def render_page(course: Course, back: str = "") -> str:
    """Return the page of a patient. `back` is the address of an index, where there is one."""
    definitions = course.definitions
    study = definitions["study"]
    link = f'<p class="back"><a href="{escape(back)}">All patients</a></p>' if back else ""
    facts = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in course.facts)
    body = (
        f"{link}<h1>Patient {escape(course.subject)}</h1>"
        f'<p class="soft">{escape(course.centre)}. {escape(study["title"].strip())} ({escape(study["id"])}).</p>'
        f'<dl class="facts">{facts}</dl>{_figure(course)}{_values(course)}{_findings(course)}'
    )
    return _document(f"{title_of(course)}, {study['id']}", study["notice"], body, script=bool(course.findings))


def render_index(rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]], study: dict[str, str]) -> str:
    """Return the page that leads to every patient's; a row is (subject, address of its page, facts)."""
    names = list(dict.fromkeys(k for _, _, facts in rows for k, _ in facts))
    head = "".join(f"<th>{escape(n)}</th>" for n in ("Patient", *names))
    lines = []
    for subject, address, facts in rows:
        known = dict(facts)
        cells = "".join(f'<td data-name="{escape(n)}">{escape(known.get(n, "–"))}</td>' for n in names)
        lines.append(f'<tr><th><a href="{escape(address)}">{escape(subject)}</a></th>{cells}</tr>')
    table = f'<table class="wide"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    n = f"{len(rows):,} patients" if len(rows) != 1 else "1 patient"
    body = f'<h1>Patients</h1><p class="soft">{escape(study["title"].strip())} ({escape(study["id"])}), {n}.</p>{table}'
    return _document(f"Patients, {study['id']}", study["notice"], body)


def _document(title: str, notice: str, body: str, *, script: bool = False) -> str:
    banner = f'<div class="banner">{escape(notice)}</div>' if notice else ""
    code = f"<script>{_SCRIPT}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{banner}<main>{body}</main>{code}</body></html>\n"
    )


def _figure(course: Course) -> str:
    if not course.findings:
        return f"<p>{escape(no_day_0(course))}, so there is no day 0 and no timeline.</p>"
    return (
        f'<figure><div class="scroll">{draw_course(course)}</div>'
        '<p id="said" aria-live="polite">Point at a mark, or reach it with the tab key: what it says and the cell it '
        f"comes from stand here.</p><figcaption>{escape(_caption(course))}</figcaption></figure>"
    )


def _caption(course: Course) -> str:
    of = course.definitions
    rules = of["response"]["rules"]
    event = _with_article(day_0(of))
    told = [
        f"Days from {event} (day 0); where a zigzag line crosses the picture, the scale of time changes.",
        f"Response by {rules}; full colour from an assessment to the next one, pale after the last; * not counted.",
        "Broken red lines are the thresholds of that rule set and the sensitivity of the MRD rule.",
        "Blasts and counts are on a square-root scale.",
    ]
    if course.of("mrd"):
        told.append(
            "MRD: the stroke below a point reaches to the limit of detection; asked for is "
            f"{of['mrd']['sensitivity']:g}; a triangle is a level below it."
        )
    if any(f.kind == "reviewed" for f in course.of("response")):
        told.append("† set by a reviewer; the derived category stands in its sentence.")
    if course.of("toxicity"):
        told.append("Toxicities by CTCAE grade; a broken edge was not related to the treatment.")
    early = [f for f in course.findings if f.day < -56]
    if early:
        told.append(f"{len(early)} earlier than eight weeks before {event} are in the table only.")
    if course.days_from:
        told.append(f"No dates are known: the sentences tell days from {' or '.join(course.days_from)}.")
    return " ".join(told)


def _with_article(event: str) -> str:
    """Return "the first dose", but "diagnosis"."""
    return f"the {event}" if event == "first dose" else event


def _values(course: Course) -> str:
    rows = "".join(_value(v) for v in course.values)
    head = "".join(f"<th>{h}</th>" for h in ("Value", "", "Because, by which rules, from which cells"))
    table = f'<table class="wide"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<h2 id="values">Derived values</h2>{table}'


def _value(v: Value) -> str:
    cells = "".join(f"<li>{escape(a)} = {escape(raw)}</li>" for a, raw in v.cells)
    listed = f'<ul class="cells">{cells}</ul>' if cells else ""
    why = f'{escape(v.because)} <span class="rules">({escape(v.rules)})</span>{listed}'
    return f"<tr><th>{escape(v.label)}</th><td><b>{escape(v.value or '–')}</b></td><td>{why}</td></tr>"


def _findings(course: Course) -> str:
    if not course.findings:
        return ""
    names = ("Day", *(() if course.days_from else ("Date",)), "Lane", "What", "Value", "Because", "Cell")
    head = "".join('<th class="num">Day</th>' if n == "Day" else f"<th>{n}</th>" for n in names)
    rows = "".join(_line(f) for f in course.findings)
    table = f'<table class="wide"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<h2 id="findings">Everything on the timeline</h2>{table}'


def _line(f: Finding) -> str:
    imputed = " (imputed)" if f.lane == "event" and not f.sure else ""
    date = () if f.date is None else (("Date", "date", f.date.isoformat() + imputed),)
    cells = (
        ("Day", "num", str(f.day)),
        *date,
        ("Lane", "", _LANES[f.lane]),
        ("What", "", f.series),
        ("Value", "", f"grade {f.shown}" if f.lane == "toxicity" else "" if f.lane == "event" else f.shown),
        ("Because", "", f.because),
        ("Cell", "cell", f.address or "–"),
    )
    written = "".join(f'<td data-name="{name}" class="{c}">{escape(v)}</td>' for name, c, v in cells)
    return f"<tr>{written}</tr>"
