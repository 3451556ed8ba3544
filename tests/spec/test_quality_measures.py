"""`chartline quality`: what is measured of each centre's data, and what small cells hide.

Three centres here: A with two patients, B with one, C with none. The cut-off is 31 December 2023.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from chartline.checks.engine import rules
from chartline.cohort.select import select_cohort
from chartline.core.query import Query, Severity, Topic
from chartline.derive.derive import derive_all
from chartline.quality.disclosure import Cells
from chartline.quality.document import build_report
from chartline.quality.drawn import completeness, rounded
from chartline.quality.kinds import FILES, KINDS, count_queries, kind_of
from chartline.quality.measure import measure_quality, median_of
from chartline.quality.measures import HIDDEN, Measure, measures_of
from chartline.quality.model import Median, Need, Quality, Share
from chartline.quality.page import build_page
from chartline.report.document import Table
from chartline.report.pdf import write_pdf
from chartline.study import StudyData
from derive_cases import eligible, lean, protocol
from truth_data import tiny

TABLES = {
    "EX": """
        CENTRE | USUBJID | EXSTDTC    | EXDOSM2
        A      | A1      | 2023-01-01 | 0.8
        A      | A1      | 2023-01-08 |
        A      | A2      | 2023-07-01 | 0.8
        B      | B1      | 2023-12-01 | 0.8
    """,
    "SS": """
        CENTRE | USUBJID | RELAPSE | RELDTC  | LKADTC     | DTHFL | DTHDTC
        A      | A1      | Y       | 2023-02 | 2023-04-11 | Y     | 2023-04-11
        A      | A2      | N       |         | 2023-09-09 | N     |
        B      | B1      | N       |         | 2023-12-31 | N     |
    """,
    "AE": """
        CENTRE | USUBJID | AETERM | AESTDTC    | AETOXGR
        A      | A1      | Fever  | 2023-01-03 | 2
        A      | A1      | Rash   |            |
    """,
}
CENTRES = [{"id": c, "label": f"Centre {c}", "folder": c, "mapping": f"{c}.yaml"} for c in "ABC"]


def query(rule: str, centre: str, *topics: Topic, severity: Severity = Severity.WARN, n: int = 0) -> Query:
    return Query(rule, severity, centre, "", (f"cell {n}",), "", "", "", frozenset(topics))


@pytest.fixture(scope="module")
def quality() -> Quality:
    data = eligible(tiny(**TABLES))
    p = protocol(**lean() | {"data": {"cut_off": "2023-12-31", "centres": CENTRES}, "eligibility": [
        {"id": "treated", "label": "Treated", "require": "TRTSDT is present"}]})  # fmt: skip
    cohort = select_cohort(data, p, [], "")
    raised = (query("dose_amount", "A", n=1), query("dose_amount", "A", n=2), query("hidden_row", "B"))
    now = StudyData(p, "p" * 64, data, raised[:1], (), {})
    return measure_quality(now, replace(now, queries=raised), derive_all(data, cohort, p, []))


def need(quality: Quality, label: str) -> Need:
    return next(n for n in quality.needs if n.label == label)


def measure(quality: Quality, id_: str) -> Measure:
    return next(m for m in measures_of(quality) if m.id == id_)


def with_smallest_cell(quality: Quality, n: int) -> Quality:
    report = quality.protocol.report.model_copy(update={"smallest_cell": n})
    return replace(quality, protocol=quality.protocol.model_copy(update={"report": report}))


def test_every_centre_of_the_protocol_is_told_of_also_one_without_patients(quality: Quality) -> None:
    assert quality.screened == {"A": 2, "B": 1, "C": 0}
    assert quality.complete["C"] == Share(0, 0)
    assert {m.bars["C"].words for m in measures_of(quality)} == {"–"}


def test_completeness_is_of_what_can_be_asked(quality: Quality) -> None:
    assert need(quality, "Disease status").shares["A"] == Share(2, 2)
    assert need(quality, "ECOG performance status").shares["A"] == Share(0, 2)
    assert need(quality, "Amount of each dose").shares == {"A": Share(2, 3), "B": Share(1, 1), "C": Share(0, 0)}
    assert need(quality, "Date of relapse, of who relapsed").shares["A"] == Share(1, 1)  # A2 did not relapse
    assert need(quality, "Date of death, of who died").everyone == Share(1, 1)
    assert need(quality, "Grade of each adverse event").shares["A"] == Share(1, 2)
    assert not any(n.label.startswith("Date of transplantation") for n in quality.needs)  # nobody had one


def test_a_laboratory_test_is_needed_at_baseline_and_on_treatment(quality: Quality) -> None:
    assert need(quality, "Platelets, at baseline").shares["A"] == Share(0, 2)
    assert need(quality, "Platelets, on treatment").shares["B"] == Share(0, 1)


def test_a_month_is_no_exact_date(quality: Quality) -> None:
    relapse = next(n for n in quality.dates_by_variable if n.label == "Date of relapse")
    assert relapse.shares["A"] == Share(0, 1)
    # births 2 (added by the test's helper), doses 3, relapse 1, last alive 2, death 1, onset 1 = 10 dates, one a month
    assert quality.dates["A"] == Share(9, 10)


def test_a_year_beside_the_whole_date_of_birth_takes_nothing_from_it() -> None:
    from chartline.quality.measure import _dates

    born = "CENTRE|USUBJID|BRTHDTC\nA|A1|1980-05-04\nA|A1|1980\nA|A2|1980"
    data = tiny(DM=born)
    found = _dates(data, data["DM"].select("USUBJID").unique(), ("A",))
    assert found[0].shares["A"] == Share(1, 2)


def test_follow_up_is_clarks_index(quality: Quality) -> None:
    # A1 died on day 100: 100 of 100 days. A2 was seen for 70 days of 183 (1 July to 31 December). B1: 30 of 30.
    assert quality.follow_up == {"A": Share(170, 283), "B": Share(30, 30), "C": Share(0, 0)}
    assert quality.followed == "Overall survival"
    assert measure(quality, "follow_up").bars["A"].words == "60.1%"  # 170 / 283 = 0.6007


def test_delay_is_of_the_living_from_the_last_contact_to_the_cut_off(quality: Quality) -> None:
    # A2: 9 September to 31 December = 21 + 31 + 30 + 31 = 113 days; A1 is dead
    assert quality.delay["A"] == Median(1, 113.0, 113.0, 113.0)
    assert quality.delay["C"] == Median(0)
    assert measure(quality, "delay").bars["A"].words == "3.7 (1)"  # 113 / 30.4375 = 3.71 months


@pytest.mark.parametrize(
    ("days", "middle", "low", "high"),
    [([10], 10, 10, 10), ([10, 20], 15, 12.5, 17.5), ([1, 2, 3, 4], 2.5, 1.75, 3.25), ([5, 1, 3], 3, 2, 4)],
)
def test_a_median_has_the_quartiles_of_r_type_7(days: list[int], middle: float, low: float, high: float) -> None:
    assert median_of(days) == Median(len(days), middle, low, high)


def test_queries_are_told_by_ten_patients_screened(quality: Quality) -> None:
    assert measure(quality, "raised").bars["A"].words == "10.0"  # 2 queries of 2 patients
    assert measure(quality, "open").bars["A"].words == "5.0"
    assert measure(quality, "raised").everyone.words == "10.0"  # 3 of 3


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("dose_amount", "Treatment"),
        ("after_death", "Dates"),
        ("lab_implausible", "Laboratory"),
        ("centre_blanks", "Between centres"),
        ("hb_in_g_per_l", "Rules of the study"),
        ("value_not_in_code_list", FILES),  # no check raised it
    ],
)
def test_a_query_is_of_the_group_of_its_check(rule: str, kind: str) -> None:
    assert kind_of(query(rule, "A"), own={"hb_in_g_per_l"}) == kind


def test_kinds_stand_in_the_order_of_the_register() -> None:
    one_of_each = [query(r, "A", n=i) for i, r in enumerate(("read_so", "own", *rules()))]
    told = [q.kind for q in count_queries(one_of_each, [], ["A"], own={"own"})]
    assert list(dict.fromkeys(told)) == list(KINDS)


def test_notes_are_not_counted() -> None:
    note = query("dose_amount", "A", severity=Severity.NOTE)
    assert count_queries([note], [note], ["A"]) == ()


def test_100_is_said_only_where_all_is_there_and_0_only_where_nothing_is() -> None:
    assert [rounded(Share(n, 1000)) for n in (0, 1, 999, 1000)] == ["0", "1", "99", "100"]


# Small cells: a threshold of 5 hides 1 to 4 and what they follow from.
@pytest.mark.parametrize(("n", "shown"), [(0, True), (1, False), (4, False), (5, True)])
def test_a_number_of_patients_is_hidden_from_1_to_below_the_threshold(n: int, shown: bool) -> None:
    assert Cells(5).count(n) is shown
    assert Cells(1).count(n)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (Share(5, 10), True),
        (Share(4, 10), False),
        (Share(6, 10), False),  # four are missing
        (Share(10, 10), True),
        (Share(0, 10), True),
        (Share(3, 3), False),  # of three
    ],
)
def test_a_share_is_hidden_where_those_there_or_those_missing_are_few(share: Share, shown: bool) -> None:
    assert Cells(5).share(share) is shown


def test_a_total_is_hidden_where_it_tells_the_one_hidden_part() -> None:
    assert not Cells(5).total([Share(10, 10), Share(8, 10)])
    assert Cells(5).total([Share(5, 10), Share(8, 16)])
    assert Cells(5).total([Share(10, 10), Share(8, 10), Share(7, 10)])  # which of the two, nobody can tell


def test_what_is_hidden_stands_nowhere(quality: Quality) -> None:
    hidden = with_smallest_cell(quality, 5)
    figure = completeness(hidden, hidden.needs, "c", "", "")
    drawn = next(r for r in figure.data["rows"] if r["label"] == "ECOG performance status")
    assert [c["words"] for c in drawn["cells"]] == [HIDDEN, HIDDEN, "–", HIDDEN]  # A 0/2, B 0/1, C nobody, all 0/3
    patients = [row for row in figure.rows if row[2] == "patients"]
    assert patients and not any("/" in cell for row in patients for cell in row[3:])
    assert {measure(hidden, m).bars["A"].words for m in ("raised", "open", "follow_up", "delay")} == {HIDDEN}
    for document in (build_report(hidden), build_page(hidden, "A")):
        rows = [row for b in document.blocks if isinstance(b, Table) for row in b.rows]
        of_patients = {n.label for n in hidden.needs if n.of == "patients"}
        assert not [row for row in rows if row[0].text in of_patients]


def test_the_page_of_a_centre_names_no_other_and_is_one_page(quality: Quality) -> None:
    document = build_page(quality, "A")
    assert "Centre A" in document.title
    assert "Centre B" not in repr(document.blocks)
    pdf = write_pdf(document)
    assert b"/Count 1" in pdf
