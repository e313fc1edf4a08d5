from __future__ import annotations

import pytest

from corelab.errors import NO_QUERY, ReasonCode
from pipelines.query_words import Asked, query_text, question_of


@pytest.mark.parametrize("reason", ReasonCode)
def test_every_reason_says_what_was_found_and_what_is_needed(reason: ReasonCode) -> None:
    question = question_of(reason)
    assert question != question_of(None)
    text = query_text(reason)
    assert text[0].isupper() or text.startswith("corelab")
    assert text.endswith(".")
    assert ".." not in text
    assert text.isascii()


@pytest.mark.parametrize("reason", sorted(NO_QUERY))
def test_what_nobody_needs_asks_nobody(reason: ReasonCode) -> None:
    assert question_of(reason).asked is Asked.NOBODY
    assert question_of(reason).needed.startswith("Nothing")


def test_a_row_of_the_first_layout_has_a_general_question() -> None:
    assert "send them again" in query_text(None)
