"""What the vault keeps of each measured case beside its read: what would tell of its source.

Its key is made of every byte that a site sent for it, and the decoders tell how the site packs its
files. OUT holds neither.
"""

from __future__ import annotations

from pathlib import Path

from corelab.errors import StoreError
from corelab.store.files import Json, json_text, private_folder, read_json, write_private
from corelab.vocab import Case
from pipelines.case import CaseOutcome
from pipelines.case_key import CaseKey
from pipelines.pending import note_measured

_FOLDER = "cases"


def last_key_of(vault: Path, case: Case) -> CaseKey | None:
    """Key of the last read of a case; none where the vault knows of none."""
    try:
        record = read_json(_path(vault, case))
        return CaseKey(*(str(record[name]) for name in CaseKey._fields))
    except (StoreError, KeyError):
        return None


def keep_record(vault: Path, outcome: CaseOutcome) -> None:
    """Keep what a new read was made of, and that its case is done.

    Raises
    ------
    StoreError
        When the vault cannot be written to.
    """
    if outcome.read is None:
        return
    if outcome.is_new and outcome.key:
        _keep_key(vault, outcome, outcome.key)
    note_measured(vault, outcome.case)


def _keep_key(vault: Path, outcome: CaseOutcome, key: CaseKey) -> None:
    decoders: dict[str, Json] = {contrast.value: text for contrast, text in outcome.decoders}
    record: dict[str, Json] = {**key._asdict(), "decoders": decoders}
    path = _path(vault, outcome.case)
    private_folder(path.parent)
    write_private(path, json_text(record))


def _path(vault: Path, case: Case) -> Path:
    return vault / _FOLDER / f"{case.stem}.json"
