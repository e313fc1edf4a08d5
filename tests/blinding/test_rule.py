"""Each clause of the rule from both sides: found when leaked, silent where it says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corelab.blinding.audit import audit, library_words, rule, search_for
from corelab.series import Identifier, IdentifierKind

NAME, NUMBER, UID = IdentifierKind.NAME, IdentifierKind.NUMBER, IdentifierKind.UID
MOMENT, PLACE, DEVICE = IdentifierKind.MOMENT, IdentifierKind.PLACE, IdentifierKind.DEVICE
DESCRIPTION, CODE = IdentifierKind.DESCRIPTION, IdentifierKind.CODE
FILE_NAME = IdentifierKind.FILE_NAME


def is_found(folder: Path, known: Identifier, content: str, name: str = "a.txt") -> bool:
    (folder / name).write_text(content)
    return bool(audit(folder, [known]).leaks)


CASES = [
    # 1: names and numbers of people
    (NAME, "Xu^Wei", "seen Xu today", True),
    (NAME, "Xu^Wei", "xua weird", False),
    (NAME, "Li^Wei", "WEI LI", True),
    (NAME, "Li^Wei", "liwei", True),
    (NAME, "Doe^Jane^Q", "jane doe", True),
    (NAME, "Doe^J", "a J alone", False),
    (NAME, "Kowalczyk^Ada", "xkowalczyk7", True),
    (NAME, "Roe^Ada", "the roentgen", False),
    (NUMBER, "A7", "id A7", True),
    (NUMBER, "A7", "id A77", False),
    (NUMBER, "KX77LM", "xKX77LMx", True),
    # 2: short numbers
    (NUMBER, "3917", "window of 1000", False),
    (NUMBER, "123456", "id 123456", True),
    (NUMBER, "123456", "0.123456 ml", False),
    (NUMBER, "00123456", "id 123456", True),
    # 3: moments
    (MOMENT, "20240305", "on 5 Mar 2024", True),
    (MOMENT, "20240305", "3/5/2024", True),
    (MOMENT, "20240305", "scan240305", False),
    (MOMENT, "20240305", "scan 240305", True),
    (MOMENT, "20240305", "IM_20240305x", True),
    (MOMENT, "20240305", "on 6 Apr 2024", False),
    (MOMENT, "134501.5", "at 13:45", True),
    (MOMENT, "134501.5", "13 of 45", False),
    (MOMENT, "064Y", "64 years old", True),
    (MOMENT, "064Y", "64 slices", False),
    # 4: UIDs
    (UID, "1.2.276.0.7230010.3.1.4", "uid 1.2.276.0.7230010.3.1.4", True),
    (UID, "1.2.276.0.7230010.3.1.4", "1.2.276.0.7230010.3.1.44", False),
    (UID, "1.2.276.8323329571", "x-8323329571", True),
    (UID, "2.25.100", "grid 2, 25, 100 of", False),
    # 5: phrases
    (PLACE, "St. Mary", "at st mary", True),
    (PLACE, "St. Mary", "st or mary", False),
    (PLACE, "Northtown General Hospital", "northtown", True),
    (DEVICE, "H31s", "kernel H31s", True),
    (DEVICE, "Foobar XR 9", "foo XR 9", False),
    (DESCRIPTION, "24h post EVT", "24h post EVT", True),
    (DESCRIPTION, "Head 24h post EVT Doe", "after 24h, post-EVT", True),
    (DESCRIPTION, "Head 24h post EVT Doe", "post of EVT", False),
    (DESCRIPTION, "Head CT of the brain mask", "the brain mask", False),
    (DESCRIPTION, "Head CT", "a head CT of 30 slices", False),
    (FILE_NAME, "IM0001.dcm", "read IM0001", True),
    (FILE_NAME, "0001.dcm", "image 0001 of 30", False),
    # 6: codes
    (CODE, "XVIPERA", "kind XVIPERA here", False),
    # 7: own words
    (NAME, "Brain^Adalbert", "brain mask", False),
    (NAME, "Brain^Adalbert", "Adalbert", True),
    (DESCRIPTION, "infarct", "infarct", False),
    # 8: coded runs and binary bytes
    (NAME, "Li^Wei", "Q29kZSBvZiBMaSBpbiBhIHJvdyBvZiB3b3Jkcw==", False),
    (NAME, "Kowalczyk^Ada", "Q29kZSBvZiBLb3dhbGN6eWsgaW4gYSByb3c=", True),
    (NAME, "Kowalczyk^Adam", "QWRhbQ==", True),
]


@pytest.mark.parametrize(("kind", "text", "content", "expected"), CASES)
def test_each_clause_from_both_sides(
    tmp_path: Path, kind: IdentifierKind, text: str, content: str, *, expected: bool
) -> None:
    around = f"- {content} -" if kind is not CODE else content + " there"
    assert is_found(tmp_path, Identifier(text, kind), around) is expected


VALUES = [
    (NUMBER, "3917", {"id": "3917"}, True),
    (NUMBER, "3917", {"count": 3917}, False),
    (NUMBER, "123456", {"count": 123456}, False),
    (NUMBER, "123456", {"id": "123456"}, True),
    (NUMBER, "12345678", {"count": 12345678}, True),
    (MOMENT, "20240305", {"count": 240305}, False),
    (MOMENT, "20240305", {"count": 20240305}, True),
    (UID, "2.25.100", {"uid": "2.25.100"}, True),
    (UID, "2.25.100", {"shape": [2, 25, 100]}, False),
    (CODE, "XVIPERA", {"kind": "XVIPERA"}, True),
    (CODE, "XVIPERA", {"kind": "of XVIPERA"}, False),
    (CODE, "HEAD", {"part": "HEAD"}, False),
    (NAME, "Doe^Jane", {"by": "JD"}, True),
    (NAME, "Doe^Jane", {"by": "seen by JD"}, False),
    (DESCRIPTION, "Volume brain 2", {"what": "volume brain 2"}, True),
    (DESCRIPTION, "Volume brain 2", {"what": "the volume brain 2 here"}, False),
]


@pytest.mark.parametrize(("kind", "text", "content", "expected"), VALUES)
def test_a_whole_value_is_more_than_a_word(
    tmp_path: Path, kind: IdentifierKind, text: str, content: dict[str, object], *, expected: bool
) -> None:
    found = is_found(tmp_path, Identifier(text, kind), json.dumps(content), "a.json")
    assert found is expected


@pytest.mark.parametrize(("name", "expected"), [("sub-3917_ct.txt", True), ("c39171.txt", False)])
def test_a_short_number_as_a_part_of_a_file_name_counts(
    tmp_path: Path, name: str, *, expected: bool
) -> None:
    assert is_found(tmp_path, Identifier("3917", NUMBER), "clean", name) is expected


def test_bare_numbers_of_a_table_are_no_short_identifiers(tmp_path: Path) -> None:
    assert not is_found(tmp_path, Identifier("3917", NUMBER), "a,b\n3917,x\n", "a.csv")
    assert is_found(tmp_path, Identifier("Oslo", PLACE), "a,b\n3917,oslo\n", "a.csv")


def test_a_prefix_of_a_code_is_no_leak(tmp_path: Path) -> None:
    assert not is_found(tmp_path, Identifier("K7Q", NUMBER), "sub-K7Q2XA", "sub-K7Q2XA.txt")


def test_what_coincides_with_our_own_words_is_counted_never_silent() -> None:
    known = [
        Identifier("White^Brain", NAME),
        Identifier("infarct", DESCRIPTION),
        Identifier("M", CODE),
        Identifier("1", NUMBER),
        Identifier("Adalbert^Ute", NAME),
    ]
    search = search_for(known, library_words())
    assert dict(search.undecidable) == {NAME: 1, DESCRIPTION: 1, CODE: 1, NUMBER: 1}
    assert search.n_identifiers == 5
    assert "brain white" in {needle.text for needle in search.needles}


def test_words_that_out_holds_on_purpose_are_no_leak(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"trial": "NCT07294391", "visit": "fu7d"}')
    known = [Identifier("NCT07294391", NUMBER), Identifier("fu7d", DESCRIPTION)]
    assert len(audit(tmp_path, known).leaks) == 2
    own = library_words().with_texts(["NCT07294391", "fu7d"])
    report = audit(tmp_path, known, own=own)
    assert report.is_clean
    assert report.n_undecidable == 2


def test_invented_patients_and_sites_of_the_sample_are_not_our_own_words() -> None:
    from corelab.phantom import identity  # noqa: PLC0415 - its texts are what is asked about

    own = library_words()
    source = Path(identity.__file__).read_text("utf-8")
    assert "Harbour Terrace" in source
    assert not own.holds("14 harbour terrace northcliff nc4 7qx")


def test_the_page_for_auditors_states_the_rule_in_the_same_words() -> None:
    page = (Path(__file__).parents[2] / "docs" / "blinding.md").read_text("utf-8")
    _, _, clauses = (rule.__doc__ or "").partition("\n\n")
    assert clauses.strip() in page
