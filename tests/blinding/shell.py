"""The real commands and a browser, with all that they say and leave behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urljoin

from benchmarks.blinding.canary_artefacts import Artefact

CORELAB = Path(sys.executable).parent / "corelab"


SPILL_AT_ONCE = {
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "0.0000001",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "0.0000001",
}
"""What makes Dask's workers write all that they hold to disk, where they are allowed to."""


class Shell:
    """Starts the real commands, with a home, a temporary and a working folder to look into.

    ``peeked`` are temporary files that other users of the machine could have read meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        for name in ("home", "temp", "here"):
            (folder / name).mkdir(parents=True)
        self.here, self._temp = folder / "here", folder / "temp"
        self.peeked: dict[tuple[str, int], Artefact] = {}
        self.environment = {
            **os.environ,
            **SPILL_AT_ONCE,
            "HOME": str(folder / "home"),
            "TMPDIR": str(self._temp),
            "DASK_TEMPORARY_DIRECTORY": str(self._temp),
        }

    def corelab(self, *words: object) -> subprocess.CompletedProcess[bytes]:
        command = [str(CORELAB), *map(str, words)]
        with subprocess.Popen(
            command,
            cwd=self.here,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            while True:
                try:
                    output, errors = process.communicate(timeout=0.05)
                except subprocess.TimeoutExpired:
                    self._peek()
                else:
                    return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def _peek(self) -> None:
        for folder, folders, names in os.walk(self._temp):
            folders[:] = [name for name in folders if _is_open(Path(folder, name), 0o005)]
            for path in (Path(folder, name) for name in names):
                if _is_open(path, 0o004):
                    self._keep(path)

    def _keep(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        key = (path.name, len(content))
        self.peeked.setdefault(key, Artefact(f"temporary {path.name}", content))

    def review(self, out: Path) -> Iterator[Artefact]:
        command = [str(CORELAB), "review", str(out)]
        with subprocess.Popen(
            command,
            cwd=self.here,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            link = process.stdout.readline().decode()
            yield from Browser().visit(link.strip())
            process.send_signal(signal.SIGINT)
            screen = process.communicate(timeout=30)
        yield Artefact("screen of review", link.encode() + b"".join(screen))


def _is_open(path: Path, mode: int) -> bool:
    """Whether other users may read a file or enter a folder; what is gone is not open."""
    try:
        return path.stat().st_mode & mode == mode
    except FileNotFoundError:
        return False


class Browser:
    """Follows every link of the review server, and asks for what is not there."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def visit(self, start: str) -> Iterator[Artefact]:
        waiting, seen = [start, urljoin(start, "/cases"), urljoin(start, "/../../etc")], set()
        while waiting:
            address = waiting.pop(0)
            seen.add(address)
            headers, body = self._fetch(address)
            yield Artefact(f"headers of {address}", headers)
            yield Artefact(f"answer to {address}", body)
            links = re.findall(rb"""(?:href|src)=["'](/[^"']*)["']""", body)
            addresses = {urljoin(start, link.decode()) for link in links}
            waiting.extend(sorted(addresses - seen - set(waiting)))

    def _fetch(self, address: str) -> tuple[bytes, bytes]:
        try:
            with self._opener.open(address, timeout=30) as answer:
                return bytes(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return bytes(error.headers), error.read()
