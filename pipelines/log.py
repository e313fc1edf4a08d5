"""What a command says on standard error: text for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from rich.console import Console

Word = str | int | float | None
_LOGGER = logging.getLogger("corelab")
_LOGGER.setLevel(logging.INFO)
_LOGGER.propagate = False


class LogFormat(StrEnum):
    """How standard error is written; standard output is the same in both."""

    TEXT = "text"
    JSON = "json"


class _Text(logging.Handler):
    """Lines for people, errors in red."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "bold red" if record.levelno >= logging.ERROR else ""
        Console(stderr=True).print(
            record.getMessage(), style=style, highlight=False, markup=False, soft_wrap=True
        )


class _JsonLines(logging.Handler):
    """One JSON object a line, with the time in UTC: for programs that watch a run."""

    def emit(self, record: logging.LogRecord) -> None:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"time": time.replace("+00:00", "Z"), "level": record.levelname.lower()}
        line = json.dumps(head | record.__dict__["words"], allow_nan=False)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


_HANDLERS: dict[LogFormat, type[logging.Handler]] = {
    LogFormat.TEXT: _Text,
    LogFormat.JSON: _JsonLines,
}
_LOGGER.addHandler(_Text())


@contextmanager
def log_as(log_format: LogFormat) -> Iterator[None]:
    """Context in which everything that :func:`tell` is given is written in this format."""
    before = list(_LOGGER.handlers)
    _LOGGER.handlers[:] = [_HANDLERS[log_format]()]
    try:
        yield
    finally:
        _LOGGER.handlers[:] = before


def log_format_now() -> LogFormat:
    """Format in which standard error is written."""
    is_json = any(isinstance(handler, _JsonLines) for handler in _LOGGER.handlers)
    return LogFormat.JSON if is_json else LogFormat.TEXT


def tell(event: str, text: str, words: Mapping[str, Word], *, level: int = logging.INFO) -> None:
    """Say something on standard error.

    Parameters
    ----------
    event
        What happened, in one of a few words that programs look for.
    text
        The same for people.
    words
        What the JSON line holds beside event, time and level: numbers, codes and own words only.
    level
        Of :mod:`logging`.
    """
    _LOGGER.log(level, "%s", text, extra={"words": {"event": event} | dict(words)})
