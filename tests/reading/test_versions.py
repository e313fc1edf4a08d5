from __future__ import annotations

import dataclasses

from corelab.reading.versions import known_version, next_number, version_flags
from corelab.series import CaseVersion, SourceVersion
from corelab.vocab import QcFlag


def source(study: str, series: str, digest: str = "a", contrast: str = "dwi") -> SourceVersion:
    return SourceVersion(
        study_uid=study,
        series_uid=series,
        part=f"{contrast} as_delivered 1000",
        number=1,
        digest=digest,
    )


def version(number: int, *sources: SourceVersion, received: tuple[str, ...] = ()) -> CaseVersion:
    keys = {(s.study_uid, s.series_uid) for s in sources}
    keys |= {(sources[0].study_uid, series) for series in received}
    return CaseVersion(number=number, sources=frozenset(sources), received=frozenset(keys))


FIRST = version(1, source("1", "1.1"), source("1", "1.2", contrast="adc"), received=("1.3",))


def test_the_first_sources_of_a_case_are_no_known_version() -> None:
    assert known_version(FIRST.sources, ()) is None
    assert next_number(()) == 1
    assert version_flags(FIRST, ()) == ()


def test_the_same_pixels_are_their_version_however_many_came_since() -> None:
    second = version(2, source("2", "2.1"))
    third = version(3, source("1", "1.1", "b"), source("1", "1.2", contrast="adc"))
    history = (FIRST, second, third)
    for known in history:
        assert known_version(known.sources, history) == known
    assert next_number(history) == 4


def test_another_study_is_a_second_study() -> None:
    second = version(2, source("2", "2.1"))
    assert known_version(second.sources, (FIRST,)) is None
    assert version_flags(second, (FIRST,)) == (QcFlag.SECOND_STUDY,)


def test_other_pixels_are_new_and_of_the_same_study() -> None:
    second = version(2, source("1", "1.1", "b"), source("1", "1.2", contrast="adc"))
    assert known_version(second.sources, (FIRST,)) is None
    assert version_flags(second, (FIRST,)) == ()


def test_series_that_were_not_there_before_are_new() -> None:
    second = version(2, source("1", "1.9"))
    assert known_version(second.sources, (FIRST,)) is None
    assert version_flags(second, (FIRST,)) == (QcFlag.OTHER_SERIES,)


def test_another_choice_among_the_same_series_is_no_new_version() -> None:
    """A setting or the software chose otherwise."""
    chosen = frozenset({source("1", "1.3")})
    assert known_version(chosen, (FIRST,)) == FIRST


def test_old_pixels_of_another_choice_belong_to_the_version_that_had_them() -> None:
    second = version(2, source("1", "1.1", "b"), source("1", "1.2", contrast="adc"))
    chosen = frozenset({source("1", "1.1", "a")})
    assert known_version(chosen, (FIRST, second)) == FIRST


def test_a_flair_of_the_same_study_does_not_make_a_study_the_same() -> None:
    flair = source("3", "3.1", contrast="flair")
    first = version(1, source("1", "1.1"), flair)
    second = version(2, source("2", "2.1"), flair)
    assert known_version(second.sources, (first,)) is None
    assert version_flags(second, (first,)) == (QcFlag.SECOND_STUDY,)


def test_numbers_of_pixels_say_nothing_where_the_pixels_are_the_same() -> None:
    """A vault that was restored counts anew."""
    counted = frozenset(dataclasses.replace(s, number=7) for s in FIRST.sources)
    assert known_version(counted, (FIRST,)) == FIRST
