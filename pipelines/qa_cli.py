"""``corelab qa``: options of the commands over QA reviewers' ratings to their use cases."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

qa_app = typer.Typer(
    name="qa",
    help="Ratings of QA reviewers: from files into the ledger, and out of it.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Argument(help="The blinded output folder.", file_okay=False)]


class RatingsFormat(StrEnum):
    """How ratings are written."""

    CSV = "csv"
    JSON = "json"


@qa_app.command("import")
def import_(
    out: Out,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Exported by the QA page.")
    ],
    by: Annotated[str, typer.Option("--by", help="The QA reviewer whose ratings they are.")],
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", dir_okay=False, help="Default: it is asked."),
    ] = None,
) -> None:
    """Write a reviewer's own ratings into the ledger; a second time adds nothing."""
    from pipelines.qa_command import import_command
    from pipelines.users_command import Person

    reviewer = Person(name=by, passphrase_file=passphrase_file)
    raise typer.Exit(import_command(out, file, reviewer))


@qa_app.command()
def export(
    out: Out,
    form: Annotated[
        RatingsFormat, typer.Option("--format", help="As the QA page exports them.")
    ] = RatingsFormat.CSV,
) -> None:
    """Print every rating of the ledger, history included."""
    from pipelines.qa_command import export_command

    raise typer.Exit(export_command(out, form))
