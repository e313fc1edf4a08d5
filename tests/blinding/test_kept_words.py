"""Vocabularies that are kept beside the bytecode."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from corelab.blinding.audit import library_words
from corelab.blinding.audit.kept_words import kept
from corelab.blinding.audit.vocabulary import OwnWords, vocabulary


class Source:
    """A file whose words are read; how often is counted."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "source.py"
        self.path.write_text("an infarct")
        self.n_read = 0

    def words(self) -> OwnWords:
        return kept("test", [self.path], self._read)

    def _read(self) -> OwnWords:
        self.n_read += 1
        return vocabulary([self.path.read_text()])


@pytest.fixture
def bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bytecode goes."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "bytecode"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "bytecode"


@pytest.fixture
def source(bytecode: Path) -> Source:
    return Source(bytecode.parent)


def test_a_source_is_read_once(source: Source) -> None:
    assert source.words() == source.words() == vocabulary(["an infarct"])
    assert source.n_read == 1


def test_a_changed_source_is_read_anew(source: Source) -> None:
    source.words()
    source.path.write_text("no infarct")
    assert source.words().holds("no infarct")
    assert not source.words().holds("an infarct")
    assert source.n_read == 2


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"sources": "another"}', "\x00"])
def test_what_is_broken_is_read_anew(source: Source, bytecode: Path, broken: str) -> None:
    source.words()
    (place,) = bytecode.rglob("*.json")
    place.write_text(broken)
    assert source.words() == vocabulary(["an infarct"])
    assert source.n_read == 2
    assert [path for path in bytecode.rglob("*") if path.is_file()] == [place]


def test_where_no_bytecode_is_written_none_is_kept(
    source: Source, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert source.words() == source.words()
    assert source.n_read == 2
    assert not bytecode.exists()


def test_where_nothing_can_be_written_it_is_read_every_time(source: Source, bytecode: Path) -> None:
    bytecode.write_text("no folder")
    assert source.words() == source.words()
    assert source.n_read == 2


def test_what_the_library_writes_is_the_same_kept_and_read(bytecode: Path) -> None:
    read = library_words.__wrapped__()
    assert list(bytecode.rglob("*.json"))
    assert library_words.__wrapped__() == read
    assert read.holds("infarct")
