from __future__ import annotations

import pickle

from corelab.errors import ConfigError, Fault, ReasonCode, UnfitDataError


def test_evidence_is_kept_out_of_the_message() -> None:
    error = UnfitDataError(ReasonCode.SPACING_INVALID, "spacing is no number", evidence="0,488")
    assert "0,488" not in str(error)
    assert str(error) == "spacing_invalid: spacing is no number"


def test_an_unfit_error_survives_the_way_back_from_a_worker() -> None:
    error = UnfitDataError(ReasonCode.MISSING_SLICE, "gap of 10 mm", evidence="/site/a.dcm")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.reason, again.message, again.evidence) == (
        error.reason,
        error.message,
        error.evidence,
    )


def test_a_config_error_lists_every_fault_with_the_nearest_key() -> None:
    faults = (
        Fault(
            key="reads.reader", found="an unknown key", expected="a known one", nearest="readers"
        ),
        Fault(key="trial.sites", found="0", expected="at least 1"),
    )
    text = str(ConfigError("x.toml", faults))
    assert text.splitlines() == [
        "x.toml has 2 faults:",
        "  reads.reader: found an unknown key, expected a known one; did you mean 'readers'?",
        "  trial.sites: found 0, expected at least 1",
    ]
