"""Writes the heads of a half: ``python -m benchmarks.accuracy.heads FOLDER --half tuning``.

Each head is a folder with its images, ``truth.nii.gz`` (percent of each voxel that is infarct)
and ``case.json``. A head that is there already, made from the same plan by the same code, is
kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import corelab.phantom
from benchmarks.accuracy import making
from benchmarks.accuracy.making import Made, make
from benchmarks.accuracy.plan import Half, Plan, plans
from corelab.store.nifti import save_volume
from corelab.vocab import Modality

_HOURS_A_DAY = 24
_SOURCES = (*sorted(Path(corelab.phantom.__file__).parent.glob("*.py")), Path(making.__file__))
_CODE = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()


def write_half(folder: Path, half: Half) -> list[Path]:
    """Write all heads of a half, CT first; their folders."""
    return [write_head(folder, plan) for plan in all_plans(half)]


def all_plans(half: Half) -> Iterator[Plan]:
    """Plans of both modalities, CT first."""
    for modality in (Modality.NCCT, Modality.DWI):
        yield from plans(half, modality)


def write_head(folder: Path, plan: Plan) -> Path:
    """Write one head unless it is there; its folder."""
    place = folder / plan.name
    record = place / "case.json"
    if record.exists() and json.loads(record.read_text("utf-8"))["plan"] == _digest(plan):
        return place
    place.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    made = make(plan)
    for contrast, image in made.images.items():
        save_volume(place / f"{contrast.value}.nii.gz", image)
    save_volume(place / "truth.nii.gz", made.truth)
    record.write_text(json.dumps(_record(plan, made), indent=1) + "\n", "utf-8")
    return place


def _record(plan: Plan, made: Made) -> dict[str, object]:
    scan = asdict(plan.scan)
    return {
        "modality": plan.modality.value,
        "infarct_ml": round(made.infarct_ml, 4),
        "blood_ml": round(made.blood_ml, 4),
        "b_value": plan.scan.b_value_s_mm2,
        "hours": _HOURS_A_DAY * plan.scan.day,
        "adc_unit_mm2_s": made.adc_unit_mm2_s,
        "half": plan.half.value,
        "plan": _digest(plan),
        "tags": {**asdict(plan.lesions), **scan},
    }


def _digest(plan: Plan) -> str:
    return hashlib.sha256(f"{_CODE} {plan!r}".encode()).hexdigest()[:16]


def main() -> None:
    """Write the heads and print each as it is there."""
    parser = argparse.ArgumentParser(description="Write the benchmark's synthetic heads.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=Half, choices=list(Half), default=Half.TUNING)
    arguments = parser.parse_args()
    for plan in all_plans(arguments.half):
        print(write_head(arguments.folder, plan).name, flush=True)


if __name__ == "__main__":
    main()
