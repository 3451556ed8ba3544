"""The certificate's files: validation.html and validation.pdf for people, validation.json for machines.

`certify_to` is what the command does: compute, write all three or none, and leave it to the caller to raise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chartline.errors import OutputError, VerificationError
from chartline.verify.certificate import Certificate, Compared, Failed, Row
from chartline.verify.document import build_certificate
from chartline.verify.verify import verify_all

MARK = "validation.json"  # by which a folder of ours is known
_NAMED = 3  # disagreements that the error names


def certify_to(out: Path, json_file: Path | None = None, *, tell: Callable[[str], None]) -> Certificate:
    """Compute everything again and put the certificate at `out`, all of it or nothing; a copy of its JSON where asked.

    A certificate that does not agree is written too. Raises `OutputError` for a place that cannot be written.
    """
    from chartline.outputs import staged, write_whole

    if json_file is not None:
        _has_a_folder(json_file.absolute(), out.absolute())
    with staged(out, MARK) as folder:
        done = verify_all(tell)
        tell("Writing the certificate")
        write_certificate(done, folder)
    if json_file is not None:  # after the swap, for it may lie in the out folder
        write_whole(json_file, certificate_json(done))
    tell("")
    return done


def _has_a_folder(file: Path, out: Path) -> None:
    """A wrong place is said before ten seconds of computing, not after."""
    if file.parent != out and not file.parent.is_dir():
        raise OutputError(
            "There is no folder for the --json file",
            where=str(file),
            expected="a file in a folder that exists, or in the out folder",
            do="make the folder or name another file",
        )


def write_certificate(done: Certificate, folder: Path) -> None:
    """Write the three files into `folder`, which exists."""
    from chartline.report.html import write_html
    from chartline.report.pdf import write_pdf

    document = build_certificate(done)
    (folder / "validation.html").write_bytes(write_html(document))
    (folder / "validation.pdf").write_bytes(write_pdf(document))
    (folder / MARK).write_text(certificate_json(done), encoding="utf-8")


def stop_if_it_differs(done: Certificate, out: Path) -> None:
    """Raise `VerificationError` unless everything agrees; the error names the first that does not."""
    if done.agrees:
        return
    said = []
    if done.differing:
        said.append(f"{len(done.differing):,} of {done.values:,} values differ from their reference")
    if done.failed:
        said.append(
            f"{len(done.failed):,} {'comparison' if len(done.failed) == 1 else 'comparisons'} could not be made"
        )
    found = [str(f) for f in (*done.differing, *done.failed)]
    raise VerificationError(
        "; ".join(said) or "Nothing was compared",
        where="; ".join(found[:_NAMED]) + ("; ..." if len(found) > _NAMED else ""),
        expected="every value to agree to the digits that its case asks for",
        do=f"see {out / 'validation.html'}; compare its versions of NumPy and SciPy with requirements.lock, and if "
        "they are the same, report it with validation.json",
    )


def certificate_json(done: Certificate) -> str:
    """Return the certificate as JSON text; a number that JSON does not know ("inf") is a text."""
    plain = {
        "agrees": done.agrees,
        "statistics": done.statistics,
        "values": done.values,
        "agreeing": done.agreeing,
        "worst": _compared(done.worst) if done.worst else None,
        "environment": vars(done.environment),
        "by_statistic": [_row(r, title) for title, rows in done.sections() for r in rows],
        "differing": [_compared(c) for c in done.differing],
        "failed": [_failed(f) for f in done.failed],
        "suite_only": dict(done.suite_only),
    }
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row(row: Row, section: str) -> dict[str, Any]:
    return {
        "statistic": row.name,
        "label": row.label,
        "section": section,
        "gives": row.declared.gives if row.declared else "",
        "reference": row.declared.reference if row.declared else "",
        "sources": list(row.sources),
        "data": list(row.data),
        "cases": row.cases,
        "values": len(row.compared),
        "missing": sum(c.missing for c in row.compared),
        "agreeing": row.agreeing,
        "asked": list(row.asked),
        "largest_difference": _number(row.difference) if row.compared else None,
        "worst": _compared(row.worst) if row.worst else None,
        "verdict": row.verdict,
        "failed": [_failed(f) for f in row.failed],
    }


def _compared(c: Compared) -> dict[str, Any]:
    out = {"statistic": c.case.statistic, "topic": c.case.topic, "case": c.case.id, "value": c.name}
    numbers = {"expected": _number(c.expected), "found": _number(c.found), "digits": c.digits, "asked": c.case.digits}
    return out | numbers | ({"why": c.case.why} if c.case.why else {})


def _failed(f: Failed) -> dict[str, str]:
    return {"statistic": f.statistic, "where": f.where, "reason": f.reason}


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
