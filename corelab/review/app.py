"""The applications: a look at OUT without a role, and a room for each role."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.review.answers import absent
from corelab.review.gate import Gate
from corelab.review.guard import Guard
from corelab.review.incidents import Incidents
from corelab.review.look import look_routes
from corelab.review.serve import Place
from corelab.store.layout import Layout


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
    return _guarded(look_routes(Layout(out)), place, name="review")


def _guarded(
    routes: Sequence[Route], place: Place, *, name: str, inner: Sequence[Middleware] = ()
) -> Starlette:
    gate = Gate()
    cookie = f"corelab_{name}_{place.port}"
    guard = Middleware(Guard, gate=gate, hosts=place.hosts, cookie=cookie)
    app = Starlette(
        routes=list(routes),
        middleware=[Middleware(Incidents), guard, *inner],
        exception_handlers={404: _not_found, 405: _not_found},
    )
    app.router.redirect_slashes = False
    app.state.start_url = place.link(gate.token)
    return app


def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    return absent()
