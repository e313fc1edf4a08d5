"""The inside of the skull on a head CT: parenchyma, CSF and blood within the inner table.

A skull closes a ring around the brain in most slices. The ring is found on a 2 mm grid,
what it holds is eroded until orbits, muscles and canals fall off, and the largest piece is
grown back. Slices whose ring is open (craniectomy, gaps in thin bone, a field of view that
cuts the head) follow their neighbour's outline instead. The border is then set at ~1 mm.

The recipe (window, erode, largest piece, grow back, fill) follows Muschelli et al. 2015,
NeuroImage, PMC4446187, without its template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.hounsfield import with_air_background
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    erode_disc,
    fill_holes,
    keep_touching,
    largest_component,
    open_disc,
)
from corelab.kernels.ranks import median
from corelab.kernels.reduction import (
    bounding_box,
    expand,
    factors_for,
    order_of,
    reduce_mean,
    scaled,
)
from corelab.kernels.smoothing import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

COARSE_MM = (2.0, 2.0, 2.5)
FINE_MM = (1.0, 1.0, 0.0)
HU_RANGE = (-1024, 1500)
"""Padding below air and metal above bone would outweigh a block's other voxels."""

AIR_HU = -200.0
"""Halfway between lung-like foam and fat; ichseg draws the head at -100."""

BONE_HU = 120.0
"""Above clotted blood (90 HU), below thin bone averaged over 2 mm."""

EDGE_HU = (-50.0, 100.0)
"""What may lie inside the inner table: from partial volume with air cells to dense clot."""

INNER_TABLE_HU = 200.0
"""Where brain ends at bone: below halfway to cortical bone (over 1000 HU), for bone thinner
than the blur."""

TISSUE_HU = (10.0, 90.0)
"""Parenchyma and blood, smoothed: without fat, orbit and CSF."""

SEAL_MM = 6.0
"""Half the widest gap in bone that counts as closed: foramina, sutures, burr holes."""

NECK_MM = 4.0
"""Half the widest bridge that is cut: optic canals, foramina, vessels."""

RIM_MM = 6.0
"""What the erosion and the tissue window took off the brain's rim."""

SCALP_MM = 5.0
"""Depth below the air at which brain may begin where no bone tells."""

OPEN_SHARE = 0.5
"""A ring that holds less than this share of the tissue under its neighbour is open."""

CANAL_CM2 = 10.0
"""Below the foramen magnum (about 3.0 x 3.5 cm) the section is smaller than this."""

MIN_SECTION_CM2 = 20.0
MIN_BRAIN_ML = 50.0
PLAUSIBLE_HU = (15.0, 60.0)
"""A brain's median is 26-38 HU; water and plastic lie outside."""

STRIPPED_BONE_SHARE = 0.005
"""Solid bone in a head: a fifth; what partial volume leaves on a stripped brain: none."""


class _Coarse(NamedTuple):
    """The head on the coarse grid, seen three ways."""

    ringed: NDArray[np.bool_]
    free: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


def brain_mask_ct(image_hu: NDArray[np.generic], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Everything inside the skull, (I, J, K) bool array: parenchyma, CSF and blood.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
        Head CT; a sheared stack (gantry tilt), a table, padding, a cut field of view and a
        head without its skull (0 or air outside the brain) are all taken.
    spacing_mm
        Voxel size along i, j and k, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when no skull holds brain tissue.
    """
    factors = factors_for(spacing_mm, COARSE_MM, image_hu.shape)
    coarse_mm = scaled(spacing_mm, factors)
    image = with_air_background(reduce_mean(image_hu, factors, HU_RANGE))
    head = _head(image, coarse_mm)
    bone = (image > BONE_HU) & head
    solid = open_disc(bone, COARSE_MM[0], spacing_mm=coarse_mm)
    if solid.sum() < STRIPPED_BONE_SHARE * head.sum():
        brain = _stripped_brain(image, head, coarse_mm)
    else:
        brain = _brain_in_skull(image, head, coarse_mm)
    if brain.sum() * np.prod(coarse_mm) / 1000 < MIN_BRAIN_ML:
        raise _no_head(f"it holds less than {MIN_BRAIN_ML:.0f} mL of tissue")
    median_hu = float(median(image[brain]))
    if not PLAUSIBLE_HU[0] < median_hu < PLAUSIBLE_HU[1]:
        raise _no_head(f"what it holds has a median of {median_hu:.0f} HU")
    return _on_the_full_grid(image_hu, expand(brain, factors, image_hu.shape), spacing_mm)


def _head(image: NDArray[np.float32], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Head without table and holder, cavities filled."""
    # The opening parts thin shells (head holder, blankets) from the head.
    solid = open_disc(image > AIR_HU, NECK_MM, spacing_mm=spacing_mm)
    return fill_holes(largest_component(solid))


def _stripped_brain(
    image: NDArray[np.float32], head: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    tissue = head & (image > EDGE_HU[0]) & (image < EDGE_HU[1])
    return fill_holes(largest_component(open_disc(tissue, NECK_MM, spacing_mm=spacing_mm)))


def _brain_in_skull(
    image: NDArray[np.float32], head: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    coarse = _tissue_cores(image, head, spacing_mm)
    cores = largest_component(_follow_slices(coarse))
    reach = dilate_disc(cores, RIM_MM, spacing_mm=spacing_mm)
    return fill_holes(reach & coarse.inside)


def _tissue_cores(
    image: NDArray[np.float32], head: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> _Coarse:
    """Eroded tissue that a closed ring of bone holds, and that bone parts from the rest."""
    bone = (image > BONE_HU) & head
    # A head cut by the edge of the image is as closed there as by bone.
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        bone[edge] |= head[edge]
    seal = close_disc(bone, SEAL_MM, spacing_mm=spacing_mm)
    ring = fill_holes(seal) & ~bone
    smooth = gaussian(np.clip(image, *EDGE_HU), (2.0, 2.0, 0.0), spacing_mm=spacing_mm)
    tissue = (smooth > TISSUE_HU[0]) & (smooth < TISSUE_HU[1]) & ~bone
    deep = erode_disc(head, SCALP_MM, spacing_mm=spacing_mm)
    return _Coarse(
        ringed=erode_disc(tissue & ring, NECK_MM, spacing_mm=spacing_mm),
        free=erode_disc(tissue & deep, NECK_MM, spacing_mm=spacing_mm),
        inside=head & (ring | deep) & (image > EDGE_HU[0]) & ~bone,
        spacing_mm=spacing_mm,
    )


def _follow_slices(coarse: _Coarse) -> NDArray[np.bool_]:
    """Cores of every slice, found outwards from the slice with the largest section."""
    areas = coarse.ringed.sum(axis=(0, 1))
    pixel_cm2 = coarse.spacing_mm[0] * coarse.spacing_mm[1] / 100
    start = int(areas.argmax())
    if areas[start] * pixel_cm2 < MIN_SECTION_CM2:
        raise _no_head(f"the largest section held by bone is {areas[start] * pixel_cm2:.0f} cm2")
    cores = np.zeros_like(coarse.ringed)
    cores[:, :, start] = coarse.ringed[:, :, start]
    for step, smallest_cm2 in ((1, 0.0), (-1, CANAL_CM2)):
        last = coarse.ringed.shape[2] if step > 0 else -1
        for k in range(start + step, last, step):
            here = np.s_[:, :, k : k + 1]
            neighbour = cores[:, :, k - step, np.newaxis]
            cores[here] = _next_core(coarse, here, neighbour)
            if cores[here].sum() * pixel_cm2 <= smallest_cm2:
                cores[here] = False
                break
    return cores


def _next_core(
    coarse: _Coarse, here: tuple[slice, slice, slice], neighbour: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Core of one slice, near the neighbour's."""
    reach_mm = max(NECK_MM, 1.5 * coarse.spacing_mm[2])
    near = dilate_disc(fill_holes(neighbour), reach_mm + NECK_MM, spacing_mm=coarse.spacing_mm)
    ringed = coarse.ringed[here] & near
    free = keep_touching(coarse.free[here] & near, neighbour & coarse.free[here])
    return ringed if ringed.sum() >= OPEN_SHARE * (free & neighbour).sum() else free | ringed


def _on_the_full_grid(
    image_hu: NDArray[np.generic], rough: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Set the border at about 1 mm by density."""
    margin = [int(np.ceil(8.0 / step)) for step in spacing_mm[:2]]
    box = bounding_box(rough, (*margin, 0))
    inside, local = image_hu[box], rough[box]
    factors = factors_for(spacing_mm, FINE_MM, inside.shape)
    fine_mm = scaled(spacing_mm, factors)
    image = with_air_background(reduce_mean(inside, factors, HU_RANGE))
    reach = dilate_disc(reduce_mean(local, factors) > 0, COARSE_MM[0], spacing_mm=fine_mm)
    fine = fill_holes(reach & (image > EDGE_HU[0]) & (image < INNER_TABLE_HU))
    opened = largest_component(open_disc(fine, COARSE_MM[0], spacing_mm=fine_mm))
    # As the image lies in memory: whatever follows reads both side by side.
    order = order_of(image_hu)
    brain = np.zeros(image_hu.shape, dtype=bool, order=order)
    brain[box] = expand(np.asarray(opened, order=order), factors, inside.shape)
    return brain


def _no_head(found: str) -> UnfitDataError:
    return UnfitDataError(ReasonCode.HEAD_NOT_FOUND, f"no brain inside a skull: {found}")
