"""The applications: a look at OUT without a role, and a room for each role."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from corelab.reading.roles import Role
from corelab.review.faults import handlers
from corelab.review.gate import Gate
from corelab.review.guard import Guard, OwnPagesOnly
from corelab.review.incidents import Incidents
from corelab.review.keeper import RoomKeeper
from corelab.review.login import Login
from corelab.review.look import look_routes
from corelab.review.passphrase import PassphraseDesk
from corelab.review.qa_routes import qa_routes
from corelab.review.reader import Reader
from corelab.review.reads_routes import ReadsRoutes
from corelab.review.rooms import Rooms
from corelab.review.serve import Place
from corelab.review.session import IDLE_S, Session, watching
from corelab.review.static_files import StaticFiles
from corelab.review.stay import OneStay
from corelab.review.tables import Tables
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger

_START_BYTES = 4


def look_app(out: Path, place: Place) -> Starlette:
    """Application that shows OUT; ``app.state.start_url`` is the link that opens it once.

    Parameters
    ----------
    out
        Output folder of a batch, with its QA page.
    place
        Where it is served.

    Raises
    ------
    StoreError
        When OUT has no QA page.
    """
    layout = Layout(out)
    return _guarded(look_routes(layout), layout, place, name="review")


def room_app(
    out: Path, role: Role, ledger: Ledger, place: Place, *, idle_s: float = IDLE_S
) -> Starlette:
    """Application of one role; ``app.state.start_url`` is the link that opens it once.

    Parameters
    ----------
    out
        Output folder of a batch.
    role
        Whose users may sign in.
    ledger
        Of the reads of OUT, open.
    place
        Where it is served.
    idle_s
        Seconds without work after which the passphrase is asked again.

    Raises
    ------
    LedgerError
        When the ledger holds what the rules do not allow.
    """
    layout = Layout(out)
    keeper = RoomKeeper(ledger)
    keeper.room()
    session = Session(idle_s=idle_s, may_stay=lambda name: keeper.room().users[name].is_enabled)
    rooms = Rooms(
        layout=layout,
        keeper=keeper,
        session=session,
        desk=PassphraseDesk(ledger, role),
        static=StaticFiles(),
    )
    routes = [
        *Login(session, rooms.desk, role).routes,
        rooms.static.route,
        *_ROUTES[role](rooms),
    ]
    inner = [
        Middleware(OwnPagesOnly, csrf=lambda: session.csrf),
        Middleware(OneStay, met=session.meet),
    ]
    return _guarded(routes, layout, place, name=role, inner=inner, session=session)


def _reader_routes(rooms: Rooms) -> list[Route]:
    reader = Reader(rooms.layout, rooms.keeper)
    reads = ReadsRoutes(reader, session=rooms.session, desk=rooms.desk, layout=rooms.layout)
    return [
        Route("/", rooms.behind_login(lambda: rooms.static.page("home"))),
        Route("/read/{read_id}", rooms.behind_login(lambda: rooms.static.page("read"))),
        *reads.routes,
    ]


def _statistician_routes(rooms: Rooms) -> list[Route]:
    tables = Tables(rooms.layout, rooms.session, rooms.keeper)
    return [Route("/", rooms.behind_login(tables.page)), *tables.routes]


_ROUTES: dict[Role, Callable[[Rooms], list[Route]]] = {
    Role.READER: _reader_routes,
    Role.QA: qa_routes,
    Role.STATISTICIAN: _statistician_routes,
}


def _guarded(
    routes: Sequence[Route],
    layout: Layout,
    place: Place,
    *,
    name: str,
    inner: Sequence[Middleware] = (),
    session: Session | None = None,
) -> Starlette:
    gate = Gate()
    # Of its own for each role and start: an earlier start's cookie is not this one's.
    cookie = f"corelab_{name}_{place.port}_{secrets.token_hex(_START_BYTES)}"
    guard = Middleware(Guard, gate=gate, place=place, cookie=cookie)
    app = Starlette(
        routes=list(routes),
        middleware=[Middleware(Incidents), guard, *inner],
        exception_handlers=dict(handlers(layout)),
        lifespan=watching(session) if session else None,
    )
    app.router.redirect_slashes = False
    app.state.start_url = place.link(gate.token)
    return app
