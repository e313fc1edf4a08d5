"""The end of a batch: tables, pages and its record in OUT, audited until nothing more is found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from corelab.blinding.audit import audit
from corelab.blinding.vault import Vault
from corelab.stages.publish import Publication, publish
from corelab.store.files import Json, write_json
from corelab.store.layout import Layout
from corelab.store.times import settle
from corelab.trial import Trial
from corelab.vocab import Case, Problem, Read
from pipelines.audit_memory import RememberingSearcher
from pipelines.case_key import Change
from pipelines.delivered import Counts
from pipelines.withdrawal import NO_CASE, Withdrawn, own_words, refusals_of, withdraw_leaks

MOST_AUDITS = 4
"""How often OUT is cleared and its tables rebuilt; what is then still found is not rebuilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch; ``changed`` cases rest on other pixels than the run before.

    ``notes`` are lines of the screen on cases that have, or could have, more than one version.
    ``new_key_file`` is the vault's key where this run made it. ``changes`` say of every read why
    it was made or kept, ``pending`` which cases of any delivery are still to be done.
    """

    counts: Counts
    changed: tuple[Case, ...]
    reads: tuple[Read, ...]
    problems: tuple[Problem, ...]
    new_keys: frozenset[str]
    vault: Path
    new_key_file: Path | None = None
    changes: tuple[Change, ...] = ()
    pending: tuple[Case, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The end of a batch: tables, pages and the batch's record, audited until clean."""

    layout: Layout
    trial: Trial
    vault: Vault
    searcher: RememberingSearcher
    started: float

    def close(self, result: BatchResult) -> BatchResult:
        """Publish a result without what the audit moves out of OUT, and with what it tells of."""
        moved: list[Withdrawn] = []
        for _ in range(MOST_AUDITS):
            self._publish(result)
            # What is found again is the ledger, which stays.
            found = [item for item in self._audit(result.vault) if item not in moved]
            moved += found
            self.vault.note_case_problems([NO_CASE], refusals_of(moved))
            if not found:
                break
            result = without(result, found)
        return result

    def _publish(self, result: BatchResult) -> None:
        record = _batch_record(result, self.trial, time.monotonic() - self.started)
        publish(self.layout, result.problems, publication_of(self.trial))
        write_json(self.layout.batch, record)
        settle(self.layout.root)

    def _audit(self, folder: Path) -> tuple[Withdrawn, ...]:
        """Search all of OUT, and move what may not stay."""
        own = own_words(self.trial.trial.id, self.trial.visit_order, self.vault.codes())
        report = audit(self.layout.root, self.vault.identifiers(), own=own, searcher=self.searcher)
        return withdraw_leaks(self.layout, folder, report)


def publication_of(trial: Trial) -> Publication:
    """Return what every table and page says of the trial and the software."""
    return Publication(
        trial_id=trial.trial.id,
        software_version=version("corelab"),
        config_digest=trial.digest,
        visits=trial.visit_order,
    )


def without(result: BatchResult, withdrawn: Sequence[Withdrawn]) -> BatchResult:
    """Give a batch's result without the cases that the audit moved, and with their problems."""
    gone = {item.case for item in withdrawn}
    keys = {read.case_key for read in result.reads if read.case in gone}
    problems = dict.fromkeys(item.problem for item in withdrawn)
    return dataclasses.replace(
        result,
        reads=tuple(read for read in result.reads if read.case not in gone),
        changed=tuple(case for case in result.changed if case not in gone),
        new_keys=result.new_keys - keys,
        problems=(*result.problems, *(p for p in problems if p not in result.problems)),
    )


def _batch_record(result: BatchResult, trial: Trial, seconds: float) -> dict[str, Json]:
    counts: dict[str, Json] = dict(dataclasses.asdict(result.counts))
    return {
        "duration_s": round(seconds, 1),
        "trial_id": trial.trial.id,
        "config_digest": trial.digest,
        "visits": list(trial.visit_order),
        "software_version": version("corelab"),
        "cases_measured": len(result.reads),
        "cases_new": len(result.new_keys),
        "problems": len(result.problems),
        "files": counts,
    }
