"""simulate: synthetic data whose truth is known, to measure and rehearse with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import OutOption, app, progress


@app.command()
def simulate(
    omop: Annotated[int, typer.Option("--omop", metavar="N", help="How many persons the OMOP database has.")],
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same bytes.")] = 1,
    out: OutOption = Path("simulated"),
    treated: Annotated[
        float, typer.Option("--treated", metavar="SHARE", help="Share of the persons who get the study's drug.")
    ] = 0.001,
    processes: Annotated[int, typer.Option("--processes", metavar="K", help="How many draw side by side.")] = 2,
) -> None:
    """Write a synthetic OMOP database (CDM 5.4, Parquet), the study that asks it, and what is true of its patients.

    Example: chartline simulate --omop 100000 --seed 1 --out simulated
    """
    from chartline.pipeline import simulate_database

    simulate_database(omop, seed, out, treated=treated, processes=processes, tell=progress())
    typer.echo(f"{omop:,} persons: {out / 'cdm'}")
    typer.echo(f"The study that asks them: {out / 'protocol.yaml'}; what is true of them: {out / 'truth.json'}")
