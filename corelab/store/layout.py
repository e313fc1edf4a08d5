"""Every path under OUT. The names are a contract: scripts depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corelab.vocab import Case, Contrast

LOCKED_TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie under one output folder."""

    root: Path

    @property
    def dataset_description(self) -> Path:
        """BIDS description of the whole as a derivative."""
        return self.root / "dataset_description.json"

    @property
    def volumes_csv(self) -> Path:
        """The volume table."""
        return self.root / "volumes.csv"

    @property
    def volumes_parquet(self) -> Path:
        """The volume table with types."""
        return self.root / "volumes.parquet"

    @property
    def volumes_dictionary(self) -> Path:
        """What each column of the volume table means."""
        return self.root / "volumes.json"

    @property
    def growth_csv(self) -> Path:
        """Growth from baseline, one row per subject and follow-up visit."""
        return self.root / "growth.csv"

    @property
    def growth_dictionary(self) -> Path:
        """What each column of the growth table means."""
        return self.root / "growth.json"

    @property
    def reads_csv(self) -> Path:
        """One row per read."""
        return self.root / "reads.csv"

    @property
    def problems_csv(self) -> Path:
        """One row per case or series that was not measured."""
        return self.root / "problems.csv"

    @property
    def batch(self) -> Path:
        """Counts, versions and durations of the last batch."""
        return self.root / "batch.json"

    @property
    def qa_page(self) -> Path:
        """Every case at a glance."""
        return self.root / "qa" / "index.html"

    @property
    def tables(self) -> Path:
        """Folder of the tables in further forms."""
        return self.root / "tables"

    @property
    def agreement(self) -> Path:
        """Folder of the agreement report."""
        return self.root / "agreement"

    @property
    def lock(self) -> Path:
        """Manifest of a locked OUT: as long as it is there, nothing is written."""
        return self.root / "lock.json"

    @property
    def locks(self) -> Path:
        """Folder of all locks that were ever made."""
        return self.root / "lock"

    def locked_tables(self, lock_id: str) -> Path:
        """Folder of the tables of a lock."""
        return self.locks / lock_id / LOCKED_TABLES

    @property
    def ledger(self) -> Path:
        """The ledger of reads."""
        return self.root / "reads.sqlite"

    @property
    def order_seed(self) -> Path:
        """Return the secret that the order of every reader is drawn from."""
        return self.root / "reads.seed"

    @property
    def accepted_folder(self) -> Path:
        """Masks that people signed and that accepted volumes rest on: a view, made anew."""
        return self.root / "accepted"

    def accepted_mask(self, case: Case, read_id: str, version: int) -> Path:
        """Return where one of them lies."""
        return self.accepted_folder / f"{case.stem}_desc-read{read_id}v{version}_mask.nii.gz"

    @property
    def accepted_lines_folder(self) -> Path:
        """Lines of accepted masks, which the QA page lays upon the mosaics: a view, made anew."""
        return self.root / "qa" / "accepted"

    def case_folder(self, case: Case) -> Path:
        """Folder of one case."""
        return self.root / f"sub-{case.subject_code}" / f"ses-{case.visit}"

    def image(self, case: Case, contrast: Contrast) -> Path:
        """Blinded image."""
        return self._file(case, f"{contrast}.nii.gz")

    def brain_mask(self, case: Case) -> Path:
        """Brain mask on the measured image's grid."""
        return self._file(case, "desc-brain_mask.nii.gz")

    def infarct_mask(self, case: Case) -> Path:
        """Infarct labels on the measured image's grid."""
        return self._file(case, "desc-infarct_mask.nii.gz")

    def range_mask(self, case: Case) -> Path:
        """Nested masks of the sensitivity range: 3 smallest, 2 the infarct, 1 largest."""
        return self._file(case, "desc-range_mask.nii.gz")

    def read(self, case: Case) -> Path:
        """Return where the automatic read lies."""
        return self._file(case, "desc-infarct_read.json")

    def mosaic(self, case: Case) -> Path:
        """Overlay mosaic."""
        return self._file(case, "desc-infarct_qa.png")

    def thumbnail(self, case: Case) -> Path:
        """Smaller copy of the mosaic without its lines, which the QA page holds."""
        return self._file(case, "desc-infarct_qa.webp")

    def outline(self, case: Case) -> Path:
        """Lines of the mosaic alone, which the QA page lays upon the smaller copy."""
        return self._file(case, "desc-infarct_qalines.png")

    def reads(self) -> tuple[Path, ...]:
        """Every automatic read under OUT, sorted."""
        return tuple(sorted(self.root.glob("sub-*/ses-*/sub-*_desc-infarct_read.json")))

    def earlier_reads(self) -> tuple[Path, ...]:
        """Every read under OUT that a newer version has taken the place of, sorted."""
        return tuple(sorted(self.root.glob("sub-*/ses-*/versions/v*/sub-*_desc-infarct_read.json")))

    def versions_folder(self, case: Case) -> Path:
        """Return where the earlier versions of a case lie."""
        return self.case_folder(case) / "versions"

    def version_folder(self, case: Case, number: int) -> Path:
        """Folder of one earlier version; its files have the names that they always had."""
        return self.versions_folder(case) / f"v{number}"

    def _file(self, case: Case, suffix: str) -> Path:
        return self.case_folder(case) / f"{case.stem}_{suffix}"


def sidecar_of(image: Path) -> Path:
    """JSON file beside a NIfTI image."""
    return image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")
