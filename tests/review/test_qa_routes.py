from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from corelab.reading.event import QaVerdictGiven
from corelab.reading.roles import Role
from corelab.reading.room import Block
from corelab.store import qa_ratings
from corelab.store.files import Json
from corelab.store.image import load_image
from corelab.store.ledger_check import verify
from corelab.store.nifti import load_mask, save_volume
from corelab.store.record import load_read, save_read
from corelab.store.users import add_user
from corelab.vocab import Contrast, QaConfidence
from tests.review.browser import PASSPHRASE, Browser
from tests.review.conftest import BrowserOf
from tests.review.furnished import CT_CASE, MR_CASE, TRIAL_ID, Furnished
from tests.review.qa_furnished import VERSION, furnish_qa, with_digests

CT_ID, MR_ID = (f"{case.subject_code}-{case.visit}" for case in (CT_CASE, MR_CASE))


@pytest.fixture
def quin(browser_of: BrowserOf, out: Path) -> Browser:
    furnish_qa(out)
    browser = browser_of.role(Role.QA)
    assert browser.sign_in("quin").status_code == 200
    return browser


def picture(room: Furnished) -> dict[str, Json]:
    read = load_read(room.layout.read(CT_CASE))
    return {
        "image_sha256": read.sha256_of(read.modality.contrast),
        "mask_sha256": read.sha256_of("infarct_mask"),
    }


def said(room: Furnished, verdict: str = "fail", **changes: Json) -> dict[str, Json]:
    whole = {"verdict": verdict, "reasons": ["mask_leak"], "comment": "into the sulcus"}
    return picture(room) | whole | changes


def test_a_verdict_is_an_entry_of_the_ledger_signed_by_its_rater(
    room: Furnished, quin: Browser
) -> None:
    assert quin.post(f"/api/qa/{CT_ID}/verdict", said(room)).status_code == 200
    entry = room.ledger.entries()[-1]
    assert (entry.kind, entry.author) == (QaVerdictGiven.kind, "quin")
    assert entry.payload == said(room, viewed_s=None, confidence=None) | {
        "subject_code": CT_CASE.subject_code,
        "visit": CT_CASE.visit,
    }
    (rating,) = quin.get("/api/qa").json()["ratings"]
    assert rating["rater"] == "quin"
    assert rating["rated_at_utc"] == entry.at_utc.replace("+00:00", "Z")
    assert (rating["trial_id"], rating["software_version"]) == (TRIAL_ID, VERSION)


def test_a_fail_and_an_open_query_block_the_case_until_dealt_with(
    room: Furnished, quin: Browser
) -> None:
    quin.post(f"/api/qa/{CT_ID}/verdict", said(room))
    quin.post(f"/api/qa/{CT_ID}/query", {"text": "Is this the right series?"})
    assert room.keeper.room().blocks_of(CT_CASE) == (Block.QA_FAIL, Block.QUERY_OPEN)
    (query,) = quin.get("/api/qa").json()["queries"]
    assert (query["author"], query["answer"]) == ("quin", None)
    url = f"/api/queries/{query['query_id']}/answer"
    assert quin.post(url, {"text": "It is."}).status_code == 200
    quin.post(f"/api/qa/{CT_ID}/verdict", said(room, "pass", reasons=[]))
    assert room.keeper.room().blocks_of(CT_CASE) == ()
    assert quin.get("/api/qa").json()["queries"][0]["answer"] == "It is."
    assert quin.post(url, {"text": "Again."}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "good"}, "column verdict: found 'good', expected one of pass"),
        ({"reasons": []}, "column reasons: found 'none', expected at least one for fail"),
        ({"reasons": ["moved"]}, "column reasons: found 'moved'"),
        ({"reasons": ["other"], "comment": ""}, "column comment: found 'none'"),
        ({"comment": "x" * 1001}, "expected at most 1000 characters"),
        ({"comment": 3}, "'comment' does not fit"),
        ({"mask_sha256": "b"}, "column mask_sha256: found 'b'"),
    ],
)
def test_a_verdict_with_a_fault_is_refused_with_its_place(
    room: Furnished, quin: Browser, changes: dict[str, Json], message: str
) -> None:
    before = room.ledger.head()
    answer = quin.post(f"/api/qa/{CT_ID}/verdict", said(room, **changes))
    assert answer.status_code == 422
    assert message in answer.json()["message"]
    assert room.ledger.head() == before


def test_a_verdict_on_a_picture_that_has_changed_is_stale(room: Furnished, quin: Browser) -> None:
    old = said(room)
    change_mask(room)
    answer = quin.post(f"/api/qa/{CT_ID}/verdict", old)
    assert (answer.status_code, answer.json()["error"]) == (409, "stale")
    assert quin.post(f"/api/qa/{CT_ID}/verdict", said(room)).status_code == 200


def change_mask(room: Furnished) -> None:
    path = room.layout.infarct_mask(CT_CASE)
    image = load_image(room.layout.image(CT_CASE, Contrast.CT))
    mask = load_mask(path, image).copy()
    mask[0, 0, 0] = 1
    save_volume(path, image.with_data(mask))
    read = load_read(room.layout.read(CT_CASE))
    save_read(room.layout.read(CT_CASE), with_digests(room.layout, read))


@pytest.mark.parametrize(
    "case_id", ["QZ7XW4-other", "ZZ9-fu24h", "..-fu24h", "QZ7XW4", "%2e%2e%2fQZ7XW4-fu24h"]
)
def test_what_is_no_case_of_out_is_absent(room: Furnished, quin: Browser, case_id: str) -> None:
    assert quin.post(f"/api/qa/{case_id}/verdict", said(room)).status_code == 404
    assert quin.post(f"/api/qa/{case_id}/query", {"text": "What?"}).status_code == 404
    assert quin.get(f"/api/qa/{case_id}/overlay").status_code == 404
    assert quin.post("/api/queries/0123456789abcdef/answer", {"text": "So."}).status_code == 404


@pytest.mark.usefixtures("quin")
def test_nothing_is_told_or_written_without_a_login(room: Furnished, browser_of: BrowserOf) -> None:
    stranger = browser_of.role(Role.QA)
    before = room.ledger.head()
    for path in ("", "/export.csv", "/export.json", f"/{CT_ID}/overlay"):
        assert stranger.get(f"/api/qa{path}").status_code == 401
    for path in (f"/{CT_ID}/verdict", f"/{CT_ID}/query", "/import"):
        assert stranger.post(f"/api/qa{path}", said(room)).status_code == 401
    assert "QZ7XW4" not in stranger.get("/").text
    assert stranger.get("/").text == stranger.get("/qa").text
    assert room.ledger.head() == before


@pytest.mark.usefixtures("quin")
def test_readers_have_none_of_these_routes(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    assert ada.get("/api/qa").status_code == 404
    assert ada.get("/qa").status_code == 404
    assert ada.post(f"/api/qa/{CT_ID}/verdict", said(room)).status_code == 404


def test_the_served_page_may_talk_to_its_server_and_do_nothing_more(
    room: Furnished, quin: Browser
) -> None:
    answer = quin.get("/qa")
    on_disk = room.layout.qa_page.read_text("utf-8")
    policy = answer.headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src" not in on_disk.split("<style>")[0]
    assert answer.headers["cache-control"] == "no-store"
    stated = re.search(r'Content-Security-Policy" content="([^"]*)"', answer.text)
    assert stated is not None
    assert policy == f"{html.unescape(stated[1])}; frame-ancestors 'none'", (
        "the stricter one counts"
    )
    own = ("; connect-src 'self'", ' data-room=""')
    assert answer.text.replace(own[0], "", 1).replace(own[1], "", 1) == on_disk


def test_a_page_of_another_make_is_not_let_in(room: Furnished, quin: Browser) -> None:
    room.layout.qa_page.write_text("<script>alert(1)</script>", encoding="utf-8")
    answer = quin.get("/")
    assert answer.status_code == 409
    assert "corelab tables OUT" in answer.json()["message"]


def test_the_full_mosaic_is_served(room: Furnished, quin: Browser) -> None:
    answer = quin.get(f"/api/qa/{MR_ID}/overlay")
    assert answer.content == room.layout.mosaic(MR_CASE).read_bytes()
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_is_exported_is_what_the_ledger_says(
    room: Furnished, quin: Browser, form: str
) -> None:
    quin.post(f"/api/qa/{CT_ID}/verdict", said(room))
    quin.post(f"/api/qa/{CT_ID}/verdict", said(room, "warn"))
    answer = quin.get(f"/api/qa/export.{form}")
    assert answer.headers["content-disposition"].endswith(f'qa_ratings.{form}"')
    read = qa_ratings.from_csv if form == "csv" else qa_ratings.from_json
    found = read(answer.text, "export")
    assert [rating.verdict for rating in found] == ["fail", "warn"]
    assert [qa_ratings.rating_to_json(each) for each in found] == quin.get("/api/qa").json()[
        "ratings"
    ]


def exported(room: Furnished, **changes: Json) -> Json:
    row = {
        "trial_id": TRIAL_ID,
        "subject_code": CT_CASE.subject_code,
        "visit": CT_CASE.visit,
        "rater": "quin",
        "rated_at_utc": "2026-01-31T09:30:00.000Z",
        "software_version": VERSION,
    }
    return row | said(room) | changes


def file_of(*rows: Json) -> Json:
    return {"format": qa_ratings.FORMAT, "ratings": list(rows)}


def test_ratings_from_a_file_are_taken_in_once_with_their_history(
    room: Furnished, quin: Browser
) -> None:
    verdicts = ("fail", "warn", "fail")
    rows = [
        exported(room, verdict=verdict, rated_at_utc=f"2026-01-31T09:30:0{n}.000Z")
        for n, verdict in enumerate(verdicts)
    ]
    taken = quin.post("/api/qa/import", file_of(*rows)).json()
    assert taken == {"written": 3, "older": 0, "former": 0}
    again = quin.post("/api/qa/import", file_of(*rows)).json()
    assert again == {"written": 0, "older": 3, "former": 0}
    assert [row["verdict"] for row in quin.get("/api/qa").json()["ratings"]] == list(verdicts)


def test_ratings_of_others_or_of_former_pictures_are_not_taken_in(
    room: Furnished, quin: Browser
) -> None:
    answer = quin.post("/api/qa/import", file_of(exported(room), exported(room, rater="roe")))
    assert answer.status_code == 422
    assert (
        answer.json()["message"]
        == "column rater: found 'roe', expected 'quin' alone, who signs them."
    )
    assert quin.get("/api/qa").json()["ratings"] == []
    former = file_of(exported(room, mask_sha256="0" * 64), exported(room, visit="never"))
    assert quin.post("/api/qa/import", former).json() == {"written": 0, "older": 0, "former": 2}
    unfit = quin.post("/api/qa/import", file_of(exported(room, verdict="good")))
    assert unfit.json()["message"].startswith("rating 1, column verdict: found 'good'")


def test_nobody_is_sent_anothers_verdict_on_a_case_before_their_own(
    room: Furnished, quin: Browser, browser_of: BrowserOf
) -> None:
    add_user(room.ledger, "quill", Role.QA, PASSPHRASE, by=room.manager)
    quill = browser_of.role(Role.QA)
    quill.sign_in("quill")
    quin.post(f"/api/qa/{CT_ID}/verdict", said(room))
    for url in ("/api/qa", "/api/qa/export.csv", "/api/qa/export.json"):
        assert "quin" not in quill.get(url).text
        assert "quin" in quin.get(url).text
    quill.post(f"/api/qa/{CT_ID}/verdict", said(room, "warn"))
    for url in ("/api/qa", "/api/qa/export.csv", "/api/qa/export.json"):
        assert "quin" in quill.get(url).text


def test_two_reviewers_write_at_once_and_nothing_is_lost(
    room: Furnished, quin: Browser, browser_of: BrowserOf
) -> None:
    add_user(room.ledger, "quill", Role.QA, PASSPHRASE, by=room.manager)
    quill = browser_of.role(Role.QA)
    quill.sign_in("quill")
    for verdict in ("fail", "warn"):
        quin.post(f"/api/qa/{CT_ID}/verdict", said(room, verdict))
        quill.post(f"/api/qa/{CT_ID}/verdict", said(room, verdict))
    raters = [row["rater"] for row in quill.get("/api/qa").json()["ratings"]]
    assert raters == ["quin", "quill"] * 2
    assert verify(room.layout.ledger).is_sound


def test_time_and_confidence_stand_in_the_ledger_and_in_what_is_exported(
    room: Furnished, quin: Browser
) -> None:
    told = said(room, viewed_s=42, confidence="low")
    assert quin.post(f"/api/qa/{CT_ID}/verdict", told).status_code == 200
    payload = room.ledger.entries()[-1].payload
    assert (payload["viewed_s"], payload["confidence"]) == (42, "low")
    (rating,) = qa_ratings.from_csv(quin.get("/api/qa/export.csv").text, "r")
    assert (rating.viewed_s, rating.confidence) == (42, QaConfidence.LOW)
    refused = quin.post(f"/api/qa/{CT_ID}/verdict", told | {"confidence": "very"})
    assert (refused.status_code, refused.json()["error"]) == (422, "fault")
