"""Masks that accepted volumes rest on, out of the ledger and onto their image's grid."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.store.nifti import load_volume, save_volume
from corelab.store.record import load_read
from corelab.vocab import HumanVersion


def write_accepted_masks(
    layout: Layout, versions: Iterable[HumanVersion], ledger: Ledger
) -> tuple[Path, ...]:
    """Bring the folder of accepted masks up to the ledger: those that lack, and no others.

    They lie outside the cases' folders, which a run exchanges.

    Parameters
    ----------
    layout
        Where OUT lies.
    versions
        Of people's reads; those that an accepted volume rests on have their masks written.
    ledger
        Holds the masks.

    Returns
    -------
    tuple of Path
        Every file of the folder.

    Raises
    ------
    StoreError
        When a mask is not in the ledger as it was signed, or has not its image's shape.
    """
    wanted = {
        layout.accepted_mask(version.case, version.read_id, version.version): version
        for version in versions
        if version.is_accepted and version.mask_sha256 and _is_of_out(layout, version)
    }
    for path in set(layout.accepted_folder.glob("*")) - wanted.keys():
        path.unlink()
    for path, version in sorted(wanted.items()):
        if not path.exists():
            layout.accepted_folder.mkdir(exist_ok=True)
            _write(path, version, layout, ledger)
    with suppress(OSError):
        layout.accepted_folder.rmdir()  # where nothing is accepted any more
    return tuple(sorted(wanted))


def _write(path: Path, version: HumanVersion, layout: Layout, ledger: Ledger) -> None:
    labels = unpack_mask(ledger.blob(version.mask_sha256 or ""))
    # The automatic mask has the measured image's grid, and is the smaller file to read.
    grid = load_volume(layout.infarct_mask(version.case))
    if labels.shape != grid.shape:
        told = f"found {labels.shape}, expected {grid.shape} as its image"
        raise StoreError(f"the mask of the read {version.read_id} has another shape: {told}")
    save_volume(path, replace(grid, data=labels))


def _is_of_out(layout: Layout, version: HumanVersion) -> bool:
    """Whether OUT still holds the image that was read."""
    path = layout.read(version.case)
    if not path.exists():
        return False
    return version.image_sha256 in {digest.sha256 for digest in load_read(path).digests}
