"""What de-identifiers leave of the canaries, beside corelab.

``python -m benchmarks.blinding.comparators`` prints what was planted and what each tool left;
``--write`` puts both tables into ``docs/blinding.md`` too. The peers come with the extra ``bench``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import platform
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from benchmarks.accuracy.page import REPOSITORY, write_blocks
from benchmarks.blinding.canary import Canary, Place
from benchmarks.blinding.canary_archive import packed
from benchmarks.blinding.canary_artefacts import sightings, under
from benchmarks.blinding.canary_delivery import plant_delivery
from benchmarks.blinding.canary_kind import Kind, kind_of
from benchmarks.blinding.canary_planted import Planted
from benchmarks.blinding.canary_scan import Scanner
from benchmarks.blinding.peers import PEERS, Deidentify

PAGE = REPOSITORY / "docs" / "blinding.md"
_TRIAL = REPOSITORY / "configs" / "demo.toml"
_COMMANDS = ("run", "convert")
_RULE_OF_THREE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one tool left: planted in what it took, found in what it wrote, files refused."""

    tool: str
    planted: Counter[Kind]
    left: Counter[Kind]
    refused: Counter[str]


def main() -> None:
    """Run every tool, print the table, and put it into the page when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    to_page = parser.parse_args().write
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loose = plant_delivery(REPOSITORY / "sample_data", folder / "delivery")
        rows = _peers(loose, folder)
        sent = packed(loose)
        found = {c: _found(sent, _corelab(c, sent, folder)) for c in _COMMANDS}
        for command in _COMMANDS:
            title = f"corelab {version('corelab')}, `{command}`"
            rows.append(_counted(title, sent.canaries, found[command], Counter()))
        blocks = {
            "canaries": places_text(sent, found["run"]),
            "comparators": page_text(rows),
        }
    print("\n\n".join(blocks.values()))
    if to_page:
        write_blocks(PAGE, blocks)


def _peers(planted: Planted, folder: Path) -> list[Row]:
    """Run every peer over the same files, and count what each left."""
    scanner = Scanner(planted.canaries)
    rows = [_row("nothing done", planted, _found_in_place(scanner, planted.incoming), {})]
    for number, peer in enumerate(PEERS):
        written = folder / f"peer{number}"
        refused = _over_files(peer.deidentify, planted.incoming, written)
        rows.append(_row(peer.title, planted, _found_in_place(scanner, written), refused))
    return rows


def _over_files(deidentify: Deidentify, incoming: Path, written: Path) -> dict[PurePosixPath, str]:
    """Hand every DICOM file to a tool, as a user's loop would; say what it refused and how."""
    refused: dict[PurePosixPath, str] = {}
    for source in sorted(incoming.rglob("*.dcm")):
        file = source.relative_to(incoming)
        target = written / file
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                deidentify(source, target)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its answer
            refused[PurePosixPath(file.as_posix())] = type(error).__name__
            target.unlink(missing_ok=True)
    return refused


def _found_in_place(scanner: Scanner, written: Path) -> set[Canary]:
    """Canaries that stand in what became of their own file.

    In another file one may be a coincidence: dates that a tool moved become each other.
    """
    found = sightings(scanner, under(written))
    return {s.canary for s in found if s.artefact == s.canary.file.as_posix()}


def _found(planted: Planted, out: Path) -> set[Canary]:
    return {s.canary for s in sightings(Scanner(planted.canaries), under(out))}


def _row(tool: str, planted: Planted, found: set[Canary], refused: dict[PurePosixPath, str]) -> Row:
    taken = [c for c in planted.canaries if _is_in_file(c) and c.file not in refused]
    return _counted(tool, taken, found, Counter(refused.values()))


def _is_in_file(canary: Canary) -> bool:
    return kind_of(canary) is not Kind.OUTSIDE and canary.file.suffix == ".dcm"


def _corelab(command: str, planted: Planted, folder: Path) -> Path:
    """Run a command; all that lies under its OUT counts, with its names and times."""
    out = folder / command
    options = ["--out", out, "--vault", folder / "vault", "--trial", _TRIAL]
    words = [planted.incoming, *(options if command == "run" else [out])]
    words += ["--subjects", planted.subjects_file]
    program = Path(sys.executable).parent / "corelab"
    subprocess.run(  # noqa: S603 - our own command
        [str(program), command, *map(str, words)], check=True, capture_output=True
    )
    return out


def _counted(tool: str, taken: Sequence[Canary], found: set[Canary], refused: Counter[str]) -> Row:
    return Row(
        tool=tool,
        planted=Counter(kind_of(c) for c in taken),
        left=Counter(kind_of(c) for c in taken if c in found),
        refused=refused,
    )


def places_text(planted: Planted, found: set[Canary]) -> str:
    """Return how many canaries stand in each place and how many a run let through, as Markdown.

    Parameters
    ----------
    planted
        The delivery as it is sent.
    found
        Canaries that stand under OUT after a run.
    """
    images = set(planted.images)
    every = Counter(c.place for c in planted.canaries)
    measured = Counter(c.place for c in planted.canaries if c.file in images)
    seen = Counter(c.place for c in found)
    lines = ["| place | planted | in images that are measured | found |", "| --- |" + " ---: |" * 3]
    lines += [
        f"| {place.value} | {every[place]:,} | {measured[place]:,} | {seen[place]} |"
        for place in Place
    ]
    total, inside = every.total(), measured.total()
    lines += [f"| all | {total:,} | {inside:,} | {len(found)} |"]
    if not found:
        bound = 100 * _RULE_OF_THREE / inside
        lines += ["", f"0 of {inside:,} bounds the rate below {bound:.3f} % (rule of three)."]
    return "\n".join(lines)


def page_text(rows: Sequence[Row]) -> str:
    """Return the versions, the table of what is left, and what no tool claims, as Markdown.

    Parameters
    ----------
    rows
        One a tool.
    """
    head = ["left/planted", *(kind.value for kind in Kind), "all", "files refused"]
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [
        f"Python {platform.python_version()}, pydicom {version('pydicom')}.",
        "",
        *("| " + " | ".join(cells) + " |" for cells in (head, rule, *map(_cells, rows))),
        "",
        *(f"- {peer.package}, {peer.setting}: {peer.disclaimer}." for peer in PEERS),
    ]
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    counts = [
        f"{row.left[kind]}/{row.planted[kind]}" if row.planted[kind] else "not asked"
        for kind in Kind
    ]
    refused = ", ".join(f"{n} {name}" for name, n in sorted(row.refused.items()))
    total = f"{row.left.total()}/{row.planted.total()}"
    return [row.tool, *counts, total, refused or "none"]


if __name__ == "__main__":
    main()
