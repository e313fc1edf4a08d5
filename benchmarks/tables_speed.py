"""What ``corelab tables`` takes to rebuild every table and the QA page from 10,000 records.

``python -m benchmarks.tables_speed [RECORDS]``. Records of 5,000 subjects at two visits, each as
long as a batch writes them; beside each lie a mosaic and its smaller copy.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.batch_speed import Run, run
from benchmarks.contest import table
from corelab.stages.publish import Publication, publish
from corelab.store.files import write_json
from corelab.store.layout import Layout
from corelab.store.record import save_read
from corelab.vocab import (
    Case,
    Component,
    Digest,
    Hemisphere,
    Measurement,
    Modality,
    QcFlag,
    Read,
    ReadStatus,
    SubjectCode,
    VisitLabel,
)

ROUNDS = 3
VISITS = ("baseline", "fu24h")
_N_SLICES = 32
_PUBLICATION = Publication(trial_id="R", software_version="0", config_digest="", visits=VISITS)


def write_records(out: Path, n_records: int) -> None:
    """Write an OUT of so many reads, with its tables and its batch record."""
    rng, layout = np.random.default_rng(0), Layout(out)
    for number in range(n_records):
        case = Case(SubjectCode(f"R{number // 2:05}"), VisitLabel(VISITS[number % 2]))
        layout.case_folder(case).mkdir(parents=True)
        save_read(layout.read(case), _read(case, float(rng.gamma(1.0, 40.0))))
        layout.mosaic(case).write_bytes(bytes(1024))
        layout.thumbnail(case).write_bytes(bytes(1024))
    publish(layout, [], _PUBLICATION)
    write_json(layout.batch, {"trial_id": "R", "visits": list(VISITS)})


def _read(case: Case, volume_ml: float) -> Read:
    return Read(
        trial_id="R",
        subject_code=case.subject_code,
        visit=case.visit,
        reader="auto",
        modality=Modality.NCCT,
        measurement=Measurement(
            infarct_volume_ml=round(volume_ml, 4),
            infarct_volume_low_ml=round(0.9 * volume_ml, 4),
            infarct_volume_high_ml=round(1.1 * volume_ml, 4),
            haemorrhage_in_infarct_ml=0.0,
            brain_volume_ml=1350.0,
            voxel_volume_mm3=1.19,
            slice_spacing_mm=5.0,
            components=(Component(volume_ml=round(volume_ml, 4), centre_mm=(1.0, 2.0, 3.0)),),
            slice_areas_cm2=tuple(round(volume_ml / _N_SLICES, 4) for _ in range(_N_SLICES)),
        ),
        hemisphere=Hemisphere.LEFT,
        qc_flags=(QcFlag.GANTRY_TILT,),
        read_status=ReadStatus.AUTO,
        method="ncct_mirror_ratio_1",
        parameters=tuple((f"parameter_{number}", 0.85) for number in range(30)),
        adc_scale_to_mm2_s=None,
        digests=tuple(Digest(role=role, sha256="f" * 64) for role in ("ct", "infarct_mask")),
        choice="NCCT: 32 slices",
        software_version="0",
        config_digest="f" * 16,
    )


def main() -> None:
    """Measure and print."""
    n_records = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    corelab = str(Path(sys.executable).with_name("corelab"))
    with tempfile.TemporaryDirectory() as home:
        write_records(Path(home, "out"), n_records)
        runs: list[Run] = [run([corelab, "tables", str(Path(home, "out"))]) for _ in range(ROUNDS)]
    walls_s = [each.wall_s for each in runs]
    row = (
        str(n_records),
        f"{statistics.median(walls_s):.2f} ({min(walls_s):.2f} to {max(walls_s):.2f})",
        f"{statistics.median(each.cpu_s for each in runs):.2f}",
        f"{max(each.client_mb for each in runs):.0f}",
    )
    print(table([row], ("records", "wall s", "CPU s", "MB")))


if __name__ == "__main__":
    main()
