"""``corelab ledger``: options of the commands over the ledger of reads to their use cases."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ledger_app = typer.Typer(
    name="ledger",
    help="The record of all reads: is it as it was written, and what does it say.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Argument(help="The blinded output folder.", file_okay=False)]


class ShowFormat(StrEnum):
    """How ``corelab ledger show`` is written."""

    TEXT = "text"
    JSON = "json"


@ledger_app.command()
def verify(
    out: Out,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="HEAD", help="A head noted before: nothing may be cut."),
    ] = None,
) -> None:
    """Say which entry is the first that is not as it was written: exit 1 when there is one."""
    from pipelines.ledger_command import verify_command

    raise typer.Exit(verify_command(out, expect))


@ledger_app.command()
def head(out: Out) -> None:
    """Print the head of a ledger that is as it was written, to be noted elsewhere."""
    from pipelines.ledger_command import head_command

    raise typer.Exit(head_command(out))


@ledger_app.command()
def show(
    out: Out,
    after: Annotated[int, typer.Option(min=0, help="Only entries behind this one.")] = 0,
    form: Annotated[
        ShowFormat, typer.Option("--format", help="For people, or a JSON object a line.")
    ] = ShowFormat.TEXT,
) -> None:
    """Print every entry, without masks. Not for readers: it holds all reads."""
    from pipelines.ledger_command import show_command

    raise typer.Exit(show_command(out, after, form))


@ledger_app.command()
def backup(
    out: Out,
    file: Annotated[Path, typer.Argument(help="The copy: a new file.", dir_okay=False)],
) -> None:
    """Copy the ledger whole, also while the reading room is open, and check the copy."""
    from pipelines.ledger_command import backup_command

    raise typer.Exit(backup_command(out, file))
