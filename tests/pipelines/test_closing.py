from __future__ import annotations

import dataclasses
from pathlib import Path

from corelab.vocab import SubjectCode
from pipelines.closing import BatchResult, without
from pipelines.delivered import Counts
from pipelines.withdrawal import Withdrawn
from tests.store.conftest import READ

COUNTS = Counts(n_files=2, n_used=2, n_not_needed=0, n_duplicate=0, n_quarantined=0, n_skipped=0)


def test_a_case_that_was_moved_counts_neither_as_new_nor_as_changed() -> None:
    kept = dataclasses.replace(READ, case_key="kept")
    gone = dataclasses.replace(READ, subject_code=SubjectCode("AB2CD3"), case_key="gone")
    result = BatchResult(
        counts=COUNTS,
        changed=(kept.case, gone.case),
        reads=(kept, gone),
        problems=(),
        new_keys=frozenset({"kept", "gone"}),
        vault=Path("vault"),
    )
    left = without(result, [Withdrawn(case=gone.case, message="found", evidence="")])
    assert (left.reads, left.changed, left.new_keys) == ((kept,), (kept.case,), {"kept"})
    assert [(p.subject_code, p.reason_code) for p in left.problems] == [("AB2CD3", "leak_found")]
