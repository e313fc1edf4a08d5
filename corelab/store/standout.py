"""Which cases of a batch stand out, and why in words: hints for the eye, never a verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from corelab.kernels.robust import modified_z_scores
from corelab.store.qa_row import QaRow
from corelab.vocab import QcFlag

# Below this a median says little of what is usual.
MIN_GROUP = 8
# Iglewicz and Hoaglin, How to detect and handle outliers, 1993.
MODIFIED_Z_LIMIT = 3.5
# Conventions of this page: both only send somebody to look.
LARGE_HEMISPHERE_SHARE = 0.5
MANY_COMPONENTS = 10

FLAG_WORDS: dict[QcFlag, str] = {
    QcFlag.NO_INFARCT_FOUND: "no infarct was found: confirm",
    QcFlag.LOW_CONFIDENCE: "the volume moves much when the method's choices move",
    QcFlag.BILATERAL: "infarct on both sides",
    QcFlag.TOUCHES_MASK_EDGE: "the infarct reaches the edge of the brain mask",
    QcFlag.BRAIN_VOLUME_UNUSUAL: "the brain mask has an unusual volume",
    QcFlag.PLANE_MISMATCH: "the mid-plane of the head fits badly",
    QcFlag.B_VALUE_OUTSIDE_RANGE: "the b-value is outside the protocol's range",
    QcFlag.ADC_COMPUTED: "the ADC map was computed here, not by the scanner",
    QcFlag.ADC_ABSENT: "measured without an ADC map",
    QcFlag.TRACE_COMPUTED: "the trace image was computed here from single directions",
    QcFlag.UNEVEN_SLICES: "the slices are not evenly spaced",
    QcFlag.GANTRY_TILT: "the gantry was tilted",
    QcFlag.COVERAGE_SHORT: "the scan may not cover the whole brain",
    QcFlag.VISIT_BY_ORDER: "the visit was told from the order of the scans",
    QcFlag.SECOND_CHOICE_MODALITY: "not the modality that the protocol prefers",
    QcFlag.SERIES_WAS_SPLIT: "the series held other planes or scans, which were set apart",
    QcFlag.OVERLAPPING_SLICES: "the slices overlap",
    QcFlag.SLICES_MAY_BE_MISSING: "the series may have lost slices on the way: see both ends",
    QcFlag.REFORMATTED: "measured on a reformatted CT: no original one was sent",
    QcFlag.HU_UNUSUAL: "the brain's HU are not those of a native CT",
    QcFlag.METAL_NEAR_BRAIN: "metal in or beside the brain",
    QcFlag.EXECUTABLE_PREAMBLE: "a received file begins as a program does: scan the delivery",
    QcFlag.LOSSY_PIXELS: "the image was compressed with loss",
    QcFlag.BITS_OUTSIDE_STORED: "pixel words hold more than the header says is stored",
    QcFlag.SOURCE_CHANGED: "the site sent these series again with other pixels",
    QcFlag.SECOND_STUDY: "an earlier version of this read rests on another study",
    QcFlag.OTHER_SERIES: "an earlier version of this read rests on other series of this study",
    QcFlag.BELOW_DETECTION: "smaller than what this method finds with certainty",
    QcFlag.OLD_INFARCT_SUSPECTED: "a place looks like an old infarct and was left out",
    QcFlag.BLOOD_OUTSIDE_INFARCT: "blood outside the infarct, not counted",
    QcFlag.SKULL_OPEN: "the skull is open: swollen brain may lie outside of it",
    QcFlag.FLAIR_USED: "a late visit: the FLAIR image had a say",
    QcFlag.MODALITIES_DIFFER: "measured on another modality than the baseline",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandOut:
    """One case to look at, and why; ``index`` is its place among the rows."""

    index: int
    hints: tuple[str, ...]


def flag_words(flag: QcFlag) -> str:
    """Say what a flag means, for people."""
    return FLAG_WORDS.get(flag, flag.value.replace("_", " "))


def stand_outs(rows: Sequence[QaRow]) -> tuple[StandOut, ...]:
    """Measured cases with at least one hint: far from their like first, then by their flags."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.is_measured:
            groups[row.group].append(index)
    far: dict[int, list[str]] = defaultdict(list)
    for members in groups.values():
        for place, hint in _far_from_their_like([rows[index] for index in members]):
            far[members[place]].append(hint)
    found = []
    for index in sorted(index for members in groups.values() for index in members):
        flags = [flag_words(flag) for flag in rows[index].flags]
        hints = (*far[index], *_own_hints(rows[index]), *flags)
        if hints:
            found.append(StandOut(index=index, hints=hints))
    found.sort(key=lambda case: (-len(far[case.index]), -len(case.hints)))
    return tuple(found)


def _far_from_their_like(rows: Sequence[QaRow]) -> Iterator[tuple[int, str]]:
    """Place among ``rows`` and words for each volume beyond the limit."""
    # The cube root takes the long right tail from infarct volumes and knows a 0.
    yield from _outliers("infarct volume", [row.infarct_volume_ml for row in rows], 1 / 3)
    yield from _outliers("brain volume", [row.brain_volume_ml for row in rows], 1.0)


def _outliers(
    name: str, volumes_ml: Sequence[float | None], power: float
) -> Iterator[tuple[int, str]]:
    known = [(place, volume) for place, volume in enumerate(volumes_ml) if volume is not None]
    if len(known) < MIN_GROUP:
        return
    values = np.array([volume for _, volume in known], dtype=np.float64)
    middle_ml = float(np.median(values))
    for (place, volume), score in zip(known, modified_z_scores(values**power), strict=True):
        if abs(score) > MODIFIED_Z_LIMIT:
            side = "above" if score > 0 else "below"
            usual = f"median {middle_ml:.1f} mL of {len(known)}, modified z {score:+.1f}"
            yield place, f"{name} {volume:.1f} mL is far {side} its like ({usual})"


def _own_hints(row: QaRow) -> Iterator[str]:
    if row.infarct_volume_ml is not None and row.brain_volume_ml:
        share = row.infarct_volume_ml / (row.brain_volume_ml / 2)
        if share > LARGE_HEMISPHERE_SHARE:
            yield f"the infarct is as large as {share:.0%} of one hemisphere"
    if row.n_components is not None and row.n_components >= MANY_COMPONENTS:
        yield f"{row.n_components} separate pieces"
