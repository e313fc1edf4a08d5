"""Texts that a text is a code of: percent, HTML entities, escapes, base64, hexadecimal."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from corelab.blinding.audit.needle import Standing

_DEEPEST = 3
_REMEMBERED = 65536
_LONGEST_REMEMBERED = 256
_LEAST_TEXT = 6
_BASE64_GROUP = 4
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_BASE64_PIECES = re.compile(r"[A-Za-z0-9]{4,}={0,2}")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_ESCAPES = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|(?:\\x[0-9A-Fa-f]{2})+|(?:=[0-9A-F]{2})+")
_LINE_BREAKS_IN_BASE64 = re.compile(r"(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/])")
# Long and mixed: such a run is no words, and what stands in it by chance is none either.
_BLOB = re.compile(r"[A-Za-z0-9+/=]*[A-Za-z0-9]{20,}[A-Za-z0-9+/=]*")
_LEAST_BLOB = 40
_PRINTABLE = re.compile(rf"[^\x00-\x1f\x7f\ufffd]{{{_LEAST_TEXT},}}")

Reading = tuple[str, Standing]


def readings(text: str, standing: Standing) -> Iterator[Reading]:
    """Give the text and all that it is a code of, three codes deep, each once.

    Parameters
    ----------
    text, standing
        A passage. What a number or a coded text says is coded too.
    """
    waiting = [(text, standing, 0)]
    seen: set[Reading] = set()
    while waiting:
        current, stands, depth = waiting.pop()
        if (current, stands) in seen:
            continue
        seen.add((current, stands))
        plain, blobs = _without_blobs(current) if len(current) >= _LEAST_BLOB else (current, [])
        yield plain, stands
        yield from ((blob, Standing.CODED) for blob in blobs)
        if depth < _DEEPEST and stands not in {Standing.NUMBER, Standing.PIXELS}:
            deeper = [*_same_standing(current, stands), *_hidden(current)]
            waiting.extend((more, how, depth + 1) for more, how in deeper)


def _without_blobs(text: str) -> tuple[str, list[str]]:
    blobs = [run for run in _BLOB.findall(text) if _is_blob(run)]
    for blob in blobs:
        text = text.replace(blob, " ")
    return text, blobs


def _is_blob(run: str) -> bool:
    is_mixed = any(map(str.isupper, run)) and any(map(str.islower, run))
    return len(run) >= _LEAST_BLOB and is_mixed and any(map(str.isdigit, run))


def _same_standing(text: str, standing: Standing) -> Iterator[Reading]:
    """Other ways to write the very same text."""
    decoders: dict[str, Callable[[str], str]] = {"%": unquote, "&": html.unescape}
    for mark, decode in decoders.items():
        if mark in text:
            yield decode(text), standing
    if "\\" in text or "=" in text:
        yield _ESCAPES.sub(_unescaped, text), standing


def _unescaped(match: re.Match[str]) -> str:
    run = match[0]
    if run.startswith("\\u"):
        units = bytes.fromhex(run.replace("\\u", ""))
        return units.decode("utf-16-be", "replace")
    content = bytes.fromhex(run.replace("\\x", "").replace("=", ""))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _hidden(text: str) -> Iterator[Reading]:
    """Read what base64 and hexadecimal runs say."""
    joined = _LINE_BREAKS_IN_BASE64.sub("", text)
    for run in dict.fromkeys(_BASE64.findall(joined) + _BASE64_PIECES.findall(joined)):
        found = _said_by_base64 if len(run) <= _LONGEST_REMEMBERED else _say_base64
        yield from ((said, Standing.CODED) for said in found(run))
    for run in dict.fromkeys(_HEXADECIMAL.findall(text)):
        yield from ((said, Standing.CODED) for said in _printable(bytes.fromhex(run)))


def _say_base64(run: str) -> tuple[str, ...]:
    """Texts in a run; it may begin before the code does, so each alignment is tried."""
    standard = run.replace("-", "+").replace("_", "/").rstrip("=")
    said: list[str] = []
    for start in range(min(_BASE64_GROUP, len(standard))):
        part = standard[start:]
        if len(part) % _BASE64_GROUP == 1:
            part = part[:-1]
        try:
            content = base64.b64decode(part + "=" * (-len(part) % _BASE64_GROUP))
        except binascii.Error:
            continue
        said += _whole(content) if start == 0 else ()
        said += _printable(content)
    return tuple(dict.fromkeys(said))


_said_by_base64 = lru_cache(maxsize=_REMEMBERED)(_say_base64)


def _whole(content: bytes) -> list[str]:
    """All of it, where it is text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    return [text] if text.isprintable() else []


def _printable(content: bytes) -> list[str]:
    """Texts in decoded bytes, however they are encoded."""
    found = _PRINTABLE.findall(content.decode("utf-8", "replace"))
    if b"\0" in content:
        wide = (content.decode(codec, "replace") for codec in ("utf-16-le", "utf-16-be"))
        found += [run for text in wide for run in _PRINTABLE.findall(text)]
    return found
