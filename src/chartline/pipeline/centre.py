"""The files of one centre: drafted, captured, pulled, de-identified, or simulated. No study is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from chartline.errors import ProtocolError
from chartline.pipeline.read import Tell, checked_protocol, silent
from chartline.protocol.load import load_protocol, protocol_file

if TYPE_CHECKING:
    from chartline.sources.redcap_pull import Pulled


def draft_mapping(
    files: Sequence[Path],
    study: Path,
    *,
    centre: str | None = None,
    out: Path | None = None,
    anew: bool = False,
    tell: Tell = silent,
) -> list[str]:
    """Draft the mapping of a centre's files, or say how they differ from the mapping it has; return what to tell.

    Writes the draft (YAML) and the workbook to review it, or nothing where nothing differs.
    """
    from chartline.draft.verb import draft_files
    from chartline.outputs import write_all

    tell("Reading the files")
    done = draft_files(files, study, centre=centre, out=out, anew=anew)
    tell("")
    write_all(done.files)
    return done.lines


def template_study(study: Path, out: Path, centre: str | None) -> list[str]:
    """Write the capture workbook of a centre and its mapping; return what to tell the user."""
    from chartline.capture.write import write_template

    return write_template(checked_protocol(study), out, centre, date.today())


def redcap_study(study: Path, out: Path, centre: str | None) -> list[str]:
    """Write the REDCap data dictionary of a study and its mapping; return what to tell the user."""
    from chartline.capture.write import write_redcap_dictionary

    return write_redcap_dictionary(checked_protocol(study), out, centre, date.today())


def pull_redcap(
    study: Path,
    centre: str,
    *,
    url: str | None = None,
    token_from: str = "REDCAP_TOKEN",
    batch: int = 100,
    files: bool = False,
    replace: bool = False,
    tell: Tell = silent,
) -> Pulled:
    """Pull a centre's REDCap project into its folder, under the file names that its mapping reads."""
    from chartline.mapping.load import load_mapping
    from chartline.sources.redcap_api import RedcapApi
    from chartline.sources.redcap_pull import Wanted, pull, token_of, url_of

    found = next((c for c in load_protocol(study).data.centres if c.id == centre), None)
    if found is None:
        raise ProtocolError(f"The study has no centre {centre}", where=str(protocol_file(study)), do="name one of its")
    home = protocol_file(study).parent
    sources = load_mapping(home / found.mapping).sources if (home / found.mapping).exists() else ()
    names = next(((s.records, s.dictionary) for s in sources if s.records and s.dictionary), None)
    records, dictionary = names or ("redcap_records.csv", "redcap_dictionary.csv")
    folder = home / found.folder
    api = RedcapApi(url_of(url, folder), token_of(token_from))
    return pull(api, Wanted(folder, records, dictionary, batch, files, replace), tell)


def deidentify_centre(
    folder: Path,
    key: Path,
    out: Path,
    *,
    drop: Sequence[str] = (),
    pseudonym: Sequence[str] = (),
    keep: Sequence[str] = (),
    swapped: Sequence[str] = (),
    unswapped: Sequence[str] = (),
    shift_days: int = 0,
    dates: str | None = None,
    mapping: Path | None = None,
) -> tuple[list[str], bool]:
    """Copy a centre's files without direct identifiers; return the lines of the report, and whether a key was made.

    `mapping` says how dates stand in each column and whose a row is; `dates` is the order of dates as text elsewhere.
    """
    from chartline.deidentify.dates import order_of
    from chartline.deidentify.model import Options
    from chartline.deidentify.report import report_lines
    from chartline.deidentify.write import deidentify_to

    order = None if dates is None else order_of(dates)
    options = Options(
        drop=frozenset(drop),
        pseudonym=frozenset(pseudonym),
        keep=frozenset(keep),
        shift_days=shift_days,
        swapped=frozenset(swapped),
        unswapped=frozenset(unswapped),
    )
    if mapping is not None:
        from chartline.deidentify.declared import with_mapping
        from chartline.mapping.load import load_mapping

        options = with_mapping(options, load_mapping(mapping), order)
    elif order is not None:
        options = replace(options, order=order)
    done, made = deidentify_to(folder, key, out, options)
    return list(report_lines(done)), made


def simulate_database(
    number: int, seed: int, out: Path, *, treated: float, processes: int, tell: Tell = silent
) -> None:
    """Put a synthetic OMOP database, its study and its truth at `out`, all or nothing. See `simulate/omop.py`."""
    from chartline.outputs import staged
    from chartline.simulate.omop import simulate_omop
    from chartline.simulate.truth import Truth

    with staged(out, "truth.json") as folder:
        simulate_omop(
            number, seed, folder, truth=Truth(treated=treated), processes=processes,
            tell=lambda done: tell(f"{done:,} of {number:,} persons"),
        )  # fmt: skip
    tell("")


def simulate_centres(study: Path, patients: int, seed: int, out: Path, *, tell: Tell = silent) -> dict[str, int | None]:
    """Put a study of synthetic centres for a protocol at `out`, all or nothing; return the counts that are true of
    all. See `simulate/charts/`."""
    from chartline.outputs import staged
    from chartline.simulate.charts.study import TRUTH, simulate_study

    protocol = checked_protocol(study)
    text = protocol_file(study).read_text(encoding="utf-8")
    tell("Drawing the patients")
    with staged(out, TRUTH) as folder:
        true: dict[str, int | None] = simulate_study(text, protocol, folder, patients, seed)["all"]
    tell("")
    return true
