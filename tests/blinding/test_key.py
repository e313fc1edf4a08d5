from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from corelab.blinding.key import VARIABLE, default_key_file, make_key_file
from corelab.blinding.vault import open_vault, rehearse
from corelab.errors import StoreError


def key_beside(vault: Path) -> Path:
    return vault.with_name(vault.name + ".key")


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    with open_vault(tmp_path / "vault") as opened:
        opened.code_of("PAT-0077")
    return tmp_path / "vault"


def test_a_new_vault_makes_its_key_beside_it_and_says_so_once(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    with open_vault(folder) as opened:
        assert opened.new_key_file == key_beside(folder) == default_key_file(folder)
    assert stat.S_IMODE(key_beside(folder).stat().st_mode) == 0o600
    assert len(key_beside(folder).read_text().strip()) == 64
    with open_vault(folder) as opened:
        assert opened.new_key_file is None


def test_two_vaults_have_two_keys(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with open_vault(tmp_path / name):
            pass
    assert (tmp_path / "a.key").read_text() != (tmp_path / "b.key").read_text()


def test_a_key_has_no_name_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is killed while a key is written leaves nothing of it."""
    seen: list[str] = []
    link = os.link

    def watched(source: str, *rest: object, **named: object) -> None:
        seen.extend(path.name for path in tmp_path.iterdir() if path.is_file())
        link(source, *rest, **named)

    monkeypatch.setattr(os, "link", watched)
    path = make_key_file(tmp_path / "vault", None)
    assert seen == []
    assert [found.name for found in tmp_path.iterdir()] == ["vault.key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_made_where_every_file_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refusing(path: str, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, "open", refusing)
    first = make_key_file(tmp_path / "vault", None).read_text("ascii")
    assert [found.name for found in tmp_path.iterdir()] == ["vault.key"]
    with pytest.raises(StoreError, match="File exists"):
        make_key_file(tmp_path / "vault", None)
    assert (tmp_path / "vault.key").read_text("ascii") == first


def test_a_key_is_never_written_over_another(tmp_path: Path) -> None:
    first = make_key_file(tmp_path / "vault", None).read_text("ascii")
    with pytest.raises(StoreError, match="File exists"):
        make_key_file(tmp_path / "vault", None)
    assert (tmp_path / "vault.key").read_text("ascii") == first


def test_a_key_file_elsewhere_is_made_and_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "safe" / "k"
    elsewhere.parent.mkdir()
    for _ in range(2):
        with open_vault(tmp_path / "vault", key_file=elsewhere) as opened:
            code = opened.code_of("PAT-0077")
    with open_vault(tmp_path / "vault", key_file=elsewhere) as opened:
        assert opened.code_of("PAT-0077") == code
    assert not key_beside(tmp_path / "vault").exists()


def test_a_key_in_the_environment_leaves_no_key_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "0f" * 32)
    with open_vault(tmp_path / "vault") as opened:
        code = opened.code_of("PAT-0077")
    assert not key_beside(tmp_path / "vault").exists()
    monkeypatch.setenv(VARIABLE, "1f" * 32)
    with (
        pytest.raises(StoreError, match=f"the variable {VARIABLE} is not the key of the vault"),
        open_vault(tmp_path / "vault"),
    ):
        pass
    monkeypatch.delenv(VARIABLE)
    key_beside(tmp_path / "vault").write_text("0f" * 32)
    key_beside(tmp_path / "vault").chmod(0o600)
    with open_vault(tmp_path / "vault") as opened:
        assert opened.code_of("PAT-0077") == code


def test_a_wrong_key_says_which_was_found_and_which_was_expected(vault: Path) -> None:
    key_beside(vault).write_text("ab" * 32)
    with pytest.raises(StoreError) as caught, open_vault(vault):
        pass
    text = str(caught.value)
    assert str(key_beside(vault)) in text
    assert "found a key with fingerprint" in text
    assert "--vault-key FILE" in text
    assert "abab" not in text


@pytest.mark.parametrize("opening", [open_vault, rehearse])
def test_a_vault_without_its_key_is_not_opened(vault: Path, opening: object) -> None:
    key_beside(vault).unlink()
    with pytest.raises(StoreError, match=r"its key is not: no file .* Put the key file back"):
        opening(vault).__enter__()  # type: ignore[operator]
    assert not key_beside(vault).exists()


@pytest.mark.parametrize(
    ("content", "found"),
    [("", "nothing"), ("secret", "6 characters"), ("0" * 63 + "g", "64 characters")],
)
def test_a_malformed_key_is_named_without_being_shown(
    vault: Path, content: str, found: str
) -> None:
    key_beside(vault).write_text(content)
    with pytest.raises(StoreError) as caught, open_vault(vault):
        pass
    assert found in str(caught.value)
    assert "expected 64 hexadecimal digits" in str(caught.value)
    assert not content or content not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_open_is_refused(vault: Path, mode: int) -> None:
    key_beside(vault).chmod(mode)
    with pytest.raises(StoreError, match=f"rights {mode:04o}, expected 0600"), open_vault(vault):
        pass


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="cannot be made: No such file"),
        open_vault(tmp_path / "vault", key_file=tmp_path / "absent" / "k"),
    ):
        pass


def test_the_vault_can_be_named_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_vault(Path("vault")):
        pass
    os.chdir(tmp_path / "vault")
    with open_vault(Path()) as opened:
        assert opened.new_key_file is None
