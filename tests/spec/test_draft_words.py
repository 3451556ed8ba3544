"""How a draft reads a heading, a word, a date, a unit: each against general usage of the field."""

from __future__ import annotations

import pytest

from chartline.draft.coded.composite import split_text
from chartline.draft.codes import Codes
from chartline.draft.dates import Verdict, judge
from chartline.draft.find.layout import Layout, find_layout
from chartline.draft.flat.headings import find_unit, take_apart
from chartline.draft.lists import put_list
from chartline.draft.model import Target
from chartline.draft.profile import profile_cells
from chartline.draft.study import Study
from chartline.draft.units import unit_of_test
from chartline.draft.words import Words

STUDY = Study(words=Words(["inotuzumab ozogamicin", "InO"]))
WORDS = STUDY.words
CODES = Codes(STUDY)


@pytest.mark.parametrize(
    ("heading", "target"),
    [
        ("DOB", "DM BRTHDTC"),
        ("Geburtsdatum", "DM BRTHDTC"),
        ("Date of birth", "DM BRTHDTC"),
        ("ICF date", "DM RFICDTC"),
        ("Date of informed consent", "DM RFICDTC"),
        ("TLC", "LB WBC LBORRES"),
        ("Total leucocyte count", "LB WBC LBORRES"),
        ("SGPT", "LB ALT LBORRES"),
        ("S.G.O.T.", "LB AST LBORRES"),
        ("Thrombozyten", "LB PLT LBORRES"),
        ("Serum creatinine", "LB CREA LBORRES"),
        ("BM blasts", "RS BMBLAST"),
        ("Peripheral blood blasts", "RS PBBLAST"),
        ("MRD by FCM", "RS MRDVAL"),
        ("DOD", "SS DTHDTC"),
        ("Todesdatum", "SS DTHDTC"),
        ("Date of last contact", "SS LKADTC"),
        ("LFU", "SS LKADTC"),
        ("BCR::ABL1", "MH BCRABL1 MHORRES"),
        ("Philadelphia chromosome", "MH BCRABL1 MHORRES"),
        ("Prior BMT", "MH PRIOR HSCT MHORRES"),
        ("Age at InO", "DM AGE"),
        ("Related to inotuzumab ozogamicin", "AE AEREL"),
        ("BRTHDTC", "DM BRTHDTC"),  # chartline's own name
    ],
)
def test_a_heading_is_known_by_the_words_of_the_field(heading: str, target: str) -> None:
    fits = WORDS.fits(WORDS.canonical(heading))
    assert max(fit for t, (fit, _) in fits.items() if t.label == target) >= 0.95
    assert max(fit for fit, _ in fits.values()) <= 1.0


def test_what_only_resembles_a_word_is_not_sure() -> None:
    fits = WORDS.fits(WORDS.canonical("Bone Marrow Site of Relapse"))
    assert max(fit for fit, _ in fits.values()) < 0.85
    assert WORDS.fits(WORDS.canonical("Favourite colour")) == {}


@pytest.mark.parametrize(
    ("heading", "unit", "rest"),
    [
        ("HB (g/dL)", "g/dL", "HB"),
        ("Platelets (lakh/uL)", "lakh/uL", "Platelets"),
        ("Bilirubin mg/dL at VOD", "mg/dL", "Bilirubin at VOD"),
        ("CD22 %", "%", "CD22"),
        ("Response (treating team)", "", "Response (treating team)"),
        ("Rel/Ref", "", "Rel/Ref"),
    ],
)
def test_a_unit_is_taken_from_a_heading(heading: str, unit: str, rest: str) -> None:
    assert find_unit(heading) == (unit, rest)


def test_a_number_counts_only_where_the_same_heading_has_others() -> None:
    heads = take_apart(["C1 D1 date", "C1 D8 date", "C2 D1 date", "C2 D8 date", "CD22 %", "CR1 months"], WORDS)
    assert [h.index for h in heads[:4]] == [{"cycle": c, "day": d} for c, d in ((1, 1), (1, 8), (2, 1), (2, 8))]
    assert heads[0].template == "C{cycle} D{day} date"
    assert [h.index for h in heads[4:]] == [{}, {}]
    first_days = take_apart(["C1 D1 date", "C2 D1 date"], WORDS)  # day 1 is counted, though no heading has another
    assert [h.index for h in first_days] == [{"cycle": 1, "day": 1}, {"cycle": 2, "day": 1}]
    events = take_apart(["AE1 term", "AE2 term", "AE1 onset", "AE2 onset"], WORDS)
    assert [(h.stem, h.index["n"], h.words) for h in events[:2]] == [("AE", 1, ("term",)), ("AE", 2, ("term",))]


@pytest.mark.parametrize(
    ("heading", "modifier"),
    [("ANC (repeat)", "repeat"), ("C1 peak ALT", "worst"), ("Base HB", "baseline"), ("LLN HB", "lln"), ("HB", "")],
)
def test_words_that_modify(heading: str, modifier: str) -> None:
    (head,) = take_apart([heading], WORDS)
    assert head.modifiers == ({modifier} if modifier else set())


def test_how_far_back_is_asked_says_nothing_more() -> None:
    """`in 7 days` is how a form asks for support before a count; `day 8` is when something was done."""
    heads = take_apart(["RBC transfusion 7d", "plt tx 7d repeat", "BM blasts day 8"], WORDS)
    assert [("rbc", "transfusion") in (h.words, *h.alternatives) for h in heads] == [True, False, False]
    assert [w for h in heads[2:] for w in (h.words, *h.alternatives)] == [("marrow", "blast", "day", "8")]


# words of values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "term"),
    [
        ("CRi", "CRi"),
        ("CR with incomplete", "CRi"),
        ("iCR", "CRi"),
        ("CR with incomplete recovery", "CRi"),
        ("CR (incomplete counts)", "CRi"),
        ("Complete remission", "CR"),
        ("Komplette Remission", "CR"),
        ("no response", "NR"),
        ("Progression", "PD"),
        ("MLFS", "MLFS"),
    ],
)
def test_words_for_a_response(word: str, term: str) -> None:
    (found,) = CODES.translate(Target("RS", "", "INVRESP"), {word: 1})
    assert (found.term, found.sure) == (term, True)


@pytest.mark.parametrize(
    ("target", "word", "term"),
    [
        (Target("DM", "", "SEX"), "w", "F"),
        (Target("DM", "", "SEX"), "Male", "M"),
        (Target("RS", "", "MRDCLASS"), "MRD-", "NEGATIVE"),
        (Target("RS", "", "MRDCLASS"), "MRD+", "POSITIVE"),
        (Target("RS", "", "MRDCLASS"), "not detected", "NEGATIVE"),
        (Target("MH", "BCRABL1", "MHORRES"), "Ph+", "POSITIVE"),
        (Target("MH", "BCRABL1", "MHORRES"), "Ph neg", "NEGATIVE"),
        (Target("SS", "", "DTHFL"), "1:DECEASED", "Y"),
        (Target("SS", "", "DTHFL"), "alive", "N"),
        (Target("AE", "", "AESER"), "non-serious", "N"),
        (Target("SS", "", "RELTYPE"), "isolated CNS", "EXTRAMEDULLARY ONLY"),
    ],
)
def test_words_of_other_codes(target: Target, word: str, term: str) -> None:
    (found,) = CODES.translate(target, {word: 1})
    assert (found.term, found.sure) == (term, True)


def test_a_slip_of_the_pen_is_a_question_with_what_it_may_be() -> None:
    (found,) = CODES.translate(Target("RS", "", "MRDCLASS"), {"NEGTIVE": 1})
    assert (found.term, found.sure) == ("NEGATIVE", False)


def test_a_number_without_a_dictionary_is_a_question_and_with_one_is_not() -> None:
    sex = Target("DM", "", "SEX")
    assert [w.sure for w in CODES.translate(sex, {"1": 3, "2": 4})] == [False, False]
    labelled = CODES.translate(sex, {"1": 3, "7": 1}, {"1": "Male", "2": "Female"})
    assert [(w.word, w.term, w.sure) for w in labelled] == [("1", "M", True), ("7", "", False), ("2", "F", True)]


def test_one_word_in_other_letters_cannot_mean_two_things() -> None:
    """A mapping reads words in any letters: of `m` for male and `M` for Mädchen only one can stand in a code list."""
    first, second = CODES.translate(Target("DM", "", "SEX"), {"m": 3, "M": 4}, {"m": "Male", "M": "Female"})
    assert (first.term, first.sure) == ("M", True)
    assert (second.term, second.sure) == ("", False)


def test_a_code_list_holds_a_word_with_one_meaning() -> None:
    lists: dict[str, dict[str, list[str]]] = {}
    assert put_list("yes_no", {"Y": ["1"], "N": ["2"]}, lists) == "yes_no"
    assert put_list("yes_no", {"Y": ["1", "yes"]}, lists) == "yes_no"  # nothing it contradicts
    assert put_list("yes_no", {"Y": ["2"], "N": ["1"]}, lists) == "yes_no_2"
    assert lists == {"yes_no": {"Y": ["1", "yes"], "N": ["2"]}, "yes_no_2": {"Y": ["2"], "N": ["1"]}}


# dates --------------------------------------------------------------------------------------------------------------


def verdict(*texts: str, kind: str = "t") -> Verdict:
    return judge({(t, kind): texts.count(t) for t in texts})


def test_a_verdict_says_what_was_counted() -> None:
    v = verdict("13/04/2020", "27/11/2019", "03/04/2020", "31/02/2020", "04/2020")
    assert v.sentence() == "2 of 3 unambiguous day/month; 1 ambiguous; 1 month or year alone; 1 impossible"
    assert v.order == "DMY"


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["5/21/1997", "3/29/2000", "1/2/1999"], "MDY"),
        (["21.5.1997"], "DMY"),
        (["2020-04-03"], "ISO"),
        (["03/04/2020", "05/06/2020"], None),  # nothing decides
        (["13/04/2020", "04/13/2020"], None),  # both ways
    ],
)
def test_an_order_needs_a_proof(texts: list[str], order: str | None) -> None:
    assert verdict(*texts).order == order


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("13.04.20", "1 with a two-digit year"),
        ("20200413", "1 without separators (yyyymmdd)"),
        ("soon", "1 not a date"),
    ],
)
def test_what_is_no_full_date_is_said(text: str, said: str) -> None:
    assert said in verdict(text).sentence()


def test_the_trace_of_another_locale_needs_evidence() -> None:
    true = {(f"2021-{m:02d}-04", "d"): 1 for m in range(1, 6)}
    text = {("20/11/2017", "t"): 1, ("22/11/2022", "t"): 1, ("24/04/2018", "t"): 1}
    both = judge(true | text)
    assert both.mangled  # 0.4^5 x 0.6^3 = 0.0022
    assert both.by_chance == pytest.approx(0.4**5 * 0.6**3)
    assert not judge({("2021-01-04", "d"): 1, ("20/11/2017", "t"): 1}).mangled  # 0.24: chance explains it
    assert not judge(true | {("03/04/2018", "t"): 1}).mangled  # a text date that a US spreadsheet would have taken


# units --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "values", "unit"),
    [
        ("HB", [12.4, 13.1, 11.9, 14.0, 12.7, 15.2], "g/dL"),
        ("HB", [95, 101, 88, 120, 74], "g/L"),
        ("PLT", [0.4, 1.2, 0.9, 2.1, 0.15], "lakh/uL"),
        ("BILI", [0.4, 0.7, 1.1, 0.9, 0.5], "mg/dL"),
        ("BILI", [45, 60, 120, 38, 29], "umol/L"),
        ("CREA", [61, 80, 75, 90, 110], "umol/L"),
        ("HB", [7.1, 8.0, 9.2, 8.8, 10.1], ""),  # g/dL or mmol/L
        ("HB", [12.0], ""),  # one value decides nothing
    ],
)
def test_a_unit_by_the_distribution_of_values(test: str, values: list[float], unit: str) -> None:
    assert unit_of_test(test, "", values).unit == unit


def test_a_stated_unit_that_the_values_contradict_is_a_question() -> None:
    found = unit_of_test("BILI", "mg/dL", [45, 60, 120, 38, 29, 80])
    assert found.unit == ""
    assert "the heading says mg/dL" in found.reason
    assert unit_of_test("PLT", "G/l", [120, 80, 40, 33, 250]).unit == "10^9/L"  # giga per litre, not grams
    assert unit_of_test("PLT", "g/dL", []).unit == ""


# where the table lies -----------------------------------------------------------------------------------------------


def grid(text: str) -> list[list[tuple[str | None, str | None]]]:
    rows = [[c.strip() or None for c in line.split("|")] for line in text.strip().splitlines()]
    width = max(map(len, rows))
    kinds = [[(c, None if c is None else "n" if c.replace(".", "").isdigit() else "t") for c in r] for r in rows]
    return [r + [(None, None)] * (width - len(r)) for r in kinds]


def test_titles_groups_headings_and_units_above_the_data() -> None:
    found = find_layout(
        grid(
            """
            Register of the department, as of March | | |
             | | |
            Patient | | Blood |
            ID | Sex | HB | PLT
             | | g/dL | 10^9/L
            1 | F | 9.1 | 80
            2 | M | 8.2 | 41
            """
        ),
        [((2, 0), (2, 1)), ((2, 2), (2, 3))],
    )
    assert isinstance(found, Layout)
    assert (found.group_row, found.header_row, found.first_row) == (3, 4, 6)
    assert found.units == {2: "g/dL", 3: "10^9/L"}
    assert found.titles == {0: "Patient", 1: "Patient", 2: "Blood", 3: "Blood"}


@pytest.mark.parametrize("first", ["1 | 1 | 1 | 0.8", "1 | 1 | 1 |", " | 1 | 1 | 0.8"])
def test_a_first_row_of_numbers_is_no_row_of_units(first: str) -> None:
    """`1` is a unit in name only: the first patient's first cycle was left out of a draft."""
    found = find_layout(grid(f"Patient | Cycle | Day | Dose\n{first}\n1 | 1 | 8 | 0.5"))
    assert isinstance(found, Layout)
    assert (found.header_row, found.first_row, found.units, found.said) == (1, None, {}, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [("only a note", "no table"), ("ID | Sex", "headings and no rows"), ("1 | 2\n3 | 4", "no row of headings")],
)
def test_a_sheet_without_a_table_says_why(text: str, why: str) -> None:
    found = find_layout(grid(text))
    assert isinstance(found, str)
    assert why in found


# several values in one text ------------------------------------------------------------------------------------------


def test_texts_with_several_values_are_taken_apart() -> None:
    parts = split_text({"AE|Nausea|grade=2|serious=N": 1, "AE|Fever|grade=3|serious=Y": 1})
    assert {p.name: dict(p.values) for p in parts if p.name} == {"grade": {"2": 1, "3": 1}, "serious": {"N": 1, "Y": 1}}
    assert [(p.constant, dict(p.values)) for p in parts if not p.name] == [
        (True, {"AE": 2}),
        (False, {"Nausea": 1, "Fever": 1}),
    ]
    donor = split_text({"HSCT; donor MUD; cond Flu/Mel": 1, "HSCT; donor MSD; cond TBI/Cy": 1})
    assert {p.name: set(p.values) for p in donor if p.name} == {"donor": {"MUD", "MSD"}, "cond": {"Flu/Mel", "TBI/Cy"}}
    dose = split_text({"C1D1 0.8 mg/m2": 1, "C2D15 0.5 mg/m2": 1})
    assert {p.kind: set(p.values) for p in dose} == {
        "dose_cycle": {"1", "2"}, "dose_day": {"1", "15"}, "dose_m2": {"0.8", "0.5"}
    }  # fmt: skip
    assert split_text({"Progressive leukaemia": 2, "Septic shock": 1}) == []


def test_words_for_no_value_are_no_values() -> None:
    p = profile_cells([("0,8", "t"), ("not done", "t"), ("0,5", "t"), (None, None)], {"not done"})
    assert (p.kind, p.comma, p.numbers, p.missing, p.rows, p.filled) == (
        "number", True, [0.8, 0.5], {"not done": 1}, 4, 3
    )  # fmt: skip
