"""A small study in ADaM-named tables, for tests of the counts and of what is right of the wall."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from chartline.counts.model import AttritionStep, AttritionTable, CountKey
from chartline.derive.model import WITHHELD_SCHEMA, Adam
from chartline.derive.toxicity import ADTOX_SCHEMA
from chartline.protocol.model import Protocol

DIGEST = "d1"
PROTOCOL: dict[str, Any] = {
    "chartline": "protocol/1",
    "study": {"id": "TINY", "title": "A tiny study"},
    "data": {"cut_off": "2020-12-31", "centres": [{"id": "A", "folder": "a", "mapping": "a.yaml"}]},
    "treatment": {"drug": "X", "label": "x"},
    "characteristics": {
        "WT": {
            "label": "Weight",
            "from": "DM",
            "value": "BSA",
            "type": "number",
            "unit": "kg",
            "bands": {"under 60": "WT < 60", "60 and over": "WT >= 60"},
        },
        "STAGE": {"label": "Stage", "from": "DM", "value": "SEX", "categories": ["LATE", "EARLY"]},
    },
    "ae_groups": {"toxic": ["toxicity"]},
    "safety_flags": {"TOXFL": {"label": "Toxicity", "any_of": [{"kind": "ae", "group": "toxic"}]}},
    "sets": {
        "all": {"label": "Eligible", "where": "ELIGFL == 'Y'"},
        "responders": {"label": "Responders", "where": "ELIGFL == 'Y' and RESPFL == 'Y'"},
        "nobody": {"label": "Nobody", "where": "ELIGFL == 'no such'"},
        "safety": {"label": "Treated", "where": "ELIGFL == 'Y' and NDOSE >= 1"},
    },
    "endpoints": [
        {
            "id": "RFS",
            "label": "Relapse-free survival",
            "population": "all",
            "origin": "first_dose",
            "events": ["relapse", "death"],
        }
    ],
    "analyses": [
        {"id": "screened", "kind": "tally", "label": "Screened", "count": "screened"},
        {"id": "eligible", "kind": "tally", "label": "Eligible", "count": "eligible"},
        {"id": "treated", "kind": "tally", "label": "Treated", "population": "safety"},
        {
            "id": "response",
            "kind": "proportion",
            "label": "Response",
            "population": "all",
            "numerator": "RESPFL == 'Y'",
            "by": "SITEID",
            "definition": "Responded.",
        },
        {
            "id": "mrd",
            "kind": "proportion",
            "label": "MRD",
            "population": "responders",
            "numerator": "MRDFL == 'Y'",
            "interval": "wilson",
        },
        {
            "id": "deep",
            "kind": "proportion",
            "label": "Deep",
            "population": "all",
            "numerator": "RESPFL == 'Y' and MRDFL == 'Y'",
        },
        {"id": "none", "kind": "proportion", "label": "None", "population": "nobody", "numerator": "RESPFL == 'Y'"},
        {"id": "doses", "kind": "summary", "label": "Doses", "population": "all", "variable": "NDOSE", "by": "SITEID"},
        {"id": "doses_by", "kind": "categories", "label": "Doses", "population": "all", "variable": "NDOSE"},
        {
            "id": "stage",
            "kind": "categories",
            "label": "Stage",
            "population": "all",
            "variable": "STAGE",
            "by": "SITEID",
        },
        {"id": "rfs", "kind": "survival", "label": "RFS", "endpoint": "RFS", "at_months": [6, 12], "by": "SITEID"},
        {"id": "followup", "kind": "follow_up", "label": "Follow-up", "endpoint": "RFS", "at_months": [6]},
    ],
    "headline": {
        "screened": {"analysis": "screened", "statistic": "n"},
        "response": {"analysis": "response", "statistic": "proportion"},
        "rfs_6m": {"analysis": "rfs", "statistic": "survival", "at": 6},
        "rfs_median": {"analysis": "rfs", "statistic": "median"},
        "doses": {"analysis": "doses", "statistic": "median", "unit": "doses"},
    },
    "report": {"table1": ["WT", "STAGE"], "table1_by": "SITEID", "lab_tests": ["ALT", "HB"]},
}
ADSL = {
    "CENTRE": pl.String(),
    "USUBJID": pl.String(),
    "SITEID": pl.String(),
    "ELIGFL": pl.String(),
    "RESPFL": pl.String(),
    "MRDFL": pl.String(),
    "MRD_INO_VATE_BEST": pl.String(),
    "MRD_INO_VATE_HSCT": pl.String(),
    "NDOSE": pl.Int64(),
    "WT": pl.Float64(),
    "STAGE": pl.String(),
    "SEX": pl.String(),
    "AGE": pl.Int64(),
    "TRTSDT": pl.Date(),
    "FRSPDT": pl.Date(),
    "RELFL": pl.String(),
    "RELDT": pl.Date(),
    "HSCTFL": pl.String(),
    "HSCTDT": pl.Date(),
    "NEWTXFL": pl.String(),
    "NEWTXDT": pl.Date(),
    "DTHFL": pl.String(),
    "DTHDT": pl.Date(),
    "LKADT": pl.Date(),
    "ONTRTEDT": pl.Date(),
    "TOXFL": pl.String(),
}
ADEX = {"CENTRE": pl.String(), "USUBJID": pl.String(), "CYCLE": pl.Int64(), "CYSTDT": pl.Date()}
ADTTE = {
    "USUBJID": pl.String(),
    "PARAMCD": pl.String(),
    "AVAL": pl.Int64(),
    "CNSR": pl.Int64(),
    "CAUSE": pl.String(),
    "STARTDT": pl.Date(),
    "ENTRYDT": pl.Date(),
    "ADTF": pl.String(),
    "SEENDT": pl.Date(),
    "MISSFL": pl.String(),
}
ADLB = {
    "USUBJID": pl.String(),
    "LBTESTCD": pl.String(),
    "ANL01FL": pl.String(),
    **{f"{g}TOXGR{d}": pl.Int64() for g in "AB" for d in ("", "L", "H")},
}
ADAE = {"USUBJID": pl.String(), "AETERM": pl.String(), "AETOXGR": pl.Int64(), "TRTEMFL": pl.String()}
_SCHEMAS = {"ADSL": ADSL, "ADTTE": ADTTE, "ADLB": ADLB, "ADAE": ADAE, "ADEX": ADEX, "ADTOX": ADTOX_SCHEMA}
Row = dict[str, Any]
ORIGIN = dt.date(2020, 1, 1)  # day 0 of every subject


def tiny_protocol(**over: Any) -> Protocol:
    """The tiny study's protocol, with top-level keys replaced."""
    return Protocol.model_validate(PROTOCOL | over)


def subject(subject_id: str, **values: Any) -> Row:
    """An eligible subject of centre A with two doses; `values` replace or add."""
    site = values.get("SITEID", "A")
    return {"CENTRE": site, "USUBJID": subject_id, "SITEID": site, "ELIGFL": "Y", "NDOSE": 2} | values


def adam(
    subjects: list[Row],
    times: list[Row] | None = None,
    labs: list[Row] | None = None,
    events: list[Row] | None = None,
    withheld: list[Row] | None = None,
    doses: list[Row] | None = None,
    episodes: list[Row] | None = None,
    assessed: dict[str, list[int]] | None = None,
) -> Adam:
    """ADaM-named tables from plain rows; what a row does not name is null.

    `assessed` has the days of each subject's assessments: the last one before a relapse or response is its SEENDT.
    """
    times = [row | _seen(row, (assessed or {}).get(row["USUBJID"], [])) for row in times or []]
    rows = {"ADSL": subjects, "ADTTE": times, "ADLB": list(map(_in_direction, labs or [])), "ADAE": events or []}
    rows |= {"ADEX": doses or [], "ADTOX": episodes or []}
    tables = {name: _frame(rows[name], schema) for name, schema in _SCHEMAS.items()}
    at_bounds = [tables["ADTTE"].with_columns(pl.lit(bound).alias("BOUND")) for bound in ("earliest", "latest")]
    tables["ADTTEB"] = pl.concat(at_bounds)  # no date of the tiny study is partial
    return Adam(tables, pl.DataFrame(), _frame(withheld or [], WITHHELD_SCHEMA), {})


def _in_direction(lab: Row) -> Row:
    """The grade of a value is that of the test's usual direction."""
    usual = "L" if lab["LBTESTCD"] in ("HB", "ANC", "PLT", "WBC") else "H"
    return lab | {f"{g}{usual}": lab.get(g) for g in ("ATOXGR", "BTOXGR")}


def _seen(row: Row, days: list[int]) -> Row:
    if row["CAUSE"] not in ("relapse", "first_response"):
        return {}
    before = [d for d in days if 0 <= d < row["AVAL"]]
    return {"SEENDT": ORIGIN + dt.timedelta(max(before, default=0))}


def _frame(rows: list[Row], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame({name: [r.get(name) for r in rows] for name in schema}, schema=schema)


def time(subject_id: str, day: int, cause: str | None = None) -> Row:
    """A row of ADTTE: an event of that cause on that day, or censored."""
    of = {"USUBJID": subject_id, "PARAMCD": "RFS", "STARTDT": ORIGIN}
    return of | {"AVAL": day, "CNSR": 0 if cause else 1, "CAUSE": cause}


def attrition(tables: Adam) -> AttritionTable:
    """The attrition table that fits the tables: one step, eligible or not."""
    flags = tables["ADSL"]["ELIGFL"]
    yes, no = int((flags == "Y").sum()), int((flags == "N").sum())
    step = AttritionStep("eligible", "Eligible", flags.len(), no, flags.len() - yes - no, yes)
    return AttritionTable(
        key=CountKey(analysis="attrition", protocol_digest=DIGEST), screened=flags.len(), steps=(step,)
    )
