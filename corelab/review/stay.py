"""One role at a time in a browser: a sign-in under another role ends those before it.

Cookies do not know ports, so that every server on this address is told of the same one. A sign-in
writes its stay there, and a server whose people find another stay there ends theirs.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

STAY_COOKIE = "corelab_stay"

_STAY_BYTES = 32
_DRAWN = re.compile(r"[\w-]{43}", re.ASCII)


def stay_of(role: str, told: str) -> str:
    """Return the stay that a sign-in belongs to.

    Parameters
    ----------
    role
        Of the server.
    told
        The browser's stay until now: one of the same role goes on, so that two servers of a role,
        over two OUTs, do not end each other.
    """
    before, _, drawn = told.partition(".")
    if before == role and _DRAWN.fullmatch(drawn):
        return told
    return f"{role}.{secrets.token_urlsafe(_STAY_BYTES)}"


class OneStay:
    """Door that tells of the stay which each request carries.

    Parameters
    ----------
    app
        What is guarded.
    met
        Hears of it before anything is answered.
    """

    def __init__(self, app: ASGIApp, *, met: Callable[[str], None]) -> None:
        self._app = app
        self._met = met

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request."""
        if scope["type"] == "http":
            self._met(Request(scope).cookies.get(STAY_COOKIE, ""))
        await self._app(scope, receive, send)
