"""The canary gate: thousands of texts planted in a delivery, none of them found afterwards."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import quote, urljoin

import nibabel
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.blinding.canary import Canary, Form, Place
from benchmarks.blinding.canary_artefacts import Artefact, Sighting, sightings, under
from benchmarks.blinding.canary_attributes import text_attributes
from benchmarks.blinding.canary_delivery import STUDIES, Planted, packed, plant_delivery
from benchmarks.blinding.canary_scan import Scanner

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
CORELAB = Path(sys.executable).parent / "corelab"
VAULT_IS_ENCRYPTED = False
FEWEST_CANARIES = 3000


@dataclass(frozen=True)
class Gate:
    """What a whole run left behind: files, screens and what the review server answered."""

    planted: Planted
    scanner: Scanner
    out: Path
    vault: Path
    left_behind: Path
    screens: dict[str, subprocess.CompletedProcess[bytes]]
    answers: tuple[Artefact, ...]

    def found_in(self, *artefacts: Artefact) -> list[Sighting]:
        return sightings(self.scanner, artefacts)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return packed(plant_delivery(SAMPLE, tmp_path_factory.mktemp("delivery")))


@pytest.fixture(scope="module")
def scanner(planted: Planted) -> Scanner:
    return Scanner(planted.canaries)


@pytest.fixture(scope="module")
def gate(planted: Planted, scanner: Scanner, tmp_path_factory: pytest.TempPathFactory) -> Gate:
    folder = tmp_path_factory.mktemp("gate")
    out, vault, left_behind = folder / "out", folder / "vault", folder / "left"
    for name in ("home", "temp", "here"):
        (left_behind / name).mkdir(parents=True)
    shell = Shell(left_behind)
    trial = REPOSITORY / "configs" / "demo.toml"
    (folder / "truth.csv").write_text(truth(), encoding="utf-8")
    places = ("--out", out, "--vault", vault, "--subjects", planted.subjects_file)
    screens = {"run": shell.corelab("run", planted.incoming, "--trial", trial, *places)}
    screens["tables"] = shell.corelab("tables", out)
    screens["audit"] = shell.corelab("audit", out, "--vault", vault)
    compared = ("--reference", folder / "truth.csv", "--plot", left_behind / "plot.png")
    screens["agreement"] = shell.corelab("agreement", out, *compared)
    answers = tuple(shell.review(out))
    screens["lock"] = shell.corelab("lock", out, "--reason", "all cases are read")
    screens["verify"] = shell.corelab("verify", out)
    return Gate(planted, scanner, out, vault, left_behind, screens, answers)


class Shell:
    """Starts the real commands, with a home, a temporary and a working folder to look into."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "here"
        self.environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "temp"),
            "DASK_TEMPORARY_DIRECTORY": str(folder / "temp"),
        }

    def corelab(self, *words: object) -> subprocess.CompletedProcess[bytes]:
        command = [str(CORELAB), *map(str, words)]
        return subprocess.run(
            command, cwd=self.here, env=self.environment, capture_output=True, check=False
        )

    def review(self, out: Path) -> Iterator[Artefact]:
        command = [str(CORELAB), "review", str(out)]
        with subprocess.Popen(
            command,
            cwd=self.here,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            link = process.stdout.readline().decode()
            yield from Browser().visit(link.strip())
            process.send_signal(signal.SIGINT)
            screen = process.communicate(timeout=30)
        yield Artefact("screen of review", link.encode() + b"".join(screen))


class Browser:
    """Follows every link of the review server, and asks for what is not there."""

    def __init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def visit(self, start: str) -> Iterator[Artefact]:
        waiting, seen = [start, urljoin(start, "/cases"), urljoin(start, "/../../etc")], set()
        while waiting:
            address = waiting.pop(0)
            seen.add(address)
            headers, body = self._fetch(address)
            yield Artefact(f"headers of {address}", headers)
            yield Artefact(f"answer to {address}", body)
            links = re.findall(rb"""(?:href|src)=["'](/[^"']*)["']""", body)
            addresses = {urljoin(start, link.decode()) for link in links}
            waiting.extend(sorted(addresses - seen - set(waiting)))

    def _fetch(self, address: str) -> tuple[bytes, bytes]:
        try:
            with self._opener.open(address, timeout=30) as answer:
                return bytes(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return bytes(error.headers), error.read()


def truth() -> str:
    rows = read_rows(SAMPLE / "truth.csv")
    codes = {study.subject_code for study in STUDIES}
    lines = [
        f"{row['subject_code']},{row['visit']},{row['infarct_volume_ml']}"
        for row in rows
        if row["subject_code"] in codes
    ]
    return "\n".join(["subject_code,visit,infarct_volume_ml", *lines]) + "\n"


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_public_text_attribute_is_planted_at_each_depth(planted: Planted) -> None:
    places = (Place.TOP, Place.NESTED, Place.PRIVATE)
    names = {place: {c.name for c in planted.canaries if c.place is place} for place in places}
    all_names = {a.keyword or f"{a.tag:08X}" for a in text_attributes()}
    assert len(all_names) == 1826
    assert all_names - names[Place.PRIVATE] == set()
    assert all_names - names[Place.NESTED] == {"SpecificCharacterSet"}
    assert all_names - names[Place.TOP] == {
        "SpecificCharacterSet",
        "SOPClassUID",
        "PhotometricInterpretation",
    }


def test_each_canary_stands_in_its_file_is_unique_and_every_place_has_one(planted: Planted) -> None:
    assert planted.absent() == []
    assert len({c.text for c in planted.canaries}) == len(planted.canaries)
    assert {c.place for c in planted.canaries} == set(Place)
    assert len(planted.canaries) >= FEWEST_CANARIES


def test_at_least_3000_canaries_stand_in_files_that_were_measured(gate: Gate) -> None:
    counts = json.loads((gate.out / "batch.json").read_text("utf-8"))["files"]
    assert counts["n_used"] == len(gate.planted.images)
    images = set(gate.planted.images)
    inside = [c for c in gate.planted.canaries if c.file in images]
    assert len(inside) >= FEWEST_CANARIES
    by_place = Counter(c.place for c in inside)
    assert min(by_place[p] for p in (Place.TOP, Place.NESTED, Place.PRIVATE)) > 1800


def test_each_case_was_measured_near_the_truth(gate: Gate) -> None:
    true_ml = {
        row["subject_code"]: float(row["infarct_volume_ml"])
        for row in csv.DictReader(io.StringIO(truth()))
    }
    measured = {row["subject_code"]: row for row in read_rows(gate.out / "volumes.csv")}
    assert sorted(measured) == sorted(true_ml)
    for code, row in measured.items():
        assert float(row["infarct_volume_ml"]) == pytest.approx(true_ml[code], abs=5.0, rel=0.2)


@pytest.mark.parametrize("command", ["run", "tables", "audit", "agreement", "lock", "verify"])
def test_every_command_ends_well(gate: Gate, command: str) -> None:
    done = gate.screens[command]
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_canary_is_found_in_out(gate: Gate) -> None:
    artefacts = list(under(gate.out))
    assert sum(artefact.name.endswith(".nii.gz") for artefact in artefacts) >= 8
    assert gate.found_in(*artefacts) == []


def test_no_canary_is_found_on_a_screen(gate: Gate) -> None:
    screens = [
        Artefact(name, done.stdout + b"\n" + done.stderr) for name, done in gate.screens.items()
    ]
    assert b"3 cases measured" in screens[0].content
    assert gate.found_in(*screens) == []


def test_no_canary_is_found_in_an_answer_of_the_review_server(gate: Gate) -> None:
    names = " ".join(answer.name for answer in gate.answers)
    assert names.count("answer to") >= 3 + len(STUDIES)
    assert names.count("/mosaic/") == 2 * len(STUDIES)
    assert gate.found_in(*gate.answers) == []


def test_no_canary_is_left_behind_in_home_temporary_and_working_folders(gate: Gate) -> None:
    assert (gate.left_behind / "plot.png").is_file()
    assert gate.found_in(*under(gate.left_behind)) == []


@pytest.mark.skipif(not VAULT_IS_ENCRYPTED, reason="the vault's columns are not encrypted")
def test_no_canary_is_found_in_the_vault_s_database(gate: Gate) -> None:
    database = [a for a in under(gate.vault) if a.name.startswith("vault.sqlite")]
    assert database
    assert gate.found_in(*database) == []


def a_word(planted: Planted) -> Canary:
    return next(c for c in planted.canaries if c.name == "InstitutionName")


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
    table = pyarrow.table({"comment": [text] * 50})
    pyarrow.parquet.write_table(table, stream, compression="zstd")
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
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(
    leak: Callable[[str], bytes], planted: Planted, scanner: Scanner
) -> None:
    canary = a_word(planted)
    found = sightings(scanner, [Artefact("leak", leak(canary.text))])
    assert found == [Sighting(canary, "leak")]
    assert sightings(scanner, [Artefact("clean", leak("ZQ0000000000"))]) == []


@pytest.mark.parametrize("form", Form)
def test_a_leak_of_each_form_is_found(form: Form, planted: Planted, scanner: Scanner) -> None:
    canary = next(c for c in planted.canaries if c.form is form)
    assert sightings(scanner, [Artefact("leak", in_a_sidecar(canary.text))])[0].canary == canary


@pytest.mark.parametrize("form", ["{2}.{1}.{0}", "{0}-{1}-{2}", "{1}/{2}/{0}", "{0}{1}{2}T1200"])
def test_a_date_is_found_in_each_usual_form(form: str, planted: Planted, scanner: Scanner) -> None:
    canary = next(c for c in planted.canaries if c.form is Form.DATE)
    day = form.format(canary.text[:4], canary.text[4:6], canary.text[6:])
    assert canary in scanner.find(f"on {day}.".encode())


def test_a_date_inside_a_longer_number_is_no_date(planted: Planted, scanner: Scanner) -> None:
    canary = next(c for c in planted.canaries if c.form is Form.DATE)
    assert scanner.find(f"0.{canary.text}31".encode()) == set()


def test_a_canary_as_a_file_name_or_as_a_file_time_is_found(
    planted: Planted, scanner: Scanner, tmp_path: Path
) -> None:
    word = a_word(planted)
    day = next(c for c in planted.canaries if c.place is Place.FILE_TIME)
    path = tmp_path / f"sub-{word.text}_ct.json"
    path.write_text("{}", encoding="utf-8")
    source = next(f for f in planted.incoming.rglob("*") if f.is_file())
    os.utime(path, (source.stat().st_mtime, source.stat().st_mtime))
    found = {s.canary for s in sightings(scanner, under(tmp_path))}
    assert word in found
    assert {c.place for c in found - {word}} == {day.place}
