"""A delivery of attacks through the real command line: each ends as it must, the batch goes on."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.blinding.hostile_delivery import (
    BROKEN_ARCHIVES,
    MARK,
    N_PROGRAMS,
    ODD_NAMES,
    PATIENT_IDS,
    UNSAFE_ARCHIVES,
    holds_its_identifier,
    write_delivery,
)
from tests.conftest import REPOSITORY

pytestmark = [
    pytest.mark.filterwarnings("ignore:The value length"),
    pytest.mark.filterwarnings("ignore:Invalid value"),
]

CORELAB = Path(sys.executable).parent / "corelab"
TRIAL = REPOSITORY / "configs" / "demo.toml"
# What rich itself sends to a terminal: colours, and its progress bars' moves and cursor.
OWN_SEQUENCES = re.compile(r"\x1b\[(?:[\d;]*m|\d*A|2K|\?25[lh])")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


@dataclass(frozen=True)
class Hostile:
    """A run over the delivery: what it left, what it showed, and what lay around before."""

    home: Path
    status: int
    screen: str
    before: dict[str, str]

    @property
    def incoming(self) -> Path:
        return self.home / "a" / "b" / "incoming"

    @property
    def out(self) -> Path:
        return self.home / "a" / "b" / "out"

    @property
    def key_file(self) -> Path:
        return self.vault.with_name("vault.key")

    @property
    def vault(self) -> Path:
        return self.home / "a" / "b" / "vault"


def on_terminal(*command: str | Path) -> tuple[int, str]:
    """Status of a command and all that it sends to a terminal of 200 columns."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200", "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [CORELAB, *command], stdin=follower, stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        shown = b""
        try:
            while chunk := os.read(leader, 65536):
                shown += chunk
        except OSError:
            pass  # Linux says so when the last writer has gone
        os.close(leader)
    return process.returncode, shown.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def state_of(folder: Path, *left_out: Path) -> dict[str, str]:
    """Every file below a folder with its digest, every other entry with its kind."""
    state = {}
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(other) for other in left_out):
            continue
        is_file = path.is_file() and not path.is_symlink()
        text = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else "no file"
        state[os.fsdecode(path.relative_to(folder))] = text
    return state


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    home = tmp_path_factory.mktemp("hostile")
    (home / "a" / "b").mkdir(parents=True)
    (home / "outside").mkdir()
    incoming, out, vault = (home / "a" / "b" / name for name in ("incoming", "out", "vault"))
    write_delivery(incoming, home / "outside")
    before = state_of(home)
    status, screen = on_terminal(
        "run", incoming, "--trial", TRIAL, "--out", out, "--vault", vault, "--workers", "2"
    )
    return Hostile(home=home, status=status, screen=screen, before=before)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file unpacked."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def unprintable(text: str) -> set[str]:
    """Signs that no text for people holds, after what the terminal's own drawing needs."""
    plain = OWN_SEQUENCES.sub("", text).replace("\n", "").replace("\r", "")
    return {sign for sign in plain if not sign.isprintable()}


def test_the_delivery_holds_what_it_says(hostile: Hostile) -> None:
    assert all(holds_its_identifier(hostile.incoming, n) for n in range(len(PATIENT_IDS)))


def test_rows_33_37_38_the_batch_goes_on_and_measures_every_subject(hostile: Hostile) -> None:
    assert hostile.status == 1, hostile.screen
    table = rows(hostile.out / "volumes.csv")
    assert len(table) == len(PATIENT_IDS)
    assert all(float(row["infarct_volume_ml"]) > 0 for row in table)
    assert len({row["subject_code"] for row in table}) == len(PATIENT_IDS)


def test_rows_35_36_every_hostile_file_has_its_reason_code(hostile: Hostile) -> None:
    found: Counter[str] = Counter()
    for row in rows(hostile.out / "problems.csv"):
        several = re.search(r"\((\d+) files\)$", row["message"])
        found[row["reason_code"]] += int(several.group(1)) if several else 1
    assert found == {
        "archive_unsafe": len(UNSAFE_ARCHIVES),
        "archive_broken": len(BROKEN_ARCHIVES),
        "header_cut": len(ODD_NAMES) + 1,
    }


def test_row_36_links_and_pipes_are_counted_and_not_followed(hostile: Hostile) -> None:
    counts = json.loads((hostile.out / "batch.json").read_text())["files"]
    assert counts["n_skipped"] == 5
    parts = ("n_used", "n_not_needed", "n_duplicate", "n_quarantined")
    assert counts["n_files"] == sum(counts[name] for name in parts)


def test_row_32_a_program_in_a_preamble_is_flagged_and_stays_outside(hostile: Hostile) -> None:
    flagged = [r for r in rows(hostile.out / "volumes.csv") if "executable" in r["qc_flags"]]
    assert len(flagged) == N_PROGRAMS
    for name, content in bytes_below(hostile.out).items():
        assert not content.startswith((b"MZ", b"\x7fELF")), name


def test_rows_33_35_nothing_is_written_outside_out_vault_and_its_key(hostile: Hostile) -> None:
    after = state_of(hostile.home, hostile.out, hostile.vault, hostile.key_file)
    assert after == hostile.before


def test_row_33_names_under_out_are_of_our_own_making(hostile: Hostile) -> None:
    for path in hostile.out.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name), path
        assert path.resolve().is_relative_to(hostile.out.resolve())


def test_no_hostile_text_stands_anywhere_under_out(hostile: Hostile) -> None:
    found = [
        name
        for name, content in bytes_below(hostile.out).items()
        if MARK.lower().encode() in content.lower()
    ]
    assert found == []


def test_no_hostile_text_and_no_foreign_sign_reaches_the_screen_of_a_run(hostile: Hostile) -> None:
    assert MARK not in hostile.screen
    assert unprintable(hostile.screen) == set()


class Markup(HTMLParser):
    """Collects tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_row_37_the_page_holds_no_markup_but_its_own(hostile: Hostile) -> None:
    page = Markup()
    page.feed((hostile.out / "qa" / "index.html").read_text("utf-8"))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1
    assert not {"iframe", "object", "embed", "base"} & set(tags)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)


def test_row_38_no_cell_of_any_table_is_run_by_a_spreadsheet(hostile: Hostile) -> None:
    for path in hostile.out.rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as stream:
            for cell in (cell for row in csv.reader(stream) for cell in row):
                is_number = re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)
                assert is_number or not cell.startswith(FORMULA_STARTS), (path.name, cell)
                assert cell.isprintable(), (path.name, cell)
    assert pq.read_table(hostile.out / "volumes.parquet").num_rows == len(PATIENT_IDS)


def test_inspect_shows_hostile_texts_spelled_out(hostile: Hostile) -> None:
    status, screen = on_terminal("inspect", hostile.incoming)
    assert status == 0, screen
    assert unprintable(screen) == set()
    plain = OWN_SEQUENCES.sub("", screen)
    assert f"[bold red]{MARK}[/bold red]" in plain
    assert r"\x1b[2J" in plain
    assert r"\u202e" in plain
    assert f"<script>alert('{MARK}')" in plain


def test_convert_and_its_list_hold_to_the_same(hostile: Hostile, tmp_path: Path) -> None:
    out, listed = tmp_path / "converted", tmp_path / "list.csv"
    status, screen = on_terminal(
        "convert", hostile.incoming, out, "--list", listed, "--workers", "1"
    )
    assert status == 1, screen
    assert unprintable(screen) == set()
    assert state_of(hostile.home, hostile.out, hostile.vault, hostile.key_file) == hostile.before
    assert {path.name for path in tmp_path.iterdir()} == {"converted", "list.csv"}
    assert all(MARK.encode() not in content for content in bytes_below(out).values())
    for row in rows(listed):
        for cell in row.values():
            assert not cell.startswith(FORMULA_STARTS) or re.fullmatch(r"-?[\d.]+", cell), cell


def test_the_audit_shows_names_that_attack_spelled_out(hostile: Hostile) -> None:
    planted = hostile.out / "[bold]\x1b[2Jodd\u202e.txt"
    planted.write_text(PATIENT_IDS[9])
    try:
        status, screen = on_terminal("audit", hostile.out, "--vault", hostile.vault)
    finally:
        planted.unlink()
    assert status == 1, screen
    assert unprintable(screen) == set()
    plain = OWN_SEQUENCES.sub("", screen)
    assert r"[bold]\x1b[2Jodd\u202e.txt" in plain
    assert MARK not in plain


HOSTILE_CODES = (
    "\u202eKX4M7P",
    "KX4\u200bM7P",
    "\u041aX4M7P",
    "KX4\0M7P",
    "../KX4M",
    "/etc/KX4",
    "=KX4M7P",
    "+KX4M7P",
    "-KX4M7P",
    "@KX4M7P",
    "<b>KX4",
    "[bold red]KX4[/bold red]",
    "\x1b[2JKX4",
    "K" * 300,
    "KX4.M7P",
)


def test_row_40_a_subjects_file_of_hostile_codes_is_refused_before_anything_is_written(
    hostile: Hostile, tmp_path: Path
) -> None:
    table = tmp_path / "subjects.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("patient_id", "subject_code"))
        writer.writerows((f"P{number}", code) for number, code in enumerate(HOSTILE_CODES))
    status, screen = on_terminal(
        *("run", hostile.incoming, "--trial", TRIAL, "--subjects", table),
        *("--out", tmp_path / "out", "--vault", tmp_path / "vault"),
    )
    assert status == 2, screen
    for line in range(2, len(HOSTILE_CODES) + 2):
        assert f"line {line}, subject_code" in screen
    assert unprintable(screen) == set()
    assert {path.name for path in tmp_path.iterdir()} == {"subjects.csv"}
