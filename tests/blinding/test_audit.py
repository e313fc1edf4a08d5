from __future__ import annotations

import base64
import html
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from corelab.blinding.audit import AuditReport, audit, library_words
from corelab.series import Identifier, IdentifierKind
from tests.blinding.planting import PLANTS, plant_link, plant_name, with_chunk

NAME = IdentifierKind.NAME
KNOWN = (
    Identifier("Oberholtzer^Margarethe", NAME),
    Identifier("QX-4471-77", IdentifierKind.NUMBER),
    Identifier("19500314", IdentifierKind.MOMENT),
    Identifier("1.2.276.0.7230010.3.1.4.8323329.5710", IdentifierKind.UID),
    Identifier("Zürich Nordspital", IdentifierKind.PLACE),
)
TEXTS = ("Margarethe", "QX-4471-77", "19500314", "1.2.276.0.7230010.3.1.4.8323329.5710")


def found_in(folder: Path, *more: Identifier) -> AuditReport:
    return audit(folder, (*KNOWN, *more))


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("text", TEXTS)
def test_an_identifier_in_any_container_is_found(tmp_path: Path, name: str, text: str) -> None:
    PLANTS[name](tmp_path / name, text.encode())
    report = found_in(tmp_path)
    assert report.leaks, "not found"
    assert {leak.path for leak in report.leaks} == {Path(name)}
    assert report.gaps == ()


@pytest.mark.parametrize("name", PLANTS)
def test_the_same_container_with_a_plain_word_is_clean(tmp_path: Path, name: str) -> None:
    PLANTS[name](tmp_path / name, b"a plain sentence of words")
    assert found_in(tmp_path).is_clean


def utf16(text: str) -> bytes:
    return b"\x01\x02\x03" + text.encode("utf-16-le") + b"\x01"


def base64_after(n_bytes: int) -> Callable[[str], bytes]:
    return lambda text: base64.b64encode(b"{" * n_bytes + b"name: " + text.encode() + b" }")


CODES: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-16-le": utf16,
    "utf-16-be": lambda text: b"\x01" + text.encode("utf-16-be"),
    "utf-16 with its mark": lambda text: text.encode("utf-16"),
    "latin-1": lambda text: text.encode("latin-1"),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode(),
    "percent where needed": lambda text: quote(text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of a page": lambda text: base64.b64encode(f"<p>{html.escape(text)}</p>".encode()),
    "base64 alignment 1": base64_after(1),
    "base64 alignment 2": base64_after(2),
    "base64 alignment 3": base64_after(3),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()),
    "base64 behind a slash": lambda text: b"a/b/" + base64.b64encode(text.encode()),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "base64 in base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "HTML entities": lambda text: "".join(f"&#{ord(c)};" for c in text).encode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "byte escapes": lambda text: "".join(f"\\x{b:02x}" for b in text.encode()).encode(),
    "quoted-printable": lambda text: "".join(f"={b:02X}" for b in text.encode()).encode(),
    "upper case": lambda text: text.upper().encode(),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("text", [*TEXTS[:3], "Zürich Nordspital", "Oberholtzer"])
@pytest.mark.parametrize("name", ["a.txt", "a.bin"])
def test_an_identifier_in_any_code_is_found(
    tmp_path: Path, code: str, text: str, name: str
) -> None:
    around = (b"seen ", b" today") if name == "a.txt" else (b"\0\1\2\0", b"\0\1\2\0")
    coded = CODES[code](text)
    path = tmp_path / name
    path.write_bytes(coded if "mark" in code else around[0] + coded + around[1])
    assert found_in(tmp_path).leaks


@pytest.mark.parametrize("code", ["percent", "base64", "hexadecimal", "HTML entities"])
@pytest.mark.parametrize("name", ["text.png", "value.json", "zip-in-zip.zip", "value.parquet"])
def test_codes_are_undone_inside_containers_too(tmp_path: Path, code: str, name: str) -> None:
    PLANTS[name](tmp_path / name, CODES[code]("Margarethe Oberholtzer"))
    assert found_in(tmp_path).leaks


SPELLINGS = (
    "Oberholtzer^Margarethe",
    "Oberholtzer Margarethe",
    "OberholtzerMargarethe",
    "oberholtzer_margarethe",
    "Margarethe Oberholtzer",
    "OBERHOLTZER, MARGARETHE",
    "margaretheoberholtzer",
    "Oberholtzer, M",
    "xxmargarethe24h",
    "Ma\u0301rgarethe",
    "M\u00e1rgarethe",
    "Marga\u200brethe",
    "QX447177",
    "qx_4471_77",
    "14.03.1950",
    "Zurich Nordspital",
    "Zuerich-Nordspital",
    "Zu\u0308rich Nordspital",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_an_identifier_is_found(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "a.txt").write_text(f"seen {spelling} today")
    assert found_in(tmp_path).leaks


def test_a_name_in_another_script_is_found_whole_and_inside(tmp_path: Path) -> None:
    known = Identifier("王^小东", NAME)
    for number, data in enumerate(
        ["病人王小东".encode(), "王小东".encode("utf-16-le"), "王^小东".encode("utf-16-be")]
    ):
        (tmp_path / f"{number}.txt").write_bytes(data)
    assert len({leak.path for leak in found_in(tmp_path, known).leaks}) == 3


def test_names_of_files_folders_and_links_are_searched(tmp_path: Path) -> None:
    plant_name(tmp_path, "sub-qx-4471-77")
    (tmp_path / "margarethe.txt").write_text("clean")
    plant_link(tmp_path, "/data/Oberholtzer/scan")
    found = {(leak.path.name, leak.place) for leak in found_in(tmp_path).leaks}
    assert found == {
        ("sub-qx-4471-77", "name"),
        ("margarethe.txt", "name"),
        ("link", "link target"),
    }


def test_a_file_time_on_the_day_of_a_study_is_a_leak(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("clean")
    os.utime(path, (1_709_596_800 + 3600, 1_709_596_800 + 3600))  # 2024-03-05
    assert found_in(tmp_path).is_clean
    (leak,) = found_in(tmp_path, Identifier("20240305", IdentifierKind.MOMENT)).leaks
    assert (leak.place, leak.kind) == ("modification time", IdentifierKind.MOMENT)


def test_extended_attributes_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("clean")
    try:
        os.setxattr(path, "user.origin", b"from Margarethe")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    assert [leak.place for leak in found_in(tmp_path).leaks] == ["extended attribute"]


UNREADABLE = {
    "cut.nii.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\0abc",
    "cut.png": with_chunk(b"tEXt", b"a\0b")[:40],
    "cut.zip": b"PK\x03\x04 and nothing more",
    "cut.parquet": b"PAR1 and nothing more",
    "cut.sqlite": b"SQLite format 3\0 and nothing more",
    "packed.zst": b"\x28\xb5\x2f\xfd\0\0",
    "packed.7z": b"7z\xbc\xaf\x27\x1c\0",
    "locked.pdf": b"%PDF-1.4\n1 0 obj\n<< /Encrypt 2 0 R >>\nendobj\n",
    "odd.pdf": b"%PDF-1.4\n1 0 obj\n<< /Filter /LZWDecode >>\nstream\nabc\nendstream\nendobj\n",
    "cut.jpg": b"\xff\xd8\xff\xe0\x00\x10JF",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_searched_is_told_and_never_clean(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(UNREADABLE[name])
    report = found_in(tmp_path)
    assert [gap.path.name for gap in report.gaps] == [name]
    assert not report.is_clean


def test_pipes_links_and_closed_files_are_told_of(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    plant_link(tmp_path, "nowhere")
    assert {gap.path.name for gap in found_in(tmp_path).gaps} == {"pipe", "link"}


def test_where_a_container_breaks_what_can_be_read_still_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(with_chunk(b"tEXt", b"a\0Margarethe")[:-30])
    report = found_in(tmp_path)
    assert report.leaks
    assert report.gaps


def test_the_report_counts_what_was_searched(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("clean")
    (tmp_path / "b").mkdir()
    report = found_in(tmp_path)
    assert (report.n_files, report.n_bytes, report.n_identifiers) == (2, 5, len(KNOWN))


def test_our_own_vocabulary_is_what_the_code_writes_and_no_vendor() -> None:
    own = library_words()
    assert all(map(own.holds, ("infarct", "volume", "auto", "no infarct found")))
    vendors = ("siemens", "philips", "ge", "toshiba", "canon", "hitachi", "phantom", "jane")
    assert not any(map(own.holds, vendors))


def tar_of_a_time_that_no_calendar_has(path: Path) -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"mtime": "1e15"}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)


def zip_with_a_damaged_member(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", b"plain words " * 50)
    data = bytearray(path.read_bytes())
    data[45:60] = b"\xff" * 15
    path.write_bytes(data)


def page_that_its_parser_trips_over(path: Path) -> None:
    path.write_text("<html><![xyz[abc]]></html>")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.tar", tar_of_a_time_that_no_calendar_has),
        ("a.zip", zip_with_a_damaged_member),
        ("a.html", page_that_its_parser_trips_over),
    ],
)
def test_a_file_that_a_library_trips_over_is_a_gap_and_the_search_goes_on(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    (tmp_path / "b.txt").write_text("seen Margarethe")
    report = found_in(tmp_path)
    assert {gap.path for gap in report.gaps} == {Path(name)}
    assert {leak.path for leak in report.leaks} == {Path("b.txt")}


def test_a_file_larger_than_memory_is_a_gap_and_the_search_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    os.truncate(tmp_path / "a.bin", 1 << 42)
    (tmp_path / "b.txt").write_text("seen Margarethe")
    report = found_in(tmp_path)
    assert [gap.path for gap in report.gaps] == [Path("a.bin")]
    assert {leak.path for leak in report.leaks} == {Path("b.txt")}


def test_a_time_that_no_calendar_has_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("clean")
    os.utime(tmp_path / "a.txt", (1e13, 1e13))
    if (tmp_path / "a.txt").stat().st_mtime < 1e13:
        pytest.skip("this file system keeps no such time")
    assert [gap.place for gap in found_in(tmp_path).gaps] == ["modification time"]
