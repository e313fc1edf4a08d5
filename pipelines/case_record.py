"""What the vault keeps of each measured case beside its read: what would tell of its source.

``case_key`` is a digest of every byte that a site sent for it, and the decoders tell how the site
packs its files. OUT holds neither.
"""

from __future__ import annotations

from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import Json, json_text, private_folder, read_json, write_private
from corelab.vocab import Case
from pipelines.case import CaseOutcome

_FOLDER = "cases"


def last_key_of(vault: Path, case: Case) -> str:
    """Key of the last read of a case; empty where the vault knows of none."""
    try:
        return str(read_json(_path(vault, case)).get("case_key", ""))
    except StoreError:
        return ""


def keep_record(vault: Path, outcome: CaseOutcome) -> None:
    """Keep what a new read was made of.

    Raises
    ------
    StoreError
        When the vault cannot be written to.
    """
    if outcome.read is None or not outcome.is_new:
        return
    decoders: dict[str, Json] = {contrast.value: text for contrast, text in outcome.decoders}
    record: dict[str, Json] = {"case_key": outcome.read.case_key, "decoders": decoders}
    path = _path(vault, outcome.case)
    private_folder(path.parent)
    write_private(path, json_text(record))


def _path(vault: Path, case: Case) -> Path:
    return vault / _FOLDER / f"{case.stem}.json"
