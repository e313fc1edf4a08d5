"""Ratings of QA reviewers as files: CSV and JSON to frozen records and back, nothing guessed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import count

from corelab.errors import ConfigError, Fault
from corelab.store.csv_table import FORMULA_STARTS
from corelab.store.files import Json, json_text
from corelab.vocab import Case, QaConfidence, QaReason, QaVerdict, SubjectCode, VisitLabel

FORMAT = "corelab-qa-ratings-1"
LONGEST_COMMENT = 1000

_SEPARATOR = ";"
_SHOWN_CHARACTERS = 60
# An apostrophe of the text's own is doubled: importing takes one off.
_DEFUSED_STARTS = ("'", *FORMULA_STARTS)
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RATER = re.compile(r"[^\W_][\w .@-]{0,63}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_COMMENT = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")
_SECONDS = re.compile(r"[0-9]{0,6}")
_CONFIDENCE = re.compile("|".join(("", *QaConfidence)))
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "trial_id": (_NAME, "a trial's name"),
    "subject_code": (_NAME, "a subject code"),
    "visit": (_NAME, "a visit"),
    "image_sha256": (_SHA256, "64 hexadecimal digits"),
    "mask_sha256": (_SHA256, "64 hexadecimal digits"),
    "rater": (_RATER, "a name of letters, digits, spaces and . _ @ -"),
    "rated_at_utc": (_TIME, "a UTC time of the form YYYY-MM-DDThh:mm:ss.sssZ"),
    "comment": (_COMMENT, "plain text"),
    "software_version": (_NAME, "a version"),
    "viewed_s": (_SECONDS, "whole seconds below a million, or nothing"),
    "confidence": (_CONFIDENCE, f"one of {', '.join(QaConfidence)}, or nothing"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice on the page: its code, its words and the key that gives it."""

    code: str
    words: str
    key: str


VERDICT_CHOICES = tuple(
    Choice(code=verdict, words=verdict.replace("_", " "), key=str(number))
    for number, verdict in enumerate(QaVerdict, start=1)
)
REASON_CHOICES = tuple(
    Choice(code=reason, words=reason.replace("_", " "), key=key)
    for reason, key in zip(QaReason, "mbtwlio", strict=True)
)


CONFIDENCE_CHOICES = tuple(
    Choice(code=confidence, words=confidence, key=str(number))
    for number, confidence in enumerate(QaConfidence, start=len(QaVerdict) + 1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QaRating:
    """What one rater said of one case at one time; a later one of theirs takes its place.

    Parameters
    ----------
    trial_id, subject_code, visit
        What was rated.
    image_sha256, mask_sha256
        Of the files of the measured image and its mask: of others nothing was said.
    rater, rated_at_utc
        Who and when, ISO 8601 to the millisecond.
    verdict
        Anything but a pass has a reason.
    reasons
        In the order in which they were given, each once.
    comment
        Plain text; what the reason is where it is ``other``.
    software_version
        Version of corelab that made what was rated.
    viewed_s
        How long the case was on the screen before, in whole seconds; ``None`` where nobody counted.
    confidence
        How sure the rater is; ``None`` where they did not say.
    """

    trial_id: str
    subject_code: str
    visit: str
    image_sha256: str
    mask_sha256: str
    rater: str
    rated_at_utc: str
    verdict: QaVerdict
    reasons: tuple[QaReason, ...]
    comment: str
    software_version: str
    viewed_s: int | None = None
    confidence: QaConfidence | None = None

    @property
    def case(self) -> Case:
        """The case that was rated."""
        return Case(SubjectCode(self.subject_code), VisitLabel(self.visit))


COLUMNS = tuple(field.name for field in fields(QaRating))
_LATER = ("viewed_s", "confidence")
EARLIER_COLUMNS = tuple(name for name in COLUMNS if name not in _LATER)
"""Of files that were written before time and confidence were kept: they are read as ever."""


def in_order(ratings: Iterable[QaRating]) -> tuple[QaRating, ...]:
    """Ratings in the order of their time, each once."""
    found = dict.fromkeys(ratings)
    return tuple(sorted(found, key=lambda each: (each.rated_at_utc, each.rater, each.case)))


def standing(ratings: Iterable[QaRating]) -> dict[tuple[Case, str], QaRating]:
    """Last rating of each case by each rater."""
    return {(rating.case, rating.rater): rating for rating in in_order(ratings)}


def to_csv(ratings: Sequence[QaRating]) -> str:
    """Ratings as CSV; reasons joined by ``;``.

    A text that a spreadsheet would run has an apostrophe before it, which reading takes off.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rating in ratings:
        cells = {**asdict(rating), "reasons": _SEPARATOR.join(rating.reasons)}
        writer.writerow([_defused(_text(cells[name])) for name in COLUMNS])
    return stream.getvalue()


def from_csv(text: str, source: str) -> tuple[QaRating, ...]:
    """Ratings of a CSV text.

    Parameters
    ----------
    text
        As the page or :func:`to_csv` writes it.
    source
        Name of the file, for the error.

    Raises
    ------
    ConfigError
        With every fault, each with its line and column.
    """
    rows = list(_csv_rows(text, source))
    if not rows or rows[0].cells not in {COLUMNS, EARLIER_COLUMNS}:
        found = ",".join(rows[0].cells) if rows else "nothing"
        raise ConfigError(source, (_fault("line 1", found, ",".join(COLUMNS)),))
    return _checked((_of_csv(row, rows[0].cells) for row in rows[1:]), source)


def to_json(ratings: Sequence[QaRating]) -> str:
    """Ratings as JSON, the same columns."""
    return json_text({"format": FORMAT, "ratings": [rating_to_json(each) for each in ratings]})


def rating_to_json(rating: QaRating) -> dict[str, Json]:
    """Columns of a rating as JSON has them."""
    return {**asdict(rating), "reasons": list(rating.reasons)}


def from_json(text: str, source: str) -> tuple[QaRating, ...]:
    """Ratings of a JSON text; parameters and errors as of :func:`from_csv`."""
    try:
        content: Json = json.loads(text)
    except ValueError as error:
        raise ConfigError(source, (_fault("file", f"no JSON ({error})", "JSON"),)) from error
    rows = content.get("ratings") if isinstance(content, dict) else None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise ConfigError(source, (_fault("format", _shown(found), FORMAT),))
    if not isinstance(rows, list):
        raise ConfigError(source, (_fault("ratings", _shown(rows), "a list"),))
    places = (f"rating {number}" for number in count(1))
    return _checked(map(_of_json, rows, places), source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Cells of a CSV file and the line that they begin on."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """A rating as a file says it: where it stands, its texts, and what is wrong with its form."""

    place: str
    texts: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def check_own(ratings: Iterable[QaRating], rater: str, source: str) -> None:
    """Refuse a file with ratings of anybody else: nobody signs for another.

    Raises
    ------
    ConfigError
        When there are some.
    """
    strangers = sorted({rating.rater for rating in ratings} - {rater})
    expected = f"'{rater}' alone, who signs them"
    if strangers:
        faults = tuple(_fault("column rater", _shown(name), expected) for name in strangers)
        raise ConfigError(source, faults)


def rating_of(row: Json, place: str) -> QaRating:
    """Rating of one JSON object, as :func:`from_json` takes each.

    Raises
    ------
    ConfigError
        With every fault.
    """
    (rating,) = _checked([_of_json(row, place)], place)
    return rating


def _csv_rows(text: str, source: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield _Row(line=line, cells=tuple(cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(source, (_fault(f"line {line}", str(error), "CSV"),)) from error


def _of_csv(row: _Row, columns: Sequence[str]) -> _Raw:
    place = f"line {row.line}"
    if len(row.cells) != len(columns):
        fault = _fault(place, f"{len(row.cells)} cells", str(len(columns)))
        return _Raw(place=place, texts={}, faults=(fault,))
    # A spreadsheet may end the lines of a comment in its own way.
    texts = dict.fromkeys(_LATER, "") | {
        name: cell.removeprefix("'").replace("\r\n", "\n")
        for name, cell in zip(columns, row.cells, strict=True)
    }
    reasons = tuple(texts["reasons"].split(_SEPARATOR)) if texts["reasons"] else ()
    return _Raw(place=place, texts=texts, reasons=reasons)


def _of_json(row: Json, place: str) -> _Raw:
    if not isinstance(row, dict) or set(row) not in (set(COLUMNS), set(EARLIER_COLUMNS)):
        found = ", ".join(row) if isinstance(row, dict) else _shown(row)
        return _Raw(place=place, texts={}, faults=(_fault(place, found, ", ".join(COLUMNS)),))
    reasons = row["reasons"]
    texts = {name: value for name, value in row.items() if isinstance(value, str)}
    texts |= {name: _text(row.get(name)) for name in _LATER}
    faults = [
        _fault(f"{place}, column {name}", _shown(row[name]), "text")
        for name in COLUMNS
        if name != "reasons" and name not in texts
    ]
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        faults.append(_fault(f"{place}, column reasons", _shown(reasons), "a list of texts"))
        reasons = []
    return _Raw(place=place, texts=texts, reasons=tuple(map(str, reasons)), faults=tuple(faults))


def _checked(raws: Iterable[_Raw], source: str) -> tuple[QaRating, ...]:
    """Ratings in the order of their time, or every fault of all."""
    ratings: list[QaRating] = []
    faults: list[Fault] = []
    for raw in raws:
        found = raw.faults or tuple(_faults_of(raw))
        faults += found
        if not found:
            ratings.append(_rating_of(raw))
    if faults:
        raise ConfigError(source, tuple(faults))
    return in_order(ratings)


def _faults_of(raw: _Raw) -> Iterator[Fault]:
    """Name what is wrong with a rating, by its column."""
    wrong = dict(_wrong_columns(raw.texts["verdict"], raw.reasons, raw.texts["comment"]))
    for name, (form, expected) in _FORMS.items():
        if not form.fullmatch(raw.texts[name]):
            wrong[name] = (raw.texts[name], expected)
    for name in COLUMNS:
        if name in wrong:
            found, expected = wrong[name]
            yield _fault(f"{raw.place}, column {name}", _shown(found), expected)


def _wrong_columns(
    verdict: str, reasons: Sequence[str], comment: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Columns that do not hold what they may, with what was found and what was expected."""
    strange = [reason for reason in reasons if reason not in set(QaReason)]
    if verdict not in set(QaVerdict):
        yield "verdict", (verdict, f"one of {', '.join(QaVerdict)}")
    if strange:
        yield "reasons", (strange[0], f"some of {', '.join(QaReason)}")
    elif len(set(reasons)) < len(reasons):
        yield "reasons", (_SEPARATOR.join(reasons), "each reason once")
    elif verdict != QaVerdict.PASS and not reasons:
        yield "reasons", ("none", f"at least one for {verdict}")
    if len(comment) > LONGEST_COMMENT:
        yield "comment", (f"{len(comment)} characters", f"at most {LONGEST_COMMENT}")
    elif QaReason.OTHER in reasons and not comment.strip():
        yield "comment", ("none", "what the other reason is")


def _rating_of(raw: _Raw) -> QaRating:
    texts = raw.texts
    return QaRating(
        trial_id=texts["trial_id"],
        subject_code=texts["subject_code"],
        visit=texts["visit"],
        image_sha256=texts["image_sha256"],
        mask_sha256=texts["mask_sha256"],
        rater=texts["rater"],
        rated_at_utc=texts["rated_at_utc"],
        verdict=QaVerdict(texts["verdict"]),
        reasons=tuple(map(QaReason, raw.reasons)),
        comment=texts["comment"],
        software_version=texts["software_version"],
        viewed_s=int(texts["viewed_s"]) if texts["viewed_s"] else None,
        confidence=QaConfidence(texts["confidence"]) if texts["confidence"] else None,
    )


def _defused(text: str) -> str:
    return "'" + text if text.startswith(_DEFUSED_STARTS) else text


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _shown(value: Json) -> str:
    """Say what was found, short enough for a line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def _fault(key: str, found: str, expected: str) -> Fault:
    return Fault(key=key, found=found, expected=expected)
