"""The canary gate: thousands of texts planted in a delivery, none of them found afterwards."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.accuracy.page import read_blocks
from benchmarks.blinding.canary import Place
from benchmarks.blinding.canary_archive import packed
from benchmarks.blinding.canary_artefacts import Artefact, Sighting, sightings, under
from benchmarks.blinding.canary_attributes import text_attributes
from benchmarks.blinding.canary_delivery import STUDIES, plant_delivery
from benchmarks.blinding.canary_planted import Planted
from benchmarks.blinding.canary_scan import Scanner
from tests.blinding.shell import Shell

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
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
    peeked: tuple[Artefact, ...]

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
    closing = ("--reason", "all cases are read", "--vault", vault)
    screens["lock"] = shell.corelab("lock", out, *closing)
    screens["verify"] = shell.corelab("verify", out)
    peeked = tuple(shell.peeked.values())
    return Gate(planted, scanner, out, vault, left_behind, screens, answers, peeked)


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


def test_the_auditor_s_page_tells_how_many(planted: Planted) -> None:
    text = read_blocks(REPOSITORY / "docs" / "blinding.md")["canaries"]
    images = set(planted.images)
    inside = sum(c.file in images for c in planted.canaries)
    assert f"| all | {len(planted.canaries):,} | {inside:,} | 0 |" in text


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
        assert float(row["infarct_volume_ml"]) == pytest.approx(true_ml[code], rel=0.3)


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


def test_no_canary_stands_in_a_temporary_file_that_others_can_read(gate: Gate) -> None:
    assert (gate.left_behind / "temp" / "dask-scratch-space").is_dir()
    assert gate.found_in(*gate.peeked) == []


def test_no_canary_is_found_in_the_vault_s_database(gate: Gate) -> None:
    database = [a for a in under(gate.vault) if a.name.startswith("vault.sqlite")]
    assert database
    assert gate.found_in(*database) == []
