"""Which deliveries of a watched folder were run, and how that ended; kept in the vault.

``VAULT/watch.json`` holds digests and numbers. Which folder a number stands for may name a
patient: that is in ``VAULT/log/watch.txt``.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from corelab.blinding.vault_delivery import file_text
from corelab.blinding.vault_file import make_vault_folder
from corelab.errors import StoreError
from corelab.store.files import Json, json_text, private_folder, read_json, write_private

_NAME = "watch.json"
_LOG = Path("log", "watch.txt")
_FILE_MODE = 0o600
_FAILED_FROM = 2
"""Exit statuses of a run from here on mean that it did not end as a run should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the run of a delivery ended, and with which trial, subjects and version."""

    status: int
    inputs: str

    @property
    def has_failed(self) -> bool:
        """Whether it stopped before its end; a negative status is a signal that killed it."""
        return not 0 <= self.status < _FAILED_FROM


@dataclass(slots=True, kw_only=True)
class WatchRecord:
    """What a watch remembers, on disk as soon as it is told."""

    vault: Path
    _ended: dict[str, Ended] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def is_due(self, digest: str, inputs: str) -> bool:
        """Whether a delivery that looks like this is to be run.

        One that failed is run again with another trial file, subjects file or version.
        """
        ended = self._ended.get(digest)
        return ended is None or (ended.has_failed and ended.inputs != inputs)

    def note_end(self, digest: str, ended: Ended) -> None:
        """Remember how a run ended."""
        self._ended[digest] = ended
        self._save()

    def number_of(self, delivery: Path) -> int:
        """Return the number by which a delivery is spoken of; a new one gets the next."""
        name = hashlib.sha256(os.fsencode(delivery.absolute())).hexdigest()
        if name not in self._numbers:
            self._numbers[name] = len(self._numbers) + 1
            self._write_down(self._numbers[name], delivery)
            self._save()
        return self._numbers[name]

    def _save(self) -> None:
        ended: dict[str, Json] = {
            digest: {"status": e.status, "inputs": e.inputs} for digest, e in self._ended.items()
        }
        numbers: dict[str, Json] = dict(self._numbers)
        write_private(self.vault / _NAME, json_text({"ended": ended, "numbers": numbers}))

    def _write_down(self, number: int, delivery: Path) -> None:
        path = self.vault / _LOG
        try:
            private_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _FILE_MODE)
            with open(descriptor, "a", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
                stream.write(f"delivery {number}: {file_text(delivery.absolute())}\n")
        except OSError as error:
            raise StoreError(f"the vault's {_LOG} cannot be written: {error.strerror}") from error


def load_record(vault: Path) -> WatchRecord:
    """Read what earlier watches remembered; nothing where there was none.

    Raises
    ------
    StoreError
        When the vault cannot be used, or the record is not one.
    """
    make_vault_folder(vault)
    if not (vault / _NAME).exists():
        return WatchRecord(vault=vault)
    content = read_json(vault / _NAME)
    ended, numbers = content.get("ended"), content.get("numbers")
    if not isinstance(ended, dict) or not isinstance(numbers, dict):
        raise StoreError(f"the vault's {_NAME} is no record of a watch: move it away")
    return WatchRecord(
        vault=vault,
        _ended={digest: _ended_of(value) for digest, value in ended.items()},
        _numbers={name: int(str(number)) for name, number in numbers.items()},
    )


def _ended_of(value: Json) -> Ended:
    known = value if isinstance(value, dict) else {}
    return Ended(status=int(str(known.get("status", 0))), inputs=str(known.get("inputs", "")))
