from __future__ import annotations

import io
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from corelab.blinding.audit import audit, counts_as_identifying

IDENTIFIERS = ("Doe^Jane Margarethe", "PAT-0077", "19500314", "M", "HEAD", "infarct")


def plant_text(path: Path, text: str) -> None:
    path.write_text(f'{{"comment": "seen {text} today"}}')


def plant_nifti(path: Path, text: str) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header["descrip"] = text.encode()
    nib.save(image, path)


def plant_png(path: Path, text: str) -> None:
    info = PngInfo()
    info.add_text("Comment", text)
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, format="PNG", pnginfo=info)
    path.write_bytes(stream.getvalue())


PLANTS = {"a.json": plant_text, "a.nii.gz": plant_nifti, "a.png": plant_png, "a.html": plant_text}


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("text", ["margarethe", "PAT-0077", "19500314"])
def test_an_identifier_in_a_file_is_found(tmp_path: Path, name: str, text: str) -> None:
    PLANTS[name](tmp_path / name, text)
    assert [(leak.path.name, leak.place) for leak in audit(tmp_path, IDENTIFIERS)] == [
        (name, "content")
    ]


def test_an_identifier_in_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "sub-pat-0077").mkdir()
    (tmp_path / "sub-pat-0077" / "x.txt").write_text("clean")
    assert [leak.place for leak in audit(tmp_path, IDENTIFIERS)] == ["name"]


def test_utf16_text_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes("Margarethe".encode("utf-16-le"))
    assert len(audit(tmp_path, IDENTIFIERS)) == 1


def test_our_own_words_and_short_words_are_no_leak(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"infarct_volume_ml": 3, "sex": "M", "part": "HEAD"}')
    assert audit(tmp_path, IDENTIFIERS) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Jane", False), ("A123", True), ("1000", False), ("512.0", False), ("123456", True)],
)
def test_the_rule_for_short_texts(text: str, *, expected: bool) -> None:
    assert counts_as_identifying(text) is expected


def test_digits_inside_a_digest_are_no_leak_but_the_same_digits_alone_are(tmp_path: Path) -> None:
    digest = "ab" * 13 + "19500314" + "cd" * 15
    (tmp_path / "x.json").write_text(f'{{"sha256": "{digest}"}}')
    assert audit(tmp_path, IDENTIFIERS) == ()
    (tmp_path / "x.json").write_text('{"born": "19500314"}')
    assert len(audit(tmp_path, IDENTIFIERS)) == 1


def test_words_that_out_holds_on_purpose_are_no_leak(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"trial": "NCT07294391", "visit": "fu24h"}')
    found = ("NCT07294391", "fu24h")
    assert len(audit(tmp_path, found)) == 1
    assert audit(tmp_path, found, own_words=frozenset({"nct07294391", "fu24h"})) == ()
