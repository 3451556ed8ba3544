"""Records that FHIR and OMOP make alike: a fact of the history, a state of the patient, a measure.

In: one kind of row, what it means, and the columns of its value and date. Out: a record block in the table's
bookkeeping; False where the rows hold nothing that can be read.
"""

from __future__ import annotations

from typing import Any

from chartline.draft.keyed import KeyedTable, Kind, Meaning
from chartline.draft.model import Target


def make_history(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, where: dict[str, Any], unit: str = ""
) -> bool:
    if value is None or m.target is None:
        return False
    target = Target("MH", m.target.item, "MHORRES")
    variables: dict[str, Any] = {
        "MHCAT": {"constant": target.item},
        "MHTERM": {"constant": k.centre.study.label(target.item)},
    }
    codes = k.codes(value, target, kind.rows)
    variables["MHORRES"] = {"column": value, **codes} if codes else value
    if unit:
        variables["MHORRESU"] = {"constant": unit}
    k.use(value, target, m.confidence, m.reason, kind.key)
    k.add("MH", variables, where)
    return True


def make_status(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, date: str | None, where: dict[str, Any]
) -> bool:
    assert m.target is not None
    variable = m.target.variable
    variables: dict[str, Any] = {}
    if variable in ("RELAPSE", "RELDTC", "RELTYPE"):
        variables["RELAPSE"] = {"constant": "Y"}
        if date is not None:
            variables["RELDTC"] = date
            k.use(date, Target("SS", "", "RELDTC"), m.confidence, m.reason, kind.key)
        site = Target("SS", "", "RELTYPE")
        if value is not None and k.centre.codes.recognised(site, k.profile(value, kind.rows).counts) >= 0.5:
            variables["RELTYPE"] = {"column": value, **k.codes(value, site, kind.rows)}
            k.use(value, site, m.confidence, m.reason, kind.key)
    elif variable in ("LKADTC", "DTHDTC"):
        if date is None:
            return False
        variables[variable] = date
        k.use(date, m.target, m.confidence, m.reason, kind.key)
        flag = Target("SS", "", "DTHFL")
        if value is not None and k.centre.codes.recognised(flag, k.profile(value, kind.rows).counts) >= 0.5:
            variables["DTHFL"] = {"column": value, **k.codes(value, flag, kind.rows)}
            k.use(value, flag, m.confidence, m.reason, kind.key)
    elif value is not None:
        codes = k.codes(value, m.target, kind.rows)
        variables[variable] = {"column": value, **codes} if codes else value
        k.use(value, m.target, m.confidence, m.reason, kind.key)
    if not variables:
        return False
    cells = tuple(v for v in variables if not (isinstance(variables[v], dict) and "constant" in variables[v]))
    k.add("SS", variables, where)
    return bool(cells)


def make_measure(
    k: KeyedTable, kind: Kind, m: Meaning, value: str | None, where: dict[str, Any], unit: dict[str, Any] | None = None
) -> bool:
    if value is None or m.target is None:
        return False
    k.use(value, m.target, m.confidence, m.reason, kind.key)
    k.add("DM", {m.target.variable: {"column": value, **unit} if unit else value}, where)
    return True


def terms_in(k: KeyedTable, target: Target, text: str) -> list[Any]:
    """Return the terms of a target that words of a text name."""
    words = k.centre.study.words.canonical(text)
    tries = {" ".join(words[i:j]): 1 for i in range(len(words)) for j in range(i + 1, min(len(words), i + 3) + 1)}
    return [w for w in k.centre.codes.translate(target, tries) if w.sure]
