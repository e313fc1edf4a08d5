"""Images to images without a face, and the proof that no infarct changed by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.padding import AIR_HU
from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.face import DILATION_MM, KEPT_MM, Slices, face_mask, find_face, nearest_mm
from corelab.kernels.measure import mask_volume_ml
from corelab.store.image import load_image, save_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask
from corelab.vocab import Case, Contrast, Defacing, Modality
from corelab.volume import Volume

VOLUME_DECIMALS = 4
DISTANCE_DECIMALS = 1
CLEAR_MM = DILATION_MM + KEPT_MM


def deface(
    case: Case, modality: Modality, contrasts: Iterable[Contrast], *, source: Layout, out: Layout
) -> None:
    """Write every image of a case without its face, each on its own grid.

    Parameters
    ----------
    case
        Whose images.
    modality
        What was segmented on: its brain mask says where the face is.
    contrasts
        Images that the case has.
    source
        Where the whole images and the brain mask lie.
    out
        Where the images without a face go, with their sidecars.
    """
    image = load_image(source.image(case, modality.contrast))
    brain = load_mask(source.brain_mask(case), image) != 0
    cut = find_face(brain, slices_of(image))
    for contrast in contrasts:
        whole = load_image(source.image(case, contrast))
        face = face_mask(cut, slices_of(whole), whole.shape)
        save_image(out.image(case, contrast), without(whole, face))


def without(image: Volume, face: NDArray[np.bool_]) -> Volume:
    """Return the image with air (CT) or 0 (MR) where the face was.

    Parameters
    ----------
    image
        With its acquisition.
    face : (I, J, K) bool array
        On its grid.
    """
    is_ct = image.acquisition is not None and image.acquisition.contrast is Contrast.CT
    data = np.array(image.data, order="K")
    data[face] = AIR_HU if is_ct else 0
    return Volume(
        data=data,
        affine=image.affine,
        slice_positions_mm=image.slice_positions_mm,
        acquisition=image.acquisition,
    )


def prove(
    case: Case, modality: Modality, contrasts: Iterable[Contrast], *, source: Layout, out: Layout
) -> Defacing:
    """Compare the files before and after: what changed is far from the brain, the infarct none.

    Parameters
    ----------
    case
        Segmented in both places.
    modality
        What was segmented on.
    contrasts
        Images that the case has.
    source
        Where the whole images and their masks lie.
    out
        Where the images without a face and their masks lie.

    Raises
    ------
    UnfitDataError
        ``deface_not_proved`` when a voxel changed within 17 mm of the brain, or any voxel of
        the infarct mask differs.
    """
    image = load_image(source.image(case, modality.contrast))
    brain = load_mask(source.brain_mask(case), image) != 0
    changes = list(_changes(case, contrasts, source, out))
    distances = [
        nearest_mm(brain, slices_of(image), changed, slices_of(grid)) for grid, changed in changes
    ]
    nearest = min(distances)
    if nearest < CLEAR_MM:
        raise _not_proved(
            f"a voxel {nearest:.1f} mm from the brain mask would change, expected none within "
            f"{CLEAR_MM:g} mm"
        )
    before, after = (load_mask(place.infarct_mask(case), image) for place in (source, out))
    before_ml, after_ml = (_ml(mask != 0, image) for mask in (before, after))
    n_other = int(np.count_nonzero(before != after))
    if n_other:
        raise _not_proved(
            f"the infarct is {before_ml:.4f} mL with the face and {after_ml:.4f} mL without, "
            f"{n_other} voxels differ"
        )
    return Defacing(
        removed_ml=max(_ml(changed, grid) for grid, changed in changes),
        min_distance_mm=None if np.isinf(nearest) else round(nearest, DISTANCE_DECIMALS),
        infarct_volume_ml_before=before_ml,
        infarct_volume_ml_after=after_ml,
        is_identical=True,
    )


def slices_of(volume: Volume) -> Slices:
    """Where the voxels of a volume lie."""
    origins = [volume.slice_origin_mm(k) for k in range(volume.shape[2])]
    return Slices(steps_mm=volume.affine[:3, :2], origins_mm=np.array(origins))


def _changes(
    case: Case, contrasts: Iterable[Contrast], source: Layout, out: Layout
) -> Iterator[tuple[Volume, NDArray[np.bool_]]]:
    """Each image's grid, and the voxels whose values differ between the two files."""
    for contrast in contrasts:
        before, after = (load_image(place.image(case, contrast)) for place in (source, out))
        is_number = (before.data == before.data) | (after.data == after.data)
        yield before, np.not_equal(before.data, after.data) & is_number


def _ml(mask: NDArray[np.bool_], grid: Volume) -> float:
    return round(mask_volume_ml(mask, grid.voxel_volumes_mm3), VOLUME_DECIMALS)


def _not_proved(message: str) -> UnfitDataError:
    return UnfitDataError(ReasonCode.DEFACE_NOT_PROVED, message)
