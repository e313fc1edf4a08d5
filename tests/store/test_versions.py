from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from corelab.stages.publish import Publication, publish
from corelab.store.csv_table import read_csv
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.store.versions import carry_versions, promote, standing_read, version_numbers
from corelab.vocab import Read

MakeRead = Callable[..., Read]


def put(layout: Layout, read: Read) -> None:
    """Write a read and a picture beside it."""
    save_read(layout.read(read.case), read)
    layout.brain_mask(read.case).write_bytes(str(read.version).encode())


def grown(root: Path, *reads: Read) -> Layout:
    """Let reads of one case come one after the other, as runs put them in place."""
    layout = Layout(root)
    for place, read in enumerate(reads):
        built = Layout(root.with_name(f"built{place}"))
        put(built, read)
        carry_versions(layout, read.case, built, read.version)
        if layout.case_folder(read.case).exists():
            layout.case_folder(read.case).rename(root.with_name(f"old{place}"))
        layout.case_folder(read.case).parent.mkdir(parents=True, exist_ok=True)
        built.case_folder(read.case).rename(layout.case_folder(read.case))
    return layout


def versions_of(read: Read, *volumes_ml: float) -> list[Read]:
    return [
        replace(
            read,
            version=number,
            measurement=replace(read.measurement, infarct_volume_ml=volume_ml),
        )
        for number, volume_ml in enumerate(volumes_ml, start=1)
    ]


def test_every_version_that_came_before_lies_beside_the_newest(
    tmp_path: Path, make_read: MakeRead
) -> None:
    reads = versions_of(make_read(), 11.0, 12.0, 13.0)
    layout, case = grown(tmp_path / "out", *reads), make_read().case
    assert standing_read(layout, case) == reads[2]
    assert version_numbers(layout, case) == (1, 2)
    for number in (1, 2):
        folder = layout.version_folder(case, number)
        assert load_read(folder / layout.read(case).name) == reads[number - 1]
        assert (folder / layout.brain_mask(case).name).read_bytes() == str(number).encode()
        assert not (folder / "versions").exists()


def test_a_version_made_anew_keeps_the_earlier_ones_and_itself_once(
    tmp_path: Path, make_read: MakeRead
) -> None:
    first, second = versions_of(make_read(), 11.0, 12.0)
    layout = grown(tmp_path / "out", first, second, replace(second, software_version="2"))
    assert version_numbers(layout, first.case) == (1,)


def test_the_newest_of_the_earlier_versions_stands_again(
    tmp_path: Path, make_read: MakeRead
) -> None:
    reads = versions_of(make_read(), *map(float, range(1, 12)))
    layout, case = grown(tmp_path / "out", *reads), make_read().case
    for path in layout.case_folder(case).glob("*.*"):
        path.unlink()
    promote(layout, case)
    assert standing_read(layout, case) == reads[9]
    assert version_numbers(layout, case) == tuple(range(1, 10))
    assert layout.brain_mask(case).read_bytes() == b"10"


def test_an_interrupted_promotion_is_ended_by_the_next(tmp_path: Path, make_read: MakeRead) -> None:
    first, second = versions_of(make_read(), 11.0, 12.0)
    layout, case = grown(tmp_path / "out", first, second), first.case
    for path in layout.case_folder(case).glob("*.*"):
        path.unlink()
    half = layout.version_folder(case, 1) / layout.brain_mask(case).name
    half.rename(layout.brain_mask(case))
    promote(layout, case)
    assert standing_read(layout, case) == first
    assert layout.brain_mask(case).read_bytes() == b"1"
    assert not layout.versions_folder(case).exists()


def test_tables_and_page_tell_of_every_version_and_growth_of_the_newest(
    tmp_path: Path, make_read: MakeRead
) -> None:
    layout = grown(tmp_path / "out", *versions_of(make_read(), 11.0, 12.0))
    put(layout, make_read("ZZ9ZZ9", 20.0))
    about = Publication(
        trial_id="NCT0",
        software_version="1",
        config_digest="f" * 16,
        visits=("baseline", "fu24h"),
    )
    publish(layout, [], about)
    columns = ("subject_code", "infarct_volume_ml", "version")
    volumes = [tuple(row.values()) for row in read_csv(layout.volumes_csv, columns)]
    assert volumes == [("KX4M7P", "12.0", "2"), ("ZZ9ZZ9", "20.0", "1")]
    reads = [tuple(row.values()) for row in read_csv(layout.reads_csv, (*columns, "stands"))]
    assert reads == [
        ("KX4M7P", "11.0", "1", "no"),
        ("KX4M7P", "12.0", "2", "yes"),
        ("ZZ9ZZ9", "20.0", "1", "yes"),
    ]
    growth = read_csv(layout.growth_csv, ("infarct_volume_ml",))
    assert [row["infarct_volume_ml"] for row in growth] == ["12.0", "20.0"]
    page = layout.qa_page.read_text("utf-8")
    assert page.count("version 1 said 11.0 mL") == 1
