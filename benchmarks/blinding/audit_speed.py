"""The leak audit of a large OUT: one process, two workers, and reading without any search.

``python -m benchmarks.blinding.audit_speed`` prints seconds. The cases are as large as real
ones (thick CT of 512 x 512 x 32, DWI of 256 x 256 x 24 with ADC and b0), 50,000 identifiers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import table
from corelab.blinding.audit import Finder, audit
from corelab.blinding.audit.folder import paths_below, search_paths
from corelab.series import Identifier, IdentifierKind
from corelab.store.nifti import save_volume
from corelab.store.png import encode_png
from corelab.volume import Volume
from pipelines.engine import open_engine
from pipelines.progress import Silent
from pipelines.searching import SpreadSearcher

CASES, IDENTIFIERS, ROUNDS = 120, 50_000, 2
CT_SHAPE, DWI_SHAPE = (512, 512, 32), (256, 256, 24)
ALPHABET = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def write_out(folder: Path, n_cases: int) -> None:
    """Write cases, half CT and half DWI; the files of each half are one and the same."""
    rng = np.random.default_rng(0)
    first: dict[bool, Path] = {}
    for number in range(n_cases):
        is_ct = number % 2 == 0
        case = folder / f"sub-B{number:03}" / "ses-fu24h"
        case.mkdir(parents=True)
        stem = f"sub-B{number:03}_ses-fu24h"
        if is_ct not in first:
            first[is_ct] = case
            _write_case(case, stem, rng, CT_SHAPE if is_ct else DWI_SHAPE)
            continue
        for source in first[is_ct].iterdir():
            os.link(source, case / (stem + source.name[len(stem) :]))


def _write_case(
    case: Path, stem: str, rng: np.random.Generator, shape: tuple[int, int, int]
) -> None:
    head = _ellipsoid(shape)
    if shape == CT_SHAPE:
        tissue = rng.normal(35, 8, shape)
        images = {"ct": np.where(head, tissue, -1024).astype(np.int16)}
    else:
        images = {
            name: np.where(head, rng.gamma(4, 80, shape), 0).astype(np.float32)
            for name in ("dwi", "adc", "b0")
        }
    masks = {f"desc-{name}_mask": head.astype(np.uint8) for name in ("brain", "infarct", "range")}
    for name, data in {**images, **masks}.items():
        save_volume(case / f"{stem}_{name}.nii.gz", Volume(data=data, affine=np.eye(4)))
    numbers = [round(float(value), 4) for value in rng.random(400)]
    read = {"method": "ncct_mirror_ratio_2", "slice_areas_cm2": numbers, "sha256": "ab" * 32}
    (case / f"{stem}_desc-infarct_read.json").write_text(json.dumps(read, indent=2))
    pixels = rng.integers(0, 60, (900, 1200, 3)).cumsum(axis=1).astype(np.uint8)
    (case / f"{stem}_desc-infarct_qa.png").write_bytes(encode_png(pixels))


def _ellipsoid(shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    axes = np.ogrid[tuple(slice(-1, 1, complex(0, size)) for size in shape)]
    return np.asarray(sum((axis / 0.8) ** 2 for axis in axes) < 1)


def identifiers(count: int) -> list[Identifier]:
    """Names, numbers, UIDs, dates and file names, as many of each."""
    rng = np.random.default_rng(1)

    def word() -> str:
        return "".join(rng.choice(ALPHABET, rng.integers(4, 11)))

    makers: tuple[tuple[IdentifierKind, Callable[[], str]], ...] = (
        (IdentifierKind.NAME, lambda: f"{word()}^{word()}"),
        (IdentifierKind.NUMBER, lambda: str(rng.integers(10**6, 10**9))),
        (IdentifierKind.UID, lambda: f"1.2.276.0.{rng.integers(10**15)}.{rng.integers(10**6)}"),
        (IdentifierKind.MOMENT, lambda: f"{rng.integers(1930, 2025)}03{rng.integers(10, 29)}"),
        (IdentifierKind.FILE_NAME, lambda: f"IM{rng.integers(10**7):07}.dcm"),
    )
    return [
        Identifier(make(), kind)
        for number in range(count)
        for kind, make in [makers[number % len(makers)]]
    ]


def _best_s(work: Callable[[], object]) -> tuple[float, float]:
    """Least wall and CPU seconds; the CPU is this process's alone."""
    walls, computed = [], []
    for _ in range(ROUNDS):
        started, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - started)
        computed.append(time.process_time() - cpu)
    return min(walls), min(computed)


def main() -> None:
    """Measure and print."""
    n_cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        write_out(out, n_cases)
        known, paths = identifiers(IDENTIFIERS), paths_below(out)
        report = audit(out, known)
        if not report.is_clean:
            raise SystemExit("a clean OUT was found to leak")
        print(
            f"{n_cases} cases, {report.n_files} files and folders, {report.n_bytes / 1e6:.0f} MB,"
        )
        print(f"{len(set(known))} identifiers; best of {ROUNDS}\n", flush=True)
        with open_engine(n_workers=2) as engine:
            spread = SpreadSearcher(engine, Silent())
            ways = {
                "reading, nothing looked for": lambda: search_paths(out, paths, Finder(())),
                "one process": lambda: audit(out, known),
                "two workers": lambda: audit(out, known, searcher=spread),
            }
            rows = [(name, *(f"{s:.1f}" for s in _best_s(work))) for name, work in ways.items()]
        print(table(rows, ("way", "seconds", "CPU seconds of this process")))


if __name__ == "__main__":
    main()
