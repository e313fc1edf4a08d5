"""A folder of blinded images without a trial: its names, its description, its tidiness."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from corelab.errors import StoreError
from corelab.store.bids import description
from corelab.store.files import make_folder, read_json, remove_parts, write_json
from corelab.store.layout import sidecar_of
from corelab.store.times import settle_one
from corelab.vocab import Case, Contrast

_NAME = "Blinded images, converted from DICOM"
_WORDS = "|".join(Contrast)
_OURS = re.compile(
    rf"sub-[A-Za-z0-9]+_ses-[a-z0-9_]+(_rec-equidistant)?_run-\d+_({_WORDS})\.(nii\.gz|json)"
    r"|\.sub-.+\.part"
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where things lie under the output folder of a conversion."""

    root: Path

    @property
    def description(self) -> Path:
        """BIDS description of the whole; its presence makes the folder ours."""
        return self.root / "dataset_description.json"

    def image(self, case: Case, run: int, contrast: Contrast) -> Path:
        """Image as acquired; ``run`` counts the images of a case from 1."""
        return self._folder(case) / f"{case.stem}_run-{run:02}_{contrast}.nii.gz"

    def equidistant(self, case: Case, run: int, contrast: Contrast) -> Path:
        """Resampled copy for viewers."""
        name = f"{case.stem}_rec-equidistant_run-{run:02}_{contrast}.nii.gz"
        return self._folder(case) / name

    def begin(self, software_version: str) -> None:
        """Make the folder ours, before the first image.

        Raises
        ------
        StoreError
            When it holds something else already.
        """
        make_folder(self.root)
        remove_parts(self.root)
        if any(self.root.iterdir()) and not self._is_ours():
            raise StoreError(
                f"{self.root} holds other files; a conversion needs a folder of its own"
            )
        write_json(self.description, description(_NAME, software_version))

    def clear(self, keep: Container[Path]) -> int:
        """Remove what an earlier conversion wrote and this one does not.

        Only names that a conversion gives are touched: a mask that somebody drew stays.

        Parameters
        ----------
        keep
            Images that stay, with their sidecars.

        Returns
        -------
        int
            Number of files removed.
        """
        found = [path for path in self.root.glob("sub-*/ses-*/*") if _OURS.fullmatch(path.name)]
        stale = [path for path in found if _image_of(path) not in keep]
        for path in stale:
            path.unlink(missing_ok=True)
        for folder in sorted({path.parent for path in stale}):
            _remove_empty(folder)
            _remove_empty(folder.parent)
        return len(stale)

    def settle(self) -> None:
        """Give what a conversion wrote, and its folders, the one time of blinded files.

        Raises
        ------
        StoreError
            When that cannot be done.
        """
        folders = [*self.root.glob("sub-*/ses-*"), *self.root.glob("sub-*"), self.root]
        files = [path for path in self.root.glob("sub-*/ses-*/*") if _OURS.fullmatch(path.name)]
        for path in (*files, *folders, self.description):
            settle_one(path)

    def _folder(self, case: Case) -> Path:
        return self.root / f"sub-{case.subject_code}" / f"ses-{case.visit}"

    def _is_ours(self) -> bool:
        try:
            return read_json(self.description).get("Name") == _NAME
        except StoreError:
            return False


def withdraw_image(image: Path) -> None:
    """Remove an image and its sidecar, so that neither outlives scans that were refused."""
    image.unlink(missing_ok=True)
    sidecar_of(image).unlink(missing_ok=True)


def _image_of(path: Path) -> Path:
    if path.suffix == ".json":
        return path.with_name(f"{path.stem}.nii.gz")
    return path


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
