"""Images to images without a face, and the proof that no infarct changed by it.

The proof reads both sets of files from disk, masks included: what is released was segmented
itself, and gives every number of its read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.face import DILATION_MM, Slices, face_mask, find_face, nearest_mm
from corelab.kernels.hounsfield import AIR_HU
from corelab.kernels.measure import mask_volume_ml
from corelab.store.image import load_image, save_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask
from corelab.vocab import Case, Contrast, Defacing, Modality
from corelab.volume import Volume

VOLUME_DECIMALS = 4
DISTANCE_DECIMALS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way of taking the face off a case.

    Parameters
    ----------
    case, modality, contrasts
        Whose images, what is segmented on, and which images there are.
    source
        Where the whole images and their masks lie.
    out
        Where the images without a face go, and their masks.
    kept_mm
        What is kept around the dilated brain mask.
    """

    case: Case
    modality: Modality
    contrasts: Sequence[Contrast]
    source: Layout
    out: Layout
    kept_mm: float

    def measured_image(self) -> Volume:
        """Whole image that was segmented on."""
        return load_image(self.source.image(self.case, self.modality.contrast))

    def brain(self, image: Volume) -> NDArray[np.bool_]:
        """Where the brain was found on the whole image."""
        return np.not_equal(load_mask(self.source.brain_mask(self.case), image), 0)


def deface(attempt: Attempt) -> None:
    """Write every image of a case without its face, each on its own grid."""
    image = attempt.measured_image()
    cut = find_face(attempt.brain(image), slices_of(image), attempt.kept_mm)
    for contrast in attempt.contrasts:
        whole = load_image(attempt.source.image(attempt.case, contrast))
        face = face_mask(cut, slices_of(whole), whole.shape)
        save_image(attempt.out.image(attempt.case, contrast), without(whole, face))


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
    return replace(image, data=data)


def prove(attempt: Attempt) -> Defacing:
    """Compare the files with and without the face, once both are segmented.

    Raises
    ------
    UnfitDataError
        ``deface_not_proved`` when any voxel of the infarct mask differs, or an image changed
        within what is kept around the brain.
    """
    image = attempt.measured_image()
    before_ml, after_ml = _same_infarct_ml(attempt, image)
    brain, clear_mm = attempt.brain(image), DILATION_MM + attempt.kept_mm
    removed_ml, nearest = 0.0, float("inf")
    for grid, changed in _changes(attempt):
        removed_ml = max(removed_ml, _ml(changed, grid))
        nearest = min(nearest, nearest_mm(brain, slices_of(image), changed, slices_of(grid)))
    if nearest < clear_mm:
        raise _not_proved(
            f"a voxel {nearest:.1f} mm from the brain mask would change, expected none within "
            f"{clear_mm:g} mm"
        )
    return Defacing(
        kept_mm=attempt.kept_mm,
        removed_ml=removed_ml,
        min_distance_mm=None if np.isinf(nearest) else round(nearest, DISTANCE_DECIMALS),
        infarct_volume_ml_before=before_ml,
        infarct_volume_ml_after=after_ml,
        is_identical=True,
    )


def slices_of(volume: Volume) -> Slices:
    """Where the voxels of a volume lie."""
    origins = [volume.slice_origin_mm(k) for k in range(volume.shape[2])]
    return Slices(steps_mm=volume.affine[:3, :2], origins_mm=np.array(origins))


def _same_infarct_ml(attempt: Attempt, image: Volume) -> tuple[float, float]:
    """Volume of the infarct with and without the face, where both masks are the same."""
    places = (attempt.source, attempt.out)
    before, after = (load_mask(place.infarct_mask(attempt.case), image) for place in places)
    before_ml, after_ml = _ml(before != 0, image), _ml(after != 0, image)
    n_other = int(np.count_nonzero(before != after))
    if n_other:
        raise _not_proved(
            f"the infarct is {before_ml:.4f} mL with the face and {after_ml:.4f} mL without, "
            f"{n_other} voxels differ, {attempt.kept_mm:g} mm kept around the brain"
        )
    return before_ml, after_ml


def _changes(attempt: Attempt) -> Iterator[tuple[Volume, NDArray[np.bool_]]]:
    """Each image's grid, and the voxels whose values differ between the two files."""
    places = (attempt.source, attempt.out)
    for contrast in attempt.contrasts:
        before, after = (load_image(place.image(attempt.case, contrast)) for place in places)
        yield before, np.not_equal(before.data, after.data)


def _ml(mask: NDArray[np.bool_], grid: Volume) -> float:
    return round(mask_volume_ml(mask, grid.voxel_volumes_mm3), VOLUME_DECIMALS)


def _not_proved(message: str) -> UnfitDataError:
    return UnfitDataError(ReasonCode.DEFACE_NOT_PROVED, message)
