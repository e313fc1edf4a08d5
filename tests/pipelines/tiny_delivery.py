"""A delivery of a few small heads, whole results of it, and ways to look at what a run left."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from corelab.stages.read import files_of
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.vocab import Contrast
from tests.pipelines.dim_head import write_dim_head

REPOSITORY = Path(__file__).parents[2]
TRIAL = REPOSITORY / "configs" / "demo.toml"
HEAD_MM = (84.0, 100.0, 70.0)
CODES = ("KX4M7P", "AB2CD3", "QW5RT6")
_MASKS = {"brain_mask", "infarct_mask", "range_mask"}
_OF_ONE_RUN = ("duration_s", "cases_new")


def write_delivery(folder: Path, n_cases: int) -> None:
    """Write ``incoming/`` and ``subjects.csv``, one head a subject."""
    with (folder / "subjects.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("patient_id", "subject_code", "visit", "study_instance_uid"))
        for seed, code in enumerate(CODES[:n_cases], start=5):
            patient_id, study_uid = write_dim_head(folder / "incoming", HEAD_MM, seed=seed)
            table.writerow((patient_id, code, "fu24h", study_uid))


def arguments(folder: Path, out: str, *, trial: Path = TRIAL) -> list[str]:
    """Words of ``corelab run`` over a delivery, its vault beside OUT."""
    words = ["run", str(folder / "incoming"), "--trial", str(trial)]
    words += ["--subjects", str(folder / "subjects.csv"), "--out", str(folder / out)]
    return [*words, "--workers", "2"]


def content(out: Path) -> dict[str, object]:
    """Every file of OUT, the batch's record without what tells one run from another."""
    found: dict[str, object] = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
    record = json.loads((out / "batch.json").read_bytes())
    found["batch.json"] = {k: v for k, v in record.items() if k not in _OF_ONE_RUN}
    return found


def assert_whole(out: Path) -> None:
    """Refuse any file that is not complete under the name that it keeps, and any part of a case."""
    for path in out.rglob("*"):
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(out).parts):
            _assert_complete(path)
    for folder in out.glob("sub-*/ses-*"):
        _assert_case(folder, Layout(out))


def _assert_complete(path: Path) -> None:
    match path.suffix:
        case ".json":
            assert isinstance(json.loads(path.read_bytes()), dict)
        case ".csv":
            text = path.read_text("utf-8")
            assert text.endswith("\n")
            assert len({len(row) for row in csv.reader(text.splitlines())}) == 1
        case ".parquet":
            pq.read_table(path)
        case ".gz":
            assert gzip.decompress(path.read_bytes())
        case ".png" | ".webp":
            Image.open(path).load()
        case ".html":
            assert path.read_text("utf-8").rstrip().endswith("</html>")
        case _:
            raise AssertionError(f"{path.name} is no name of OUT")


def _assert_case(folder: Path, layout: Layout) -> None:
    (path,) = folder.glob("*_desc-infarct_read.json")
    read = load_read(path)
    digests = {digest.role: digest.sha256 for digest in read.digests}
    contrasts = [Contrast(role) for role in digests if role not in _MASKS]
    files = files_of(layout, read.case, contrasts)
    assert digests == {role: sha256_of(file) for role, file in files.items()}
    assert layout.mosaic(read.case).exists()
