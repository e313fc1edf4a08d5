"""Heads without a face: ``python -m benchmarks.deface [--half tuning] [--heads F] [--real F]``.

Every head is cleared of its surroundings and segmented with its face and without, as
``corelab run --deface`` does; ``--write`` puts the summary into ``docs/blinding.md``. Beside our
rule stands a plane before the lower front of the brain's hull, at the same distance in mm (the
idea of Quickshear; its own distance is in voxels).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from benchmarks.accuracy.head import TrueHead
from benchmarks.accuracy.page import write_blocks
from benchmarks.accuracy.plan import Half
from benchmarks.accuracy.scoring import segment_head
from benchmarks.cleared import PAGE, all_heads, cleared
from benchmarks.contest import table
from corelab.kernels.face import (
    DILATION_MM,
    KEPT_MM,
    FaceCut,
    Slices,
    face_mask,
    find_face,
    nearest_mm,
)
from corelab.stages.deface import slices_of, without
from corelab.stages.measure import volume_ml
from corelab.vocab import Contrast, Modality

Mask = NDArray[np.bool_]

TISSUE_HU = -200.0
TISSUE_SHARE = 0.15
"""Of the brain's median in a diffusion image: fat-suppressed skin is dim."""

SEEN_MM = (4.0, 8.0)
"""Cells across and up in which the foremost tissue counts as seen from the front."""

HALF_FACE_MM = 60.0
MUCH_ML = 50.0
BLOCK = "deface"
LOWER_FRONT_DEG = (5.0, 85.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one head lost, and whether its infarct is the same without."""

    name: str
    kept_mm: float | None
    nearest_mm: float
    removed_ml: float
    plane_ml: float
    seen_share: float
    plane_seen_share: float
    brain_voxels: int
    infarct_ml: float


def result_of(head: TrueHead) -> Result:
    """Take the face off a head, at the least distance that leaves its infarct the same."""
    whole = segment_head(head)
    brain = np.not_equal(whole.brain.data, 0)
    slices, shape = slices_of(head.image), head.image.shape
    cut = find_face(brain, slices)
    face = face_mask(cut, slices, shape)
    tissue = _tissue(head, brain)
    plane = _before_plane(brain, slices, cut)
    seen = _seen(tissue, slices, cut)
    kept_mm, brain_voxels = None, -1
    for step_mm in KEPT_MM:
        again = segment_head(_faceless(head, find_face(brain, slices, step_mm)))
        if brain_voxels < 0:
            brain_voxels = int(np.count_nonzero(np.not_equal(again.brain.data, 0) != brain))
        if np.array_equal(again.infarct.data, whole.infarct.data):
            kept_mm = step_mm
            break
    return Result(
        name=head.name,
        kept_mm=kept_mm,
        nearest_mm=nearest_mm(brain, slices, face, slices),
        removed_ml=volume_ml(head.image.with_data(face & tissue)),
        plane_ml=volume_ml(head.image.with_data(plane & tissue)),
        seen_share=float(face[seen].mean()),
        plane_seen_share=float(plane[seen].mean()),
        brain_voxels=brain_voxels,
        infarct_ml=volume_ml(whole.infarct),
    )


def _faceless(head: TrueHead, cut: FaceCut) -> TrueHead:
    images = {
        contrast: without(image, face_mask(cut, slices_of(image), image.shape))
        for contrast, image in head.images.items()
    }
    return replace(head, images=images)


def _tissue(head: TrueHead, brain: Mask) -> Mask:
    if head.modality is Modality.NCCT:
        return np.greater(head.image.data, TISSUE_HU)
    image = head.images.get(Contrast.B0, head.image).data
    return np.greater(image, TISSUE_SHARE * float(np.median(image[brain])))


def _in_head(mask: Mask, slices: Slices, cut: FaceCut) -> tuple[NDArray[np.intp], Mask]:
    """Voxels of a mask (n, 3), and their places to the right, front and top, (n, 3) mm."""
    voxels = np.argwhere(mask)
    world = slices.origins_mm[voxels[:, 2]] + voxels[:, :2] @ slices.steps_mm.T
    return voxels, world @ cut.axes.T


def _seen(tissue: Mask, slices: Slices, cut: FaceCut) -> tuple[NDArray[np.intp], ...]:
    """Foremost tissue of every cell below the front pole, as seen from the front."""
    voxels, places = _in_head(tissue, slices, cut)
    middle_mm = float(np.median(places[:, 0]))
    ahead = (places[:, 1] > cut.back_mm) & (places[:, 2] < cut.top_mm)
    ahead &= np.abs(places[:, 0] - middle_mm) < HALF_FACE_MM
    voxels, places = voxels[ahead], places[ahead]
    cells = np.floor(places[:, [0, 2]] / SEEN_MM).astype(int)
    order = np.argsort(-places[:, 1])
    _, first = np.unique(cells[order], axis=0, return_index=True)
    return tuple(voxels[order[first]].T)


def _before_plane(brain: Mask, slices: Slices, cut: FaceCut) -> Mask:
    """Voxels in front of the longest edge of the hull's lower front, seen from the side."""
    _, places = _in_head(brain, slices, cut)
    hull = places[ConvexHull(places[:, 1:]).vertices][:, 1:]
    edges = np.roll(hull, -1, axis=0) - hull
    lengths = np.linalg.norm(edges, axis=1)
    normals = np.column_stack([edges[:, 1], -edges[:, 0]]) / lengths[:, np.newaxis]
    down_deg = np.degrees(np.arctan2(-normals[:, 1], normals[:, 0]))
    low, high = LOWER_FRONT_DEG
    longest = np.where((down_deg > low) & (down_deg < high), lengths, 0).argmax()
    limit_mm = (hull @ normals[longest]).max() + DILATION_MM + KEPT_MM[0]
    _, everywhere = _in_head(np.ones_like(brain), slices, cut)
    return np.asarray(everywhere[:, 1:] @ normals[longest] > limit_mm).reshape(brain.shape)


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.removed_ml:.0f}",
        f"{result.plane_ml:.0f}",
        f"{100 * result.seen_share:.0f}",
        f"{100 * result.plane_seen_share:.0f}",
        f"{result.nearest_mm:.1f}",
        f"{result.brain_voxels}",
        f"{result.infarct_ml:.2f}",
        "held back" if result.kept_mm is None else f"{result.kept_mm:g}",
    )


def summary(results: Sequence[Result]) -> str:
    """How many heads were the same at which distance, and how much of the face went."""
    at = Counter(result.kept_mm for result in results)
    faces = [result for result in results if result.removed_ml > 0]
    nearest_mm = [result.nearest_mm for result in faces]
    rows = [
        *((f"same infarct with {kept_mm:g} mm kept", str(at[kept_mm])) for kept_mm in KEPT_MM),
        ("held back", str(at[None])),
        ("no face in view: no tissue cut", str(len(results) - len(faces))),
        (
            "nearest voxel that is cut, mm from the brain",
            f"{min(nearest_mm):.1f} to {max(nearest_mm):.1f}",
        ),
        ("of what is seen from the front, median", _seen_text(results)),
        (
            f"the same, of heads that lose {MUCH_ML:g} mL or more",
            _seen_text([result for result in results if result.removed_ml >= MUCH_ML]),
        ),
    ]
    return table(rows, (f"of {len(results)} heads", ""))


def _seen_text(results: Sequence[Result]) -> str:
    shares = np.array([(r.seen_share, r.plane_seen_share) for r in results])
    ours, plane = 100 * np.median(shares, axis=0)
    return f"{ours:.0f} %, by a plane {plane:.0f} % ({len(results)} heads)"


def main() -> None:
    """Print every head and how many were the same at which distance."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deface", description=__doc__)
    parser.add_argument("--half", choices=[half.value for half in Half], default="reported")
    parser.add_argument("--heads", type=Path, help="folder of the heads, made where missing")
    parser.add_argument("--real", type=Path, help="folder of real scans: nolesion/, lesion/")
    titles = (
        *("head", "removed mL", "by a plane mL", "of what is seen %", "by a plane %"),
        *("nearest mm", "brain voxels that differ", "infarct mL", "same at mm kept"),
    )
    parser.add_argument("--write", action="store_true", help=f"also into {PAGE.name}")
    asked = parser.parse_args()
    results = []
    print(table((), titles))
    for _, head in all_heads(Half(asked.half), asked.heads, asked.real):
        results.append(result_of(cleared(head)))
        print("| " + " | ".join(_row(results[-1])) + " |", flush=True)
    print(f"\n{summary(results)}")
    if asked.write:
        write_blocks(PAGE, {BLOCK: summary(results)})


if __name__ == "__main__":
    main()
