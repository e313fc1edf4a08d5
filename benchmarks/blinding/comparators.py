"""What de-identifiers leave of the canaries, beside corelab.

``python -m benchmarks.blinding.comparators`` prints the table; ``--write`` puts it into
``docs/blinding.md`` too. The peers come with the extra ``bench``.
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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from benchmarks.blinding.canary import Canary
from benchmarks.blinding.canary_artefacts import sightings, under
from benchmarks.blinding.canary_delivery import Planted, packed, plant_delivery
from benchmarks.blinding.canary_kind import Kind, kind_of
from benchmarks.blinding.canary_scan import Scanner
from benchmarks.blinding.peers import PEERS, Deidentify

_REPOSITORY = Path(__file__).parents[2]
_PAGE = _REPOSITORY / "docs" / "blinding.md"
_BEGIN = "<!-- comparators: python -m benchmarks.blinding.comparators --write -->"
_END = "<!-- end of comparators -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one tool left: planted in what it took, found in what it wrote, and what it refused."""

    tool: str
    planted: Counter[Kind]
    left: Counter[Kind]
    refused: Counter[str]


def main() -> None:
    """Run every tool and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    to_page = parser.parse_args().write
    with tempfile.TemporaryDirectory() as name:
        text = page_text(rows_of(Path(name)))
    print(text)
    if to_page:
        _write(text)


def rows_of(folder: Path) -> list[Row]:
    """Plant a delivery, run every tool over the same files, and count what each left.

    Parameters
    ----------
    folder
        An empty folder for the delivery and what becomes of it.
    """
    loose = plant_delivery(_REPOSITORY / "sample_data", folder / "delivery")
    scanner = Scanner(loose.canaries)
    everything = _row("untouched", loose, scanner, loose.incoming, {})
    rows = [everything]
    for number, peer in enumerate(PEERS):
        written = folder / f"peer{number}"
        refused = _over_files(peer.deidentify, loose.incoming, written)
        rows.append(_row(peer.title, loose, scanner, written, refused))
    return [*rows, _corelab(packed(loose), folder)]


def _over_files(
    deidentify: Deidentify, incoming: Path, written: Path
) -> dict[PurePosixPath, str]:
    """Hand every DICOM file to a tool, as a user's loop would; name what it refused."""
    refused: dict[PurePosixPath, str] = {}
    for source in sorted(incoming.rglob("*.dcm")):
        file = PurePosixPath(source.relative_to(incoming).as_posix())
        # The loop names the outputs, so that no tool is charged with a file's name.
        target = written / f"{len(refused) + sum(1 for _ in written.glob('*'))}.dcm"
        target.parent.mkdir(exist_ok=True)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                deidentify(source, target)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its answer
            refused[file] = type(error).__name__
            target.unlink(missing_ok=True)
    return refused


def _row(
    tool: str, planted: Planted, scanner: Scanner, written: Path, refused: dict[PurePosixPath, str]
) -> Row:
    found = {sighting.canary for sighting in sightings(scanner, under(written))}
    taken = [c for c in planted.canaries if _is_in_file(c) and c.file not in refused]
    return Row(
        tool=tool,
        planted=Counter(kind_of(c) for c in taken),
        left=Counter(kind_of(c) for c in taken if c in found),
        refused=Counter(refused.values()),
    )


def _is_in_file(canary: Canary) -> bool:
    return kind_of(canary) is not Kind.OUTSIDE and canary.file.suffix == ".dcm"


def _corelab(planted: Planted, folder: Path) -> Row:
    """Run the whole command; everything under OUT counts, its file names and times too."""
    out = folder / "out"
    command = [Path(sys.executable).parent / "corelab", "run", planted.incoming]
    command += ["--trial", _REPOSITORY / "configs" / "demo.toml", "--out", out]
    command += ["--subjects", planted.subjects_file, "--vault", folder / "vault"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    found = {s.canary for s in sightings(Scanner(planted.canaries), under(out))}
    return Row(
        tool=f"corelab {version('corelab')} (images to NIfTI)",
        planted=Counter(kind_of(c) for c in planted.canaries),
        left=Counter(kind_of(c) for c in planted.canaries if c in found),
        refused=Counter(),
    )


def page_text(rows: Iterable[Row]) -> str:
    """Table of what is left, left/planted for each kind, as Markdown.

    Parameters
    ----------
    rows
        One a tool.
    """
    head = ["tool", *(kind.value for kind in Kind), "all"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += [_line(row) for row in rows]
    return "\n".join(lines)


def _line(row: Row) -> str:
    cells = [
        f"{row.left[kind]}/{row.planted[kind]}" if row.planted[kind] else "not asked"
        for kind in Kind
    ]
    total = f"{row.left.total()}/{row.planted.total()}"
    return "| " + " | ".join([row.tool, *cells, total]) + " |"


if __name__ == "__main__":
    main()
