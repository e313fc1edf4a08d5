"""``corelab users``: options of the commands over the reading room's users to their use cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from corelab.reading.roles import Role

users_app = typer.Typer(
    name="users",
    help="Who may read, check and manage in the reading room.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Argument(help="The blinded output folder.", file_okay=False)]
Name = Annotated[str, typer.Argument(help="Of the user: 2 to 20 of a-z, 0-9, dash, underscore.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        dir_okay=False,
        help="Passphrase of the user in a private file, for automation; default: it is asked.",
    ),
]
By = Annotated[str | None, typer.Option("--by", help="The data manager who does this.")]
ByFile = Annotated[
    Path | None,
    typer.Option(
        "--by-passphrase-file", dir_okay=False, help="Passphrase of the data manager in a file."
    ),
]


@users_app.command()
def add(
    out: Out,
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What the user is there for.")],
    by: By = None,
    passphrase_file: PassphraseFile = None,
    by_passphrase_file: ByFile = None,
) -> None:
    """Add a user; the first one is a data manager and makes the ledger."""
    from pipelines.users_command import Person, add_command

    user = Person(name=name, passphrase_file=passphrase_file)
    manager = Person(name=by, passphrase_file=by_passphrase_file) if by else None
    raise typer.Exit(add_command(out, user, role, manager))


@users_app.command("list")
def list_(out: Out) -> None:
    """List every user with role and state."""
    from pipelines.users_command import list_command

    raise typer.Exit(list_command(out))


@users_app.command()
def disable(
    out: Out,
    name: Name,
    by: Annotated[str, typer.Option("--by", help="The data manager who does this.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the ledger.")],
    by_passphrase_file: ByFile = None,
) -> None:
    """Let a user sign nothing more; all that the user signed stays."""
    from pipelines.users_command import Person, disable_command

    manager = Person(name=by, passphrase_file=by_passphrase_file)
    raise typer.Exit(disable_command(out, name, reason, manager))


@users_app.command()
def passphrase(
    out: Out,
    name: Name,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option("--new-passphrase-file", dir_okay=False, help="The new one in a file."),
    ] = None,
) -> None:
    """Change a user's own passphrase."""
    from pipelines.users_command import Person, passphrase_command

    user = Person(name=name, passphrase_file=passphrase_file)
    raise typer.Exit(passphrase_command(out, user, new_passphrase_file))
