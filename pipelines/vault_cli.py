"""``corelab vault``: options of the data manager's commands to their use cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

vault_app = typer.Typer(
    name="vault",
    help="What a data manager does with the identified side; every access is logged.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="The vault folder.", file_okay=False)]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--vault-key",
        dir_okay=False,
        help="Key of the vault; default: the variable CORELAB_VAULT_KEY, else VAULT.key beside it.",
    ),
]


@vault_app.command()
def show(
    vault: Folder,
    people: Annotated[bool, typer.Option("--people", help="Who is who.")] = False,
    cases: Annotated[bool, typer.Option("--cases", help="Studies, dates and visits.")] = False,
    batches: Annotated[bool, typer.Option("--batches", help="Every run.")] = False,
    log: Annotated[
        bool, typer.Option("--log", help="Every access, and whether it is whole.")
    ] = False,
    delivery: Annotated[
        int | None, typer.Option(min=1, help="Files of this delivery with their SHA-256.")
    ] = None,
    vault_key: KeyFile = None,
) -> None:
    """Show deliveries; or people, cases, batches, the log, the files of one delivery."""
    from pipelines.vault_command import Topic, VaultPlace, show_command

    asked = {Topic.PEOPLE: people, Topic.CASES: cases, Topic.BATCHES: batches, Topic.LOG: log}
    topics = tuple(topic for topic, is_asked in asked.items() if is_asked)
    if not topics and delivery is None:
        topics = (Topic.DELIVERIES,)
    place = VaultPlace(folder=vault, key_file=vault_key)
    raise typer.Exit(show_command(place, topics, delivery))


@vault_app.command()
def query(
    vault: Folder,
    csv: Annotated[
        Path | None, typer.Option("--csv", dir_okay=False, help="Also as a file (identified).")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also files and series that nobody needs.")
    ] = False,
    vault_key: KeyFile = None,
) -> None:
    """List what is held back, why, where it lies, and the text to send to the site."""
    from pipelines.vault_command import VaultPlace, query_command

    place = VaultPlace(folder=vault, key_file=vault_key)
    raise typer.Exit(query_command(place, csv, with_unneeded=everything))


@vault_app.command()
def export(
    vault: Folder,
    file: Annotated[Path, typer.Argument(help="CSV: the crosswalk (identified).", dir_okay=False)],
    vault_key: KeyFile = None,
) -> None:
    """Write the crosswalk, patient to subject code, for its owner alone."""
    from pipelines.vault_command import VaultPlace, export_command

    raise typer.Exit(export_command(VaultPlace(folder=vault, key_file=vault_key), file))
