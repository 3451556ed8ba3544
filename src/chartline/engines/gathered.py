"""What checks of all patients gathered of each unit of reading, on disk, and together.

In: of each rule its frames, by name. Out: `gathered.zip` in the folder of the unit, a Parquet file a frame; and of
several units the frames of one name as one, read for one rule at a time, so that they need not fit in memory together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import polars as pl

from chartline.checks.engine import Gathered
from chartline.checks.model import Seen
from chartline.engines.charts import first_blocks
from chartline.errors import StudyError

_FILE = "gathered.zip"


def write_gathered(folder: Path, gathered: Gathered) -> None:
    """Write what was gathered of one unit."""
    with ZipFile(folder / _FILE, "w") as file:
        for rule, frames in gathered.items():
            for name, frame in frames.items():
                content = BytesIO()
                frame.write_parquet(content, compression="zstd", compression_level=1)
                file.writestr(f"{rule}/{name}.parquet", content.getbuffer())


def gathered_of(units: Sequence[Path]) -> Callable[[str], Seen]:
    """Return what gives, of a rule, the rows of all units by name; blocks are numbered as where the charts of these
    units are read together. What it gives raises `StudyError` where a unit cannot be read."""
    first = dict(zip(units, first_blocks(units), strict=True))

    def seen(rule: str) -> Seen:
        frames: dict[str, list[pl.DataFrame]] = {}
        for unit in units:
            for name, frame in _read(unit, rule):
                shifted = frame.with_columns(pl.col("^BLOCK.*$") + pl.lit(first[unit], pl.UInt32))
                frames.setdefault(name, []).append(shifted)
        return {name: pl.concat(of).lazy() for name, of in frames.items()}

    return seen


def _read(unit: Path, rule: str) -> Iterator[tuple[str, pl.DataFrame]]:
    try:
        with ZipFile(unit / _FILE) as file:
            for member in file.namelist():
                if member.startswith(f"{rule}/"):
                    content = BytesIO(file.read(member))
                    yield member.removeprefix(f"{rule}/").removesuffix(".parquet"), pl.read_parquet(content)
    except (OSError, BadZipFile, pl.exceptions.PolarsError) as e:
        raise StudyError(
            f"What this run has kept of the charts cannot be read: {str(e).splitlines()[0]}",
            where=str(unit.parents[1]),
            do="remove the folder and run again; look at the disk, for what was written there is not what is there",
        ) from e
