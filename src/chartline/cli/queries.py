"""queries, log, lock, unlock: ask the centres, read their answers, and freeze what is settled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chartline.cli.app import StudyArgument, app, progress
from chartline.cli.help import Verbs, examples

queries = typer.Typer(
    name="queries",
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Ask the centres, read their answers, and see where each query stands.",
    epilog=examples(
        "chartline queries export my-study --out to-send",
        "chartline queries import my-study back/A.xlsx back/B.xlsx",
        "chartline queries board my-study",
    ),
)
app.add_typer(queries)

ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; kept in the log.")]
RunByOption = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who runs this, for the log (default: the login name).")
]
CentreOption = Annotated[str | None, typer.Option("--centre", metavar="ID", help="This centre only.")]
QueryArgument = Annotated[str, typer.Argument(metavar="QUERY", help="A query's id, e.g. Q-A-12AB34CD.")]


@queries.command("export")
def export(
    study: StudyArgument,
    centre: CentreOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the files; what is in it stays.")
    ] = Path("queries"),
    by: RunByOption = None,
) -> None:
    """Write a workbook and a printable list for each centre, with everything it is asked.

    Example: chartline queries export my-study --centre A --out to-send
    """
    from chartline.pipeline import export_queries

    done = export_queries(study, out, centre=centre, by=by or _login(), tell=progress())
    for e in done:
        n = f"{e.queries} {'query' if e.queries == 1 else 'queries'}"
        typer.echo(f"{e.centre}: {n}, {e.files[0]} and {e.files[1].name}{' (as exported before)' if e.again else ''}")
    if not done:
        typer.echo("No centre is asked anything.")


@queries.command("import")
def import_(
    study: StudyArgument,
    workbooks: Annotated[list[Path], typer.Argument(metavar="WORKBOOK", help="Workbooks that centres sent back.")],
    answered_by: Annotated[
        str, typer.Option("--answered-by", metavar="NAME", help="Who answered, for rows that do not say it.")
    ] = "",
    answered_on: Annotated[
        str, typer.Option("--answered-on", metavar="DAY", help="When (yyyy-mm-dd), for rows that do not say it.")
    ] = "",
    by: RunByOption = None,
) -> None:
    """Read answered workbooks: corrections become amendments, and each query is closed, kept or asked again.

    Rows may have been sorted, columns and sheets renamed or added, the file saved by another program. What was taken up
    before is not taken up again. Rows that cannot be used are listed with their cell; the others go through.

    Example: chartline queries import my-study from-centres/A.xlsx from-centres/B.xlsx
    """
    from chartline.core.decisions import is_day
    from chartline.errors import StudyError
    from chartline.pipeline import import_answers

    if answered_on and not is_day(answered_on):
        raise StudyError(f"`{answered_on}` is not a day.", expected="yyyy-mm-dd", do="write --answered-on 2026-11-26")
    done = import_answers(
        study, workbooks, by=by or _login(), answered_by=answered_by, answered_on=answered_on, tell=progress()
    )
    for line in done.lines():
        typer.echo(line)


@queries.command("board")
def board(study: StudyArgument) -> None:
    """Show for each centre how many queries are open, answered and closed, and for how long they wait.

    Example: chartline queries board my-study
    """
    from chartline.protocol.load import load_protocol
    from chartline.queries.board import board as lines_of
    from chartline.queries.board import board_text

    centres = [c.id for c in load_protocol(study).data.centres]
    for line in board_text(lines_of(_standing(study), centres), _today()):
        typer.echo(line)


@queries.command("list")
def list_(
    study: StudyArgument,
    centre: CentreOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="open, reopened, answered, accepted, 'closed as true', 'closed by the data' (default: all that wait).",
        ),
    ] = None,
) -> None:
    """List queries by patient: their state, age, weight and what is wrong.

    Example: chartline queries list my-study --centre A --state reopened
    """
    from chartline.errors import StudyError
    from chartline.protocol.load import load_protocol
    from chartline.queries.tell import list_lines
    from chartline.state.standing import QueryState

    standing = _standing(study)
    centres = {c.id for c in load_protocol(study).data.centres} | {s.query.centre for s in standing.queries.values()}
    if centre is not None and centre not in centres:
        raise StudyError(
            f"The study has no centre {centre}.", expected=", ".join(sorted(centres)), do="name one of them"
        )
    if state is not None and state not in list(QueryState):
        raise StudyError(f"`{state}` is no state of a query.", expected=", ".join(QueryState), do="name one of them")
    for line in list_lines(standing, centre, state, _today()):
        typer.echo(line)


@queries.command("show")
def show(study: StudyArgument, query: QueryArgument) -> None:
    """Show one query: what is asked, where it stands, and everything that happened to it.

    Example: chartline queries show my-study Q-A-12AB34CD
    """
    from chartline.queries.loop import standing_of
    from chartline.queries.tell import show_lines

    for line in show_lines(standing_of(query, _standing(study)), _today()):
        typer.echo(line)


@queries.command("accept")
def accept(study: StudyArgument, query: QueryArgument, by: ByOption, reason: ReasonOption) -> None:
    """Settle a query without a correction: its values are used as they stand, with who decided and why.

    Example: chartline queries accept my-study Q-A-12AB34CD --by "A. Lead" --reason "Chart lost; dose plausible"
    """
    from chartline.pipeline import decide_query

    done = decide_query(study, query, by=by, reason=reason, accept=True)
    typer.echo(f"{done.query.id}: {done.state}.")


@queries.command("reopen")
def reopen(study: StudyArgument, query: QueryArgument, by: ByOption, reason: ReasonOption) -> None:
    """Ask a query again: a confirmation of it counts no more, and the next export has it with the reason.

    Example: chartline queries reopen my-study Q-A-12AB34CD --by "A. Lead" --reason "Which report says so?"
    """
    from chartline.pipeline import decide_query

    done = decide_query(study, query, by=by, reason=reason, accept=False)
    typer.echo(f"{done.query.id}: {done.state}.")


@app.command()
def log(
    study: StudyArgument,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="Only this query.")] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make a lost study.sqlite again from state/log.ndjson.")
    ] = False,
) -> None:
    """Show everything that happened to a study's queries, amendments and lock, and check that nobody changed it.

    Example: chartline log my-study
    """
    from chartline.protocol.load import study_home
    from chartline.queries.tell import log_lines
    from chartline.state.store import read_log
    from chartline.state.store import rebuild as made_again

    home = study_home(study)
    if rebuild:
        typer.echo(f"study.sqlite was made again from {made_again(home)} entries.")
    entries = read_log(home)
    for line in log_lines(entries, query.strip() if query else None):
        typer.echo(line)


@app.command()
def lock(
    study: StudyArgument,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who locks.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="WHY", help="Why; kept in the log.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check that everything is as it was locked.")] = False,
) -> None:
    """Freeze the study: every later run refuses a file, mapping, answer or protocol that has changed, and names it.

    Example: chartline lock my-study --by "A. Lead" --reason "Database lock for the primary analysis"
    """
    from chartline.errors import StudyError
    from chartline.pipeline import check_lock, lock_study

    if check:
        held = check_lock(study, progress())
        n = f"{len(held.body['inputs'])} inputs" if held else ""
        typer.echo(f"Locked by {held.by} on {held.day}; {n} are as they were." if held else "The study is not locked.")
        return
    if not by or not reason:
        raise StudyError("Say who locks the study, and why.", do='chartline lock STUDY --by NAME --reason "..."')
    done = lock_study(study, by=by, reason=reason, tell=progress())
    assert done.lock is not None
    typer.echo(f"Locked: {len(done.lock.body['inputs'])} inputs, protocol and chartline (state/lock.json).")
    waits = sum(s.state.waits for s in done.queries.values())
    if waits:
        typer.echo(
            f"{waits} {'query still waits' if waits == 1 else 'queries still wait'} for an answer or a decision."
        )


@app.command()
def unlock(study: StudyArgument, by: ByOption, reason: ReasonOption) -> None:
    """Lift the lock; who did and why stay in the log.

    Example: chartline unlock my-study --by "A. Lead" --reason "Centre B sent corrected dates"
    """
    from chartline.pipeline import unlock_study

    unlock_study(study, by=by, reason=reason)
    typer.echo("Unlocked.")


def _standing(study: Path):  # type: ignore[no-untyped-def]
    from chartline.protocol.load import study_home
    from chartline.state.store import read_standing

    return read_standing(study_home(study))


def _login() -> str:
    from chartline.state.store import login

    return login()


def _today() -> str:
    from chartline.state.store import utc_now

    return utc_now().date().isoformat()
