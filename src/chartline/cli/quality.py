"""quality: how good the data of each centre are."""

from __future__ import annotations

from pathlib import Path

import typer

from chartline.cli.app import AnswersOption, OutOption, StudyArgument, app, progress


@app.command()
def quality(study: StudyArgument, out: OutOption = Path("quality"), answers: AnswersOption = None) -> None:
    """Report the quality of the data, centre by centre: completeness, queries, dates, follow-up; a page a centre.

    Example: chartline quality examples/inotuzumab-india --out quality
    """
    from chartline.pipeline import quality_study
    from chartline.quality.measures import measures_of

    done = quality_study(study, out, answers=answers, tell=progress())
    for measure in measures_of(done):
        each = ", ".join(f"{c} {bar.words}" for c, bar in measure.bars.items())
        typer.echo(f"{measure.title} ({measure.note}): {each}")
    typer.echo(f"Report: {out / 'quality.html'}; a page a centre: {out / 'centres'}")
