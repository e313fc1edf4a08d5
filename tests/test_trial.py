from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from corelab.errors import ConfigError
from corelab.trial import Trial, load_trial
from corelab.vocab import Modality, VisitLabel

CONFIGS = Path(__file__).parents[1] / "configs"
TRIAL = CONFIGS / "nct07294391.toml"


@pytest.fixture(scope="module")
def trial() -> Trial:
    return load_trial(TRIAL)


def faults(tmp_path: Path, *changes: tuple[str, str]) -> dict[str, str]:
    text = TRIAL.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "trial.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_trial(path)
    return {fault.key: str(fault) for fault in caught.value.faults}


def test_the_trial_is_the_registered_one(trial: Trial) -> None:
    facts = trial.trial
    assert (facts.id, facts.phase, facts.sites, facts.enrolment) == ("NCT07294391", "IIa", 2, 60)
    assert (facts.allocation_ratio, facts.masking) == ("1:1", "open label")


def test_visits_have_the_protocols_windows(trial: Trial) -> None:
    assert [visit.label for visit in trial.visits] == ["baseline", "fu24h", "fu_late"]
    assert trial.visit_at(24.0) == "fu24h"
    assert trial.visit_at(18.0) == "fu24h"
    assert trial.visit_at(31.0) is None
    assert trial.visit_at(6 * 24.0) == "fu_late"
    follow_up = trial.visit(VisitLabel("fu24h"))
    assert follow_up is not None
    assert follow_up.modalities == (Modality.DWI, Modality.NCCT)


def test_readers_disagree_by_5_ml_or_20_percent(trial: Trial) -> None:
    assert (trial.reads.readers, trial.reads.discrepancy_ml) == (2, 5.0)
    assert trial.reads.discrepancy_share == 0.2


READERS = 'names = ["ada", "ben"]\nadjudicators = ["cleo"]'


def with_reads(tmp_path: Path, *lines: str) -> Path:
    """The trial with nothing but its three old keys and these lines under [reads]."""
    before, _, _ = TRIAL.read_text("utf-8").partition("[reads]")
    old = "[reads]\nreaders = 2\ndiscrepancy_ml = 5.0\ndiscrepancy_share = 0.2\n"
    path = tmp_path / "reads.toml"
    path.write_text(before + old + "\n".join(lines), "utf-8")
    return path


def test_a_trial_file_of_before_the_reading_room_stays_valid_with_its_digest(
    trial: Trial, tmp_path: Path
) -> None:
    old = load_trial(with_reads(tmp_path))
    assert old == trial
    assert old.digest == trial.digest
    reads = old.reads
    assert (reads.names, reads.adjudicators, reads.repeat_share) == ((), (), 0.10)
    assert (reads.discrepancy_dice, reads.discrepancy_dice_above_ml) == (0.6, 5.0)
    assert (reads.agreeing, reads.automatic_volume) == ("mean", "hidden")
    assert reads.needs_release is False


def test_how_cases_are_read_changes_no_digest(trial: Trial, tmp_path: Path) -> None:
    path = with_reads(tmp_path, READERS, "repeat_share = 0.2", 'agreeing = "first"')
    assert load_trial(path).digest == trial.digest
    assert load_trial(path).reads.names == ("ada", "ben")


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        ("names = ['ada']", "reads", "at least 2 names"),
        ("names = ['ada', 'ada']", "reads", "names with each person once"),
        (f"{READERS.replace('cleo', 'ben')}", "reads", "as ben would"),
        ("adjudicators = ['cleo']", "reads", "names where there are adjudicators"),
        ("names = ['Ada B.', 'ben']", "reads.names.0", "pattern"),
        ("repeat_share = 1.1", "reads.repeat_share", "less than or equal to 1"),
        ("discrepancy_dice = -0.1", "reads.discrepancy_dice", "greater than or equal to 0"),
        ("discrepancy_dice_above_ml = nan", "reads.discrepancy_dice_above_ml", "finite"),
        ("agreeing = 'median'", "reads.agreeing", "'mean' or 'first'"),
        ("automatic_volume = 'later'", "reads.automatic_volume", "'hidden' or 'shown'"),
        ("needs_release = 1", "reads.needs_release", "boolean"),
        ("adjudicator = ['cleo']", "reads.adjudicator", "did you mean 'adjudicators'"),
    ],
)
def test_a_fault_in_the_reading_rules_is_named(
    tmp_path: Path, lines: str, key: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_trial(with_reads(tmp_path, lines))
    (fault,) = caught.value.faults
    assert fault.key == key
    assert expected in str(fault)


def test_an_adjudicator_may_read_where_others_can_read_the_rest(tmp_path: Path) -> None:
    path = with_reads(tmp_path, 'names = ["ada", "ben", "cleo"]', 'adjudicators = ["cleo"]')
    assert load_trial(path).reads.adjudicators == ("cleo",)


def test_how_long_a_case_may_take_is_bounded_and_changes_no_digest(
    trial: Trial, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    text = TRIAL.read_text("utf-8")
    other.write_text(text.replace("[limits]", "[limits]\ncase_minutes = 45", 1))
    assert trial.limits.case_minutes == 20.0
    assert load_trial(other).limits.case_minutes == 45.0
    assert load_trial(other).digest == trial.digest
    for wrong in ("0", "'long'", "1441"):
        found = faults(tmp_path, ("[limits]", f"[limits]\ncase_minutes = {wrong}"))
        assert list(found) == ["limits.case_minutes"]


TRIALS = sorted(path for path in CONFIGS.glob("*.toml") if not path.name.startswith("cluster-"))


@pytest.mark.parametrize("path", TRIALS, ids=lambda path: path.stem)
def test_every_trial_is_valid(path: Path) -> None:
    assert load_trial(path).trial.id


def field_names(model: type[BaseModel]) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(name)
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                names |= field_names(inner)
            names |= set(getattr(inner, "_fields", ()))
    return names


def test_no_field_could_hold_a_treatment_arm() -> None:
    names = field_names(Trial)
    assert {"visits", "readers", "sponsor"} <= names
    words = ("arm", "treatment", "group", "drug", "dose", "intervention", "randomi", "assignment")
    assert [name for name in names if any(word in name for word in words)] == []


def test_every_fault_comes_at_once_with_the_nearest_key(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ("readers = 2", "reader = 2"),
        ("sites = 2", 'sites = "two"'),
        ("discrepancy_share = 0.20", "discrepancy_share = 20"),
        ("coverage_min_mm = 100.0", "coverage_min_mm = -1"),
    )
    assert "did you mean 'readers'" in found["reads.reader"]
    assert found["reads.readers"] == "reads.readers: found nothing, expected a value"
    assert "found 'two', expected a valid integer" in found["trial.sites"]
    assert "found 20, expected less than or equal to 1" in found["reads.discrepancy_share"]
    assert "found -1, expected greater than 0" in found["limits.dwi.coverage_min_mm"]


def test_a_misspelt_method_parameter_is_named(tmp_path: Path) -> None:
    name = next(iter(Trial.model_fields["methods"].default.ncct._fields))
    found = faults(tmp_path, ("[reads]", f"[methods.ncct]\n{name}x = 1.0\n\n[reads]"))
    assert f"did you mean '{name}'" in found[f"methods.ncct.{name}x"]


def test_an_arm_in_the_file_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, ("sites = 2", 'sites = 2\narm = "albumin"'))
    assert "unknown key" in found["trial.arm"]


def test_overlapping_windows_are_named(tmp_path: Path) -> None:
    found = faults(tmp_path, ("latest_h = 30.0", "latest_h = 130.0"))
    assert "'fu24h' and 'fu_late' overlap" in next(iter(found.values()))


@pytest.mark.parametrize("content", ["trial = [", "\x00"])
def test_text_that_is_no_toml_is_one_fault(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match="not TOML"):
        load_trial(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_trial(tmp_path / "absent.toml")


def test_the_digest_follows_the_settings_not_the_comments(tmp_path: Path, trial: Trial) -> None:
    same = tmp_path / "same.toml"
    same.write_text("# a comment\n" + TRIAL.read_text("utf-8"), encoding="utf-8")
    other = tmp_path / "other.toml"
    other.write_text(TRIAL.read_text("utf-8").replace("readers = 2", "readers = 3"), "utf-8")
    assert load_trial(same).digest == trial.digest
    assert load_trial(other).digest != trial.digest


def test_one_wrong_item_is_one_fault_and_not_also_a_short_list(tmp_path: Path) -> None:
    found = faults(tmp_path, ('modalities = ["DWI", "NCCT"]', 'modalities = ["DVI"]'))
    assert list(found) == ["visits.0.modalities.0"]


def test_text_and_truth_values_are_no_numbers(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ("discrepancy_ml = 5.0", "discrepancy_ml = true"),
        ("earliest_h = 18.0", 'earliest_h = "18"'),
    )
    assert set(found) == {"reads.discrepancy_ml", "visits.1.earliest_h"}


def test_a_b_value_range_the_wrong_way_round_is_named(tmp_path: Path) -> None:
    found = faults(tmp_path, ("b_value_min_s_mm2 = 800.0", "b_value_min_s_mm2 = 1800.0"))
    assert "b_value_min_s_mm2 below b_value_max_s_mm2" in found["limits.dwi"]


def test_lossy_pixels_are_not_allowed_unless_the_trial_says_so(
    tmp_path: Path, trial: Trial
) -> None:
    assert not trial.limits.lossy_pixels_allowed
    text = TRIAL.read_text("utf-8")
    silent, open_ = tmp_path / "silent.toml", tmp_path / "open.toml"
    silent.write_text(text.replace("lossy_pixels_allowed = false", ""), "utf-8")
    open_.write_text(text.replace("lossy_pixels_allowed = false", "lossy_pixels_allowed = true"))
    assert load_trial(silent).digest == trial.digest
    assert load_trial(open_).limits.lossy_pixels_allowed
    assert load_trial(open_).digest != trial.digest


def test_a_word_is_no_answer_to_whether_lossy_pixels_are_allowed(tmp_path: Path) -> None:
    found = faults(tmp_path, ("lossy_pixels_allowed = false", 'lossy_pixels_allowed = "yes"'))
    assert list(found) == ["limits.lossy_pixels_allowed"]


def test_growth_is_counted_from_the_earliest_visit_however_the_file_lists_them(
    trial: Trial,
) -> None:
    assert trial.visit_order == ("baseline", "fu24h", "fu_late")
    turned = trial.model_copy(update={"visits": trial.visits[::-1]})
    assert turned.visit_order == trial.visit_order
