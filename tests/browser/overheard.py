"""All that a server tells a browser, as somebody who listens in would have it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corelab.reading.roles import Role
from corelab.review.app import room_app
from corelab.review.serve import Place
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from tests.browser.served import running


@contextmanager
def overheard(out: Path, heard: list[bytes]) -> Iterator[str]:
    """Serve readers over OUT as ``served`` does, and keep each answer, status and headers too."""

    def make(place: Place) -> Starlette:
        app = room_app(out, Role.READER, ledger, place)
        app.add_middleware(_Listener, heard=heard)
        return app

    with open_ledger(Layout(out).ledger) as ledger, running(make) as start_url:
        yield start_url


class _Listener:
    def __init__(self, app: ASGIApp, heard: list[bytes]) -> None:
        self._app = app
        self._heard = heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        heads, bodies = [], []

        async def listen(message: Message) -> None:
            if message["type"] == "http.response.start":
                heads.append(b"%d" % message["status"])
            heads.extend(b": ".join(header) for header in message.get("headers", ()))
            bodies.append(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, listen)
        body = b"".join(bodies)
        if b"content-encoding: gzip" in heads:
            body = gzip.decompress(body)
        self._heard.append(b"\n".join([*heads, body]))
