from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCES = sorted([*REPOSITORY.glob("corelab/**/*.py"), *REPOSITORY.glob("pipelines/**/*.py")])
DOORS = {
    "pydicom": "corelab/dicom/",
    "gdcm": "corelab/dicom/",
    "highdicom": "corelab/dicom/segmentation_object.py",
    "openjpeg": "corelab/dicom/",
    "jpeg_ls": "corelab/dicom/",
    "SimpleITK": ("corelab/dicom/", "corelab/store/registration.py"),
    "nibabel": ("corelab/store/nifti_header.py", "corelab/phantom/atlas.py"),
    "backports": "corelab/dicom/archive.py",
    # The audit reads files by itself: it trusts nothing that wrote them.
    "zipfile": ("corelab/dicom/zipfiles.py", "corelab/blinding/audit/reading/packed.py"),
    "tarfile": ("corelab/dicom/tarfiles.py", "corelab/blinding/audit/reading/packed.py"),
    "resource": ("pipelines/limits.py", "corelab/review/mask_child.py"),
    "isal": ("corelab/store/nifti.py", "corelab/blinding/audit/reading/packed.py"),
    "pyarrow": ("corelab/store/exchange/parquet.py", "corelab/blinding/audit/reading/tables.py"),
    "PIL": "corelab/store/",
    "pyreadstat": "corelab/store/exchange/xpt.py",
    "pandas": "corelab/store/exchange/xpt.py",
    "jinja2": ("corelab/store/pages.py", "corelab/store/qa_page.py"),
    "distributed": (
        "pipelines/engine.py",
        "pipelines/dashboard.py",
        "pipelines/dask_settings.py",
    ),
    "dask": ("pipelines/engine.py", "pipelines/dask_settings.py", "corelab/slabs.py"),
    "dask_jobqueue": "pipelines/jobqueue.py",
    "starlette": "corelab/review/",
    "uvicorn": "corelab/review/",
    "sqlite3": (
        "corelab/blinding/",
        "corelab/store/ledger_file.py",
        "corelab/store/exchange/sqlite.py",
    ),
    "cryptography": ("corelab/blinding/cipher.py", "corelab/store/signing.py"),
    "nilearn": "corelab/phantom/",
    "typer": (
        "pipelines/cli.py",
        "pipelines/vault_cli.py",
        "pipelines/users_cli.py",
        "pipelines/ledger_cli.py",
        "pipelines/reads_cli.py",
        "pipelines/qa_cli.py",
    ),
}
KERNEL_LIBRARIES = {"numpy", "scipy", "skimage", "corelab", "__future__"}
STANDARD_FOR_KERNELS = {
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "math",
    "typing",
}


@cache
def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    outside = [
        place(path)
        for path in SOURCES
        if any(name.split(".")[0] == library for name in imports_of(path))
        and not place(path).startswith(DOORS[library])
    ]
    assert outside == []


@pytest.mark.parametrize(
    "path", sorted(REPOSITORY.glob("corelab/kernels/*.py")), ids=lambda p: p.stem
)
def test_kernels_know_arrays_only(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert roots <= KERNEL_LIBRARIES | STANDARD_FOR_KERNELS


def test_only_convert_opens_the_airlock() -> None:
    users = [
        place(path)
        for path in SOURCES
        if any(name.startswith("corelab.blinding.release") for name in imports_of(path))
    ]
    assert users == ["corelab/stages/convert.py"]


def test_the_blinded_side_never_sees_an_identified_type() -> None:
    blinded = [*REPOSITORY.glob("corelab/store/*.py"), *REPOSITORY.glob("corelab/review/*.py")]
    offenders = [
        place(path)
        for path in blinded
        if any(
            name.startswith(("corelab.series", "corelab.dicom", "corelab.blinding"))
            for name in imports_of(path)
        )
    ]
    assert offenders == []


def test_imports_point_down() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys, pipelines.cli; "
        "print(*{'numpy', 'scipy', 'pydicom', 'SimpleITK', 'distributed', 'nibabel', 'pydantic'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_rebuilding_tables_loads_nothing_that_measuring_needs() -> None:
    code = (
        "import sys, pipelines.tables_command;"
        "print({'scipy', 'pydicom', 'distributed', 'cryptography'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
