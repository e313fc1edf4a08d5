"""``release`` is the only way from the identified to the blinded side: by imports and by types."""

from __future__ import annotations

import ast
import dataclasses
import typing
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from corelab import series
from corelab.series import Identity
from corelab.vocab import Acquisition, Contrast, Derivation, Problem, Read, ValueScale
from corelab.volume import Volume
from tests.conftest import REPOSITORY

SOURCES = sorted([*REPOSITORY.glob("corelab/**/*.py"), *REPOSITORY.glob("pipelines/**/*.py")])
IDENTIFIED_MODULES = ("corelab.series", "corelab.dicom", "corelab.blinding", "corelab.choosing")
BLINDED_MODULES = (
    "corelab.store",
    "corelab.review",
    "corelab.reading",
    "corelab.kernels",
    "corelab.volume",
    "corelab.vocab",
    "corelab.slabs",
    "corelab.errors",
)
IDENTIFIED_TYPES = {"Series", "Stack", "Identity", "Identifier"}
RELEASE = "corelab/blinding/release.py"
HANDED_ON = "corelab/stages/convert.py:_released"
FROM_RELEASED = (
    "corelab/stages/convert.py:straightened",
    "corelab/stages/convert.py:_without_decoder",
)
"""Make a copy of a volume that was released already."""
EMPTY = "pipelines/dicom_out.py:_empty_stack"
"""Makes a grid without an image, of three plain values, on the vault's side."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


TREES = {path: ast.parse(path.read_text("utf-8")) for path in SOURCES}
MODULES = {module_name(path) for path in SOURCES}


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found & MODULES


IMPORTS = {module_name(path): imported(tree) for path, tree in TREES.items()}


def reached_from(module: str) -> set[str]:
    """Every module of ours that a module imports, at any number of steps."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in IMPORTS[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def names_in(node: ast.AST | None) -> set[str]:
    """Every name in an annotation, also in one that is written as a text."""
    if node is None:
        return set()
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    found |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    for text in texts:
        if isinstance(text, str):
            with suppress(SyntaxError):  # a description in Annotated is no type
                found |= names_in(ast.parse(text, mode="eval"))
    return found


def functions() -> Iterator[tuple[str, Path, Function]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{place(path)}:{node.name}", path, node


def taken_by(function: Function) -> set[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return {name for argument in every for name in names_in(argument.annotation)}


def built_in(node: ast.AST) -> set[str]:
    """Name of everything that a piece of code calls."""
    calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return {f.id for f in calls if isinstance(f, ast.Name)} | {
        f.attr for f in calls if isinstance(f, ast.Attribute)
    }


def is_identified(path: Path) -> bool:
    """Whether a module is of the identified side or imports from it."""
    names = {module_name(path), *IMPORTS[module_name(path)]}
    return any(name.startswith(IDENTIFIED_MODULES) for name in names)


def test_no_blinded_module_reaches_an_identified_one_at_any_number_of_steps() -> None:
    reached = {
        module: sorted(n for n in reached_from(module) if n.startswith(IDENTIFIED_MODULES))
        for module in MODULES
        if module.startswith(BLINDED_MODULES)
    }
    assert len(reached) > 50
    assert {module: names for module, names in reached.items() if names} == {}


def holders() -> set[str]:
    """Every type of the identified side that holds, at any depth, what identifies."""
    records = {
        name: record
        for name, record in vars(series).items()
        if isinstance(record, type) and dataclasses.is_dataclass(record)
    }
    return {name for name, record in records.items() if Identity in within(record)}


def within(record: type) -> set[type]:
    """A record and all records that its fields hold."""
    found, waiting = {record}, [record]
    while waiting:
        for hint in typing.get_type_hints(waiting.pop()).values():
            inner = {part for part in leaves(hint) if dataclasses.is_dataclass(part)} - found
            found |= inner
            waiting += inner
    return found


def leaves(hint: object) -> Iterator[type]:
    arguments = typing.get_args(hint)
    for argument in arguments:
        yield from leaves(argument)
    if not arguments and isinstance(hint, type):
        yield hint


def test_what_identifies_is_known_wherever_it_is_held() -> None:
    assert holders() >= IDENTIFIED_TYPES - {"Identifier"} | {"PlannedImage", "CasePlan", "Delivery"}


def test_no_function_but_release_takes_what_identifies_and_gives_a_volume() -> None:
    both = {
        name
        for name, _, function in functions()
        if taken_by(function) & (IDENTIFIED_TYPES | holders())
        and names_in(function.returns) & {"Volume", "Acquisition"}
    }
    assert {name for name in both if not name.startswith(RELEASE)} == {HANDED_ON}
    assert f"{RELEASE}:release" in both


def test_an_image_of_several_series_is_given_by_release_alone() -> None:
    (function,) = [function for name, _, function in functions() if name == HANDED_ON]
    given = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    assert given
    for value in given:
        assert isinstance(value, ast.Call)
        assert ast.unparse(value.func) == "release"


def test_no_function_but_release_takes_what_identifies_and_builds_a_volume() -> None:
    both = {
        name.split(":")[0]
        for name, _, function in functions()
        if taken_by(function) & IDENTIFIED_TYPES and built_in(function) & {"Volume", "Acquisition"}
    }
    assert both == {RELEASE}


def test_where_identified_types_are_known_only_release_builds_a_volume() -> None:
    builders = {
        name
        for name, path, function in functions()
        if is_identified(path) and built_in(function) & {"Volume", "Acquisition"}
    }
    assert {name for name in builders if not name.startswith(RELEASE)} <= {*FROM_RELEASED, EMPTY}


@pytest.mark.parametrize("maker", FROM_RELEASED)
def test_a_copy_is_made_of_a_released_volume_alone(maker: str) -> None:
    (function,) = [function for name, _, function in functions() if name == maker]
    assert taken_by(function) == {"Volume"}


def test_an_empty_grid_is_made_of_no_identified_type() -> None:
    (function,) = [function for name, _, function in functions() if name == EMPTY]
    assert taken_by(function) & (IDENTIFIED_TYPES | {"Volume"}) == set()


def test_methods_are_looked_at_too() -> None:
    """The walk finds functions inside classes and functions."""
    names = {name for name, _, _ in functions()}
    assert "corelab/volume.py:with_data" in names
    assert "corelab/stages/convert.py:values" in names


def parts_of(hint: object) -> Iterator[object]:
    """Every type that a field's type is made of, dataclasses unfolded; enums are closed sets."""
    arguments = typing.get_args(hint)
    if arguments:
        for argument in arguments:
            yield from parts_of(argument)
    elif isinstance(hint, typing.NewType):
        yield from parts_of(hint.__supertype__)
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
        for inner in typing.get_type_hints(hint).values():
            yield from parts_of(inner)
    else:
        yield hint


def text_fields(record: type) -> set[str]:
    """Fields that could hold any text."""
    return {
        name
        for name, hint in typing.get_type_hints(record).items()
        if any(
            isinstance(part, type) and issubclass(part, str) and not issubclass(part, Enum)
            for part in parts_of(hint)
        )
    }


def test_neither_an_image_nor_what_is_said_of_it_has_a_field_for_free_text() -> None:
    """``decoder`` is held to names and versions of our own software by the allow-list."""
    assert text_fields(Volume) == {"acquisition"}
    assert text_fields(Acquisition) == {"decoder"}


def test_a_volume_is_numbers_and_closed_sets_all_the_way_down() -> None:
    known = {float, int, bool, str, type(None), np.generic, np.float64, typing.Any, ...}
    words = {part for part in parts_of(Volume) if isinstance(part, type) and issubclass(part, Enum)}
    assert set(parts_of(Volume)) - words <= known
    assert words == {Contrast, Derivation, ValueScale}


def test_the_texts_of_a_read_and_of_a_problem_are_those_that_are_known() -> None:
    """Each is made of our own words: a new one must be looked at before it is added here."""
    assert text_fields(Read) == {
        "trial_id",  # the trial file, by a pattern
        "subject_code",  # drawn or issued, by a pattern
        "visit",  # the same
        "reader",  # "auto"
        "method",  # a kernel's own name
        "parameters",  # the same
        "digests",  # roles and SHA-256
        "choice",  # stages.choose, numbers and enums
        "case_key",  # SHA-256
        "software_version",
        "config_digest",  # SHA-256
        "measurement",  # names of columns
    }
    assert text_fields(Problem) == {"subject_code", "visit", "reason_code", "message"}
