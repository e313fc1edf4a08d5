"""The look-up beside a slow naive twin: equal verdicts on whatever texts and needles."""

from __future__ import annotations

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from corelab.blinding.audit.coded import readings
from corelab.blinding.audit.finder import Finder
from corelab.blinding.audit.fold import COLON, POINT, fold
from corelab.blinding.audit.needle import Needle, Passage, Reach, Standing
from corelab.series import IdentifierKind

KINDS = list(IdentifierKind)
WORD_CHARACTER = rf"[\w{POINT}{COLON}]"


def stands_naively(needle: Needle, folded: str, standing: Standing) -> bool:
    is_number = needle.text.isdecimal()
    whole = {Standing.VALUE: 1, Standing.CODED: 4}.get(standing)
    if whole is not None and folded == needle.text and len(folded) >= whole:
        return True
    if needle.reach is Reach.VALUE:
        return False
    if len(needle.text) < {Standing.CODED: 6, Standing.PIXELS: 8}.get(standing, 2):
        return False
    if standing is Standing.NUMBER and is_number and len(needle.text) < 8:
        return False
    place = rf"(?<!{WORD_CHARACTER}){re.escape(needle.text)}(?!{WORD_CHARACTER})"
    if re.search(place, folded):
        return True
    return standing in {Standing.VALUE, Standing.TEXT} and stands_inside(needle, folded)


def stands_inside(needle: Needle, folded: str) -> bool:
    is_number = needle.text.isdecimal()
    least = 8 if is_number else 6
    if not needle.text.isascii():
        least = 2
    if needle.reach is not Reach.GLUED or " " in needle.text or len(needle.text) < least:
        return False
    edge = r"\d" if is_number else r"(?!)"
    pattern = rf"(?<!{edge}){re.escape(needle.text)}(?!{edge})"
    words = [word for word in folded.split() if len(word) <= 32 and not word.isdecimal()]
    return any(re.search(pattern, word) for word in words)


def kinds_naively(needles: list[Needle], text: str, standing: Standing) -> set[IdentifierKind]:
    return {
        needle.kind
        for reading, stands in readings(text, standing)
        for needle in needles
        if stands_naively(needle, fold(reading), stands)
    }


words = st.one_of(
    st.text(alphabet="ab1é王", min_size=1, max_size=9),
    st.sampled_from(["doe", "jane", "margarethe", "19500314", "240305", "0.25", "13:45", "ab1c2d"]),
)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)


@st.composite
def needle_lists(draw: st.DrawFn) -> list[Needle]:
    texts = {fold(text) for text in draw(st.lists(phrases, max_size=6))}
    return [
        Needle(text, draw(st.sampled_from(KINDS)), draw(st.sampled_from(list(Reach))))
        for text in sorted(texts)
        if len(text) >= 2
    ]


separators = st.sampled_from(["", " ", "_", "^", ", ", "-", ".", "/", "\0", "%20", "x", "7"])


@st.composite
def contents(draw: st.DrawFn, needles: list[Needle]) -> str:
    pieces = [needle.text for needle in needles] + draw(st.lists(phrases, max_size=3))
    chosen = draw(st.lists(st.sampled_from(pieces or ["a"]), max_size=5))
    return "".join(piece + draw(separators) for piece in chosen)


@given(data=st.data(), needles=needle_lists(), standing=st.sampled_from(list(Standing)))
def test_the_look_up_finds_what_a_naive_search_finds(
    data: st.DataObject, needles: list[Needle], standing: Standing
) -> None:
    text = data.draw(contents(needles))
    found = Finder(needles).kinds_in(Passage(text, "content", standing))
    assert found == kinds_naively(needles, text, standing)


@given(st.text(alphabet=string.printable + "éüß王", max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="abé1", min_size=2, max_size=12), st.text(max_size=8), st.text(max_size=8))
def test_a_word_is_found_between_any_texts_that_do_not_touch_it(
    word: str, before: str, after: str
) -> None:
    needle = Needle(fold(word), IdentifierKind.NAME, Reach.WORD)
    passage = Passage(f"{before} ~{word}~ {after}", "content", Standing.TEXT)
    assert Finder([needle]).kinds_in(passage)


def test_forms_of_one_text_fold_to_one() -> None:
    forms = ("Doe^Jane", "DOE, JANE", "doe_jane", " doe-jane ", "D\u00f6e\u0301/Jane\0")
    assert {fold(form) for form in forms} == {"doe jane"}
    assert fold("0.5 mL at 13:45:01") == f"0{POINT}5 ml at 13{COLON}45{COLON}01"
    assert fold("1.2.840.1") == "1 2 840 1"
