"""What a user is told when a command ends otherwise than well: words and an exit status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from corelab.dicom.files import printable
from corelab.errors import CorelabError, UnfitDataError
from pipelines.cli import EXIT_INCIDENT, EXIT_INTERRUPTED, EXIT_PROBLEMS, EXIT_USAGE
from pipelines.incident import IncidentError
from pipelines.log import tell

Parameters = ParamSpec("Parameters")


def told(command: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Turn errors into a message and a status; a bug stays a traceback where that names nobody."""

    @wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        try:
            return command(*args, **kwargs)
        except UnfitDataError as error:
            complain(f"not measured: {error}")
            return EXIT_PROBLEMS
        except IncidentError as error:
            complain(str(error))
            return EXIT_INCIDENT
        except CorelabError as error:
            complain(str(error))
            return EXIT_USAGE
        except KeyboardInterrupt:
            complain("interrupted; the same command resumes")
            return EXIT_INTERRUPTED

    return wrapped


def complain(text: str) -> None:
    """Say an error, in signs that no terminal acts on: it may quote a user's file."""
    lines = "\n".join(map(printable, text.splitlines()))
    tell("error", lines, {"message": lines}, level=logging.ERROR)
