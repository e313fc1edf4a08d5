"""What of a trial touches which case: a changed parameter redoes these cases and no others."""

from __future__ import annotations

import ast
import dataclasses
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from corelab.series import CasePlan
from corelab.settings import CaseSettings, settings_of
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Modality, QcFlag, SubjectCode, VisitLabel
from pipelines.case import CaseTask

REPOSITORY = Path(__file__).parents[1]
STAGES_OF_A_CASE = ("convert", "segment", "measure", "read", "overlay", "deface")
TRIAL = load_trial(REPOSITORY / "configs" / "demo.toml")


def plan(modality: Modality, visit: str, **more: object) -> CasePlan:
    case = Case(SubjectCode("AB2CD3"), VisitLabel(visit))
    fields: dict[str, typing.Any] = {"images": (), "choice": "", "flags": (), **more}
    return CasePlan(case=case, modality=modality, **fields)


PLANS = {
    "ct": plan(Modality.NCCT, "fu24h"),
    "lossy ct": plan(Modality.NCCT, "fu24h", flags=(QcFlag.LOSSY_PIXELS,)),
    "dwi": plan(Modality.DWI, "fu24h"),
    "late dwi": plan(Modality.DWI, "fu_late"),
    "dwi of known hours": plan(Modality.DWI, "fu24h", hours_from_reference=24.0),
    "dwi by order": plan(Modality.DWI, "v1"),
}
CT = {"ct", "lossy ct"}
DWI = set(PLANS) - CT
# The rest touches how series are chosen, which the plan of a case tells, or readers.
TOUCHED = {
    ("trial", "id"): set(PLANS),
    ("limits", "lossy_pixels_allowed"): {"lossy ct"},
    ("methods", "ncct"): CT,
    ("methods", "dwi"): DWI,
    ("visits", "fu24h", "earliest_h"): {"dwi"},
    ("visits", "fu24h", "latest_h"): {"dwi"},
    ("visits", "fu_late", "earliest_h"): {"late dwi"},
    ("visits", "fu_late", "latest_h"): {"late dwi"},
}
Place = tuple[str, ...]


def changed(value: object) -> object:
    """Another value of the same kind; models are made without being checked."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "X"
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        name = value._fields[0]
        return value._replace(**{name: changed(getattr(value, name))})
    if isinstance(value, tuple):
        return value[::-1] if len(value) > 1 else ()
    return 1.0


def variants(model: BaseModel) -> typing.Iterator[tuple[Place, BaseModel]]:
    """Each copy of a trial, or of a table in it, with one setting changed."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            for place, other in variants(value):
                yield (name, *place), model.model_copy(update={name: other})
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, part in enumerate(value):
                for place, other in variants(part):
                    parts = (*value[:number], other, *value[number + 1 :])
                    yield (name, part.label, *place), model.model_copy(update={name: parts})
        elif hasattr(value, "_replace"):
            for field in value._fields:
                other = value._replace(**{field: changed(getattr(value, field))})
                yield (name, field), model.model_copy(update={name: other})
        else:
            yield (name,), model.model_copy(update={name: changed(value)})


def touched_by(trial: Trial) -> set[str]:
    return {
        name
        for name, of_case in PLANS.items()
        if settings_of(trial, of_case).digest != settings_of(TRIAL, of_case).digest
    }


def expected(place: Place) -> set[str]:
    """What the longest known beginning of a place touches."""
    if place == ("methods", "dwi", "hours_from_onset"):
        return DWI
    starts = (place[:length] for length in range(len(place), 0, -1))
    return next((TOUCHED[start] for start in starts if start in TOUCHED), set())


VARIANTS = dict(variants(TRIAL))


@pytest.mark.parametrize("place", VARIANTS, ids=".".join)
def test_a_changed_parameter_touches_exactly_its_cases(place: Place) -> None:
    trial = VARIANTS[place]
    assert isinstance(trial, Trial)
    found = touched_by(trial)
    if place[-1] == "label":
        # A visit of another name has no window here; its cases have another plan anyway.
        assert found <= DWI
        return
    assert found == expected(place)


def test_every_kind_of_setting_was_changed() -> None:
    tables = {place[0] for place in VARIANTS}
    assert tables == set(Trial.model_fields)
    assert all(any(place[: len(known)] == known for place in VARIANTS) for known in TOUCHED)


def test_another_trial_file_of_the_same_settings_has_the_same_digest() -> None:
    again = load_trial(REPOSITORY / "configs" / "demo.toml")
    for of_case in PLANS.values():
        assert settings_of(again, of_case) == settings_of(TRIAL, of_case)
        assert settings_of(again, of_case).digest == settings_of(TRIAL, of_case).digest


def test_every_field_of_a_cases_settings_is_in_its_digest() -> None:
    settings = settings_of(TRIAL, PLANS["ct"])
    for field in dataclasses.fields(CaseSettings):
        other = changed(getattr(settings, field.name))
        one = dataclasses.replace(settings, **{field.name: other})
        assert one.digest != settings.digest, field.name


def test_a_worker_gets_no_other_setting_than_those_of_its_case() -> None:
    """So a stage cannot read what the key of its case does not hold."""
    hints = typing.get_type_hints(CaseTask)
    assert hints["settings"] is CaseSettings
    known = {"plan", "out", "settings", "config_digest", "software_version", "known", "last_key"}
    assert set(hints) == known | {"past", "face", "digests", "redo", "case_minutes"}
    sources = [REPOSITORY / "corelab" / "stages" / f"{name}.py" for name in STAGES_OF_A_CASE]
    for path in [*sources, REPOSITORY / "pipelines" / "case.py"]:
        names = {
            name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in [getattr(node, "module", ""), *(alias.name for alias in node.names)]
        }
        assert not {"corelab.trial", "Trial", "load_trial"} & names, path.name
