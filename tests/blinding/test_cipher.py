from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.blinding.cipher import KEY_BYTES, SALT_BYTES, Cipher
from corelab.errors import StoreError

KEY, SALT = bytes(range(KEY_BYTES)), bytes(SALT_BYTES)
CIPHER = Cipher(KEY, SALT)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(text=TEXTS)
def test_what_is_sealed_is_given_back(text: str) -> None:
    assert CIPHER.open("a.b", CIPHER.seal("a.b", text)) == text
    assert CIPHER.text_of("a.b", CIPHER.key_of("a.b", text)) == text


def test_equal_texts_are_equal_only_where_they_are_looked_up() -> None:
    assert CIPHER.key_of("a.b", "Doe") == CIPHER.key_of("a.b", "Doe")
    assert CIPHER.key_of("a.b", "Doe") != CIPHER.key_of("a.c", "Doe")
    assert CIPHER.seal("a.b", "Doe") != CIPHER.seal("a.b", "Doe")


def test_a_value_cannot_be_moved_to_another_column() -> None:
    with pytest.raises(StoreError, match=r"a value of a\.c is not what was written"):
        CIPHER.open("a.c", CIPHER.seal("a.b", "Doe"))
    with pytest.raises(StoreError, match="damaged or was changed"):
        CIPHER.text_of("a.c", CIPHER.key_of("a.b", "Doe"))


@given(place=st.integers(0, 39), change=st.integers(1, 255))
def test_any_changed_byte_is_found(place: int, change: int) -> None:
    sealed = bytearray(CIPHER.seal("a.b", "Doe^Jane"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(StoreError, match="restore a copy"):
        CIPHER.open("a.b", bytes(sealed))


def test_two_vaults_under_one_key_share_nothing() -> None:
    other = Cipher(KEY, b"other salt, 16 b")
    assert other.key_of("a.b", "Doe") != CIPHER.key_of("a.b", "Doe")
    assert other.fingerprint != CIPHER.fingerprint
    assert other.chained(b"", b"line") != CIPHER.chained(b"", b"line")


@given(one=TEXTS, other=TEXTS)
def test_a_uid_is_valid_the_same_for_the_same_text_and_for_no_other(one: str, other: str) -> None:
    uid = CIPHER.uid_of(one)
    assert re.fullmatch(r"2\.25\.[1-9]\d*", uid)
    assert len(uid) <= 64
    assert (uid == CIPHER.uid_of(other)) is (one == other)
    assert uid != Cipher(KEY, b"other salt, 16 b").uid_of(one)


def test_text_that_is_no_unicode_is_spelled_out() -> None:
    assert CIPHER.open("a.b", CIPHER.seal("a.b", "M\udcfcller")) == "M\\udcfcller"
