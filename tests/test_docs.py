from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from benchmarks.method_parameters import numbers_of, tables, with_tables
from corelab import __all__ as public_names
from corelab.errors import ReasonCode
from corelab.store.layout import Layout
from corelab.vocab import Case, QcFlag, SubjectCode, VisitLabel
from pipelines.cli import app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
DICOM_PAGE = (REPOSITORY / "docs" / "dicom.md").read_text("utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def package(requirement: str) -> str:
    return re.split(r"[<>=\[]", requirement)[0].lower()


EXTRAS = PROJECT["optional-dependencies"]
NEEDED_EXTRAS = ("sample", "cluster", "dash", "dicom-out")
REQUIRED = PROJECT["dependencies"] + [need for name in NEEDED_EXTRAS for need in EXTRAS[name]]


@pytest.mark.parametrize("requirement", REQUIRED, ids=package)
def test_every_dependency_has_its_reason_and_a_range(requirement: str) -> None:
    rows = [line.lower() for line in CONTRIBUTING.splitlines() if line.startswith("| ")]
    assert any(re.search(rf"\b{re.escape(package(requirement))}\b", row) for row in rows)
    assert re.search(r">=[\d.]+,<\d", requirement)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"corelab {command}" in README


def test_every_command_that_the_readme_shows_exists() -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
    shown = set(re.findall(r"^corelab ([a-z-]+)", blocks, flags=re.MULTILINE))
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


def rows_of(heading: str) -> dict[str, list[str]]:
    """Cells of each table row under a heading of the DICOM page, by their first one."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", DICOM_PAGE, re.DOTALL | re.MULTILINE
    )
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ")
    ]
    return {cells[0].strip("`"): cells for cells in rows[1:]}


def test_every_reason_code_has_its_row_and_no_other() -> None:
    rows = rows_of("Reason codes")
    assert set(rows) == {code.value for code in ReasonCode}
    assert all(cells[1] and cells[3] for cells in rows.values())


def test_every_flag_has_its_row_and_no_other() -> None:
    rows = rows_of("Flags")
    assert set(rows) == {flag.value for flag in QcFlag}
    assert all(cells[1] for cells in rows.values())


def test_bad_inputs_of_the_page_are_those_that_are_tested() -> None:
    tests = (REPOSITORY / "tests" / "dicom" / "test_bad_inputs.py").read_text("utf-8")
    rows = rows_of("Bad inputs")
    assert set(rows) == set(re.findall(r"def test_row_(\d+)_", tests))
    known = {code.value for code in ReasonCode} | {flag.value for flag in QcFlag}
    outcomes = " ".join(cells[2] for cells in rows.values())
    assert set(re.findall(r"`([a-z0-9_]+)`", outcomes)) <= known


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


def test_the_method_page_says_what_the_code_does() -> None:
    page = (REPOSITORY / "docs" / "method.md").read_text("utf-8")
    assert page == with_tables(page), "run python -m benchmarks.method_parameters"


def test_numbers_that_one_text_explains_stand_together(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'NEAR_MM = 3.0\nAPART_ML = 4\n"""How near, how much."""\n\nFAR = (1, 2)\n"""Far."""'
    )
    assert list(numbers_of(module)) == [
        (["NEAR_MM", "APART_ML"], "3.0, 4", "How near, how much."),
        (["FAR"], "(1, 2)", "Far."),
    ]


@pytest.mark.parametrize("text", ["UNTOLD_MM = 3.0", 'UNTOLD_MM = 3.0\n\nFAR = 1\n"""Far."""'])
def test_a_number_that_no_text_explains_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "module.py").write_text(text)
    with pytest.raises(SystemExit, match="UNTOLD_MM"):
        list(numbers_of(tmp_path / "module.py"))


def test_every_parameter_of_both_methods_is_explained() -> None:
    for name, text in tables().items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert [row for row in rows if not row.split(" | ")[-1].strip("| ")] == [], name


def test_the_method_pages_pictures_are_there_and_light() -> None:
    page = (REPOSITORY / "docs" / "method.md").read_text("utf-8")
    names = re.findall(r"\]\((images/[^)]+)\)", page)
    assert len(names) >= 9
    for name in names:
        assert 0 < (REPOSITORY / "docs" / name).stat().st_size < 150_000
