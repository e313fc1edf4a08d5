from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from corelab.dicom.index import index
from corelab.errors import ReasonCode
from corelab.series import Delivery
from pipelines.delivered import count_files
from pipelines.engine import Engine
from pipelines.limits import Budget
from pipelines.progress import Silent
from pipelines.reader import FILE_BUDGET, SpreadReader
from tests.dicom.archiving import FORMATS, pack, zip_of
from tests.dicom.tiny import ct_slice, only, set_pixels, stored_values, write, write_stack
from tests.pipelines import hostile

SAMPLE = Path(__file__).parents[2] / "sample_data" / "incoming"


def spread(incoming: Path, engine: Engine, budget: Budget = FILE_BUDGET) -> Delivery:
    return index(incoming, SpreadReader(engine, Silent(), budget))


def bad_beside_good(folder: Path, engine: Engine, budget: Budget = FILE_BUDGET) -> ReasonCode:
    """Reason why the one file in ``bad`` is held back; the series beside it must be sound."""
    write_stack(folder / "good", 40)
    delivery = spread(folder, engine, budget)
    assert delivery.n_files == 41
    sound = [series for series in delivery.series if series.refusal is None]
    assert [len(series.files) for series in sound] == [40]
    refusals = [loose.refusal for loose in delivery.loose]
    refusals += [series.refusal for series in delivery.series if series.refusal]
    (refusal,) = refusals
    return refusal.reason


def test_workers_find_what_one_process_finds(engine: Engine) -> None:
    # An absent position is NaN, which is like itself only as long as it stays in one process.
    assert repr(spread(SAMPLE, engine)) == repr(index(SAMPLE))


@pytest.mark.parametrize("kind", FORMATS)
def test_archives_are_listed_by_workers_and_counted_as_their_members(
    tmp_path: Path, engine: Engine, kind: str
) -> None:
    write_stack(tmp_path / "in" / "series", 40)
    pack(tmp_path / "in" / "series", tmp_path / "in" / f"again.{kind}")
    zip_of(tmp_path / "in" / "evil.zip", [("../x", b"x")])
    delivery = spread(tmp_path / "in", engine)
    assert delivery == index(tmp_path / "in")
    assert (delivery.n_files, delivery.n_duplicates) == (81, 40)
    counts = count_files(delivery, ())
    assert (counts.n_quarantined, counts.n_duplicate) == (1, 40)


def test_a_header_that_asks_for_much_memory_ends_alone(tmp_path: Path, engine: Engine) -> None:
    hostile.header_of_many_elements(tmp_path / "bad" / "a", 900_000)
    budget = Budget(memory_bytes=2**27, cpu_s=60)
    assert bad_beside_good(tmp_path, engine, budget) is ReasonCode.PARSE_LIMIT


def test_a_header_that_asks_for_much_time_ends_alone(tmp_path: Path, engine: Engine) -> None:
    hostile.deflated_header_of_many_elements(tmp_path / "bad" / "a", 900_000)
    budget = Budget(memory_bytes=2**34, cpu_s=1)
    assert bad_beside_good(tmp_path, engine, budget) is ReasonCode.PARSE_LIMIT


def test_a_file_that_kills_its_worker_ends_alone(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(hostile.stranger(), tmp_path / "bad" / hostile.FATAL_NAME)
    monkeypatch.setattr("pipelines.reader.read_received", hostile.read_or_die)
    assert bad_beside_good(tmp_path, engine) is ReasonCode.PARSE_LIMIT


def test_a_deflate_bomb_ends_alone(tmp_path: Path, engine: Engine) -> None:
    path = hostile.deflate_bomb(tmp_path / "bad" / "a", 600)
    assert path.stat().st_size < 2 * 2**20
    assert bad_beside_good(tmp_path, engine) is ReasonCode.SIZE_BEYOND_SCANNER


@pytest.mark.parametrize("depth", [250, 5000])
def test_nested_sequences_end_alone(tmp_path: Path, engine: Engine, depth: int) -> None:
    hostile.nested_sequences(tmp_path / "bad" / "a", depth)
    assert bad_beside_good(tmp_path, engine) is ReasonCode.HEADER_CUT


def test_an_element_of_four_gigabytes_ends_alone(tmp_path: Path, engine: Engine) -> None:
    hostile.huge_length(tmp_path / "bad" / "a")
    assert bad_beside_good(tmp_path, engine) is ReasonCode.HEADER_CUT


def test_a_matrix_beyond_any_scanner_ends_alone(tmp_path: Path, engine: Engine) -> None:
    slice_ = hostile.stranger()
    slice_.Rows = slice_.Columns = 65535
    write(slice_, tmp_path / "bad" / "a")
    assert bad_beside_good(tmp_path, engine) is ReasonCode.SIZE_BEYOND_SCANNER


def test_a_file_of_sixteen_gigabytes_ends_alone(tmp_path: Path, engine: Engine) -> None:
    slice_ = hostile.stranger()
    path = write(slice_, tmp_path / "bad" / "a")
    os.truncate(path, 16 * 2**30)
    assert bad_beside_good(tmp_path, engine) is ReasonCode.SIZE_BEYOND_SCANNER


def test_a_single_slice_ends_alone(tmp_path: Path, engine: Engine) -> None:
    slice_ = hostile.stranger()
    write(slice_, tmp_path / "bad" / "a")
    assert bad_beside_good(tmp_path, engine) is ReasonCode.TOO_FEW_SLICES


def test_copies_are_compared_by_workers(tmp_path: Path, engine: Engine) -> None:
    write_stack(tmp_path / "in" / "one", 5)
    shutil.copytree(tmp_path / "in" / "one", tmp_path / "in" / "two")
    changed = ct_slice(1)
    set_pixels(changed, stored_values(1) + 1)
    write(changed, tmp_path / "in" / "two" / "001.dcm")
    delivery = spread(tmp_path / "in", engine)
    assert delivery.n_duplicates == 4
    refusal = only(delivery).refusal
    assert refusal is not None
    assert "1 of 5 images differ" in refusal.message
