"""Everything that a reader, a file browser or a browser can see of a run, as bytes with a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.blinding.canary import Canary
from benchmarks.blinding.canary_layers import facts_of, layers_of
from benchmarks.blinding.canary_scan import Scanner


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that can be seen, unpacked into layers when it is looked at."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary that was found, and where."""

    canary: Canary
    artefact: str


def under(folder: Path) -> Iterator[Artefact]:
    """Every file below a folder, and what a file browser shows of files and folders alike."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        yield Artefact(f"name and time of {name}", facts_of(path))
        if path.is_file():
            yield Artefact(name, path.read_bytes())


def sightings(scanner: Scanner, artefacts: Iterable[Artefact]) -> list[Sighting]:
    """Find every canary in every layer of every artefact."""
    return [
        Sighting(canary, artefact.name)
        for artefact in artefacts
        for canary in sorted(
            {found for layer in layers_of(artefact.content) for found in scanner.find(layer)},
            key=lambda canary: canary.text,
        )
    ]
