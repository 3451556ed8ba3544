"""The house keeps its shape: where libraries live, what start-up may load, what may cross the wall.

Import directions between rooms are contracts of import-linter (`pyproject.toml`, run by `make test`); here is what
that tool cannot see.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from chartline.counts import model as counts
from chartline.results.model import Result

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "chartline"

# Third-party library -> the only places (files or folders below src/chartline) that import it.
ADDRESSES: dict[str, tuple[str, ...]] = {
    "docx": ("report/docx.py",),
    "duckdb": ("sources/cdm_duckdb.py", "sources/fhir.py", "deidentify/columns.py"),
    "psycopg": ("sources/cdm_postgres.py",),
    "font_source_sans_pro": ("report",),
    "jinja2": ("report/html.py",),
    "numpy": (
        "stats",
        "simulate",
        "counts/columns.py",
        "counts/scan.py",
        "verify",
        "multiverse",
        "sources/csvtext.py",
        "sources/cdm_duckdb.py",
    ),
    "polars": (
        *("core", "sources", "mapping", "draft", "checks", "cohort", "derive", "assertions"),
        *(
            "counts/count.py",
            "counts/cycles.py",
            "counts/members.py",
            "counts/scan.py",
            "counts/syndromes.py",
            "counts/toxicity.py",
        ),
        *("trace", "publish.py", "pipeline", "engines", "multiverse", "simulate"),
        *("cuts", "quality", "deidentify/columns.py", "exchange"),
    ),
    "rapidfuzz": ("draft",),
    "redcap": ("sources/redcap_api.py",),
    "pydantic": (
        *("core/declared.py", "core/faults.py", "protocol", "mapping", "sources/spec.py", "derive", "checks"),
        "engines/told.py",
    ),
    "pyarrow": ("engines/spark",),
    "pyspark": ("engines/spark",),
    "python_calamine": ("sources/grid.py",),
    "rich": ("cli",),
    "ruamel": ("core/declared.py",),
    "scipy": ("stats",),
    "typer": ("cli",),
    "typst": ("report",),
    "xlsxwriter": (
        "queries/workbook.py",
        "draft/review.py",
        "capture/workbook.py",
        "deidentify/workbook.py",
        "simulate/charts",
    ),
}
DISTRIBUTIONS = {"pycap": "redcap", "python-docx": "docx", "ruamel.yaml": "ruamel"}  # where the import has another name
HEAVY = (
    "polars",
    "duckdb",
    "numpy",
    "scipy",
    "pydantic",
    "docx",
    "typst",
    "jinja2",
    "xlsxwriter",
    "python_calamine",
    "rich.console",
    "rapidfuzz",
    "redcap",
    "requests",
)


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _imported(tree: ast.AST) -> set[str]:
    """Return the top-level names of every absolute import, wherever in the file it stands."""
    out: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            out.add(node.module.split(".")[0])
    return out


def _strays(files: dict[str, set[str]]) -> list[str]:
    """Return `file: library` for each third-party import that is not at its address."""
    out = []
    for file, libraries in files.items():
        for library in sorted(libraries - set(sys.stdlib_module_names) - {"chartline", "__future__"}):
            homes = ADDRESSES.get(library, ())
            if not any(file == home or file.startswith(f"{home}/") for home in homes):
                out.append(f"{file}: {library}")
    return out


def test_each_third_party_library_has_one_address() -> None:
    files = {
        path.relative_to(SOURCE).as_posix(): _imported(ast.parse(path.read_text(encoding="utf-8")))
        for path in _modules()
    }
    assert _strays(files) == []


def test_a_library_away_from_home_would_be_found() -> None:
    assert _strays({"stats/gray.py": {"polars"}}) == ["stats/gray.py: polars"]
    assert _strays({"report/html.py": {"pandas", "json"}}) == ["report/html.py: pandas"]


def test_every_library_that_a_run_may_need_has_an_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    needed += project["optional-dependencies"]["spark"]
    names = [re.split(r"[\[<>=]", d)[0].strip() for d in needed]
    imports = {DISTRIBUTIONS.get(n, n.replace("-", "_")) for n in names}
    assert imports == set(ADDRESSES)


def test_the_command_line_starts_without_any_heavy_library() -> None:
    code = f"import sys, chartline.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert done.stdout.strip() == "[]"


# What crosses the wall, field by field: whoever adds one decides here, in the open, that it can hold no person.
CROSSES: dict[type, set[str]] = {
    counts.CountKey: {"analysis", "protocol_digest", "unit"},
    counts.EventTable: {"key", "causes", "rows", "withheld", "missing"},
    counts.CrossTab: {"key", "dims", "cells", "withheld"},
    counts.ValueTable: {"key", "values", "missing", "withheld"},
    counts.AttritionStep: {"id", "label", "n_in", "n_no", "n_unknown", "n_open", "n_out"},
    counts.AttritionTable: {"key", "screened", "steps"},
    Result: {
        *{"analysis", "statistic", "value", "group", "at", "at_unit", "lower", "upper", "level", "unit", "n", "N"},
        *{"missing", "withheld", "method", "is_count", "label", "reason", "warnings"},
    },
}


@pytest.mark.parametrize("kind", CROSSES, ids=lambda t: t.__name__)
def test_what_crosses_the_wall_is_listed_field_by_field(kind: type) -> None:
    assert {f.name for f in fields(kind)} == CROSSES[kind]


def test_every_type_of_the_wall_is_listed() -> None:
    public = {t for n, t in vars(counts).items() if isinstance(t, type) and t.__module__ == counts.__name__}
    assert {t for t in public if not t.__name__.startswith("_")} == set(CROSSES) - {Result}


def test_durations_are_whole_counts_so_that_a_record_cannot_hide_in_them() -> None:
    key = counts.CountKey(analysis="os", protocol_digest="0")
    with pytest.raises(ValueError, match="whole counts"):
        counts.EventTable(key=key, rows={((), 12.5): (1, 1, 0)})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="entries and exits differ"):
        counts.EventTable(key=key, rows={((), 12): (0, 1, 0)})


def test_no_sql_adds_an_interval() -> None:
    """DuckDB gives wrong days where one statement adds INTERVALs of several units: add days as `date + INTEGER`."""
    found = []
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.search(r"INTERVAL ['0-9(]", node.value)
            ):
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert found == []
