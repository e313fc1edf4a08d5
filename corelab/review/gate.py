"""The start token, good once, and the cookie value that it buys."""

from __future__ import annotations

import secrets

TOKEN_BYTES = 32


class Gate:
    """Lets in the browser of whoever started the server, and no other."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._is_spent = False
        self._value = secrets.token_urlsafe(TOKEN_BYTES)

    def open(self, token: str) -> str | None:
        """Cookie value for a token, None for a wrong or spent one."""
        fits = secrets.compare_digest(token.encode(), self.token.encode())
        if self._is_spent or not fits:
            return None
        self._is_spent = True
        return self._value

    def admits(self, value: str) -> bool:
        """Whether a request carries the value that was bought."""
        fits = secrets.compare_digest(value.encode(), self._value.encode())
        return self._is_spent and fits
