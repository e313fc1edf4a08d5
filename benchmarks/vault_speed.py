"""What the vault costs: 10,000 files and 50,000 identifying texts noted, read back, opened again.

``python -m benchmarks.vault_speed`` prints seconds on the clock and of the processor, for a new
vault and for the same delivery again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_delivery import DeliveredFile, FileFate
from corelab.series import (
    Identifier,
    IdentifierKind,
    Identity,
    Outcome,
    Series,
    SeriesKind,
    SeriesVerdict,
)
from corelab.vocab import Case, SubjectCode, VisitLabel

SERIES, FILES_EACH, TEXTS_EACH = 200, 50, 200
ROOT = Path("/incoming")


def verdict(number: int) -> SeriesVerdict:
    """One used series of one patient, with files and texts of its own."""
    names = (f"Doe_{number}/S1/IM{number}_{place:04}.dcm" for place in range(FILES_EACH))
    identity = Identity(
        patient_id=f"PAT-{number}",
        study_uid=f"1.2.{number}",
        series_uid=f"1.2.{number}.1",
        acquired_at=None,
        series_number=1,
        description=f"head {number}",
        texts=tuple(
            Identifier(f"text {number} of hospital {place}", IdentifierKind.DESCRIPTION)
            for place in range(TEXTS_EACH)
        ),
    )
    series = Series(
        identity=identity,
        kind=SeriesKind.CT,
        modality="CT",
        frames=(),
        grid=None,
        b_value_s_mm2=None,
        kilovolts=None,
        slice_thickness_mm=None,
        transfer_syntax_uid="",
        files=tuple(ROOT / name for name in names),
        refusal=None,
    )
    case = Case(SubjectCode(f"C{number:05}"), VisitLabel("fu24h"))
    return SeriesVerdict(series=series, case=case, outcome=Outcome.USED, why="as ct")


def timed(name: str, work: Callable[[], object]) -> None:
    """Print how long some work takes."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    took, worked = time.perf_counter() - start, time.process_time() - busy
    print(f"  {name:<24}{took:6.2f} s  (processor {worked:.2f} s)")


def measure(folder: Path, verdicts: list[SeriesVerdict]) -> None:
    """Open, note, read back, close."""
    files = [
        DeliveredFile(path=path, sha256="00" * 32, stamp="1", fate=FileFate.USED)
        for each in verdicts
        for path in each.series.files
    ]
    stamps = {file.path: file.stamp for file in files}
    opened: list[Vault] = []
    context = open_vault(folder)
    timed("open and check", lambda: opened.append(context.__enter__()))
    (vault,) = opened
    timed("note series and texts", lambda: vault.note_series(verdicts))
    timed("note the delivery", lambda: vault.note_delivery(ROOT, files))
    timed("read all texts back", vault.identifiers)
    timed("look up digests", lambda: vault.digests_known(stamps))
    context.__exit__(None, None, None)


def main() -> None:
    """Measure a new vault, then the same delivery again."""
    verdicts = [verdict(number) for number in range(SERIES)]
    with tempfile.TemporaryDirectory() as folder:
        for title in ("new vault", "the same again"):
            print(title)
            measure(Path(folder) / "vault", verdicts)
        size = (Path(folder) / "vault" / "vault.sqlite").stat().st_size
        print(f"{size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
