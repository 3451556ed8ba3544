"""What partial dates leave open: the same times with every partial date at either end of what it can mean.

Three patients respond on 31 January 2020; P1 relapses on 10 March (day 39), P2 in June, P3 is seen until 31 December.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.cohort.select import select_cohort
from chartline.counts.count import count_analyses
from chartline.derive.derive import derive_all
from chartline.errors import ProtocolError
from chartline.protocol.specify import check_multiverse
from chartline.results.model import Results
from chartline.stats.estimate import estimate_all
from derive_cases import eligible, protocol
from truth_data import tiny

EX = "USUBJID|EXSTDTC|EXCYCLE\n" + "".join(f"P{i}|2020-01-01|1\n" for i in (1, 2, 3))
RS = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\n" + "".join(f"P{i}|2020-01-31|1|1|0|ABSENT\n" for i in (1, 2, 3))
SS = (
    "USUBJID|RELAPSE|RELDTC|LKADTC|DTHFL|DTHDTC\n"
    "P1|Y|2020-03-10|2020-12-31|N|\nP2|Y|2020-06|2020-12-31|N|\nP3|N||2020-12-31|N|\n"
)
BARE: dict[str, Any] = {"headline": {}, "published": (), "report": {}, "multiverse": None}
DATES = {"id": "dates", "kind": "date_bounds", "label": "Dates", "endpoint": "DOR", "at_months": [4.5, 5]}
DOR = {"id": "DOR", "use": "duration_of_response", "population": "responders"}


def study(**tables: str) -> tuple[pl.DataFrame, Results]:
    p = protocol(endpoints=[DOR], analyses=[DATES], **BARE)
    data = eligible(tiny(**({"EX": EX, "RS": RS, "SS": SS} | tables)))
    cohort = select_cohort(data, p, [], "digest")
    adam = derive_all(data, cohort, p, [])
    counts = count_analyses(adam, cohort.attrition, p, "digest")
    return adam["ADTTEB"], Results(estimate_all(counts, p), "digest", "data")


def test_each_bound_is_a_day_that_the_date_can_mean() -> None:
    rows, _ = study()
    of = rows.filter(pl.col("USUBJID") == "P2").select("BOUND", "ADT", "AVAL").rows()
    # 31 January to 1 June are 29 - 0 + 31 + 30 + 31 + 1 = 122 days, to 30 June 151
    assert of == [("earliest", dt.date(2020, 6, 1), 122), ("latest", dt.date(2020, 6, 30), 151)]


def test_the_medians_and_landmarks_under_each_reading() -> None:
    _, results = study()
    assert (results["dates/partial"].value, results["dates/partial"].N) == (1, 3)
    medians = {c: results[f"dates/DATES={c}/median"].value for c in ("declared", "earliest", "latest")}
    # S is 2/3 after P1 and 1/3 after P2, so the median is P2's day: 15 June is day 136
    assert medians == {"declared": 136 / 30.4375, "earliest": 122 / 30.4375, "latest": 151 / 30.4375}
    # 4.5 months are 136.97 days, 5 months 152.19
    at = {c: [results[f"dates/DATES={c}/survival@{m}"].value for m in ("4.5", "5")] for c in medians}
    assert [round(v, 12) for v in at["declared"] + at["earliest"] + at["latest"]] == [
        round(v, 12) for v in (1 / 3, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 1 / 3)
    ]


def test_a_bound_is_kept_within_what_the_other_dates_allow() -> None:
    dead = SS.replace("P2|Y|2020-06|2020-12-31|N|", "P2|Y|2020-06|2020-06-10|Y|2020-06-10")
    rows, _ = study(SS=dead)
    assert rows.filter(pl.col("USUBJID") == "P2", pl.col("BOUND") == "latest")["ADT"].to_list() == [
        dt.date(2020, 6, 10)
    ]


def test_it_is_no_outcome_of_a_multiverse() -> None:
    switches = {"centre": {"label": "Centre left out", "leave_out": "SITEID"}}
    every = {"outcomes": ["dates/DATES=latest/median"], "switches": switches}
    p = protocol(endpoints=[DOR], analyses=[DATES], **BARE | {"multiverse": every})
    with pytest.raises(ProtocolError, match="sets estimates side by side"):
        check_multiverse(p, "")
