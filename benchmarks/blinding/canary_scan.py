"""Looks for canaries in bytes, in every way in which a program may write a text.

Shares nothing with corelab's own leak audit, so that neither hides the other's faults.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.blinding.canary import Canary, Form

_KEY_BYTES = 8
_TABLE_BITS = 24
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHORTEST_BASE64 = 9
_RUNS = (
    re.compile(rb"[ -~]{4,}.?", re.DOTALL),
    re.compile(rb"(?:[ -~]\0){8,}"),
    re.compile(rb"(?:\0[ -~]){8,}"),
)
_DIGITS_OF_DAY = 8


@dataclass(frozen=True, slots=True)
class _Needle:
    """Bytes to find, and between what they may not be buried."""

    content: bytes
    canary: Canary
    is_number: bool


class Scanner:
    """Finds canaries as UTF-8, UTF-16, percent-coded, hexadecimal and base64 text.

    Dates are found in each usual form, and case does not matter but in base64. A date or an
    age counts only where no digit touches it, as eight digits in a row stand in any long
    number.

    Parameters
    ----------
    canaries
        What to look for.
    """

    def __init__(self, canaries: Iterable[Canary]) -> None:
        folded: list[_Needle] = []
        exact: list[_Needle] = []
        ages: dict[bytes, Canary] = {}
        for canary in canaries:
            if canary.form is Form.AGE:
                ages[canary.text.lower().encode()] = canary
                continue
            for spelling in _spellings(canary):
                is_day = spelling.isdigit() and len(spelling) == _DIGITS_OF_DAY
                plain = spelling.lower().encode()
                folded.append(_Needle(plain, canary, is_number=is_day))
                coded = {*_coded(spelling), *_coded(spelling.lower())}
                folded.extend(_Needle(code, canary, is_number=False) for code in coded)
            for spelling in {canary.text, canary.text.lower()}:
                in_base64 = _base64_at_any_place(spelling.encode())
                exact.extend(_Needle(code, canary, is_number=False) for code in in_base64)
        self._folded, self._exact, self._ages = _Table(folded), _Table(exact), ages
        self._seen: dict[bytes, frozenset[Canary]] = {}

    def find(self, content: bytes) -> frozenset[Canary]:
        """Canaries that stand in these bytes; bytes that were seen before are not read again."""
        digest = hashlib.sha256(content).digest()
        if digest not in self._seen:
            self._seen[digest] = frozenset(self._find(content))
        return self._seen[digest]

    def _find(self, content: bytes) -> set[Canary]:
        text = _printable(content)
        lowered = text.lower()
        found = self._folded.find(lowered) | self._exact.find(text)
        if self._ages:
            pattern = rb"(?<![0-9a-z])(?:" + b"|".join(self._ages) + rb")(?![0-9a-z][^\0])"
            found.update(self._ages[match] for match in re.findall(pattern, lowered))
        return found


class _Table:
    """Needles by their first eight bytes, looked up at every place at once."""

    def __init__(self, needles: list[_Needle]) -> None:
        self._by_key: dict[int, list[_Needle]] = {}
        for needle in needles:
            key = int.from_bytes(needle.content[:_KEY_BYTES], "little")
            self._by_key.setdefault(key, []).append(needle)
        self._keys = np.array(sorted(self._by_key), dtype=np.uint64)
        self._is_taken = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._is_taken[_slot(self._keys)] = True

    def find(self, content: bytes) -> set[Canary]:
        return {
            needle.canary
            for place, key in self._places(content)
            for needle in self._by_key[key]
            if content.startswith(needle.content, place) and _is_free(content, place, needle)
        }

    def _places(self, content: bytes) -> Iterator[tuple[int, int]]:
        for offset in range(min(_KEY_BYTES, len(content))):
            count = (len(content) - offset) // _KEY_BYTES
            words = np.frombuffer(content, dtype="<u8", count=count, offset=offset)
            likely = np.flatnonzero(self._is_taken[_slot(words)])
            near = np.searchsorted(self._keys, words[likely]).clip(max=len(self._keys) - 1)
            sure = likely[self._keys[near] == words[likely]]
            for number in sure:
                yield offset + _KEY_BYTES * int(number), int(words[number])


def _slot(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words * _MULTIPLIER) >> np.uint64(64 - _TABLE_BITS)


def _is_free(content: bytes, place: int, needle: _Needle) -> bool:
    if not needle.is_number:
        return True
    end = place + len(needle.content)
    before, after = content[max(place - 1, 0) : place], content[end : end + 2]
    # A digit and a zero are the tag of the next DICOM element, not the number's next digit.
    return not before.isdigit() and (after[1:] == b"\0" or not after[:1].isdigit())


def _spellings(canary: Canary) -> Iterator[str]:
    text = canary.text
    if canary.form is Form.UID:
        yield text.removeprefix("2.25.")
        yield f"{int(text.removeprefix('2.25.')):x}"
    elif canary.form is Form.TIME:
        clock = text.split(".")
        hours, minutes, seconds = clock[0][:2], clock[0][2:4], clock[0][4:]
        yield f"{clock[0]}.{clock[1][:3]}"
        yield f"{hours}:{minutes}:{seconds}.{clock[1][:1]}"
    elif canary.form in {Form.DATE, Form.MOMENT}:
        yield from _spellings_of_day(text[:4], text[4:6], text[6:8])
        if canary.form is Form.MOMENT:
            yield text[:14]
    else:
        yield text


def _spellings_of_day(year: str, month: str, day: str) -> Iterator[str]:
    yield year + month + day
    for mark in "-./":
        yield mark.join((year, month, day))
        yield mark.join((day, month, year))
        yield mark.join((month, day, year))
    yield f"{int(day)}.{int(month)}.{year}"
    yield f"{int(month)}/{int(day)}/{year}"


def _coded(text: str) -> tuple[bytes, ...]:
    """Codes of a text whose own letters may have either case; theirs has none."""
    code = text.encode()
    return (
        text.lower().encode("utf-16-le"),
        text.lower().encode("utf-16-be"),
        b"".join(b"%%%02x" % byte for byte in code),
        code.hex().encode(),
    )


def _printable(content: bytes) -> bytes:
    """Every run of printable characters, each with the byte that follows it.

    All that is looked for is printable, so nothing is lost; voxels are, for the most part.
    """
    return b"\n".join(run for pattern in _RUNS for run in pattern.findall(content))


def _base64_at_any_place(text: bytes) -> Iterator[bytes]:
    """Give what of base64 depends on the text alone, wherever in a group of three it begins."""
    for before in range(3):
        first = -(-8 * before // 6)
        end = 8 * (before + len(text)) // 6
        code = base64.b64encode(bytes(before) + text)[first:end]
        for spelling in {code, code.translate(bytes.maketrans(b"+/", b"-_"))}:
            if len(spelling) >= _SHORTEST_BASE64:
                yield spelling
