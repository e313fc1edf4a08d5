"""What every role's routes are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from corelab.review.keeper import RoomKeeper
from corelab.review.passphrase import PassphraseDesk
from corelab.review.session import Presence, Session
from corelab.review.static_files import StaticFiles
from corelab.store.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """One role's server: OUT, its ledger, who sits before the browser, and our own files."""

    layout: Layout
    keeper: RoomKeeper
    session: Session
    desk: PassphraseDesk
    static: StaticFiles

    def behind_login(self, show: Callable[[], Response]) -> Callable[[Request], Response]:
        """Return a page for whoever is signed in; the login stands in its place until then."""

        def answer(_: Request) -> Response:
            is_in = self.session.presence is Presence.SIGNED_IN
            return show() if is_in else self.static.page("login")

        return answer
