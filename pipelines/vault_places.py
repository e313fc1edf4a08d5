"""Where a data manager's files that name patients may not lie."""

from __future__ import annotations

from pathlib import Path

from corelab.blinding.vault_ledger import Ledger
from corelab.errors import StoreError
from pipelines.places import refuse_nested

_MARK_OF_OUT = "dataset_description.json"


def refuse_open_places(path: Path, vault: Path, ledger: Ledger) -> None:
    """Refuse a file that names patients in OUT, in a delivery or in the vault's own folder.

    Raises
    ------
    StoreError
        With the reason.
    """
    named = "the file names patients"
    refuse_nested(
        [
            (str(path), path, vault, f"VAULT: what lies there is sealed, and {named}"),
            *((str(path), path, out, f"OUT: {named}") for out in map(Path, ledger.outs())),
            *(
                (str(path), path, Path(row.root), "INCOMING: that is the site's own")
                for row in ledger.deliveries()
                if Path(row.root).is_dir()
            ),
        ]
    )
    if any((folder / _MARK_OF_OUT).exists() for folder in path.resolve().parents):
        raise StoreError(f"{path} must not lie inside OUT: {named}")
