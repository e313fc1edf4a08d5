from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from corelab.blinding.audit import Finder, Needle, Searched, audit, search_paths
from corelab.blinding.vault import Vault, open_vault
from corelab.series import Identifier, IdentifierKind
from pipelines.audit_memory import RememberingSearcher, clean_files, forget_clean_files
from tests.pipelines.test_stamps import LONG_AGO_S, overwrite_unseen

NAME = Identifier("Weidenhofer^Ottilie", IdentifierKind.NAME)
OTHER = Identifier("Brandreth^Tobias", IdentifierKind.NAME)


class Here:
    """Searches in this process, and keeps which files it was given."""

    def __init__(self) -> None:
        self.searched: list[str] = []

    def __call__(
        self, out: Path, paths: Sequence[Path], needles: Sequence[Needle]
    ) -> Iterator[Searched]:
        self.searched = [str(path) for path in paths if (out / path).is_file()]
        yield search_paths(out, paths, Finder(needles))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    (folder / "sub-A").mkdir(parents=True)
    (folder / "table.csv").write_text("volume\n12.50000000000\n")
    (folder / "sub-A" / "read.json").write_text('{"method": "plain one"}')
    time.sleep(LONG_AGO_S)
    return folder


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with open_vault(tmp_path / "vault") as opened:
        yield opened


def searched(out: Path, vault: Vault, *identifiers: Identifier) -> tuple[list[str], int]:
    """Files that an audit gave to its searcher, and how many places it found."""
    here = Here()
    searcher = RememberingSearcher(searcher=here, vault=vault)  # type: ignore[arg-type]
    report = audit(out, identifiers, searcher=searcher)
    assert report.n_files == len(list(out.rglob("*")))
    return here.searched, len(report.leaks)


def test_what_was_clean_and_is_untouched_is_not_searched_again(out: Path, vault: Vault) -> None:
    assert searched(out, vault, NAME) == (["sub-A/read.json", "table.csv"], 0)
    assert searched(out, vault, NAME) == ([], 0)


def test_a_name_put_into_a_clean_file_is_found_though_size_and_time_were_put_back(
    out: Path, vault: Vault
) -> None:
    searched(out, vault, NAME)
    overwrite_unseen(out / "table.csv", b"Weidenhofer Ottilie")
    files, n_leaks = searched(out, vault, NAME)
    assert files == ["table.csv"]
    assert n_leaks


def test_one_more_text_to_look_for_has_everything_searched(out: Path, vault: Vault) -> None:
    searched(out, vault, NAME)
    assert searched(out, vault, NAME, OTHER)[0] == ["sub-A/read.json", "table.csv"]


def test_a_file_with_a_name_in_it_is_found_every_time(out: Path, vault: Vault) -> None:
    (out / "table.csv").write_text("Weidenhofer Ottilie")
    time.sleep(LONG_AGO_S)
    for _ in range(2):
        files, n_leaks = searched(out, vault, NAME)
        assert "table.csv" in files
        assert n_leaks
    assert "table.csv" not in clean_files(vault)


def test_a_file_that_changes_while_it_is_searched_is_not_taken_for_clean(
    out: Path, vault: Vault
) -> None:
    class Meddler(Here):
        def __call__(
            self, out: Path, paths: Sequence[Path], needles: Sequence[Needle]
        ) -> Iterator[Searched]:
            yield from super().__call__(out, paths, needles)
            overwrite_unseen(out / "table.csv", b"Weidenhofer Ottilie")

    meddling = RememberingSearcher(searcher=Meddler(), vault=vault)  # type: ignore[arg-type]
    assert audit(out, [NAME], searcher=meddling).is_clean
    assert searched(out, vault, NAME)[0] == ["table.csv"]


def test_another_out_under_the_same_vault_is_searched(out: Path, vault: Vault) -> None:
    searched(out, vault, NAME)
    moved = out.with_name("moved")
    out.rename(moved)
    assert searched(moved, vault, NAME)[0] == ["sub-A/read.json", "table.csv"]


def test_who_wants_all_anew_gets_all_searched(out: Path, vault: Vault) -> None:
    searched(out, vault, NAME)
    forget_clean_files(vault)
    assert searched(out, vault, NAME)[0] == ["sub-A/read.json", "table.csv"]
