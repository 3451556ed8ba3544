"""Every threshold of every response rule set: one unit below, at, and above.

The thresholds are found in the rule files; which side is in and which out is written here by hand, from the source that
each file names. A threshold without a line here fails, and so does a line without a threshold.

A line says where the threshold stands, of what variable, what else the patient has, and the category (or flag) below,
at and above. The patient has 60 % marrow and 10 % blood blasts before treatment, and after cycle 1 a marrow with 1 %,
no blood blasts, no extramedullary disease, neutrophils 5 and platelets 300 that day. Of the counts window the patient
has these counts so many days after the marrow instead; of a support, its last day is so many days before them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache

import pytest

from chartline.derive.response_rules import (
    AnyOf,
    Change,
    CountRule,
    Measure,
    ResponseRules,
    available_rules,
    load_rules,
)
from derive_cases import derive, protocol

# where | variable | what else | below | at | above
EXPECTED = {
    "ino_vate": """
        CR                 | BMBLAST | -                       | CR          | PR/SD       | PR/SD
        CR                 | PBBLAST | -                       | NOCR        | CR          | NOCR
        CRi                | BMBLAST | ANC=0.2                 | CRi         | PR/SD       | PR/SD
        CRi                | PBBLAST | ANC=0.2                 | NOCR        | CRi         | NOCR
        NOCR               | BMBLAST | PBBLAST=3               | NOCR        | PR/SD       | PR/SD
        PR/SD              | BMBLAST | -                       | PR/SD       | PR/SD       | NR
        PR/SD              | BMBLAST fall | BASE=40            | PR/SD       | PR/SD       | NR
        counts.recovered   | ANC     | -                       | CRi         | CR          | CR
        counts.recovered   | PLT     | -                       | CRi         | CR          | CR
        counts window      | first     | -                     | CRi         | CR          | CR
        counts window      | last      | -                     | CR          | CR          | CRi
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        early death        | days    | -                       | Early death | Early death | Other
        refractory         | cycles  | -                       | null        | Y           | Y
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | -                       | N           | N           | Y
    """,
    "eln_2024": """
        CR                 | BMBLAST | -                       | CR          | PR          | PR
        CR                 | PBBLAST | -                       | NOCR        | CR          | NOCR
        CR                 | MRDVAL  | -                       | CR          | FAIL_MRD    | FAIL_MRD
        CRi                | BMBLAST | ANC=0.2                 | CRi         | PR/SD       | PR/SD
        CRi                | PBBLAST | ANC=0.2                 | NOCR        | CRi         | NOCR
        CRi                | MRDVAL  | ANC=0.2                 | CRi         | FAIL_MRD    | FAIL_MRD
        MLFS               | BMBLAST | ANC=0.2 PLT=20          | MLFS        | PR/SD       | PR/SD
        MLFS               | PBBLAST | ANC=0.2 PLT=20          | NOCR        | MLFS        | NOCR
        MLFS               | MRDVAL  | ANC=0.2 PLT=20          | MLFS        | FAIL_MRD    | FAIL_MRD
        FAIL_MRD           | BMBLAST | MRDVAL=2                | FAIL_MRD    | PR          | PR
        FAIL_MRD           | PBBLAST | MRDVAL=2                | NOCR        | FAIL_MRD    | NOCR
        FAIL_MRD           | MRDVAL  | ANC=0.2 PLT=20          | MLFS        | FAIL_MRD    | FAIL_MRD
        NOCR               | BMBLAST | PBBLAST=3               | NOCR        | PR/SD       | PR/SD
        CR (2)             | BMBLAST | MRDVAL=0.5              | CR          | CR          | NR
        CR (2)             | BMBLAST fall | BASE=40 MRDVAL=0.5 | CR          | CR          | NR
        CR (2)             | PBBLAST | BMBLAST=20 MRDVAL=0.5   | PR/SD       | CR          | PR/SD
        CR (2)             | MRDVAL  | BMBLAST=20              | CR          | PR          | PR
        PR                 | BMBLAST >= | -                    | CR          | PR          | PR
        PR                 | BMBLAST <= | -                    | PR          | PR          | NR
        PR                 | BMBLAST fall | BASE=40            | PR          | PR          | NR
        PR                 | PBBLAST | BMBLAST=20              | PR/SD       | PR          | PR/SD
        PR/SD              | BMBLAST | ANC=0.2                 | PR/SD       | PR/SD       | NR
        PR/SD              | BMBLAST fall | BASE=40 ANC=0.2    | PR/SD       | PR/SD       | NR
        counts.recovered   | ANC     | -                       | CRi         | CRi         | CR
        counts.recovered   | PLT     | -                       | CRi         | CRi         | CR
        counts.one_lineage | ANC     | PLT=20                  | MLFS        | MLFS        | CRi
        counts.one_lineage | PLT     | ANC=0.2                 | MLFS        | MLFS        | CRi
        counts window      | first     | -                     | MLFS        | CR          | CR
        counts window      | last      | -                     | CR          | CR          | MLFS
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        support            | red_cells | -                     | CRi         | CRi         | CR
        early death        | days    | -                       | Early death | Early death | Other
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | -                       | N           | N           | Y
    """,
    "cibmtr": """
        CR                 | BMBLAST | -                       | CR          | PR/SD       | PR/SD
        CR                 | PBBLAST | -                       | NOCR        | CR          | NOCR
        CRi                | BMBLAST | ANC=0.2                 | CRi         | PR/SD       | PR/SD
        CRi                | PBBLAST | ANC=0.2                 | NOCR        | CRi         | NOCR
        NOCR               | BMBLAST | PBBLAST=3               | NOCR        | PR/SD       | PR/SD
        PR/SD              | BMBLAST | -                       | PR/SD       | PR/SD       | NR
        PR/SD              | BMBLAST fall | BASE=40            | PR/SD       | PR/SD       | NR
        counts.recovered   | ANC     | -                       | CRi         | CR          | CR
        counts.recovered   | PLT     | -                       | CRi         | CR          | CR
        counts window      | first     | -                     | CRi         | CR          | CR
        counts window      | last      | -                     | CR          | CR          | CRi
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        support            | red_cells | -                     | CRi         | CRi         | CR
        durability         | days    | -                       | NOT HELD 4 WK | CR        | CR
        early death        | days    | -                       | Early death | Early death | Other
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | -                       | N           | Y           | Y
    """,
    "nci_asbmt_2010": """
        CR                 | BMBLAST | -                       | CR          | PR          | PR
        CR                 | PBBLAST | -                       | PR          | CR          | PR
        CRi                | BMBLAST | ANC=0.2                 | CRi         | SD          | SD
        CRi                | PBBLAST | ANC=0.2                 | SD          | CRi         | SD
        PR                 | BMBLAST | -                       | PR          | PR          | SD
        PR                 | BMBLAST fall | BASE=40            | PR          | PR          | SD
        PR                 | PBBLAST fall | BMBLAST=20         | PR          | PR          | SD
        PD                 | BMBLAST rise | BASE=40            | SD          | PD          | PD
        PD                 | PBBLAST rise | BMBLAST=60         | SD          | PD          | PD
        counts.recovered   | ANC     | -                       | CRi         | CR          | CR
        counts.recovered   | PLT     | -                       | CRi         | CR          | CR
        counts window      | first     | -                     | CRi         | CR          | CR
        counts window      | last      | -                     | CR          | CR          | CRi
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        durability         | days    | -                       | NOT HELD 4 WK | CR        | CR
        early death        | days    | -                       | Early death | Early death | Other
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | -                       | N           | N           | Y
    """,
    "nccn": """
        CR                 | BMBLAST | -                       | CR          | NR          | NR
        CR                 | PBBLAST | -                       | NR          | CR          | NR
        CRi                | BMBLAST | ANC=0.2                 | CRi         | NR          | NR
        CRi                | PBBLAST | ANC=0.2                 | NR          | CRi         | NR
        PD                 | BMBLAST rise | BASE=40            | NR          | PD          | PD
        PD                 | PBBLAST rise | BMBLAST=60         | NR          | PD          | PD
        counts.recovered   | ANC     | -                       | CRi         | CR          | CR
        counts.recovered   | PLT     | -                       | CRi         | CR          | CR
        counts window      | first     | -                     | CRi         | CR          | CR
        counts window      | last      | -                     | CR          | CR          | CRi
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        durability         | days    | -                       | NOT HELD 4 WK | CR        | CR
        early death        | days    | -                       | Early death | Early death | Other
        refractory         | cycles  | -                       | null        | Y           | Y
        relapse            | BMBLAST | -                       | N           | N           | Y
        relapse            | PBBLAST | -                       | N           | N           | Y
    """,
    "eln_2017_aml": """
        CR                 | BMBLAST | -                       | CR          | PR          | PR
        CR                 | PBBLAST | -                       | MLFS        | CR          | MLFS
        CRi                | BMBLAST | ANC=0.2                 | CRi         | NR          | NR
        CRi                | PBBLAST | ANC=0.2                 | MLFS        | CRi         | MLFS
        MLFS               | BMBLAST | ANC=0.2 PLT=20          | MLFS        | NR          | NR
        MLFS               | BMCOUNT | ANC=0.2 PLT=20 BMCELLU=5 | NR         | MLFS        | MLFS
        MLFS               | BMCELLU | ANC=0.2 PLT=20 BMCOUNT=50 | NR        | MLFS        | MLFS
        PR                 | BMBLAST >= | -                    | CR          | PR          | PR
        PR                 | BMBLAST <= | -                    | PR          | PR          | NR
        PR                 | BMBLAST fall | BASE=40            | PR          | PR          | NR
        PR                 | PBBLAST | BMBLAST=20              | NR          | PR          | NR
        counts.recovered   | ANC     | -                       | CRi         | CR          | CR
        counts.recovered   | PLT     | -                       | CRi         | CR          | CR
        counts.one_lineage | ANC     | PLT=20                  | MLFS        | CRi         | CRi
        counts.one_lineage | PLT     | ANC=0.2                 | MLFS        | CRi         | CRi
        counts window      | first     | -                     | MLFS        | CR          | CR
        counts window      | last      | -                     | CR          | CR          | MLFS
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        early death        | days    | -                       | Early death | Early death | Other
        refractory         | cycles  | -                       | null        | Y           | Y
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | -                       | N           | N           | Y
    """,
    "eln_2022_aml": """
        CR                 | BMBLAST | -                       | CR          | PR          | PR
        CR                 | PBBLAST | -                       | NR          | CR          | NR
        CRh                | BMBLAST | ANC=0.7                 | CRh         | NR          | NR
        CRh                | PBBLAST | ANC=0.7                 | NR          | CRh         | NR
        CRi                | BMBLAST | ANC=0.2                 | CRi         | NR          | NR
        CRi                | PBBLAST | ANC=0.2                 | NR          | CRi         | NR
        MLFS               | BMBLAST | ANC=0.2 PLT=20          | MLFS        | NR          | NR
        MLFS               | PBBLAST | ANC=0.2 PLT=20          | NR          | MLFS        | NR
        MLFS               | BMCOUNT | ANC=0.2 PLT=20 BMCELLU=5 | NR         | MLFS        | MLFS
        MLFS               | BMCELLU | ANC=0.2 PLT=20 BMCOUNT=50 | NR        | MLFS        | MLFS
        PR                 | BMBLAST >= | -                    | CR          | PR          | PR
        PR                 | BMBLAST <= | -                    | PR          | PR          | NR
        PR                 | BMBLAST fall | BASE=40            | PR          | PR          | NR
        PR                 | PBBLAST | BMBLAST=20              | NR          | PR          | NR
        counts.recovered   | ANC     | -                       | CRh         | CR          | CR
        counts.recovered   | PLT     | -                       | CRh         | CR          | CR
        counts.partly_recovered | ANC | PLT=70                 | MLFS        | CRh         | CRh
        counts.partly_recovered | PLT | ANC=0.7                | MLFS        | CRh         | CRh
        counts.one_lineage | ANC     | PLT=20                  | MLFS        | CRi         | CRi
        counts.one_lineage | PLT     | ANC=0.2                 | MLFS        | CRi         | CRi
        counts window      | first     | -                     | MLFS        | CR          | CR
        counts window      | last      | -                     | CR          | CR          | MLFS
        support            | g_csf     | -                     | CRi         | CRi         | CR
        support            | platelets | -                     | CRi         | CRi         | CR
        early death        | days    | -                       | Early death | Early death | Other
        refractory         | cycles  | -                       | null        | Y           | Y
        refractory         | days    | -                       | N           | N           | Y
        relapse            | BMBLAST | -                       | N           | Y           | Y
        relapse            | PBBLAST | AGAIN=10                | N           | N           | Y
        relapse            | PBBLAST again | -                 | N           | Y           | Y
    """,
}
STEP = {"BMBLAST": 0.1, "PBBLAST": 1, "ANC": 0.01, "PLT": 1, "MRDVAL": 0.01, "BMCOUNT": 1, "BMCELLU": 1, "days": 1}
STEP["cycles"] = 1
SOUND = {"BMBLAST": 1.0, "PBBLAST": 0.0, "ANC": 5.0, "PLT": 300.0, "BASE": 60.0, "PBBASE": 10.0}
SUPPORT = {"g_csf": "G-CSF", "platelets": "PLATELET TRANSFUSION", "red_cells": "RBC TRANSFUSION"}
FIRST_DOSE, MARROW = dt.date(2020, 1, 1), dt.date(2020, 1, 28)
Place = tuple[str, str]  # where, variable


def thresholds(rules: ResponseRules) -> Iterator[tuple[Place, float]]:
    """Every number of a rule set that something is compared with."""
    told: list[str] = []
    for category in rules.categories:
        measures = [p for r in category.requires for p in (r.any_of if isinstance(r, AnyOf) else (r,))]
        told.append(category.code)
        ways = told.count(category.code)  # a category may hold in a second way
        yield from _numbers(category.code if ways == 1 else f"{category.code} ({ways})", measures)
    for name, listed in rules.counts.items():
        yield from (((f"counts.{name}", c.test), c.threshold) for c in listed if isinstance(c, CountRule))
    if rules.counts_window:
        yield from (
            (("counts window", end), day) for end, day in zip(("first", "last"), rules.counts_window.days, strict=True)
        )
    yield from ((("support", name), s.free_days) for name, s in rules.support.items())
    if rules.relapse:
        yield from _numbers("relapse", list(rules.relapse.any_of))
    if rules.durability:
        yield ("durability", "days"), rules.durability.days
    for landmark in rules.refractory.landmarks if rules.refractory else ():
        if landmark.after_days is None:
            yield ("refractory", "cycles"), landmark.after_cycles
        else:
            yield ("refractory", "days"), landmark.after_days
    yield ("early death", "days"), rules.early_death_days


def _numbers(where: str, parts: list[object]) -> Iterator[tuple[Place, float]]:
    measures = [p for p in parts if isinstance(p, Measure)]
    several = {m.variable for m in measures if sum(o.variable == m.variable for o in measures) > 1}
    for m in measures:
        yield (where, f"{m.variable} {m.operator}" if m.variable in several else m.variable), m.threshold
        if m.again_after_days is not None:
            yield (where, f"{m.variable} again"), m.again_after_days
    for c in parts:
        if isinstance(c, Change) and c.fall_percent is not None:
            yield (where, f"{c.variable} fall"), c.fall_percent
        if isinstance(c, Change) and c.rise_percent is not None:
            yield (where, f"{c.variable} rise"), c.rise_percent


@cache
def lines(name: str) -> dict[Place, tuple[dict[str, float], tuple[str, ...]]]:
    """The hand-written lines of a rule set: place -> (what else, below at above)."""
    out = {}
    for line in EXPECTED[name].strip().splitlines():
        where, variable, given, *sides = (c.strip() for c in line.split("|"))
        more = {k: float(v) for k, v in (p.split("=") for p in given.split() if "=" in p)}
        assert (where, variable) not in out
        out[where, variable] = (more, tuple(sides))
    return out


@pytest.mark.parametrize("name", available_rules())
def test_every_threshold_has_a_line_and_every_line_a_threshold(name: str) -> None:
    if name == "recorded":
        pytest.skip("takes the treating team's word: it has no threshold")
    found = [place for place, _ in thresholds(load_rules(name))]
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(lines(name))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_side_of_every_threshold(name: str) -> None:
    numbers = dict(thresholds(load_rules(name)))
    got, want = _observed(name, numbers), {}
    for place, (_, sides) in lines(name).items():
        want |= {(*place, side): value for side, value in zip(("below", "at", "above"), sides, strict=True)}
    assert got == want


def _observed(name: str, numbers: dict[Place, float]) -> dict[tuple[str, str, str], str]:
    """Derive a patient for every side of every threshold, all in one study."""
    people = [
        (place, side, f"P{i:03}{side}", place_at + sign * STEP.get(place[1].split()[0], 1))
        for i, (place, place_at) in enumerate(_values(name, numbers).items())
        for sign, side in ((-1, "below"), (0, "at"), (1, "above"))
    ]
    study: dict[str, list[str]] = {
        "EX": ["USUBJID|EXSTDTC|EXCYCLE|EXDOSM2"],
        "RS": ["USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|MRDVAL|BMCOUNT|BMCELLU"],
        "LB": ["USUBJID|LBDTC|LBTESTCD|LBSTRESN"],
        "CM": ["USUBJID|CMCAT|CMSTDTC|CMENDTC"],
        "SS": ["USUBJID|RELAPSE|RELDTC|DTHFL|DTHDTC|LKADTC"],
    }
    for place, _, subject, value in people:
        for domain, row in _patient(subject, place, value, lines(name)[place][0]):
            study[domain].append(row)
    tables = {domain: "\n".join(rows) for domain, rows in study.items()}
    by_id = _rows(tables, {"criteria": name})
    # Only the landmark in days asks how intensive the treatment was.
    by_day = _rows(tables, {"criteria": name, "intensity": "less_intensive"})
    of = {"relapse": "DRELFL", "refractory": "REFRFL", "early death": "NEREAS"}
    return {
        (*place, side): (by_day if place == ("refractory", "days") else by_id)[s][of.get(place[0], "BOR")] or "null"
        for place, side, s, _ in people
    }


def _rows(tables: dict[str, str], response: dict[str, str]) -> dict[str, dict[str, str | None]]:
    adsl = derive(tables, response=response, response_variants={})["ADSL"]
    return {r["USUBJID"]: r for r in adsl.iter_rows(named=True)}


def _values(name: str, numbers: dict[Place, float]) -> dict[Place, float]:
    """Each threshold as a value of its variable: a fall or rise in per cent as what is left of the value before."""
    out = {}
    for place, number in numbers.items():
        variable, _, change = place[1].partition(" ")
        before = (SOUND | lines(name)[place][0])["BASE" if variable == "BMBLAST" else "PBBASE"]
        factor = {"fall": 1 - number / 100, "rise": 1 + number / 100}.get(change)
        out[place] = before * factor if factor is not None else number
    return out


def _patient(subject: str, place: Place, value: float, more: dict[str, float]) -> Iterator[tuple[str, str]]:
    where, (variable, _, kind) = place[0], place[1].partition(" ")
    p = SOUND | more
    if where not in ("relapse", "durability", "refractory", "early death", "counts window", "support"):
        p[variable] = value
    yield "EX", f"{subject}|{FIRST_DOSE}|1|0.8"
    yield "RS", f"{subject}|2019-12-28|0|{p['BASE']:g}|{p['PBBASE']:g}|ABSENT|||"
    if where == "early death":
        died = FIRST_DOSE + dt.timedelta(days=value)
        yield "SS", f"{subject}|N||Y|{died}|{died}"
        return
    lost = MARROW + dt.timedelta(days=value) if where == "durability" else ""
    yield "SS", f"{subject}|{'Y' if lost else 'N'}|{lost}|N||2020-12-01"
    if (where, variable) == ("refractory", "days"):  # no response at first, then one on that day
        found = FIRST_DOSE + dt.timedelta(days=value)
        yield "RS", f"{subject}|{MARROW}|1|60|0|ABSENT|||"
        yield "RS", f"{subject}|{found}|6|1|0|ABSENT|||"
        for test in ("ANC", "PLT"):
            yield "LB", f"{subject}|{found}|{test}|{p[test]:g}"
        return
    if where == "refractory":
        for cycle in range(1, int(value) + 1):
            yield "RS", f"{subject}|{MARROW + dt.timedelta(days=28 * cycle)}|{cycle}|60|0|ABSENT|||"
        return
    extra = "|".join(f"{p[v]:g}" if v in p else "" for v in ("MRDVAL", "BMCOUNT", "BMCELLU"))
    yield "RS", f"{subject}|{MARROW}|1|{p['BMBLAST']:g}|{p['PBBLAST']:g}|ABSENT|{extra}"
    counted = MARROW + dt.timedelta(days=value if where == "counts window" else 0)
    for test in ("ANC", "PLT"):
        yield "LB", f"{subject}|{counted}|{test}|{p[test]:g}"
    if where == "support":
        last = MARROW - dt.timedelta(days=value)
        yield "CM", f"{subject}|{SUPPORT[variable]}|{last}|{last}"
    if where == "relapse":
        later = MARROW + dt.timedelta(days=100)
        blood = {"BMBLAST": 0.0}.get(variable, 3.0 if kind else value)
        yield "RS", f"{subject}|{later}|0|{value if variable == 'BMBLAST' else 1:g}|{blood:g}|ABSENT|||"
        if kind or "AGAIN" in p:
            again = later + dt.timedelta(days=value if kind else p["AGAIN"])
            yield "RS", f"{subject}|{again}|0|1|{blood:g}|ABSENT|||"


def test_the_reference_protocol_leaves_the_windows_to_the_rule_set() -> None:
    """The cases above count on it."""
    assert (protocol().response.counts_window_days, protocol().response.support_free_days) == (None, None)
