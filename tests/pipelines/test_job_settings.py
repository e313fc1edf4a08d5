from __future__ import annotations

from pathlib import Path

import pytest

from corelab.errors import ConfigError
from pipelines.job_settings import JobSettings, load_job_settings
from pipelines.queueing import QueueSystem
from tests.conftest import REPOSITORY


def written(folder: Path, text: str) -> Path:
    path = folder / "cluster.toml"
    path.write_text(text)
    return path


def test_the_example_is_read_and_every_key_of_it_is_said() -> None:
    path = REPOSITORY / "configs" / "cluster-slurm.toml"
    settings = load_job_settings(path, QueueSystem.SLURM)
    assert (settings.jobs, settings.memory_gib, settings.walltime_h) == (16, 4.0, 12.0)
    assert (settings.queue, settings.account) == ("night", "stroke-trials")
    assert settings.prologue == ("module load python/3.11",)
    told = {line.removeprefix("# ").partition(" = ")[0] for line in path.read_text().splitlines()}
    assert set(JobSettings.model_fields) - {"disk_gib"} <= told


def test_without_a_file_the_defaults_hold() -> None:
    assert load_job_settings(None, QueueSystem.PBS) == JobSettings()


def test_every_fault_comes_at_once_with_the_nearest_key(tmp_path: Path) -> None:
    text = 'jobs = 0\nmemory = 4.0\nwalltime_h = "12"\nqueue = "a b"\ndirectives = ["x\\ny"]\n'
    with pytest.raises(ConfigError) as caught:
        load_job_settings(written(tmp_path, text), QueueSystem.SLURM)
    faults = {fault.key: fault for fault in caught.value.faults}
    assert set(faults) == {"jobs", "memory", "walltime_h", "queue", "directives.0"}
    assert faults["memory"].nearest == "memory_gib"


@pytest.mark.parametrize("key", ["python", "log_folder", "key_folder", "scratch_folder"])
@pytest.mark.parametrize("place", ["here/bin", "/a; rm -r b", "/a b", "/$(id)", "/`id`"])
def test_a_place_that_a_shell_would_take_apart_is_a_fault(
    key: str, place: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=key):
        load_job_settings(written(tmp_path, f"{key} = '{place}'\n"), QueueSystem.SLURM)


def test_what_htcondor_has_no_word_for_is_a_fault(tmp_path: Path) -> None:
    text = 'queue = "night"\ndirectives = ["Rank = Memory", "--nice=100", "nice"]\n'
    with pytest.raises(ConfigError) as caught:
        load_job_settings(written(tmp_path, text), QueueSystem.HTCONDOR)
    assert [fault.key for fault in caught.value.faults] == ["queue", "directives.1", "directives.2"]
    load_job_settings(written(tmp_path, text), QueueSystem.SLURM)
