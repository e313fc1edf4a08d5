"""What can go wrong, as a tree.

::

    CorelabError
    ├── UnfitDataError      the data cannot be measured: held back with a reason code
    ├── ConfigError         a trial or subjects file is wrong: every fault at once
    └── StoreError          OUT or VAULT cannot be used as asked
        ├── DiskError       a disk does not take or give what is asked of it
        └── LedgerError     the ledger of reads is not whole, or does not take what is asked of it

Anything else that is raised is a bug in corelab and is never caught inside the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a file, a series or a case is not measured, or not eligible; in ``problems.csv``."""

    NOT_DICOM = "not_dicom"
    PREAMBLE_ABSENT = "preamble_absent"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    ARCHIVE_BROKEN = "archive_broken"
    ARCHIVE_UNSAFE = "archive_unsafe"
    PARSE_LIMIT = "parse_limit"
    HEADER_CUT = "header_cut"
    PIXELS_TRUNCATED = "pixels_truncated"
    PIXELS_UNDECODABLE = "pixels_undecodable"
    DECODERS_DISAGREE = "decoders_disagree"
    UNSUPPORTED_CLASS = "unsupported_class"
    UNSUPPORTED_LAYOUT = "unsupported_layout"
    LOSSY_PIXELS = "lossy_pixels"
    SIZE_BEYOND_SCANNER = "size_beyond_scanner"
    MIXED_PATIENTS = "mixed_patients"
    MIXED_FRAME_OF_REFERENCE = "mixed_frame_of_reference"
    MIXED_MATRIX = "mixed_matrix"
    DUPLICATE_POSITION = "duplicate_position"
    DUPLICATE_UID = "duplicate_uid"
    MISSING_SLICE = "missing_slice"
    TOO_FEW_SLICES = "too_few_slices"
    GEOMETRY_ABSENT = "geometry_absent"
    SPACING_INVALID = "spacing_invalid"
    POSITIONS_NOT_A_LINE = "positions_not_a_line"
    RESCALE_INVALID = "rescale_invalid"
    B_VALUE_UNKNOWN = "b_value_unknown"
    ADC_UNIT_UNKNOWN = "adc_unit_unknown"
    SUBJECT_UNKNOWN = "subject_unknown"
    CODE_IDENTIFYING = "code_identifying"
    VISIT_UNKNOWN = "visit_unknown"
    NOT_A_VISIT = "not_a_visit"
    NO_USABLE_SERIES = "no_usable_series"
    OUTSIDE_ACQUISITION_LIMITS = "outside_acquisition_limits"
    GRIDS_DIFFER = "grids_differ"
    HEAD_NOT_FOUND = "head_not_found"
    BURNED_IN_TEXT = "burned_in_text"
    IMAGE_INVALID = "image_invalid"
    DEFACE_NOT_PROVED = "deface_not_proved"
    LEAK_FOUND = "leak_found"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    WORKER_DIED = "worker_died"
    DISK_FAILED = "disk_failed"
    INTERNAL_ERROR = "internal_error"


NO_QUERY = frozenset(
    {
        ReasonCode.NOT_DICOM,
        ReasonCode.NOT_A_FILE,
        ReasonCode.UNSUPPORTED_CLASS,
        ReasonCode.UNSUPPORTED_LAYOUT,
        ReasonCode.TOO_FEW_SLICES,
        ReasonCode.NOT_A_VISIT,
    }
)
"""Reasons of what nobody needs: they ask the site nothing, and make no row of a problem."""


class CorelabError(Exception):
    """Base of every error that corelab raises on purpose."""


class UnfitDataError(CorelabError):
    """The data cannot be measured; the series or case is held back.

    Parameters
    ----------
    reason
        Closed code, written to ``problems.csv``.
    message
        What was found and what was expected, in numbers and our own words only: it crosses
        to the blinded side, so it never quotes a header's text, a path or a date.
    evidence
        What the message may not say (raw header text, paths). Goes to the vault only.
    """

    def __init__(self, reason: ReasonCode, message: str, *, evidence: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.evidence = evidence

    def __str__(self) -> str:
        """Reason code and message, without the evidence."""
        return f"{self.reason}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process, evidence included."""
        return _rebuild_unfit, (self.reason, self.message, self.evidence)


def at_most(number: float, limit: float, form: str = "g") -> str:
    """Return a header's number as a message may say it.

    One that no scanner writes could be an identifier, and a message crosses to the blinded side.
    """
    return f"{number:{form}}" if abs(number) <= limit else f"over {limit:g}"


def _rebuild_unfit(reason: ReasonCode, message: str, evidence: str) -> UnfitDataError:
    return UnfitDataError(reason, message, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in a file that a user wrote."""

    key: str
    found: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        """One line: key, what was found, what was expected, the likely correct key."""
        hint = f"; did you mean '{self.nearest}'?" if self.nearest else ""
        return f"{self.key}: found {self.found}, expected {self.expected}{hint}"


class ConfigError(CorelabError):
    """A file that a user wrote is wrong; carries every fault found in it."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(source, faults)
        self.source = source
        self.faults = faults

    def __str__(self) -> str:
        """Name the file, then one line a fault."""
        count = len(self.faults)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        return f"{self.source} has {count} fault{'s' if count != 1 else ''}:\n{lines}"


class StoreError(CorelabError):
    """OUT or VAULT cannot be used as asked: who holds it, or what is missing."""


class DiskError(StoreError):
    """A disk does not take or give what is asked of it.

    Parameters
    ----------
    message
        What could not be done, and why.
    number
        The operating system's error number, as in :mod:`errno`.
    """

    def __init__(self, message: str, number: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.errno = number

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return DiskError, (self.message, self.errno)


class LedgerError(StoreError):
    """The ledger of reads is not whole, or does not take what is asked of it."""
