from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corelab.blinding.subjects import load_subjects
from corelab.blinding.vault import open_vault
from corelab.dicom.index import index
from corelab.series import CasePlan
from corelab.settings import settings_of
from corelab.trial import Trial, load_trial
from corelab.vocab import Modality
from pipelines.case import CaseTask
from pipelines.engine import Engine, open_engine
from pipelines.followup import plan_batch
from tests.pipelines.runs import Zygote, zygote
from tests.pipelines.tiny_delivery import write_delivery

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with open_engine(n_workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def demo_trial() -> Trial:
    return load_trial(REPOSITORY / "configs" / "demo.toml")


@pytest.fixture(scope="session")
def dwi_plan(demo_trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> CasePlan:
    """One DWI case of the sample: quick to measure."""
    crosswalk = load_subjects(SAMPLE / "subjects.csv")
    with open_vault(tmp_path_factory.mktemp("vault")) as vault:
        plan = plan_batch(index(SAMPLE / "incoming"), demo_trial, crosswalk, vault)
    return next(case for case in plan.cases if case.modality is Modality.DWI)


@pytest.fixture
def dwi_task(dwi_plan: CasePlan, demo_trial: Trial, tmp_path: Path) -> CaseTask:
    """What a worker gets of the DWI case."""
    return CaseTask(
        plan=dwi_plan,
        out=tmp_path,
        settings=settings_of(demo_trial, dwi_plan),
        config_digest=demo_trial.digest,
        software_version="1",
        case_minutes=20.0,
    )


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny cases, and room for what runs make of them."""
    folder = tmp_path_factory.mktemp("delivery")
    write_delivery(folder, 2)
    return folder


@pytest.fixture(scope="module")
def start(delivery: Path) -> Iterator[Zygote]:
    """Starts runs on them quickly; ``log`` beside them holds what they say."""
    with zygote(delivery / "log") as running:
        yield running
