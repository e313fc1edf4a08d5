from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corelab.blinding.audit import audit
from corelab.blinding.vault import open_vault
from corelab.errors import ReasonCode
from corelab.series import Identifier, IdentifierKind, LooseFile, Refusal
from pipelines.cli import app
from pipelines.engine import Crash, Engine, Item, Result
from pipelines.progress import Silent
from pipelines.searching import SearchTask, SpreadSearcher

KNOWN = [Identifier("Oberholtzer^Margarethe", IdentifierKind.NAME)]


def fill(out: Path) -> None:
    for number in range(12):
        folder = out / f"sub-AB{number}" / "ses-v1"
        folder.mkdir(parents=True)
        text = b"seen Margarethe" if number % 3 == 0 else b"clean"
        (folder / "a.txt.gz").write_bytes(gzip.compress(text, mtime=0))
    (out / "broken.gz").write_bytes(b"\x1f\x8b\x08")


def test_many_workers_find_what_one_finds(tmp_path: Path, engine: Engine) -> None:
    fill(tmp_path)
    alone = audit(tmp_path, KNOWN)
    assert audit(tmp_path, KNOWN, searcher=SpreadSearcher(engine, Silent())) == alone
    assert len(alone.leaks) == 4
    assert len(alone.gaps) == 1
    assert alone.n_files == 12 * 3 + 1


class LosingEngine(Engine):
    """Loses every task that one path is in, as a worker does that is killed over it."""

    def __init__(self, deadly: Path) -> None:
        self._deadly = deadly

    @property
    def n_workers(self) -> int:
        return 2

    def over(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | Crash]]:
        for item in items:
            assert isinstance(item, SearchTask)
            is_deadly = self._deadly in item.paths
            yield item, Crash(kind="KilledWorker", detail="") if is_deadly else function(item)


def test_a_path_that_takes_its_worker_down_is_a_gap_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    deadly = Path("sub-AB1/ses-v1/a.txt.gz")
    report = audit(tmp_path, KNOWN, searcher=SpreadSearcher(LosingEngine(deadly), Silent()))
    assert {gap.path for gap in report.gaps} == {deadly, Path("broken.gz")}
    assert len(report.leaks) == 4


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    refusal = Refusal(reason=ReasonCode.NOT_DICOM, message="no DICOM")
    files = [LooseFile(path=Path("in/Margarethe Oberholtzer/1"), refusal=refusal)]
    with open_vault(tmp_path / "vault") as opened:
        opened.note_loose(Path("in"), files)
    return tmp_path / "vault"


def ask(out: Path, vault: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", str(out), "--vault", str(vault)])
    return done.exit_code, done.output


def test_the_command_says_where_never_what(tmp_path: Path, vault: Path) -> None:
    folder = tmp_path / "out" / "margarethe"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"by": "Oberholtzer, Margarethe"}')
    status, output = ask(tmp_path / "out", vault)
    assert status == 1
    assert "leak: file name in the name of (name withheld)" in output
    assert "leak: file name in the JSON of (name withheld)/a.json" in output
    assert "margarethe" not in output.lower()


def test_the_command_tells_what_it_could_not_search(tmp_path: Path, vault: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.zip").write_bytes(b"PK\x03\x04")
    status, output = ask(tmp_path / "out", vault)
    assert status == 1
    assert "could not be searched: content of a.zip" in output


def test_a_clean_out_counts_what_was_searched_and_what_is_not_decidable(
    tmp_path: Path, vault: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("clean")
    status, output = ask(tmp_path / "out", vault)
    assert status == 0
    said = " ".join(output.split())
    assert "2 identifying texts looked for in 1 files and folders (0.0 MB): 0 leaks" in said
    assert "Not decidable: 1 of them" in said


def test_a_folder_that_is_no_vault_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert ask(tmp_path / "out", tmp_path)[0] == 2
