"""A study of synthetic centres, ready to run: protocol, files, signed mappings, and what is true of the patients."""

from __future__ import annotations

import datetime as dt
import json
import re
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from chartline.capture.ask import capture_of
from chartline.capture.model import Capture
from chartline.capture.reading import mapping_text
from chartline.errors import ProtocolError
from chartline.protocol.model import Protocol
from chartline.simulate.charts.draw import Drawn, draw_centre
from chartline.simulate.charts.fhir import write_fhir
from chartline.simulate.charts.forms import base_mapping, write_book, write_books, write_redcap
from chartline.simulate.charts.omop import write_omop
from chartline.simulate.charts.patients import Patient

TRUTH = "truth.json"
NOTICE = "Synthetic data, drawn at random. No patient and no hospital is real."
SIGNED_ON = dt.date(2026, 1, 1)  # the same seed gives the same bytes
SHAPES = {
    "V": "one workbook, a sheet a form",
    "W": "a workbook a form",
    "X": "REDCap export",
    "Y": "FHIR R4 resources",
    "Z": "OMOP CDM tables",
}


def simulate_study(protocol_text: str, p: Protocol, folder: Path, patients: int, seed: int) -> dict[str, Any]:
    """Write a study with five centres of `patients` patients in all into an empty folder; return what is true of them.

    Raises `ProtocolError` where the protocol's text has no block `data`.
    """
    capture, truth = capture_of(p), {}
    (folder / "mappings").mkdir()
    for i, centre in enumerate(SHAPES):
        number = patients // len(SHAPES) + (i < patients % len(SHAPES))
        if not number:
            continue
        home = folder / "centres" / centre
        home.mkdir(parents=True)
        drawn = draw_centre(capture, p, number, Random(f"{seed}/{centre}"))
        declared = _written(capture, drawn, home, centre)
        (home / "_SYNTHETIC.txt").write_text(NOTICE + "\n", encoding="utf-8")
        declared["ignore_files"] = {"_SYNTHETIC.txt": "the notice that the data are synthetic"}
        text = mapping_text(declared, f"{NOTICE}\n{SHAPES[centre]}")
        (folder / "mappings" / f"{centre}.yaml").write_text(text, encoding="utf-8")
        truth[centre] = true_of(drawn.patients)
    (folder / "protocol.yaml").write_text(study_text(protocol_text, p, list(truth)), encoding="utf-8")
    whole: dict[str, Any] = {"study": p.study.id, "seed": seed, "notice": NOTICE, "all": total(truth), "centres": truth}
    (folder / TRUTH).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return whole


def _written(capture: Capture, drawn: Drawn, home: Path, centre: str) -> dict[str, Any]:
    signed = (f"Synthetic centre {centre}", version("chartline"), SIGNED_ON)
    if centre == "X":
        return write_redcap(capture, drawn.forms, home, signed[0], centre, *signed[1:])
    write = {"V": write_book, "W": write_books, "Y": write_fhir, "Z": write_omop}[centre]
    return write(capture, drawn.forms, home, base_mapping(capture, centre, *signed))


def true_of(patients: list[Patient]) -> dict[str, int | None]:
    """Return the counts of a centre; those of the eligible are None where the forms do not decide who is."""
    decided = all(c.eligible is not None for c in patients)
    eligible = [c for c in patients if c.eligible]
    counted = {
        "eligible": len(eligible),
        "dead": sum(c.death is not None for c in eligible),
        "responders": sum(c.response is not None for c in eligible),
        "mrd_negative": sum(c.negative for c in eligible),
        "relapsed": sum(c.relapse is not None for c in eligible),
        "transplanted": sum(c.transplant is not None for c in eligible),
    }
    return {"screened": len(patients), **{k: n if decided else None for k, n in counted.items()}}


def total(centres: dict[str, dict[str, int | None]]) -> dict[str, int | None]:
    names = next(iter(centres.values())) if centres else {}
    each = {name: [c[name] for c in centres.values()] for name in names}
    return {n: None if None in values else sum(v for v in values if v is not None) for n, values in each.items()}


_NO_SELECTION = """# Left out: `selection`, for synthetic centres have no codes to select by.
# `chartline simulate --omop` makes a database that has.

"""


def _block(key: str) -> str:
    """Return the pattern of a top-level block of a protocol's text, to the next key."""
    return rf"(?m)^{key}:.*\n(?:(?:[ \t#-].*)?\n)*"


def study_text(text: str, p: Protocol, centres: list[str]) -> str:
    """Return the protocol's text with the synthetic centres in place of its own, and the notice; without a selection:
    no form asks the codes by which a database selects, so no synthetic centre has them."""
    lines = ["data:"]
    if p.data.cut_off:
        lines.append(f"  cut_off: {p.data.cut_off.isoformat()}")
    lines.append("  centres:")
    for c in centres:
        place = f"folder: centres/{c}, mapping: mappings/{c}.yaml"
        lines.append(f'    - {{id: {c}, label: "Synthetic centre {c}", {place}}}')
    out, n = re.subn(_block("data"), "\n".join(lines) + "\n\n", text, count=1)
    if not n:
        raise ProtocolError("the protocol has no block `data:` of its own lines", do="write data: as a block")
    if p.selection is not None:
        out = re.sub(_block("concept_sets"), "", out)
        out = re.sub(_block("selection"), _NO_SELECTION, out)
    out = re.sub(r"(?m)^  notice:.*\n(?:    .*\n)*", "", out)
    return re.sub(r"(?m)^study:[ \t]*\n", f"study:\n  notice: {NOTICE}\n", out, count=1)
