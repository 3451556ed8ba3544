"""What a report contains, and in which order. One tiny study typed in `report_cases.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chartline.protocol.model import Protocol
from chartline.report.blocks.published import restyle
from chartline.report.build import build_document
from chartline.report.document import Document, Figure, Heading, KeyNumbers, Paragraph, Table
from chartline.report.drawn import ticks
from chartline.report.typeset import typeset
from chartline.results.model import Result, Results
from chartline.trace.response_lines import response_sets
from report_cases import TINY, empty_source, tiny_results, tiny_source


def _tables(document: Document) -> dict[str, Table]:
    return {b.caption.split(" by ")[0].rstrip("."): b for b in document.blocks if isinstance(b, Table)}


def _rows(table: Table) -> list[list[str]]:
    return [[c.text for c in row] for row in table.rows]


def _text(document: Document) -> str:
    return "\n".join(b.text for b in document.blocks if isinstance(b, Paragraph))


@pytest.fixture(scope="module")
def document() -> Document:
    return build_document(tiny_source())


def test_sections_stand_in_journal_order(document: Document) -> None:
    headings = [b.text for b in document.blocks if isinstance(b, Heading) and b.level == 1]
    assert headings == [
        "Summary", "Methods", "Participants", "Baseline characteristics", "Treatment exposure", "Response", "Survival",
        "Patients", "Transplantation", "Safety", "Sensitivity analyses", "As published and as computed", "Open queries",
        "Amendments", "Provenance",
    ]  # fmt: skip


def test_tables_and_figures_are_numbered_as_they_come(document: Document) -> None:
    tables = [b.number for b in document.blocks if isinstance(b, Table)]
    assert tables == [f"Table {i}" for i in range(1, len(tables) + 1)]
    assert [(f.number, f.name) for f in document.figures] == [
        ("Figure 1", "flow"),
        ("Figure 2", "os"),
        ("Figure 3", "swimmer"),
    ]


def test_key_numbers_stand_first_with_fraction_and_interval(document: Document) -> None:
    first = document.blocks[0]
    assert isinstance(first, KeyNumbers)
    assert first.items[0] == ("75.0%", "CR or CRi", "3/4; 95% CI 19.4 to 99.4", "orr/proportion")
    assert first.items[1] == ("9.9 months", "Median overall survival", "95% CI 3.3 to NR", "os/median")


def test_withheld_patients_are_said_before_any_result(document: Document) -> None:
    box = document.blocks[1]
    assert isinstance(box, Paragraph) and box.style == "notice"
    assert box.text.startswith(
        "1 patient is withheld from some analyses because of 1 open query. Overall survival: A-2."
    )
    assert not any(getattr(b, "style", "") == "notice" for b in build_document(tiny_source(withheld=())).blocks)


def test_the_summary_binds_each_number_to_its_result(document: Document) -> None:
    paragraph = next(b for b in document.blocks if isinstance(b, Paragraph) and b.text.startswith("Response."))
    assert paragraph.text == "Response. CR or CRi in 3/4 (75.0%, 95% CI 19.4 to 99.4)."
    assert paragraph.result_ids == ("orr/proportion",)
    assert "".join(r.text for r in paragraph.runs) == paragraph.text
    assert "Of 5 patients screened, 4 were eligible." in _text(document)


def test_each_bound_number_has_a_result_and_a_title(document: Document) -> None:
    known = {r.id for r in tiny_results()}
    bound = {c.result_id for b in document.blocks if isinstance(b, Table) for row in b.rows for c in row if c.result_id}
    assert bound and bound <= known
    assert bound <= set(document.result_titles)
    assert document.result_titles["orr/proportion"] == "CR or CRi. As the marrow says. Clopper-Pearson exact interval."


def test_table_1_counts_the_missing_in_their_own_row(document: Document) -> None:
    table = _tables(document)["Baseline characteristics"]
    assert table.header == ("Characteristic", "All\n(N\u00a0=\u00a04)", "Centre A\n(n\u00a0=\u00a04)")
    assert _rows(table) == [
        ["Age at first dose, years", "", ""],
        ["Median (IQR)", "45 (35–55)", "45 (35–55)"],
        ["Range", "30–60", "30–60"],
        ["Sex", "", ""],
        ["Male", "2 (67)", "2 (67)"],  # of the three with a value
        ["Female", "1 (33)", "1 (33)"],
        ["Missing", "1", "1"],
    ]


def test_the_survival_table_prints_events_risk_and_censored(document: Document) -> None:
    table = _tables(document)["Time-to-event endpoints and follow-up"]
    assert table.header[3:] == ("At 6 months, % (95%\u00a0CI)", "At risk", "Censored before")
    assert _rows(table) == [["Overall survival", "2/4", "9.9 (3.3–NR)", "75.0 (13.0–96.0)", "3", "0"]]


def test_the_curve_has_risk_numbers_and_a_data_table(document: Document) -> None:
    figure = next(f for f in document.figures if f.name == "os")
    assert figure.data["ticks"] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert figure.data["groups"][0]["risk"] == [4, 4, 3, 3, 2, 1, 1, 0]
    assert figure.data["groups"][0]["few_from"] == pytest.approx(100 / 30.4375)  # never 5 at risk after the first day
    assert figure.rows[0][:4] == ("All", "100", "3.29", "4")
    assert len(figure.rows) == 4


@pytest.mark.parametrize(
    ("months", "last", "step"), [(0.5, 1, 1), (9, 9, 1), (42.8, 48, 6), (60, 60, 12), (2000, 2040, 120)]
)
def test_ticks_reach_the_end_in_even_steps(months: float, last: float, step: float) -> None:
    axis = ticks(months)
    assert axis[0] == 0 and axis[-1] == last and axis[1] - axis[0] == step


def test_laboratory_grades_and_the_shift_from_baseline(document: Document) -> None:
    table = _tables(document)["Worst laboratory grade on treatment,"]
    assert table.header[6:] == ("Any grade", "Grade 3–4", "Worse than baseline", "Worse, to grade 3–4")
    assert _rows(table) == [
        ["Alanine aminotransferase", "4", "3", "0", "1", "0", "4 (100)", "1 (25)", "1 (25)", "1 (25)"]
    ]


def test_adverse_events_are_sorted_by_frequency(document: Document) -> None:
    table = _tables(document)["Adverse events"]
    assert table.header == ("Term", "Grade 2", "Grade 4", "Any grade", "Grade 3 or more")
    assert _rows(table) == [["Nausea", "2", "0", "2 (50)", "0"], ["Sepsis", "0", "1", "1 (25)", "1 (25)"]]


def test_sensitivity_analyses_stand_below_their_main_analysis(document: Document) -> None:
    table = _tables(document)["Main analyses and their variants"]
    assert [(c.text, c.indent) for c, *_ in table.rows] == [("CR or CRi", 0), ("CR or CRi, strict", 1)]


def test_published_numbers_agree_at_the_precision_printed(document: Document) -> None:
    rows = _rows(_tables(document)["Each published number beside ours"])
    assert rows[0][:5] == ["Response", "75.0% (n = 3/4)", "75.0% (n = 3/4)", "yes", "75.0% (19.4–99.4)"]
    assert rows[1][:5] == ["Median survival", "6 months", "10 months", "no", "9.9 (3.3–NR)"]
    assert rows[1][5] == "Counted from referral."


@pytest.mark.parametrize(
    ("printed", "n", "total", "ours"),
    [
        ("59.4% (n = 19)", 20, 32, "62.5% (n = 20)"),
        ("94.7% (n = 18/19)", 17, 19, "89.5% (n = 17/19)"),
        ("34.4% (11/32)", 11, 32, "34.4% (11/32)"),
        ("28 %", 9, 32, "28 %"),
        ("not stated", 9, 32, None),
    ],
)
def test_our_rates_are_written_in_the_style_of_the_publication(
    printed: str, n: int, total: int, ours: str | None
) -> None:
    result = Result("r", "proportion", n / total, unit="proportion", n=n, N=total, method="exact")
    assert restyle(printed, result) == ours


@pytest.mark.parametrize(
    ("printed", "value", "ours"),
    [
        ("median of two cycles", 3.0, "median of three cycles"),
        ("6 months", 6.49, "6 months"),
        ("6.0 months", 6.05, "6.1 months"),
    ],
)
def test_our_times_are_written_in_the_style_of_the_publication(printed: str, value: float, ours: str) -> None:
    assert restyle(printed, Result("t", "median", value, unit="months", method="KM")) == ours


def test_a_report_without_patient_level_names_no_patient() -> None:
    protocol = Protocol.model_validate(TINY | {"report": TINY["report"] | {"patient_level": False}})  # type: ignore[operator]
    document = build_document(tiny_source(protocol=protocol))
    assert [f.name for f in document.figures] == ["flow", "os"]
    assert "A-1" not in repr(document) and "A-2" not in repr(document)
    assert "Overall survival: 1 patient." in _text(document)


def test_the_flow_diagram_shows_who_could_not_be_decided() -> None:
    source = tiny_source()
    assert source.attrition is not None
    step = replace(source.attrition.steps[0], n_no=0, n_unknown=1)
    figure = build_document(replace(source, attrition=replace(source.attrition, steps=(step,)))).figures[0]
    assert figure.data["steps"] == [
        {"reason": "Under 18", "criterion": "Aged 18 years or over", "n_no": 0, "n_unknown": 1}
    ]
    assert figure.data["sets"] == [{"label": "Treated", "n": 4}]


def test_an_empty_study_is_still_a_report() -> None:
    document = build_document(empty_source())
    curve = next(f for f in document.figures if f.name == "os")
    assert curve.data["note"] == "No patient in this analysis"
    assert "No query is open." in _text(document) and "No value was amended." in _text(document)
    assert _rows(_tables(document)["Response rates"])[0][:4] == ["CR or CRi", "0/0", "not estimable", "–"]


def test_a_report_of_nothing_but_a_title() -> None:
    bare = Protocol.model_validate({k: TINY[k] for k in ("chartline", "study", "data", "treatment")})
    document = build_document(
        replace(empty_source(), protocol=bare, attrition=None, results=Results([], "p" * 64, "d" * 64))
    )
    assert document.title == "A tiny study"
    assert document.figures == ()


def test_long_lists_are_split_or_cut_with_a_note() -> None:
    source = tiny_source()
    many = tuple(replace(source.patients[0], subject=f"A-{i}") for i in range(170))
    document = build_document(replace(source, patients=many))
    assert [f.name for f in document.figures if f.kind == "swimmer"] == ["swimmer_1", "swimmer_2", "swimmer_3"]
    amendments = tuple(replace(source.amendments[0], subject=f"A-{i}") for i in range(300))
    table = _tables(build_document(replace(source, amendments=amendments)))["Amendments"]
    assert len(table.rows) == 200 and table.notes == ("100 more are in the amendment file.",)


def test_figures_have_alternative_text_and_data(document: Document) -> None:
    for figure in document.figures:
        assert isinstance(figure, Figure) and len(figure.alt) > 20
        assert figure.rows and all(len(row) == len(figure.columns) for row in figure.rows)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("platelets at least 100 x 10^9/L", "platelets at least 100 × 10⁹/L"),
        ("Cumulative dose, mg/m2", "Cumulative dose, mg/m²"),
        ("below 10^-4", "below 10⁻⁴"),
        ("Grade 3-4 toxicity, grades 1-2", "Grade 3–4 toxicity, grades 1-2"),
        ("below 5 % of cells", "below 5% of cells"),
        ("Body surface area, m2", "Body surface area, m²"),
        ("cm2m2x, m20, 10^ and x 3", "cm2m2x, m20, 10^ and x 3"),
    ],
)
def test_units_are_typeset(written: str, printed: str) -> None:
    assert typeset(written) == printed


def test_what_a_source_says_is_quoted_as_it_is() -> None:
    source = tiny_source()
    amended = replace(source, amendments=(replace(source.amendments[0], was="41", now="41 10^9/L"),))
    assert _rows(_tables(build_document(amended))["Amendments"])[0][2:4] == ["41", "41 10^9/L"]


def test_many_withheld_patients_are_counted_first_and_listed_later() -> None:
    source = tiny_source()
    many = tuple(
        replace(source.withheld[0], subject=f"A-{i}", analyses=("Overall survival", "Other")) for i in range(9)
    )
    document = build_document(replace(source, withheld=many))
    box = document.blocks[1]
    assert isinstance(box, Paragraph)
    assert "Overall survival: 9 patients; 1 further analysis. They are listed under Open queries." in box.text
    table = _tables(document)["Patients withheld, and the analyses they are left out of"]
    assert _rows(table)[0] == ["A-0", "Overall survival; Other", "Q-A-1"] and len(table.rows) == 9


def test_a_query_with_many_places_is_cut_short() -> None:
    source = tiny_source()
    wide = replace(source.queries[0], places=tuple(f"f!S!C{i}" for i in range(9)))
    table = _tables(build_document(replace(source, queries=(wide,))))["Open queries that withhold a patient"]
    assert _rows(table)[0][4] == "f!S!C0, C1, C2; and 6 more (see queries.csv)"


def test_a_query_that_lists_many_dates_is_cut_after_the_third() -> None:
    source = tiny_source()
    days = [f"2020-01-{i:02d}" for i in range(1, 41)]
    message = f"The counts were taken on {', '.join(days[:-1])} and {days[-1]}."
    saw = f"Marrow: 4 %; Dates: {', '.join(days)}"
    long = replace(source.queries[0], message=message, saw=saw)
    short = replace(long, message="On 2020-01-01, 2020-01-02 and 2020-01-03, once, twice, or not.", saw="4 %")
    table = _tables(build_document(replace(source, queries=(long, short))))["Open queries that withhold a patient"]
    assert _rows(table)[0][2:4] == [
        "The counts were taken on 2020-01-01, 2020-01-02, 2020-01-03 and 37 more (see queries.csv).",
        "Marrow: 4 %; Dates: 2020-01-01, 2020-01-02, 2020-01-03 and 37 more (see queries.csv)",
    ]
    assert _rows(table)[1][2] == short.message


def test_what_a_query_does_is_said_in_words() -> None:
    source = tiny_source()
    kinds = ("note", "warn", "block")
    queries = tuple(replace(source.queries[0], id=f"Q-{s}", severity=s) for s in kinds)
    table = _tables(build_document(replace(source, queries=queries)))["Open queries"]
    assert _rows(table)[0] == ["Date before birth", "Withholds, asks or tells", "3", "3"]


def test_responses_are_shown_by_their_labels_best_first() -> None:
    labels = {"CR": "Complete remission", "PR/SD": "Partial response or stable disease", "NR": "No response"}
    bars = tuple(replace(tiny_source().patients[0], subject=f"A-{i}", response=c) for i, c in enumerate(["NR", "CR"]))
    document = build_document(tiny_source(levels={"BOR": labels}, patients=(*bars, tiny_source().patients[1])))
    rows = document.figures[2].data["rows"]
    assert [r["group"] for r in rows] == ["Complete remission (CR)", "No response", "Withheld: a query is open"]
    assert [r[1] for r in document.figures[2].rows] == [r["group"] for r in rows]
    assert "CR, complete remission." in document.figures[2].notes[0]


def test_a_withheld_patient_names_six_analyses_and_how_many_more() -> None:
    source = tiny_source()
    line = replace(source.withheld[0], analyses=tuple(f"Analysis {i}" for i in range(9)))
    tables = _tables(build_document(replace(source, withheld=(line,))))
    table = tables["Patients withheld, and the analyses they are left out of"]
    assert _rows(table)[0][1] == "; ".join(f"Analysis {i}" for i in range(6)) + "; and 3 more"


def test_the_report_gets_the_labels_of_the_rule_set_best_first() -> None:
    (only,) = response_sets(Protocol.model_validate(TINY))
    labels = {code: meaning for code, meaning, _ in only.categories}
    assert list(labels) == ["CR", "CRi", "NOCR", "PR/SD", "NR", "NE"]
    assert labels["CRi"] == "Complete remission with incomplete count recovery" and labels["NE"] == "Not evaluable"


def test_a_category_that_holds_in_two_ways_has_the_origin_of_both() -> None:
    (only,) = response_sets(Protocol.model_validate(TINY | {"response": {"criteria": "eln_2024"}}))
    assert [code for code, *_ in only.categories].count("CR") == 1
    (origin,) = [origin for code, _, origin in only.categories if code == "CR"]
    first, second = origin.split("; or: ")
    assert first.startswith("Table; no blood blasts")
    assert second.startswith("Table (in the row of PR: CR where MRD is below 1 %)")
