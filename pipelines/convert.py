"""A delivery to blinded NIfTI images and sidecars, without a trial: every readable series part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from corelab.blinding.subjects import load_subjects
from corelab.choosing.outline import outline_of
from corelab.errors import NO_QUERY, ReasonCode, StoreError, UnfitDataError
from corelab.series import LooseFile, Outcome, Refusal, Series, SeriesKind, SeriesVerdict, StudyKey
from corelab.stages.convert import Destination, convert_series, is_straight
from corelab.store.dataset import Dataset, withdraw_image
from corelab.store.files import Json, make_folder
from corelab.vocab import Case
from pipelines.codes import cases_of
from pipelines.delivered import Counts, count_files
from pipelines.engine import Crash, Engine
from pipelines.followup import read_delivery
from pipelines.holding import hold_out
from pipelines.places import places_of_delivery, refuse_nested
from pipelines.progress import News, Stage, Unit, Watcher


class Surroundings(StrEnum):
    """What becomes of table, head holder and all else around the head."""

    KEEP = "as the scanner made them"
    CLEAR = "air"


class Geometry(StrEnum):
    """What is written of each series part."""

    KEEP = "as acquired"
    EQUIDISTANT = "as acquired, and a straightened copy of tilted and uneven stacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """What a conversion is asked to do."""

    incoming: Path
    out: Path
    subjects_file: Path | None
    list_file: Path | None
    geometry: Geometry
    surroundings: Surroundings = Surroundings.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFate:
    """What becomes of one series part; ``destination`` is set where it is to be written."""

    series: Series
    case: Case | None
    outcome: Outcome
    why: str
    destination: Destination | None = None
    refusal: Refusal | None = None

    @property
    def verdict(self) -> SeriesVerdict:
        """The same for a table; what is written says under which name."""
        image = self.destination.image.name if self.destination else ""
        why = image.removesuffix(".nii.gz") or self.why
        return SeriesVerdict(series=self.series, case=self.case, outcome=self.outcome, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertResult:
    """What became of a delivery: every part and every loose file once."""

    fates: tuple[PartFate, ...]
    loose: tuple[LooseFile, ...]
    counts: Counts
    n_removed: int

    def verdicts_by_study(self) -> tuple[tuple[SeriesVerdict, ...], ...]:
        """Verdicts on all parts, study by study."""
        studies: dict[StudyKey, list[SeriesVerdict]] = defaultdict(list)
        for fate in self.fates:
            studies[fate.series.identity.study_key].append(fate.verdict)
        return tuple(tuple(verdicts) for verdicts in studies.values())

    @property
    def n_images(self) -> int:
        """Number of series parts written."""
        return sum(fate.destination is not None for fate in self.fates)

    @property
    def n_copies(self) -> int:
        """Number of straightened copies written."""
        return sum(bool(fate.destination and fate.destination.equidistant) for fate in self.fates)

    @property
    def n_faults(self) -> int:
        """Number of series parts and loose files that are a query to the site."""
        return sum(fate.outcome is Outcome.QUARANTINED for fate in self.fates) + sum(
            file.refusal.reason not in NO_QUERY for file in self.loose
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTask:
    """What a worker needs to convert one series part; ``outline`` shows its head."""

    series: Series
    destination: Destination
    outline: Series | None


def convert_delivery(request: ConvertRequest, engine: Engine, watcher: Watcher) -> ConvertResult:
    """Convert every readable series part of a delivery.

    Raises
    ------
    ConfigError
        When the subjects file is wrong: nothing is written then.
    StoreError
        When OUT cannot be used, or lies where identified files lie.
    """
    check_places(request)
    crosswalk = load_subjects(request.subjects_file) if request.subjects_file else None
    delivery = read_delivery(request.incoming, engine, watcher)
    dataset = Dataset(request.out)
    cases = cases_of(delivery.series, crosswalk)
    fates = plan_parts(
        [(part, cases[part.identity.study_key]) for part in delivery.series],
        dataset,
        request.geometry,
    )
    make_folder(request.out)
    with hold_out(request.out, "convert"):
        dataset.begin(version("corelab"))
        planned = frozenset(path for fate in fates for path in _images(fate))
        n_removed = dataset.clear(planned)
        fates = _converted(fates, request.surroundings, engine, watcher)
        for path in planned - {path for fate in fates for path in _images(fate)}:
            withdraw_image(path)
        dataset.settle()
    return ConvertResult(
        fates=tuple(fates),
        loose=delivery.loose + delivery.skipped,
        counts=count_files(delivery, [fate.verdict for fate in fates]),
        n_removed=n_removed,
    )


def check_places(request: ConvertRequest) -> None:
    """Refuse folders and files that would show readers what they must not see.

    Raises
    ------
    StoreError
        The first such place.
    """
    incoming, out = request.incoming, request.out
    refuse_nested(
        (
            *places_of_delivery(incoming, out, request.subjects_file),
            ("the list", request.list_file, out, "OUT: it names patients"),
            ("the list", request.list_file, incoming, "INCOMING: that is the site's own"),
        )
    )


def plan_parts(
    parts: Sequence[tuple[Series, Case | Refusal]], dataset: Dataset, geometry: Geometry
) -> list[PartFate]:
    """Decide what is written and under which name.

    Runs are numbered within a case in the order of study and series number; directions within
    a series and b-value in the order of acquisition.
    """
    runs: Counter[Case] = Counter()
    gradients: Counter[tuple[str, float | None]] = Counter()
    fates = []
    for series, case in parts:
        fate = _judged(series, case)
        if fate.outcome is Outcome.USED and isinstance(case, Case) and series.shows:
            runs[case] += 1
            remarks = _remarks(series, gradients)
            image = dataset.image(case, runs[case], series.shows)
            wants_copy = (
                geometry is Geometry.EQUIDISTANT and series.grid and not is_straight(series.grid)
            )
            copy = dataset.equidistant(case, runs[case], series.shows) if wants_copy else None
            destination = Destination(image=image, equidistant=copy, remarks=remarks)
            fate = replace(fate, destination=destination)
        fates.append(fate)
    return fates


def convert_part(task: PartTask) -> Refusal | StoreError | None:
    """Convert one series part, in a worker; None when it is written."""
    try:
        convert_series(task.series, task.destination, task.outline)
    except UnfitDataError as error:
        return Refusal.of(error)
    except StoreError as error:
        return error
    return None


def _judged(series: Series, case: Case | Refusal) -> PartFate:
    if isinstance(case, Refusal):
        return _refused(series, None, case)
    if series.refusal and (series.shows or series.kind is SeriesKind.NOT_AN_IMAGE):
        return _refused(series, case, series.refusal)
    if series.shows is None or series.grid is None:
        why = series.refusal.message if series.refusal else f"{series.kind}: no image to convert"
        return PartFate(
            series=series,
            case=case,
            outcome=Outcome.NOT_NEEDED,
            why=why,
            refusal=series.refusal,
        )
    return PartFate(series=series, case=case, outcome=Outcome.USED, why="")


def _refused(series: Series, case: Case | None, refusal: Refusal) -> PartFate:
    is_query = refusal.reason not in NO_QUERY
    return PartFate(
        series=series,
        case=case,
        outcome=Outcome.QUARANTINED if is_query else Outcome.NOT_NEEDED,
        why=refusal.message,
        refusal=refusal,
    )


def _remarks(
    series: Series, gradients: Counter[tuple[str, float | None]]
) -> tuple[tuple[str, Json], ...]:
    remarks: list[tuple[str, Json]] = [
        ("ConversionSoftware", "corelab"),
        ("ConversionSoftwareVersion", version("corelab")),
    ]
    if series.kind is SeriesKind.DIRECTION:
        key = series.identity.series_uid, series.b_value_s_mm2
        gradients[key] += 1
        remarks.append(("DiffusionGradientNumber", gradients[key]))
    return tuple(remarks)


def _tasks(fates: Sequence[PartFate], surroundings: Surroundings) -> list[PartTask]:
    studies: dict[StudyKey, list[Series]] = defaultdict(list)
    for fate in fates:
        studies[fate.series.identity.study_key].append(fate.series)

    def outline(series: Series) -> Series | None:
        if surroundings is Surroundings.KEEP:
            return None
        return outline_of(series, studies[series.identity.study_key])

    return [
        PartTask(series=fate.series, destination=fate.destination, outline=outline(fate.series))
        for fate in fates
        if fate.destination is not None
    ]


def _converted(
    fates: Sequence[PartFate], surroundings: Surroundings, engine: Engine, watcher: Watcher
) -> list[PartFate]:
    tasks = _tasks(fates, surroundings)
    refusals: dict[Path, Refusal] = {}
    stage = Stage(name="converting series", total=len(tasks), unit=Unit.SERIES, news=_news)
    for task, result in watcher.watch(stage, engine.over(convert_part, tasks)):
        if isinstance(result, StoreError):
            raise result
        if isinstance(result, Crash):
            refusals[task.destination.image] = _of_crash(result)
        elif result is not None:
            refusals[task.destination.image] = result
    return [_final(fate, refusals) for fate in fates]


def _news(step: tuple[PartTask, Refusal | StoreError | Crash | None]) -> News:
    return News(failed=int(step[1] is not None))


def _final(fate: PartFate, refusals: dict[Path, Refusal]) -> PartFate:
    refusal = refusals.get(fate.destination.image) if fate.destination else None
    if refusal is None:
        return fate
    return PartFate(
        series=fate.series,
        case=fate.case,
        outcome=Outcome.QUARANTINED,
        why=refusal.message,
        refusal=refusal,
    )


def _of_crash(crash: Crash) -> Refusal:
    return Refusal(
        reason=ReasonCode.INTERNAL_ERROR,
        message=f"converting stopped with {crash.kind}",
        evidence=crash.detail,
    )


def _images(fate: PartFate) -> Iterable[Path]:
    return fate.destination.images if fate.destination else ()
