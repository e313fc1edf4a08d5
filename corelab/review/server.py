"""Read-only look at OUT in a browser on this machine: the QA page and the full-size mosaics.

Whoever starts the server gets a link with a token that works once; it is exchanged for a
cookie without which everything is absent. What is served stands in a table made from OUT:
no part of a URL ever becomes part of a path.
"""

from __future__ import annotations

import html
import ipaddress
import logging
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from corelab.errors import ConfigError, Fault, StoreError
from corelab.store.layout import Layout
from corelab.store.qa_page import policy_of
from corelab.vocab import Case, SubjectCode, VisitLabel

HOST = "127.0.0.1"
TOKEN_BYTES = 32

_LOG = logging.getLogger(__name__)
_NOTHING_RUNS = "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class _Gate:
    """The start token, good once, and the cookie value that it buys."""

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


class _Mosaics:
    """Table of mosaics under OUT; ids are random and keep for as long as the server runs."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._ids: dict[Case, str] = {}
        self._cases: dict[str, Case] = {}

    def listed(self) -> list[tuple[str, Case]]:
        """Id and case of every mosaic that exists now, by case."""
        found = []
        for folder in sorted(self._layout.root.glob("sub-*/ses-*")):
            case = Case(
                SubjectCode(folder.parent.name.removeprefix("sub-")),
                VisitLabel(folder.name.removeprefix("ses-")),
            )
            if self._is_inside(self._layout.mosaic(case)):
                identifier = self._ids.setdefault(case, secrets.token_urlsafe(TOKEN_BYTES))
                self._cases[identifier] = case
                found.append((identifier, case))
        return found

    def read(self, identifier: str) -> bytes | None:
        """Mosaic of this id, None where there is none."""
        case = self._cases.get(identifier)
        if case is None:
            return None
        path = self._layout.mosaic(case)
        return path.read_bytes() if self._is_inside(path) else None

    def _is_inside(self, path: Path) -> bool:
        """Whether a file exists in OUT itself, and not where a link leads out of it."""
        return path.is_file() and path.resolve().is_relative_to(self._layout.root.resolve())


class _Guard:
    """Lets through what comes from this machine's browser with the cookie, nothing else."""

    def __init__(self, app: ASGIApp, *, gate: _Gate, hosts: frozenset[str], cookie: str) -> None:
        self._app = app
        self._gate = gate
        self._hosts = hosts
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        app: ASGIApp = self._app
        if scope["type"] == "websocket":
            app = WebSocketClose()
        elif scope["type"] == "http":
            app = self._refuse(Request(scope)) or self._app
        await app(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        """Answer in place of the application, None for a request that may pass."""
        # A name that merely resolves to this machine is a rebinding attack: compare exactly.
        host = request.headers.getlist("host")
        if len(host) != 1 or host[0] not in self._hosts or request.method not in {"GET", "HEAD"}:
            return _absent()
        token = request.query_params.get("token")
        if token is not None and request.scope["path"] == "/" and request.method == "GET":
            return self._exchange(token)
        # Pages on other ports of this machine count as the same site for a cookie.
        comes_from = request.headers.get("sec-fetch-site", "none")
        is_ours = comes_from in {"none", "same-origin"}
        if is_ours and self._gate.admits(request.cookies.get(self._cookie, "")):
            return None
        return _absent()

    def _exchange(self, token: str) -> Response:
        value = self._gate.open(token)
        if value is None:
            return _absent()
        # A redirect would keep the origin of the link, and a strict cookie would not be sent.
        answer = _page(
            '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url=/">'
            '<title>corelab</title><p><a href="/">Open the QA page</a></p></html>'
        )
        answer.set_cookie(self._cookie, value, path="/", httponly=True, samesite="strict")
        return answer


def create_app(out: Path, *, host: str, port: int) -> Starlette:
    """Application over one OUT; ``app.state.start_url`` is the link that opens it once.

    Parameters
    ----------
    out
        Output folder of a batch, with its QA page.
    host, port
        Loopback address and port that the server is bound to: requests must name them.

    Raises
    ------
    ConfigError
        When the address is not this machine's own.
    StoreError
        When OUT has no QA page.
    """
    address = _loopback(host)
    layout = Layout(out)
    if not layout.qa_page.is_file():
        raise StoreError("OUT has no QA page: run a batch into it first")
    gate = _Gate()
    mosaics = _Mosaics(layout)
    hosts = frozenset({f"{address}:{port}", f"localhost:{port}"})
    guard = Middleware(_Guard, gate=gate, hosts=hosts, cookie=f"corelab_review_{port}")
    app = Starlette(
        routes=[
            Route("/", lambda _: _qa_page(layout)),
            Route("/cases", lambda _: _case_list(mosaics)),
            Route("/mosaic/{identifier}", lambda request: _mosaic(mosaics, request)),
        ],
        middleware=[guard],
        exception_handlers={404: _not_found, 405: _not_found, Exception: _incident},
    )
    app.router.redirect_slashes = False
    app.state.start_url = f"http://{address}:{port}/?token={gate.token}"
    return app


def serve(out: Path, *, port: int, announce: Callable[[str], None] | None = None) -> None:
    """Serve OUT on 127.0.0.1 until interrupted.

    Parameters
    ----------
    out
        Output folder of a batch, with its QA page.
    port
        Port to listen on; 0 takes a free one.
    announce
        Receives the link that opens the application once; written to standard output by
        default.

    Raises
    ------
    ConfigError
        When the port is taken.
    StoreError
        When OUT has no QA page.
    """
    with _listen(port) as listener:
        app = create_app(out, host=HOST, port=listener.getsockname()[1])
        (announce or _write_line)(app.state.start_url)
        # No access log: it would hold the token.
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, ws="none"
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        fault = Fault(key="port", found=f"{port}, which is taken", expected="a free port")
        raise ConfigError("review", (fault,)) from error


def _loopback(host: str) -> str:
    """Address as it stands in a URL."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        fault = Fault(key="host", found=repr(host), expected="127.0.0.1 or ::1")
        raise ConfigError("review", (fault,))
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6


def _write_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _qa_page(layout: Layout) -> Response:
    text = layout.qa_page.read_text(encoding="utf-8")
    return _page(text, policy=policy_of(text) or _NOTHING_RUNS)


def _case_list(mosaics: _Mosaics) -> Response:
    items = "".join(
        f'<li><a href="/mosaic/{identifier}">{html.escape(f"{case.subject_code} {case.visit}")}'
        "</a></li>"
        for identifier, case in mosaics.listed()
    )
    return _page(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Full-size overlays</title>'
        f'<h1>Full-size overlays</h1><p><a href="/">QA page</a></p><ul>{items}</ul></html>'
    )


def _mosaic(mosaics: _Mosaics, request: Request) -> Response:
    content = mosaics.read(request.path_params["identifier"])
    if content is None:
        return _absent()
    answer = _reply(content, media_type="image/png", policy=_NOTHING_RUNS)
    answer.headers["Content-Disposition"] = 'inline; filename="overlay.png"'
    return answer


def _page(text: str, *, policy: str = _NOTHING_RUNS) -> Response:
    return _reply(text.encode("utf-8"), media_type="text/html", policy=policy)


def _reply(content: bytes, *, media_type: str, policy: str, status: int = 200) -> Response:
    headers = {**_HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
    return Response(content, status_code=status, media_type=media_type, headers=headers)


def _absent() -> Response:
    """One answer for what is not there and what is not allowed."""
    return _reply(b"Not found\n", media_type="text/plain", policy=_NOTHING_RUNS, status=404)


def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    return _absent()


def _incident(request: Request, error: Exception) -> Response:
    """Tell the browser a number only; what happened stands in the server's log."""
    del request, error
    number = secrets.token_hex(4)
    _LOG.error("incident %s", number)
    text = f"Something went wrong. Incident {number}\n".encode()
    return _reply(text, media_type="text/plain", policy=_NOTHING_RUNS, status=500)
