"""Laboratory grades, baseline, the on-treatment window, and the safety flags built on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.core.query import Topic
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from derive_cases import because, block, derive, protocol, row, variants

EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1\nP1|2020-01-17|1"


def labs(
    *values: str, version: str = "ctcae_v5", queries: Any = (), over: dict[str, Any] | None = None, **more: str
) -> Adam:
    """Values `test|date|result|lower limit|upper limit`."""
    lb = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRLO|LBSTNRHI\n" + "\n".join(f"P1|{v}" for v in values)
    laboratory = protocol().laboratory.model_copy(update={"grading": version}).model_dump(mode="json")
    return derive({"EX": EX, "LB": lb} | more, queries, laboratory=laboratory, **(over or {}))


def grades(adam: Adam) -> list[int | None]:
    return adam["ADLB"].sort("SEQ")["ATOXGR"].to_list()


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        ("ALT|2020-01-20|200||40", 2),  # exactly 5.0 x the upper limit
        ("ALT|2020-01-20|200.1||40", 3),
        ("ALT|2020-01-20|201||40.2", 2),  # 5 x 40.2 is 201.00000000000003 in floating point
        ("ALT|2020-01-20|40||40", 0),
        ("ALT|2020-01-20|200||", None),  # no limit, no grade: not 0
        ("BILI|2020-01-20|51.3||17.1", 2),  # exactly 3 x
        ("BILI|2020-01-20|51.4||17.1", 3),
        ("ALP|2020-01-20|250||100", 1),
        ("GGT|2020-01-20|2001||100", 4),
        ("ANC|2020-01-20|1.0|2.0|7.0", 2),
        ("ANC|2020-01-20|0.99|2.0|7.0", 3),
        ("ANC|2020-01-20|0.3||", 4),  # grade 4 needs no limit of normal
        ("ANC|2020-01-20|1.7||", None),  # grade 1 does
        ("ANC|2020-01-20|<0.5||", 4),
        ("ANC|2020-01-20|<1.5||", None),  # at least grade 2, how much more is not known
        ("PLT|2020-01-20|25|150|410", 3),
        ("PLT|2020-01-20|24.9|150|410", 4),
        ("WBC|2020-01-20|0.9|4|11", 4),
        ("HB|2020-01-20|30|130|170", 3),  # a laboratory value never gives grade 4
        ("HB|2020-01-20|80|130|170", 2),
        ("K|2020-01-20|9|3|5", 4),  # hyperkalaemia: both directions of potassium are toxic
        ("HB|2020-01-20|230|130|170", 0),  # but a high haemoglobin is not what is meant by its grade
    ],
)
def test_a_grade(value: str, grade: int | None) -> None:
    assert grades(labs(value)) == [grade]


@pytest.mark.parametrize(
    ("base", "value", "v4", "v5"),
    [
        ("80", "110", 1, 0),  # the gap of v5: below 1.5 x baseline
        ("80", "260", 3, 2),  # 6.5 x the limit, 3.25 x baseline
        ("80", "120", 1, 1),  # 1.5 x baseline is grade 1
        ("40", "201", 3, 3),  # a baseline at the limit is normal
    ],
)
def test_version_5_compares_an_abnormal_baseline_with_itself(base: str, value: str, v4: int, v5: int) -> None:
    rows = (f"ALT|2020-01-09|{base}||40", f"ALT|2020-01-20|{value}||40")
    assert grades(labs(*rows, version="ctcae_v4"))[1] == v4
    assert grades(labs(*rows, version="ctcae_v5"))[1] == v5


def test_baseline_is_the_last_value_in_fourteen_days_up_to_and_including_the_first_dose() -> None:
    adam = labs(
        "ALT|2019-12-26|99||40",  # day -15: too old
        "ALT|2019-12-27|31||40",
        "ALT|2020-01-10|33||40",  # the day of the first dose, before it
        "ALT|2020-01-11|90||40",
    )
    last = adam["ADLB"].filter(pl.col("SEQ") == 4)
    assert row(last, "BASE", "BASEDT", "CHG", "BTOXGR", "ATOXGR", "SHIFT") == (
        33.0, dt.date(2020, 1, 10), 57.0, 0, 1, "0 to 1",
    )  # fmt: skip
    assert adam["ADLB"].filter(pl.col("ABLFL") == "Y")["SEQ"].to_list() == [3]


def test_an_unknown_baseline_is_taken_as_normal_and_flagged() -> None:
    adam = labs("ALT|2020-01-20|130||40")
    assert row(adam["ADLB"], "ATOXGR", "BTOXGR", "BASEASSM", "SHIFT") == (2, None, "Y", "not graded to 2")


@pytest.mark.parametrize(
    ("day", "on"),
    [
        ("2020-01-10", None),  # the day of the first dose is before it
        ("2020-01-11", "Y"),
        ("2020-02-28", "Y"),  # 42 days after the last dose
        ("2020-02-29", None),
        ("2020-02", None),  # a month cannot be placed
    ],
)
def test_on_treatment(day: str, on: str | None) -> None:
    assert row(labs(f"ALT|{day}|30||40")["ADLB"], "ANL01FL") == (on,)


@pytest.mark.parametrize(("day", "on"), [("2020-02-01", "Y"), ("2020-02-02", None)])
def test_the_window_closes_the_day_before_transplantation(day: str, on: str | None) -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-02-02"
    assert row(labs(f"ALT|{day}|30||40", PR=pr)["ADLB"], "ANL01FL") == (on,)


def test_summaries_without_dates_are_baseline_and_on_treatment() -> None:
    lb = """
        USUBJID | LBTESTCD | LBSTRESN | LBSTNRHI | LBSUMM   | LBCYCLE
        P1      | ALT      | 30       | 40       | BASELINE |
        P1      | ALT      | 300      | 40       | WORST    | 2
    """
    adam = derive({"EX": EX, "LB": lb})
    assert row(adam["ADSL"], "LIVTOXFL") == ("Y",)
    assert because(adam, "ADSL.LIVTOXFL") == [
        "Alanine aminotransferase 300 U/L as the worst of cycle 2, grade 3 "
        "(baseline 30, grade 0; upper limit of normal 40)"
    ]


AE = "USUBJID|AETERM|AESTDTC|AETOXGR|AEREL\nP1|"


def test_liver_toxicity_is_not_counted_where_every_severe_event_was_called_unrelated() -> None:
    grade3 = ("ALT|2020-01-09|30||40", "ALT|2020-01-20|300||40")
    unrelated = labs(*grade3, AE=AE + "ALT increased|2020-01-20|3|N")
    assert row(unrelated["ADSL"], "LIVTOXFL", "LIVANYFL") == ("N", "Y")
    assert because(unrelated, "ADSL.LIVTOXFL")[0].endswith("; ALT increased was called unrelated by the treating team")
    for other in ("ALT increased|2020-01-20|3|Y", "ALT increased|2020-01-20|2|N", "ALT increased|2020-01-20|3|"):
        assert row(labs(*grade3, AE=AE + other)["ADSL"], "LIVTOXFL") == ("Y",), other
    mixed = AE + "ALT increased|2020-01-20|3|N\nP1|AST increased|2020-01-20|3|Y"
    assert row(labs(*grade3, AE=mixed)["ADSL"], "LIVTOXFL") == ("Y",)


@pytest.mark.parametrize(
    ("event", "flag"),
    [
        ("Sinusoidal obstruction syndrome (VOD/SOS)|2020-09-01|3|Y", "Y"),  # at any time after the first dose
        ("VENO-OCCLUSIVE DISEASE|2020-09-01|4|N", "Y"),  # whatever the case of the letters
        ("Veno-occlusive disease|2020-09-01|2|Y", "N"),
        ("Veno-occlusive disease|2020-01-09|3|Y", "N"),  # before the first dose
        ("Veno-occlusive disease|2020-01|3|Y", "Y"),  # a month: its 15th
        ("Veno-occlusive disease|2019-12|3|Y", "N"),
        ("Veno-occlusive disease||3|Y", None),
        ("Veno-occlusive disease|2020-09-01||Y", None),  # no grade
        ("Nausea|2020-09-01|3|Y", "N"),
    ],
)
def test_vod(event: str, flag: str | None) -> None:
    assert row(labs(AE=AE + event)["ADSL"], "VODFL") == (flag,)


@pytest.mark.parametrize(
    ("onset", "day", "flag", "treatment", "after"),
    [
        ("2020-01-20", dt.date(2020, 1, 20), None, "Y", "Y"),
        ("2020-02", dt.date(2020, 2, 15), "D", "Y", "Y"),  # the window closes on 28 February
        ("2020", dt.date(2020, 3, 20), "M", "N", "Y"),  # 1 July is after the death
        ("2019", dt.date(2019, 7, 1), "M", "N", "N"),  # wholly before the first dose: not moved to it
        ("", None, None, None, None),  # stays undecided, and is asked for
    ],
)
def test_a_partial_onset_stands_for_one_day(
    onset: str, day: dt.date | None, flag: str | None, treatment: str | None, after: str | None
) -> None:
    ss = "USUBJID|LKADTC|DTHFL|DTHDTC\nP1|2020-03-20|Y|2020-03-20"
    adae = labs(AE=AE + f"Nausea|{onset}|2|Y", SS=ss)["ADAE"]
    assert row(adae, "ASTDT", "ASTDTF", "TRTEMFL", "AFTERFL") == (day, flag, treatment, after)


@pytest.mark.parametrize(("first", "day"), [("2020-01-10", 15), ("2020-01-20", 20)])
def test_an_onset_in_the_month_of_the_first_dose_is_not_put_before_it(first: str, day: int) -> None:
    adam = derive({"EX": f"USUBJID|EXSTDTC|EXCYCLE\nP1|{first}|1", "AE": AE + "Nausea|2020-01|2|Y"})
    assert row(adam["ADAE"], "ASTDT", "TRTEMFL") == (dt.date(2020, 1, day), "Y")


def test_myelosuppression_is_worsening_from_baseline() -> None:
    worse = labs("ANC|2020-01-09|1.2|2|7", "ANC|2020-01-20|0.9|2|7")
    assert row(worse["ADSL"], "MYELOFL", "MYELO34") == ("Y", "Y")  # grade 2 to 3
    same = labs("ANC|2020-01-09|0.4|2|7", "ANC|2020-01-20|0.1|2|7")
    assert row(same["ADSL"], "MYELOFL", "MYELO34") == ("N", "N")  # grade 4 cannot worsen
    event = labs("ANC|2020-01-09|0.4|2|7", "ANC|2020-01-20|0.1|2|7", AE=AE + "Febrile neutropenia|2020-01-20|3|Y")
    assert row(event["ADSL"], "MYELOFL", "MYELO34") == ("Y", "N")


def test_without_any_gradable_value_a_flag_is_unknown_and_not_no() -> None:
    adam = labs("ALT|2020-01-20|500||")
    assert row(adam["ADSL"], "LIVANYFL", "MYELO34") == (None, None)
    assert because(adam, "ADSL.MYELO34") == ["no gradable value of ANC, PLT, HB, WBC on treatment"]
    sure = labs("ALT|2020-01-20|500||", AE=AE + "Veno-occlusive disease|2020-02-01|3|Y")
    assert row(sure["ADSL"], "LIVANYFL") == ("Y",)  # one component that is shown settles it


def test_a_blocking_query_hides_the_flags_that_rest_on_its_topic() -> None:
    values = ("ALT|2020-01-20|500||40", "ANC|2020-01-09|1.2|2|7", "ANC|2020-01-20|0.9|2|7")
    liver = labs(*values, queries=[block("P1", Topic.LIVER)])
    assert row(liver["ADSL"], "LIVTOXFL", "LIVANYFL", "MYELOFL", "MYELO34", "VODFL") == (None, None, "Y", "Y", "N")
    events = labs(*values, queries=[block("P1", Topic.ADVERSE_EVENTS)])
    assert row(events["ADSL"], "LIVTOXFL", "VODFL", "MYELOFL", "MYELO34") == (None, None, None, "Y")


def test_an_unknown_scale_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="no rule set `ctcae_v9`"):
        labs("ALT|2020-01-20|500||40", version="ctcae_v9")


def test_birth_ends_no_window() -> None:
    laboratory = protocol().laboratory.model_dump(mode="json") | {"before": ["birth"]}
    with pytest.raises(ProtocolError, match="Birth cannot end a window"):
        derive({"EX": EX}, laboratory=laboratory)


def why(adam: Adam) -> str | None:
    return row(adam["ADLB"].filter(pl.col("ADT") > dt.date(2020, 1, 10)), "ATOXWHY")[0]


@pytest.mark.parametrize(
    ("value", "version", "reason"),
    [
        ("ALT|2020-01-20|200||", "ctcae_v5", "no upper limit of normal"),
        ("ANC|2020-01-20|1.7||", "ctcae_v5", "no lower limit of normal"),
        ("ANC|2020-01-20|<1.5||", "ctcae_v5", "the value itself is only a bound"),
        ("CREA|2020-01-20|90||100", "ctcae_v5", "no baseline value"),
        ("CK|2020-01-20|90||100", "ctcae_v6", "the scale does not grade it"),
        ("CRCL|2020-01-20|9||", "ctcae_v6", "the scale grades such a value under another term"),
        ("ALT|2020-01-20|200||40", "ctcae_v5", None),
    ],
)
def test_a_value_without_a_grade_says_why(value: str, version: str, reason: str | None) -> None:
    assert why(labs(value, version=version)) == reason


def test_low_and_high_are_two_terms_with_grades_of_their_own() -> None:
    adam = labs("K|2020-01-09|2.4|3.5|5", "K|2020-01-20|7.1|3.5|5")
    last = adam["ADLB"].filter(pl.col("SEQ") == 2)
    assert row(last, "ATOXGRL", "ATOXGRH", "ATOXGR", "BTOXGRL", "BTOXGRH") == (0, 4, 4, 4, 0)


@pytest.mark.parametrize(
    ("tests", "flag"),
    [("K", "Y"), ("K_HIGH", "Y"), ("K_LOW", "N")],  # baseline hypokalaemia grade 4, then hyperkalaemia grade 4
)
def test_worse_than_baseline_is_judged_within_one_term(tests: str, flag: str) -> None:
    flags = {"POTFL": {"label": "Potassium", "any_of": [{"kind": "lab", "tests": [tests], "worsened": True}]}}
    lb = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRLO|LBSTNRHI\nP1|K|2020-01-09|2.4|3.5|5\nP1|K|2020-01-20|7.1|3.5|5"
    adam = derive({"EX": EX, "LB": lb}, safety_flags=flags, analyses=[], headline={}, published=[], report={},
                  multiverse=None)  # fmt: skip
    assert row(adam["ADSL"], "POTFL") == (flag,)


@pytest.mark.parametrize(
    ("value", "unit", "grade"),
    [
        # v5: 300 mg/dL or 7.75 mmol/L; 300 mg/dL are 7.758 mmol/L
        ("7.758", "mg/dL", 1),
        ("7.7839", "mg/dL", 2),  # 301 mg/dL
        ("7.758", "mmol/L", 2),
        ("7.75", "mmol/L", 1),
    ],
)
def test_a_value_is_held_against_the_limit_in_the_unit_it_was_recorded_in(value: str, unit: str, grade: int) -> None:
    lb = f"USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBORRESU|LBSTNRHI\nP1|CHOL|2020-01-20|{value}|{unit}|5.2"
    assert grades(derive({"EX": EX, "LB": lb})) == [grade]


@pytest.mark.parametrize(
    ("policy", "event", "grade", "reason"),
    [
        # lipase 3 x ULN: grade 3 with symptoms, grade 2 without
        ("worst_case", "", 3, None),
        ("numeric_only", "", 2, None),
        ("as_recorded", "", None, "the grade depends on symptoms or treatment, which are not recorded with it"),
        ("as_recorded", "P1|Lipase increased|2020-01-18|2020-01-25|3", 3, None),
        ("as_recorded", "P1|Lipase increased|2020-01-18||2", 2, None),
        ("as_recorded", "P1|Lipase increased|2020-01-21||3", None, "the grade depends"),  # not yet on that day
        ("as_recorded", "P1|Lipase increased|2020-01-18||1", None, "the grade depends"),  # cannot be
    ],
)
def test_grades_that_depend_on_symptoms(policy: str, event: str, grade: int | None, reason: str | None) -> None:
    lb = "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI\nP1|LIPASE|2020-01-20|180|60"
    ae = f"USUBJID|AETERM|AESTDTC|AEENDTC|AETOXGR\n{event or 'P1|Nausea|2020-01-20||1'}"
    laboratory = protocol().laboratory.model_dump(mode="json") | {"circumstances": policy}
    adam = derive({"EX": EX, "LB": lb, "AE": ae}, laboratory=laboratory)
    assert grades(adam) == [grade]
    assert (adam["ADLB"]["ATOXWHY"][0] or "").startswith((reason or "")[:17])


def test_a_flag_is_derived_again_under_every_laboratory_variant() -> None:
    # ALT 260 after 80, limit 40: 6.5 x the limit (v4: grade 3), 3.25 x baseline (v5: grade 2; v6: grade 3)
    adam = labs("ALT|2020-01-09|80||40", "ALT|2020-01-20|260||40", over=variants())
    assert row(adam["ADSL"], "LIVANYFL", "LIVANYFL_V4", "LIVANYFL_V6") == ("N", "Y", "Y")
    assert adam.labels["LIVANYFL_V4"] == "Grade 3-4 liver toxicity of any cause (CTCAE v4)"
    assert "grade 3 (baseline 80, grade 1; upper limit of normal 40)" in because(adam, "ADSL.LIVANYFL_V4")[0]
    hidden = labs("ALT|2020-01-20|500||40", queries=[block("P1", Topic.LIVER)], over=variants())
    assert row(hidden["ADSL"], "LIVANYFL_V4") == (None,)
