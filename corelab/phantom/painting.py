"""From a bent atlas to tissue fractions that sum to one, the topmost layer first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.atlas import Atlas
from corelab.phantom.skull import Part
from corelab.phantom.tissue import Tissue
from corelab.phantom.warp import Build, Positions, sample_coarse

Field = NDArray[np.float32]
Box = tuple[slice, ...]

_RAMP_MM = 2.6
_TABLE_MM = np.float32(1.7)
_SKIN_MM = np.float32(1.6)
# MNI152 positions of the pineal gland and the choroid plexus, calcified in most adults.
_CALCIFIED_MM = (((0, -29, 3), 2.2), ((24, -42, 8), 2.6), ((-24, -42, 8), 2.6))


def paint(
    atlas: Atlas, build: Build, positions: Positions, rng: np.random.Generator
) -> tuple[dict[Tissue, Field], Field]:
    """Tissue fractions of a head, and the depth below its inner table.

    Parameters
    ----------
    atlas
        The reference anatomy.
    build
        Thicknesses and atrophy.
    positions
        Where the head's nodes lie in the atlas.
    rng
        Source of skull thickness and texture.

    Returns
    -------
    fractions
        (I, J, K) float32 array of each tissue on the 1 mm domain.
    depth_mm : (I, J, K) float32 array
        Distance below the skull's inner table, negative outside.
    """
    skull_mm = positions.skull
    depth = np.float32(build.csf_gap_mm) - domain.refine(
        sample_coarse(atlas.hull, skull_mm, order=3)
    )
    parts = _Parts(atlas, skull_mm)
    thickness = _skull_thickness(build, skull_mm, rng)
    canvas = _Canvas()
    _lay_brain(canvas, atlas, build, rng, brain_mm=positions.brain, depth=depth)
    inside = _cover(depth)
    _lay_air_cells(canvas, parts, rng, depth=depth, thickness=thickness)
    canvas.lay(Tissue.EYE, _cover(-parts[Part.EYE]) * (1 - inside))
    canvas.lay(Tissue.BONE, _cover(-parts[Part.DENSE_BONE]))
    canvas.lay(Tissue.CSF, inside)
    _lay_orbit(canvas, parts, depth)
    _lay_skull(canvas, parts, depth, thickness)
    _lay_soft(canvas, parts, -depth - thickness - np.float32(build.scalp_mm), rng)
    canvas.lay(Tissue.AIR, np.ones(domain.SHAPE, dtype=np.float32))
    return canvas.fractions, depth


class _Parts:
    """Signed distances of the outer parts on the 1 mm domain, made when asked for."""

    def __init__(self, atlas: Atlas, skull_mm: Field) -> None:
        self._coarse = {part: sample_coarse(d, skull_mm) for part, d in atlas.parts.items()}

    def __getitem__(self, part: Part) -> Field:
        return domain.refine(self._coarse[part])


class _Canvas:
    """Layers of tissue: each takes its share of what the earlier ones left."""

    def __init__(self) -> None:
        self.fractions: dict[Tissue, Field] = {}
        self._left = np.ones(domain.SHAPE, dtype=np.float32)

    def lay(self, tissue: Tissue, cover: Field) -> None:
        share = cover * self._left
        self._left -= share
        if tissue in self.fractions:
            self.fractions[tissue] += share
        else:
            self.fractions[tissue] = share


def _cover(inner_distance_mm: Field) -> Field:
    """Share that lies inside a surface, by the distance from it.

    The ramp is wider than a voxel, or slices that graze a surface show the voxels' steps.
    """
    ramp = np.asarray(inner_distance_mm * np.float32(1 / _RAMP_MM), dtype=np.float32)
    np.clip(ramp + np.float32(0.5), 0, 1, out=ramp)
    return ramp * ramp * (3 - 2 * ramp)


def _lay_brain(
    canvas: _Canvas,
    atlas: Atlas,
    build: Build,
    rng: np.random.Generator,
    *,
    brain_mm: Field,
    depth: Field,
) -> None:
    """Grey and white matter, falx, the upper venous sinus and calcified glands."""
    inside = _cover(depth)
    box = _box(inside)
    position = np.stack([domain.refine(c)[box] for c in brain_mm])
    grey, white = _brain(atlas, _atrophy(build, position, rng), position)
    _lay_boxed(canvas, Tissue.WHITE, box, inside[box] * white)
    # Layers take from what is left: grey's share of it is the larger.
    rest = inside[box] * grey / np.maximum(1 - inside[box] * white, 1e-3)
    _lay_boxed(canvas, Tissue.GREY, box, rest)
    x, y, z = position
    high = (z > 30) | (y > 25) | (y < -55)  # noqa: PLR2004 - atlas mm above the corpus callosum
    falx = _cover(np.float32(0.4) - np.abs(x)) * _cover(z - 4) * high
    roof = ((z > 12) | (y < -70)) & (y < 62)  # noqa: PLR2004 - where the upper sinus runs
    sinus = _cover(np.float32(5.5) - np.abs(x) - np.float32(0.9) * depth[box]) * roof
    _lay_boxed(canvas, Tissue.DURA, box, inside[box] * np.maximum(falx, sinus))
    for centre, radius in _CALCIFIED_MM:
        away = sum((p - np.float32(c)) ** 2 for p, c in zip(position, centre, strict=True))
        calcium = np.float32(0.12) * _cover(np.float32(radius) - np.sqrt(away))
        _lay_boxed(canvas, Tissue.BONE, box, calcium)


def _lay_boxed(canvas: _Canvas, tissue: Tissue, box: Box, cover: Field) -> None:
    whole = np.zeros(domain.SHAPE, dtype=np.float32)
    whole[box] = cover
    canvas.lay(tissue, whole)


def _atrophy(build: Build, position: Field, rng: np.random.Generator) -> Field | np.float32:
    """Shift of the odds of CSF: one for the whole brain, or uneven over its lobes."""
    if build.asymmetry is None:
        return np.float32(build.atrophy)
    _, i, j, k = position.shape
    uneven = domain.smooth_field(rng, shape=(i, j, k), step_mm=domain.STEPS_MM, knot_mm=30.0)
    return np.float32(build.atrophy) + np.float32(build.asymmetry.atrophy_spread) * uneven


def _brain(atlas: Atlas, atrophy: Field | np.float32, position: Field) -> tuple[Field, Field]:
    origin = np.array(atlas.origin_mm, dtype=np.float32)[:, None, None, None]
    maps = [
        ndimage.map_coordinates(m, position - origin, order=1, output=np.float32)
        for m in (atlas.grey, atlas.white)
    ]
    whole = np.clip(maps[0] + maps[1], 1e-3, 1 - 1e-3)
    # The average brain is blurred; steeper odds give back the contrast of one brain's sulci.
    odds = 2.2 * np.log(whole / (1 - whole)) - atrophy + np.float32(0.3)
    brain = 1 / (1 + np.exp(-odds))
    brain[brain < 0.02] = 0  # noqa: PLR2004 - the tail of the odds is not tissue
    share = maps[1] ** 1.4 / (maps[0] ** 1.4 + maps[1] ** 1.4 + np.float32(1e-6))
    return brain * (1 - share), brain * share


def _lay_air_cells(
    canvas: _Canvas,
    parts: _Parts,
    rng: np.random.Generator,
    *,
    depth: Field,
    thickness: Field,
) -> None:
    outside = 1 - _cover(depth)
    canvas.lay(Tissue.AIR, _cover(-parts[Part.SINUS]) * outside)
    within = np.minimum(-depth, thickness + depth) - np.float32(1.2)
    canvas.lay(Tissue.AIR, _cover(np.minimum(-parts[Part.FRONTAL_SINUS], within)))
    mastoid = _cover(-parts[Part.MASTOID]) * outside
    box = _box(mastoid)
    cells = _texture(rng, box, knot_mm=2.6)
    _lay_boxed(canvas, Tissue.AIR, box, mastoid[box] * np.clip(cells + np.float32(0.5), 0, 1))
    canvas.lay(Tissue.BONE, mastoid)


def _lay_orbit(canvas: _Canvas, parts: _Parts, depth: Field) -> None:
    under_roof = -depth - np.float32(2.5)
    canvas.lay(Tissue.MUSCLE, _cover(np.minimum(-parts[Part.MUSCLE_CONE], under_roof)))
    canvas.lay(Tissue.FAT, _cover(np.minimum(-parts[Part.ORBIT], under_roof)))


def _skull_thickness(build: Build, skull_mm: Field, rng: np.random.Generator) -> Field:
    x, y, z = skull_mm
    shape = (x.shape[0], x.shape[1], x.shape[2])
    uneven = 1 + 0.16 * domain.smooth_field(
        rng, shape=shape, step_mm=domain.COARSE_STEPS_MM, knot_mm=40.0
    )
    temple = np.exp(-(((np.abs(x) - 68) / 22) ** 2) - ((y + 8) / 32) ** 2 - ((z + 5) / 28) ** 2)
    base = 1 / (1 + np.exp(-(z + 28) / 5))
    occiput = np.exp(-((x / 30) ** 2) - ((y + 108) / 14) ** 2 - ((z + 15) / 25) ** 2)
    brow = np.exp(-((x / 28) ** 2) - ((y - 80) / 12) ** 2 - ((z + 8) / 12) ** 2)
    local = (1 - 0.5 * temple) * (0.6 + 0.4 * base) * (1 + 0.5 * occiput + 0.9 * brow)
    thickness = np.float32(build.skull_mm) * np.clip(uneven, 0.6, 1.5) * local
    return domain.refine(np.maximum(thickness, 2.2).astype(np.float32))


def _lay_skull(canvas: _Canvas, parts: _Parts, depth: Field, thickness: Field) -> None:
    shell = _cover(thickness + depth)
    core = _cover(np.minimum(-depth, thickness + depth) - _TABLE_MM)
    canvas.lay(Tissue.DIPLOE, shell * core)
    canvas.lay(Tissue.BONE, shell)
    walls = np.minimum(np.abs(parts[Part.SINUS]), np.abs(parts[Part.ORBIT] - 1)) - 1
    deep = _cover(-parts[Part.FACE] - 10)
    canvas.lay(Tissue.BONE, np.float32(0.6) * _cover(-walls) * deep)


def _lay_soft(canvas: _Canvas, parts: _Parts, vault: Field, rng: np.random.Generator) -> None:
    face = parts[Part.FACE]
    blend = np.clip(8 - np.abs(vault - face), 0, 8) ** 2 / 32
    outer = np.minimum(vault, face) - blend
    fat = np.float32(0.85) * _cover(np.minimum(-outer - _SKIN_MM, outer + np.float32(4.4)))
    deep = _cover(-outer - 8)
    box = _box(deep)
    marble = np.clip((_texture(rng, box, knot_mm=5.5) - np.float32(0.6)) * 2, 0, 1)
    fat[box] = np.maximum(fat[box], np.float32(0.8) * marble * deep[box])
    head = _cover(-outer)
    canvas.lay(Tissue.FAT, head * fat)
    canvas.lay(Tissue.MUSCLE, head)


def _box(cover: Field) -> Box:
    found: Box = ndimage.find_objects((cover > 0).astype(np.uint8))[0]
    return found


def _texture(rng: np.random.Generator, box: Box, *, knot_mm: float) -> Field:
    i, j, k = (s.stop - s.start for s in box)
    return domain.smooth_field(rng, shape=(i, j, k), step_mm=domain.STEPS_MM, knot_mm=knot_mm)
