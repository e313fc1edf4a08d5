"""The airlock: the one way from an identified stack to a blinded volume.

A volume is built anew from what ``allowlist.toml`` names. Nothing is copied and then
scrubbed, so what the list does not name cannot cross.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.pixels import refuse_text, surroundings_cleared
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Stack
from corelab.vocab import Acquisition, Derivation
from corelab.volume import Volume

_OWN_SOFTWARE = "numpy|pydicom|pyjpegls|pylibjpeg-openjpeg|python-gdcm|SimpleITK"
_OWN_READINGS = (
    "sign by the header|sign by the stream|"
    "bits beyond the stored ones left out|bits beyond the stored ones kept"
)
_NAME = rf"(?:{_OWN_SOFTWARE}) \d{{1,4}}(?:\.\d{{1,5}}){{0,3}}(?:\.?[a-z]{{1,4}}\d{{1,4}})?"
_DECODER = re.compile(
    rf"{_NAME}(?:, agrees with {_NAME})?(?:, (?:{_OWN_READINGS})){{0,4}}", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedNumber:
    """A number that may cross when it lies within its bounds."""

    name: str
    minimum: float
    maximum: float
    why: str
    clause: str

    def admit(self, value: float | None) -> float | None:
        """Give back a new number within bounds; None for an absent one.

        Raises
        ------
        UnfitDataError
            ``outside_acquisition_limits`` when no scanner makes such a value.
        """
        if value is None:
            return None
        number = float(value)
        if not self.minimum <= number <= self.maximum:
            raise UnfitDataError(
                ReasonCode.OUTSIDE_ACQUISITION_LIMITS,
                f"{self.name} is {number:g}, expected {self.minimum:g} to {self.maximum:g}",
            )
        return number

    def admit_whole(self, value: int | None) -> int | None:
        """Give back a new whole number within bounds; None for an absent one."""
        number = self.admit(value)
        return None if number is None else int(number)


@cache
def allow_list() -> dict[str, AllowedNumber]:
    """Return every number that may cross, by name."""
    text = resources.files("corelab.blinding").joinpath("allowlist.toml").read_text("utf-8")
    return {name: AllowedNumber(name=name, **entry) for name, entry in tomllib.loads(text).items()}


def admit_decoder(text: str) -> str:
    """Give back the text when our own decoders' names and versions are all that it says.

    Raises
    ------
    UnfitDataError
        ``outside_acquisition_limits`` for any other text, which is not repeated.
    """
    if all(map(_DECODER.fullmatch, text.split("; "))):
        return text
    message = "the decoder's name is none of our own"
    raise UnfitDataError(ReasonCode.OUTSIDE_ACQUISITION_LIMITS, message)


def release(
    stack: Stack,
    *,
    head: NDArray[np.bool_] | None,
    derivation: Derivation = Derivation.AS_DELIVERED,
    n_directions: int | None = None,
) -> Volume:
    """Build the blinded volume of a stack.

    Parameters
    ----------
    stack
        Identified series with its pixels.
    head : (I, J, K) bool array or None
        Voxels that cross, bit for bit; all others become air (CT) or 0 (MR), and with them
        head holder, table and what stands in corners. None: a plain conversion, all cross.
    derivation
        How the stack was made.
    n_directions
        Diffusion directions that it was made of.

    Returns
    -------
    Volume
        The decoded values, which were built from pixels alone (those of a whole thin CT are
        not copied again), new geometry, and the allow-listed numbers and words of the
        acquisition.

    Raises
    ------
    UnfitDataError
        When the series is no image of a head (a scout, a derived image), has no geometry, a
        number out of its bounds, or text in its images.
    """
    series = stack.series
    shown = series.shows
    if shown is None or series.grid is None:
        raise UnfitDataError(
            ReasonCode.UNSUPPORTED_CLASS, "only CT and MR images with a geometry are released"
        )
    refuse_text(stack)
    allowed = allow_list()
    positions = series.grid.slice_positions_mm
    return Volume(
        data=stack.data if head is None else surroundings_cleared(stack, head),
        affine=np.array(series.grid.affine, dtype=np.float64),
        slice_positions_mm=None if positions is None else np.array(positions, dtype=np.float64),
        acquisition=Acquisition(
            contrast=shown,
            kilovolts=allowed["kilovolts"].admit(series.kilovolts),
            b_value_s_mm2=allowed["b_value_s_mm2"].admit(series.b_value_s_mm2),
            slice_thickness_mm=allowed["slice_thickness_mm"].admit(series.slice_thickness_mm),
            value_scale=series.value_scale,
            derivation=derivation,
            n_directions=allowed["n_directions"].admit_whole(n_directions),
            decoder=admit_decoder(stack.decoder),
            is_lossy=bool(series.is_lossy),
            has_bits_outside=bool(stack.has_bits_outside),
        ),
    )
