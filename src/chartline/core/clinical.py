"""ClinicalData: SDTM-named domains, every row of which knows the cells it was made from.

One Polars frame a domain. Besides its variables (listed with type, label and unit in `vocabulary/variables.csv`)
each row has

    CENTRE   str     the centre's id
    USUBJID  str     the subject, unique over the study
    SEQ      i64     unique within domain and centre, in source order
    BLOCK    u32     the mapping block (see `Origins`) that made the row
    ROW      u32     index of the source row in that block's table

so that the cell of any value is `Origins.address(block, variable, row)`; no value carries its own address, and ten
million rows cost two integers each.

DM and SS hold *statements*: several rows may speak about one subject (two sheets that both give a sex; a death from
one table and a last contact from another). `statement()` takes, per variable, the first non-missing one in mapping
order; disagreement is a Query (`checks/`), never settled here. All other domains hold records.
Dates are ISO text at their true precision (`core/dates.py`). A number that was censored at source ("<0.01") has its
bound in the variable and "<", "<=", ">" or ">=" in `<VARIABLE>_OP`. A range ("5-10"; only of variables marked `range`
in the vocabulary) has its lower end in the variable, ">=" in `<VARIABLE>_OP` and its upper end in `<VARIABLE>_HI`:
whoever reads the first two alone takes it for "at least 5", which is true and says less.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Protocol as Interface
from typing import TypeVar

import polars as pl

from chartline.core.overrides import Override
from chartline.core.study_days import StudyDays

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
KEYS: dict[str, pl.DataType] = {
    "CENTRE": pl.String(),
    "USUBJID": pl.String(),
    "SEQ": pl.Int64(),
    "BLOCK": pl.UInt32(),
    "ROW": pl.UInt32(),
}
# A record of a domain, as readers see it.
DOMAIN_LABELS = {
    "DM": "Patient",
    "MH": "History",
    "CM": "Other treatment",
    "EX": "Dose",
    "PR": "Procedure",
    "LB": "Laboratory",
    "RS": "Assessment",
    "AE": "Adverse event",
    "FA": "Finding",
    "SS": "Status",
}
_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "code": pl.String(),
    "flag": pl.String(),  # Y, N
    "date": pl.String(),  # ISO partial
    "number": pl.Float64(),
    "integer": pl.Int64(),
}


@dataclass(frozen=True)
class Variable:
    """One row of `vocabulary/variables.csv`."""

    domain: str
    name: str
    type: str  # text code flag date number integer
    label: str
    unit: str
    anchor: bool  # a record exists where at least one anchor of its domain is present
    range: bool = False  # a cell may give a range of it; its upper end stands in `<name>_HI`


@cache
def variables() -> dict[str, dict[str, Variable]]:
    """Return every clinical variable as domain -> name -> Variable, in the order of the vocabulary file."""
    out: dict[str, dict[str, Variable]] = {}
    with (files("chartline") / "vocabulary" / "variables.csv").open(encoding="utf-8") as f:
        for r in csv.DictReader(f):
            v = Variable(
                r["domain"], r["name"], r["type"], r["label"], r["unit"], r["anchor"] == "Y", r.get("range") == "Y"
            )
            out.setdefault(v.domain, {})[v.name] = v
    return out


def schema(domain: str) -> dict[str, pl.DataType]:
    """Return the full Polars schema of a domain: keys, variables, and `_OP` beside each number."""
    out = dict(KEYS)
    for v in variables()[domain].values():
        out[v.name] = _DTYPES[v.type]
        if v.type == "number":
            out[f"{v.name}_OP"] = pl.String()
        if v.range:
            out[f"{v.name}_HI"] = pl.Float64()
    return out


@cache
def ranged() -> frozenset[str]:
    """Return the names of the variables that may hold a range."""
    return frozenset(v.name for of in variables().values() for v in of.values() if v.range)


class SourceRows(Interface):
    """What `Origins` needs of a source table (see `sources/base.py`)."""

    def address(self, row: int, column: str) -> str: ...
    def addresses(self, rows: pl.Series, column: str) -> pl.Series: ...
    def raw(self, row: int, column: str) -> str | None: ...
    def raws(self, rows: pl.Series, column: str) -> pl.Series: ...


@dataclass(frozen=True)
class Origins:
    """Where the rows of ClinicalData came from: block -> (source table, variable -> its columns)."""

    blocks: tuple[tuple[SourceRows, Mapping[str, tuple[str, ...]]], ...] = ()

    def columns(self, block: int, variable: str) -> tuple[str, ...]:
        return self.blocks[block][1].get(variable, ())

    def address(self, block: int, variable: str, row: int) -> str:
        """Return the canonical address of a value's cell; the row's own address where it was a constant."""
        table, columns = self.blocks[block]
        return " + ".join(table.address(row, c) for c in columns.get(variable, ("",)) or ("",))

    def raw(self, block: int, variable: str, row: int) -> str:
        """Return what stands in the cell(s), as the source shows it."""
        table, columns = self.blocks[block]
        return " + ".join(table.raw(row, c) or "(blank)" for c in columns.get(variable, ()))

    def cells(self, refs: pl.DataFrame) -> pl.DataFrame:
        """Return ADDRESS and RAW of many values (BLOCK, VARIABLE, ROW), in their order; null where there is no block.

        All values of one block and variable are taken at once.
        """
        at = refs.select("BLOCK", "VARIABLE", "ROW").with_row_index("AT")
        told = [(pl.Series(dtype=pl.UInt32), pl.Series(dtype=pl.String), pl.Series(dtype=pl.String))]
        for (block, variable), rows in at.partition_by("BLOCK", "VARIABLE", as_dict=True).items():
            if block is not None and block < len(self.blocks):
                told.append((rows["AT"], *self._told(block, variable, rows["ROW"])))
        found = pl.DataFrame(dict(zip(("AT", "ADDRESS", "RAW"), map(pl.concat, zip(*told, strict=True)), strict=True)))
        return at.select("AT").join(found, on="AT", how="left", maintain_order="left").drop("AT")

    def _told(self, block: int, variable: str, rows: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the addresses and raw contents of one variable in some rows of its table."""
        table, columns = self.blocks[block]
        named = columns.get(variable, ())
        places = [table.addresses(rows, column) for column in named or ("",)]
        contents = [_with_blanks(table.raws(rows, column)) for column in named]
        return _joined(places), _joined(contents or [pl.Series([""]).new_from_index(0, len(rows))])


def _with_blanks(raw: pl.Series) -> pl.Series:
    blank = raw.null_count() or (raw == "").any()
    return raw.replace("", None).fill_null("(blank)") if blank else raw


def _joined(texts: Sequence[pl.Series]) -> pl.Series:
    if len(texts) == 1:
        return texts[0]
    return pl.select(pl.concat_str([pl.lit(text) for text in texts], separator=" + ")).to_series()


@dataclass(frozen=True)
class ClinicalData:
    """All domains of one or several centres. Every domain is present, empty if nothing was mapped to it."""

    domains: Mapping[str, pl.DataFrame]
    origins: Origins = field(default_factory=Origins)
    overrides: tuple[Override, ...] = ()  # what reviewers set in place of derived values
    study_days: StudyDays = field(default_factory=StudyDays)  # the centres whose dates are fictitious

    def __getitem__(self, domain: str) -> pl.DataFrame:
        return self.domains[domain]

    def locate(self, domain: str, seq: int, variable: str, centre: str) -> tuple[str, str]:
        """Return (address, raw content) of one value."""
        frame = self.domains[domain]
        hit = frame.filter((pl.col("SEQ") == seq) & (pl.col("CENTRE") == centre))
        if hit.is_empty():
            raise KeyError((domain, centre, seq))
        block, row = hit["BLOCK"][0], hit["ROW"][0]
        return self.origins.address(block, variable, row), self.origins.raw(block, variable, row)

    def of(self, subjects: Collection[str]) -> ClinicalData:
        """Return the data with the records of some subjects only."""
        whose = pl.col("USUBJID").is_in(list(subjects))
        return replace(self, domains={d: f.filter(whose) for d, f in self.domains.items()})

    def in_pieces(self, rows: int) -> Iterator[ClinicalData]:
        """Yield the data in pieces of about so many rows, each subject whole in one of them."""
        subjects = pl.concat([frame.select("USUBJID") for frame in self.domains.values()])
        pieces = subjects.height // rows + 1
        if pieces == 1:
            yield self
            return
        of = subjects.unique().sort("USUBJID").select("USUBJID", PIECE=pl.int_range(pl.len()) * pieces // pl.len())
        cut = {d: f.join(of, on="USUBJID", how="left", maintain_order="left") for d, f in self.domains.items()}
        for n in range(pieces):
            yield replace(self, domains={d: f.filter(PIECE=n).drop("PIECE") for d, f in cut.items()})


def empty_domain(domain: str) -> pl.DataFrame:
    """Return a domain with its full schema and no row."""
    return pl.DataFrame(schema=schema(domain))


def clinical_data(frames: Mapping[str, pl.DataFrame], origins: Origins | None = None) -> ClinicalData:
    """Build ClinicalData: absent domains and variables are added empty, unknown ones refused, columns ordered."""
    out: dict[str, pl.DataFrame] = {}
    for domain in variables():
        want = schema(domain)
        frame = frames.get(domain)
        if frame is None:
            out[domain] = empty_domain(domain)
            continue
        unknown = [c for c in frame.columns if c not in want]
        if unknown:
            raise ValueError(f"domain {domain} has no variable {unknown}")
        out[domain] = frame.select(
            [
                (pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype)).alias(name)
                for name, dtype in want.items()
            ]
        )
    unknown_domains = set(frames) - set(out)
    if unknown_domains:
        raise ValueError(f"there is no domain {sorted(unknown_domains)}")
    return ClinicalData(out, origins or Origins())


def combine(parts: Iterable[ClinicalData]) -> ClinicalData:
    """Stack the data of several centres (or partitions); block numbers are shifted so that origins still fit."""
    frames: dict[str, list[pl.DataFrame]] = {d: [] for d in variables()}
    blocks: list[tuple[SourceRows, Mapping[str, tuple[str, ...]]]] = []
    for part in parts:
        shift = len(blocks)
        for domain, frame in part.domains.items():
            frames[domain].append(frame.with_columns(pl.col("BLOCK") + pl.lit(shift, dtype=pl.UInt32())))
        blocks.extend(part.origins.blocks)
    stacked = {d: pl.concat(fs) if fs else empty_domain(d) for d, fs in frames.items()}
    return ClinicalData(stacked, Origins(tuple(blocks)))


def statement(frame: Frame, *names: str) -> Frame:
    """One row a subject: per variable the first non-missing statement, with the SEQ that made it in `<name>__SEQ`.

    Shape: CENTRE, USUBJID, then for each name `<name>` and `<name>__SEQ`.
    """
    columns = []
    for name in names:
        present = pl.col(name).is_not_null()
        columns += [pl.col(name).filter(present).first(), pl.col("SEQ").filter(present).first().alias(f"{name}__SEQ")]
    return frame.group_by("CENTRE", "USUBJID", maintain_order=True).agg(columns)
