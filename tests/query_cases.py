"""A study of two centres and five patients, small enough to be read as a table, with errors that queries ask about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

PROTOCOL = """\
chartline: protocol/1
study: {id: MINI, title: A small study, short_title: Mini, notice: Synthetic data. No patient is real.}
data:
  cut_off: 2023-03-31
  centres:
    - {id: N, label: North, folder: centres/north, mapping: mappings/north.yaml}
    - {id: S, label: South, folder: centres/south, mapping: mappings/south.yaml}
treatment:
  {drug: BLINATUMOMAB, label: blinatumomab, abbreviation: Blin, cycle: {max_doses: 1, new_cycle_after_days: 28}}
eligibility:
  - {id: treated, label: At least one cycle, require: TRTSDT is present, excluded_as: Not treated}
sets:
  treated: {label: Treated, where: "ELIGFL == 'Y'"}
endpoints:
  - {id: OS, use: overall_survival, population: treated}
analyses:
  - {id: screened, kind: tally, label: Screened, count: screened}
  - {id: os, kind: survival, label: Overall survival, endpoint: OS, at_months: [6]}
headline:
  screened: {analysis: screened, statistic: n, unit: patients}
"""

MAPPING = """\
chartline: mapping/1
centre: {centre}
signed_by: data manager, {centre}
signed_on: 2026-11-01
sources:
  - {{kind: delimited, path: "*.csv", delimiter: ";"}}
missing: ["?"]
dates: {{order: DMY, partial: true}}
code_lists:
  yes_no: {{Y: [yes], N: [no]}}
tables:
  patients:
    subject: id
    one_row_per_subject: true
    records:
      - domain: DM
        variables: {{SEX: sex, BRTHDTC: born}}
      - domain: SS
        variables: {{DTHFL: {{column: dead, codes: yes_no}}, DTHDTC: died, LKADTC: seen}}
  doses:
    subject: id
    records:
      - domain: EX
        variables: {{EXTRT: {{constant: BLINATUMOMAB}}, EXSTDTC: given, EXDOSE: {{column: ug, unit: ug}}}}
"""

NORTH = {
    # N1 died before the dose; N2 has a sex that is no code; N3 is sound; N4 is dead without a date
    "patients.csv": """\
id;sex;born;dead;died;seen
N1;F;12/05/1975;yes;01/02/2020;01/02/2020
N2;W;03/08/1988;no;;30/06/2021
N3;M;21/02/1990;no;;31/01/2023
N4;M;09/09/1961;yes;?;01/05/2022
""",
    "doses.csv": """\
id;given;ug
N1;04/01/2021;28
N2;01/03/2021;28
N3;10/05/2021;28
N4;06/09/2021;28
""",
}
SOUTH = {
    # S1 was last seen on a day that does not exist
    "patients.csv": "id;sex;born;dead;died;seen\nS1;M;17/06/1982;no;;31/02/2023\n",
    "doses.csv": "id;given;ug\nS1;10/01/2022;28\n",
}


def small_study(folder: Path) -> Path:
    """Write the study below `folder` and return its home."""
    home = folder / "study"
    for centre, files in (("north", NORTH), ("south", SOUTH)):
        (home / "centres" / centre).mkdir(parents=True)
        for name, text in files.items():
            (home / "centres" / centre / name).write_text(text, encoding="utf-8")
    (home / "mappings").mkdir()
    for centre, letter in (("north", "N"), ("south", "S")):
        (home / "mappings" / f"{centre}.yaml").write_text(MAPPING.format(centre=letter), encoding="utf-8")
    (home / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    return home


AT = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)


def query_of(home: Path, rule: str, subject: str) -> str:
    """Return the id of the query of a rule about a subject, from the study's log."""
    from chartline.state.store import read_standing

    (name,) = [n for n, s in read_standing(home).queries.items() if (s.query.rule, s.query.subject) == (rule, subject)]
    return name


def fill(
    workbook: Path,
    to: Path,
    answers: Mapping[tuple[str, int], Mapping[str, Any]],
    change: Callable[[Any], None] = lambda sheet: None,
) -> Path:
    """Save a query workbook as `to` with answers, by (query, number of its cell); `change` may then spoil the sheet."""
    book = load_workbook(workbook)
    sheet = book["Queries"]
    heads = {str(c.value): c.column for c in sheet[1]}
    left = dict(answers)
    for row in range(2, sheet.max_row + 1):
        name, number, _ = str(sheet.cell(row, heads["Reference"]).value).split("/")
        said = left.pop((name, int(number)), None)
        for head, value in ({"Answered by": "Dr N"} | dict(said) if said else {}).items():
            sheet.cell(row, heads[head]).value = value
    assert not left, f"the workbook does not ask {list(left)}"
    change(sheet)
    book.save(to)
    return to


def correct(value: Any, unit: str | None = None, **more: Any) -> dict[str, Any]:
    return {"Answer": "Correct to ...", "Corrected value": value, "Unit": unit, **more}


RIGHT = {"Answer": "Right as it stands"}
UNKNOWN = {"Answer": "Unknown"}


def no_problem(reason: str) -> dict[str, Any]:
    return {"Answer": "Not a problem because ...", "Reason or remark": reason}
