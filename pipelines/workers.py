"""Who does the work of a command, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from corelab.errors import StoreError
from pipelines.dashboard import Dashboard, is_absent
from pipelines.engine import Engine, open_engine
from pipelines.job_settings import load_job_settings
from pipelines.jobqueue import open_jobs
from pipelines.log import tell
from pipelines.progress import Watcher, watcher_for
from pipelines.queueing import QueueSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who does the work: local processes, those of a running scheduler, or jobs of a cluster."""

    count: int | None
    scheduler: str | None
    cluster: QueueSystem | None = None
    job_file: Path | None = None
    dashboard: Dashboard = Dashboard.OFF

    @property
    def are_elsewhere(self) -> bool:
        """Whether they stand in folders of their own, and see other disks."""
        return self.scheduler is not None or self.cluster is not None


@contextmanager
def at_work(workers: Workers) -> Iterator[tuple[Engine, Watcher]]:
    """Workers, and a watcher on the terminal."""
    with (
        _engine_of(workers) as engine,
        watcher_for(Console(stderr=True)) as watcher,
    ):
        if workers.dashboard is Dashboard.ON_LOOPBACK:
            _tell_dashboard(engine.dashboard_link)
        yield engine, watcher


def _engine_of(workers: Workers) -> AbstractContextManager[Engine]:
    if workers.cluster is None:
        return open_engine(
            n_workers=workers.count, scheduler=workers.scheduler, dashboard=workers.dashboard
        )
    settings = load_job_settings(workers.job_file, workers.cluster)
    if workers.count is not None:
        settings = settings.model_copy(update={"jobs": workers.count})
    return open_jobs(workers.cluster, settings, workers.dashboard)


def _tell_dashboard(link: str) -> None:
    """Say where the dashboard is.

    Raises
    ------
    StoreError
        When a scheduler elsewhere serves none.
    """
    if not link or is_absent(link):
        raise StoreError("the scheduler serves no dashboard; start it with one, or ask for none")
    tell("dashboard", f"dashboard: {link}", {"address": link})
