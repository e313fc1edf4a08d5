"""``python -m benchmarks.accuracy``: makes the heads, measures them and writes the page.

The reported half is measured unless ``--half tuning`` is said, and only it is written to
``docs/accuracy.md``. Heads are made once and kept in a folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.geometry import Ellipsoid, measure_ellipsoids
from benchmarks.accuracy.head import TrueHead, load_head
from benchmarks.accuracy.heads import all_plans, write_head
from benchmarks.accuracy.page import IMAGES, PAGE, REPOSITORY, write_blocks
from benchmarks.accuracy.picture import heads_png
from benchmarks.accuracy.plan import Half
from benchmarks.accuracy.real import real_table
from benchmarks.accuracy.scoring import OURS, Score, scores_of, segment_head
from benchmarks.accuracy.summary import Group, agreement_of, in_group, measured
from benchmarks.accuracy.tables import (
    case_table,
    factor_table,
    infarct_table,
    none_table,
    size_table,
    small_table,
    target_table,
    tilt_table,
)
from corelab.store.plot import bland_altman_png
from corelab.vocab import Modality

CACHE = REPOSITORY / ".accuracy"
_TABLES: dict[Group, Callable[[Sequence[Score], Group], str]] = {
    Group.CT_INFARCT: infarct_table,
    Group.CT_SMALL: small_table,
    Group.CT_NONE: none_table,
    Group.DWI_INFARCT: infarct_table,
    Group.DWI_EMBOLI: small_table,
    Group.DWI_NONE: none_table,
}
_SHOWN = (
    *("ct_01", "ct_10", "ct_13", "ct_14", "ct_16", "ct_19"),
    *("dwi_05", "dwi_09", "dwi_17", "dwi_20", "dwi_23", "dwi_26"),
)


def main() -> None:
    """Measure one half and print its tables; write the page for the reported half."""
    arguments = _arguments()
    half = Half(arguments.half)
    folder = arguments.heads or CACHE / half.value
    scores = list(_scored(_made(folder, half)))
    ellipsoids = list(measure_ellipsoids())
    blocks = _blocks(scores, ellipsoids)
    if arguments.implants:
        blocks["implants"] = _group_tables(list(_scored(_found(arguments.implants))))
    if arguments.real:
        blocks["real"] = real_table(arguments.real)
    for name, content in blocks.items():
        print(f"\n## {name}\n\n{content}")
    if half is Half.REPORTED:
        _write_pictures(scores, folder)
        write_blocks(PAGE, blocks)
        print(f"\nwritten: {PAGE.relative_to(REPOSITORY)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--half", choices=[half.value for half in Half], default="reported")
    parser.add_argument("--heads", type=Path, help="folder of the heads, made where missing")
    parser.add_argument("--implants", type=Path, help="further heads in the same layout")
    parser.add_argument("--real", type=Path, help="folder of real scans: nolesion/, lesion/")
    return parser.parse_args()


def _made(folder: Path, half: Half) -> Iterator[Path]:
    return (write_head(folder, plan) for plan in all_plans(half))


def _found(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/case.json"))


def _scored(folders: Iterable[Path]) -> Iterator[Score]:
    """Scores of every method on every head, a line for each on standard error."""
    for folder in folders:
        start = time.perf_counter()
        head = load_head(folder)
        found = scores_of(head)
        seconds = time.perf_counter() - start
        ours = found[0]
        print(
            f"{head.name:22s} {ours.true_ml:7.2f} mL, found {ours.found_ml:7.2f}, "
            f"Dice {ours.dice:.2f}, {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        yield from found


def _blocks(scores: Sequence[Score], ellipsoids: Sequence[Ellipsoid]) -> dict[str, str]:
    return {
        "targets": target_table(scores, ellipsoids),
        **{group.name.lower(): table_of(scores, group) for group, table_of in _TABLES.items()},
        "ct_factors": factor_table(scores, Modality.NCCT),
        "dwi_factors": factor_table(scores, Modality.DWI),
        "geometry_tilt": tilt_table(ellipsoids),
        "geometry_size": size_table(ellipsoids),
        "cases": case_table(scores),
    }


def _group_tables(scores: Sequence[Score]) -> str:
    """One table for each group that has heads."""
    parts = []
    for group, table_of in _TABLES.items():
        if any(group.holds(score) for score in scores):
            parts.append(f"**{group.title}**\n\n{table_of(scores, group)}")
    return "\n\n".join(parts)


def _write_pictures(scores: Sequence[Score], folder: Path) -> None:
    groups = {
        "accuracy_ct.png": (Group.CT_INFARCT, Group.CT_SMALL, Group.CT_NONE),
        "accuracy_dwi.png": (Group.DWI_INFARCT, Group.DWI_EMBOLI, Group.DWI_NONE),
    }
    for name, parts in groups.items():
        chosen = measured([score for part in parts for score in in_group(scores, part, OURS)])
        found = agreement_of(chosen)
        if found is not None:
            true_ml = np.array([score.true_ml for score in chosen])
            found_ml = np.array([score.found_ml for score in chosen])
            (IMAGES / name).write_bytes(bland_altman_png(true_ml, found_ml, found))
    refused = {score.head.name for score in scores if score.refusal is not None}
    heads = [head for head in _shown(folder) if head.name not in refused]
    masks = [np.asarray(segment_head(head).infarct.data) != 0 for head in heads]
    pairs = list(zip(heads, masks, strict=True))
    (IMAGES / "accuracy_heads.png").write_bytes(heads_png(pairs))


def _shown(folder: Path) -> list[TrueHead]:
    return [load_head(path) for start in _SHOWN for path in sorted(folder.glob(f"{start}_*"))]


if __name__ == "__main__":
    main()
