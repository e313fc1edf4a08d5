"""A furnished OUT with pictures, a QA page, and reads that say what they rest on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from corelab.stages.overlay import overlay
from corelab.stages.publish import publication_from, publish
from corelab.stages.read import files_of
from corelab.store.files import sha256_of, write_json
from corelab.store.layout import Layout
from corelab.store.record import load_read, save_read
from corelab.vocab import Digest, Problem, Read
from tests.review.furnished import TRIAL_ID

VERSION = "0.1.0"
PROBLEM = Problem(subject_code="ZZ9", visit="fu24h", reason_code="missing_slice", message="a gap")


def furnish_qa(out: Path) -> None:
    """Do what a run does at its end."""
    layout = Layout(out)
    write_json(layout.batch, {"trial_id": TRIAL_ID, "software_version": VERSION})
    for path in layout.reads():
        read = with_digests(layout, load_read(path))
        save_read(path, read)
        overlay(read, layout)
    publish(layout, [PROBLEM], publication_from(layout))


def with_digests(layout: Layout, read: Read) -> Read:
    """Read that names its files as they are now."""
    files = files_of(layout, read.case, [read.modality.contrast])
    found = (Digest(role=role, sha256=sha256_of(path)) for role, path in files.items())
    return replace(read, digests=tuple(found))
