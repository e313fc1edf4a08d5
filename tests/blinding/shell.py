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


class Shell:
    """Starts the real commands, with a home, a temporary and a working folder to look into."""

    def __init__(self, folder: Path) -> None:
        for name in ("home", "temp", "here"):
            (folder / name).mkdir(parents=True)
        self.here = folder / "here"
        self.environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "temp"),
            "DASK_TEMPORARY_DIRECTORY": str(folder / "temp"),
        }

    def corelab(self, *words: object) -> subprocess.CompletedProcess[bytes]:
        command = [str(CORELAB), *map(str, words)]
        return subprocess.run(
            command, cwd=self.here, env=self.environment, capture_output=True, check=False
        )

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
