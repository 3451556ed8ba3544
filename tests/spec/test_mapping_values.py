"""How cells become values. What does not fit its declaration is a query with its address, never a guess."""

from __future__ import annotations

import pytest

from chartline.core.query import Severity, Topic
from mapping_tables import mapped, values


def date_of(cell: str, **dates: object) -> tuple[str | None, list[str]]:
    data, queries = mapped(f"id | day\nP1 | {cell}", [{"domain": "SS", "variables": {"RELDTC": "day"}}], dates=dates)
    return data["SS"]["RELDTC"][0], [q.rule for q in queries]


@pytest.mark.parametrize(
    ("order", "cell", "iso"),
    [
        ("DMY", "03/04/2020", "2020-04-03"),
        ("DMY", "3.4.2020", "2020-04-03"),
        ("DMY", "04/2020", "2020-04"),
        ("DMY", "2020", "2020"),
        ("MDY", "03/04/2020", "2020-03-04"),
        ("YMD", "2020/4/3", "2020-04-03"),
        ("ISO", "2020-04-03T09:30:00", "2020-04-03"),
        ("ISO", "2020-04", "2020-04"),
        ("DMY", "15-Mar-2020", "2020-03-15"),
        ("MDY", "15 March 2020", "2020-03-15"),
        ("YMD", "Mar 5, 2020", "2020-03-05"),
        ("DMY", "29/02/2020", "2020-02-29"),
        ("DMY", "2020-01-04!d", "2020-01-04"),  # a true date cell
    ],
)
def test_a_date_is_read_in_the_declared_order(order: str, cell: str, iso: str) -> None:
    assert date_of(cell, order=order) == (iso, [])


@pytest.mark.parametrize(
    ("order", "cell", "rule"),
    [
        ("DMY", "31/02/2020", "impossible_date"),
        ("DMY", "29/02/2021", "impossible_date"),
        ("MDY", "13/01/2020", "impossible_date"),
        ("DMY", "13/2020", "impossible_date"),
        ("DMY", "03/04", "ambiguous_partial"),
        ("DMY", "03/04/20", "ambiguous_partial"),
        ("DMY", "2020-04-03", "not_a_date"),
        ("ISO", "03/04/2020", "not_a_date"),
        ("ISO", "5 Jun 1970", "not_a_date"),  # ISO is strict
        ("ISO", "2020/04/03", "not_a_date"),
        ("ISO", "03/04/20", "ambiguous_partial"),
        ("DMY", "early April", "not_a_date"),
        ("DMY", "43924!n", "not_a_date"),  # a spreadsheet's serial number
        ("DMY", "#REF!!e", "error_cell"),
    ],
)
def test_a_date_that_does_not_fit_is_queried_and_left_missing(order: str, cell: str, rule: str) -> None:
    assert date_of(cell, order=order) == (None, [rule])


def test_a_birth_date_in_doubt_touches_age_and_not_who_the_patient_is() -> None:
    _, [query] = mapped(
        "id | born\nP1 | 30 Feb 1990", [{"domain": "DM", "variables": {"BRTHDTC": "born"}}], dates={"order": "DMY"}
    )
    assert (query.rule, query.severity, query.topics) == ("impossible_date", Severity.BLOCK, {Topic.ELIGIBILITY})


def test_a_month_alone_is_queried_where_complete_dates_were_declared() -> None:
    assert date_of("04/2020", order="DMY", partial=False) == (None, ["partial_date"])


def test_swap_day_month_swaps_true_dates_only_and_tells_each() -> None:
    data, queries = mapped(
        "id | day\nP1 | 2021-09-04!d\nP2 | 29/01/2018\nP3 | 2018-02-13!d",
        [{"domain": "EX", "variables": {"EXSTDTC": "day"}}],
        dates={"order": "DMY", "true_dates": "swap_day_month"},
    )
    assert data["EX"]["EXSTDTC"].to_list() == ["2021-04-09", "2018-01-29", None]
    told = [(q.addresses, q.severity) for q in queries if q.rule == "date_format_mixed"]
    assert told == [
        (("book.xlsx!S!B2",), Severity.NOTE),
        (("book.xlsx!S!B4",), Severity.NOTE),
        (("book.xlsx!S!B2", "book.xlsx!S!B4"), Severity.NOTE),
    ]
    assert any("used as 2021-04-09" in q.saw for q in queries)
    assert [q.rule for q in queries if q.addresses == ("book.xlsx!S!B4",)] == ["impossible_date", "date_format_mixed"]


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        # by chance 12/30.4 = 0.39 for each true date up to the 12th, 0.61 for each text after it; asked below 0.1
        (["2021-09-04!d", "29/01/2018", "30/03/2018", "13/05/2018"], Severity.WARN),  # 0.39 x 0.61^3 = 0.09
        (["2021-09-04!d", "29/01/2018", "30/03/2018"], Severity.NOTE),  # 0.39 x 0.61^2 = 0.14
        (["2021-09-04!d", "29/01/2018", "04/2020"], Severity.NOTE),  # 0.39 x 0.61 = 0.24; a month alone says nothing
        (["2021-09-04!d", "2018-05-12!d", "2018-02-01!d", "13/05/2018"], Severity.WARN),  # 0.39^3 x 0.61 = 0.04
        (["2021-09-04!d", "2018-05-13!d", "2018-02-01!d", "13/05/2018"], Severity.NOTE),  # no other locale made a 13th
        (["2021-09-04!d", "2018-05-12!d", "2018-02-01!d", "12/05/2018"], Severity.NOTE),  # ... or left a 12th as text
        (["2021-09-04!d", "2018-05-12!d", "2018-02-01!d", "2018-05-13"], None),  # under DMY this is no date at all
    ],
)
def test_a_column_of_true_and_text_dates_is_told_and_asked_where_its_days_show_another_locale(
    days: list[str], severity: Severity | None
) -> None:
    _, queries = mapped(
        "\n".join(["id | day", *(f"P{i} | {day}" for i, day in enumerate(days))]),
        [{"domain": "EX", "variables": {"EXSTDTC": "day"}}],
        dates={"order": "DMY"},
    )
    mixed = [q for q in queries if q.rule == "date_format_mixed"]
    assert [q.severity for q in mixed] == ([severity] if severity else [])
    assert [bool(q.ask) for q in mixed] == ([severity is Severity.WARN] if severity else [])


def test_true_dates_among_texts_that_every_locale_reads_are_only_told() -> None:
    text = "id | day\nP1 | 2021-09-04!d\nP2 | 2018-01-29\nP3 | 2018-03-30\nP4 | 2018-05-13"
    _, [query] = mapped(text, [{"domain": "EX", "variables": {"EXSTDTC": "day"}}])
    assert (query.rule, query.severity) == ("date_format_mixed", Severity.NOTE)


def test_a_month_as_text_among_true_dates_is_no_mixture() -> None:
    _, queries = mapped("id | day\nP1 | 2021-09-04!d\nP2 | 2020-04", [{"domain": "SS", "variables": {"RELDTC": "day"}}])
    assert queries == []


@pytest.mark.parametrize(
    ("cell", "number", "op"),
    [
        ("5", 5.0, None),
        ("<0.01", 0.01, "<"),
        ("> 5", 5.0, ">"),
        ("≤ 5 %", 5.0, "<="),
        ("=<5", 5.0, "<="),
        ("2e-05", 2e-05, None),
        (".5", 0.5, None),
    ],
)
def test_numbers_keep_their_operator(cell: str, number: float, op: str | None) -> None:
    data, queries = mapped(f"id | x\nP1 | {cell}", [{"domain": "RS", "variables": {"BMBLAST": "x"}}])
    assert values(data, "RS", "BMBLAST", "BMBLAST_OP") == [(number, op)]
    assert queries == []


@pytest.mark.parametrize("cell", ["1 000", "1,000", "0,8", "inf", "nan", "1e999", "ca. 5", "10-5", "5 mg"])
def test_what_is_not_plainly_a_number_is_queried(cell: str) -> None:
    data, queries = mapped(f"id | x\nP1 | {cell}", [{"domain": "RS", "variables": {"BMBLAST": "x"}}])
    assert values(data, "RS", "BMBLAST") == [(None,)]
    assert [(q.rule, q.severity, q.topics) for q in queries] == [
        ("not_a_number", Severity.BLOCK, frozenset({Topic.RESPONSE}))
    ]


def test_decimal_comma_is_declared() -> None:
    data, queries = mapped(
        "id | x\nP1 | 0,8\nP2 | 1.25!n\nP3 | 1.250", [{"domain": "RS", "variables": {"BMBLAST": "x"}}], decimal=","
    )
    assert data["RS"]["BMBLAST"].to_list() == [0.8, 1.25, None]  # a point in text could mark thousands
    assert [q.rule for q in queries] == ["not_a_number"]


def test_whole_numbers_are_whole() -> None:
    data, queries = mapped(
        "id | g | t\nP1 | 3 | a\nP2 | 3.0 | b\nP3 | 2.5 | c\nP4 | >3 | d",
        [{"domain": "AE", "variables": {"AETERM": "t", "AETOXGR": "g"}}],
    )
    assert data["AE"]["AETOXGR"].to_list() == [3, 3, None, None]
    assert [q.rule for q in queries] == ["not_an_integer", "not_an_integer"]


def test_only_listed_words_are_read_and_the_nearest_is_named() -> None:
    data, queries = mapped(
        "id | r\nP1 | negative\nP2 | NEGTIVE\nP3 | NEG ATIVE\nP4 |",
        [{"domain": "RS", "variables": {"MRDCLASS": {"column": "r", "codes": {"NEGATIVE": "Negative"}}}}],
    )
    assert data["RS"]["MRDCLASS"].to_list() == ["NEGATIVE", None, None]  # rows stay, the blank one is no record
    assert {q.severity for q in queries} == {Severity.BLOCK}
    assert "nearest 'NEGATIVE', must be confirmed" in queries[0].message
    assert queries[0].addresses == ("book.xlsx!S!B3",)


def test_a_descriptive_word_out_of_its_list_is_asked_but_does_not_block() -> None:
    _, queries = mapped(
        "id | s\nP1 | 7",
        [
            {
                "domain": "MH",
                "variables": {"MHCAT": {"constant": "STATUS"}, "MHORRES": {"column": "s", "codes": {"RELAPSED": "1"}}},
            }
        ],
    )
    assert [(q.rule, q.severity) for q in queries] == [("value_not_in_code_list", Severity.WARN)]


def test_without_codes_a_closed_list_takes_its_own_terms_only() -> None:
    data, queries = mapped("id | s\nP1 | M\nP2 | m", [{"domain": "DM", "variables": {"SEX": "s"}}])
    assert data["DM"]["SEX"].to_list() == ["M", None]
    assert len(queries) == 1


def test_missing_words_mean_no_value_unless_the_columns_own_list_has_them() -> None:
    data, queries = mapped(
        "id | e | x\nP1 | ND | nd\nP2 | NA | 5",
        [{"domain": "RS", "variables": {"EMD": {"column": "e", "codes": {"NOT ASSESSED": "ND"}}, "BMBLAST": "x"}}],
        missing=["NA", "ND"],
    )
    assert values(data, "RS", "EMD", "BMBLAST") == [("NOT ASSESSED", None), (None, 5.0)]
    assert queries == []


def test_extract_takes_a_part_and_queries_a_cell_without_it() -> None:
    spec = {"column": "s", "extract": "lod=([0-9.e-]+)"}
    text = "id | s | x\nP1 | cells=5;lod=2e-05 | 1\nP2 | cells=5 | 2"
    data, queries = mapped(text, [{"domain": "RS", "variables": {"MRDSENS": spec, "BMBLAST": "x"}}])
    assert data["RS"]["MRDSENS"].to_list() == [2e-05, None]
    assert [q.rule for q in queries] == ["not_in_expected_form"]
    spec["extract_optional"] = True
    assert mapped(text, [{"domain": "RS", "variables": {"MRDSENS": spec, "BMBLAST": "x"}}])[1] == []


def test_a_date_in_parts_is_partial_where_parts_are_missing() -> None:
    parts = {"year": "y", "month": "m", "day": "d"}
    data, queries = mapped(
        "id | y | m | d\nP1 | 1990 | 6 | 24\nP2 | 1990 | 6 |\nP3 | 1990 | | 24\nP4 | 1990 | 2 | 30",
        [{"domain": "DM", "variables": {"BRTHDTC": {"date_parts": parts}}}],
    )
    assert data["DM"]["BRTHDTC"].to_list() == ["1990-06-24", "1990-06", "1990", None]
    assert [(q.rule, q.addresses) for q in queries] == [
        ("impossible_date", ("book.xlsx!S!B5 + book.xlsx!S!C5 + book.xlsx!S!D5",))
    ]


def test_a_made_up_day_is_dropped_where_the_source_says_month_only() -> None:
    spec = {"column": "day", "precision": {"month_where": {"column": "note", "matches": "month only"}}}
    data, _ = mapped(
        "id | day | note\nP1 | 2021-06-01 | C91 [onset month only]\nP2 | 2021-06-01 | C91",
        [{"domain": "MH", "variables": {"MHTERM": "note", "MHSTDTC": spec}}],
    )
    assert data["MH"]["MHSTDTC"].to_list() == ["2021-06", "2021-06-01"]


def test_an_unknown_code_is_quoted_with_its_words_and_its_check_digit() -> None:
    data, queries = mapped(
        "id | code | words | v\nP1 | 1742-6 | ALT | 5\nP2 | 1742-9 | Alanine aminotransferase | 6",
        [
            {
                "domain": "LB",
                "variables": {
                    "LBTESTCD": {"column": "code", "codes": {"ALT": "1742-6"}, "display": "words"},
                    "LBORRES": {"column": "v", "unit": "U/L"},
                },
            }
        ],
    )
    assert values(data, "LB", "LBTESTCD", "LBSTRESN") == [("ALT", 5.0), (None, None)]
    assert [q.rule for q in queries] == ["code_not_known"]
    assert "Alanine aminotransferase" in queries[0].message
    assert "check digit fails" in queries[0].message


@pytest.mark.parametrize(
    "code", ["1742-6", "1920-8", "1975-2", "6768-6", "2324-2", "2160-0", "718-7", "777-3", "89247-1"]
)
def test_the_loinc_check_digit(code: str) -> None:
    from chartline.mapping.problems import loinc_check_digit, loinc_hint

    head, check = code.split("-")
    assert loinc_check_digit(head) == int(check)
    assert loinc_hint(code) == ""
    assert "check digit fails" in loinc_hint(f"{head}-{(int(check) + 3) % 10}")


def test_one_cell_read_twice_asks_once_with_the_topics_of_both() -> None:
    _, queries = mapped(
        "id | day | a | b\nP1 | soon | 1 | 2",
        [
            {"domain": "RS", "variables": {"RSDTC": "day", "BMBLAST": "a"}},
            {"domain": "EX", "variables": {"EXSTDTC": "day", "EXDOSE": "b"}},
        ],
    )
    assert [q.topics for q in queries] == [{Topic.RESPONSE, Topic.FIRST_DOSE, Topic.EXPOSURE}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("43831", "2020-01-01, or 2024-01-02 in the 1904 system"),  # 1,462 days apart
        ("43831.0", "2020-01-01, or 2024-01-02 in the 1904 system"),
        ("2019", ""),  # a year
        ("120520", ""),  # six figures: a date without separators, not a day number
        ("43,831", ""),
    ],
)
def test_a_spreadsheets_day_number_in_a_column_of_dates(text: str, said: str) -> None:
    from chartline.mapping.problems import serial_hint

    assert serial_hint(text) == (f"as a spreadsheet's day number it would be {said}" if said else "")
