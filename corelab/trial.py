"""A trial file (``configs/*.toml``) to frozen settings, or every fault in it at once.

The settings are the imaging charter in a form that a program can hold to. They have no field
for a treatment arm, and no other text than the facts of the public registry.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.dwi_parameters import DwiParameters
from corelab.settings_file import load_settings
from corelab.vocab import Modality, VisitLabel

DIGEST_LENGTH = 16
_MINUTES_A_DAY = 1440

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Hours = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
UserName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,19}$")]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,19}$")]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Facts(_Settings):
    """What the public registry says of the trial."""

    id: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{2,19}$", description="registry number")]
    title: Annotated[str, Field(min_length=10, max_length=300)]
    phase: Literal["I", "Ib", "II", "IIa", "IIb", "III", "IV", "none"]
    sponsor: Annotated[str, Field(min_length=2, max_length=120)]
    sites: Annotated[int, Field(ge=1, le=1000)]
    enrolment: Annotated[int, Field(ge=1, le=100_000)]
    allocation_ratio: Annotated[str, Field(pattern=r"^[1-9]:[1-9]$")]
    masking: Literal["open label", "single", "double"]
    outcome_assessment: Literal["blinded independent imaging core lab"]
    primary_endpoint: Literal["infarct volume", "infarct growth"]


class Visit(_Settings):
    """A protocol time point, and what may be measured there, in order of preference.

    Hours count from the reference time of the trial (here: randomization).
    """

    label: Label
    title: Annotated[str, Field(min_length=3, max_length=80)]
    earliest_h: Hours
    latest_h: Hours
    modalities: Annotated[tuple[Modality, ...], Field(min_length=1)]

    @property
    def middle_h(self) -> float:
        """Middle of the window, hours from the trial's reference time."""
        return (self.earliest_h + self.latest_h) / 2

    @model_validator(mode="after")
    def _window_is_open(self) -> Visit:
        if self.earliest_h >= self.latest_h:
            raise ValueError("earliest_h below latest_h")
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError("each modality once")
        return self


class DwiLimits(_Settings):
    """What a DWI series must be to enter the endpoint."""

    slice_spacing_max_mm: Positive
    coverage_min_mm: Positive
    b_value_min_s_mm2: Positive
    b_value_max_s_mm2: Positive

    @model_validator(mode="after")
    def _range_is_open(self) -> DwiLimits:
        if self.b_value_min_s_mm2 >= self.b_value_max_s_mm2:
            raise ValueError("b_value_min_s_mm2 below b_value_max_s_mm2")
        return self


class NcctLimits(_Settings):
    """What an NCCT series must be to enter the endpoint."""

    slice_spacing_max_mm: Positive
    coverage_min_mm: Positive


class Limits(_Settings):
    """Acquisition limits by modality, and whether images compressed with loss count.

    Where they do not, they are measured all the same, and marked as not eligible. What a case
    may take of a worker's time changes no result, and so no digest.
    """

    dwi: DwiLimits
    ncct: NcctLimits
    lossy_pixels_allowed: Annotated[bool, Field(strict=True)] = False
    case_minutes: Annotated[
        float, Field(gt=0, le=_MINUTES_A_DAY, allow_inf_nan=False, strict=True, exclude=True)
    ] = 20.0


class Methods(_Settings):
    """Parameters of each segmentation; the kernels document every one of them."""

    dwi: DwiParameters = DwiParameters()
    ncct: CtParameters = CtParameters()


class Agreeing(StrEnum):
    """What is accepted where the readers of a case agree."""

    MEAN = "mean"
    FIRST = "first"


class AutomaticVolume(StrEnum):
    """Whether a reader sees the automatic volume before signing."""

    HIDDEN = "hidden"
    SHOWN = "shown"


class Reads(_Settings):
    """How many independent reads a case gets, who reads, and when two of them disagree.

    ``readers`` is the number of reads; ``names`` are the people among whom they are dealt. None
    but the first three are part of a digest: they change no automatic measurement, and the
    ledger of reads keeps all of them.
    """

    readers: Annotated[int, Field(ge=1, le=5)]
    discrepancy_ml: NotNegative
    discrepancy_share: Share
    names: Annotated[tuple[UserName, ...], Field(exclude=True)] = ()
    adjudicators: Annotated[tuple[UserName, ...], Field(exclude=True)] = ()
    repeat_share: Annotated[Share, Field(exclude=True)] = 0.10
    discrepancy_dice: Annotated[Share, Field(exclude=True)] = 0.6
    discrepancy_dice_above_ml: Annotated[NotNegative, Field(exclude=True)] = 5.0
    agreeing: Annotated[Agreeing, Field(exclude=True)] = Agreeing.MEAN
    automatic_volume: Annotated[AutomaticVolume, Field(exclude=True)] = AutomaticVolume.HIDDEN
    needs_release: Annotated[bool, Field(strict=True, exclude=True)] = False

    @model_validator(mode="after")
    def _people_suffice(self) -> Reads:
        for key, people in (("names", self.names), ("adjudicators", self.adjudicators)):
            if len(set(people)) != len(people):
                raise ValueError(f"{key} with each person once")
        if self.names and len(self.names) < self.readers:
            raise ValueError(f"at least {self.readers} names, one for each independent read")
        if self.adjudicators and not self.names:
            raise ValueError("names where there are adjudicators")
        reads_all = self.readers > 1 and len(self.names) == self.readers
        both = sorted({*self.names} & {*self.adjudicators})
        if reads_all and both:
            raise ValueError(
                f"adjudicators that do not read every case themselves, as {', '.join(both)} would"
            )
        return self


class Trial(_Settings):
    """One trial's settings, valid as a whole."""

    trial: Facts
    visits: Annotated[tuple[Visit, ...], Field(min_length=1)]
    limits: Limits
    methods: Methods = Methods()
    reads: Reads

    @model_validator(mode="after")
    def _visits_are_apart(self) -> Trial:
        labels = [visit.label for visit in self.visits]
        if len(set(labels)) != len(labels):
            raise ValueError("visits with labels of their own")
        ordered = sorted(self.visits, key=lambda visit: visit.earliest_h)
        for early, late in itertools.pairwise(ordered):
            if early.latest_h > late.earliest_h:
                raise ValueError(f"windows apart: '{early.label}' and '{late.label}' overlap")
        return self

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the resolved settings."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]

    @property
    def visit_order(self) -> tuple[str, ...]:
        """Labels of the visits in the order of their time: growth is counted from the first."""
        ordered = sorted(self.visits, key=lambda visit: visit.earliest_h)
        return tuple(visit.label for visit in ordered)

    def visit(self, label: VisitLabel) -> Visit | None:
        """Look up the protocol's visit of this label; None where the protocol has no such visit."""
        return next((visit for visit in self.visits if visit.label == label), None)

    def visit_at(self, hours_from_reference: float) -> VisitLabel | None:
        """Label of the visit whose window holds this time; None between windows."""
        for visit in self.visits:
            if visit.earliest_h <= hours_from_reference <= visit.latest_h:
                return VisitLabel(visit.label)
        return None


def load_trial(path: Path) -> Trial:
    """Read a trial file.

    Raises
    ------
    ConfigError
        Every fault of the file: its key, what was found, what was expected and, for a
        misspelt key, the nearest known one.
    """
    return load_settings(path, Trial)
