"""What is fuzzed: each target changes one kind of file by the mutations that fit it, and says what came of it.

In: the small study and a list of (mutation, seed). Out: the changed bytes and the Outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from mutations import BYTES, Bytes, by_cell, by_columns, by_key, by_lines, by_sheet_cell, by_value
from ruamel.yaml.error import YAMLError
from small_study import Outcome, SmallStudy, unzipped, zipped

Steps = Sequence[tuple[int, int]]  # which mutation, and its seed
Target = Callable[[SmallStudy, Steps], tuple[bytes, Outcome]]
BOOKS = {"A": "CentreA_InO_review.xlsx", "B": "CentreB_master.xlsx"}
LINES, RECORDS, PROJECT = "Observation.ndjson", "SynInO_DATA.csv", "SynInO_ODM.xml"


def mutated(content: bytes, steps: Steps, ways: list[Bytes]) -> bytes:
    """Apply the steps one after the other; one that no longer fits what an earlier one left is passed over."""
    for way, seed in steps:
        try:
            content = ways[way % len(ways)](content, Random(seed))
        except (ValueError, IndexError, YAMLError):  # an empty file, or JSON or YAML that is none any more
            continue
    return content


def changed_book(content: bytes, steps: Steps) -> bytes:
    """Change a workbook: once in ten the archive itself, else its parts, which the archive's checksums guard."""
    if steps[0][1] % 10 == 0:
        return mutated(content, steps, BYTES)
    parts = unzipped(content)
    for way, seed in steps:
        chance = Random(seed)
        sheets = [name for name in parts if "/sheet" in name]
        name = chance.choice(sheets if chance.random() < 0.8 else sorted(parts))
        ways: list[Bytes] = [by_sheet_cell] * 6 + BYTES
        parts[name] = mutated(parts[name], [(way, seed)], ways)
    return zipped(parts)


def workbook(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    centre = "AB"[steps[0][1] % 2]
    content = changed_book((study.home / "centres" / f"centre_{centre}" / BOOKS[centre]).read_bytes(), steps)
    return content, study.file_outcome(centre, BOOKS[centre], content)


def ndjson(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    folder = study.home / "centres" / "centre_D"
    name = Random(steps[0][1]).choice(sorted(path.name for path in folder.glob("*.ndjson")))
    content = mutated((folder / name).read_bytes(), steps, [by_value] * 8 + [by_lines] * 2 + BYTES)
    return content, study.file_outcome("D", name, content)


def csv(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    """REDCap's records, or a table of OMOP."""
    centre = "CE"[steps[0][1] % 2]
    folder = study.home / "centres" / f"centre_{centre}"
    names = [RECORDS] if centre == "C" else sorted(path.name for path in folder.glob("*.csv"))
    name = Random(steps[0][1]).choice(names)
    ways = [by_cell] * 8 + [by_columns] * 2 + [by_lines] * 2 + BYTES
    content = mutated((folder / name).read_bytes(), steps, ways)
    return content, study.file_outcome(centre, name, content)


def protocol(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    content = Random(steps[0][1]).choice(study.protocol_texts)
    content = mutated(content, steps, [by_key] * 12 + [by_lines] * 3 + BYTES)
    return content, study.protocol_outcome(content)


def mapping(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    centre = "ABCDE"[steps[0][1] % 5]
    content = (study.home / "mappings" / f"centre_{centre}.yaml").read_bytes()
    content = mutated(content, steps, [by_key] * 12 + [by_lines] * 3 + BYTES)
    return content, study.mapping_outcome(centre, content)


def door(study: SmallStudy, steps: Steps) -> tuple[bytes, Outcome]:
    centres = study.home / "centres"
    file = (
        centres / "centre_A" / BOOKS["A"],
        centres / "centre_C" / RECORDS,
        centres / "centre_C" / PROJECT,
        centres / "centre_D" / LINES,
    )[steps[0][1] % 4]
    content = file.read_bytes()
    if file.suffix == ".xlsx":
        content = changed_book(content, steps)
    else:
        ways = {".csv": [by_cell] * 8, ".ndjson": [by_value] * 8}.get(file.suffix, [])
        content = mutated(content, steps, [*ways, *[by_lines] * 2, *BYTES])
    return content, study.door_outcome(file.name, content)


TARGETS: dict[str, Target] = {
    "workbook": workbook, "ndjson": ndjson, "csv": csv, "protocol": protocol, "mapping": mapping,
    "door": door,
}  # fmt: skip
