"""What a reader's browser may learn: nothing of subjects, visits, dates, sites or other people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import httpx
from starlette.routing import Route

from corelab.reading.event import CaseExcluded, Purpose, ReadAssigned
from corelab.review.static_files import FOLDER
from tests.review.browser import Browser
from tests.review.conftest import BrowserOf
from tests.review.furnished import CASES, CT_CASE, PEOPLE, READS, SECRETS, Furnished, offer_of
from tests.review.test_reads import form, sign_read

_DATE = re.compile(rb"(19|20)\d\d-?[01]\d-?[0-3]\d")
VALUES = {
    "name": ["room.css", "talk.js", "A", "B", "mask"],
    "panel": ["ct", "dwi", "adc", "b0", "flair", "nothing"],
}


def walk(browser: Browser, read_ids: list[str]) -> Iterator[tuple[str, httpx.Response]]:
    """Ask every route of the application in every way, signing out last of all."""
    routes = [route for route in browser.app.routes if isinstance(route, Route)]
    assert len(routes) == len(browser.app.routes), "a route of another kind is not walked"
    for route in sorted(routes, key=lambda route: "logout" in route.path):
        names = list(route.param_convertors)
        values = {**VALUES, "read_id": [*read_ids, "0" * 16]}
        for chosen in product(*(values[name] for name in names)):
            url = str(route.url_path_for(route.name, **dict(zip(names, chosen, strict=True))))
            for method in sorted(route.methods or {"GET", "POST", "PUT"}):
                headers = [*browser.own_headers(), ("If-Match", '"0"')]
                sent = {"reason": "to see what is said", **form(0)} if method == "POST" else None
                yield f"{method} {url}", browser.ask(method, url, headers, json=sent)


def told(answer: httpx.Response) -> bytes:
    """Everything that crosses, unpacked."""
    headers = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
    return headers + b"\n\n" + answer.content


def assert_blind(where: str, answer: httpx.Response, reader: str) -> None:
    content = told(answer)
    assert answer.status_code != 500, where
    for secret in SECRETS:
        assert secret.lower().encode() not in content.lower(), f"{where} tells {secret}"
    is_ours = where.rsplit("/static/", maxsplit=1)[-1] if "/static/" in where else ""
    if not is_ours or not (FOLDER / is_ours).is_file():
        for other in PEOPLE.keys() - {reader}:
            assert not re.search(rb"\b%b\b" % other.encode(), content), f"{where} tells {other}"
        assert not _DATE.search(content), f"{where} tells a date"
    assert "content-disposition" not in answer.headers
    assert "last-modified" not in answer.headers


def test_no_route_tells_a_reader_a_subject_a_visit_a_date_or_a_person(
    room: Furnished, browser_of: BrowserOf
) -> None:
    ada, ben, cleo = (browser_of.reader(name) for name in ("ada", "ben", "cleo"))
    own = {name: [i for (who, _), i in READS.items() if who == name] for name in ("ada", "ben")}
    n_walked = 0
    # First as the walk itself opens, signs and amends, then with what two readers make of it.
    for round_ in range(2):
        if round_ == 1:
            for browser, name, n_voxels in ((ada, "ada", 10), (ben, "ben", 400)):
                for read_id in own[name]:
                    sign_read(browser, read_id, n_voxels)
            own["cleo"] = [read["id"] for read in cleo.get("/api/reads").json()["reads"]]
            assert len(own["cleo"]) == 2
        # Those who judge come first: an amendment ends what they judge.
        for name, browser in (("cleo", cleo), ("ada", ada), ("ben", ben)):
            for where, answer in walk(browser, [*own.get(name, []), READS["ben", 1]]):
                assert_blind(where, answer, name)
                n_walked += 1
            browser.csrf = browser.get("/api/me").json()["csrf"]
            assert browser.sign_in(name).status_code == 200
    assert n_walked > 500
    assert {entry.kind for entry in room.ledger.entries()} >= {"read_signed", "amendment_started"}


def test_refusals_of_the_rules_name_no_case(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    sign_read(ada, READS["ada", 1], 10)
    assert ada.get(f"/api/reads/{READS['ada', 2]}").json()["state"] == "opened"
    for case in CASES:
        room.write(
            CaseExcluded(subject_code=case.subject_code, visit=case.visit, reason="withdrawn")
        )
    for where, answer in walk(ada, [READS["ada", 1], READS["ada", 2]]):
        assert_blind(where, answer, "ada")


def test_a_repeat_looks_like_any_other_read(room: Furnished, browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    for read_id in (READS["ada", 1], READS["ada", 2]):
        sign_read(ada, read_id, 10)
    assigned = ReadAssigned(
        read_id="a3" * 8,
        reader="ada",
        number=3,
        subject_code=CT_CASE.subject_code,
        visit=CT_CASE.visit,
        image_sha256=offer_of(room.layout, CT_CASE).image_sha256,
        purpose=Purpose.REPEAT,
    )
    room.write(assigned)
    first, _, third = ada.get("/api/reads").json()["reads"]
    assert (third["kind"], third["is_next"]) == ("read", True)
    assert first.keys() == third.keys()
    told_first = ada.get(f"/api/reads/{READS['ada', 1]}").json()
    told_third = ada.get("/api/reads/" + "a3" * 8).json()
    assert told_first.keys() == told_third.keys()
    assert told_third["automatic"] is told_third["signed"] is None
    mask = ada.get(told_third["masks"][0]["url"])
    assert mask.headers["etag"] == '"0"', "it begins anew, not with what was drawn before"
