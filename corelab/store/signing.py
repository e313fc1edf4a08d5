"""The cryptography door of the blinded side: signatures, and keys sealed under passphrases.

Ed25519 signs (RFC 8032). A private key is kept sealed with AES-GCM under a key that scrypt
(RFC 7914) makes of its owner's passphrase and a salt drawn anew at each sealing.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PRIVATE_KEY_BYTES = 32
_SALT_BYTES, _SEALING_KEY_BYTES = 16, 32
_COST, _BLOCK_SIZE, _PARALLEL = 2**15, 8, 1
# A fresh salt makes a key that seals one message: its nonce cannot come twice.
_NONCE = bytes(12)
_PURPOSE = b"corelab ledger entry\0"
"""Stands before what is signed, so that no signature can be taken for one of another purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A private key that only its owner's passphrase opens."""

    salt: bytes
    content: bytes


class Signer:
    """A user whose key is open: signs in this name as long as it is kept.

    Parameters
    ----------
    name
        Of the user.
    private_key
        The 32 bytes of an Ed25519 private key.
    """

    def __init__(self, name: str, private_key: bytes) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key_hex = self._key.public_key().public_bytes_raw().hex()

    def __repr__(self) -> str:
        """Say who it is, never the key."""
        return f"Signer({self.name})"

    def sign(self, message: bytes) -> bytes:
        """Signature of a message, 64 bytes."""
        return self._key.sign(_PURPOSE + message)


def new_private_key() -> bytes:
    """Draw a private key at random."""
    return os.urandom(PRIVATE_KEY_BYTES)


def signed_text(sha256: str) -> bytes:
    """Return what is signed of a file: its digest, told apart from that of an entry."""
    return b"file sha256 " + bytes.fromhex(sha256)


def is_signed(message: bytes, signature: bytes, public_key_hex: str) -> bool:
    """Whether a signature is of this message and by the owner of this key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key_hex))
        key.verify(signature, _PURPOSE + message)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(private_key: bytes, passphrase: str, owner: str) -> SealedKey:
    """Seal a key under a passphrase, bound to the name of its owner."""
    salt = os.urandom(_SALT_BYTES)
    content = AESGCM(_sealing_key(passphrase, salt)).encrypt(_NONCE, private_key, owner.encode())
    return SealedKey(salt=salt, content=content)


def unseal(sealed: SealedKey, passphrase: str, owner: str) -> bytes | None:
    """Private key of its owner; ``None`` where the passphrase is another, or the seal is broken."""
    try:
        cipher = AESGCM(_sealing_key(passphrase, sealed.salt))
        return cipher.decrypt(_NONCE, sealed.content, owner.encode())
    except InvalidTag:
        return None


def _sealing_key(passphrase: str, salt: bytes) -> bytes:
    """Key of a passphrase, the same however a keyboard composes its letters."""
    derive = Scrypt(salt=salt, length=_SEALING_KEY_BYTES, n=_COST, r=_BLOCK_SIZE, p=_PARALLEL)
    return derive.derive(unicodedata.normalize("NFKC", passphrase).encode("utf-8", "replace"))
