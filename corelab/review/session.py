"""Who sits before the one browser that is let in: signed in, idle or nobody."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum

from starlette.applications import Starlette

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.gate import TOKEN_BYTES
from corelab.store.signing import Signer

IDLE_S = 15 * 60.0
SIGN_IN_FIRST = "Sign in first."
OTHER_ROLE = (
    "This browser was signed in under another role, which ended your stay here. "
    "Sign in here again in another tab."
)
_IDLE_CHECKS = 20


class Presence(StrEnum):
    """Whether somebody is signed in, and still there."""

    SIGNED_OUT = "signed_out"
    SIGNED_IN = "signed_in"
    IDLE = "idle"


class Session:
    """The person who is signed in, with the key that the passphrase opened.

    The key is dropped at leaving and after a while without work; the name stays then, so that
    the page of the same person goes on after the passphrase.

    Parameters
    ----------
    idle_s
        Seconds without work after which the key is dropped.
    clock
        Seconds that never go back.
    may_stay
        Whether a person is still a user: asked each time that they do something.
    """

    def __init__(
        self,
        *,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
        may_stay: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.idle_s = idle_s
        self._clock = clock
        self._may_stay = may_stay
        self._name: str | None = None
        self._signer: Signer | None = None
        self._stay = ""
        self._why_out = SIGN_IN_FIRST
        self._active_at = clock()
        self._csrf = secrets.token_urlsafe(TOKEN_BYTES)

    @property
    def csrf(self) -> str:
        """What pages of the present login know, and no other page."""
        return self._csrf

    @property
    def name(self) -> str | None:
        """Who is signed in, or was until the idle lock."""
        return self._name

    @property
    def presence(self) -> Presence:
        """Whether somebody is signed in, as it is now."""
        self.lock_if_idle()
        if self._name is None:
            return Presence.SIGNED_OUT
        return Presence.IDLE if self._signer is None else Presence.SIGNED_IN

    def enter(self, signer: Signer, stay: str) -> None:
        """Let a person in: pages of anybody else who was here end.

        Parameters
        ----------
        signer
            The key that their passphrase opened.
        stay
            What their browser says from now on, see :mod:`corelab.review.stay`.
        """
        if signer.name != self._name:
            self._csrf = secrets.token_urlsafe(TOKEN_BYTES)
        self._name, self._signer = signer.name, signer
        self._stay = stay
        self._active_at = self._clock()

    def resume(self, signer: Signer) -> None:
        """Open the idle lock, unless the person was put out while the passphrase was judged.

        Raises
        ------
        DeniedError
            When nobody of this name is here any more.
        """
        if signer.name != self._name:
            raise DeniedError(DenialCode.SIGN_IN, self._why_out)
        self.enter(signer, self._stay)

    def meet(self, stay: str) -> None:
        """Put out whoever is here when the browser says another stay than theirs."""
        if self._name is not None and stay != self._stay:
            self.leave(OTHER_ROLE)

    def leave(self, why: str = SIGN_IN_FIRST) -> None:
        """Sign out; ``why`` is what is said to whoever asks for something then."""
        self._name = self._signer = None
        self._why_out = why
        self._csrf = secrets.token_urlsafe(TOKEN_BYTES)

    def lock_if_idle(self) -> None:
        """Drop the key of somebody who has done nothing for long."""
        if self._clock() - self._active_at >= self.idle_s:
            self._signer = None

    def signer(self) -> Signer:
        """Return the key of whoever works here, and note that they do.

        Raises
        ------
        DeniedError
            When nobody is signed in or who was is no user any more, or the idle lock has closed.
        """
        self.lock_if_idle()
        signer = self._signer
        if signer is not None and not self._may_stay(signer.name):
            self.leave()
            message = "Your access has ended: ask the data manager."
            raise DeniedError(DenialCode.SIGN_IN, message)
        if signer is not None:
            self._active_at = self._clock()
            return signer
        if self._name is None:
            raise DeniedError(DenialCode.SIGN_IN, self._why_out)
        message = "Locked because nothing was done for a while: give your passphrase to go on."
        raise DeniedError(DenialCode.IDLE, message)


def watching(session: Session) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return what drops the key of somebody who went away, also when nothing is asked any more."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(session.idle_s / _IDLE_CHECKS)
            session.lock_if_idle()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(watch())
        yield
        task.cancel()

    return lifespan
