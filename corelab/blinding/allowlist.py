"""The allow-list: what may cross from the identified to the blinded side, as data.

``allowlist.toml`` names every number, word and flag with its bounds or its closed vocabulary,
where it lands in OUT, why it is needed, and the clause of DICOM that defines it.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from corelab.errors import ConfigError, Fault, ReasonCode, UnfitDataError

FILE_NAME = "allowlist.toml"
_VERSION = r"\d{1,4}(?:\.\d{1,5}){0,3}(?:\.?[a-z]{1,4}\d{1,4})?"
_MOST_READINGS = 4

Keyword = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]+$")]
Tag = Annotated[str, Field(pattern=r"^[0-9A-F]{4},[0-9A-F]{4}$")]
Bound = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][ -~]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Allowed(BaseModel):
    """What every entry of the list says.

    Parameters
    ----------
    attributes
        DICOM keyword and tag of the attributes whose value crosses; none where corelab states
        something of its own.
    judged_from
        Attributes that were read to state it; nothing of their text crosses.
    sidecar
        Key in the image's JSON file; empty where it has none.
    nifti
        Fields of the image's header that hold it.
    why, clause
        Why a reader or the analysis needs it, and where DICOM defines it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    attributes: dict[Keyword, Tag] = {}
    judged_from: dict[Keyword, Tag] = {}
    sidecar: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]+)?$")] = ""
    nifti: tuple[Name, ...] = ()
    why: Annotated[str, Field(min_length=10)]
    clause: Annotated[str, Field(pattern=r"^PS3\.\d+ \S")]

    @model_validator(mode="after")
    def _lands_somewhere(self) -> Allowed:
        if not self.sidecar and not self.nifti:
            raise ValueError("a key of the sidecar or a field of the NIfTI header")
        return self


class AllowedNumber(Allowed):
    """A number that crosses when it lies within its bounds, with so many decimals."""

    form: Literal["number"]
    unit: Annotated[str, Field(min_length=1)]
    minimum: Bound
    maximum: Bound
    decimals: Annotated[int, Field(strict=True, ge=0, le=9)] | None = None

    @model_validator(mode="after")
    def _range_is_open(self) -> AllowedNumber:
        if self.minimum >= self.maximum:
            raise ValueError("minimum below maximum")
        return self

    def admit(self, name: str, value: float | None) -> float | None:
        """Give back a new number within bounds; None for an absent one.

        Raises
        ------
        UnfitDataError
            ``outside_acquisition_limits`` when no scanner makes such a value. The message
            does not repeat it: a number can be an identifier too.
        """
        if value is None:
            return None
        return float(self.admit_all(name, np.array([value], dtype=np.float64))[0])

    def admit_all(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give back new numbers, all within bounds.

        Parameters
        ----------
        name
            Of the entry, for the message.
        values : array
            Any shape.
        """
        numbers = np.array(values, dtype=np.float64)
        # Written so that a value that is no number fails too.
        if not ((numbers >= self.minimum) & (numbers <= self.maximum)).all():
            message = f"{name} lies outside {self.minimum:g} to {self.maximum:g} {self.unit}"
            raise _refused(message, str(numbers.tolist()))
        return numbers if self.decimals is None else np.round(numbers, self.decimals)


class AllowedWord(Allowed):
    """A word that crosses when it is one of a closed set."""

    form: Literal["word"]
    words: Annotated[tuple[Word, ...], Field(min_length=1)]

    def admit(self, name: str, word: str) -> str:
        """Give back the list's own copy of a word.

        Raises
        ------
        UnfitDataError
            ``outside_acquisition_limits`` for any other text, which is not repeated.
        """
        for known in self.words:
            if known == word:
                return known
        raise _refused(f"{name} is none of its {len(self.words)} words", word)


class AllowedFlag(Allowed):
    """Yes or no."""

    form: Literal["flag"]


class AllowedSoftware(Allowed):
    """Names and versions of our own software, and how it settled a contradiction."""

    form: Literal["software"]
    software: Annotated[tuple[Word, ...], Field(min_length=1)]
    readings: tuple[Word, ...] = ()

    def admit(self, name: str, text: str) -> str:
        """Give back the text when it says nothing else.

        Raises
        ------
        UnfitDataError
            ``outside_acquisition_limits`` for any other text, which is not repeated.
        """
        if all(map(self._pattern().fullmatch, text.split("; "))):
            return text
        raise _refused(f"{name} says more than our own software's names and versions", text)

    def _pattern(self) -> re.Pattern[str]:
        software, readings = ("|".join(map(re.escape, w)) for w in (self.software, self.readings))
        one = rf"(?:{software}) {_VERSION}"
        more = rf"(?:, (?:{readings})){{0,{_MOST_READINGS}}}" if readings else ""
        return re.compile(rf"{one}(?:, agrees with {one})?{more}", re.ASCII)


class AllowedVersion(Allowed):
    """A version of corelab."""

    form: Literal["version"]


Entry = Annotated[
    AllowedNumber | AllowedWord | AllowedFlag | AllowedSoftware | AllowedVersion,
    Field(discriminator="form"),
]
_ENTRIES: TypeAdapter[dict[str, Entry]] = TypeAdapter(dict[Name, Entry])
_Kind = TypeVar("_Kind", bound=Allowed)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Every entry by its name, in the order of the file."""

    entries: dict[str, Entry]

    def number(self, name: str, value: float | None) -> float | None:
        """Admit a number; see :meth:`AllowedNumber.admit`."""
        return self._entry(name, AllowedNumber).admit(name, value)

    def whole(self, name: str, value: int | None) -> int | None:
        """Admit a whole number."""
        number = self.number(name, value)
        return None if number is None else int(number)

    def numbers(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Admit several numbers; see :meth:`AllowedNumber.admit_all`."""
        return self._entry(name, AllowedNumber).admit_all(name, values)

    def word(self, name: str, word: str) -> str:
        """Admit a word; see :meth:`AllowedWord.admit`."""
        return self._entry(name, AllowedWord).admit(name, word)

    def flag(self, name: str, value: object) -> bool:
        """Admit a yes or no."""
        self._entry(name, AllowedFlag)
        return bool(value)

    def software(self, name: str, text: str) -> str:
        """Admit the name of our own software; see :meth:`AllowedSoftware.admit`."""
        return self._entry(name, AllowedSoftware).admit(name, text)

    def _entry(self, name: str, kind: type[_Kind]) -> _Kind:
        entry = self.entries[name]
        if not isinstance(entry, kind):
            raise TypeError(f"{name} is a {entry.form} on the allow-list")
        return entry


@cache
def allow_list() -> AllowList:
    """Return the list that corelab holds to."""
    return parse_allow_list(resources.files(__package__).joinpath(FILE_NAME).read_text("utf-8"))


def parse_allow_list(text: str) -> AllowList:
    """Read an allow-list.

    Raises
    ------
    ConfigError
        Every fault: an unknown or missing key, a bound or tag that is none, a place in OUT
        that two entries claim.
    """
    try:
        entries = _ENTRIES.validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        fault = Fault(key="file", found=f"text that is not TOML ({error})", expected="TOML 1.0")
        raise ConfigError(FILE_NAME, (fault,)) from None
    except ValidationError as error:
        raise ConfigError(FILE_NAME, tuple(map(_fault, error.errors()))) from None
    claimed = Counter(entry.sidecar for entry in entries.values() if entry.sidecar)
    twice = _shared_keys(key for key, count in claimed.items() if count > 1)
    if twice:
        raise ConfigError(FILE_NAME, twice)
    return AllowList(entries)


def _shared_keys(keys: Iterable[str]) -> tuple[Fault, ...]:
    return tuple(
        Fault(key=f"sidecar {key}", found="several entries", expected="one entry a key")
        for key in keys
    )


def _fault(details: ErrorDetails) -> Fault:
    """Fault of an entry; the form that pydantic puts behind its name is left out."""
    entry, *rest = map(str, details["loc"])
    key = ".".join([entry, *rest[1:]])
    if details["type"] == "missing":
        return Fault(key=key, found="nothing", expected="a value")
    if details["type"] == "extra_forbidden":
        return Fault(key=key, found="an unknown key", expected="a key of this form")
    found = "these values together" if details["type"] == "value_error" else repr(details["input"])
    return Fault(key=key, found=found[:60], expected=details["msg"].removeprefix("Value error, "))


def _refused(message: str, evidence: str) -> UnfitDataError:
    return UnfitDataError(ReasonCode.OUTSIDE_ACQUISITION_LIMITS, message, evidence=evidence)
