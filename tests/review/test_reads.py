"""The life of reads over the routes: opened, saved, signed, amended, judged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.reading.event import CaseExcluded, DataLocked, ReadSuperseded
from corelab.reading.fold import fold
from corelab.reading.records import ReadKind
from corelab.review.masks import Masks
from corelab.review.reader import MEANING
from corelab.store.files import Json, write_json
from corelab.store.image import load_image
from corelab.store.ledger_mask import pack_mask, unpack_mask
from corelab.store.nifti import save_volume
from corelab.trial import AutomaticVolume
from corelab.vocab import Contrast
from tests.review.browser import PASSPHRASE, Browser
from tests.review.conftest import BrowserOf, opened
from tests.review.furnished import CT_CASE, READS, RULES, Furnished, furnish, infarct, offer_of

FIRST, SECOND = READS["ada", 1], READS["ada", 2]
READ = f"/api/reads/{FIRST}"
VOXEL_ML = 6.0 * 6.0 * 12.0 / 1000


def screen_mask(
    labels: NDArray[np.uint8], affine_diagonal: tuple[float, ...] = (6, 6, 12)
) -> bytes:
    """A mask as the screen sends it, from labels in the order of the screen."""
    return gzip.compress(nib.Nifti1Image(labels, np.diag([*affine_diagonal, 1.0])).to_bytes())


def labels_of(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(nib.Nifti1Image.from_bytes(content).dataobj)


def form(edition: int, result: str = "infarct", **changed: Json) -> dict[str, Json]:
    return {
        "edition": edition,
        "result": result,
        "reasons": [],
        "comment": "",
        "passphrase": PASSPHRASE,
        "meaning_accepted": True,
        **changed,
    }


def blob(n_voxels: int) -> NDArray[np.uint8]:
    """So many voxels of infarct in one row after the other, in the order of the screen."""
    labels = np.zeros(24 * 30 * 8, np.uint8)
    labels[:n_voxels] = 1
    return labels.reshape((24, 30, 8))


def events(room: Furnished, kind: str) -> list[dict[str, Json]]:
    return [entry.payload for entry in room.ledger.entries() if entry.kind == kind]


def n_masks(room: Furnished) -> int:
    with room.ledger.reading() as rows:
        (count,) = rows.execute("SELECT count(*) FROM mask").fetchone()
    return int(count)


def sign_read(browser: Browser, read_id: str, n_voxels: int) -> dict[str, Json]:
    """Draw and sign, and hear what is told of it."""
    url = f"/api/reads/{read_id}"
    told = browser.get(url).json()
    spacing = tuple(told["spacing_mm"])
    saved = browser.put(f"{url}/mask", screen_mask(blob(n_voxels), spacing), told["edition"])
    answer = browser.post(f"{url}/sign", form(saved.json()["edition"]))
    told = answer.json()
    assert told["state"] == "signed"
    return dict(told)


def test_reads_are_opened_in_their_order_and_the_rest_wait(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    listed = ada.get("/api/reads").json()["reads"]
    assert [(read["id"], read["number"], read["is_next"]) for read in listed] == [
        (FIRST, 1, True),
        (SECOND, 2, False),
    ]
    later = ada.get(f"/api/reads/{SECOND}")
    assert (later.status_code, later.json()["error"]) == (409, "state")
    assert ada.get(f"{READ}/mask").json()["error"] == "state", "images follow the opening"
    assert ada.get(READ).json()["state"] == "opened"
    assert ada.get(f"/api/reads/{SECOND}").json()["error"] == "state", "one after the other"
    ada.post(f"{READ}/sign", form(0))
    assert ada.get(f"/api/reads/{SECOND}").json()["state"] == "opened"


def test_opening_is_written_down_once(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    for _ in range(3):
        ada.get(READ)
    assert events(room, "read_opened") == [{"read_id": FIRST}]


def test_a_read_begins_with_the_automatic_mask_in_the_order_of_the_screen(
    browser_of: BrowserOf,
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answer = ada.get(f"{READ}/mask")
    assert answer.headers["etag"] == '"0"'
    assert answer.headers["content-encoding"] == "gzip"
    # The array counts to the left and to the back; the screen to the right and to the front.
    assert np.array_equal(labels_of(answer.content), infarct()[::-1, ::-1, :])


@pytest.mark.parametrize("act", ["look", "sign"])
def test_a_mask_that_another_window_replaces_at_that_moment_is_stale(
    browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    ada, other = browser_of.reader("ada"), browser_of.reader("ada")
    ada.get(READ)
    ada.put(f"{READ}/mask", screen_mask(blob(3)), 0)
    named = Masks.named

    def late(masks: Masks, sha256: str) -> NDArray[np.uint8]:
        monkeypatch.undo()
        assert other.put(f"{READ}/mask", screen_mask(blob(4)), 1).status_code == 200
        return named(masks, sha256)

    monkeypatch.setattr(Masks, "named", late)
    answer = ada.get(f"{READ}/mask") if act == "look" else ada.post(f"{READ}/sign", form(1))
    assert (answer.status_code, answer.json()["error"]) == (409, "stale")
    assert labels_of(ada.get(f"{READ}/mask").content).sum() == 4


def test_nobody_signs_a_first_mask_that_was_measured_anew_before_they_saw_it(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    seen_ml = labels_of(ada.get(f"{READ}/mask").content).astype(bool).sum() * VOXEL_ML
    image = load_image(room.layout.image(CT_CASE, Contrast.CT))
    larger = infarct()
    larger[10:15, 12:18, 3:5] = 1
    save_volume(room.layout.infarct_mask(CT_CASE), image.with_data(larger))
    room.write(offer_of(room.layout, CT_CASE))
    refused = ada.post(f"{READ}/sign", form(0))
    assert (refused.status_code, refused.json()["error"]) == (409, "stale")
    assert events(room, "read_signed") == []
    assert ada.get(READ).json()["state"] == "opened"
    shown = labels_of(ada.get(f"{READ}/mask").content)
    assert np.array_equal(shown, larger[::-1, ::-1, :])
    signed_ml = ada.post(f"{READ}/sign", form(0)).json()["infarct_volume_ml"]
    assert signed_ml == pytest.approx(np.count_nonzero(larger) * VOXEL_ML)
    assert signed_ml > seen_ml


def test_a_saved_draft_is_what_is_shown_next_and_its_numbers_are_the_batchs(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    drawn = blob(0)
    drawn[3:6, 4:8, 1] = 1
    drawn[20, 2, 7] = 2
    saved = ada.put(f"{READ}/mask", screen_mask(drawn), 0)
    assert saved.json() == {
        "edition": 1,
        "infarct_volume_ml": pytest.approx(13 * VOXEL_ML),
        "haemorrhage_in_infarct_ml": pytest.approx(VOXEL_ML),
        "n_components": 2,
        "slice_areas_cm2": pytest.approx([0, 12 * 0.36, 0, 0, 0, 0, 0, 0.36]),
    }
    answer = ada.get(f"{READ}/mask")
    assert answer.headers["etag"] == '"1"'
    assert np.array_equal(labels_of(answer.content), drawn)
    (payload,) = events(room, "draft_saved")
    kept = unpack_mask(room.ledger.blob(str(payload["mask_sha256"])))
    assert np.array_equal(kept, drawn[::-1, ::-1, :]), "kept in the order of the image's file"


def test_a_stale_save_is_refused_and_changes_nothing(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    assert ada.put(f"{READ}/mask", screen_mask(blob(4)), 0).json()["edition"] == 1
    stale = ada.put(f"{READ}/mask", screen_mask(blob(9)), 0)
    assert (stale.status_code, stale.json()["error"]) == (409, "stale")
    assert labels_of(ada.get(f"{READ}/mask").content).sum() == 4


def test_a_save_whose_answer_was_lost_may_be_sent_again(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    for _ in range(3):
        assert ada.put(f"{READ}/mask", screen_mask(blob(4)), 0).json()["edition"] == 1
    assert ada.put(f"{READ}/mask", screen_mask(blob(4)), 1).json()["edition"] == 1
    assert len(events(room, "draft_saved")) == 1


def test_only_the_last_draft_of_a_read_is_kept(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    for edition in range(3):
        ada.put(f"{READ}/mask", screen_mask(blob(edition + 1)), edition)
    assert n_masks(room) == 1


@pytest.mark.parametrize("told", ["", "x", "-1", "1.5", "9999999999", '"'])
def test_a_save_must_name_the_edition_that_it_follows(browser_of: BrowserOf, told: str) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    headers = [*ada.own_headers(), ("If-Match", told)]
    answer = ada.ask("PUT", f"{READ}/mask", headers, content=screen_mask(blob(1)))
    assert (answer.status_code, answer.json()["error"]) == (422, "fault")


def test_a_mask_that_does_not_fit_is_refused_in_words(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answer = ada.put(f"{READ}/mask", screen_mask(blob(1).astype(np.int16)), 0)
    assert (answer.status_code, answer.json()["error"]) == (422, "mask_unfit")
    assert "int16" in answer.json()["message"]
    answer = ada.put(f"{READ}/mask", bytes(24 * 30 * 8 + 70_000), 0)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
    assert ada.get(READ).json()["edition"] == 0


def test_signing_binds_mask_image_numbers_meaning_and_software(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    # Front and right on the screen: the patient's right.
    drawn = blob(0)
    drawn[14:17, 15:20, 3] = 1
    ada.put(f"{READ}/mask", screen_mask(drawn), 0)
    answer = ada.post(f"{READ}/sign", form(1, comment="  old lacune beside it "))
    assert answer.status_code == 200
    assert answer.json()["infarct_volume_ml"] == pytest.approx(15 * VOXEL_ML)
    (payload,) = events(room, "read_signed")
    assert payload == {
        "read_id": FIRST,
        "version": 1,
        "edition": 1,
        "result": "infarct",
        "reasons": [],
        "comment": "old lacune beside it",
        "mask_sha256": pack_mask(drawn[::-1, ::-1, :]).sha256,
        "image_sha256": offer_of(room.layout, CT_CASE).image_sha256,
        "infarct_volume_ml": pytest.approx(15 * VOXEL_ML),
        "haemorrhage_in_infarct_ml": 0.0,
        "n_components": 1,
        "hemisphere": "right",
        "software_version": "0.1.0",
        "meaning": MEANING[ReadKind.READ],
    }
    entry = next(e for e in room.ledger.entries() if e.kind == "read_signed")
    assert entry.author == "ada"


def test_the_automatic_mask_may_be_signed_as_it_is(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    assert ada.post(f"{READ}/sign", form(0)).json()["state"] == "signed"
    (payload,) = events(room, "read_signed")
    assert np.array_equal(unpack_mask(room.ledger.blob(str(payload["mask_sha256"]))), infarct())
    assert payload["hemisphere"] == "left"


def test_signing_twice_is_signing_once(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    first = ada.post(f"{READ}/sign", form(0))
    again = ada.post(f"{READ}/sign", form(0))
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(events(room, "read_signed")) == 1
    other = ada.post(f"{READ}/sign", form(0, comment="but"))
    assert (other.status_code, other.json()["error"]) == (409, "state")


def test_a_stale_form_is_not_signed(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    ada.put(f"{READ}/mask", screen_mask(blob(4)), 0)
    answer = ada.post(f"{READ}/sign", form(0))
    assert (answer.status_code, answer.json()["error"]) == (409, "stale")
    assert events(room, "read_signed") == []


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"result": "no_infarct"}, "result", "empty mask"),
        ({"result": "not_assessable"}, "reason", "at least one reason"),
        ({"reasons": ["noise"]}, "result", "'not assessable' only"),
        (
            {"result": "not_assessable", "reasons": ["other"]},
            "comment",
            "needs a comment",
        ),
        ({"result": "perhaps"}, "result", "Choose one"),
        ({"reasons": ["because"]}, "reason", "Choose one"),
        ({"meaning_accepted": False}, "meaning", "tick the box"),
        ({"comment": "x" * 1001}, "comment", "at most 1000"),
    ],
)
def test_what_may_not_be_signed_is_refused_at_its_field(
    room: Furnished, browser_of: BrowserOf, changed: dict[str, Json], field: str, said: str
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answer = ada.post(f"{READ}/sign", form(0, **changed))
    assert (answer.status_code, answer.json()["error"]) == (422, "fault")
    assert answer.json()["field"] == field
    assert said in answer.json()["message"]
    assert events(room, "read_signed") == []


def test_an_empty_mask_needs_an_explicit_no_infarct(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    ada.put(f"{READ}/mask", screen_mask(blob(0)), 0)
    answer = ada.post(f"{READ}/sign", form(1))
    assert "more than 0 mL" in answer.json()["message"]
    assert ada.post(f"{READ}/sign", form(1, "no_infarct")).json()["infarct_volume_ml"] == 0
    (payload,) = events(room, "read_signed")
    assert (payload["hemisphere"], payload["n_components"]) == ("none", 0)


def test_not_assessable_has_reasons_and_no_numbers(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answer = ada.post(f"{READ}/sign", form(0, "not_assessable", reasons=["motion", "motion"]))
    assert answer.json()["infarct_volume_ml"] is None
    (payload,) = events(room, "read_signed")
    assert payload["reasons"] == ["motion"]
    assert payload["mask_sha256"] is payload["infarct_volume_ml"] is payload["hemisphere"] is None


def test_signing_asks_for_the_passphrase_of_who_is_signed_in(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    answer = ada.post(f"{READ}/sign", form(0) | {"passphrase": PASSPHRASE.upper()})
    assert (answer.status_code, answer.json()["field"]) == (403, "passphrase")
    assert events(room, "read_signed") == []


def test_no_side_is_said_where_no_plane_is_sure(room: Furnished, browser_of: BrowserOf) -> None:
    image = load_image(room.layout.image(CT_CASE, Contrast.CT))
    save_volume(room.layout.brain_mask(CT_CASE), image.with_data(np.zeros(image.shape, np.uint8)))
    ada = browser_of.reader("ada")
    ada.get(READ)
    assert ada.post(f"{READ}/sign", form(0)).status_code == 200
    (payload,) = events(room, "read_signed")
    assert payload["hemisphere"] is None
    assert payload["infarct_volume_ml"] == pytest.approx(48 * VOXEL_ML)


def test_a_changed_image_is_neither_opened_nor_signed(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    ada.put(f"{READ}/mask", screen_mask(blob(4)), 0)
    path = room.layout.image(CT_CASE, Contrast.CT)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=1))
    answer = ada.post(f"{READ}/sign", form(1))
    assert (answer.status_code, answer.json()["error"]) == (409, "image_changed")
    assert "What you saved is kept" in answer.json()["message"]
    assert events(room, "read_signed") == []
    assert browser_of.reader("ada").get(READ).json()["error"] == "image_changed"


def test_a_changed_automatic_mask_is_not_signed_unseen(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    image = load_image(room.layout.image(CT_CASE, Contrast.CT))
    save_volume(
        room.layout.infarct_mask(CT_CASE), image.with_data(2 * (infarct() > 0).astype(np.uint8))
    )
    assert ada.post(f"{READ}/sign", form(0)).json()["error"] == "image_changed"
    assert events(room, "read_signed") == []


def test_a_read_of_an_image_that_was_offered_anew_has_ended_for_its_reader(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    room.write(replace(offer_of(room.layout, CT_CASE), image_sha256="0" * 64))
    assert ada.get(READ).json()["error"] == "image_changed"
    room.write(ReadSuperseded(read_id=FIRST, reason="the image has changed"))
    assert ada.get(READ).json()["error"] == "state"
    assert [read["id"] for read in ada.get("/api/reads").json()["reads"]] == [SECOND]


def test_a_scan_that_is_excluded_meanwhile_is_not_signed(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    room.write(
        CaseExcluded(subject_code=CT_CASE.subject_code, visit=CT_CASE.visit, reason="withdrawn")
    )
    answer = ada.post(f"{READ}/sign", form(0))
    assert answer.json()["message"] == "This scan is not to be read any more."


def test_an_amendment_is_a_new_version_and_the_signed_one_stays(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    ada.put(f"{READ}/mask", screen_mask(blob(4)), 0)
    ada.post(f"{READ}/sign", form(1))
    assert ada.put(f"{READ}/mask", screen_mask(blob(9)), 1).json()["error"] == "state"
    amend = {"reason": "missed a slice", "passphrase": PASSPHRASE}
    assert ada.post(f"{READ}/amend", {**amend, "reason": "  "}).json()["field"] == "reason"
    assert ada.post(f"{READ}/amend", {**amend, "passphrase": "wrong"}).status_code == 403
    for _ in range(2):
        assert ada.post(f"{READ}/amend", amend).json() == {"state": "amending", "edition": 1}
    assert ada.put(f"{READ}/mask", screen_mask(blob(9)), 1).json()["edition"] == 2
    signed = ada.post(f"{READ}/sign", form(2)).json()
    assert (signed["version"], signed["infarct_volume_ml"]) == (2, pytest.approx(9 * VOXEL_ML))
    volumes = [payload["infarct_volume_ml"] for payload in events(room, "read_signed")]
    assert volumes == pytest.approx([4 * VOXEL_ML, 9 * VOXEL_ML])
    assert len(events(room, "amendment_started")) == 1
    assert n_masks(room) == 2, "both signed masks are kept"


def test_the_automatic_volume_is_hidden_until_signing_where_the_trial_says_so(
    browser_of: BrowserOf,
) -> None:
    ada = browser_of.reader("ada")
    assert ada.get(READ).json()["automatic"] is None
    known = {
        "shown": True,
        "infarct_volume_ml": pytest.approx(48 * VOXEL_ML),
        "low_ml": 0.0,
        "high_ml": pytest.approx(48 * VOXEL_ML),
    }
    assert ada.post(f"{READ}/sign", form(0)).json()["automatic"] == known
    assert ada.get(READ).json()["automatic"] == known


def test_the_automatic_volume_stays_hidden_after_signing_where_a_repeat_may_come(
    tmp_path: Path,
) -> None:
    """Both reads of a scan would show one and the same number."""
    out = tmp_path / "repeats"
    furnish(out, replace(RULES, repeat_share=0.1))
    with opened(out) as room:
        ada, ben, cleo = (BrowserOf(room, out).reader(name) for name in ("ada", "ben", "cleo"))
        ada.get(READ)
        assert ada.post(f"{READ}/sign", form(0)).json()["automatic"] is None
        assert ada.get(READ).json()["automatic"] is None
        sign_read(ben, READS["ben", 1], 10)
        sign_read(ben, READS["ben", 2], 400)
        (third,) = cleo.get("/api/reads").json()["reads"]
        signed = sign_read(cleo, third["id"], 10)
    assert signed["automatic"]["infarct_volume_ml"] == pytest.approx(48 * VOXEL_ML), (
        "who judges never reads the scan again"
    )


def test_the_automatic_volume_is_shown_where_the_trial_says_so(tmp_path: Path) -> None:
    out = tmp_path / "shown"
    furnish(out, replace(RULES, automatic_volume=AutomaticVolume.SHOWN))
    with opened(out) as room:
        told = BrowserOf(room, out).reader("ada").get(READ).json()
    assert told["automatic"]["infarct_volume_ml"] == pytest.approx(48 * VOXEL_ML)


def test_two_readers_who_differ_open_an_adjudication_of_a_and_b(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada, ben, cleo = (browser_of.reader(name) for name in ("ada", "ben", "cleo"))
    assert cleo.get("/api/reads").json()["reads"] == []
    sign_read(ada, FIRST, 10)
    sign_read(ben, READS["ben", 1], 10)
    sign_read(ben, READS["ben", 2], 400)
    (judgement,) = cleo.get("/api/reads").json()["reads"]
    assert (judgement["kind"], judgement["number"], judgement["is_next"]) == (
        "adjudication",
        1,
        True,
    )
    url = f"/api/reads/{judgement['id']}"
    told = cleo.get(url).json()
    assert [mask["name"] for mask in told["masks"]] == ["mask", "A", "B"]
    assert labels_of(cleo.get(told["masks"][0]["url"]).content).sum() == 0, "begins with none"
    sums = [labels_of(cleo.get(told["masks"][n]["url"]).content).sum() for n in (1, 2)]
    assert sorted(sums) == [10, 400]
    assert told["meaning"] == MEANING[ReadKind.ADJUDICATION]
    again = cleo.get(url).json()["masks"]
    assert again == told["masks"], "A and B stay what they are"
    sign_read(cleo, judgement["id"], 400)
    accepted = fold(room.ledger.entries()).accepted(CT_CASE)
    assert getattr(accepted, "read_status", None) == "adjudicated"
    for browser, mask in ((ada, "A"), (ben, "B"), (cleo, "C")):
        assert browser.get(f"{url}/mask/{mask}").status_code == 404
    assert ada.get(url).content == b"Not found\n"


def test_readers_who_agree_open_no_adjudication(room: Furnished, browser_of: BrowserOf) -> None:
    ada, ben = browser_of.reader("ada"), browser_of.reader("ben")
    sign_read(ada, FIRST, 100)
    sign_read(ben, READS["ben", 1], 100)
    sign_read(ben, READS["ben", 2], 101)
    assert len(events(room, "pair_compared")) == 1
    assert [read["purpose"] for read in events(room, "read_assigned")] == ["independent"] * 4


def test_a_judgement_against_not_assessable_has_no_second_mask(browser_of: BrowserOf) -> None:
    ada, ben, cleo = (browser_of.reader(name) for name in ("ada", "ben", "cleo"))
    sign_read(ada, FIRST, 10)
    sign_read(ben, READS["ben", 1], 10)
    url = f"/api/reads/{READS['ben', 2]}"
    ben.get(url)
    ben.post(f"{url}/sign", form(0, "not_assessable", reasons=["noise"]))
    (judgement,) = cleo.get("/api/reads").json()["reads"]
    masks = cleo.get(f"/api/reads/{judgement['id']}").json()["masks"][1:]
    assert {(mask["result"], mask["url"] is None) for mask in masks} == {
        ("infarct", False),
        ("not_assessable", True),
    }


def by_marker(room: Furnished) -> None:
    write_json(room.layout.lock, {"reason": "end", "files": {}})


def by_ledger_alone(room: Furnished) -> None:
    room.write(DataLocked(lock_id="ab" * 8, manifest_sha256="cd" * 32, reason="end"))


@pytest.mark.parametrize("lock", [by_marker, by_ledger_alone])
def test_after_the_lock_everything_refuses(
    room: Furnished, browser_of: BrowserOf, lock: Callable[[Furnished], None]
) -> None:
    ada = browser_of.reader("ada")
    ada.get(READ)
    mask = ada.get(f"{READ}/mask").content
    lock(room)
    before = len(room.ledger.entries())
    answers = [
        *(ada.get(url) for url in ("/api/reads", READ, f"{READ}/mask", f"{READ}/image/ct")),
        ada.put(f"{READ}/mask", mask, 0),
        ada.post(f"{READ}/sign", form(0)),
        ada.post(f"{READ}/amend", {"reason": "why not", "passphrase": PASSPHRASE}),
    ]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {
        (423, "out_locked")
    }
    assert len(room.ledger.entries()) == before


def test_another_readers_read_is_absent_for_every_method(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    browser_of.reader("ben").get(f"/api/reads/{READS['ben', 1]}")
    absent = ada.get("/nothing")
    for read_id in (READS["ben", 1], READS["ben", 2], "0" * 16, "..", "%00"):
        url = f"/api/reads/{read_id}"
        for answer in (
            *(ada.get(f"{url}{rest}") for rest in ("", "/mask", "/image/dwi", "/mask/A")),
            ada.put(f"{url}/mask", screen_mask(blob(1)), 0),
            ada.post(f"{url}/sign", form(0)),
            ada.post(f"{url}/amend", {"reason": "curious", "passphrase": PASSPHRASE}),
        ):
            assert answer.status_code == 404
            assert (answer.content, answer.headers) == (absent.content, absent.headers)
