"""pydicom's many failures on malformed bytes as one of ours."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom.config
from pydicom.errors import BytesLengthException

from corelab.errors import ReasonCode, UnfitDataError

PARSER_FAILURES: tuple[type[Exception], ...] = (
    BytesLengthException,  # a binary number of too few bytes
    AttributeError,  # pydicom asks a value of the wrong type for what it does not have
    EOFError,  # the file ends inside an element
    IndexError,  # an empty value where one is needed
    KeyError,  # a VR or tag that no dictionary knows
    LookupError,  # an unknown character set
    NotImplementedError,  # a VR without a converter
    OSError,  # "no tag to read": a sequence runs past the end
    OverflowError,  # a number beyond its type
    RecursionError,  # sequences nested some hundreds deep
    RuntimeError,  # a decoder plugin gave up
    TypeError,  # a value that is missing where text is needed
    ValueError,  # text that is no number, bytes that are no text
    struct.error,  # fewer bytes than a number needs
    zlib.error,  # a broken deflated stream
)
"""What pydicom 3 and its plugins raise on malformed input, found by reading and fuzzing."""


@contextmanager
def guarded(reason: ReasonCode, message: str) -> Iterator[None]:
    """Context in which pydicom's failures become ``UnfitDataError`` and its warnings silence.

    Parameters
    ----------
    reason, message
        What the error says; the original text goes to its evidence.
    """
    settings = pydicom.config.settings
    mode = settings.reading_validation_mode
    settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MemoryError as error:
        message = "reading the file needs more memory than one file is given"
        raise UnfitDataError(ReasonCode.PARSE_LIMIT, message) from error
    except PARSER_FAILURES as error:
        evidence = f"{type(error).__name__}: {error}"
        raise UnfitDataError(reason, message, evidence=evidence) from error
    finally:
        settings.reading_validation_mode = mode
