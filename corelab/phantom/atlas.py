"""The average brain that every synthetic head is bent from.

Grey and white matter are the ICBM 152 nonlinear symmetric 2009a maps (Fonov 2011,
doi 10.1016/j.neuroimage.2010.07.033) that ship inside the nilearn package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ConfigError, Fault
from corelab.phantom.skull import Part, part_distances

Field = NDArray[np.float32]

COARSE_MM = 2.0
COARSE_ORIGIN_MM = (-108.0, -150.0, -130.0)
COARSE_SHAPE = (109, 136, 122)

_MAP_NAME = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
# Radius that closes the brain's hull, and the height above which it does, mm. Higher up
# fissures and cisterns belong to the hull; lower down bone fills the gaps between the lobes.
_HULL_STEPS = ((14.0, -24.0), (24.0, -14.0), (32.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Atlas:
    """Reference anatomy in MNI152 space.

    Parameters
    ----------
    grey, white : (I, J, K) float32 array
        Tissue fractions on 1 mm nodes.
    origin_mm
        Position of the first node of ``grey`` and ``white``, RAS+.
    hull : (I, J, K) float32 array
        Signed distance to the brain's hull on the coarse nodes, mm.
    ventricle_pull : (3, I, J, K) float32 array
        Gradient of the smoothed ventricles, largest length 1, on the coarse nodes.
    parts
        Signed distances of skull base and face on the coarse nodes, mm.
    """

    grey: Field
    white: Field
    origin_mm: tuple[float, float, float]
    hull: Field
    ventricle_pull: Field
    parts: dict[Part, Field]


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Average anatomy, read and prepared once a process.

    Raises
    ------
    ConfigError
        When the nilearn package, which carries the maps, is not installed.
    """
    grey, origin = _read_map("gm")
    white, _ = _read_map("wm")
    axes = [
        np.float32(o) + np.float32(COARSE_MM) * np.arange(n, dtype=np.float32)
        for o, n in zip(COARSE_ORIGIN_MM, COARSE_SHAPE, strict=True)
    ]
    grid = (axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :])
    brain = _on_coarse(grey + white, origin, axes)
    hull = _hull_distance(brain > 0.3, grid[2])  # noqa: PLR2004 - a third brain is brain here
    return Atlas(
        grey=grey,
        white=white,
        origin_mm=origin,
        hull=hull,
        ventricle_pull=_ventricle_pull(brain, hull, grid),
        parts=part_distances(grid),
    )


def _read_map(name: str) -> tuple[Field, tuple[float, float, float]]:
    # find_spec instead of an import: only the files are wanted, and importing takes seconds.
    found = find_spec("nilearn")
    if found is None or found.origin is None:
        fault = Fault(
            key="nilearn",
            found="the package is not installed",
            expected="an installation with its maps: pip install 'corelab[sample]'",
        )
        raise ConfigError("the sample generator", (fault,))
    image = nibabel.load(Path(found.origin).parent / "datasets" / "data" / _MAP_NAME.format(name))
    values = np.asarray(image.dataobj, dtype=np.float32) / np.float32(255)
    x, y, z = image.affine[:3, 3]
    return values, (float(x), float(y), float(z))


def _on_coarse(values: Field, origin: tuple[float, float, float], axes: list[Field]) -> Field:
    picks = [np.rint(axis - o).astype(int) for axis, o in zip(axes, origin, strict=True)]
    inside = [(p >= 0) & (p < n) for p, n in zip(picks, values.shape, strict=True)]
    coarse = np.zeros([len(axis) for axis in axes], dtype=np.float32)
    smooth = ndimage.uniform_filter(values, size=2)
    coarse[np.ix_(*inside)] = smooth[np.ix_(*(p[i] for p, i in zip(picks, inside, strict=True)))]
    return coarse


def _hull_distance(brain: NDArray[np.bool_], z: Field) -> Field:
    hull = _closed(brain, 5.0)
    for radius_mm, floor_mm in _HULL_STEPS:
        hull |= _closed(brain, radius_mm) & (z > floor_mm)
    hull = ndimage.binary_fill_holes(hull)
    signed = ndimage.distance_transform_edt(~hull) - ndimage.distance_transform_edt(hull)
    return np.asarray(ndimage.gaussian_filter(signed * COARSE_MM, 1.4), dtype=np.float32)


def _closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    radius = radius_mm / COARSE_MM
    grown = ndimage.distance_transform_edt(~mask) <= radius
    return np.asarray(ndimage.distance_transform_edt(grown) > radius)


def _ventricle_pull(brain: Field, hull: Field, grid: tuple[Field, Field, Field]) -> Field:
    x, y, z = grid
    box = (np.abs(x) < 46) & (np.abs(y + 8) < 56) & (np.abs(z - 12) < 26)  # noqa: PLR2004 - mm
    ventricles = ((1 - brain) * box * (hull < -16)).astype(np.float32)  # noqa: PLR2004 - mm
    smooth = ndimage.gaussian_filter(ventricles, 3.5)
    pull = np.stack(np.gradient(smooth)).astype(np.float32)
    return np.asarray(pull / np.linalg.norm(pull, axis=0).max(), dtype=np.float32)
