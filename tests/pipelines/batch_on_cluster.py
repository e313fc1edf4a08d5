"""A small batch whose workers are jobs, and what must hold of it under every queueing system."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "sample_data"
CORELAB = Path(sys.executable).parent / "corelab"
DELIVERED = ("Delacourt_Rosamund 009809779", "Soerbye_Ingeborg MRN-2225682")

Done = subprocess.CompletedProcess[str]


def deliver(folder: Path) -> None:
    """Put two cases into INCOMING."""
    for name in DELIVERED:
        shutil.copytree(SAMPLE / "incoming" / name, folder / "incoming" / name)


def settings(folder: Path, more: str = "") -> Path:
    """Write what a test's jobs ask for; their keys lie in a folder of the test."""
    (folder / "keys").mkdir()
    path = folder / "cluster.toml"
    path.write_text(
        f'jobs = 2\nmemory_gib = 1.5\ninterface = "lo"\nkey_folder = "{folder / "keys"}"\n{more}'
    )
    return path


def run(folder: Path, environment: dict[str, str], *options: object) -> Done:
    """Run the batch."""
    command = [CORELAB, "run", "incoming", "--trial", REPOSITORY / "configs" / "demo.toml"]
    command += ["--subjects", SAMPLE / "subjects.csv", "--out", "out", "--vault", "vault"]
    return subprocess.run(
        [*map(str, command), "--log-format", "json", *map(str, options)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def events(done: Done) -> list[dict[str, object]]:
    """Every line of a run's standard error."""
    return [json.loads(line) for line in done.stderr.splitlines()]


def tables(folder: Path) -> bytes:
    """Give the volumes as they are written."""
    return (folder / "out" / "volumes.csv").read_bytes()


def assert_done(done: Done, folder: Path) -> None:
    """Hold that both cases were measured by jobs, and that no key is left."""
    assert done.returncode == 0, done.stderr
    told = events(done)
    assert told[0]["event"] == "jobs"
    assert sum(line["event"] == "case" for line in told) == 2
    assert list((folder / "keys").iterdir()) == []
