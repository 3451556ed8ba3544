"""The certificate as a document, for the writers of the report.

What was compared, with what, how far it agrees, why where less is asked, where it was computed, and what all this
does not say (`wording.py`). Every number here was computed in the run that made it; `sources.py` has the tables of
what was compared with.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from chartline.report import format as fmt
from chartline.report.document import Block, Cell, Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.typeset import typeset
from chartline.verify.cases import DIGITS
from chartline.verify.certificate import EXACT, Certificate, Compared, Row, shown, whole_digits
from chartline.verify.sources import SHOWN, data_table, reference_table, text_table
from chartline.verify.wording import AGREEMENT, HOW_TO_READ, NOT_CERTIFIED

_FEW = 40  # values that differ, or comparisons that failed, printed one by one
_TITLE = "Certificate of the statistics"


def build_certificate(done: Certificate) -> Document:
    """Return the certificate as a document."""
    e, made = done.environment, datetime.fromisoformat(done.environment.made)
    blocks: list[Block] = [
        KeyNumbers(_key_numbers(done)),
        *_verdict(done),
        *_failures(done),
        Heading("What agreement means"),
        *(Paragraph(t) for t in AGREEMENT),
        _digits(done),
        Heading("Statistics"),
        Paragraph(HOW_TO_READ, "small"),
        *(b for title, rows in done.sections() for b in (Heading(title, 2), _statistics(title, rows))),
        *_fewer_digits(done),
        *_suite_only(done),
        Heading("References"),
        reference_table(done),
        data_table(done),
        Heading("Environment"),
        _environment(done),
        Heading("What is not certified"),
        *(Paragraph.of(Cell(what, bold=True), f" {says}") for what, says in NOT_CERTIFIED),
    ]
    return Document(
        title=_TITLE,
        subtitle=f"chartline {e.chartline} against R and published values. {made.day} {made:%B %Y, %H:%M %Z}.",
        notice="",
        blocks=_numbered(blocks),
        footer=f"chartline {e.chartline}; references {e.references[:SHOWN]}; {e.made}",
        short_title=_TITLE,
        patient_level=False,
    )


def _numbered(blocks: list[Block]) -> tuple[Block, ...]:
    """Tables in the order in which they appear."""
    tables = iter(range(1, len(blocks) + 1))
    return tuple(replace(b, number=f"Table {next(tables)}") if isinstance(b, Table) else b for b in blocks)


def _key_numbers(done: Certificate) -> tuple[tuple[str, str, str, str], ...]:
    cases = sum(r.cases for r in done.rows)
    share = f"{math.floor(1000 * done.agreeing / done.values) / 10:.4g}%" if done.values else fmt.DASH
    return (
        (fmt.whole(done.statistics), "Statistics compared", f"of {fmt.whole(len(done.declared))} declared", ""),
        (fmt.whole(done.values), "Values compared", f"in {fmt.whole(cases)} recorded cases", ""),
        (share, "Values that agree", f"{fmt.ratio(done.agreeing, done.values)}, to the digits asked", ""),
    )


def _verdict(done: Certificate) -> list[Block]:
    missing = sum(c.missing for c in done.compared)
    none = f" For {fmt.whole(missing)} of them neither has a value." if missing else ""
    if done.agrees:
        words = f"Every value agrees with its reference to the digits that its case asks for.{none}"
        return [Heading("Verdict"), Paragraph(words, "lead")]
    said = []
    if done.differing:
        n, verb = len(done.differing), "differs" if len(done.differing) == 1 else "differ"
        said.append(f"{fmt.whole(n)} of {fmt.whole(done.values)} values {verb} from the reference.")
    if done.failed:
        n = len(done.failed)
        said.append(f"{fmt.whole(n)} {'comparison' if n == 1 else 'comparisons'} could not be made.")
    if not done.values:
        said.append("Nothing was compared.")
    return [Heading("Verdict"), Paragraph(f"This installation is not certified. {' '.join(said)}", "notice")]


def _failures(done: Certificate) -> list[Block]:
    out: list[Block] = []
    if done.failed:
        failed = [(f.statistic or fmt.DASH, f.where or fmt.DASH, f.reason) for f in done.failed]
        out.append(_listing("What could not be compared.", ("Statistic", "Case or file", "Reason"), failed, (3, 4, 5)))
    if done.differing:
        header = ("Statistic", "Case", "Value", "Reference", "Here", "Digits reached / asked")
        differing = [_differing(c) for c in done.differing]
        out.append(_listing("Values that differ.", header, differing, (2.2, 3.4, 2, 3.2, 3.2, 1.8)))
    return out


def _listing(
    caption: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: tuple[float, ...]
) -> Table:
    notes = (f"The first {_FEW} of {fmt.whole(len(rows))}.",) if len(rows) > _FEW else ()
    return text_table(caption, header, rows[:_FEW], "l" * len(header), widths, notes)


def _differing(c: Compared) -> tuple[str, ...]:
    numbers = (shown(v).replace("-", "−") for v in (c.expected, c.found))
    digits = f"{whole_digits(c.digits)} / {c.case.digits}"
    return (c.case.statistic, f"{c.case.topic}: {c.case.id}", c.name, *numbers, digits)


def _digits(done: Certificate) -> Figure:
    """The distribution of the digits of all values that both have."""
    counts = Counter(math.floor(c.digits) for c in done.compared if not c.missing)
    first = min([DIGITS - 1, *counts])
    columns = [
        {"label": "equal" if d == EXACT else str(d), "n": counts[d], "words": fmt.whole(counts[d]), "short": d < DIGITS}
        for d in range(first, EXACT + 1)
        if d != EXACT - 1 or counts[d]  # two doubles that differ do so in their sixteenth digit at the latest
    ]
    return Figure(
        number="Figure 1",
        name="digits",
        kind="digits",
        caption="Significant digits to which each value agrees with its reference. Equal: the same double.",
        alt="Columns: the number of values by the significant digits to which they agree.",
        data={
            "columns": columns,
            "x_label": "Significant digits, rounded down",
            "asked": [f"asked: {DIGITS}", DIGITS - first],
        },
        notes=(f"Orange: fewer than {DIGITS} digits.",) if first < DIGITS - 1 or counts[DIGITS - 1] else (),
        columns=("Digits", "Values"),
        rows=tuple((str(c["label"]), str(c["n"])) for c in columns),
    )


def _statistics(title: str, of: tuple[Row, ...]) -> Table:
    return Table(
        number="",
        caption=f"{title}: agreement with the reference.",
        header=("Statistic", "Cases", "Values", "Largest difference", "Digits reached / asked", "Verdict"),
        rows=tuple(cells for row in of for cells in (_numbers(row), _words(row))),
        align="lrrrrl",
        widths=(7, 1.2, 1.4, 2, 2.2, 1.7),
    )


def _numbers(row: Row) -> tuple[Cell, ...]:
    asked = fmt.between(str(row.asked[-1]), str(row.asked[0])) if len(row.asked) > 1 else "".join(map(str, row.asked))
    reached = whole_digits(row.worst.digits) if row.worst else ""
    return (
        Cell(row.label, bold=True),
        Cell(fmt.whole(row.cases)),
        Cell(fmt.whole(len(row.compared))),
        Cell(_difference(row.difference)),
        Cell(f"{reached} / {asked}" if asked else fmt.DASH),
        Cell(row.verdict, bold=not row.agrees),
    )


def _words(row: Row) -> tuple[Cell, ...]:
    """The line under a statistic, set across the table."""
    said = [_sentence(row.declared.gives)] if row.declared else []
    against = ["; ".join(row.sources)] if row.sources else []
    against += [row.declared.reference] if row.declared else []
    said += [f"Compared with {': '.join(against)}"] if against else []
    said += [f"Data: {', '.join(row.data)}"] if row.data else []
    return (Cell(". ".join(said) + ".", indent=1), *[Cell("")] * 5)


def _sentence(text: str, names: Collection[str] = ()) -> str:
    """Return the text with a capital, unless it begins with a symbol ("n/N", "z (pooled)") or one of the names."""
    word = text.partition(" ")[0].rstrip(",;:")
    first = word.partition("-")[0]
    symbol = not word.replace("-", "").isalpha() or (len(first) == 1 and word != "a")
    return text if symbol or word in names else text[:1].upper() + text[1:]


def _difference(value: float) -> str:
    """Return "3.1 × 10⁻¹⁴", "0" where every value is the same, a dash where there is none."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return fmt.DASH
    mantissa, exponent = f"{value:.1e}".split("e")
    return typeset(f"{mantissa} x 10^{int(exponent)}")


def _fewer_digits(done: Certificate) -> list[Block]:
    """The cases that ask for fewer digits, those of one statistic and reason together."""
    groups: dict[tuple[str, int, str], list[Compared]] = {}
    for row in done.rows:
        for c in row.compared:
            if c.case.digits < DIGITS:
                groups.setdefault((row.label, c.case.digits, c.case.why), []).append(c)
    if not groups:
        return []
    rows = []
    for (label, asked, why), of in groups.items():
        cases = "; ".join(dict.fromkeys(c.case.id for c in of))
        reached = whole_digits(min(c.digits for c in of))
        rows.append((label, cases, fmt.whole(len(of)), f"{reached} / {asked}", _sentence(why, of[0].case.packages)))
    header, widths = ("Statistic", "Cases", "Values", "Digits reached / asked", "Reason"), (4, 4, 1.2, 1.6, 5)
    table = text_table(f"Cases that ask for fewer than {DIGITS} digits.", header, rows, "llrrl", widths)
    return [Heading(f"Where fewer than {DIGITS} digits are asked", 2), table]


def _suite_only(done: Certificate) -> list[Block]:
    if not done.suite_only:
        return []
    rows = [(done.declared[name].label, reason) for name, reason in done.suite_only.items()]
    caption = "Statistics without a recorded case: tested only in the test suite."
    table = text_table(caption, ("Statistic", "Reason and test"), rows, "ll", (2, 5))
    return [Heading("Tested only in the test suite", 2), table]


def _environment(done: Certificate) -> Table:
    e = done.environment
    rows = [
        ("chartline", e.chartline),
        ("Python", e.python),
        ("NumPy", f"{e.numpy}, linear algebra: {e.blas}"),
        ("SciPy", e.scipy),
        ("Platform", e.platform),
        ("Processor", e.processor),
        ("Date and time", e.made),
        ("Digest of references and data sets (sha256)", e.references),
    ]
    return text_table("Where the values were computed.", ("What", "Which"), rows, "ll", (2, 5))
