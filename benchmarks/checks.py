"""False alarms of the data checks on sound data, and which check finds each planted error.

    make bench-checks

Sound are the charts of the five centres of the reference study with every planted error undone in its own cell, so that
each of the five shapes (two workbooks, REDCap, FHIR, OMOP) carries the truth; `tests/acceptance/test_mapping_truth.py`
proves that it does. Whatever is asked of them (warn, block) is a false alarm, also where the truth itself holds a
disagreement that a data manager would want to know of. Queries that an answer confirms are counted like all others.
The planted errors and the truth lie beside the project (`../shared`).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chartline.checks.engine import check_data, rules
from chartline.core.query import Query, Severity
from chartline.derive.graded_values import grade_by
from chartline.derive.response_rules import counts_window_of
from chartline.pipeline import read_study
from chartline.study import StudyData

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "inotuzumab-india"
SHAPES = {"A": "workbook, one sheet a domain", "B": "workbook, one row a patient", "C": "REDCap export",
          "D": "FHIR R4", "E": "OMOP CDM"}  # fmt: skip


def sound() -> StudyData:
    """The five centres with every planted error undone."""
    return read_study(EXAMPLE, use_answers=True)


def asked(study: StudyData) -> list[Query]:
    """Every query of reading and checking, before any is closed because an answer confirms it."""
    p = study.protocol
    found = check_data(study.data, p, counts_window_of(p.response), grade_by(p), study.centre_checks)
    return [q for q in (*study.found, *found) if q.severity is not Severity.NOTE]


def patients(study: StudyData) -> Counter[str]:
    """How many patients each centre has."""
    return Counter(study.data["DM"].select("CENTRE", "USUBJID").unique()["CENTRE"].to_list())


def measured() -> dict[str, Any]:
    """Return false alarms by shape and by rule, and the rules that found each planted cell."""
    study = sound()
    queries, of_centre = asked(study), patients(study)
    by_rule, by_centre = Counter(q.rule for q in queries), Counter(q.centre for q in queries)
    n = sum(of_centre.values())
    return {
        "patients": n,
        "false_alarms": len(queries),
        "per_10_patients": round(10 * len(queries) / n, 3),
        "shapes": [
            {"centre": c, "shape": shape, "patients": of_centre[c], "false_alarms": by_centre[c]}
            for c, shape in SHAPES.items()
        ],
        "checks": [
            {"check": r.id, "group": str(r.group), "severity": r.severity.value, "false_alarms": by_rule[r.id]}
            for r, _ in rules().values()
        ],
        "of_reading": {rule: k for rule, k in sorted(by_rule.items()) if rule not in rules()},
        "planted": dict(_planted(read_study(EXAMPLE, use_answers=False).queries)),
    }


def _planted(queries: Iterable[Query]) -> list[tuple[str, int]]:
    """How many queries of each rule the planted errors raise."""
    return sorted(Counter(q.rule for q in queries if q.severity is not Severity.NOTE).items())


def table(result: dict[str, Any]) -> list[str]:
    """Return the lines of the table in `benchmarks/README.md`: a group a line."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for check in result["checks"]:
        groups.setdefault(check["group"], []).append(check)
    lines = ["| group | checks | false alarms | by |", "|---|---|---|---|"]
    for group, checks in sorted(groups.items()):
        loud = ", ".join(f"`{c['check']}` {c['false_alarms']}" for c in checks if c["false_alarms"])
        lines.append(f"| {group} | {len(checks)} | {sum(c['false_alarms'] for c in checks)} | {loud or '-'} |")
    total = f"{result['per_10_patients']:g} per 10 of {result['patients']} patients"
    return [*lines, f"| all | {len(result['checks'])} | {result['false_alarms']} | {total} |"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the false alarms of the data checks.")
    parser.add_argument("--write", type=Path, default=ROOT / "benchmarks" / "results" / "checks.json")
    result, to = measured(), parser.parse_args().write
    to.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(table(result)))


if __name__ == "__main__":
    main()
