"""A process that writes drafts into a ledger and says of each, once it is acknowledged, so."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from corelab.store.ledger import StaleError, open_ledger
from corelab.store.ledger_mask import PackedMask, pack_mask
from tests.store.ledger_of_reads import ANNA, BEN


def write_drafts(path: Path, name: str, count: int) -> None:
    """Write so many drafts of one read, each in the place of the one before."""
    signer = {known.name: known for known in (ANNA, BEN)}[name]
    rng = np.random.default_rng(len(name))
    former: tuple[str, ...] = ()
    with open_ledger(path) as ledger:
        written = 0
        while written < count:
            packed: PackedMask = pack_mask(rng.integers(0, 3, (40, 40, 20), dtype=np.uint8))
            try:
                entry = ledger.append(
                    signer,
                    "draft_saved",
                    {"read_id": name, "mask_sha256": packed.sha256},
                    after=ledger.head().sequence,
                    blobs={packed.sha256: packed.content},
                    drop=former,
                )
            except StaleError:
                continue
            former, written = (packed.sha256,), written + 1
            sys.stdout.write(f"{entry.sequence} {entry.digest.hex()}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    write_drafts(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
