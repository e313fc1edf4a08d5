from __future__ import annotations

from importlib.metadata import version

import pytest
from pydicom.pixels.decoders.base import get_decoder

from corelab.dicom import syntax


@pytest.mark.parametrize("uid", syntax.PLUGINS)
def test_pinned_decoder_is_installed(uid: str) -> None:
    plugin = syntax.PLUGINS[uid]
    assert plugin.name in get_decoder(uid).available_plugins
    assert version(plugin.distribution)


@pytest.mark.parametrize("number", ["50", "51", "53", "55", "81", "91", "93", "100", "203"])
def test_lossy_syntaxes_are_known(number: str) -> None:
    uid = f"1.2.840.10008.1.2.4.{number}"
    assert syntax.is_lossy(uid)
    assert not syntax.is_readable(uid)


@pytest.mark.parametrize("uid", [*syntax.NATIVE, *syntax.PLUGINS])
def test_readable_syntaxes_are_not_lossy(uid: str) -> None:
    assert syntax.is_readable(uid)
    assert not syntax.is_lossy(uid)


@pytest.mark.parametrize("uid", ["", "1.2.840.10008.1.2.4.201", "1.2.3"])
def test_unknown_syntaxes_are_not_read(uid: str) -> None:
    assert not syntax.is_readable(uid)
