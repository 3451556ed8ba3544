"""Every threshold of the shipped CTCAE scales, one unit below, at and above, against sources that are not our own.

The cases are made from our files. The expected side is admiral's executable reading of the three versions (R
expressions in JSON, evaluated here by a small interpreter), and the texts and numbers of the NCI's own spreadsheet.
"""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chartline.core.compare import SIGNIFICANT
from chartline.derive.grading_scale import available_scales, grade, load_scale, read_limit

pytestmark = pytest.mark.shared
VERSIONS = ["ctcae_v4", "ctcae_v5", "ctcae_v6"]
TEXTS = {v: f"nci{v.replace('_', '')}.json" for v in VERSIONS}
Value = dict[str, Any]

# Where the scale's text and admiral's code part, the text was followed: (version, test, direction, value on the limit).
TEXT_AGAINST_CODE = {
    # "2.0 - 2.5 x baseline": admiral's code takes 2.0 in for ALP and leaves it out for GGT
    ("ctcae_v5", "GGT", "H", "2 x baseline"),
    # "150 mg/dL - 300 mg/dL; 1.71 mmol/L - 3.42 mmol/L": admiral's code starts above 1.71
    *((v, "TRIG", "H", "1.71 mmol/L") for v in VERSIONS),
}


def test_all_scales_are_tested() -> None:
    assert list(available_scales()) == VERSIONS


def _admiral(shared: Path, version: str) -> dict[str, dict[str, str]]:
    path = shared / "data" / "ctcae_admiral_criteria" / TEXTS[version]
    return {r["TERM"]: r for r in json.loads(path.read_text(encoding="utf-8"))}


def _signif(x: float) -> float:
    return float(f"{x:.{SIGNIFICANT}g}")


def _python(condition: str) -> str:
    """An R condition as Python: the handful of words that admiral's criteria use."""
    text = condition.replace(", signif_dig", "")
    text = re.sub(r"!is\.na\((\w+)\)", r"(\1 is not None)", text)
    text = re.sub(r"is\.na\((\w+)\)", r"(\1 is None)", text)
    text = re.sub(r"(\w+) %in% (high|low)_indicator", r"(\1 == '\2')", text)
    return text.replace("!(", "not (").replace("&", "and").replace("|", "or")


def _expected(rule: dict[str, str], value: Value) -> int | None:
    """dplyr's case_when over admiral's conditions, the grades from the highest down; 0 where none holds."""
    names = {"signif": _signif, **value}
    for key in ("GRADE_NA_CODE", "GRADE_4_CODE", "GRADE_3_CODE", "GRADE_2_CODE", "GRADE_1_CODE"):
        for condition, result in re.findall(r"(.+?)~\s*(\"\d\"|NA_character_)\s*,?", rule.get(key, "")):
            if eval(_python(condition.strip()), {"__builtins__": {}}, names):
                return None if result.startswith("NA") else int(result.strip('"'))
    return 0


LIMITS = {"HB": (120, 160), "PH": (7.35, 7.45), "PLT": (150, 400), "SODIUM": (135, 145), "WBC": (4, 11)}
LIMITS |= {"ANC": (1.8, 7), "LYM": (1, 3.5), "CD4": (0.6, 1.4), "ALB": (35, 50), "K": (3.5, 5), "GLUC": (3.9, 8)}
LIMITS |= {"GLUCF": (3.9, 6), "MG": (0.7, 1.05), "PHOS": (0.9, 1.4), "CACORR": (2.15, 2.6), "CAION": (1.1, 1.35)}
LIMITS |= {"URATE": (150, 420), "CHOL": (3, 5.2), "INR": (0.8, 1.1), "FIBRINO": (2.1, 4)}


def _cases(version: str) -> list[Value]:
    """A value one part in a million below, at and above each limit, for each kind of baseline."""
    out = []
    for r in load_scale(version).thresholds.iter_rows(named=True):
        low, high = LIMITS.get(r["test"], (30, 40.2))
        times, reference, plus = read_limit(r["limit"], r["test"])
        bases = {"NORMAL": (low + high) / 2, "HIGH": high * 1.7, "LOW": low * 0.6}
        for (state, base), side in product(bases.items(), (-1, 0, 1)):
            anchor = {"ULN": high, "LLN": low, "baseline": base, "": 0}[reference]
            aval = (times * anchor + plus) * (1 + side * 1e-6)
            out.append(
                {
                    "LBTESTCD": r["test"], "AVAL": aval, "AVAL_OP": None, "ANRLO": float(low), "ANRHI": float(high),
                    "BASE": base, "BNRIND": state, "LBORRESU": None, "DIRECTION": r["direction"], "TERM": r["term"],
                    "LIMIT": r["limit"], "SIDE": side,
                }
            )  # fmt: skip
    return out


@pytest.mark.parametrize("version", VERSIONS)
def test_every_threshold(shared: Path, version: str) -> None:
    rules, cases = _admiral(shared, version), _cases(version)
    frame = pl.DataFrame(cases, schema_overrides={"AVAL_OP": pl.String(), "LBORRESU": pl.String()})
    got = grade(frame, version)
    checked, different = 0, {}
    for case, result in zip(cases, got.iter_rows(named=True), strict=True):
        rule = rules.get(case["TERM"])
        if rule is None:  # read from the NCI's spreadsheet alone
            assert version == "ctcae_v5" and case["TERM"] in ("Eosinophilia", "Blood bicarbonate decreased")
            continue
        value = {k: case[k] for k in ("AVAL", "ANRLO", "ANRHI", "BASE")}
        value |= {"BNRIND": case["BNRIND"].lower(), "PCHG": 100 * (case["AVAL"] - case["BASE"]) / case["BASE"]}
        wanted, mine = _expected(rule, value), result[f"ATOXGR{case['DIRECTION']}"]
        checked += 1
        if mine != wanted:
            key = (version, case["LBTESTCD"], case["DIRECTION"], case["LIMIT"])
            assert case["SIDE"] == 0, (case, mine, wanted)
            different[key] = (mine, wanted)
    assert checked >= 1400
    assert set(different) == {k for k in TEXT_AGAINST_CODE if k[0] == version}, different
    assert all(pair == (1, 0) for pair in different.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_texts_are_those_of_the_source(shared: Path, version: str) -> None:
    texts = _spreadsheet(shared) if version == "ctcae_v5" else _texts(_admiral(shared, version))
    for r in load_scale(version).thresholds.iter_rows(named=True):
        if r["grade"] is not None:
            assert r["text"] == texts[r["term"].removesuffix(" (Ionized)")][r["grade"] - 1], r
            assert _stated(r), r


def _texts(rules: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    return {t: [_plain(r.get(f"GRADE_{g}") or "") for g in range(1, 5)] for t, r in rules.items()}


def _spreadsheet(shared: Path) -> dict[str, list[str]]:
    """Term -> texts of grades 1 to 4 in the NCI's table of version 5.0."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(shared / "data" / "ctcae_v5_nci_xlsx" / "CTCAE_v5.0_2017-11-27.xlsx")
    rows = book.get_sheet_by_name(book.sheet_names[0]).to_python()
    return {_plain(str(r[2])): [_plain(str(x)) for x in r[3:7]] for r in rows[1:]}


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


WORDS = {"ULN": ("ULN", "normal"), "LLN": ("LLN", "normal"), "baseline": ("baseline", "Baseline")}
# Haemoglobin in version 5.0: of what the increase is, the NCI's table does not say; admiral reads the upper limit.
UNSAID = ("Increase in >0 - 2 g/dL",)


def _stated(r: dict[str, Any]) -> bool:
    """Whether the numbers of a machine rule stand in the text of its grade (per mm3, per dL and % included)."""
    numbers = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", r["text"])}
    times, reference, plus = read_limit(r["limit"], r["test"])
    if reference and plus:  # g/dL in the text
        return plus / 10 in numbers
    if reference and times == 1:
        return any(word in r["text"] for word in WORDS[reference]) or r["text"] in UNSAID
    wanted = {times, 100 * (1 - times)} if reference else {plus, plus * 1000, plus * 100, plus / 1000}
    also = not r["also_stated_as"] or float(r["also_stated_as"].split(" ")[0]) in numbers
    return bool(wanted & numbers) and also


def test_clinical_terms_have_the_texts_of_the_nci_and_its_word_on_what_changed(shared: Path) -> None:
    import csv
    from importlib.resources import files

    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(shared / "data" / "ctcae_v5_nci_xlsx" / "CTCAE_v5.0_2017-11-27.xlsx")
    rows = {_plain(str(r[2])): [_plain(str(x)) for x in r] for r in book.get_sheet_by_index(0).to_python()[1:]}
    text = (files("chartline") / "vocabulary" / "ctcae_terms.csv").read_text(encoding="utf-8")
    terms = list(csv.DictReader(text.splitlines()))
    assert len(terms) >= 35
    for t in terms:
        row = rows[t["term"]]
        assert [t[f"grade_{g}"] or "-" for g in range(1, 6)] == row[3:8], t["term"]
        changed = row[10]
        assert t["since_v4"] == ("new" if "Addition: Term" in changed else "reworded" if _reworded(changed) else "same")


def _reworded(changed: str) -> bool:
    return changed not in ("", "Primary SOC change")
