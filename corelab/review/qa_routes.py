"""The routes of QA reviewers: the QA page with the ledger behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.errors import ConfigError
from corelab.reading.records import Query
from corelab.review.answers import download, json_reply, not_there, page, reply
from corelab.review.bodies import Form, body_of, form_of
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.qa_book import QaBook
from corelab.review.rooms import Rooms
from corelab.review.session import Session
from corelab.stages.publish import publication_from
from corelab.store.files import Json
from corelab.store.qa_page import served_page
from corelab.store.qa_ratings import (
    QaRating,
    from_csv,
    from_json,
    rating_of,
    rating_to_json,
    to_csv,
    to_json,
)

LARGEST_IMPORT_BYTES = 16_000_000
SHORTEST_TEXT = 3

_FILE = "file"
_SAID = ("image_sha256", "mask_sha256", "verdict", "comment")
_UNLESS_SAID = ("viewed_s", "confidence")


def qa_routes(rooms: Rooms) -> list[Route]:
    """Every route of a QA reviewer's server."""
    routes = QaRoutes(QaBook(rooms.layout, rooms.keeper), rooms.session)
    home = rooms.behind_login(routes.page)
    return [Route("/", home), Route("/qa", home), *routes.routes]


class QaRoutes:
    """What the QA page asks.

    Parameters
    ----------
    book
        What QA reviewers may do.
    session
        Who sits before the browser.
    """

    def __init__(self, book: QaBook, session: Session) -> None:
        self._book = book
        self._session = session

    @property
    def routes(self) -> list[Route]:
        """Return them."""
        one = "/api/qa/{case_id}"
        return [
            Route("/api/qa", self._list, methods=["GET"]),
            Route("/api/qa/import", self._import, methods=["POST"]),
            Route("/api/qa/export.csv", self._export_csv, methods=["GET"]),
            Route("/api/qa/export.json", self._export_json, methods=["GET"]),
            Route(f"{one}/overlay", self._overlay, methods=["GET"]),
            Route(f"{one}/verdict", self._verdict, methods=["POST"]),
            Route(f"{one}/query", self._query, methods=["POST"]),
            Route("/api/queries/{query_id}/answer", self._answer, methods=["POST"]),
        ]

    def page(self) -> Response:
        """Show the QA page of OUT, allowed to talk to this server."""
        path = self._book.layout.qa_page
        served = served_page(path.read_text(encoding="utf-8")) if path.is_file() else None
        if served is None:
            message = "OUT has no QA page of this version: corelab tables OUT makes it."
            raise DeniedError(DenialCode.STATE, message)
        text, policy = served
        return page(text, policy=policy)

    def _list(self, _: Request) -> Response:
        ratings = self._book.ratings_shown_to(self._session.signer().name)
        return json_reply(
            {
                "ratings": [rating_to_json(rating) for rating in ratings],
                "queries": [_told(query) for query in self._book.queries()],
            }
        )

    async def _verdict(self, request: Request) -> Response:
        signer = self._session.signer()
        form = await form_of(request)

        def rate() -> None:
            case = self._book.case(_id(request))
            row: dict[str, Json] = {name: form.text(name) for name in _SAID}
            row |= {name: form.fields.get(name) for name in _UNLESS_SAID}
            row |= {"subject_code": case.subject_code, "visit": case.visit, "rater": signer.name}
            self._book.rate(signer, self._rating(row | {"reasons": list(form.texts("reasons"))}))

        return await _done(rate)

    async def _query(self, request: Request) -> Response:
        signer = self._session.signer()
        text = _text_of(await form_of(request))
        return await _done(lambda: self._book.ask(signer, self._book.case(_id(request)), text))

    async def _answer(self, request: Request) -> Response:
        signer = self._session.signer()
        text = _text_of(await form_of(request))
        query_id = str(request.path_params["query_id"])
        return await _done(lambda: self._book.answer(signer, query_id, text))

    async def _import(self, request: Request) -> Response:
        signer = self._session.signer()
        content = await body_of(request, most_bytes=LARGEST_IMPORT_BYTES)
        is_json = request.headers.get("content-type", "").startswith("application/json")

        def take_in() -> dict[str, Json]:
            ratings = _ratings_in(content, from_json if is_json else from_csv)
            taken = self._book.take_in(signer, ratings, _FILE)
            return {"written": taken.n_written, "older": taken.n_older, "former": taken.n_former}

        try:
            return json_reply(await run_in_threadpool(take_in))
        except ConfigError as error:
            raise _unfit(error) from error

    def _export_csv(self, _: Request) -> Response:
        ratings = self._book.ratings_shown_to(self._session.signer().name)
        content = to_csv(ratings).encode()
        return download(content, name="qa_ratings.csv", media_type="text/csv")

    def _export_json(self, _: Request) -> Response:
        ratings = self._book.ratings_shown_to(self._session.signer().name)
        content = to_json(ratings).encode()
        return download(content, name="qa_ratings.json", media_type="application/json")

    def _overlay(self, request: Request) -> Response:
        self._session.signer()
        path = self._book.layout.mosaic(self._book.case(_id(request)))
        if not path.is_file() or path.is_symlink():
            raise not_there()
        return reply(path.read_bytes(), media_type="image/png")

    def _rating(self, row: dict[str, Json]) -> QaRating:
        """Rating of what the page said and what the server knows; the ledger says the time."""
        made = publication_from(self._book.layout)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        whole = row | {
            "trial_id": made.trial_id,
            "software_version": made.software_version,
            "rated_at_utc": f"{now}Z",
        }
        try:
            return rating_of(whole, "verdict")
        except ConfigError as error:
            raise _unfit(error) from error


async def _done(act: Callable[[], None]) -> Response:
    await run_in_threadpool(act)
    return json_reply({"done": True})


def _ratings_in(
    content: bytes, read: Callable[[str, str], tuple[QaRating, ...]]
) -> tuple[QaRating, ...]:
    try:
        return read(content.decode("utf-8"), _FILE)
    except UnicodeDecodeError as error:
        raise DeniedError(DenialCode.FAULT, "The file is no UTF-8 text.") from error


def _unfit(error: ConfigError) -> DeniedError:
    return DeniedError(DenialCode.FAULT, f"{error.faults[0]}.")


def _text_of(form: Form) -> str:
    text = form.text("text")
    if len(text) < SHORTEST_TEXT:
        raise DeniedError(DenialCode.FAULT, "Write what it is about.", field="text")
    return text


def _id(request: Request) -> str:
    return str(request.path_params["case_id"])


def _told(query: Query) -> dict[str, Json]:
    answer = query.answer
    return {
        "query_id": query.opened.query_id,
        "subject_code": query.opened.subject_code,
        "visit": query.opened.visit,
        "text": query.opened.text,
        "author": query.author,
        "asked_at_utc": query.at_utc,
        "answer": answer.answered.text if answer else None,
        "answered_by": answer.author if answer else None,
    }
