"""simulate_omop: an OMOP database of any size, written as Parquet in parts, with the study that asks it.

In: how many persons, a seed, where to. Out: a folder with `cdm/<table>/part-00000.parquet`, the concepts, and beside
them `protocol.yaml`, `mapping.yaml` and `truth.json`, so that `chartline run` works on it at once. Persons are drawn in
blocks, each from its own random stream (NumPy's SeedSequence of seed and block), so that memory stays the same at any
size and the same seed gives the same bytes however many processes draw. A block's measurements are a file; those of the
smaller tables would be files of a few kilobytes, so several blocks share one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from datetime import date
from functools import partial
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from chartline.errors import StudyError
from chartline.simulate.cdm import cdm_rows
from chartline.simulate.concepts import vocabulary
from chartline.simulate.leukaemia import Chart, draw_chart, rows_by_table
from chartline.simulate.people import People, background, persons
from chartline.simulate.truth import Truth

PERIOD_END = date(2022, 10, 31)  # of the study that comes with the database; it begins with the first dose of all
BLOCK = 10_000  # persons drawn at a time: a million measurements, one file of them
SHARED = 5  # blocks in one file of any other table
PAGE = 160_000  # bytes: 20,000 values of 8, as many rows as Spark writes in a page (parquet.page.row.count.limit)
MOST = 2**53 // 1000  # so that every id is a whole number that any program reads exactly
Told = Callable[[int], None]
Tables = dict[str, pl.DataFrame]


def simulate_omop(number: int, seed: int, folder: Path, *, truth: Truth, processes: int, tell: Told) -> None:
    """Write a database of `number` persons below `folder`, which must be empty. `tell` hears how many are done.

    Raises `StudyError` for a number or a seed that cannot be.
    """
    if not 1 <= number <= MOST:
        raise StudyError(f"{number} persons cannot be simulated.", expected=f"from 1 to {MOST}")
    if seed < 0:
        raise StudyError(f"The seed is {seed}.", expected="0 or a larger whole number")
    if not 0 <= truth.treated <= 1:
        raise StudyError(f"The share of treated persons is {truth.treated}.", expected="from 0 to 1")
    cdm = folder / "cdm"
    for table, frame in vocabulary().items():
        _write(frame, cdm, table, 0)
    blocks = range(-(-number // BLOCK))
    done, gathered = Drawn(0, 0, 0, 0), list[Tables]()
    for block, (counted, tables) in zip(blocks, _drawn(cdm, blocks, number, seed, truth, processes), strict=True):
        done += counted
        gathered.append(tables)
        if len(gathered) == SHARED or block == blocks[-1]:
            _write_shared(gathered, cdm, block // SHARED)
            gathered.clear()
        tell(done.persons)
    _write_study(folder, truth, done, seed)


@dataclass(frozen=True)
class Drawn:
    """How many persons were drawn, of them with a first dose, of these in the study's period, of these adults."""

    persons: int
    treated: int
    in_period: int
    adults: int

    def __add__(self, other: Drawn) -> Drawn:
        return Drawn(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def _drawn(
    cdm: Path, blocks: range, number: int, seed: int, truth: Truth, processes: int
) -> Iterator[tuple[Drawn, Tables]]:
    """Yield the blocks in their order."""
    one = partial(write_block, cdm, number=number, seed=seed, truth=truth)
    if min(processes, len(blocks)) <= 1:
        yield from map(one, blocks)
        return
    with ProcessPoolExecutor(min(processes, len(blocks)), mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(one, blocks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def write_block(cdm: Path, block: int, *, number: int, seed: int, truth: Truth) -> tuple[Drawn, Tables]:
    """Draw the persons of one block and write their measurements; return how many they are, and the other tables."""
    ids = np.arange(block * BLOCK + 1, min((block + 1) * BLOCK, number) + 1)
    tables, starts = _block(ids, seed, block, truth)
    _write(tables.pop("measurement"), cdm, "measurement", block)
    inside = [(birth, dose) for birth, dose in starts if dose <= PERIOD_END]
    adults = sum(
        (dose.year - 18, dose.month, dose.day) >= (birth.year, birth.month, birth.day) for birth, dose in inside
    )
    return Drawn(len(ids), len(starts), len(inside), adults), tables


def _write_shared(blocks: list[Tables], cdm: Path, number: int) -> None:
    for table in dict.fromkeys(name for tables in blocks for name in tables):
        frame = pl.concat([tables[table] for tables in blocks if table in tables])
        if frame.height or number == 0:  # a database has its tables, also where nobody is in them
            _write(frame, cdm, table, number)


def draw_block(ids: np.ndarray, seed: int, block: int, truth: Truth) -> Tables:
    """Return the tables of one block of persons."""
    return _block(ids, seed, block, truth)[0]


def _block(ids: np.ndarray, seed: int, block: int, truth: Truth) -> tuple[Tables, list[tuple[date, date]]]:
    """Return the tables, and the birth and first dose of each treated person."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
    people = People(ids, rng.random(len(ids)) < truth.treated, rng)
    charts: list[Chart] = []
    starts: list[tuple[date, date]] = []
    for at in np.flatnonzero(people.treated):
        birth, chart, _ = draw_chart(int(ids[at]), bool(people.male[at]), truth, rng)
        people.birth[at] = np.datetime64(birth)
        charts.append(chart)
        starts.append((birth, chart.first_dose))
    tables = {"person": persons(people)} | background(people, rng)
    for table, rows in rows_by_table(charts):
        mine = cdm_rows(table, rows)
        tables[table] = pl.concat([tables[table], mine]).sort("person_id") if table in tables else mine
    for table in ("episode", "observation"):  # of treated persons alone
        tables.setdefault(table, cdm_rows(table, []))
    return tables, starts


def _write(frame: pl.DataFrame, cdm: Path, table: str, number: int) -> None:
    home = cdm / table
    home.mkdir(parents=True, exist_ok=True)
    part = home / f"part-{number:05}.parquet"
    frame.write_parquet(part, compression="zstd", compression_level=1, statistics=True, data_page_size=PAGE)


def _write_study(folder: Path, truth: Truth, drawn: Drawn, seed: int) -> None:
    """The protocol and the mapping that ask this database, and what is true of it."""
    shipped = files("chartline") / "simulate" / "study"
    for name in ("protocol.yaml", "mapping.yaml"):
        (folder / name).write_text((shipped / name).read_text(encoding="utf-8"), encoding="utf-8")
    told = {"persons": drawn.persons, "seed": seed, "drawn": asdict(drawn), **truth.describe()}
    (folder / "truth.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
