"""What a batch is asked to do, and whether that can be done at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.subjects import Crosswalk, load_subjects
from corelab.errors import ConfigError, Fault
from corelab.trial import Trial, load_trial
from pipelines.case import Face, Redo
from pipelines.pick import EVERY_CASE, Pick
from pipelines.places import places_of_delivery, refuse_nested


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What a batch is asked to do."""

    incoming: Path
    trial_file: Path
    out: Path
    subjects_file: Path | None
    vault: Path
    face: Face = Face.KEPT
    key_file: Path | None = None
    redo: Redo = Redo.CHANGED
    pick: Pick = EVERY_CASE


def load_inputs(request: BatchRequest) -> tuple[Trial, Crosswalk | None]:
    """Read the trial file and the subjects file; refuse folders that lie inside each other.

    Raises
    ------
    ConfigError
        Every fault of the first file that has any.
    StoreError
        When readers of one folder would see another, or a run would read its own results.
    """
    incoming, out, vault = request.incoming, request.out, request.vault
    refuse_nested(
        (
            ("VAULT", vault, out, "OUT: blinded readers open OUT"),
            ("OUT", out, vault, "VAULT: the vault is for the data manager alone"),
            *places_of_delivery(incoming, out, request.subjects_file),
            ("VAULT", vault, incoming, "INCOMING: the next run would read the vault"),
            ("the vault's key", request.key_file, out, "OUT: blinded readers open OUT"),
            ("the vault's key", request.key_file, vault, "VAULT: a copy would carry its own key"),
            ("the vault's key", request.key_file, incoming, "INCOMING: that is the site's own"),
        )
    )
    trial = load_trial(request.trial_file)
    crosswalk = load_subjects(request.subjects_file) if request.subjects_file else None
    labels = [visit.label for visit in trial.visits]
    unknown = sorted(crosswalk.visits() - set(labels)) if crosswalk else []
    if unknown:
        expected = "a visit of the trial: " + ", ".join(labels)
        faults = tuple(Fault(key="visit", found=repr(v), expected=expected) for v in unknown)
        raise ConfigError(str(request.subjects_file), faults)
    return trial, crosswalk
