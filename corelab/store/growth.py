"""Growth of infarcts from the baseline visit on: a view of two reads, never stored by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from corelab.store.column import FLAG_SEPARATOR, Cell, CellType, Column, closed, described
from corelab.store.files import Json
from corelab.vocab import EndpointReason, Modality, Problem, QcFlag, Read

DECIMALS = 4


class NoGrowth(StrEnum):
    """Why a growth is an empty cell."""

    BASELINE_NOT_RECEIVED = "baseline_not_received"
    BASELINE_NOT_MEASURED = "baseline_not_measured"
    BASELINE_NOT_ASSESSABLE = "baseline_not_assessable"
    FOLLOW_UP_NOT_RECEIVED = "follow_up_not_received"
    FOLLOW_UP_NOT_MEASURED = "follow_up_not_measured"
    FOLLOW_UP_NOT_ASSESSABLE = "follow_up_not_assessable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One subject's baseline beside one later visit, as far as they were measured."""

    trial_id: str
    subject_code: str
    baseline_visit: str
    visit: str
    baseline: Read | None
    follow_up: Read | None
    missing: tuple[NoGrowth, ...]

    @property
    def growth_ml(self) -> float | None:
        """Follow-up minus baseline, mL; ``None`` where either is missing."""
        if self.baseline is None or self.follow_up is None:
            return None
        before, after = self.baseline.measurement, self.follow_up.measurement
        return round(after.infarct_volume_ml - before.infarct_volume_ml, DECIMALS) + 0.0

    @property
    def flags(self) -> tuple[QcFlag, ...]:
        """Why a reader must look at the pair."""
        if self.baseline is None or self.follow_up is None:
            return ()
        is_mixed = self.baseline.modality is not self.follow_up.modality
        return (QcFlag.MODALITIES_DIFFER,) if is_mixed else ()


def growth_of(
    reads: Iterable[Read], problems: Iterable[Problem], visits: Sequence[str], trial_id: str
) -> tuple[Growth, ...]:
    """One record for each subject and follow-up visit of the trial, sorted.

    Parameters
    ----------
    reads
        Every automatic read.
    problems
        Every case that was not measured, and what people could not assess.
    visits
        Labels of the trial's visits in the order of their time; the first is the baseline.
    trial_id
        Of the trial.
    """
    known = {(str(read.subject_code), str(read.visit)): read for read in reads}
    failed: dict[tuple[str, str], set[str]] = {}
    for problem in problems:
        failed.setdefault((problem.subject_code, problem.visit), set()).add(problem.reason_code)
    subjects = sorted({code for code, _ in [*known, *failed] if code})
    found = []
    for code in subjects:
        for visit in visits[1:]:
            pair = ((code, visits[0]), (code, visit))
            reasons = zip(pair, _REASONS, strict=True)
            missing = [why[_state(failed.get(key))] for key, why in reasons if key not in known]
            found.append(
                Growth(
                    trial_id=trial_id,
                    subject_code=code,
                    baseline_visit=visits[0],
                    visit=visit,
                    baseline=known.get(pair[0]),
                    follow_up=known.get(pair[1]),
                    missing=tuple(missing),
                )
            )
    return tuple(found)


class _State(Enum):
    """What became of a visit without a volume."""

    NOT_RECEIVED = auto()
    NOT_MEASURED = auto()
    NOT_ASSESSABLE = auto()


_REASONS = (
    {
        _State.NOT_RECEIVED: NoGrowth.BASELINE_NOT_RECEIVED,
        _State.NOT_MEASURED: NoGrowth.BASELINE_NOT_MEASURED,
        _State.NOT_ASSESSABLE: NoGrowth.BASELINE_NOT_ASSESSABLE,
    },
    {
        _State.NOT_RECEIVED: NoGrowth.FOLLOW_UP_NOT_RECEIVED,
        _State.NOT_MEASURED: NoGrowth.FOLLOW_UP_NOT_MEASURED,
        _State.NOT_ASSESSABLE: NoGrowth.FOLLOW_UP_NOT_ASSESSABLE,
    },
)


def _state(reason_codes: Collection[str] | None) -> _State:
    if reason_codes is None:
        return _State.NOT_RECEIVED
    is_read = EndpointReason.NOT_ASSESSABLE in reason_codes
    return _State.NOT_ASSESSABLE if is_read else _State.NOT_MEASURED


def with_growth_flags(reads: Sequence[Read], visits: Sequence[str]) -> tuple[Read, ...]:
    """Add to the flags of each read what only both visits together show.

    Parameters
    ----------
    reads
        Every automatic read.
    visits
        As for :func:`growth_of`.
    """
    pairs = growth_of(reads, (), visits, "")
    flags = {(pair.subject_code, pair.visit): pair.flags for pair in pairs}
    return tuple(
        replace(read, qc_flags=tuple(sorted({*read.qc_flags, *flags.get(_key(read), ())})))
        for read in reads
    )


def growth_row(growth: Growth) -> dict[str, Cell]:
    """Row of the growth table."""
    return {column.name: column.value(growth) for column in GROWTH_COLUMNS}


def growth_dictionary(visits: Sequence[str]) -> dict[str, Json]:
    """Return what ``growth.json`` holds: the visits and each column's meaning.

    Parameters
    ----------
    visits
        As for :func:`growth_of`.
    """
    return {
        "table": "growth",
        "row": "one subject and one follow-up visit of the trial, whether or not it took place",
        "baseline_visit": visits[0],
        "missing": "An empty growth_ml could not be told; missing_reason says why. 0 is measured.",
        "columns": described(GROWTH_COLUMNS),
    }


def _key(read: Read) -> tuple[str, str]:
    return str(read.subject_code), str(read.visit)


def _both(growth: Growth) -> tuple[Read, ...]:
    return tuple(read for read in (growth.baseline, growth.follow_up) if read)


def _eligible(growth: Growth) -> str | None:
    if growth.missing:
        return None
    return "yes" if all(read.is_endpoint_eligible for read in _both(growth)) else "no"


def _of(
    which: Callable[[Growth], Read | None], pick: Callable[[Read], Cell]
) -> Callable[[Growth], Cell]:
    def value(growth: Growth) -> Cell:
        read = which(growth)
        return None if read is None else pick(read)

    return value


def _baseline(growth: Growth) -> Read | None:
    return growth.baseline


def _follow_up(growth: Growth) -> Read | None:
    return growth.follow_up


GROWTH_COLUMNS: tuple[Column[Growth], ...] = (
    Column(
        name="trial_id",
        label="Trial identifier",
        type=CellType.TEXT,
        definition="Registry number of the trial, from the trial file.",
        value=lambda growth: growth.trial_id,
    ),
    Column(
        name="subject_code",
        label="Subject code",
        type=CellType.TEXT,
        definition="Blinded code of the subject.",
        value=lambda growth: growth.subject_code,
    ),
    Column(
        name="baseline_visit",
        label="Baseline visit",
        type=CellType.TEXT,
        definition="The trial's earliest visit by its window.",
        value=lambda growth: growth.baseline_visit,
    ),
    Column(
        name="visit",
        label="Follow-up visit",
        type=CellType.TEXT,
        definition="A later visit of the trial.",
        value=lambda growth: growth.visit,
    ),
    Column(
        name="baseline_modality",
        label="Modality at baseline",
        type=CellType.TEXT,
        definition="Image that the baseline was measured on.",
        allowed=closed(Modality),
        value=_of(_baseline, lambda read: read.modality.value),
    ),
    Column(
        name="modality",
        label="Modality at follow-up",
        type=CellType.TEXT,
        definition="Image that the follow-up was measured on.",
        allowed=closed(Modality),
        value=_of(_follow_up, lambda read: read.modality.value),
    ),
    Column(
        name="baseline_infarct_volume_ml",
        label="Infarct volume at baseline",
        type=CellType.NUMBER,
        unit="mL",
        definition="infarct_volume_ml of volumes.csv at the baseline visit.",
        value=_of(_baseline, lambda read: read.measurement.infarct_volume_ml),
    ),
    Column(
        name="infarct_volume_ml",
        label="Infarct volume at follow-up",
        type=CellType.NUMBER,
        unit="mL",
        definition="infarct_volume_ml of volumes.csv at the follow-up visit.",
        value=_of(_follow_up, lambda read: read.measurement.infarct_volume_ml),
    ),
    Column(
        name="growth_ml",
        label="Infarct growth",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "infarct_volume_ml - baseline_infarct_volume_ml; negative where the infarct is smaller."
        ),
        value=lambda growth: growth.growth_ml,
    ),
    Column(
        name="qc_flags",
        label="Reasons to look at the pair",
        type=CellType.TEXT,
        definition=(
            f"{QcFlag.MODALITIES_DIFFER} where the two volumes come of different modalities and "
            "their difference is no growth alone. The flags of each volume stand in volumes.csv."
        ),
        allowed=(QcFlag.MODALITIES_DIFFER.value,),
        value=lambda growth: FLAG_SEPARATOR.join(growth.flags),
    ),
    Column(
        name="endpoint_eligible",
        label="Eligible for the endpoint",
        type=CellType.TEXT,
        definition="Whether both volumes may enter the endpoint; empty where one is missing.",
        allowed=("yes", "no"),
        value=_eligible,
    ),
    Column(
        name="missing_reason",
        label="Why the growth is missing",
        type=CellType.TEXT,
        definition=(
            f"Which visit is missing, joined by '{FLAG_SEPARATOR}': nothing was received for it, "
            "what was received could not be measured (problems.csv says why), or people read it "
            "and could not assess it."
        ),
        allowed=closed(NoGrowth),
        value=lambda growth: FLAG_SEPARATOR.join(growth.missing),
    ),
)
