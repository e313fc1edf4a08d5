"""Signing in and out, and the way back from the idle lock."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.review.answers import json_reply
from corelab.review.bodies import form_of
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.passphrase import PassphraseDesk
from corelab.review.session import SIGN_IN_FIRST, Session
from corelab.review.stay import STAY_COOKIE, stay_of
from corelab.store.signing import Signer


class Login:
    """The routes of one role's login.

    Parameters
    ----------
    session
        Who sits before the browser.
    desk
        Opens keys.
    role
        Of the server.
    """

    def __init__(self, session: Session, desk: PassphraseDesk, role: str) -> None:
        self._session = session
        self._desk = desk
        self._role = role

    @property
    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/api/me", self._me, methods=["GET"]),
            Route("/api/login", self._login, methods=["POST"]),
            Route("/api/logout", self._logout, methods=["POST"]),
            Route("/api/unlock", self._unlock, methods=["POST"]),
        ]

    async def _me(self, _: Request) -> Response:
        """Say who is there; asking is no work and keeps nobody from being idle."""
        return json_reply(
            {
                "name": self._session.name,
                "presence": self._session.presence.value,
                "role": self._role,
                "csrf": self._session.csrf,
                "idle_s": self._session.idle_s,
            }
        )

    async def _login(self, request: Request) -> Response:
        form = await form_of(request)
        signer = await self._opened(form.text("name"), form.secret("passphrase"))
        stay = stay_of(self._role, request.cookies.get(STAY_COOKIE, ""))
        self._session.enter(signer, stay)
        answer = await self._me(request)
        answer.set_cookie(STAY_COOKIE, stay, path="/", httponly=True, samesite="strict")
        return answer

    async def _unlock(self, request: Request) -> Response:
        form = await form_of(request)
        name = self._session.name
        if name is None:
            raise DeniedError(DenialCode.SIGN_IN, SIGN_IN_FIRST)
        self._session.resume(await self._opened(name, form.secret("passphrase")))
        return await self._me(request)

    async def _logout(self, request: Request) -> Response:
        self._session.leave()
        return await self._me(request)

    async def _opened(self, name: str, passphrase: str) -> Signer:
        return await run_in_threadpool(self._desk.opened, name, passphrase)
