"""The cryptography door: texts of the vault sealed with AES-256-SIV (RFC 5297).

One cipher does for both kinds of column. A column that is looked up is sealed deterministically:
equal texts give equal bytes, which an index can find, and nothing else is told. Every other column
gets a random nonce, so that not even equality shows. AES-GCM would need a keyed digest beside each
looked-up value, and breaks where a nonce comes twice (a restored copy of a machine); SIV does not.

Every value is bound to its table and column: it cannot be moved to another one unnoticed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from corelab.errors import StoreError

KEY_BYTES = 32
SALT_BYTES = 16
FINGERPRINT_LENGTH = 12
_SIV_KEY_BYTES = 64
_NONCE_BYTES = 16
_UUID_BYTES = 16
_MARK = b"="
"""Stands before every text: some versions of the library seal no empty message."""


class Cipher:
    """Seals and opens the texts of one vault.

    Parameters
    ----------
    key
        The 32 bytes of the key file.
    salt
        The vault's own random bytes: two vaults under one key share no subkey.
    """

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._siv = AESSIV(_subkey(key, salt, b"texts", _SIV_KEY_BYTES))
        self._chain_key = _subkey(key, salt, b"log", KEY_BYTES)
        self._uid_key = _subkey(key, salt, b"uids", KEY_BYTES)
        check = _subkey(key, salt, b"fingerprint", KEY_BYTES)
        self.fingerprint = check.hex()[:FINGERPRINT_LENGTH]

    def seal(self, column: str, text: str) -> bytes:
        """Seal a text that is only ever read back.

        Parameters
        ----------
        column
            ``table.column``.
        text
            Any text; lone surrogates are written as escapes.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._siv.encrypt(_bytes(text), [column.encode(), nonce])

    def open(self, column: str, sealed: bytes) -> str:
        """Give back what :meth:`seal` was given."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return self._opened(column, rest, [column.encode(), nonce])

    def key_of(self, column: str, text: str) -> bytes:
        """Seal a text that is looked up: equal texts give equal bytes."""
        return self._siv.encrypt(_bytes(text), [column.encode()])

    def text_of(self, column: str, sealed: bytes) -> str:
        """Give back what :meth:`key_of` was given."""
        return self._opened(column, sealed, [column.encode()])

    def chained(self, previous: bytes, record: bytes) -> bytes:
        """HMAC-SHA-256 of a log record and of the one before it."""
        return hmac.digest(self._chain_key, hashlib.sha256(record).digest() + previous, "sha256")

    def uid_of(self, text: str) -> str:
        """DICOM UID for what a text describes (PS3.5, B.2): equal texts give equal UIDs.

        It tells nothing of the text to who does not hold the key.
        """
        digest = hmac.digest(self._uid_key, _bytes(text), "sha256")
        return f"2.25.{uuid.UUID(bytes=digest[:_UUID_BYTES], version=5).int}"

    def _opened(self, column: str, sealed: bytes, bound_to: list[bytes]) -> str:
        try:
            return self._siv.decrypt(sealed, bound_to).decode().removeprefix(_MARK.decode())
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"the vault is damaged or was changed by hand: a value of {column} is not what was "
                "written there; restore a copy of the vault"
            ) from error


def _subkey(key: bytes, salt: bytes, purpose: bytes, length: int) -> bytes:
    info = b"corelab vault " + purpose
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def _bytes(text: str) -> bytes:
    return _MARK + text.encode("utf-8", "backslashreplace")
