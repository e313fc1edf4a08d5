"""An application on the loopback address until it is interrupted."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from corelab.errors import ConfigError, Fault

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Loopback address and port that a server is bound to: requests must name them.

    Raises
    ------
    ConfigError
        When the address is not this machine's own.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        """Check once."""
        try:
            is_own = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            is_own = False
        if not is_own:
            fault = Fault(key="host", found=repr(self.host), expected="127.0.0.1 or ::1")
            raise ConfigError("review", (fault,))

    def link(self, token: str) -> str:
        """Return the link that a start token opens."""
        return f"http://{self.address}/?token={token}"

    @property
    def alias(self) -> str:
        """The same place by another name, for which a browser would keep other cookies."""
        return f"localhost:{self.port}"

    @property
    def address(self) -> str:
        """Host that a request must name."""
        is_long = ipaddress.ip_address(self.host).version == 6  # noqa: PLR2004 - IPv6
        return f"[{self.host}]:{self.port}" if is_long else f"{self.host}:{self.port}"


def serve(
    make: Callable[[Place], Starlette],
    *,
    port: int,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve an application on 127.0.0.1 until interrupted.

    Parameters
    ----------
    make
        Makes the application for the place that it is bound to.
    port
        Port to listen on; 0 takes a free one.
    announce
        Receives the link that opens the application once; written to standard output by
        default.

    Raises
    ------
    ConfigError
        When the port is taken.
    """
    with _listen(port) as listener:
        app = make(Place(HOST, listener.getsockname()[1]))
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


def _write_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
