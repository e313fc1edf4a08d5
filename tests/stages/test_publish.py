from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from corelab.stages import publish as publishing
from corelab.stages.publish import Publication, publication_from, publish
from corelab.store.layout import Layout
from corelab.store.record import save_read
from corelab.vocab import Modality, VisitLabel
from tests.store.conftest import READ

PUBLICATION = Publication(
    trial_id="NCT0",
    software_version="1",
    config_digest="f" * 16,
    visits=("baseline", "fu24h"),
)


def out_of_two_modalities(folder: Path) -> Layout:
    layout = Layout(folder)
    for visit, modality in (("baseline", Modality.NCCT), ("fu24h", Modality.DWI)):
        read = replace(READ, visit=VisitLabel(visit), modality=modality)
        save_read(layout.read(read.case), read)
    return layout


def rows_of(page: str) -> dict[str, str]:
    rows = page.split('<tr id="case-KX4M7P-')[1:]
    return {row.split('"', maxsplit=1)[0]: row.split("</tr>")[0] for row in rows}


def test_the_qa_row_of_a_follow_up_on_another_modality_says_so(tmp_path: Path) -> None:
    layout = out_of_two_modalities(tmp_path)
    publish(layout, [], PUBLICATION)
    rows = rows_of(layout.qa_page.read_text("utf-8"))
    assert "modalities_differ" in rows["fu24h"]
    assert "modalities_differ" not in rows["baseline"]


def test_tables_are_rebuilt_with_the_visits_that_the_last_batch_knew(tmp_path: Path) -> None:
    layout = out_of_two_modalities(tmp_path)
    assert publication_from(layout).visits == ()
    layout.batch.write_text(json.dumps({"trial_id": "NCT0", "visits": ["baseline", "fu24h"]}))
    publish(layout, [], publication_from(layout))
    assert "modalities_differ" in layout.growth_csv.read_text("utf-8")


def test_an_out_of_an_older_version_has_no_growth_and_its_other_tables(tmp_path: Path) -> None:
    layout = out_of_two_modalities(tmp_path)
    layout.batch.write_text(json.dumps({"trial_id": "NCT0"}))
    publish(layout, [], publication_from(layout))
    assert not layout.growth_csv.exists()
    assert layout.volumes_csv.exists()


def test_a_page_of_too_many_cases_for_pictures_links_to_each_mosaic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = out_of_two_modalities(tmp_path)
    cases = [replace(READ.case, visit=VisitLabel(visit)) for visit in ("baseline", "fu24h")]
    for case in cases:
        layout.mosaic(case).write_bytes(b"mosaic")
        layout.thumbnail(case).write_bytes(b"smaller copy")
    publish(layout, [], PUBLICATION)
    page = layout.qa_page.read_text("utf-8")
    assert page.count("data:image/webp") == len(cases)
    monkeypatch.setattr(publishing, "MOST_PICTURES", 1)
    publish(layout, [], PUBLICATION)
    page = layout.qa_page.read_text("utf-8")
    assert "data:image/webp" not in page
    targets = re.findall(r'<a href="([^"]+)">overlay</a>', page)
    found = [(layout.qa_page.parent / target).resolve() for target in targets]
    assert found == [layout.mosaic(case).resolve() for case in cases]
