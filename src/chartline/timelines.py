"""`chartline timeline`: one patient as a page or a picture, or all of them with an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from chartline.errors import OutputError
from chartline.outputs import staged, write_whole
from chartline.trace.timeline.course import known_subjects, no_day_0, read_course, read_courses, read_definitions
from chartline.trace.timeline.page import render_index, render_page
from chartline.trace.timeline.picture import draw_course

INDEX = "index.html"
_BATCH = 500  # patients whose rows are in memory at once


def write_timeline(out: Path, subject: str, to: Path | None = None) -> Path:
    """Write the page (or, where `to` ends in .svg, the picture) of a subject; return where.

    Raises `ExplainError` for an unknown subject (naming near ones), `OutputError` for another kind of file.
    """
    file = to or Path(f"{_file_name(subject)}")
    if file.suffix.lower() not in (".html", ".svg"):
        raise OutputError(
            "A timeline is a page or a picture", where=str(file), expected="a name that ends in .html or .svg"
        )
    course = read_course(out, subject)
    if file.suffix.lower() == ".svg" and not course.findings:
        raise OutputError(
            f"There is nothing to draw of {subject}. {no_day_0(course)}", where=str(file),
            do="ask for the page (.html), which lists the derived values",
        )  # fmt: skip
    write_whole(file, draw_course(course) + "\n" if file.suffix.lower() == ".svg" else render_page(course))
    return file


def write_all_timelines(out: Path, to: Path) -> int:
    """Write a page a subject and an index into the folder `to`, which is replaced as a whole; return how many."""
    definitions = read_definitions(out)
    subjects = known_subjects(out)
    rows = []
    with staged(to, INDEX) as folder:
        for part in _batches(subjects):
            for course in read_courses(out, part, definitions):
                name = _file_name(course.subject)
                (folder / name).write_text(render_page(course, back=INDEX), encoding="utf-8")
                rows.append((course.subject, quote(name), course.facts))
        (folder / INDEX).write_text(render_index(rows, definitions["study"]), encoding="utf-8")
    return len(rows)


def _batches(subjects: list[str]) -> Iterator[list[str]]:
    yield from (subjects[i : i + _BATCH] for i in range(0, len(subjects), _BATCH))


def _file_name(subject: str) -> str:
    """A file name that no system refuses and that is another for another subject."""
    return quote(subject, safe=" ").replace("%", "_") + ".html"
