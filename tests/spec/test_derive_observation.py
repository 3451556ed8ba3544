"""Observation periods: who comes under observation late, and where observation ends.

A database sees a person only while they are observed. `observed_from` and `observed_until` are the ends of the
observation period that holds day 0; where none does, of the first one after it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chartline.counts.count import count_analyses
from chartline.counts.model import EventTable
from chartline.derive.endpoint import check_endpoints
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from chartline.protocol.describe import describe_protocol
from chartline.stats.estimate import estimate_all
from counts_cases import DIGEST, attrition
from derive_cases import bare, because, derive, protocol

DOSE = "USUBJID|EXSTDTC|EXCYCLE\n"
STATUS = "USUBJID|OBSSTDTC|OBSENDTC|LKADTC|DTHFL|DTHDTC\n"
OBSERVED: dict[str, Any] = {
    "id": "OSOBS", "label": "Survival while observed", "origin": "first_dose", "events": ["death"],
    "enter_at": "observed_from", "censor_at": ["observed_until"],
}  # fmt: skip


def observed(status: str, **more: Any) -> Adam:
    """One patient, first dosed on 1 January 2020; `status` are rows of SS."""
    over = bare() | {"endpoints": [OBSERVED]} | more
    return derive({"EX": DOSE + "P1|2020-01-01|1", "SS": STATUS + status}, **over)


def time(adam: Adam) -> tuple[Any, ...]:
    return adam["ADTTE"].select("ENTRYDT", "AVAL", "CNSR", "CAUSE").row(0)


def test_who_is_observed_on_day_0_enters_there() -> None:
    adam = observed("P1|2015-03-01|2020-12-31|2020-06-01|Y|2020-06-01")
    assert time(adam) == (None, 152, 0, "death")  # 31 + 29 + 31 + 30 + 31 days of January to May 2020


def test_who_comes_under_observation_later_is_at_risk_from_then_on() -> None:
    adam = observed("P1|2020-03-01|2020-12-31|2020-06-01|Y|2020-06-01")
    assert time(adam) == (dt.date(2020, 3, 1), 152, 0, "death")
    assert because(adam, "ADTTE.OSOBS") == [
        "Event: death on 2020-06-01, 152 days after first dose on 2020-01-01 (at risk from start of observation on "
        "2020-03-01)"
    ]


def test_the_end_of_observation_censors() -> None:
    """A death that only another register knows is not seen by a database that had stopped to look."""
    adam = observed("P1|2015-03-01|2020-04-30|2020-06-01|Y|2020-06-01")
    assert time(adam) == (None, 120, 2, None)
    assert because(adam, "ADTTE.OSOBS") == [
        "Censored at end of observation on 2020-04-30, 120 days after first dose on 2020-01-01"
    ]


def test_an_open_period_censors_nothing() -> None:
    assert time(observed("P1|2015-03-01||2020-06-01|N|")) == (None, 152, 1, None)


@pytest.mark.parametrize(
    ("periods", "entry"),
    [
        ("P1|2010-01-01|2012-01-01|||\nP1|2019-01-01|2021-01-01|2020-06-01|N|", None),  # the one that holds day 0
        ("P1|2022-01-01|2023-01-01|||\nP1|2019-01-01|2021-01-01|2020-06-01|N|", None),  # not the first row
        ("P1|2010-01-01|2019-12-31|||\nP1|2020-02-01|2021-01-01|2020-06-01|N|", dt.date(2020, 2, 1)),  # the next one
        ("P1|2010-01-01|2020-01-01|||\nP1|2020-02-01|2021-01-01|2020-06-01|N|", None),  # its last day is day 0
    ],
)
def test_of_several_periods(periods: str, entry: dt.date | None) -> None:
    assert time(observed(periods))[0] == entry


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("P1|||2020-06-01|Y|2020-06-01", "no date of start of observation"),
        ("P1|2010-01-01|2012-01-01|2020-06-01|N|", "no date of start of observation"),  # over before day 0
        (
            "P1|2020-07-01|2020-12-31|2020-06-01|Y|2020-06-01",
            "death on 2020-06-01 is not after start of observation on 2020-07-01: never at risk",
        ),
        (
            "P1|2020-06-01|2020-12-31|2020-06-01|Y|2020-06-01",
            "death on 2020-06-01 is not after start of observation on 2020-06-01: never at risk",
        ),
    ],
)
def test_who_was_never_at_risk_is_left_out_with_the_reason(status: str, reason: str) -> None:
    adam = observed(status)
    assert adam["ADTTE"].is_empty()
    assert adam.withheld["REASON"].to_list() == [reason]


CURVE = {"id": "os", "kind": "survival", "label": "Survival", "endpoint": "OSOBS", "at_months": [5]}


def test_the_curve_counts_who_is_at_risk_on_the_day() -> None:
    """By hand. A: death on day 100. B enters on day 50, death on day 150. C enters on day 120, censored on day 200.
    D: death on day 80. At risk are those with entry < t <= end: on day 80 A, B and D; on day 100 A and B; on day 150 B
    and C. So S = 2/3, 1/3, 1/6; five months are 152.19 days. Without the entries it would be 3/4, 2/4, 1/4."""
    day = {n: dt.date(2020, 1, 1) + dt.timedelta(n) for n in (50, 80, 100, 120, 150, 200)}
    status = (
        f"A|2019-01-01||{day[100]}|Y|{day[100]}\nB|{day[50]}||{day[150]}|Y|{day[150]}\n"
        f"C|{day[120]}||{day[200]}|N|\nD|2019-01-01||{day[80]}|Y|{day[80]}"
    )
    over = bare() | {"endpoints": [OBSERVED], "analyses": [CURVE], "headline": {}, "published": [], "multiverse": None}
    over |= {"report": {}}
    adam = derive({"EX": DOSE + "".join(f"{s}|2020-01-01|1\n" for s in "ABCD"), "SS": STATUS + status}, **over)
    counts = count_analyses(adam, attrition(adam), protocol(**over), DIGEST)
    table = counts["os"]
    assert isinstance(table, EventTable)
    assert table.n_subjects == 4
    results = estimate_all(counts, protocol(**over))
    (survival,) = [r for r in results if r.analysis == "os" and r.statistic == "survival"]
    assert survival.value == pytest.approx(1 / 6)
    assert survival.N == 4


def test_a_kind_that_does_not_know_late_entry_is_refused() -> None:
    p = protocol(**bare() | {"endpoints": [OBSERVED], "analyses": [CURVE | {"kind": "follow_up"}]})
    with pytest.raises(ProtocolError, match="Patients enter OSOBS late"):
        check_endpoints(p, "")


def test_the_methods_say_so() -> None:
    p = protocol(**bare() | {"endpoints": [OBSERVED], "analyses": [CURVE], "report": {"curves": ["os"]}})
    text = dict(describe_protocol(p, p.endpoints, "c", "g", "m"))["Time-to-event endpoints"]
    assert any("at risk from the start of observation where that is later (left truncation)" in t for t in text)


def test_an_endpoint_that_stands_for_another_says_so() -> None:
    """No relapse is recorded; the next treatment, a transplantation or death stands for it."""
    proxy = {
        "id": "PFSP", "use": "time_to_next_treatment", "proxy_for": "relapse", "population": None,
        "events": ["new_therapy", "transplant", "death"],
    }  # fmt: skip
    adam = derive(
        {
            "EX": DOSE + "P1|2020-01-01|1",
            "CM": "USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|ponatinib|2020-03-01",
            "SS": STATUS + "P1|||2020-06-01|Y|2020-06-01",
        },
        **(bare() | {"endpoints": [proxy]}),
    )
    assert adam["ADTTE"].select("PARAM", "AVAL", "CNSR", "CAUSE").rows() == [
        ("Time to next treatment (proxy for relapse)", 60, 0, "new_therapy")
    ]
