"""simulate: synthetic data whose truth is known, to measure and rehearse with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import OutOption, app, progress


@app.command()
def simulate(
    study: Annotated[
        Path | None, typer.Argument(metavar="STUDY", help="A study whose protocol synthetic centres are made for.")
    ] = None,
    omop: Annotated[
        int | None, typer.Option("--omop", metavar="N", help="How many persons the OMOP database has.")
    ] = None,
    patients: Annotated[
        int, typer.Option("--patients", metavar="N", min=1, help="How many patients the five centres of STUDY have.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same bytes.")] = 1,
    out: OutOption = Path("simulated"),
    treated: Annotated[
        float,
        typer.Option("--treated", metavar="SHARE", help="With --omop: share of the persons who get the study's drug."),
    ] = 0.001,
    processes: Annotated[
        int, typer.Option("--processes", metavar="K", help="With --omop: how many draw side by side.")
    ] = 2,
) -> None:
    """Write synthetic data whose truth is known: five centres for the protocol of STUDY, or (--omop) an OMOP database.

    The centres have the five shapes of charts: a workbook, a workbook a form, a REDCap export, FHIR, OMOP.

    Example: chartline simulate examples/inotuzumab-india --patients 100 --out simulated
    """
    if (study is None) == (omop is None):
        raise typer.BadParameter("name a STUDY, or give --omop N, and not both")
    if study is not None:
        from chartline.pipeline import simulate_centres

        true = simulate_centres(study, patients, seed, out, tell=progress())
        typer.echo(f"{true['screened']} patients at five centres: {out / 'centres'}")
        typer.echo(f"The study that asks them: {out / 'protocol.yaml'}; what is true of them: {out / 'truth.json'}")
        return
    assert omop is not None
    from chartline.pipeline import simulate_database

    simulate_database(omop, seed, out, treated=treated, processes=processes, tell=progress())
    typer.echo(f"{omop:,} persons: {out / 'cdm'}")
    typer.echo(f"The study that asks them: {out / 'protocol.yaml'}; what is true of them: {out / 'truth.json'}")
