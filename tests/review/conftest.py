from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corelab.reading.roles import Role
from corelab.review.app import room_app
from corelab.review.keeper import RoomKeeper
from corelab.review.serve import Place
from corelab.store.layout import Layout
from corelab.store.ledger import open_ledger
from corelab.store.users import unlock
from tests.review.browser import PASSPHRASE, Browser
from tests.review.furnished import Furnished, furnish
from tests.review.keys import open_keys_fast

PLACE = Place("127.0.0.1", 8765)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    open_keys_fast(monkeypatch)


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("master") / "out"
    furnish(out)
    return out


@pytest.fixture
def out(master: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(master, tmp_path / "out"))


@contextmanager
def opened(out: Path) -> Iterator[Furnished]:
    """OUT with its ledger open."""
    layout = Layout(out)
    with open_ledger(layout.ledger) as ledger:
        manager = unlock(ledger, "mara", PASSPHRASE)
        yield Furnished(layout=layout, ledger=ledger, keeper=RoomKeeper(ledger), manager=manager)


@pytest.fixture
def room(out: Path) -> Iterator[Furnished]:
    with opened(out) as room:
        yield room


@pytest.fixture
def browser_of(room: Furnished, out: Path) -> BrowserOf:
    return BrowserOf(room, out)


class BrowserOf:
    """Opens browsers, each with a server of its own over the same OUT."""

    def __init__(self, room: Furnished, out: Path) -> None:
        self._room = room
        self._out = out

    def role(self, role: Role) -> Browser:
        """A browser that opened the start link, nobody signed in."""
        browser = Browser(room_app(self._out, role, self._room.ledger, PLACE))
        browser.enter()
        return browser

    def reader(self, name: str) -> Browser:
        """A browser with a reader signed in."""
        browser = self.role(Role.READER)
        assert browser.sign_in(name).status_code == 200
        return browser
