from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from corelab import __all__ as public_names
from corelab.store.layout import Layout
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.cli import app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def package(requirement: str) -> str:
    return re.split(r"[<>=\[]", requirement)[0].lower()


@pytest.mark.parametrize("requirement", PROJECT["dependencies"], ids=package)
def test_every_dependency_has_its_reason_and_a_range(requirement: str) -> None:
    rows = [line.lower() for line in CONTRIBUTING.splitlines() if line.startswith("| ")]
    assert any(re.search(rf"\b{re.escape(package(requirement))}\b", row) for row in rows)
    assert re.search(r">=[\d.]+,<\d", requirement)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"corelab {command}" in README


def test_every_command_that_the_readme_shows_exists() -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    shown = set(re.findall(r"^corelab ([a-z]+)", blocks, flags=re.MULTILINE))
    assert shown
    assert shown <= set(COMMANDS)


def test_every_public_name_is_shown() -> None:
    shown = set(re.findall(r"corelab\.([a-z_]+)\(", README))
    assert shown == set(public_names) - {"save_volume"}


def test_links_and_pictures_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README + CONTRIBUTING)
    local = [target for target in targets if not target.startswith("http")]
    assert local
    assert [target for target in local if not (REPOSITORY / target).exists()] == []


def test_readme_file_names_are_the_layouts() -> None:
    layout = Layout(Path("OUT"))
    case = Case(SubjectCode("<code>"), VisitLabel("<visit>"))
    assert layout.read(case).parent.as_posix() in README
    for path in (layout.volumes_csv, layout.volumes_dictionary, layout.reads_csv, layout.qa_page):
        assert path.as_posix() in README


def test_the_newest_version_is_in_the_changelog() -> None:
    assert f"## {PROJECT['version']}" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


def test_help_answers_and_lists_every_command() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "corelab", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(command in done.stdout for command in COMMANDS)
