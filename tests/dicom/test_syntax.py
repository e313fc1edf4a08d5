from __future__ import annotations

from importlib.metadata import version

import pytest

from corelab.dicom import syntax

READ = [*syntax.NATIVE, *syntax.DECODERS]


@pytest.mark.parametrize("uid", syntax.DECODERS)
def test_pinned_decoder_is_installed(uid: str) -> None:
    assert version(syntax.DECODERS[uid])


@pytest.mark.parametrize("uid", sorted(READ))
def test_every_syntax_of_the_list_is_read(uid: str) -> None:
    assert syntax.is_readable(uid)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("52", "retired or hierarchical JPEG"),
        ("66", "retired or hierarchical JPEG"),
        ("92", "JPEG 2000 part 2"),
        ("94", "JPIP"),
        ("100", "MPEG"),
        ("107", "HEVC"),
        ("110", "JPEG XL"),
        ("204", "JPIP"),
    ],
)
def test_a_known_syntax_that_is_not_read_has_a_name(number: str, name: str) -> None:
    uid = f"1.2.840.10008.1.2.4.{number}"
    assert not syntax.is_readable(uid)
    assert name in syntax.unread_name(uid)


@pytest.mark.parametrize("uid", ["", "1.2.3", "Doe^Jane"])
def test_an_unknown_syntax_is_not_read_and_not_quoted(uid: str) -> None:
    assert not syntax.is_readable(uid)
    assert syntax.unread_name(uid) == "a syntax of no known name"
