"""A look through OUT for what the vault knows: what `corelab audit` and the lock rest on."""

from __future__ import annotations

from pathlib import Path

from corelab.blinding.audit import AuditReport, audit
from corelab.blinding.vault import open_vault
from corelab.errors import StoreError
from corelab.stages.publish import publication_from
from corelab.store.layout import Layout
from pipelines.withdrawal import own_words


def audit_out(
    layout: Layout, vault_folder: Path, key_file: Path | None, command: str
) -> AuditReport:
    """Look for every identifying text of a vault under OUT.

    Parameters
    ----------
    layout
        Where OUT lies.
    vault_folder, key_file
        The identified side; it is opened, never made.
    command
        Who looks, for the vault's log.

    Raises
    ------
    StoreError
        When there is no vault, or it knows no text yet.
    """
    if not (vault_folder / "vault.sqlite").is_file():
        raise StoreError(f"{vault_folder} holds no vault")
    with open_vault(vault_folder, key_file=key_file, command=command) as vault:
        identifiers, codes = vault.identifiers(), vault.codes()
    if not identifiers:
        raise StoreError("the vault holds no identifying text yet: nothing can be proved")
    told = publication_from(layout)
    own = own_words(told.trial_id, told.visits, codes)
    return audit(layout.root, identifiers, own=own)
