"""The command line: options to one use case, its result to text and an exit status.

Heavy libraries are imported inside the command that needs them, so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
from collections.abc import Container, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.ledger_cli import ledger_app
from pipelines.log import LogFormat, log_as
from pipelines.places import LAST_RESULT
from pipelines.qa_cli import qa_app
from pipelines.queueing import QueueSystem
from pipelines.reads_cli import reads_app
from pipelines.users_cli import ByFile, users_app
from pipelines.vault_cli import KeyFile, vault_app
from pipelines.worker_server import start_worker_server

app = typer.Typer(
    name="corelab",
    help="Open imaging core lab for infarct volume: head CT and MRI DICOM in, blinded mL out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(vault_app, name="vault")
app.add_typer(users_app, name="users")
app.add_typer(ledger_app, name="ledger")
app.add_typer(reads_app, name="reads")
app.add_typer(qa_app, name="qa")

EXIT_PROBLEMS = 1
EXIT_USAGE = 2
EXIT_INCIDENT = 3
EXIT_INTERRUPTED = 130
_TO_RUN = "INCOMING or --watch"
_OBJECTS_UNTIL_COLLECTED = 50_000


class StatusFormat(StrEnum):
    """How ``corelab status`` is written."""

    TEXT = "text"
    JSON = "json"


class TableForm(StrEnum):
    """Forms of tables that ``corelab tables`` writes."""

    CSV = "csv"
    PARQUET = "parquet"
    XPT = "xpt"
    DATASET_JSON = "dataset-json"
    SQLITE = "sqlite"
    ALL = "all"


class WhichMask(StrEnum):
    """Whose mask of a case ``corelab export-dicom`` writes."""

    ACCEPTED = "accepted"
    AUTOMATIC = "automatic"


class ReviewRole(StrEnum):
    """Whose room ``corelab review`` opens; a data manager works on the command line."""

    READER = "reader"
    QA = "qa"
    STATISTICIAN = "statistician"


LogOption = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Standard error: for people, or a JSON object a line."),
]
Incoming = Annotated[
    Path, typer.Argument(exists=True, help="What a site sent: a folder or an archive.")
]
Out = Annotated[Path, typer.Argument(help="The blinded output folder.", file_okay=False)]
TrialFile = Annotated[Path, typer.Option("--trial", help="The trial file (configs/*.toml).")]


@app.command()
def run(
    context: typer.Context,
    trial: TrialFile,
    out: Annotated[Path, typer.Option("--out", help="Where blinded results go.")],
    incoming: Annotated[
        Path | None,
        typer.Argument(exists=True, help="What a site sent: a folder or an archive."),
    ] = None,
    subjects: Annotated[
        Path | None,
        typer.Option(
            help="CSV: patient_id, subject_code; optional visit, study_instance_uid, "
            "reference_time."
        ),
    ] = None,
    vault: Annotated[
        Path | None, typer.Option(help="Identified side; default: beside OUT, named OUT-vault.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a core.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A running Dask scheduler.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen.")] = False,
    deface: Annotated[
        bool,
        typer.Option(
            "--deface/--keep-face",
            help="Release images without the face, where every infarct is proved the same.",
        ),
    ] = False,
    vault_key: KeyFile = None,
    cluster: Annotated[
        QueueSystem | None, typer.Option(help="Start workers as jobs of this system.")
    ] = None,
    cluster_config: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="What each job asks for (configs/cluster-slurm.toml)."),
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve Dask's dashboard to this machine alone.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure unchanged cases too.")] = False,
    only: Annotated[
        str | None, typer.Option(help="Measure these subject codes only: CODE[,CODE].")
    ] = None,
    visit: Annotated[str | None, typer.Option(help="Measure this visit only.")] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Instead of INCOMING: run each delivery in this folder once it has arrived.",
        ),
    ] = None,
    settle_minutes: Annotated[
        float, typer.Option(min=0, help="With --watch: nothing changed for so long.")
    ] = 10.0,
    log_format: LogOption = LogFormat.TEXT,
) -> None:
    """Run a delivery: DICOM in, blinded infarct volumes out."""
    if scheduler and cluster:
        raise typer.BadParameter("one of --scheduler and --cluster")
    if cluster_config and not cluster:
        raise typer.BadParameter("--cluster-config says how --cluster asks for its jobs")
    vault = vault or out.resolve().with_name(out.resolve().name + "-vault")
    # A delivery is a million objects that stay: to look for garbage among them again and again
    # takes a tenth of the time until the first case.
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTED)
    if not (watch or scheduler or cluster or (vault / LAST_RESULT).exists()):
        # It imports beside this process, which has a second of that before it.
        start_worker_server()
    from pipelines.case import Face, Redo
    from pipelines.dashboard import Dashboard
    from pipelines.pick import pick_of
    from pipelines.request import BatchRequest
    from pipelines.run_command import plan_command, run_command
    from pipelines.workers import Workers

    if (incoming is None) is (watch is None):
        found = "neither" if incoming is None else "both"
        raise typer.BadParameter(f"found {found}, expected one of them", param_hint=_TO_RUN)
    if watch and (dry_run or fresh or only or visit):
        told = "--dry-run, --fresh, --only and --visit go with INCOMING, not with --watch"
        raise typer.BadParameter(told, param_hint=_TO_RUN)
    request = BatchRequest(
        incoming=incoming or watch or Path(),
        trial_file=trial,
        out=out,
        subjects_file=subjects,
        vault=vault,
        face=Face.REMOVED if deface else Face.KEPT,
        key_file=vault_key,
        redo=Redo.ALL if fresh else Redo.CHANGED,
        pick=pick_of(only, visit),
    )
    command = plan_command if dry_run else run_command
    at_work = Workers(
        count=workers,
        scheduler=scheduler,
        cluster=cluster,
        job_file=cluster_config,
        dashboard=Dashboard.ON_LOOPBACK if dashboard else Dashboard.OFF,
    )
    with log_as(log_format):
        if watch:
            from pipelines.watch import WatchRequest, watch_command

            options = tuple(_options_of(context, without={"watch", "settle_minutes"}))
            settle_s = settle_minutes * 60
            raise typer.Exit(
                watch_command(WatchRequest(batch=request, settle_s=settle_s, options=options))
            )
        status = command(request, at_work)
    raise typer.Exit(status)


@app.command()
def inspect(
    incoming: Incoming,
    trial: Annotated[
        Path | None, typer.Option("--trial", help="Judge by this trial's rules.")
    ] = None,
) -> None:
    """Show what is here: studies, series, geometry, what would be used and why (unblinded)."""
    from pipelines.command import inspect_command

    raise typer.Exit(inspect_command(incoming, trial))


@app.command()
def convert(
    incoming: Incoming,
    out: Out,
    subjects: Annotated[
        Path | None,
        typer.Option(help="CSV: patient_id, subject_code; optional visit, study_instance_uid."),
    ] = None,
    equidistant: Annotated[
        bool,
        typer.Option(
            "--equidistant/--keep-geometry",
            help="Also a straightened copy of tilted and uneven stacks, for viewers.",
        ),
    ] = False,
    head_only: Annotated[
        bool,
        typer.Option(
            "--head-only/--keep-surroundings",
            help="Turn all around the head into air, as run does: table, holder, corners.",
        ),
    ] = False,
    list_file: Annotated[
        Path | None,
        typer.Option("--list", dir_okay=False, help="CSV: who each image is (identified)."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a core.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A running Dask scheduler.")] = None,
) -> None:
    """Convert a delivery to blinded NIfTI with sidecars, without a trial (screen: unblinded)."""
    from pipelines.command import convert_command
    from pipelines.convert import ConvertRequest, Geometry, Surroundings
    from pipelines.workers import Workers

    request = ConvertRequest(
        incoming=incoming,
        out=out,
        subjects_file=subjects,
        list_file=list_file,
        geometry=Geometry.EQUIDISTANT if equidistant else Geometry.KEEP,
        surroundings=Surroundings.CLEAR if head_only else Surroundings.KEEP,
    )
    raise typer.Exit(convert_command(request, Workers(count=workers, scheduler=scheduler)))


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CT or DWI NIfTI.")],
    out: Annotated[Path, typer.Option("--out", help="Where mask, read and mosaic go.")],
    adc: Annotated[Path | None, typer.Option(exists=True, help="ADC, any unit.")] = None,
    b0: Annotated[Path | None, typer.Option(exists=True, help="b0 on the DWI's grid.")] = None,
    bvalue: Annotated[
        float | None, typer.Option(min=1, help="s/mm2; says that IMAGE is a DWI.")
    ] = None,
    flair: Annotated[
        Path | None, typer.Option(exists=True, help="FLAIR, any grid; has a say after day 3.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Hours from onset to the DWI.")] = None,
) -> None:
    """Segment one NIfTI image without a trial: a CT, or a DWI with --bvalue."""
    from pipelines.command import segment_command
    from pipelines.single import SegmentRequest

    request = SegmentRequest(
        image=image,
        out=out,
        adc=adc,
        b0=b0,
        b_value_s_mm2=bvalue,
        flair=flair,
        hours_from_onset=hours,
    )
    raise typer.Exit(segment_command(request))


@app.command()
def audit(
    out: Out,
    vault: Annotated[Path, typer.Option("--vault", exists=True, help="The identified side.")],
    vault_key: KeyFile = None,
) -> None:
    """Prove that nothing identifying crossed: exit 1 with where, not what, on a hit."""
    from pipelines.command import audit_command

    raise typer.Exit(audit_command(out, vault, vault_key))


@app.command("export-dicom")
def export_dicom(
    codes: Annotated[
        list[str], typer.Argument(metavar="CODE...", help="Subjects whose cases are written.")
    ],
    out: Annotated[Path, typer.Option("--out", exists=True, help="The blinded output folder.")],
    vault: Annotated[Path, typer.Option("--vault", exists=True, help="The identified side.")],
    to: Annotated[
        Path, typer.Option("--to", file_okay=False, help="Where the files go (identified).")
    ],
    visit: Annotated[str | None, typer.Option(help="Only the cases of this visit.")] = None,
    mask: Annotated[
        WhichMask,
        typer.Option(help="What people signed, where it is accepted; or the method's."),
    ] = WhichMask.ACCEPTED,
    vault_key: KeyFile = None,
) -> None:
    """Write masks and volumes as DICOM SEG and SR (unblinded; needs the extra named dicom-out)."""
    from pipelines.dicom_out_command import DicomRequest, export_dicom_command
    from pipelines.pick import pick_of
    from pipelines.vault_command import VaultPlace

    request = DicomRequest(
        out=out,
        vault=VaultPlace(folder=vault, key_file=vault_key),
        folder=to,
        pick=pick_of(",".join(codes), visit),
        mask=mask,
    )
    raise typer.Exit(export_dicom_command(request))


@app.command()
def review(
    out: Out,
    role: Annotated[
        ReviewRole | None,
        typer.Option(help="Whose room: users of this role sign in. Without one: the QA page only."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
    idle_min: Annotated[
        float, typer.Option(min=0.1, max=480, help="Minutes without work until the room locks.")
    ] = 15,
) -> None:
    """Serve the reading room, or without a role the QA page and the mosaics, on 127.0.0.1."""
    from pipelines.review_command import look_command, room_command

    if role is None:
        raise typer.Exit(look_command(out, port))
    raise typer.Exit(room_command(out, role, port=port, idle_min=idle_min))


@app.command()
def status(
    out: Out,
    vault: Annotated[
        Path | None,
        typer.Option(help="Identified side: adds pending and quarantined cases, times."),
    ] = None,
    vault_key: KeyFile = None,
    form: Annotated[
        StatusFormat, typer.Option("--format", help="For people or for programs.")
    ] = StatusFormat.TEXT,
) -> None:
    """Say how far a trial's batches are: done, pending, failed, held back, disk."""
    from pipelines.status_show import status_command

    raise typer.Exit(status_command(out, vault, vault_key, form))


@app.command()
def tables(
    out: Out,
    form: Annotated[
        TableForm | None,
        typer.Option("--format", help="Write OUT/tables in this form too, with a dictionary."),
    ] = None,
) -> None:
    """Rebuild every table and the QA page from the cases' records."""
    from pipelines.tables_command import tables_command

    raise typer.Exit(tables_command(out, form))


@app.command()
def agreement(
    out: Out,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", exists=True, help="subject_code,visit,infarct_volume_ml"),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Bland-Altman plot, PNG.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Folder of the report; OUT/agreement.")
    ] = None,
) -> None:
    """Compare readers, and measured with reference volumes: bias, limits, ICC, a report."""
    from pipelines.agreement_command import agreement_command

    raise typer.Exit(agreement_command(out, reference, plot, report))


@app.command()
def lock(
    out: Out,
    reason: Annotated[str, typer.Option("--reason", help="Why the data are final.")],
    missing_reason: Annotated[
        str, typer.Option(help="Why the cases in problems.csv stay missing.")
    ] = "",
    by: Annotated[str | None, typer.Option(help="The data manager who signs.")] = None,
    by_passphrase_file: ByFile = None,
    vault: Annotated[Path | None, typer.Option(help="Identified side, for the audit.")] = None,
    vault_key: KeyFile = None,
) -> None:
    """Freeze OUT: tables, a signed manifest of every file; refused while anything is open."""
    from pipelines.lock_command import lock_command
    from pipelines.locking import LockRequest
    from pipelines.users_command import Person

    request = LockRequest(
        out=out,
        reason=reason,
        missing_reason=missing_reason,
        vault=vault,
        vault_key=vault_key,
    )
    manager = Person(name=by, passphrase_file=by_passphrase_file) if by else None
    raise typer.Exit(lock_command(request, manager))


@app.command()
def unlock(
    out: Out,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the ledger.")],
    by: Annotated[str, typer.Option("--by", help="Who asks.")],
    second: Annotated[str, typer.Option("--second", help="Who agrees, of another role.")],
    by_passphrase_file: ByFile = None,
    second_passphrase_file: Annotated[
        Path | None,
        typer.Option("--second-passphrase-file", dir_okay=False, help="Of the second, in a file."),
    ] = None,
) -> None:
    """Lift a lock: two people of two roles, both in the ledger."""
    from pipelines.lock_command import unlock_command
    from pipelines.users_command import Person

    first = Person(name=by, passphrase_file=by_passphrase_file)
    other = Person(name=second, passphrase_file=second_passphrase_file)
    raise typer.Exit(unlock_command(out, reason, first, other))


@app.command()
def verify(
    place: Annotated[
        Path, typer.Argument(metavar="LOCK", exists=True, file_okay=False, help="OUT or its lock.")
    ],
) -> None:
    """Say what differs from a lock: files, tables, signature, ledger, each volume anew."""
    from pipelines.lock_command import verify_command

    raise typer.Exit(verify_command(place))


@app.command()
def sample(
    directory: Annotated[Path, typer.Argument(help="Where the delivery is written.")],
    subjects: Annotated[int, typer.Option(min=1, help="How many subjects.")] = 8,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
) -> None:
    """Write a synthetic delivery with known volumes (needs the extra named sample)."""
    from pipelines.command import sample_command

    raise typer.Exit(sample_command(directory, n_subjects=subjects, seed=seed))


def _options_of(context: typer.Context, without: Container[str]) -> Iterator[str]:
    """Options that a command was given, as words of a command line."""
    for option in context.command.params:
        value = context.params.get(option.name or "")
        is_given = value not in {None, option.get_default(context)}
        if option.param_type_name != "option" or option.name in without or not is_given:
            continue
        if isinstance(value, bool):
            yield option.opts[0] if value else option.secondary_opts[0]
        else:
            yield from (option.opts[0], str(value))


def main() -> None:
    """Start the command line."""
    app(prog_name="corelab")
