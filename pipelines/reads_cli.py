"""``corelab reads``: options of the commands over who reads what to their use cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from corelab.vocab import Case, SubjectCode, VisitLabel

reads_app = typer.Typer(
    name="reads",
    help="Who reads which case, and how far everybody is. For the data manager.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Argument(help="The blinded output folder.", file_okay=False)]
Code = Annotated[str, typer.Argument(help="Subject code of the case.")]
Visit = Annotated[str, typer.Argument(help="Visit of the case.")]
By = Annotated[str, typer.Option("--by", help="The data manager who does this.")]
ByFile = Annotated[
    Path | None,
    typer.Option(
        "--by-passphrase-file", dir_okay=False, help="Passphrase of the data manager in a file."
    ),
]


@reads_app.command()
def plan(
    out: Out,
    trial: Annotated[Path, typer.Option("--trial", help="The trial file (configs/*.toml).")],
    by: By,
    by_passphrase_file: ByFile = None,
) -> None:
    """Give every case its readers, each in an order of their own; again after each delivery."""
    from pipelines.reads_command import plan_command
    from pipelines.users_command import Person

    manager = Person(name=by, passphrase_file=by_passphrase_file)
    raise typer.Exit(plan_command(out, trial, manager))


@reads_app.command("list")
def list_(out: Out) -> None:
    """Show how far every reader and adjudicator is: counts, no volumes."""
    from pipelines.reads_command import list_command

    raise typer.Exit(list_command(out))


@reads_app.command()
def release(out: Out, code: Code, visit: Visit, by: By, by_passphrase_file: ByFile = None) -> None:
    """Let readers see a case whose images you have looked at (needs_release of the trial)."""
    from pipelines.reads_command import release_command
    from pipelines.users_command import Person

    manager = Person(name=by, passphrase_file=by_passphrase_file)
    raise typer.Exit(release_command(out, _case(code, visit), manager))


@reads_app.command()
def exclude(
    out: Out,
    code: Code,
    visit: Visit,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the ledger.")],
    by_passphrase_file: ByFile = None,
) -> None:
    """Take a case out of the endpoint for good, and end its reads."""
    from pipelines.reads_command import exclude_command
    from pipelines.users_command import Person

    manager = Person(name=by, passphrase_file=by_passphrase_file)
    raise typer.Exit(exclude_command(out, _case(code, visit), reason, manager))


def _case(code: str, visit: str) -> Case:
    return Case(SubjectCode(code), VisitLabel(visit))
