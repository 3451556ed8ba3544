"""Cycles and doses; MRD-negative and deep response."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from chartline.derive.model import Adam
from derive_cases import because, derive, row

START = dt.date(2020, 1, 1)


def doses(*days: int, cycles: str = "") -> Adam:
    """Doses so many days after the first; `cycles` are recorded cycle numbers, one letter each."""
    lines = [f"P1|{START + dt.timedelta(d)}|0.5|{cycles[i] if cycles else ''}" for i, d in enumerate(days)]
    return derive({"EX": "USUBJID|EXSTDTC|EXDOSM2|EXCYCLE\n" + "\n".join(lines)})


@pytest.mark.parametrize(
    ("days", "cycles"),
    [
        ((0, 7, 14, 28, 35, 42), [1, 1, 1, 2, 2, 2]),
        ((0, 7, 14, 17), [1, 1, 1, 2]),  # a fourth dose starts a cycle
        ((0, 7, 17), [1, 1, 1]),
        ((0, 7, 18), [1, 1, 2]),  # 18 days after the cycle's first dose starts a cycle
        ((0, 7, 30, 37), [1, 1, 2, 2]),  # day 15 omitted
        ((0,), [1]),
        ((0, 25, 50, 75), [1, 2, 3, 4]),
    ],
)
def test_cycles_are_rebuilt_by_rule(days: tuple[int, ...], cycles: list[int]) -> None:
    adam = doses(*days)
    assert adam["ADEX"]["CYCLE"].to_list() == cycles
    assert row(adam["ADSL"], "NCYC", "NDOSE") == (max(cycles), len(days))


def test_a_recorded_cycle_wins() -> None:
    adam = doses(0, 7, 21, cycles="111")
    assert adam["ADEX"].select("CYCLE", "CYORIG", "CYDAY").rows() == [
        (1, "recorded", 1),
        (1, "recorded", 8),
        (1, "recorded", 22),
    ]


def test_totals_are_decimal_sums_and_missing_where_a_dose_is_missing() -> None:
    ex = "USUBJID|EXSTDTC|EXDOSM2|EXDOSE\nP1|2020-01-01|0.8|1.46\nP1|2020-01-08|0.5|0.91\nP1|2020-01-15|0.5|"
    adam = derive({"EX": ex})
    assert row(adam["ADSL"], "CUMDM2", "CUMMG") == (1.8, None)
    assert because(adam, "ADSL.CUMMG") == ["not known: mg of a dose is not recorded (3 doses in 1 cycle)"]


def test_another_drug_is_no_dose() -> None:
    ex = "USUBJID|EXTRT|EXSTDTC|EXDOSM2\nP1|INOTUZUMAB OZOGAMICIN|2020-01-01|0.8\nP1|RITUXIMAB|2020-01-02|375"
    assert row(derive({"EX": ex})["ADSL"], "NDOSE", "CUMDM2") == (1, 0.8)


EX = """
    USUBJID | EXSTDTC    | EXCYCLE
    P1      | 2020-01-01 | 1
    P1      | 2020-01-29 | 2
"""


def mrd(samples: str, ex: str = EX, **more: str) -> Adam:
    """Marrows in CRi, `date|cycle|level|limit of detection|class` each."""
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|MRDVAL|MRDSENS|MRDCLASS\n"
    for line in samples.strip().splitlines():
        day, cycle, level, limit, said = [c.strip() for c in line.split("|")]
        rs += f"P1|{day}|{cycle}|1|0|ABSENT|{level}|{limit}|{said}\n"
    return derive({"EX": ex, "RS": rs} | more)


@pytest.mark.parametrize(
    ("sample", "tested", "negative"),
    [
        ("0|0.00002|NEGATIVE", "Y", "Y"),
        ("0.004|0.00002|DETECTED BELOW 0.01%", "Y", "Y"),
        ("0.0099|0.0001|", "Y", "Y"),
        ("0.01|0.00002|", "Y", "N"),  # exactly the threshold is not below it
        ("<0.01|0.00002|", "Y", "Y"),
        ("<=0.01|0.00002|", "Y", "N"),
        ("0|0.0004|NEGATIVE (INSUFFICIENT CELLS)", "N", "N"),  # 50,000 cells
        ("0|0.00011|NEGATIVE", "N", "N"),
        ("0||NEGATIVE", "N", "N"),  # sensitivity not known: not shown
        ("0|0.00002|POSITIVE", "Y", "N"),  # level and class contradict each other
        ("|0.00002|NEGATIVE", "Y", "Y"),  # no level, but the class of an adequate test
        ("|0.00002|", "N", "N"),  # no result
        ("1.6||POSITIVE", "Y", "N"),  # a positive result proves its own sensitivity
    ],
)
def test_what_is_negative(sample: str, tested: str, negative: str) -> None:
    adam = mrd(f"2020-01-28|1|{sample}")
    assert row(adam["ADSL"], "MRDTSTFL", "MRDNEGFL") == (tested, negative)


@pytest.mark.parametrize(
    ("day", "ex", "deep"),
    [
        ("2020-03-11", EX, "Y"),  # 42 days after the last dose
        ("2020-03-12", EX, "N"),
        ("2020-02-26", EX + "\nP1|2020-02-26|3", "Y"),  # on day 1 of cycle 3
        ("2020-02-27", EX + "\nP1|2020-02-26|3", "N"),
    ],
)
def test_deep_means_by_the_end_of_cycle_two(day: str, ex: str, deep: str) -> None:
    adam = mrd(f"2020-01-28|1|0.5|0.00002|POSITIVE\n{day}|2|0|0.00002|NEGATIVE", ex)
    assert row(adam["ADSL"], "MRDNEGFL", "MRDNEGDT", "DEEPFL") == ("Y", dt.date.fromisoformat(day), deep)


def test_an_inadequate_negative_waits_for_an_adequate_one() -> None:
    adam = mrd("2020-01-28|1|0|0.0004|NEGATIVE (INSUFFICIENT CELLS)\n2020-02-28|2|0|0.00002|NEGATIVE")
    assert row(adam["ADSL"], "MRDNEGDT", "MRDNEGCY") == (dt.date(2020, 2, 28), 2)


def test_a_negative_marrow_without_response_is_no_negative_response() -> None:
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|MRDVAL|MRDSENS\nP1|2020-01-28|1|2|0|PERSISTENT|0|0.00002"
    adam = derive({"EX": EX, "RS": rs})
    assert row(adam["ADSL"], "BOR", "MRDTSTFL", "MRDNEGFL") == ("NOCR", "Y", "N")
    assert because(adam, "ADSL.MRDNEGFL") == [
        "no response, so no MRD-negative response; MRD 0 % on 2020-01-28 (limit of detection 0.00002): negative"
    ]


def test_samples_after_relapse_or_before_the_response_do_not_count() -> None:
    ss = "USUBJID|RELAPSE|RELDTC\nP1|Y|2020-02-20"
    adam = mrd("2020-01-28|1|0.5|0.00002|POSITIVE\n2020-02-28|2|0|0.00002|NEGATIVE", SS=ss)
    assert row(adam["ADSL"], "MRDNEGFL", "DEEPFL") == ("N", "N")


def test_no_test_is_not_negative() -> None:
    adam = mrd("2020-01-28|1|||")
    assert row(adam["ADSL"], "RESPFL", "MRDTSTFL", "MRDNEGFL", "DEEPFL") == ("Y", "N", "N", "N")
    assert because(adam, "ADSL.DEEPFL") == ["no MRD sample from the first response on"]
    assert adam["ADRS"].filter(pl.col("PARAMCD") == "BOR").height == 1
