"""A head whose skull was opened to make room for a swollen brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.lesion import Side
from corelab.phantom.tissue import Tissue

Field = NDArray[np.float32]

# Middle and half axes of a usual fronto-temporo-parietal flap along y and z, MNI152 mm; at
# least 12 cm long (Kastrau 2005).
_MIDDLE_MM = (-8.0, 24.0)
_HALF_AXES_MM = (62.0, 48.0)
_LATERAL_MM = 22.0
_EDGE = 0.06
_SKULL_REACH_MM = 16.0
_BULGE_REACH_MM = 26.0
_FALX_MM, _RISE_MM = 5.0, 35.0
_LEAST_MM = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Craniectomy:
    """A missing bone flap.

    Parameters
    ----------
    side
        Where the bone is missing.
    bulge_mm
        How far the brain stands out of the hole, or has sunk into it when negative.
    """

    side: Side
    bulge_mm: float


def with_craniectomy(head: Head, craniectomy: Craniectomy) -> Head:
    """Head without the bone of one flap, its scalp closed over the hole.

    Notes
    -----
    What bulges is stretched: take the truth afterwards.
    """
    hole = domain.refine(_hole(head, craniectomy.side, 1.0)).clip(0, 1)
    changed: dict[Tissue, Field] = {}
    flap = head.fraction(Tissue.MUSCLE).copy()
    for tissue in (Tissue.BONE, Tissue.DIPLOE):
        gone = hole * head.fraction(tissue)
        changed[tissue] = head.fraction(tissue) - gone
        flap += gone
    opened = head.with_fractions({**changed, Tissue.MUSCLE: flap})
    return _bulged(opened, craniectomy)


def _hole(head: Head, side: Side, size: float) -> Field:
    """Share of the bone that is gone on every second node, by where it lies on the skull."""
    x, y, z = head.atlas_mm
    offsets = zip((y, z), _MIDDLE_MM, _HALF_AXES_MM, strict=True)
    radius = np.sqrt(sum(((p - m) / (size * a)) ** 2 for p, m, a in offsets))
    patch = np.clip((1 - radius) / _EDGE + 0.5, 0, 1)
    near = head.depth_mm[::2, ::2, ::2] > -_SKULL_REACH_MM
    return np.asarray(patch * near * (x * side.value > _LATERAL_MM), dtype=np.float32)


def _bulged(head: Head, craniectomy: Craniectomy) -> Head:
    push = _push(head, craniectomy)
    moved_far = np.linalg.norm(push, axis=0) > _LEAST_MM
    if not moved_far.any():
        return head
    box = ndimage.find_objects(moved_far.astype(np.uint8))[0]
    source = -np.stack([component[box] for component in push])
    for axis, nodes in enumerate(np.ogrid[box]):
        source[axis] += nodes

    def moved(field: Field) -> Field:
        result = field.copy()
        result[box] = ndimage.map_coordinates(field, source, order=1, output=np.float32)
        result.flags.writeable = False
        return result

    return Head(
        fractions={tissue: moved(field) for tissue, field in head.fractions.items()},
        atlas_mm=head.atlas_mm,
        depth_mm=moved(head.depth_mm),
        build=head.build,
    )


def _push(head: Head, craniectomy: Craniectomy) -> Field:
    """Displacement outward, largest at the hole's middle, mm on the domain's nodes."""
    depth = np.ascontiguousarray(head.depth_mm[::2, ::2, ::2])
    outward = -np.stack(np.gradient(ndimage.gaussian_filter(depth, 3.0)))
    outward /= np.maximum(np.linalg.norm(outward, axis=0), 1e-6)
    x, y, z = head.atlas_mm
    offsets = zip((y, z), _MIDDLE_MM, _HALF_AXES_MM, strict=True)
    radius = sum(((p - m) / a) ** 2 for p, m, a in offsets)
    # Nothing is pushed near the falx.
    aside = np.clip((x * craniectomy.side.value - _FALX_MM) / _RISE_MM, 0, 1)
    dome = np.clip(1 - radius, 0, 1) * aside * aside * (3 - 2 * aside)
    within = np.exp(-np.maximum(depth, 0) / _BULGE_REACH_MM)
    beyond = np.clip(1 + (depth + _SKULL_REACH_MM) / _SKULL_REACH_MM, 0, 1)
    size = craniectomy.bulge_mm * ndimage.gaussian_filter(dome, 2.0) * within * beyond
    return np.stack([domain.refine((size * part).astype(np.float32)) for part in outward])
