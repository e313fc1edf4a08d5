"""Small made-up records for tests."""

from __future__ import annotations

from pathlib import Path

from corelab.series import (
    Frame,
    Grid,
    Identifier,
    IdentifierKind,
    Identity,
    Series,
    SeriesKind,
)
from corelab.vocab import ValueScale

AFFINE = (
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0),
    (0.0, 0.0, 5.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
)
GRID = Grid(
    shape=(4, 4, 30), affine=AFFINE, slice_positions_mm=None, slice_spacing_mm=5.0, tilt_deg=0.0
)
FRAME = Frame(
    path=Path("a.dcm"),
    index=0,
    position_mm=(0.0, 0.0, 0.0),
    rescale_slope=1.0,
    rescale_intercept=0.0,
)


def make_series(
    patient_id: str = "PAT-0077",
    study_uid: str = "1.2.3",
    *,
    series_uid: str = "1.2.3.1",
    kind: SeriesKind = SeriesKind.CT,
    kilovolts: float | None = 120.0,
) -> Series:
    """Return a series as a site's delivery would give it."""
    return Series(
        identity=Identity(
            patient_id=patient_id,
            study_uid=study_uid,
            series_uid=series_uid,
            acquired_at=None,
            series_number=1,
            description="24h post EVT albumin",
            texts=(
                Identifier("Doe^Jane", IdentifierKind.NAME),
                Identifier("General Hospital Northtown", IdentifierKind.PLACE),
            ),
        ),
        kind=kind,
        modality="CT",
        frames=(FRAME,),
        grid=GRID,
        b_value_s_mm2=None,
        kilovolts=kilovolts,
        slice_thickness_mm=5.0,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        files=(Path("site/Doe_Jane") / f"{series_uid}.dcm",),
        refusal=None,
        value_scale=ValueScale.HOUNSFIELD,
    )
