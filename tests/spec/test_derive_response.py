"""Response by the INO-VATE rules, from raw values: the boundary cases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chartline.core.query import Topic
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from derive_cases import because, block, derive, row, variants

DOSES = """
    USUBJID | EXSTDTC    | EXCYCLE | EXDOSM2 | EXDOSE
    P1      | 2020-01-01 | 1       | 0.8     | 1.4
    P1      | 2020-01-08 | 1       | 0.5     | 0.9
"""


def one(marrow: str, counts: str = "", over: dict[str, Any] | None = None, **more: str) -> Adam:
    """A patient with 60 % blasts before treatment, then the marrows `date|blasts|blood|EMD` after cycle 1."""
    lines = [line.strip() for line in marrow.strip().splitlines()]
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2019-12-28|0|60|5|ABSENT\n"
    rs += "\n".join(f"P1|{x.split('|')[0]}|1|{'|'.join(x.split('|')[1:])}" for x in lines)
    lb = "USUBJID|LBDTC|LBTESTCD|LBSTRESN|LBGCSF|LBPLTTX\n"
    for line in filter(None, (x.strip() for x in counts.splitlines())):
        day, anc, platelets, gcsf, transfused = [c.strip() for c in line.split("|")]
        lb += f"P1|{day}|ANC|{anc}|{gcsf}|{transfused}\nP1|{day}|PLT|{platelets}|{gcsf}|{transfused}\n"
    return derive({"EX": DOSES, "RS": rs, "LB": lb} | more, **(over or {}))


def best(adam: Adam) -> str:
    return row(adam["ADSL"], "BOR")[0]


@pytest.mark.parametrize(
    ("blasts", "blood", "disease", "expected"),
    [
        ("4.9", "0", "ABSENT", "CRi"),
        ("5", "0", "ABSENT", "PR/SD"),  # exactly 5 % is not below 5 %
        ("<5", "0", "ABSENT", "CRi"),  # "below 5" is
        ("<=5", "0", "ABSENT", "PR/SD"),  # "at most 5" need not be
        ("4", "6", "ABSENT", "NOCR"),  # blood blasts
        ("4", "", "ABSENT", "NOCR"),  # a missing blood count is not an absence of blasts
        ("4", "0", "RESOLVED", "CRi"),
        ("4", "0", "PERSISTENT", "NOCR"),
        ("4", "0", "NOT ASSESSED", "NOCR"),
        ("4", "0", "", "NOCR"),
        ("25", "0", "ABSENT", "PR/SD"),
        ("25.1", "0", "ABSENT", "NR"),
        ("90", "30", "ABSENT", "NR"),
        ("", "0", "ABSENT", "NE"),  # no blast count: not evaluable
    ],
)
def test_category_of_a_marrow(blasts: str, blood: str, disease: str, expected: str) -> None:
    assert best(one(f"2020-01-28|{blasts}|{blood}|{disease}")) == expected


def test_a_fall_of_half_is_measured_from_the_last_marrow_before_treatment() -> None:
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | PBBLAST | EMD
        P1      | 2019-11-01 | 0       | 90      | 0       | ABSENT
        P1      | 2019-12-28 | 0       | 36      | 0       | ABSENT
        P1      | 2020-01-28 | 1       | 18.1    | 0       | ABSENT
    """
    assert best(derive({"EX": DOSES, "RS": rs})) == "NR"  # 18.1 is more than half of 36
    assert best(derive({"EX": DOSES, "RS": rs.replace("18.1", "18")})) == "PR/SD"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ("2020-01-28 | 1.0 | 100 | N | N", "CR"),  # at least, not above
        ("2020-01-28 | 0.99 | 100 | N | N", "CRi"),
        ("2020-01-28 | 1.0 | 99 | N | N", "CRi"),
        ("2020-02-11 | 1.5 | 150 | N | N", "CR"),  # day 14 after the marrow
        ("2020-02-12 | 1.5 | 150 | N | N", "CRi"),  # day 15
        ("2020-01-27 | 1.5 | 150 | N | N", "CRi"),  # the day before the marrow
        ("2020-01-28 | 1.5 | 150 | Y | N", "CRi"),  # G-CSF in the 7 days before
        ("2020-01-28 | 1.5 | 150 | N | Y", "CRi"),  # platelet transfusion
        ("2020-01-28 | 1.5 | 90 | N | N\n2020-02-02 | 0.8 | 150 | N | N", "CRi"),  # never both on one day
        ("2020-01-28 | 0.5 | 50 | N | N\n2020-02-06 | 1.4 | 112 | N | N", "CR"),  # upgraded 9 days later
        ("2020-01-28 | <1 | 150 | N | N", "CRi"),
        ("2020-01-28 | 1.5 | >=100 | N | N", "CR"),
    ],
)
def test_recovery_of_the_counts(counts: str, expected: str) -> None:
    adam = one("2020-01-28|1.2|0|ABSENT", counts)
    assert row(adam["ADSL"], "BOR", "FRSPDT") == (expected, dt.date(2020, 1, 28))


@pytest.mark.parametrize(
    ("category", "start", "end", "expected"),
    [
        ("PLATELET TRANSFUSION", "2020-01-26", "2020-01-26", "CRi"),  # two days before
        ("PLATELET TRANSFUSION", "2020-01-21", "2020-01-21", "CRi"),  # seven days before
        ("PLATELET TRANSFUSION", "2020-01-20", "2020-01-20", "CR"),  # eight
        ("PLATELET TRANSFUSION", "2020-01-20", "", "CR"),  # a transfusion lasts a day
        ("PLATELET TRANSFUSION", "2020-01-29", "2020-01-29", "CR"),  # after the count
        ("RBC TRANSFUSION", "2020-01-28", "2020-01-28", "CR"),  # red cells do not matter here
        ("G-CSF", "2020-01-10", "2020-01-27", "CRi"),  # until the day before
        ("G-CSF", "2020-01-10", "2020-01-20", "CR"),
        ("G-CSF", "2020-01-10", "", "CRi"),  # without an end it may be going on
        ("G-CSF", "2020-01", "2020-01", "CRi"),  # a month is read as all of its days
    ],
)
def test_support_disproves_recovery(category: str, start: str, end: str, expected: str) -> None:
    cm = f"USUBJID|CMCAT|CMTRT|CMSTDTC|CMENDTC\nP1|{category}|given|{start}|{end}"
    assert best(one("2020-01-28|1.2|0|ABSENT", "2020-01-28 | 1.5 | 150 | N | N", CM=cm)) == expected


def test_recovery_seventeen_days_after_the_marrow_counts_only_in_the_wider_window() -> None:
    adam = one("2020-01-28|1.2|0|ABSENT", "2020-02-14 | 1.5 | 150 | N | N", variants())
    assert row(adam["ADSL"], "BOR", "BOR_W28", "BOR_PM7") == ("CRi", "CR", "CRi")


def test_best_response_is_the_best_of_all_and_the_first_response_keeps_its_date() -> None:
    adam = one(
        "2020-01-28|1.2|0|ABSENT\n2020-02-28|0.8|0|ABSENT",
        "2020-01-28 | 0.7 | 60 | N | N\n2020-02-28 | 1.4 | 204 | N | N",
    )
    assert row(adam["ADSL"], "BOR", "BORDT", "FRSP", "FRSPDT", "FRSPCYC") == (
        "CR",
        dt.date(2020, 2, 28),
        "CRi",
        dt.date(2020, 1, 28),
        1,
    )


@pytest.mark.parametrize("event", ["relapse", "transplant", "new therapy"])
@pytest.mark.parametrize(("day", "expected"), [("2020-01-28", "NE"), ("2020-01-29", "CRi")])
def test_assessments_count_strictly_before_the_stop(event: str, day: str, expected: str) -> None:
    more = {
        "relapse": {"SS": f"USUBJID|RELAPSE|RELDTC|LKADTC\nP1|Y|{day}|2020-12-01"},
        "transplant": {"PR": f"USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|{day}"},
        "new therapy": {"CM": f"USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|FLAG-Ida|{day}"},
    }[event]
    assert best(one("2020-01-28|1.2|0|ABSENT", **more)) == expected


def test_nobody_looked_is_not_evaluable_and_no_response() -> None:
    adam = derive({"EX": DOSES})
    assert row(adam["ADSL"], "BOR", "RESPFL", "BORDT", "FRSPDT") == ("NE", "N", None, None)
    assert because(adam, "ADSL.BOR") == ["not evaluable: no marrow that can be judged on treatment"]


def test_two_rows_of_one_day_are_one_assessment() -> None:
    rs = """
        USUBJID | RSDTC      | RSCYCLE | BMBLAST | PBBLAST | EMD    | MRDVAL | MRDSENS
        P1      | 2020-01-28 | 1       | 1       |         |        |        |
        P1      | 2020-01-28 |         |         | 0       | ABSENT |        |
        P1      | 2020-01-28 |         |         |         |        | 0      | 0.00002
    """
    adam = derive({"EX": DOSES, "RS": rs})
    assert row(adam["ADSL"], "BOR", "MRDNEGFL", "MRDNEGCY") == ("CRi", "Y", 1)
    assert adam["ADRS"].filter(adam["ADRS"]["PARAMCD"] == "OVR").height == 1


def test_the_sentence_of_a_late_recovery() -> None:
    adam = one("2020-01-28|1.2|0|ABSENT", "2020-01-28 | 0.5 | 50 | N | N\n2020-02-06 | 1.4 | 112 | N | N")
    assert because(adam, "ADSL.BOR") == [
        "Counted as CR: marrow 2020-01-28 with 1.2 % blasts (<5), no blood blasts, no extramedullary "
        "disease; neutrophils 1.4 (>=1) and platelets 112 (>=100) x 10^9/L on 2020-02-06, 9 days after the marrow, "
        "without support"
    ]
    cells = adam.trace.filter(adam.trace["ITEM"] == "ADSL.BOR").select("SRCDOM", "SRCSEQ", "SRCVAR").rows()
    assert cells == [
        ("RS", 2, "BMBLAST"),
        ("RS", 2, "PBBLAST"),
        ("RS", 2, "EMD"),
        ("LB", 3, "LBSTRESN"),
        ("LB", 4, "LBSTRESN"),
    ]


def test_the_sentence_of_no_response() -> None:
    adam = one("2020-01-28|12|0|ABSENT")
    assert because(adam, "ADSL.RESPFL") == [
        "not a response (PR/SD): best marrow 2020-01-28 with 12 % blasts (>=5, <=25), no blood blasts, no "
        "extramedullary disease (before treatment 60 % on 2019-12-28)"
    ]


def test_a_blocking_query_about_the_counts_hides_cr_against_cri_but_not_the_response() -> None:
    tables = {"EX": DOSES, "RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|1|0|ABSENT"}
    query = block("P1", Topic.COUNTS)
    adam = derive(tables, [query])
    assert row(adam["ADSL"], "BOR", "FRSP", "RESPFL", "FRSPDT") == (None, None, "Y", dt.date(2020, 1, 28))
    assert set(adam.withheld.filter(adam.withheld["ITEM"] == "ADSL.BOR")["QUERY"]) == {query.id}


def test_a_doubtful_relapse_that_hides_every_assessment_puts_the_response_in_doubt() -> None:
    tables = {
        "EX": DOSES,
        "RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|1|0|ABSENT",
        "SS": "USUBJID|RELAPSE|RELDTC|LKADTC\nP1|Y|2019-06-10|2020-12-01",
    }
    query = block("P1", Topic.RELAPSE)
    assert row(derive(tables)["ADSL"], "RESPFL") == ("N",)
    adam = derive(tables, [query])
    assert row(adam["ADSL"], "RESPFL") == (None,)
    assert query.id in set(adam.withheld.filter(adam.withheld["ITEM"] == "ADTTE.DOR")["QUERY"])


def test_unknown_criteria_are_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="no rule set `inovate`"):
        derive({"EX": DOSES}, response={"criteria": "inovate"})
