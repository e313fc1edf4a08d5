"""A browser that asks an application in process, and keeps its cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
from starlette.applications import Starlette

from corelab.store.files import Json

ADDRESS = "http://127.0.0.1:8765"
PASSPHRASE = "four random plain words"  # noqa: S105 - of people who do not exist


class Browser:
    """Asks an application; what a page of ours would send along is sent along."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.cookies = httpx.Cookies()
        self.csrf = ""

    def ask(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        json: Json = None,
    ) -> httpx.Response:
        """Ask with these headers, and no others but the host's."""

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=ADDRESS, cookies=self.cookies
            ) as client:
                answer = await client.request(
                    method, url, headers=list(headers), content=content, json=json
                )
                self.cookies = client.cookies
                return answer

        return asyncio.run(once())

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Look."""
        return self.ask("GET", url, [(k.replace("_", "-"), v) for k, v in headers.items()])

    def post(self, url: str, json: Json) -> httpx.Response:
        """Send a form, as a page of ours does."""
        return self.ask("POST", url, self.own_headers(), json=json)

    def put(self, url: str, content: bytes, edition: int) -> httpx.Response:
        """Save a mask, as a page of ours does."""
        headers = [*self.own_headers(), ("If-Match", f'"{edition}"')]
        return self.ask("PUT", url, headers, content=content)

    def own_headers(self) -> list[tuple[str, str]]:
        """What the browser and a page of ours send along."""
        return [
            ("Origin", ADDRESS),
            ("Sec-Fetch-Site", "same-origin"),
            ("X-Corelab-Csrf", self.csrf),
        ]

    def enter(self) -> None:
        """Open the start link."""
        assert self.get(self.app.state.start_url).status_code == 200
        self.csrf = self.get("/api/me").json()["csrf"]

    def sign_in(self, name: str, passphrase: str = PASSPHRASE) -> httpx.Response:
        """Sign in, and know what pages of this login know."""
        answer = self.post("/api/login", {"name": name, "passphrase": passphrase})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer
