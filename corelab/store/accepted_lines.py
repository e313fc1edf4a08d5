"""Lines of accepted masks on the mosaics of their cases, drawn once and kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from corelab.kernels.orientation import orientation_of, to_ras
from corelab.store.files import read_bytes, write_bytes
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.mosaic import MosaicRequest
from corelab.store.mosaic_request import mosaic_request
from corelab.store.nifti import load_mask
from corelab.store.picture import draw_other_lines, hidden_slices_of, size_of
from corelab.vocab import LABEL_VALUE, Label, Read

_MASK_SUFFIX = "_mask.nii.gz"
_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLines:
    """Lines of the masks that a case's accepted volume rests on.

    ``n_hidden`` is how many slices of them the mosaic does not show.
    """

    pngs: tuple[bytes, ...]
    n_hidden: int


class AcceptedLines:
    """Draws what lacks, and takes away what nobody asked for.

    Parameters
    ----------
    layout
        Where OUT lies, its accepted masks up to date.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._used: set[Path] = set()

    def of(self, read: Read) -> DrawnLines | None:
        """Return the lines of a case; ``None`` where no mask is accepted or no mosaic fits."""
        masks = sorted(self._layout.accepted_folder.glob(f"{read.case.stem}_*{_MASK_SUFFIX}"))
        if not masks or not self._has_layers(read):
            return None
        paths = [self._path_of(mask, read) for mask in masks]
        lacking = [
            (mask, path) for mask, path in zip(masks, paths, strict=True) if not path.exists()
        ]
        if lacking and not self._draw(lacking, read):
            return None
        self._used.update(paths)
        pngs = tuple(map(read_bytes, paths))
        return DrawnLines(pngs=pngs, n_hidden=max(map(hidden_slices_of, pngs)))

    def prune(self) -> None:
        """Take away lines of masks that are not accepted any more, or of another mosaic."""
        folder = self._layout.accepted_lines_folder
        for path in set(folder.glob("*")) - self._used:
            path.unlink()
        with suppress(OSError):
            folder.rmdir()  # where nothing is accepted any more

    def _has_layers(self, read: Read) -> bool:
        """Whether the automatic lines can be taken off: an earlier version drew them in."""
        has_lines = self._layout.outline(read.case).exists()
        is_bare = read.measurement.infarct_volume_ml == 0
        return self._layout.thumbnail(read.case).exists() and (has_lines or is_bare)

    def _path_of(self, mask: Path, read: Read) -> Path:
        """Where lines are kept: of this mask, on the mosaic of this automatic mask."""
        sheet = read.sha256_of("infarct_mask")[:_DIGITS]
        name = f"{mask.name.removesuffix(_MASK_SUFFIX)}_{sheet}.png"
        return self._layout.accepted_lines_folder / name

    def _draw(self, lacking: list[tuple[Path, Path]], read: Read) -> bool:
        """Draw lines; whether they fit the mosaic, which another version may have laid out."""
        request = mosaic_request(read, self._layout)
        size = size_of(read_bytes(self._layout.mosaic(read.case)))
        for mask, path in lacking:
            png = draw_other_lines(request, self._with_mask(request, mask, read))
            if size_of(png) != size:
                return False
            write_bytes(path, png)
        return True

    def _with_mask(self, request: MosaicRequest, mask: Path, read: Read) -> MosaicRequest:
        image = load_image(self._layout.image(read.case, read.modality.contrast))
        values = to_ras(load_mask(mask, image), orientation_of(image.affine))
        blood = values == LABEL_VALUE[Label.BLOOD_IN_INFARCT]
        return replace(request, mask=values != 0, blood=blood)
