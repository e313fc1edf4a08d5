"""The rule: which words of an identifying text count, and where.

1. Names and numbers of people (patient, accession, order, telephone) count at two characters
   or more as whole words, the parts of a name each and together in either order, its initials
   as a whole value; from six characters also inside a longer word.
2. A number of fewer than six digits counts only as a whole text value or a part of a file
   name; of fewer than eight not as a bare number of JSON or a table. A number as it stands
   among others is a measurement.
3. Dates, times and ages count in each usual form, a form of fewer than six digits as under 2.
4. A UID counts as a whole, and each of its components of ten digits or more; one of fewer than
   16 characters only as a whole text value.
5. Places, devices, descriptions and file names count as the whole phrase at two characters or
   more; word by word from six letters, or four characters with a digit among them; and each run
   of words of eight characters or more. A phrase of nothing but corelab's own words and short
   numbers counts only as a whole text value, a run of them not at all.
6. Code words (a sex, a body part) count only as a whole text value.
7. A word or phrase that corelab itself writes into OUT cannot be told from a leak. It is not
   looked for, and is counted as not decidable.
8. In base64 and hexadecimal runs and in binary bytes, what counts has six characters or more,
   or is all that the run says in four or more (in binary bytes of more than 4 kB, six); in the
   values of voxels and pixels it has eight or more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from corelab.blinding.audit.fold import fold, is_plain_number
from corelab.blinding.audit.moments import forms_of
from corelab.blinding.audit.needle import Needle, Reach
from corelab.blinding.audit.vocabulary import OwnWords
from corelab.blinding.spelling import spellings
from corelab.series import Identifier, IdentifierKind

SHORTEST = 2
SHORT_NUMBER_DIGITS = 6
LONG_NUMBER_DIGITS = 8
GLUED_CHARACTERS = 6
CODED_CHARACTERS, CODED_WHOLE_CHARACTERS = 6, 4
PIXELS_CHARACTERS = 8
_DESCRIPTIVE_LETTERS, _DESCRIPTIVE_MIXED = 6, 4
_RUN_CHARACTERS = 8
_SHORT_UID = 16
_LONG_UID_COMPONENT = 10

Form = tuple[str, Reach]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for, and how many identifiers coincide with corelab's own words."""

    needles: tuple[Needle, ...]
    n_identifiers: int
    undecidable: tuple[tuple[IdentifierKind, int], ...]


def search_for(identifiers: Iterable[Identifier], own: OwnWords) -> Search:
    """Needles of identifying texts, by the rule.

    Parameters
    ----------
    identifiers
        Every identifying text that the vault has seen.
    own
        What corelab writes into OUT on purpose.
    """
    known = sorted(set(identifiers))
    found: dict[str, Needle] = {}
    coinciding: Counter[IdentifierKind] = Counter()
    for identifier in known:
        forms = dict.fromkeys(_forms(identifier, own))
        if any(own.holds(text) or len(text) < SHORTEST for text, _ in forms):
            coinciding[identifier.kind] += 1
        for text, reach in forms:
            if len(text) >= SHORTEST and not own.holds(text):
                before = found.get(text)
                if before is None or before.reach < reach:
                    found[text] = Needle(text, identifier.kind, reach)
    return Search(
        needles=tuple(sorted(found.values(), key=lambda needle: needle.text)),
        n_identifiers=len(known),
        undecidable=tuple(sorted(coinciding.items())),
    )


def _forms(identifier: Identifier, own: OwnWords) -> Iterator[Form]:
    """Folded forms of an identifier; those that are own words too, to be counted."""
    for text in spellings(identifier.text):
        yield from _FORMS_OF[identifier.kind](text, own)


def _name_forms(text: str, own: OwnWords) -> Iterator[Form]:
    components = [part.split() for part in map(fold, text.replace(",", "^").split("^")) if part]
    words = [word for component in components for word in component]
    yield from (_plain(word, Reach.GLUED) for word in words if len(word) >= SHORTEST)
    if len(words) < SHORTEST:
        return
    last, given = (
        (components[0], words[len(components[0]) :])
        if components[1:]
        else (
            words[-1:],
            words[:-1],
        )
    )
    orders = [[*last, *given], [*given, *last], [*last, given[0]], [given[0], *last]]
    for order in orders:
        yield " ".join(order), Reach.WORD
        yield "".join(order), Reach.GLUED
        initials = "".join(word[0] for word in order)
        if not own.holds(initials):
            yield initials, Reach.VALUE


def _number_forms(text: str, own: OwnWords) -> Iterator[Form]:
    folded = fold(text)
    if is_plain_number(folded):
        yield _plain(folded, Reach.GLUED)
        bare = folded.lstrip("0")
        if len(bare) >= SHORT_NUMBER_DIGITS:
            yield bare, Reach.WORD
        return
    yield folded, Reach.GLUED
    if " " in folded:
        yield folded.replace(" ", ""), Reach.GLUED
        yield from _telling_words(folded, own)


def _uid_forms(text: str, _own: OwnWords) -> Iterator[Form]:
    folded = fold(text)
    yield folded, Reach.VALUE if len(text) < _SHORT_UID else Reach.WORD
    for component in folded.split():
        if len(component) >= _LONG_UID_COMPONENT:
            yield component, Reach.GLUED


def _moment_forms(text: str, _own: OwnWords) -> Iterator[Form]:
    for form in map(fold, forms_of(text)):
        yield _plain(form, Reach.GLUED if form.isdecimal() else Reach.WORD)


def _phrase_forms(text: str, own: OwnWords) -> Iterator[Form]:
    folded = fold(text)
    if not folded:
        return
    is_own = all(_is_ordinary(word, own) for word in folded.split())
    yield _plain(folded, Reach.VALUE if is_own else Reach.WORD)
    yield from _telling_words(folded, own)
    yield from _telling_runs(folded, own)


def _file_name_forms(text: str, own: OwnWords) -> Iterator[Form]:
    for name in dict.fromkeys((text, PurePosixPath(text).stem)):
        yield from _phrase_forms(name, own)


def _code_forms(text: str, _own: OwnWords) -> Iterator[Form]:
    yield fold(text), Reach.VALUE


def _telling_words(folded: str, own: OwnWords) -> Iterator[Form]:
    words = folded.split()
    for word in words if len(words) > 1 else ():
        least = _DESCRIPTIVE_LETTERS if word.isalpha() else _DESCRIPTIVE_MIXED
        if len(word) >= least and not own.holds(word):
            yield _plain(word, Reach.WORD)


def _telling_runs(folded: str, own: OwnWords) -> Iterator[Form]:
    """Give the shortest run of words from each word on that counts; longer ones hold it."""
    words = folded.split()
    for start in range(len(words)):
        for stop in range(start + 2, len(words) + 1):
            run = words[start:stop]
            text = " ".join(run)
            if len(text) >= _RUN_CHARACTERS and not all(_is_ordinary(word, own) for word in run):
                yield text, Reach.WORD
                break


def _plain(folded: str, reach: Reach) -> Form:
    """Form of a text, whose reach shrinks where it is a short number."""
    is_short = is_plain_number(folded) and len(folded) < SHORT_NUMBER_DIGITS
    return folded, Reach.VALUE if is_short else reach


def _is_ordinary(word: str, own: OwnWords) -> bool:
    is_short_number = is_plain_number(word) and len(word) < SHORT_NUMBER_DIGITS
    return len(word) < SHORTEST or is_short_number or own.holds(word)


_FORMS_OF: dict[IdentifierKind, Callable[[str, OwnWords], Iterator[Form]]] = {
    IdentifierKind.NAME: _name_forms,
    IdentifierKind.NUMBER: _number_forms,
    IdentifierKind.UID: _uid_forms,
    IdentifierKind.MOMENT: _moment_forms,
    IdentifierKind.PLACE: _phrase_forms,
    IdentifierKind.DEVICE: _phrase_forms,
    IdentifierKind.DESCRIPTION: _phrase_forms,
    IdentifierKind.FILE_NAME: _file_name_forms,
    IdentifierKind.CODE: _code_forms,
}
