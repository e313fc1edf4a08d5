"""Lets through what comes from this machine's browser with the cookie, nothing else."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from corelab.review.answers import OWN_FILES_ONLY, absent, page, reply
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.gate import Gate
from corelab.review.serve import Place
from corelab.review.throttle import Throttle

CSRF_HEADER = "x-corelab-csrf"
_LOOKING = frozenset({"GET", "HEAD"})


class Guard:
    """First door of every application: host, start token, cookie, site.

    Parameters
    ----------
    app
        What is guarded.
    gate
        Token and cookie value.
    place
        Whose ``host:port`` a request must name.
    cookie
        Name of the cookie: cookies do not know ports, so that each role and start has its own.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, place: Place, cookie: str) -> None:
        self._app = app
        self._gate = gate
        self._place = place
        self._cookie = cookie
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        app: ASGIApp = self._app
        if scope["type"] == "websocket":
            app = WebSocketClose()
        elif scope["type"] == "http":
            app = await self._answer(Request(scope)) or self._app
        await app(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """Answer in place of the application, None for a request that may pass."""
        # A name that merely resolves to this machine is a rebinding attack: compare exactly.
        host = request.headers.getlist("host")
        is_start = request.scope["path"] == "/" and request.method == "GET"
        if host == [self._place.alias] and is_start:
            return self._moved(request)
        if host != [self._place.address]:
            return absent()
        token = request.query_params.get("token")
        if token is not None and is_start:
            return await self._exchange(token)
        # Pages on other ports of this machine count as the same site for a cookie.
        comes_from = request.headers.get("sec-fetch-site", "none")
        is_ours = comes_from in {"none", "same-origin"}
        if is_ours and self._gate.admits(request.cookies.get(self._cookie, "")):
            return None
        return absent()

    def _moved(self, request: Request) -> Response:
        """Send on to the one name: under two, a browser could hold two roles at once."""
        query = request.scope["query_string"].decode("latin-1")
        answer = reply(b"", media_type="text/plain", status=307)
        answer.headers["Location"] = f"http://{self._place.address}/?{query}"
        return answer

    async def _exchange(self, token: str) -> Response:
        value = self._gate.open(token)
        if value is None:
            # The right token is never kept waiting: no stranger can shut its owner out.
            await asyncio.sleep(self._throttle.failed())
            return absent()
        # A redirect would keep the origin of the link, and a strict cookie would not be sent.
        answer = page(
            '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url=/">'
            '<link rel="icon" href="data:,"><title>corelab</title>'
            '<p><a href="/">Open corelab</a></p></html>',
            policy=OWN_FILES_ONLY,
        )
        answer.set_cookie(self._cookie, value, path="/", httponly=True, samesite="strict")
        return answer


class OwnPagesOnly:
    """Second door, for what changes something: only a page of ours may ask it.

    Parameters
    ----------
    app
        What is guarded.
    csrf
        Returns the text that pages of the present login know.
    """

    def __init__(self, app: ASGIApp, *, csrf: Callable[[], str]) -> None:
        self._app = app
        self._csrf = csrf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        app: ASGIApp = self._app
        if scope["type"] == "http" and scope["method"] not in _LOOKING:
            app = self._answer(Request(scope)) or self._app
        await app(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        origin = request.headers.getlist("origin")
        is_own = origin == [f"http://{request.headers['host']}"]
        # An absent one is an older browser's; the origin alone decides there.
        site = request.headers.get("sec-fetch-site", "same-origin")
        if not is_own or site != "same-origin":
            return absent()
        told = request.headers.get(CSRF_HEADER, "")
        if secrets.compare_digest(told.encode(), self._csrf().encode()):
            return None
        return DeniedError(
            DenialCode.EARLIER_PAGE, "This page is of an earlier login: load it again."
        ).answer
