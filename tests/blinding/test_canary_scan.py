"""The positive control: a text that leaks is found by the scanner of the canary gate."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import nibabel
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.blinding.canary import FORM_OF_VR, Canary, Place
from benchmarks.blinding.canary_artefacts import Artefact, Sighting, sightings, under
from benchmarks.blinding.canary_layers import layers_of
from benchmarks.blinding.canary_planter import Planter, set_time
from benchmarks.blinding.canary_scan import Scanner


@pytest.fixture(scope="module")
def canaries() -> tuple[Canary, ...]:
    """One of each VR, one day as a file's time, and enough others to be taken for them."""
    planter, file = Planter(seed=7), PurePosixPath("image.dcm")
    for vr in FORM_OF_VR:
        planter.plant(Place.TOP, vr, vr, file)
    planter.day(Place.FILE_TIME, "modified", file, (1905, 1965))
    for _ in range(500):
        planter.word(Place.PRIVATE, "other", file)
    return tuple(planter.canaries)


@pytest.fixture(scope="module")
def scanner(canaries: tuple[Canary, ...]) -> Scanner:
    return Scanner(canaries)


@pytest.fixture(scope="module")
def word(canaries: tuple[Canary, ...]) -> Canary:
    return next(c for c in canaries if c.vr == "LO")


@pytest.fixture(scope="module")
def day(canaries: tuple[Canary, ...]) -> Canary:
    return next(c for c in canaries if c.vr == "DA")


def in_a_sidecar(text: str) -> bytes:
    return json.dumps({"Modality": "CT", "Comment": text}).encode()


def in_a_nifti_description(text: str) -> bytes:
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    image.header["descrip"] = text.encode()
    return gzip.compress(image.to_bytes())


def in_a_png_text(text: str) -> bytes:
    return _png(PngInfo(), text, is_packed=False)


def in_a_packed_png_text(text: str) -> bytes:
    return _png(PngInfo(), text, is_packed=True)


def _png(info: PngInfo, text: str, *, is_packed: bool) -> bytes:
    info.add_text("Comment", text * 20, zip=is_packed)
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "png", pnginfo=info)
    return stream.getvalue()


def in_a_picture_inside_a_page(text: str) -> bytes:
    picture = base64.b64encode(in_a_packed_png_text(text))
    return b'<img src="data:image/png;base64,' + picture + b'">'


def in_base64(text: str) -> bytes:
    return base64.b64encode(f"of {text}.".encode())


def in_utf_16(text: str) -> bytes:
    return text.encode("utf-16")


def in_percents(text: str) -> bytes:
    return "".join(f"%{ord(c):02X}" for c in text).encode()


def in_a_link(text: str) -> bytes:
    return quote(f"/cases/{text}?é").encode()


def in_lower_case_at_an_odd_place(text: str) -> bytes:
    return b"\x93" * 13 + text.lower().encode() + b"\x07"


def in_a_table(text: str) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"comment": [text] * 50})
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def in_an_archive(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", f"{text} " * 50)
    return stream.getvalue()


def in_a_database(text: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE note (words TEXT)")
    connection.execute("INSERT INTO note VALUES (?)", (text,))
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def in_a_database_with_a_log(text: str) -> bytes:
    content = in_a_database(text)
    return content[:18] + b"\x02\x02" + content[20:]


LEAKS = [
    in_a_sidecar,
    in_a_nifti_description,
    in_a_png_text,
    in_a_packed_png_text,
    in_a_picture_inside_a_page,
    in_base64,
    in_utf_16,
    in_percents,
    in_a_link,
    in_lower_case_at_an_odd_place,
    in_a_table,
    in_an_archive,
    in_a_database,
    in_a_database_with_a_log,
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(
    leak: Callable[[str], bytes], word: Canary, scanner: Scanner
) -> None:
    found = sightings(scanner, [Artefact("leak", leak(word.text))])
    assert found == [Sighting(word, "leak")]
    assert sightings(scanner, [Artefact("clean", leak("ZQ0000000000"))]) == []


@pytest.mark.parametrize("vr", sorted(FORM_OF_VR))
def test_a_leak_of_each_vr_is_found(
    vr: str, canaries: tuple[Canary, ...], scanner: Scanner
) -> None:
    canary = next(c for c in canaries if c.vr == vr)
    assert sightings(scanner, [Artefact("leak", in_a_sidecar(canary.text))])[0].canary == canary


@pytest.mark.parametrize("form", ["{2}.{1}.{0}", "{0}-{1}-{2}", "{1}/{2}/{0}", "{0}{1}{2}T1200"])
def test_a_date_is_found_in_each_usual_form(form: str, day: Canary, scanner: Scanner) -> None:
    written = form.format(day.text[:4], day.text[4:6], day.text[6:])
    assert scanner.find(f"on {written}.".encode()) == {day}


def test_a_date_inside_a_longer_number_is_no_date(day: Canary, scanner: Scanner) -> None:
    assert scanner.find(f"0.{day.text}31".encode()) == set()


def test_a_date_before_the_tag_of_a_next_dicom_element_is_one(
    day: Canary, scanner: Scanner
) -> None:
    assert scanner.find(b"DA\x08\0" + day.text.encode() + b"8\0\x10\0") == {day}


def test_a_canary_as_a_file_name_and_as_a_file_time_is_found(
    word: Canary, canaries: tuple[Canary, ...], scanner: Scanner, tmp_path: Path
) -> None:
    moment = next(c for c in canaries if c.place is Place.FILE_TIME)
    path = tmp_path / f"sub-{word.text}_ct.json"
    path.write_text("{}", encoding="utf-8")
    year, month, day = (int(moment.text[a:b]) for a, b in ((0, 4), (4, 6), (6, 8)))
    set_time(path, datetime(year, month, day, 12, tzinfo=UTC))
    assert {s.canary for s in sightings(scanner, under(tmp_path))} == {word, moment}


def test_a_leak_between_thousands_of_voxels_is_found(word: Canary, scanner: Scanner) -> None:
    voxels = np.random.default_rng(1).integers(-1024, 2000, (64, 64, 16), dtype=np.int16)
    half = voxels.tobytes()
    assert scanner.find(half) == set()
    assert scanner.find(half + word.text.encode() + half) == {word}


def noisy_png() -> tuple[bytes, bytes]:
    """A picture that no packing shortens much, and its packed pixels."""
    noise = np.random.default_rng(8).integers(0, 256, (40, 50), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, format="PNG")
    content = stream.getvalue()
    start = content.index(b"IDAT") + 4
    length = int.from_bytes(content[start - 8 : start - 4], "big")
    return content, content[start : start + length]


def test_pixels_of_a_picture_are_looked_at_unpacked_alone() -> None:
    """Packed, a megabyte of chance spells the age of somebody now and then."""
    content, packed = noisy_png()
    first, *others = layers_of(content)
    assert packed not in first
    assert len(first) == len(content) - len(packed)
    assert zlib.decompress(packed) in others


@pytest.mark.parametrize("damage", [b"left over", b""], ids=["more than pixels", "cut"])
def test_a_picture_whose_pixels_are_not_all_there_is_looked_at_as_it_is(damage: bytes) -> None:
    content, packed = noisy_png()
    stored = packed + damage if damage else packed[:-4]
    size = len(stored).to_bytes(4, "big")
    broken = content.replace(
        len(packed).to_bytes(4, "big") + b"IDAT" + packed, size + b"IDAT" + stored
    )
    assert stored in next(layers_of(broken))
