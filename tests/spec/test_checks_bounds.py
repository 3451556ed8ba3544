"""A number that is a bound ("<5") or a range ("5-10") is asked where every number it can mean would be, and only then.

Each case is a small study with one number left open, `{}`: the texts with which the check asks, and those with which it
must not, since some number that they can mean is sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from chartline.checks.bounds import known_median, least, most, recorded
from checks_cases import ALIVE, rows
from rule_cases import asked


@dataclass(frozen=True)
class Case:
    """A check, the tables of a study, and texts that it asks and that it leaves."""

    rule: str
    tables: dict[str, str]
    asks: tuple[str, ...]
    leaves: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.rule

    def with_number(self, text: str) -> list[Any]:
        tables = {domain: table.replace("{}", text) for domain, table in self.tables.items()}
        return asked(self.rule, parameters=self.parameters, **tables)


MARROW = "USUBJID | RSDTC | RSCYCLE | BMBLAST | PBBLAST | EMD | INVRESP | MRDVAL | MRDCLASS | MRDSENS | MRDCELLS"
LB = "USUBJID | LBTESTCD | LBDTC | LBORRES | LBSTRESN"


def marrow(*lines: str) -> dict[str, str]:
    return {"RS": rows(MARROW, *lines)}


def blood(*values: str) -> dict[str, str]:
    """Results of P2: 'ANC 2020-01-05 {}'."""
    return {"LB": rows(LB, *(f"P2 | {t} | {d} | {v} | {v}" for t, d, v in (line.split() for line in values)))}


def people(born: str, age: str, bsa: str) -> dict[str, str]:
    return {"DM": f"USUBJID | BRTHDTC | SEX | AGE | BSA\nP1 | 1980-06-01 | F | 39 | 2\nP2 | {born} | M | {age} | {bsa}"}


def doses(*lines: str) -> dict[str, str]:
    head = "USUBJID | EXSTDTC | EXCYCLE | EXCYDAY | EXDOSM2 | EXDOSE"
    return {"EX": rows(head, "P1 | 2020-01-01 | 1 | 1 | 0.8 | 1.6", *(f"P2 | {line}" for line in lines))}


def relapsed(site: str = "", said: str = "Y", on: str = "2020-06-01") -> dict[str, str]:
    head = "USUBJID | LKADTC | DTHFL | RELAPSE | RELDTC | RELTYPE"
    return {"SS": rows(head, "P1 | 2021-01-01 | N | N | |", f"P2 | 2021-03-01 | N | {said} | {on} | {site}")}


DAY = "2020-01-29"
CASES = [
    # Percent of blasts; the threshold of a remission is 5.
    Case("mrd_without_remission", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | | | NEGATIVE | |"),
         asks=("5", ">5", ">=5", "5-10", ">20"), leaves=("4.9", "<5", "<=5", "<30", "3-8", ">2")),
    Case("mrd_without_remission", marrow(f"P2 | {DAY} | 1 | 20 | 0 | ABSENT | | {{}} | | |"),
         asks=("0.001", "<0.01", "<0.001", "<=0.005"), leaves=("0.01", "<0.1", ">0.001", "0.001-0.1")),
    Case("mrd_negative_at_relapse", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | RELAPSE | | NEGATIVE | |"),
         asks=("4", "<5", "<30", "3-8"), leaves=("5", ">5", "5-10")),  # a marrow of 5 % is the question before
    Case("response_discordant", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | CR | | | |"),
         asks=("5", ">5", "5-10"), leaves=("<5", "<=5", "<20", "3-8", ">3")),
    Case("response_discordant", marrow(f"P2 | {DAY} | 1 | 1 | {{}} | ABSENT | CR | | | |"),
         asks=("1", ">0", ">=1", "1-2"), leaves=("0", "<1", "<5", ">=0", "0-2")),
    Case("response_discordant", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | PR | | | |"),
         asks=("4", "<5", "1-4"), leaves=("<6", ">1", "3-8", "5")),
    Case("relapse_without_blasts", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | RELAPSE | | | |"),
         asks=("4", "<5", "2-4"), leaves=(">2", "<6", "3-8", "<=5")),
    Case("relapse_discordant",
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CR | | | |", "P2 | 2020-06-01 | 0 | {} | 0 | ABSENT | | | | |"),
          **relapsed(said="N", on="")},
         asks=("5", ">5", "5-10", ">=20"), leaves=("<5", "<30", "3-8", ">2")),
    Case("relapse_discordant",
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CR | | | |", "P2 | 2020-06-01 | 0 | 1 | {} | ABSENT | | | | |"),
          **relapsed(said="N", on="")},
         asks=("1", ">0", "1-2"), leaves=("<1", "<5", ">=0")),
    Case("relapse_discordant",
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CR | | | |", "P2 | 2020-06-01 | 0 | {} | 0 | ABSENT | | | | |"),
          **relapsed()},
         asks=("1", "<5", "1-4"), leaves=("<6", ">1", "3-8")),
    Case("relapse_site_discordant", {**marrow("P2 | 2020-06-01 | 0 | {} | 3 | ABSENT | | | | |"), **relapsed("MARROW")},
         asks=("4", "<5", "1-4"), leaves=("<6", ">1", "3-8", "<=5")),
    Case("relapse_site_discordant",
         {**marrow("P2 | 2020-06-01 | 0 | {} | 3 | ABSENT | | | | |"), **relapsed("EXTRAMEDULLARY ONLY")},
         asks=("5", ">5", "5-9"), leaves=("<5", "<30", "3-8", ">4")),
    Case("assessments_differ",
         marrow(f"P2 | {DAY} | 1 | 20 | 0 | ABSENT | | | | |", f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | | | | |"),
         asks=("4", "<5", "1-4"), leaves=("<6", ">1", "<30", "3-8")),
    Case("counts_absent", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | | | | |"),
         asks=("4", "<5", "1-4"), leaves=("<6", ">1", "3-8")),
    Case("percent_impossible", marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | | | | |"),
         asks=("101", ">100", ">=101", "<0", "90-120"), leaves=("<200", ">90", "<=0", "100")),
    # MRD in percent, limits of detection in parts of one.
    Case("mrd_class_discordant", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | {{}} | NEGATIVE | |"),
         asks=("0.01", ">0.01", "0.01-0.1"), leaves=("<0.01", "<1", "<=0.01", ">0.001", "0.001-0.1")),
    Case("mrd_class_discordant", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | {{}} | DETECTED BELOW 0.01% | |"),
         asks=("0", "0.01", ">0.01"), leaves=("<0.01", "<1", ">0", "0-0.005")),
    Case("mrd_class_discordant", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | {{}} | POSITIVE | |"),
         asks=("0",), leaves=("<1", ">0", "0.001-0.1", ">=0")),
    Case("mrd_below_detection", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | {{}} | | 0.0001 |"),
         asks=("0.002", "0.001-0.005"), leaves=(">0.002", "0.001-0.02", ">=0.001", "<0.002")),
    Case("mrd_below_detection", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | 0.002 | | {{}} |"),
         asks=("0.0001", ">0.0001", ">=0.0001"), leaves=("<0.0001", "<0.1", "<=0.0001")),
    Case("mrd_limit_of_cells", marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | | | | 0.00001 | {{}}"),
         asks=("100000", "<100000", "<=500000"), leaves=(">100000", ">=1", "<2000000")),
    # Counts: CR asks for neutrophils of 1.0 and platelets of 100.
    Case("cr_without_counts",
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CR | | | |"), **blood(f"ANC {DAY} 2", f"PLT {DAY} {{}}")},
         asks=("40", "<100", "<40"), leaves=(">40", ">=90", "<=100", "<150", "100")),
    Case("cr_without_counts",  # the highest exact value is low, but another may have been high
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CR | | | |"),
          **blood(f"ANC {DAY} 2", f"PLT {DAY} 60", "PLT 2020-01-31 {}")},
         asks=("50", "<50"), leaves=(">50", ">=30")),
    Case("cr_without_counts",
         {**marrow(f"P2 | {DAY} | 1 | {{}} | 0 | ABSENT | CR | | | |"), **blood(f"ANC {DAY} 2", f"PLT {DAY} 40")},
         asks=("1", "<5", "<9", "3-8"), leaves=("5", ">5", "5-10")),  # of 5 % the blasts are the question
    Case("cri_with_counts",
         {**marrow(f"P2 | {DAY} | 1 | 1 | 0 | ABSENT | CRi | | | |"), **blood(f"ANC {DAY} 2", f"PLT {DAY} {{}}")},
         asks=("101", ">100", ">150", ">=101"), leaves=("<150", ">90", ">=100", "100")),
    Case("febrile_neutropenia_counts",
         {"AE": "USUBJID | AETERM | AESTDTC | AETOXGR\nP2 | Febrile neutropenia | 2020-01-10 | 3",
          **blood("ANC 2020-01-10 {}", "ANC 2020-01-11 2.5")},
         asks=("1.0", ">1.0", ">=1.5"), leaves=("<1.5", "<=1.0", ">0.5", "0.4")),
    Case("lab_implausible", blood("BILI 2020-01-10 {}"),
         asks=("1201", ">1200.5", ">5000", "<0.4"), leaves=("<5000", ">1000", "<0.5", "<1", "1200")),
    Case("part_above_whole", blood("WBC 2020-01-10 5", "ANC 2020-01-10 {}"),
         asks=("8", ">8", ">=6"), leaves=("<8", ">2", "<=100")),
    Case("part_above_whole", blood("WBC 2020-01-10 {}", "ANC 2020-01-10 8"),
         asks=("5", "<5", "<=6"), leaves=(">5", ">=1", "<20")),
    Case("differential_over_100", blood("WBC 2020-01-10 {}", "ANC 2020-01-10 4", "LYM 2020-01-10 4"),
         asks=("5", "<5", "<=6"), leaves=(">5", ">=5", "<20")),
    Case("differential_over_100", blood("WBC 2020-01-10 5", "ANC 2020-01-10 4", "LYM 2020-01-10 {}"),
         asks=("4", ">4", ">=3"), leaves=("<4", ">1", "<=5")),
    Case("isolated_jump", blood("HB 2020-01-05 150", "HB 2020-01-10 {}", "HB 2020-01-15 156"),
         asks=("25", "<25", "<=24"), leaves=("<90", ">20", "<26")),
    Case("isolated_jump", blood("CREA 2020-01-05 80", "CREA 2020-01-10 {}", "CREA 2020-01-15 82"),
         asks=("500", ">500", ">=492"), leaves=(">90", "<600", ">400")),
    Case("isolated_jump", blood("CREA 2020-01-05 {}", "CREA 2020-01-10 600", "CREA 2020-01-15 82"),
         asks=("80",), leaves=("<80", ">80")),
    Case("frozen_values",
         blood(*(f"CREA 2020-01-{d:02} 81.3" for d in range(2, 8)), "CREA 2020-01-08 {}"),
         asks=("81.3",), leaves=(), parameters={"run": 7, "expected": 100}),
    Case("frozen_values",
         blood(*(f"CREA 2020-01-{d:02} 81.3" for d in range(2, 8)), "CREA 2020-01-08 {}"),
         asks=(), leaves=("<81.3", ">81.3"), parameters={"run": 7, "expected": 100}),
    Case("same_day_apart", blood("CREA 2020-01-05 80", "CREA 2020-01-05 {}"),
         asks=("400",), leaves=("<400", ">10", ">20")),
    Case("unit_mismatch",
         blood(*(f"BILI 2020-01-{d:02} 10" for d in range(2, 7)), "BILI 2020-01-10 {}"),
         asks=("171",), leaves=("<171", ">171")),
    # Doses: at most 0.8 mg/m2; the body surface area of P2 is 2 m2.
    Case("dose_amount", doses("2020-01-01 | 1 | 1 | {} | "),
         asks=("0.9", ">0.8", ">=0.9", "0", "<=0", "<0"), leaves=("<0.9", ">0.5", "<5", "0.8")),
    Case("dose_amount", doses("2020-01-01 | 1 | 1 | 0.8 | {}"), asks=("3",), leaves=("<3", ">1", "1.6")),
    Case("dose_amount", {**doses("2020-01-01 | 1 | 1 | 0.8 | 1.6"), **people("1979-08-11", "40", "{}")},
         asks=("1",), leaves=("<3", ">1", "2")),
    Case("dose_slip", doses(*(f"2020-01-0{d} | 1 | {d} | 0.5 | " for d in (1, 2, 3)), "2020-01-08 | 1 | 8 | {} | "),
         asks=("0.05",), leaves=("<0.05", ">0.05", "0.4")),
    # What is stated of the patient.
    Case("age_mismatch", people("1979-08-11", "{}", "2"),  # 40 on 2020-01-01
         asks=("39", "<40", "<18", ">40", ">89", ">=41", "<=39"), leaves=("40", "<41", "<=40", ">39", ">=40", ">18")),
    Case("age_implausible", people("", "{}", "2"),
         asks=("101", ">100", ">=101", "<0"), leaves=("<150", ">90", "<=0", "100")),
    Case("age_implausible", people("1915-01-01", "{}", "2"),  # 105 on 2020-01-01: a recorded age that fits is asked too
         asks=("", "105", ">89", ">100", "<106"), leaves=("<100", "<50", "60", ">105")),
    Case("bsa_implausible", people("1979-08-11", "40", "{}"),
         asks=(), leaves=("<5", ">1", "<3", ">0.2")),
    Case("bsa_implausible", {**people("1979-08-11", "40", "{}"), **doses("2020-01-01 | 1 | 1 | 0.8 | ")},
         asks=("3.1", ">3", "<0.2", ">=160"), leaves=("<5", ">1", "<3", ">0.2", "<=0.2")),
    Case("statements_differ",
         {"DM": "USUBJID | BRTHDTC | SEX | AGE | BSA\nP1 | | F | 39 | 2\nP2 | | M | 40 | 2\nP2 | | | {} | "},
         asks=("50", ">50", "<30"), leaves=("<50", ">30", "<=40", ">=40", "41")),
]  # fmt: skip
TEXTS = [(case, text) for case in CASES for text in (*case.asks, *case.leaves)]


@pytest.mark.parametrize(("case", "text"), TEXTS, ids=[f"{c.rule} {t or 'blank'}" for c, t in TEXTS])
def test_a_number_is_asked_where_all_it_can_mean_is_wrong(case: Case, text: str) -> None:
    queries = case.with_number(text)
    assert bool(queries) is (text in case.asks)
    assert all(q.subject == "P2" for q in queries)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bound_is_quoted_as_one(case: Case) -> None:
    """Wherever the number is shown it has its sign: never `20` for `>20`."""
    for text in (t for t in case.asks if t.startswith(("<", ">"))):
        for q in case.with_number(text):
            assert f"read as {text.lstrip('<>=')}" not in q.saw


MEANT = {
    "5": ("5", "5"),
    "<5": (None, "5"),
    "<=5": (None, "5"),
    ">5": ("5", None),
    ">=5": ("5", None),
    "5-10": ("5", "10"),
}


def blasts(*texts: str) -> pl.DataFrame:
    from truth_data import tiny

    return tiny(RS="USUBJID | BMBLAST\n" + "\n".join(f"P1 | {t}" for t in texts))["RS"]


@pytest.mark.parametrize(("text", "ends"), MEANT.items())
def test_the_ends_between_which_a_number_lies(text: str, ends: tuple[str | None, str | None]) -> None:
    low, high = blasts(text).select(a=least("BMBLAST"), b=most("BMBLAST")).row(0)
    assert (low, high) == tuple(None if e is None else float(e) for e in ends)


@pytest.mark.parametrize(
    ("texts", "median"),
    [
        (("1", "2", "3"), 2),
        (("<1", "2", "3"), 2),
        (("2", "3", ">9"), 3),
        (("<1", "2", ">9"), 2),
        (("<1", "2"), None),
        (("<1", "<1", "2"), None),
        (("<1", "1", "3", ">3"), 2),
        (("1-4", "2", "3"), None),  # 2, or 3 where the first is 4
        (("2-2", "2", "3"), 2),
        ((">1",), None),
    ],
)
def test_a_median_is_known_where_no_bound_can_move_it(texts: tuple[str, ...], median: float | None) -> None:
    assert blasts(*texts).select(known_median("BMBLAST")).item() == median


@pytest.mark.parametrize(("text", "said"), [("5", 5.0), ("<5", "<5"), (">=0.5", ">=0.5"), ("5-10", "5-10")])
def test_a_number_is_quoted_as_it_was_recorded(text: str, said: object) -> None:
    assert recorded(blasts(text).row(0, named=True), "BMBLAST") == said


def test_two_doses_of_a_day_are_the_same_where_their_signs_are() -> None:
    def said(text: str) -> str:
        [query] = asked("duplicate_dose", **doses("2020-01-01 | 1 | 1 | 0.5 | ", f"2020-01-01 | 1 | 1 | {text} | "))
        return query.message

    assert said("0.5").endswith("with the same dose.")
    assert said("<0.5").endswith("with different doses.")


def test_results_of_two_days_are_the_same_where_their_signs_are() -> None:
    day = ("HB {} 100.5", "WBC {} 3.25", "PLT {} 81", "ALT {} 33", "CREA {} {v}")
    panels = {
        v: blood(*(t.format("2020-01-05", v="81.3") for t in day), *(t.format("2020-01-09", v=v) for t in day))
        for v in ("81.3", "<81.3")
    }
    assert asked("panel_repeated", **panels["81.3"])
    assert not asked("panel_repeated", **panels["<81.3"])


def test_results_of_two_patients_are_the_same_where_their_signs_are() -> None:
    day = ("HB | 100.5", "WBC | 3.25", "PLT | 81", "ALT | 33", "CREA | {}")

    def copied(text: str) -> bool:
        lines = []
        for who, value in (("P2", text), ("P3", "81.3")):
            for line in day:
                test, number = line.format(value).split(" | ")
                lines.append(f"{who} | {test} | 2020-01-05 | {number} | {number}")
        return bool(asked("panel_copied", LB=rows(LB, *lines), SS=ALIVE + "    P3 | 2021-01-01 | N\n"))

    assert copied("81.3")
    assert not copied("<81.3")
