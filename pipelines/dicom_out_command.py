"""``corelab export-dicom``: cases as DICOM objects for a data manager, each told of."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_file import has_vault
from corelab.errors import DiskError, StoreError, UnfitDataError
from corelab.store.files import private_folder
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.vocab import Case
from pipelines.cli import EXIT_PROBLEMS, WhichMask
from pipelines.pick import Pick
from pipelines.places import refuse_nested
from pipelines.screen import show_plain
from pipelines.telling import told
from pipelines.vault_command import VaultPlace
from pipelines.vault_places import refuse_open_places

if TYPE_CHECKING:
    from pipelines.dicom_out import DicomWriter

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PIPE_WIDTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomRequest:
    """Which cases of OUT are written as DICOM objects, and where to."""

    out: Path
    vault: VaultPlace
    folder: Path
    pick: Pick
    mask: WhichMask


@told
def export_dicom_command(request: DicomRequest) -> int:
    """Write every case that is picked; 1 where any could not be written."""
    if find_spec("highdicom") is None:
        raise StoreError(
            "highdicom is not installed, which writes DICOM segmentations and reports: "
            'pip install "corelab[dicom-out]"'
        )
    if not has_vault(request.vault.folder):
        raise StoreError(f"{request.vault.folder} holds no vault")
    layout = Layout(request.out)
    cases = _cases(layout, request.pick)
    what = ", ".join(f"{case.subject_code} {case.visit}" for case in cases)
    place = request.vault
    with open_vault(
        place.folder, key_file=place.key_file, command="export-dicom", what=what
    ) as vault:
        _refuse_places(request, vault)
        private_folder(request.folder)
        return _write_all(cases, layout, vault, request)


def _write_all(cases: Sequence[Case], layout: Layout, vault: Vault, request: DicomRequest) -> int:
    """Write one case after the other; what is wrong with one does not hold up the rest."""
    from pipelines.dicom_out import DicomWriter  # noqa: PLC0415 - highdicom is slow to load

    openers = {
        WhichMask.ACCEPTED: DicomWriter.of_accepted,
        WhichMask.AUTOMATIC: DicomWriter.of_automatic,
    }
    with openers[request.mask](layout, vault) as writer:
        return _told_of_all(cases, writer, request.folder)


def _told_of_all(cases: Sequence[Case], writer: DicomWriter, folder: Path) -> int:
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    n_refused = 0
    for case in cases:
        name = f"{case.subject_code} {case.visit}"
        try:
            written = writer.write(case, folder)
        except DiskError:
            raise
        except StoreError as error:
            show_plain(console, f"{name}  not written: {error}")
            n_refused += 1
        except UnfitDataError as error:
            evidence = f" ({' '.join(error.evidence.split())})" if error.evidence else ""
            show_plain(console, f"{name}  not written: {error.message}{evidence}")
            n_refused += 1
        else:
            for files in written:
                names = f"{files.segmentation.name}, {files.report.name}"
                show_plain(console, f"{name}  {names} ({files.told})")
    n_written = len(cases) - n_refused
    summary = f"{n_written} of {len(cases)} cases written to {folder}"
    show_plain(console, f"{summary} (identified: not for readers)")
    return EXIT_PROBLEMS if n_refused else 0


def _cases(layout: Layout, pick: Pick) -> tuple[Case, ...]:
    """Cases of OUT that are picked.

    Raises
    ------
    StoreError
        When a code has none.
    """
    known = [load_read(path).case for path in layout.reads()]
    cases = tuple(sorted(filter(pick.takes, known)))
    absent = sorted(pick.codes - {case.subject_code for case in cases})
    if absent:
        visit = f" at {pick.visit}" if pick.visit else ""
        raise StoreError(f"{layout.root} holds no read of {', '.join(absent)}{visit}")
    return cases


def _refuse_places(request: DicomRequest, vault: Vault) -> None:
    """Refuse a folder where others look, and one that cannot be closed without closing more."""
    folder, place = request.folder, request.vault.folder
    refuse_nested(
        [
            ("DIR", folder, request.out, "OUT: the files name patients"),
            ("OUT", request.out, folder, "DIR: that is closed to others"),
            ("VAULT", place, folder, "DIR: the files are there to be given away"),
        ]
    )
    refuse_open_places(folder, place, vault.ledger)
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & _OF_OTHERS:
        mode = stat.S_IMODE(folder.stat().st_mode)
        raise StoreError(
            f"{folder} is open to others ({mode:04o}), and the files name patients: name a new "
            "folder, or one that is its owner's alone (0700)"
        )
