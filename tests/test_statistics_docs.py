from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import tables_page
from corelab.store.exchange.define_xml import Study
from corelab.store.exchange.files import Export, TableFormat, write_export
from corelab.store.exchange.sheet import SheetForm, sheet_of, variable_of
from corelab.store.layout import Layout
from corelab.store.schema import VOLUME_COLUMNS, row_of
from corelab.vocab import SubjectCode
from tests.store.conftest import READ

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
VOLUMES_ML = (0.0, 12.5, 20.5, 80.0)
MEDIAN_ML = 16.5


def snippets(language: str) -> list[str]:
    text = PAGE.read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of four cases, and a list of arms for three of their subjects."""
    pytest.importorskip("pyreadstat", reason="pyreadstat is not installed (extra xpt)")
    out = tmp_path_factory.mktemp("out")
    reads = [
        replace(
            READ,
            subject_code=SubjectCode(f"AA{number}BB{number}"),
            measurement=replace(READ.measurement, infarct_volume_ml=volume_ml),
        )
        for number, volume_ml in enumerate(VOLUMES_ML)
    ]
    form = SheetForm(name="volumes", label="Infarct volumes", structure="one row a case")
    variables = [variable_of(column, ("subject_code", "visit")) for column in VOLUME_COLUMNS]
    sheet = sheet_of(form, variables, [row_of(read) for read in reads])
    study = Study(trial_id="NCT0", software_version="0.1.0")
    write_export(Layout(out), Export(study=study, sheets=(sheet,)), TableFormat)
    (out / "arms.csv").write_text("subject_code,arm\nAA0BB0,A\nAA1BB1,B\nAA2BB2,B\n")
    return out


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    absent = re.search(r"there is no package called .(\w+).", done.stderr)
    if absent:
        pytest.skip(f"R has no package {absent.group(1)}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("place", range(3), ids=["haven", "arrow", "arms"])
def test_r_reads_the_tables_as_the_page_says(place: int, folder: Path) -> None:
    told = run(["Rscript", "-e", snippets("r")[place]], folder)

    assert (str(MEDIAN_ML) in told) if place < 2 else re.search(r"B\s+2", told)


@pytest.mark.parametrize("place", range(2), ids=["parquet", "xpt"])
def test_python_reads_the_tables_as_the_page_says(
    place: int, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    exec(snippets("python")[place], {})  # noqa: S102 - the page's own words

    assert capsys.readouterr().out == f"4 {MEDIAN_ML}\n"


def test_duckdb_reads_the_tables_as_the_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(folder)
    (code,) = snippets("sql")

    assert duckdb.sql(code).fetchall() == [("NCCT", 4, MEDIAN_ML)]


def test_the_page_of_columns_is_what_the_schema_says() -> None:
    assert PAGE.with_name("tables.md").read_text("utf-8") == tables_page.page()


def test_the_sas_snippet_names_variables_that_the_data_set_has() -> None:
    """SAS itself cannot be had for tests: that it runs is not shown."""
    from corelab.store.exchange.adam import VARIABLES  # noqa: PLC0415 - of this test alone

    (code,) = snippets("sas")
    names = {variable.name for variable in VARIABLES}

    used = set(re.findall(r"\b[A-Z][A-Z0-9]+\b", code)) - {"INFVOL", "Y"}
    assert used == {"PARAMCD", "AVISIT", "ANL01FL", "AVAL"} & names
