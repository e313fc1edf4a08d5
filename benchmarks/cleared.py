"""Whether volumes move when all around the head becomes air: ``python -m benchmarks.cleared``.

Every head is segmented as it is and with its surroundings cleared, as ``corelab run`` does.
``--write`` puts the table into ``docs/blinding.md``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.__main__ import CACHE
from benchmarks.accuracy.head import TrueHead, load_head
from benchmarks.accuracy.heads import write_half
from benchmarks.accuracy.page import REPOSITORY, write_blocks
from benchmarks.accuracy.plan import Half
from benchmarks.accuracy.real import load_real
from benchmarks.accuracy.scoring import segment_head
from benchmarks.contest import table
from corelab.kernels.head import head_mask_ct, head_mask_mr
from corelab.kernels.hounsfield import AIR_HU
from corelab.stages.measure import volume_ml
from corelab.vocab import Contrast, Modality
from corelab.volume import Volume

PAGE = REPOSITORY / "docs" / "blinding.md"
BLOCK = "cleared"
TITLES = (
    "heads",
    "number",
    "same to the voxel",
    "largest change, mL",
    "median share that is cleared",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What clearing did to one head."""

    kind: str
    name: str
    share: float
    before_ml: float
    after_ml: float
    is_same: bool


def cleared(head: TrueHead) -> TrueHead:
    """Return a head with air around it in every image.

    Images of one grid share an outline: that of the b0, else of the image that is measured on.
    Another grid, a FLAIR's, has its own.
    """
    is_ct = head.modality is Modality.NCCT
    find, outside = (head_mask_ct, AIR_HU) if is_ct else (head_mask_mr, 0)
    shown = [i for i in (head.images.get(Contrast.B0), head.image) if i is not None]

    masks: dict[tuple[int, ...], NDArray[np.bool_]] = {}

    def clear(image: Volume) -> Volume:
        outline = next((one for one in shown if one.shape == image.shape), image)
        if outline.shape not in masks:
            masks[outline.shape] = find(outline.data, outline.spacing_mm)
        inside = masks[outline.shape]
        return image.with_data(np.where(inside, image.data, image.data.dtype.type(outside)))

    return replace(head, images={contrast: clear(i) for contrast, i in head.images.items()})


def result_of(kind: str, head: TrueHead) -> Cleared:
    """Segment a head as it is and cleared."""
    without = cleared(head)
    before, after = segment_head(head).infarct, segment_head(without).infarct
    return Cleared(
        kind=kind,
        name=head.name,
        share=float(np.not_equal(without.image.data, head.image.data).mean()),
        before_ml=volume_ml(before),
        after_ml=volume_ml(after),
        is_same=np.array_equal(before.data, after.data),
    )


def all_heads(half: Half, heads: Path | None, real: Path | None) -> Iterator[tuple[str, TrueHead]]:
    """Give synthetic heads, then real ones, each with its kind."""
    for folder in write_half(heads or CACHE / half.value, half):
        head = load_head(folder)
        yield f"synthetic {'CT' if head.modality is Modality.NCCT else 'MR'}", head
    for head in load_real(real) if real else ():
        yield f"real MR, {'infarct' if head.truth.any() else 'healthy'}", head


def summary(results: list[Cleared]) -> str:
    """Count by kind."""
    by_kind: dict[str, list[Cleared]] = defaultdict(list)
    for result in results:
        by_kind[result.kind].append(result)
    rows = [
        (
            kind,
            str(len(found)),
            str(sum(one.is_same for one in found)),
            f"{max(abs(one.after_ml - one.before_ml) for one in found):.2f}",
            f"{100 * float(np.median([one.share for one in found])):.0f} %",
        )
        for kind, found in by_kind.items()
    ]
    return table(rows, TITLES)


def main() -> None:
    """Print every head whose infarct changed, and the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cleared", description=__doc__)
    parser.add_argument("--half", choices=[half.value for half in Half], default="reported")
    parser.add_argument("--heads", type=Path, help="folder of the heads, made where missing")
    parser.add_argument("--real", type=Path, help="folder of real scans: nolesion/, lesion/")
    parser.add_argument("--write", action="store_true", help=f"also into {PAGE.name}")
    asked = parser.parse_args()
    heads = all_heads(Half(asked.half), asked.heads, asked.real)
    results = [result_of(kind, head) for kind, head in heads]
    for result in results:
        if not result.is_same:
            print(f"{result.name}: {result.before_ml:.2f} to {result.after_ml:.2f} mL")
    print(summary(results))
    if asked.write:
        write_blocks(PAGE, {BLOCK: summary(results)})


if __name__ == "__main__":
    main()
