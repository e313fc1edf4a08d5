"""What a user is told when a command ends otherwise than well: words and an exit status."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from rich.console import Console

from corelab.errors import CorelabError, UnfitDataError
from pipelines.cli import EXIT_INTERRUPTED, EXIT_PROBLEMS, EXIT_USAGE

Parameters = ParamSpec("Parameters")


def told(command: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Turn errors that a user can mend into a message and a status; bugs stay tracebacks."""

    @wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        try:
            return command(*args, **kwargs)
        except UnfitDataError as error:
            complain(f"not measured: {error}")
            return EXIT_PROBLEMS
        except CorelabError as error:
            complain(str(error))
            return EXIT_USAGE
        except KeyboardInterrupt:
            complain("interrupted; the same command resumes")
            return EXIT_INTERRUPTED

    return wrapped


def complain(text: str) -> None:
    """Print to the error stream, in red where it has colours."""
    Console(stderr=True).print(
        text, style="bold red", highlight=False, markup=False, soft_wrap=True
    )
