"""Report sources for the tests: a tiny study typed here, and the whole reference study from ../shared.

The numbers of the reference study are read from `expected/full.json` (computed in R) and the bars from `truth/`, so
that a rendered report can be looked at as a reader will see it. Nothing here is computed by chartline.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chartline.counts.model import AttritionStep, AttritionTable, CountKey, CrossTab
from chartline.protocol.model import Protocol
from chartline.report.source import AmendmentLine, InputFile, PatientBar, QueryLine, ReportSource, WithheldLine
from chartline.results.model import Result, Results

KM = "Kaplan-Meier, log-log interval (Greenwood)"
EXACT = "Clopper-Pearson exact interval"


@dataclass(frozen=True)
class StepCurve:
    """A Kaplan-Meier curve worked out from (day, event) pairs, for drawing only."""

    pairs: tuple[tuple[int, bool], ...]
    initial: float = 1.0

    @property
    def times_days(self) -> tuple[int, ...]:
        return tuple(sorted({d for d, _ in self.pairs}))

    @property
    def censor_days(self) -> tuple[int, ...]:
        return tuple(sorted({d for d, e in self.pairs if not e}))

    def n_risk(self, days: float) -> int:
        return sum(d >= days for d, _ in self.pairs)

    def n_events(self, days: float) -> int:
        return sum(e and d <= days for d, e in self.pairs)

    def _steps(self) -> list[tuple[float, float | None, float | None]]:
        s, var, out = 1.0, 0.0, []
        for t in self.times_days:
            r, e = self.n_risk(t), sum(d == t and ev for d, ev in self.pairs)
            s *= 1 - e / r
            var += e / (r * (r - e)) if r > e else 0.0
            if not 0 < s < 1:
                out.append((s, None, None))
                continue
            half = 1.959963984540054 * math.sqrt(var) / math.log(s)
            out.append((s, s ** math.exp(-half), s ** math.exp(half)))
        return out

    @property
    def survival(self) -> tuple[float, ...]:
        return tuple(s for s, _, _ in self._steps())

    @property
    def lower(self) -> tuple[float | None, ...]:
        return tuple(x for _, x, _ in self._steps())

    @property
    def upper(self) -> tuple[float | None, ...]:
        return tuple(x for _, _, x in self._steps())


def proportion(analysis: str, n: int, total: int, low: float, high: float, **more: Any) -> Result:
    return Result(
        analysis,
        "proportion",
        n / total,
        unit="proportion",
        n=n,
        N=total,
        lower=low,
        upper=high,
        level=0.95,
        method=EXACT,
        **more,
    )


def count(analysis: str, n: int, total: int | None = None, group: str = "", **more: Any) -> Result:
    return Result(analysis, "n", n, group=group, n=n, N=total, unit="patients", is_count=True, **more)


def summary(analysis: str, values: list[float], missing: int = 0, group: str = "", unit: str = "") -> list[Result]:
    """Return the statistics of a few values; quartiles as medians of the halves."""
    v = sorted(values)
    n = len(v)
    if not n:
        return [
            Result(
                analysis, "median", None, group=group, N=missing, n=0, missing=missing, method="x", reason="no value"
            )
        ]

    def middle(x: list[float]) -> float:
        return (x[(len(x) - 1) // 2] + x[len(x) // 2]) / 2

    mean = sum(v) / n
    sd = math.sqrt(sum((x - mean) ** 2 for x in v) / (n - 1)) if n > 1 else 0.0
    q1, q3 = middle(v[: (n + 1) // 2]), middle(v[n // 2 :])
    stats = {"mean": mean, "sd": sd, "median": middle(v), "q1": q1, "q3": q3, "min": v[0], "max": v[-1]}
    more: dict[str, Any] = {
        "n": n,
        "N": n + missing,
        "missing": missing,
        "unit": unit,
        "method": "sample quantiles (type 7)",
    }
    return [Result(analysis, name, value, group=group, **more) for name, value in stats.items()]


def survival(analysis: str, e: dict[str, Any]) -> list[Result]:
    """Return the results of one entry of full.json."""

    def ends(pair: list[Any]) -> dict[str, Any]:
        return {"lower": _float(pair[0]), "upper": _float(pair[1]), "level": 0.95}

    n: dict[str, Any] = {"n": e["events"], "N": e["n"]}
    median = _float(e["median_mo"])
    reason = "" if median is not None else "not reached"
    out = [Result(analysis, "median", median, unit="months", method=KM, reason=reason, **n, **ends(e["median_ci_mo"]))]
    for i, at in enumerate(e["at_mo"]):
        more: dict[str, Any] = {"at": float(at), "at_unit": "months", "N": e["n"]}
        interval = ends([e["lower"][i], e["upper"][i]])
        out.append(Result(analysis, "survival", e["surv"][i], unit="proportion", method=KM, **more, **interval))
        out.append(Result(analysis, "n_risk", e["n_risk"][i], unit="patients", is_count=True, **more))
        out.append(
            Result(analysis, "n_censored_before", e["censored_before"][i], unit="patients", is_count=True, **more)
        )
    return out


def _float(x: Any) -> float | None:
    return x if isinstance(x, int | float) and math.isfinite(x) else None


TINY = {
    "chartline": "protocol/1",
    "study": {"id": "TINY", "title": "A tiny study", "objective": "To test.", "notice": "Not real."},
    "data": {
        "cut_off": "2024-01-31",
        "centres": [{"id": "A", "label": "Centre A", "folder": "a", "mapping": "a.yaml"}],
    },
    "treatment": {"drug": "X", "label": "drug X"},
    "response": {"responders": ["CR", "CRi"]},
    "eligibility": [
        {"id": "adult", "label": "Aged 18 years or over", "require": "AGE >= 18", "excluded_as": "Under 18"}
    ],
    "sets": {"treated": {"label": "Treated", "where": "ELIGFL == 'Y'"}},
    "endpoints": [{"id": "OS", "use": "overall_survival", "population": "treated"}],
    "analyses": [
        {"id": "screened", "kind": "tally", "label": "Screened", "count": "screened"},
        {"id": "eligible", "kind": "tally", "label": "Eligible", "count": "eligible"},
        {
            "id": "orr",
            "kind": "proportion",
            "label": "CR or CRi",
            "population": "treated",
            "numerator": "RESPFL == 'Y'",
            "definition": "As the marrow says.",
        },
        {
            "id": "orr_strict",
            "kind": "proportion",
            "label": "CR or CRi, strict",
            "population": "treated",
            "numerator": "RESPFL == 'Y'",
            "sensitivity": True,
        },
        {"id": "cycles", "kind": "summary", "label": "Cycles given", "population": "treated", "variable": "NCYC"},
        {"id": "os", "kind": "survival", "label": "Overall survival", "endpoint": "OS", "at_months": [6]},
    ],
    "headline": {
        "orr": {"analysis": "orr", "statistic": "proportion", "unit": "proportion"},
        "os_median": {"analysis": "os", "statistic": "median", "unit": "months"},
    },
    "published_source": "Somebody 2020",
    "published": [
        {"item": "Response", "printed": "75.0% (n = 3/4)", "headline": "orr"},
        {"item": "Median survival", "printed": "6 months", "headline": "os_median", "note": "Counted from referral."},
    ],
    "report": {
        "table1": ["AGE", "SEX"],
        "key_numbers": ["orr", "os_median"],
        "response": ["orr"],
        "exposure": ["cycles"],
        "curves": ["os"],
        "safety": ["orr"],
        "transplant": ["orr"],
        "lab_tests": ["ALT"],
    },
}


def tiny_results() -> list[Result]:
    """Four patients, three responders, two deaths at 100 and 300 days, one centre; one sex is missing."""
    months, half = 300 / 30.4375, {"at": 6.0, "at_unit": "months", "N": 4}
    table1 = [
        count("table1.sex", n, 4, f"{centre}SEX={level}", missing=1)
        for centre in ("", "SITEID=A;")
        for level, n in (("M", 2), ("F", 1), ("", 1))
    ]
    return [
        count("screened", 5),
        count("eligible", 4),
        Result("set.treated", "n", 4, n=4, unit="patients", is_count=True, label="Treated"),
        proportion("orr", 3, 4, 0.1941204, 0.9936905),  # R binom.test(3, 4)
        proportion("orr_strict", 2, 4, 0.0675860, 0.9324140),  # R binom.test(2, 4)
        *summary("cycles", [1, 2, 2, 3]),
        *summary("table1.age", [30, 40, 50, 60]),
        *summary("table1.age", [30, 40, 50, 60], group="SITEID=A"),
        *table1,
        Result("os", "median", months, unit="months", n=2, N=4, level=0.95, lower=3.29, upper=None, method=KM),
        Result("os", "survival", 0.75, unit="proportion", lower=0.13, upper=0.96, level=0.95, method=KM, **half),
        Result("os", "n_risk", 3, unit="patients", is_count=True, **half),
        Result("os", "n_censored_before", 0, unit="patients", is_count=True, **half),
    ]


def tiny_source(**changes: Any) -> ReportSource:
    """Return a complete tiny study."""
    key = CountKey(analysis="x", protocol_digest="p" * 64)
    step = AttritionStep("adult", "Aged 18 years or over", 5, 1, 0, 4)
    curve = StepCurve(((100, True), (200, False), (300, True), (400, False)))
    fields: dict[str, Any] = {
        "protocol": Protocol.model_validate(TINY),
        "results": Results(tiny_results(), "p" * 64, "d" * 64),
        "counts": {
            "lab_grades": CrossTab(
                key=key, dims=("TEST", "BASE", "GRADE"), cells={("ALT", "0", "3"): 1, ("ALT", "1", "1"): 3}
            ),
            "ae_grades": CrossTab(key=key, dims=("TERM", "GRADE"), cells={("nausea", "2"): 2, ("sepsis", "4"): 1}),
        },
        "curves": {"os": {"": curve}},
        "methods": (("Patients", ("Adults were eligible.", "Nobody else was.")),),
        "attrition": AttritionTable(key=key, screened=5, steps=(step,)),
        "patients": (
            PatientBar(
                "A-1",
                "CR",
                300,
                False,
                (("treatment", 0, 60), ("follow_up", 60, 300)),
                (("response_first", 30), ("death", 300)),
            ),
            PatientBar("A-2", "", 400, True, (("treatment", 0, 30), ("follow_up", 30, 400)), ()),
        ),
        "queries": (
            QueryLine(
                "Q-A-1",
                "A",
                "A-2",
                "date_before_birth",
                "block",
                ("f.xlsx!S!C3",),
                "1901-01-01",
                "Too early.",
                "Correct it.",
            ),
        ),
        "amendments": (
            AmendmentLine("A", "A-1", "f.xlsx!S!C4", "19", "1.9", "Typing error", "Data manager", "2024-02-01"),
        ),
        "withheld": (WithheldLine("A-2", ("Overall survival",), ("Q-A-1",)),),
        "inputs": (InputFile("centres/a.xlsx", "ab" * 32),),
        "versions": (("chartline", "0.1.0"),),
    }
    return ReportSource(**(fields | changes))


def empty_source() -> ReportSource:
    """Return a study in which nobody was found."""
    protocol = Protocol.model_validate(TINY)
    key = CountKey(analysis="x", protocol_digest="p" * 64)
    step = AttritionStep("adult", "Aged 18 years or over", 0, 0, 0, 0)
    nobody = [
        count("screened", 0),
        count("eligible", 0),
        Result("orr", "proportion", None, unit="proportion", n=0, N=0, method=EXACT, reason="no patient"),
        Result("os", "median", None, unit="months", n=0, N=0, method=KM, reason="no patient"),
    ]
    return ReportSource(
        protocol=protocol,
        results=Results(nobody, "p" * 64, "d" * 64),
        curves={"os": {"": StepCurve(())}},
        attrition=AttritionTable(key=key, screened=0, steps=(step,)),
    )


# --- the reference study ---------------------------------------------------------------------------------------------


def _truth(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "ino-cohort" / "truth" / f"{name}.csv").open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def _day(text: str, origin: dt.date) -> int:
    parts = [*text.split("-"), "15"]
    return (dt.date(int(parts[0]), int(parts[1]), int(parts[2])) - origin).days


def reference_source(shared: Path, protocol: Protocol) -> ReportSource:
    """Return the five-centre study as `expected/full.json` has it."""
    e = json.loads((shared / "ino-cohort" / "expected" / "full.json").read_text())
    patients = e["per_patient"]
    key = CountKey(analysis="x", protocol_digest="0123456789abcdef" * 4)
    return ReportSource(
        protocol=protocol,
        results=Results(_reference_results(shared, e), "0123456789abcdef" * 4, "fedcba9876543210" * 4),
        counts={
            "lab_grades": CrossTab(key=key, dims=("TEST", "BASE", "GRADE"), cells=_lab_cells(e)),
            "ae_grades": CrossTab(key=key, dims=("TERM", "GRADE"), cells=_ae_cells(shared)),
        },
        curves={
            "os": {"": StepCurve(tuple((p["os"], bool(p["dead"])) for p in patients))},
            "rfs": {
                "All": StepCurve(tuple((p["rfs_d"], bool(p["rfs_event"])) for p in patients if p["rfs_d"] is not None))
            },
            "dor": {
                "All": StepCurve(tuple((p["dor_d"], bool(p["rfs_event"])) for p in patients if p["dor_d"] is not None))
            },
        },
        methods=_methods(),
        attrition=_attrition(protocol, key),
        patients=_bars(shared, patients),
        queries=_queries(),
        amendments=_amendments(shared),
        withheld=(
            WithheldLine("A-08", ("Duration of response", "Relapse-free survival"), ("Q-A-1A2B3C4D",)),
            WithheldLine("C-03", ("Overall survival",), ("Q-C-9F8E7D6C",)),
        ),
        inputs=tuple(
            InputFile(f"centres/centre_{c}/{n}", (f"{i:x}7d3" * 16))
            for i, (c, n) in enumerate(
                [
                    ("A", "CentreA_InO_review.xlsx"),
                    ("B", "centreB.xlsx"),
                    ("C", "redcap_records.csv"),
                    ("D", "Patient.ndjson"),
                    ("E", "person.csv"),
                ]
            )
        ),
        versions=(("chartline", "0.1.0"), ("polars", "2.1.0"), ("typst", "0.15.2")),
    )


def _rate(analysis: str, e: dict[str, Any]) -> Result:
    return proportion(analysis, e["x"], e["n"], e["ci"][0] / 100, e["ci"][1] / 100)


def _reference_results(shared: Path, e: dict[str, Any]) -> list[Result]:
    p = e["per_patient"]
    r, m = e["response"], e["mrd"]
    rates = {
        "cr_cri_rate": r["CRCRi"],
        "cr_rate": r["CR"],
        "cri_rate": r["CRi"],
        "mrd_negative_rate": m["B_responders"],
        "mrd_negative_tested": m["best_ever_A_tested"],
        "mrd_negative_all": m["C_all"],
        "deep_response_rate": m["deep_C2_B"],
        "deep_response_all": m["deep_C2_C_all"],
        "hsct_rate": e["hsct"]["all"],
        "liver_g34_rate": e["liver"]["v5"],
        "vod_rate": e["liver"]["vod"],
        "myelosuppression_rate": e["myelosuppression"]["any"],
        "myelosuppression_g34": e["myelosuppression"]["emergent_g34_lab"],
    }
    out = [count("screened", e["n_screened"]), count("eligible", e["n_eligible"])]
    out += [_rate(name, v) for name, v in rates.items()]
    out.append(proportion("hsct_in_response", 10, 11, 0.5872201, 0.9977010))  # R binom.test(10, 11)
    out.append(proportion("liver_any_cause", 13, 32, 0.2369841, 0.5935508))  # R binom.test(13, 32)
    out.append(proportion("cr_rate_w28", 9, 32, 0.1374569, 0.4674711))
    out.append(proportion("cr_rate_pm7", 7, 32, 0.0927604, 0.3997109))
    out += [count("best_response", n, 32, f"BOR={k}") for k, n in r["best_table"].items()]
    out += [count("response_by_cycle", n, 19, f"FRSPCYC={k}") for k, n in r["by_cycle"].items()]
    out += [count("cycles_by", n, 32, f"NCYC={k}") for k, n in e["exposure"]["cycles"].items()]
    for name, field in (("cycles", "ncyc"), ("doses", "ndose"), ("cum_m2", "m2")):
        out += summary(name, [x[field] for x in p], unit="cycles" if name == "cycles" else "")
    out += summary(
        "cycles_to_deep", [float(k) for k, n in m["cycles_to_deep"].items() for _ in range(n)], unit="cycles"
    )
    interval = e["hsct"]["interval_range"]
    out += summary("hsct_interval", [interval[0], e["hsct"]["interval_last_dose_median_d"], interval[1]])
    curves = {
        "os": "os",
        "dor": "dor",
        "rfs": "rfs_first_dose",
        "followup": "followup_reverseKM",
        "rfs_from_cr": "rfs_from_CR",
        "dor_relapse_only": "dor_relapse_only",
        "dor_cens_hsct": "dor_cens_hsct",
        "dor_cens_hsct_or_newtx": "dor_cens_hsct_or_newtx",
        "rfs_cens_hsct": "rfs_first_dose_cens_hsct",
    }
    for name, entry in curves.items():
        out += survival(name, e[entry])
    return out + _table1(shared, {x["id"] for x in p})


def _table1(shared: Path, eligible: set[str]) -> list[Result]:
    history: dict[str, dict[str, str]] = {}
    for row in _truth(shared, "mh"):
        history.setdefault(row["SUBJID"], {}).setdefault(row["MHCAT"], row["MHORRES"])
    subjects = [d | history.get(d["SUBJID"], {}) for d in _truth(shared, "dm") if d["SUBJID"] in eligible]
    out: list[Result] = []
    numbers = {"AGE": "AGE", "LINES": "LINES", "CD22": "CD22", "ECOG": "ECOG", "CR1DUR": "CR1DUR", "BSA": "BSA"}
    words = {
        "SEX": "SEX",
        "STATUS": "STATUS",
        "PRHSCT": "PRIOR HSCT",
        "PRBLIN": "PRIOR BLINATUMOMAB",
        "BCRABL1": "BCRABL1",
        "EMDBL": "EMD",
    }
    for centre in ("", *sorted({s["SITEID"] for s in subjects})):
        mine = [s for s in subjects if centre in ("", s["SITEID"])]
        group = f"SITEID={centre}" if centre else ""
        for name, field in numbers.items():
            known = [float(s[field]) for s in mine if s.get(field)]
            out += summary(f"table1.{name.lower()}", known, len(mine) - len(known), group)
        for name, field in words.items():
            values = [s.get(field, "") for s in mine]
            for level in sorted(set(values)):
                where = ";".join([*([group] if group else []), f"{name}={level}"])
                out.append(
                    count(f"table1.{name.lower()}", values.count(level), len(mine), where, missing=values.count(""))
                )
    return out


def _lab_cells(e: dict[str, Any]) -> dict[tuple[str, ...], int]:
    cells: dict[tuple[str, ...], int] = {}
    for row in e["worst_grades"]:
        base = "" if row["base"] is None else str(row["base_g_v5"] or 0)
        k = (row["test"], base, str(row["worst_v5"]))
        cells[k] = cells.get(k, 0) + 1
    return cells


def _ae_cells(shared: Path) -> dict[tuple[str, ...], int]:
    worst: dict[tuple[str, str], str] = {}
    for row in _truth(shared, "ae"):
        k = (row["SUBJID"], row["AETERM"])
        worst[k] = max(worst.get(k, ""), row["AETOXGR"])
    cells: dict[tuple[str, ...], int] = {}
    for (_, term), grade in worst.items():
        cells[term, grade] = cells.get((term, grade), 0) + 1
    return cells


def _methods() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        (
            "Design and setting",
            (
                "This is a multicentre, retrospective, observational cohort study.",
                "Five centres took part; first doses between 1 February 2017 and 31 October 2022 were reviewed.",
            ),
        ),
        (
            "Response",
            (
                "Response was derived from raw marrow and blood counts by the INO-VATE rule.",
                "Counts within 14 days after the marrow prove recovery.",
                "Patients who could not be assessed stay in the denominator.",
            ),
        ),
        (
            "Statistics",
            (
                "Proportions have exact (Clopper-Pearson) 95% confidence intervals.",
                "Survival was estimated by Kaplan-Meier with log-log intervals.",
                "No p-value was computed.",
            ),
        ),
    )


def _attrition(protocol: Protocol, key: CountKey) -> AttritionTable:
    lost = {"treated": 0, "adult": 1, "b_all": 1, "relapsed_refractory": 0}
    steps, n = [AttritionStep("duplicate", "Each patient counted once", 37, 1, 0, 36)], 36
    for c in protocol.eligibility:
        no = lost.get(c.id, 2)
        steps.append(AttritionStep(c.id, c.label, n, no, 0, n - no))
        n -= no
    return AttritionTable(key=key, screened=37, steps=tuple(steps))


def _bars(shared: Path, patients: list[dict[str, Any]]) -> tuple[PatientBar, ...]:
    first = {d["SUBJID"]: dt.date.fromisoformat(d["RFSTDTC"]) for d in _truth(shared, "dm") if d["RFSTDTC"]}
    last = {x["SUBJID"]: x["EXSTDTC"] for x in _truth(shared, "ex")}
    relapse = {s["SUBJID"]: s["RELDTC"] for s in _truth(shared, "ss") if s["RELDTC"]}
    graft = {x["SUBJID"]: x["PRSTDTC"] for x in _truth(shared, "pr") if x["PRCAT"] == "POST-INO HSCT"}
    remission: dict[str, str] = {}
    negative: dict[str, str] = {}
    for row in _truth(shared, "rs"):
        if row["RSCYCLE"] and int(row["RSCYCLE"]) >= 1 and row["BLASTS"] and float(row["BLASTS"]) < 5:
            remission.setdefault(row["SUBJID"], row["MARROWDTC"])
        if row["MRDCLASS"].upper().startswith("NEG"):
            negative.setdefault(row["SUBJID"], row["MARROWDTC"])
    bars = []
    for p in patients:
        i, end = p["id"], p["os"]
        treated = min(end, _day(last[i], first[i]) + 14)
        marks = []
        if p["best"] in ("CR", "CRi"):
            marks.append((f"response_{p['best'].lower()}", _day(remission[i], first[i])))
            if p["mrd_neg"] and i in negative:
                marks.append(("mrd_negative", _day(negative[i], first[i])))
        marks += [(k, _day(d[i], first[i])) for k, d in (("transplant", graft), ("relapse", relapse)) if i in d]
        marks += [("death", end)] if p["dead"] else []
        best = p["best"] if p["best"] in ("CR", "CRi") else "No CR"
        bars.append(
            PatientBar(
                i, best, end, not p["dead"], (("treatment", 0, treated), ("follow_up", treated, end)), tuple(marks)
            )
        )
    return tuple(bars)


def _queries() -> tuple[QueryLine, ...]:
    one = QueryLine(
        "Q-A-1A2B3C4D",
        "A",
        "A-08",
        "relapse_before_response",
        "block",
        ("CentreA_InO_review.xlsx!Follow up!C13",),
        "Relapse date 2020-06-10; first dose 2020-12-11",
        "The relapse is dated before the first dose.",
        "Please check the year of relapse.",
    )
    two = QueryLine(
        "Q-C-9F8E7D6C",
        "C",
        "C-03",
        "death_before_last_contact",
        "block",
        ("records.csv!row 14!death_date",),
        "Death 2019-03-02; last contact 2019-05-20",
        "The patient was seen after the date of death.",
        "Which date is right?",
    )
    rules = ("value_out_of_range", "missing_grade", "unit_switch", "duplicate_subject", "partial_date")
    rest = [
        QueryLine(f"Q-{c}-{i:08X}", c, "", rules[i % 5], "warn" if i % 3 else "note", (), "", "", "")
        for i, c in enumerate("AABBCCDDEEBDE")
    ]
    return (one, two, *rest)


def _amendments(shared: Path) -> tuple[AmendmentLine, ...]:
    with (shared / "ino-cohort" / "answers.csv").open(encoding="utf-8", newline="") as f:
        return tuple(
            AmendmentLine(
                r["centre"],
                r["subject"],
                r["location"],
                r["field"],
                r["answer"],
                f"Answer to {r['query_id']}",
                r["answered_by"],
                r["answered_on"],
            )
            for r in csv.DictReader(f)
        )
