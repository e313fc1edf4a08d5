"""A TOML file that a user wrote to checked settings, or every fault in it at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from corelab.errors import ConfigError, Fault

Settings = TypeVar("Settings", bound=BaseModel)
_LONGEST_FOUND = 60
_LONGEST_FILE_BYTES = 1 << 20


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        Every fault of the file: its key, what was found, what was expected and, for a
        misspelt key, the nearest known one.
    """
    content = _toml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = tuple(_fault(details, model) for details in _causes(error.errors()))
        raise ConfigError(str(path), faults) from None


def _toml(path: Path) -> dict[str, object]:
    """Tables of a TOML file, which can name no code, no other file and no reference to itself."""
    found, expected = "", "a TOML file"
    try:
        with path.open("rb") as stream:
            content = stream.read(_LONGEST_FILE_BYTES + 1)
        if len(content) <= _LONGEST_FILE_BYTES:
            return tomllib.loads(content.decode("utf-8"))
        found, expected = "more than 1 MB", "a file of settings"
    except FileNotFoundError:
        found = "none"
    except OSError as error:
        found = f"what cannot be read ({error.strerror})"
    except RecursionError:
        found, expected = "values nested too deep", "TOML 1.0, a few levels deep"
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        found, expected = f"text that is not TOML ({error})", "TOML 1.0"
    raise ConfigError(str(path), (Fault(key="file", found=found, expected=expected),))


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out lists that are too short only because an item of theirs is wrong."""
    places = [details["loc"] for details in errors]
    return [
        details
        for details in errors
        if details["type"] != "too_short"
        or not any(p[: len(details["loc"])] == details["loc"] != p for p in places)
    ]


def _fault(details: ErrorDetails, settings: type[BaseModel]) -> Fault:
    location = [str(part) for part in details["loc"]]
    key = ".".join(location) or "file"
    kind = details["type"]
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        known = _keys_at(location[:-1], settings)
        nearest = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        return Fault(
            key=key,
            found="an unknown key",
            expected="one of " + ", ".join(sorted(known)),
            nearest=nearest[0] if nearest else None,
        )
    if kind == "missing":
        return Fault(key=key, found="nothing", expected="a value")
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    found = "these values together" if kind == "value_error" else _short(details["input"])
    return Fault(key=key, found=found, expected=message)


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep, or of too many digits
        return "a value too large to show"
    return text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 3] + "..."


def _keys_at(location: Iterable[str], settings: type[BaseModel]) -> frozenset[str]:
    """Known keys of the table at this place of a file."""
    model: object = settings
    for part in location:
        if not part.isdigit():
            model = _field_type(model, part)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return frozenset(model.model_fields)
    return frozenset(getattr(model, "_fields", ()))


def _field_type(model: object, name: str) -> object:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    annotation: object = model.model_fields[name].annotation
    inner = [part for part in get_args(annotation) if isinstance(part, type)]
    return inner[0] if inner else annotation
