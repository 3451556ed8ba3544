"""Random sound studies for the checks, and faults to plant in them, by the check that asks them.

A sound study: several centres, patients whose events follow each other as they do, everything the protocol needs.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable

Row = dict[str, object]
Tables = dict[str, list[Row]]
TESTS = {"HB": (80, 130), "WBC": (4.5, 9), "ANC": (1.1, 4), "PLT": (105, 250), "ALT": (15, 39), "BILI": (6, 15)}
LIMITS = {"ALT": 40, "BILI": 20.5}


def day(start: dt.date, after: int) -> str:
    return str(start + dt.timedelta(days=after))


def study(seed: int, patients: int = 12) -> Tables:
    """A sound study of so many patients at two centres."""
    r = random.Random(seed)
    t: Tables = {d: [] for d in ("DM", "MH", "EX", "LB", "RS", "PR", "CM", "AE", "SS")}
    for i in range(patients):
        who: Row = {"CENTRE": "AB"[i % 2], "USUBJID": f"{'AB'[i % 2]}-{i:03}"}
        zero = dt.date(2018, 1, 1) + dt.timedelta(days=i * 90 + r.randrange(80))
        born = dt.date(1950 + i * 2 % 40, r.randint(1, 12), r.randint(1, 28))
        age = zero.year - born.year - ((zero.month, zero.day) < (born.month, born.day))
        _history(t, who, zero, r, born, age)
        end = _treatment(t, who, zero, r)
        _follow_up(t, who, zero, end, r)
    return t


def _history(t: Tables, who: Row, zero: dt.date, r: random.Random, born: dt.date, age: int) -> None:
    t["DM"].append(who | {"BRTHDTC": born, "SEX": r.choice("MF"), "AGE": age, "BSA": 1.8})
    known = r.randint(250, 700)
    facts = {"STATUS": "RELAPSED", "ECOG": r.randint(0, 2), "CD22": 90, "BCRABL1": "NEGATIVE", "EMD": "ABSENT"}
    facts |= {"LINES": 2, "PRIOR HSCT": "N", "PRIOR BLINATUMOMAB": "N", "CR1DUR": 3}
    t["MH"].append(who | {"MHCAT": "DIAGNOSIS", "MHTERM": "B-ALL", "MHSTDTC": day(zero, -known)})
    t["MH"] += [who | {"MHCAT": c, "MHTERM": c, "MHORRES": v} for c, v in facts.items()]
    for n, begun in enumerate((known - r.randint(0, 9), r.randint(60, 90)), 1):
        span = {"MHSTDTC": day(zero, -begun), "MHENDTC": day(zero, -begun + r.randint(20, 40)), "MHSEQN": n}
        t["MH"].append(who | span | {"MHCAT": "PRIOR LINE", "MHTERM": "Hyper-CVAD", "MHBESTRSP": "CR"})


def _treatment(t: Tables, who: Row, zero: dt.date, r: random.Random) -> int:
    """Doses, marrows and blood; return the day of the last dose."""
    _blood(t, who, zero, -r.randint(0, 5), r)
    start = 0
    for cycle in range(1, r.randint(1, 3) + 1):
        for d, m2 in ((1, 0.8 if cycle == 1 else 0.5), (8, 0.5), (15, 0.5)):
            last = start + d - 1 + (r.randint(0, 1) if d > 1 else 0)
            dose = {
                "EXSTDTC": day(zero, last),
                "EXCYCLE": cycle,
                "EXCYDAY": d,
                "EXDOSM2": m2,
                "EXDOSE": round(m2 * 1.8, 2),
            }
            t["EX"].append(who | dose)
            _blood(t, who, zero, last, r)
        marrow = last + r.randint(5, 7)
        t["RS"].append(
            who
            | {
                "RSDTC": day(zero, marrow),
                "RSCYCLE": cycle,
                "BMBLAST": 1,
                "PBBLAST": 0,
                "EMD": "ABSENT",
                "INVRESP": "CR",
            }
        )
        _blood(t, who, zero, marrow + r.randint(0, 3), r)
        start = marrow + r.randint(1, 4)
    return last


def _blood(t: Tables, who: Row, zero: dt.date, on: int, r: random.Random) -> None:
    for test, (low, high) in TESTS.items():
        value = round(r.uniform(low, high), 2)
        row = {"LBTESTCD": test, "LBDTC": day(zero, on), "LBORRES": value, "LBSTRESN": value}
        t["LB"].append(who | row | {"LBSTNRHI": LIMITS.get(test, "")})


def _follow_up(t: Tables, who: Row, zero: dt.date, end: int, r: random.Random) -> None:
    relapse = end + r.randint(60, 200) if r.random() < 0.5 else None
    if r.random() < 0.4:
        done = {
            "PRTRT": "ALLOGENEIC HSCT",
            "PROCCUR": "Y",
            "PRTIMING": "AFTER",
            "PRSTDTC": day(zero, end + r.randint(20, 50)),
        }
        t["PR"].append(who | done)
    if relapse:
        new = {"CMCAT": "SUBSEQUENT THERAPY", "CMTRT": "FLAG-Ida", "CMSTDTC": day(zero, relapse + r.randint(1, 20))}
        t["CM"].append(who | new)
    onset = r.randint(1, 20)
    t["AE"].append(
        who | {"AETERM": "Nausea", "AESTDTC": day(zero, onset), "AEENDTC": day(zero, onset + 3), "AETOXGR": 2}
    )
    died = end + r.randint(230, 400) if r.random() < 0.5 else None
    last = (
        dt.date(2023, 1, 10) + dt.timedelta(days=r.randrange(350)) if died is None else zero + dt.timedelta(days=died)
    )
    ss = {
        "LKADTC": last,
        "DTHFL": "Y" if died else "N",
        "DTHDTC": last if died else "",
        "RELAPSE": "Y" if relapse else "N",
    }
    t["SS"].append(who | ss | {"RELDTC": day(zero, relapse) if relapse else ""})


def text(rows: list[Row]) -> str:
    names = list(dict.fromkeys(n for row in rows for n in row))
    return "\n".join(["|".join(names), *("|".join(str(row.get(n, "")) for n in names) for row in rows)])


def of(rows: list[Row], who: object, **equal: object) -> list[Row]:
    return [r for r in rows if r["USUBJID"] == who and all(r.get(k) == v for k, v in equal.items())]


def moved(date: object, days: int) -> str:
    return str(dt.date.fromisoformat(str(date)) + dt.timedelta(days=days))


Fault = Callable[[Tables, object], None]


def _set(domain: str, name: str, change: Callable[[Row], object], which: int = 0, **equal: object) -> Fault:
    def plant(t: Tables, who: object) -> None:
        row = of(t[domain], who, **equal)[which]
        row[name] = change(row)

    return plant


def _drop(domain: str, keep: int = 0, **equal: object) -> Fault:
    def plant(t: Tables, who: object) -> None:
        gone = of(t[domain], who, **equal)[keep:]
        t[domain] = [r for r in t[domain] if r not in gone]

    return plant


def _later_blood_only(t: Tables, who: object) -> None:
    first = of(t["EX"], who)[0]["EXSTDTC"]
    t["LB"] = [r for r in t["LB"] if r["USUBJID"] != who or str(r["LBDTC"]) > str(first)]


def _another_number(t: Tables, who: object) -> None:
    for domain in ("DM", "EX", "SS", "MH"):
        t[domain] += [r | {"USUBJID": "TWIN"} for r in of(t[domain], who)]


def _at_the_other_centre(t: Tables, who: object) -> None:
    for domain in ("DM", "EX", "SS", "MH"):
        t[domain] += [r | {"USUBJID": "TWIN", "CENTRE": "C"} for r in of(t[domain], who)]
    row = of(t["DM"], "TWIN")[0]
    row["SEX"] = "F" if row["SEX"] == "M" else "M"


def _results_of_another(t: Tables, who: object) -> None:
    other = next(r for r in t["LB"] if r["CENTRE"] == "A" and r["USUBJID"] != who)
    t["LB"] += [
        r | {"USUBJID": who} for r in t["LB"] if r["USUBJID"] == other["USUBJID"] and r["LBDTC"] == other["LBDTC"]
    ]


def _transplanted(t: Tables, who: object, **more: object) -> None:
    last = of(t["EX"], who)[-1]["EXSTDTC"]
    t["PR"] = [r for r in t["PR"] if r["USUBJID"] != who]
    row: Row = {"CENTRE": "A", "USUBJID": who, "PRTRT": "ALLOGENEIC HSCT", "PROCCUR": "Y", "PRTIMING": "AFTER"}
    t["PR"].append(row | {"PRSTDTC": moved(last, 30)} | more)


def _transplanted_twice(t: Tables, who: object) -> None:
    _transplanted(t, who)
    t["PR"].append(t["PR"][-1] | {"PRSTDTC": moved(t["PR"][-1]["PRSTDTC"], 6)})


def _transplanted_before_the_last_dose(t: Tables, who: object) -> None:
    _transplanted(t, who, PRSTDTC=moved(of(t["EX"], who)[-1]["EXSTDTC"], -3))


def _a_new_drug_before_the_last_dose(t: Tables, who: object) -> None:
    start = moved(of(t["EX"], who)[-1]["EXSTDTC"], -3)
    t["CM"].append({"CENTRE": "A", "USUBJID": who, "CMCAT": "SUBSEQUENT THERAPY", "CMTRT": "X", "CMSTDTC": start})


def _an_undated_new_drug(t: Tables, who: object) -> None:
    t["CM"].append({"CENTRE": "A", "USUBJID": who, "CMCAT": "SUBSEQUENT THERAPY", "CMTRT": "X"})


def _a_sample_of_the_year_before(t: Tables, who: object) -> None:
    of(t["MH"], who, MHCAT="DIAGNOSIS")[0]["MHSTDTC"] = moved(of(t["EX"], who)[0]["EXSTDTC"], -690)
    row = of(t["LB"], who)[-1]
    t["LB"].append(row | {"LBDTC": moved(row["LBDTC"], -365)})


def _born_on_the_day_of_diagnosis(t: Tables, who: object) -> None:
    of(t["DM"], who)[0].update(BRTHDTC=of(t["MH"], who, MHCAT="DIAGNOSIS")[0]["MHSTDTC"], AGE="")


def _a_man_with_a_womans_disease(t: Tables, who: object) -> None:
    of(t["DM"], who)[0]["SEX"] = "M"
    of(t["AE"], who)[0]["AETERM"] = "Vaginal haemorrhage"


def _a_cycle_more(t: Tables, who: object) -> None:
    for r in of(t["EX"], who):
        r["EXCYCLE"] = int(str(r["EXCYCLE"])) + 1


FAULTS: dict[str, Fault] = {
    "diagnosis_order": _set("MH", "MHSTDTC", lambda r: moved(r["MHSTDTC"], 900), MHCAT="DIAGNOSIS"),
    "line_order": _set("MH", "MHSEQN", lambda _: 3, MHCAT="PRIOR LINE"),
    "assessment_order": _set("RS", "RSDTC", lambda r: moved(r["RSDTC"], -365)),
    "same_day_events": _born_on_the_day_of_diagnosis,
    "placeholder_date": _set("AE", "AESTDTC", lambda _: "1900-01-05"),
    "age_implausible": lambda t, who: of(t["DM"], who)[0].update(BRTHDTC="", AGE=139),
    "year_slip": _a_sample_of_the_year_before,
    "same_person": _another_number,
    "same_person_elsewhere": _at_the_other_centre,
    "panel_copied": _results_of_another,
    "sex_of_term": _a_man_with_a_womans_disease,
    "cycle_skipped": _a_cycle_more,
    "cycle_order": _set("EX", "EXCYDAY", lambda _: 15),
    "dose_slip": lambda t, who: of(t["EX"], who)[2].update(EXDOSM2=0.05, EXDOSE=0.09),
    "therapy_overlap": _a_new_drug_before_the_last_dose,
    "dose_after_transplant": _transplanted_before_the_last_dose,
    "procedure_twice": _transplanted_twice,
    "eligibility_unknown": _drop("MH", MHCAT="STATUS"),
    "baseline_missing": _drop("MH", MHCAT="ECOG"),
    "assessment_incomplete": _set("RS", "PBBLAST", lambda _: ""),
    "assessment_absent": _drop("RS"),
    "counts_absent": _drop("LB", LBTESTCD="PLT"),
    "baseline_laboratory_absent": _later_blood_only,
    "lines_absent": _drop("MH", MHCAT="PRIOR LINE"),
    "follow_up_short": lambda t, who: of(t["SS"], who)[0].update(LKADTC="2022-12-30", DTHFL="N", DTHDTC=""),
    "status_unstated": lambda t, who: of(t["SS"], who)[0].update(RELAPSE="", RELDTC=""),
    "procedure_undated": lambda t, who: _transplanted(t, who, PRSTDTC=""),
    "therapy_undated": _an_undated_new_drug,
    "dose_unquantified": lambda t, who: of(t["EX"], who)[1].update(EXDOSM2="", EXDOSE=""),
}
