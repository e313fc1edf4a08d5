"""A head as fractions of tissue in space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.phantom import domain
from corelab.phantom.atlas import load_atlas
from corelab.phantom.painting import paint
from corelab.phantom.tissue import Tissue
from corelab.phantom.warp import Build, atlas_positions, draw_build

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """One head, as a field of tissue fractions on the domain's 1 mm nodes.

    Between the nodes the fields are linear, so that the integral of a field that is 0 on
    the domain's border is exactly the sum of its nodes times 1 mm³.

    Parameters
    ----------
    fractions
        (I, J, K) float32 array of each tissue that is there, read-only; they sum to one.
    atlas_mm : (3, I, J, K) float32 array
        MNI152 position of every second node along each axis.
    depth_mm : (I, J, K) float32 array
        Distance below the skull's inner table, negative outside.
    build
        Size, pose and shape.
    """

    fractions: Mapping[Tissue, Field]
    atlas_mm: Field
    depth_mm: Field
    build: Build

    def fraction(self, tissue: Tissue) -> Field:
        """Fraction of one tissue, zeros where the head has none; (I, J, K) float32."""
        found = self.fractions.get(tissue)
        return np.zeros(domain.SHAPE, dtype=np.float32) if found is None else found

    def with_fractions(self, changed: Mapping[Tissue, Field]) -> Head:
        """Head with some tissues' fractions replaced."""
        for field in changed.values():
            field.flags.writeable = False
        return Head(
            fractions={**self.fractions, **changed},
            atlas_mm=self.atlas_mm,
            depth_mm=self.depth_mm,
            build=self.build,
        )

    def mixture(self, value: Mapping[Tissue, float]) -> Field:
        """Sum of fraction times value over the tissues, (I, J, K) float32."""
        total = np.zeros(domain.SHAPE, dtype=np.float32)
        for tissue, field in self.fractions.items():
            if value[tissue]:
                total += np.float32(value[tissue]) * field
        return total


def draw_head(rng: np.random.Generator) -> Head:
    """Random head without any lesion.

    Raises
    ------
    ConfigError
        When the nilearn package, which carries the atlas, is not installed.
    """
    return build_head(draw_build(rng), rng)


def build_head(build: Build, rng: np.random.Generator) -> Head:
    """Head of given size and shape, bent at random.

    Raises
    ------
    ConfigError
        When the nilearn package, which carries the atlas, is not installed.
    """
    atlas = load_atlas()
    positions = atlas_positions(atlas, build, rng)
    atlas_mm = positions.brain
    fractions, depth_mm = paint(atlas, build, positions, rng)
    for field in (*fractions.values(), atlas_mm, depth_mm):
        field.flags.writeable = False
    return Head(fractions=fractions, atlas_mm=atlas_mm, depth_mm=depth_mm, build=build)
