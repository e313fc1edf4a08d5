from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.errors import ConfigError
from corelab.store.qa_ratings import (
    COLUMNS,
    REASON_CHOICES,
    VERDICT_CHOICES,
    QaRating,
    from_csv,
    from_json,
    in_order,
    standing,
    to_csv,
    to_json,
)
from corelab.vocab import QaConfidence, QaReason, QaVerdict

RATING = QaRating(
    trial_id="NCT0",
    subject_code="KX4M7P",
    visit="fu24h",
    image_sha256="a" * 64,
    mask_sha256="b" * 64,
    rater="doe",
    rated_at_utc="2026-01-31T09:30:00.000Z",
    verdict=QaVerdict.FAIL,
    reasons=(QaReason.MASK_LEAK, QaReason.MOTION),
    comment="into the ventricle",
    software_version="0.1.0",
)
COMMENTS = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters="\x0b\x0c\r\x7f", min_codepoint=9
    ).filter(lambda letter: letter in "\t\n" or letter >= " "),
    max_size=40,
)
RATINGS = st.builds(
    replace,
    st.just(RATING),
    subject_code=st.sampled_from(["KX4M7P", "A1"]),
    rater=st.sampled_from(["doe", "Dr. M. Müller", "o_1@x-y"]),
    rated_at_utc=st.sampled_from(["2026-01-31T09:30:00.000Z", "2026-02-01T00:00:00.001Z"]),
    verdict=st.sampled_from(QaVerdict),
    reasons=st.lists(
        st.sampled_from([reason for reason in QaReason if reason is not QaReason.OTHER]),
        min_size=1,
        unique=True,
    ).map(tuple),
    comment=COMMENTS,
    viewed_s=st.none() | st.integers(0, 999_999),
    confidence=st.none() | st.sampled_from(QaConfidence),
)
READ_AND_WRITE = [(from_csv, to_csv), (from_json, to_json)]


@pytest.mark.parametrize(("read", "write"), READ_AND_WRITE)
@given(ratings=st.lists(RATINGS, max_size=5))
def test_what_is_written_is_read_back_equal(
    ratings: list[QaRating],
    read: Callable[[str, str], tuple[QaRating, ...]],
    write: Callable[[object], str],
) -> None:
    assert read(write(in_order(ratings)), "r") == in_order(ratings)


def test_a_row_is_plain_to_read() -> None:
    head, row = to_csv([RATING]).splitlines()
    assert head == (
        "trial_id,subject_code,visit,image_sha256,mask_sha256,rater,rated_at_utc,verdict,reasons,"
        "comment,software_version,viewed_s,confidence"
    )
    assert row == (
        f"NCT0,KX4M7P,fu24h,{'a' * 64},{'b' * 64},doe,2026-01-31T09:30:00.000Z,fail,"
        "mask_leak;motion,into the ventricle,0.1.0,,"
    )
    told = replace(RATING, viewed_s=42, confidence=QaConfidence.LOW)
    assert to_csv([told]).splitlines()[1].endswith(",0.1.0,42,low")


def test_files_of_before_time_and_confidence_were_kept_are_read_as_ever() -> None:
    rows = [line.rsplit(",", 2)[0] for line in to_csv([RATING]).splitlines()]
    assert from_csv("\n".join(rows), "r") == (RATING,)
    content = json.loads(to_json([RATING]))
    for name in ("viewed_s", "confidence"):
        del content["ratings"][0][name]
    assert from_json(json.dumps(content), "r") == (RATING,)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("viewed_s", -1),
        ("viewed_s", 1_000_000),
        ("viewed_s", 1.5),
        ("viewed_s", "soon"),
        ("confidence", "sure"),
        ("confidence", True),
    ],
)
def test_a_time_or_confidence_that_is_none_is_named(column: str, value: object) -> None:
    content = json.loads(to_json([RATING]))
    content["ratings"][0][column] = value
    with pytest.raises(ConfigError, match=f"rating 1, column {column}: found"):
        from_json(json.dumps(content), "r")


@pytest.mark.parametrize("start", [*"=+-@'\t", "\uff1d"])
def test_a_comment_is_no_formula_to_a_spreadsheet(start: str) -> None:
    rating = replace(RATING, comment=f"{start}1+1")
    assert f",'{start}1+1," in to_csv([rating])
    assert from_csv(to_csv([rating]), "r") == (rating,)


def test_a_file_that_a_spreadsheet_has_saved_is_read() -> None:
    rating = replace(RATING, comment="two\nlines")
    saved = "\ufeff" + to_csv([rating]).replace("\n", "\r\n")
    assert from_csv(saved, "r") == (rating,)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict": "ok"}, "line 2, column verdict: found 'ok', expected one of pass, warn, fail"),
        ({"reasons": ""}, "line 2, column reasons: found 'none', expected at least one for fail"),
        (
            {"reasons": "motion;motion"},
            "line 2, column reasons: found 'motion;motion', expected each",
        ),
        ({"reasons": "moved"}, "line 2, column reasons: found 'moved', expected some of motion"),
        (
            {"reasons": "other", "comment": " "},
            "column comment: found 'none', expected what the other",
        ),
        ({"comment": "x" * 1001}, "column comment: found '1001 characters', expected at most 1000"),
        ({"comment": "a\x00b"}, "line 2, column comment: found"),
        ({"rater": ""}, "line 2, column rater: found '', expected a name"),
        (
            {"rated_at_utc": "31.01.2026"},
            "line 2, column rated_at_utc: found '31.01.2026', expected a UTC",
        ),
        ({"image_sha256": "A" * 64}, "line 2, column image_sha256: found"),
        (
            {"mask_sha256": ""},
            "line 2, column mask_sha256: found '', expected 64 hexadecimal digits",
        ),
        ({"visit": ""}, "line 2, column visit: found '', expected a visit"),
    ],
)
def test_a_fault_is_named_with_line_and_column(changes: dict[str, str], expected: str) -> None:
    cells = dict(zip(COLUMNS, to_csv([RATING]).splitlines()[1].split(","), strict=True)) | changes
    text = ",".join(COLUMNS) + "\n" + ",".join(cells.values()) + "\n"
    with pytest.raises(ConfigError) as caught:
        from_csv(text, "doe.csv")
    assert str(caught.value).startswith("doe.csv has 1 fault:\n")
    assert expected in str(caught.value)


def test_every_fault_is_told_at_once_and_a_line_is_where_its_row_begins() -> None:
    long = replace(RATING, comment="one\ntwo\nthree")
    text = to_csv([long, RATING, RATING]).replace("doe", "!").replace("0.1.0", "")
    with pytest.raises(ConfigError) as caught:
        from_csv(text, "doe.csv")
    assert [fault.key for fault in caught.value.faults] == [
        f"line {line}, column {column}"
        for line in (2, 5, 6)
        for column in ("rater", "software_version")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: found nothing, expected trial_id,subject_code"),
        ("a,b\n", "line 1: found a,b, expected trial_id"),
        (to_csv([]) + "a,b\n", "line 2: found 2 cells, expected 13"),
        (to_csv([RATING]).replace("into", '"into'), "line 2: found"),
    ],
)
def test_what_is_no_table_of_ratings_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        from_csv(text, "r.csv")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda _: "{", "file: found no JSON"),
        (lambda file: json.dumps([file]), "format: found"),
        (lambda file: json.dumps(file | {"format": "2"}), "format: found '2', expected corelab-qa"),
        (lambda file: json.dumps(file | {"ratings": {}}), "ratings: found '{}', expected a list"),
        (
            lambda file: json.dumps(file | {"ratings": [1]}),
            "rating 1: found '1', expected trial_id",
        ),
        (lambda file: json.dumps(file | {"ratings": [{"rater": "x"}]}), "rating 1: found rater"),
        (
            lambda file: json.dumps(file | {"ratings": [file["ratings"][0] | {"rater": 7}]}),
            "rating 1, column rater: found '7', expected text",
        ),
        (
            lambda file: json.dumps(
                file | {"ratings": [file["ratings"][0] | {"reasons": "motion"}]}
            ),
            "rating 1, column reasons: found 'motion', expected a list",
        ),
        (
            lambda file: json.dumps(file | {"ratings": [file["ratings"][0] | {"verdict": "ok"}]}),
            "rating 1, column verdict: found 'ok'",
        ),
    ],
)
def test_a_fault_in_json_is_named_with_its_rating(
    change: Callable[[dict[str, list[object]]], str], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        from_json(change(json.loads(to_json([RATING]))), "r.json")


def test_the_last_verdict_of_each_rater_stands_whatever_the_order_of_the_file() -> None:
    later = replace(RATING, rated_at_utc="2026-02-01T00:00:00.000Z", verdict=QaVerdict.WARN)
    other = replace(RATING, rater="roe")
    found = standing([later, other, RATING])
    assert found == {(RATING.case, "doe"): later, (RATING.case, "roe"): other}


def test_every_verdict_and_reason_has_a_key_of_its_own() -> None:
    keys = [choice.key for choice in (*VERDICT_CHOICES, *REASON_CHOICES)]
    assert len(set(keys)) == len(keys) == len(QaVerdict) + len(QaReason)
    assert not set(keys) & set("jknfzc/?"), "taken by other keys of the page"
