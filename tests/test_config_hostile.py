"""A trial file is data: it runs nothing, reaches nothing, and no text in it breaks the program."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from corelab.errors import ConfigError
from corelab.trial import load_trial
from tests.conftest import REPOSITORY

SOUND = (REPOSITORY / "configs" / "demo.toml").read_text("utf-8")
CORELAB = Path(sys.executable).parent / "corelab"
SOURCES = sorted([*REPOSITORY.glob("corelab/**/*.py"), *REPOSITORY.glob("pipelines/**/*.py")])
PARSERS_WITH_REFERENCES = {"xml", "lxml", "yaml", "ruamel", "defusedxml", "plistlib", "pickle5"}
RUNNERS = {"eval", "exec", "compile", "__import__"}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "trial.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def with_first(key: str, value: str) -> str:
    """Sound file in which the first line that sets a key sets it to another value."""
    lines = SOUND.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith(f"{key} ="))
    return "\n".join([*lines[:place], f"{key} = {value}", *lines[place + 1 :]])


def test_the_file_that_is_changed_here_is_sound(tmp_path: Path) -> None:
    assert load_trial(written(tmp_path, SOUND)).visits


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", '"../../etc"'),
        ("id", '"NCT01\\n"'),
        ("id", '"NCT\\u202e10TCN"'),
        ("id", '"NCT\\u200b01"'),
        ("id", "9" * 400),
        ("label", '"../baseline"'),
        ("label", '"/tmp/x"'),
        ("label", '"base\\u0000line"'),
        ("label", '"..."'),
        ("sites", "9" * 400),
        ("sites", "1e400"),
        ("sites", "\"__import__('os').system('true')\""),
        ("earliest_h", '"{{ 7 * 7 }}"'),
        ("earliest_h", "nan"),
        ("earliest_h", "inf"),
        ("earliest_h", "1979-05-27T07:32:00Z"),
    ],
)
def test_a_value_that_is_none_is_named_and_goes_no_further(
    key: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_trial(written(tmp_path, with_first(key, value)))
    assert key in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "9" * 5000,
        "a = " + "[" * 20_000 + "]" * 20_000,
        "a = " + "{a=" * 5_000 + "1" + "}" * 5_000,
        "trial.id" + ".a" * 5_000 + " = 1",
        SOUND.encode("utf-16"),
        b"\xff\xfe\x00",
        b"\x00" * 100,
        b'title = "\xc3\x28"',
        "# " + "x" * (1 << 20),
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        "!!python/object/apply:os.system ['true']",
        "[trial]\n[trial]\n",
    ],
    ids=range(12),
)
def test_a_file_that_is_no_trial_is_a_fault_in_words(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_trial(written(tmp_path, text))
    assert len(str(caught.value)) < 5000


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="more than 1 MB"):
        load_trial(Path("/dev/zero"))


def test_a_file_that_may_not_be_read_is_a_fault_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what cannot be read"):
        load_trial(tmp_path)


def test_a_key_that_steers_a_terminal_is_shown_spelled_out(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND + '\n["\\u001b[2J\\u202e"]\nx = 1\n')
    done = subprocess.run(
        [CORELAB, "run", tmp_path, "--trial", path, "--out", tmp_path.with_name("out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "\\x1b[2J\\u202e: found an unknown key" in done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stderr)
    assert "Traceback" not in done.stderr


def imports_of(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_no_parser_with_entities_or_objects_is_imported_and_no_text_is_run(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    parsers = imports_of(tree) & PARSERS_WITH_REFERENCES
    if path.name == "define_xml.py":  # writes XML and reads none
        parsers -= {"xml"}
        assert not re.search(r"\bET\.(parse|fromstring|XML|iterparse)\b", path.read_text("utf-8"))
    assert parsers == set()
    called = {
        n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    assert called & RUNNERS == set()


def test_tables_are_written_in_one_place_that_defuses_them() -> None:
    """The sample's own tables hold nothing that a site wrote."""
    writers = {
        path.relative_to(REPOSITORY).as_posix()
        for path in SOURCES
        if {"csv.writer", "csv.DictWriter"}
        & {
            f"{n.value.id}.{n.attr}"
            for n in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
    }
    assert writers == {
        "corelab/store/csv_table.py",
        "corelab/store/qa_ratings.py",  # an apostrophe that importing takes off again
        "pipelines/sample.py",
    }
