"""The reference study's true data as ClinicalData, and a maker of tiny ClinicalData from text tables.

`truth_clinical_data` reads `ino-cohort/truth/*.csv` (SI units, no planted error) and gives what the
mapping room gives for the five centres once every query is answered; tests right of the mapping start there.
Centre B kept peaks and nadirs of each cycle without dates: `summaries=True` turns its dated laboratory values
into those.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from chartline.core.clinical import ClinicalData, Origins, clinical_data, variables
from chartline.sources.base import SourceTable

Row = dict[str, str]
_OPERATORS = ("<=", ">=", "<", ">")
_PEAKS = ("ALT", "AST", "BILI", "ALP", "GGT", "CREA")


def tiny(**tables: str) -> ClinicalData:
    """Build ClinicalData from text tables, one keyword a domain.

    The first line names the columns, `|` between them, blank means missing, "<0.01" in a number sets `_OP`, "5-10"
    `_OP` and `_HI`::

        tiny(EX='''
            USUBJID | EXSTDTC    | EXDOSM2
            P1      | 2020-01-01 | 0.8
        ''')

    CENTRE is "A" and EX rows are inotuzumab unless columns say otherwise; SEQ counts within centre.
    """
    return _build({d: [_with_defaults(d, r) for r in _rows(text)] for d, text in tables.items()})


def _rows(text: str) -> list[Row]:
    lines = [[c.strip() for c in line.split("|")] for line in text.strip().splitlines() if line.strip()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def _with_defaults(domain: str, row: Row) -> Row:
    defaults = {"CENTRE": "A"} | ({"EXTRT": "INOTUZUMAB OZOGAMICIN"} if domain == "EX" else {})
    return defaults | row


def _build(domains: dict[str, list[Row]]) -> ClinicalData:
    frames: dict[str, pl.DataFrame] = {}
    blocks: list[tuple[SourceTable, dict[str, tuple[str, ...]]]] = []
    for block, (domain, rows) in enumerate(domains.items()):
        if not rows:
            continue
        frames[domain] = _frame(domain, rows, block)
        text = pl.DataFrame(rows, schema={n: pl.String() for n in _columns(rows)})
        labels = [f"row {i + 2}" for i in range(len(rows))]
        table = SourceTable(f"{domain.lower()}.csv", domain, text, {c: c for c in text.columns}, labels)
        blocks.append((table, {c: (c,) for c in text.columns}))
    return clinical_data(frames, Origins(tuple(blocks)))


def _columns(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _frame(domain: str, rows: list[Row], block: int) -> pl.DataFrame:
    types = {v.name: v.type for v in variables()[domain].values()}
    seen: dict[str, int] = {}
    out = []
    for i, row in enumerate(rows):
        seen[row["CENTRE"]] = seen.get(row["CENTRE"], 0) + 1
        owner = {"CENTRE": row["CENTRE"], "USUBJID": row["USUBJID"]}
        keys = owner | {"SEQ": seen[row["CENTRE"]], "BLOCK": block, "ROW": i}
        values: dict[str, object] = {}
        for name, text in row.items():
            if name not in keys:
                values |= _value(name, types[name], text)
        out.append(keys | values)
    return pl.DataFrame(out, infer_schema_length=None)


def _value(name: str, kind: str, text: str) -> dict[str, object]:
    if text == "":
        return {name: None}
    if kind == "integer":
        return {name: int(float(text))}
    if kind == "number":
        low, dash, high = text.partition("-")
        if low and dash and "e" not in low:
            return {name: float(low), f"{name}_OP": ">=", f"{name}_HI": float(high)}
        op = next((o for o in _OPERATORS if text.startswith(o)), None)
        return {name: float(text.removeprefix(op or "")), f"{name}_OP": op}
    return {name: text}


def truth_clinical_data(folder: Path, summaries: bool = False) -> ClinicalData:
    """Return the truth of the reference study; `folder` is `ino-cohort`."""
    files = sorted((folder / "truth").glob("*.csv"))
    read = {p.stem: list(csv.DictReader(p.read_text("utf-8").splitlines())) for p in files}
    rows = {domain: [r for part in make(read) for r in part] for domain, make in _DOMAINS.items()}
    if summaries:
        rows["LB"] = _summarise_centre_b(rows["LB"], read)
    return _build(rows)


def _pick(r: Row, **names: str) -> Row:
    """Rename columns of a truth row: target=source; a source that is no column is a constant."""
    keys = {"CENTRE": r["SITEID"], "USUBJID": r["SUBJID"]}
    return keys | {target: r.get(source, source) for target, source in names.items()}


def _dm(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("BRTHDTC", "AGE", "SEX", "COUNTRY", "BSA")
    yield [_pick(r, **{n: n for n in names}) for r in read["dm"]]


def _mh(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("MHCAT", "MHTERM", "MHORRES", "MHORRESU", "MHSTDTC", "MHENDTC", "MHBESTRSP")
    for r in read["mh"]:
        line = r["MHORRES"] if r["MHCAT"] == "PRIOR LINE" else ""
        yield [_pick(r, **{n: n for n in names}) | {"MHSEQN": line}]


def _cm(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("CMCAT", "CMTRT", "CMSTDTC", "CMENDTC", "CMINDC")
    yield [_pick(r, **{n: n for n in names}) for r in read["cm"]]


def _ex(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("EXTRT", "EXCYCLE", "EXCYDAY", "EXSTDTC", "EXDOSM2", "EXDOSE", "EXADJ")
    yield [_pick(r, **{n: n for n in names}) for r in read["ex"]]


def _pr(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    for r in read["pr"]:
        timing = "BEFORE" if r["PRCAT"] == "PRIOR HSCT" else "AFTER"
        fixed = {"PRTRT": "ALLOGENEIC HSCT", "PROCCUR": "Y", "PRTIMING": timing}
        yield [_pick(r, PRSTDTC="PRSTDTC", PRDONOR="DONOR", PRCOND="CONDREG", PRSTATUS="DXSTATUS") | fixed]


def _rs(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    same = ("RSCYCLE", "PBBLAST", "EMD", "INVRESP", "MRDMETH", "MRDSENS", "MRDCELLS", "MRDVAL", "MRDCLASS")
    for r in read["rs"]:
        yield [_pick(r, RSDTC="MARROWDTC", RSVISIT="VISIT", BMBLAST="BLASTS", **{n: n for n in same})]


def _lb(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = {"LBTESTCD": "LBTESTCD", "LBDTC": "LBDTC", "LBORRES": "LBSTRESN", "LBORRESU": "LBSTRESU"}
    limits = {"LBSTRESN": "LBSTRESN", "LBSTNRLO": "LBLLN", "LBSTNRHI": "LBULN"}
    yield [_pick(r, **names, **limits) for r in read["lb"]]
    for r in read["rs"]:
        yield _marrow_counts(r, "ANC", "PLT", "CNTDTC", "")
        yield _marrow_counts(r, "ANC2", "PLT2", "CNT2DTC", "2")


def _marrow_counts(r: Row, anc: str, plt: str, day: str, n: str) -> list[Row]:
    """The two counts written beside a marrow, with what supported them in the 7 days before."""
    flags = {"LBGCSF": f"GCSF7D{n}", "LBPLTTX": f"PLTTX7D{n}", "LBRBCTX": f"RBCTX7D{n}"}
    unit = {"LBORRESU": "10^9/L"}
    pairs = (("ANC", anc), ("PLT", plt))
    return [
        _pick(r, LBDTC=day, LBORRES=column, LBSTRESN=column, **flags) | unit | {"LBTESTCD": test}
        for test, column in pairs
        if r[column]
    ]


def _ae(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("AETERM", "AESTDTC", "AEENDTC", "AETOXGR", "AEREL", "AESER", "AEOUT")
    yield [_pick(r, **{n: n for n in names}) for r in read["ae"]]


def _ss(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    names = ("RELAPSE", "RELDTC", "RELTYPE", "LKADTC", "DTHFL", "DTHDTC", "DTHCAUS")
    yield [_pick(r, **{n: n for n in names}) for r in read["ss"]]


def _fa(read: dict[str, list[Row]]) -> Iterable[list[Row]]:
    signs = ("BILI_MGDL", "HEPATOMEG", "RUQPAIN", "WTGAIN", "ASCITES", "DOPPLER")
    for r in read["vod"]:
        for test in (*signs, "SETTING", "DEFIBROTIDE", "EBMT2016"):
            yield [_pick(r, FAOBJ="VOD/SOS", FAORRES=test, FADTC="ONSETDTC") | {"FATESTCD": test}]


_DOMAINS: dict[str, Callable[[dict[str, list[Row]]], Iterable[list[Row]]]] = {
    "DM": _dm,
    "MH": _mh,
    "CM": _cm,
    "EX": _ex,
    "PR": _pr,
    "LB": _lb,
    "RS": _rs,
    "AE": _ae,
    "FA": _fa,
    "SS": _ss,
}


def _summarise_centre_b(rows: list[Row], read: dict[str, list[Row]]) -> list[Row]:
    """Replace centre B's dated values by a baseline and each cycle's worst value, as in its file."""
    starts: dict[str, list[str]] = {}
    for r in read["ex"]:
        if r["EXCYDAY"] == "1":
            starts.setdefault(r["SUBJID"], []).append(r["EXSTDTC"])
    kept, groups = [], {}
    for row in rows:
        if row["CENTRE"] != "B" or "LBGCSF" in row:
            kept.append(row)
            continue
        days = starts[row["USUBJID"]]
        cycle = sum(day < row["LBDTC"] for day in days)
        groups.setdefault((row["USUBJID"], row["LBTESTCD"], cycle), []).append(row)
    for (_, test, cycle), group in groups.items():
        if cycle == 0:
            best = max(group, key=lambda r: r["LBDTC"])
            kept.append(best | {"LBDTC": "", "LBSUMM": "BASELINE"})
        else:
            worst = max if test in _PEAKS else min
            value = worst(group, key=lambda r: float(r["LBSTRESN"]))
            kept.append(value | {"LBDTC": "", "LBSUMM": "WORST", "LBCYCLE": str(cycle)})
    return kept
