"""Dask's dashboard: served to this machine alone, and to nobody who did not ask for it."""

from __future__ import annotations

import http.client
import socket
from enum import Enum
from urllib.parse import urlsplit

from corelab.errors import StoreError

LOOPBACK = "127.0.0.1"
_ANSWER_S = 5


class Dashboard(Enum):
    """Whether a run's scheduler serves its dashboard."""

    OFF = "off"
    ON_LOOPBACK = "on loopback"


def free_port() -> int:
    """Port on which nobody listens on this machine."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def dashboard_settings(dashboard: Dashboard, port: int) -> dict[str, object]:
    """Give Dask's settings under which its servers show the dashboard only, if anything.

    A page of another site that a browser has open may not listen to it.
    """
    origins = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin"
    settings: dict[str, object] = {
        origins: [f"{LOOPBACK}:{port}", f"localhost:{port}"],
    }
    if dashboard is Dashboard.OFF:
        settings["distributed.scheduler.http.routes"] = []
    return settings


def is_absent(link: str) -> bool:
    """Whether a scheduler names an address at which it serves no page; it names one always."""
    place = urlsplit(link)
    connection = http.client.HTTPConnection(place.netloc, timeout=_ANSWER_S)
    try:
        connection.request("GET", place.path)
        return connection.getresponse().status == http.client.NOT_FOUND
    except (OSError, http.client.HTTPException):
        return False  # it may be seen from elsewhere alone
    finally:
        connection.close()


def refuse_absent_dashboard(dashboard: Dashboard) -> None:
    """Refuse a dashboard that cannot be served here.

    Raises
    ------
    StoreError
        With what to install.
    """
    if dashboard is Dashboard.OFF:
        return
    try:
        import distributed.dashboard.scheduler  # noqa: F401, PLC0415 - slow, and needed by few
    except ImportError as error:
        hint = 'pip install "corelab[dash]"'
        raise StoreError(f"--dashboard needs bokeh, which is not here: {hint}") from error
