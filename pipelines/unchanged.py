"""A run that finds everything as the last one left it: its result is that of the last one.

The same request, the same software, and stamps of everything in INCOMING, OUT and the vault that
are what they were say so without a file being opened; a digest says it of what stands in the vault.
Whatever is one byte, one right or one name off, and the run does all that any run does. So it is
where a case failed in a way that another try may mend, and where all cases are asked for anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

import corelab
from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_delivery import Batch
from corelab.blinding.vault_file import is_current
from corelab.blinding.vault_hold import hold_for_a_run
from corelab.errors import ReasonCode, StoreError
from corelab.store.files import Json, json_text, read_json, write_private
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.record import load_read
from corelab.trial import Trial
from corelab.vocab import Case, Problem, SubjectCode, VisitLabel
from pipelines.audit_memory import clean_files
from pipelines.case import Redo
from pipelines.case_key import Change
from pipelines.closing import BatchResult
from pipelines.delivered import Counts
from pipelines.pick import EVERY_CASE
from pipelines.places import LAST_RESULT
from pipelines.request import BatchRequest
from pipelines.stamps import digest_of, stamp_of, stamps_below, text_digest

_OWN_FILES = ("vault.sqlite", "run.lock", "log", LAST_RESULT)
"""What every run writes in the vault's folder; what stands in the database has a digest."""
_MAY_PASS = frozenset(
    reason.value
    for reason in (
        ReasonCode.DISK_FAILED,
        ReasonCode.INTERNAL_ERROR,
        ReasonCode.LEAK_FOUND,
        ReasonCode.MEMORY_LIMIT,
        ReasonCode.PARSE_LIMIT,
        ReasonCode.TIME_LIMIT,
        ReasonCode.UNREADABLE,
        ReasonCode.WORKER_DIED,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request, and the stamps of what it is asked of as they were before any of it was read."""

    request: BatchRequest
    asked: str
    delivery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    """What a run ended with, as far as the next one shows it."""

    delivery: int
    counts: Counts
    cases: tuple[tuple[SubjectCode, VisitLabel], ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


_LAST = TypeAdapter(_Last)


def look_at(request: BatchRequest, trial: Trial) -> Received:
    """Look at what is asked and at everything in INCOMING, and open nothing."""
    incoming = request.incoming
    return Received(
        request=request,
        asked=_asked(request, trial),
        delivery=digest_of(stamps_below(incoming), incoming),
    )


def unchanged_result(request: BatchRequest, trial: Trial) -> BatchResult | None:
    """Give the last run's result where nothing has changed since; ``None`` otherwise.

    The vault's log and its list of batches say that this run was.
    """
    if request.redo is Redo.ALL or request.pick != EVERY_CASE or not is_current(request.vault):
        return None
    if is_locked(Layout(request.out)):
        return None
    with hold_for_a_run(request.vault):
        kept = _kept(request.vault)
        if kept.get("scene") != _scene(look_at(request, trial), stamps_below(request.out)):
            return None
        with open_vault(request.vault, key_file=request.key_file, command="run") as vault:
            if kept.get("vault") != vault.state():
                return None
            made_with = (version("corelab"), trial.trial.id, trial.digest)
            number = vault.start_batch(made_with, request.out)
            last = _LAST.validate_python(kept)
            counts = dataclasses.asdict(last.counts)
            vault.end_batch(Batch(number=number, delivery=last.delivery, counts=counts))
            return _result_of(last, request)


def keep_result(received: Received, result: BatchResult, delivery: int, vault: Vault) -> None:
    """Keep what a run ends with, if the next one may take it as it is.

    Parameters
    ----------
    received
        As it was before the run read anything.
    result, delivery
        The result, and the number of the delivery in the vault.
    vault
        Where the audit remembers which files of OUT it found clean.
    """
    request = received.request
    path, out = request.vault / LAST_RESULT, stamps_below(request.out)
    path.unlink(missing_ok=True)
    files = {str(p.relative_to(request.out)): s for p, s in out.items() if not p.is_dir()}
    may_pass = any(problem.reason_code in _MAY_PASS for problem in result.problems)
    is_sure = not vault.is_changed_by_others and files == clean_files(vault)
    if may_pass or not is_sure or result.pending or request.pick != EVERY_CASE:
        return
    record: dict[str, Json] = {
        "scene": _scene(received, out),
        "vault": vault.state(),
        "delivery": delivery,
        "counts": dict(dataclasses.asdict(result.counts)),
        "cases": [[read.subject_code, read.visit] for read in result.reads],
        "notes": list(result.notes),
        "problems": [dict(dataclasses.asdict(problem)) for problem in result.problems],
    }
    write_private(path, json_text(record))


def _kept(vault: Path) -> dict[str, Json]:
    try:
        return read_json(vault / LAST_RESULT)
    except StoreError:
        return {}


def _result_of(last: _Last, request: BatchRequest) -> BatchResult:
    layout = Layout(request.out)
    reads = tuple(load_read(layout.read(Case(code, visit))) for code, visit in last.cases)
    return BatchResult(
        counts=last.counts,
        changed=(),
        reads=reads,
        problems=last.problems,
        notes=last.notes,
        new_keys=frozenset(),
        vault=request.vault,
        changes=(Change.UNCHANGED,) * len(reads),
    )


def _scene(received: Received, out: Mapping[Path, str]) -> str:
    """Digest of all that a run goes by, the vault's database apart."""
    request = received.request
    folders = (digest_of(out, request.out), _vault_folder(request.vault))
    return hashlib.sha256(
        "\n".join((received.asked, received.delivery, *folders)).encode()
    ).hexdigest()


def _vault_folder(vault: Path) -> str:
    """Digest of what lies beside the vault's database: records of cases, reports, withdrawn."""
    own = tuple(str(vault / name) for name in _OWN_FILES)
    return digest_of(
        {p: s for p, s in stamps_below(vault).items() if not str(p).startswith(own)}, vault
    )


def _asked(request: BatchRequest, trial: Trial) -> str:
    """Digest of a request, of the settings and subjects that it names, and of the software."""
    named = dataclasses.replace(
        request,
        incoming=request.incoming.resolve(),
        out=request.out.resolve(),
        vault=request.vault.resolve(),
        redo=Redo.CHANGED,
    )
    subjects = request.subjects_file.read_bytes() if request.subjects_file else b""
    listed = f"{named!r} {trial.digest} {hashlib.sha256(subjects).hexdigest()}"
    return text_digest((listed, *_software()))


def _software() -> Iterator[str]:
    """Version and stamps of our own code."""
    yield version("corelab")
    for package in (Path(str(corelab.__file__)).parent, Path(__file__).parent):
        for path in package.rglob("*.*"):
            if path.suffix != ".pyc":
                yield f"{path} {stamp_of(path)}"
