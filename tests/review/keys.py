"""Keys of people who do not exist: what makes one of a passphrase is slow by purpose."""

from __future__ import annotations

from functools import cache

import pytest

from corelab.store import signing

_KEY_OF = cache(signing._sealing_key)  # noqa: SLF001 - the same key of the same words and salt


def open_keys_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive each key once, for all copies of an OUT."""
    monkeypatch.setattr(signing, "_sealing_key", _KEY_OF)
