from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.errors import LedgerError
from corelab.reading.event import KINDS, Event, QueryOpened, event_from_json, event_to_json
from tests.reading.events import EXAMPLES

SIGNED = event_to_json(EXAMPLES["read_signed"])


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=EXAMPLES)
def test_an_event_comes_back_equal_from_json(event: Event) -> None:
    payload = json.loads(json.dumps(event_to_json(event)))
    assert event_from_json(event.kind, payload) == event


@given(text=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), min_size=3))
@settings(max_examples=50)
def test_any_plain_text_survives(text: str) -> None:
    event = QueryOpened(subject_code="KX4M7P", visit="fu24h", query_id="0" * 16, text=text[:1000])
    assert event_from_json(event.kind, event_to_json(event)) == event


def test_an_unknown_kind_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(LedgerError, match=r"'read_burnt', expected one of .*read_opened"):
        event_from_json("read_burnt", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("colour", "red"),
        ("read_id", "../../etc/passwd"),
        ("read_id", "0" * 15),
        ("version", 0),
        ("version", True),
        ("version", "1"),
        ("edition", -1),
        ("result", "maybe"),
        ("reasons", ["tired"]),
        ("comment", "x" * 1001),
        ("comment", "a\x00b"),
        ("comment", "\x1b[31m"),
        ("mask_sha256", "A" * 64),
        ("image_sha256", None),
        ("infarct_volume_ml", -0.1),
        ("infarct_volume_ml", math.nan),
        ("infarct_volume_ml", math.inf),
        ("infarct_volume_ml", "3"),
        ("meaning", ""),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: Any) -> None:
    with pytest.raises(LedgerError, match=f"read_signed does not fit: {field}"):
        event_from_json("read_signed", {**SIGNED, field: value})


@pytest.mark.parametrize("field", SIGNED)
def test_an_absent_field_is_named(field: str) -> None:
    left = {name: value for name, value in SIGNED.items() if name != field}
    with pytest.raises(LedgerError, match=f"read_signed does not fit: {field}"):
        event_from_json("read_signed", left)


def test_a_verdict_of_before_time_and_confidence_were_kept_is_one_as_ever() -> None:
    payload = event_to_json(EXAMPLES["qa_verdict_given"])
    earlier = {k: v for k, v in payload.items() if k not in {"viewed_s", "confidence"}}
    assert len(earlier) == len(payload) - 2
    assert event_from_json("qa_verdict_given", earlier) == EXAMPLES["qa_verdict_given"]
