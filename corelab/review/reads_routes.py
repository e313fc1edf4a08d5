"""The routes of the reader's screen; what goes over them names no subject, visit or person."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead
from corelab.reading.result import UNASSESSABLE_WORDS, Result, Unassessable
from corelab.reading.room import Room
from corelab.review.answers import json_reply, not_there, reply
from corelab.review.bodies import Form, body_of, form_of
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.mask_check import largest_mask_bytes
from corelab.review.passphrase import PassphraseDesk
from corelab.review.reader import MEANING, Reader, Saved, Sight, SigningForm
from corelab.review.session import Session
from corelab.store.files import Json
from corelab.store.layout import Layout
from corelab.store.record import load_read
from corelab.vocab import LABEL_VALUE

_NIFTI = "application/octet-stream"
Choice = TypeVar("Choice", Result, Unassessable)


class ReadsRoutes:
    """Routes of readers.

    Parameters
    ----------
    reader
        What readers may do.
    session
        Who sits before the browser.
    desk
        Opens keys for signatures.
    layout
        Where automatic reads lie.
    """

    def __init__(
        self, reader: Reader, *, session: Session, desk: PassphraseDesk, layout: Layout
    ) -> None:
        self._reader = reader
        self._session = session
        self._desk = desk
        self._layout = layout

    @property
    def routes(self) -> list[Route]:
        """Return them."""
        one = "/api/reads/{read_id}"
        return [
            Route("/api/reads", self._list, methods=["GET"]),
            Route(one, self._open, methods=["GET"]),
            Route(f"{one}/image/{{panel}}", self._image, methods=["GET"]),
            Route(f"{one}/mask", self._mask, methods=["GET"]),
            Route(f"{one}/mask", self._save, methods=["PUT"]),
            Route(f"{one}/mask/{{name}}", self._pair_mask, methods=["GET"]),
            Route(f"{one}/sign", self._sign, methods=["POST"]),
            Route(f"{one}/amend", self._amend, methods=["POST"]),
        ]

    def _list(self, _: Request) -> Response:
        name = self._session.signer().name
        room = self._reader.room()
        return json_reply({"reads": [_listed(room, read) for read in room.worklist(name)]})

    def _open(self, request: Request) -> Response:
        sight = self._reader.open(self._session.signer(), _id(request))
        return json_reply(self._told(sight))

    def _image(self, request: Request) -> Response:
        sight = self._seen(request)
        panel = sight.scene.panel(request.path_params["panel"])
        if panel is None:
            raise not_there()
        return _packed(sight.scene.packed(panel.values()))

    def _mask(self, request: Request) -> Response:
        sight = self._seen(request)
        answer = _packed(sight.scene.packed(self._reader.mask(sight)))
        answer.headers["ETag"] = f'"{sight.read.edition}"'
        return answer

    def _pair_mask(self, request: Request) -> Response:
        sight = self._seen(request)
        mask = self._reader.pair_mask(sight, request.path_params["name"])
        return _packed(sight.scene.packed(mask))

    async def _save(self, request: Request) -> Response:
        signer = self._session.signer()
        edition = _edition(request)
        sight = await run_in_threadpool(self._reader.see, signer.name, _id(request))
        content = await body_of(request, most_bytes=largest_mask_bytes(sight.scene.grid))
        saved = await run_in_threadpool(
            lambda: self._reader.save(signer, sight, edition=edition, content=content)
        )
        return json_reply(_numbers(saved, sight))

    async def _sign(self, request: Request) -> Response:
        name = self._session.signer().name
        sent = await form_of(request)
        form, passphrase = _signing_form(sent), sent.secret("passphrase")
        if not sent.is_ticked("meaning_accepted"):
            message = "Signing needs your word that you mean it: tick the box."
            raise DeniedError(DenialCode.FAULT, message, field="meaning")

        def sign() -> dict[str, Json]:
            read = self._reader.sign(self._desk.opened(name, passphrase), _id(request), form)
            signed = read.standing
            return {
                "state": read.state.value,
                "version": read.version,
                "infarct_volume_ml": signed.infarct_volume_ml if signed else None,
                "automatic": self._automatic(self._reader.room(), read),
            }

        return json_reply(await run_in_threadpool(sign))

    async def _amend(self, request: Request) -> Response:
        name = self._session.signer().name
        form = await form_of(request)
        reason, passphrase = form.text("reason"), form.secret("passphrase")
        if len(reason) < 3:  # noqa: PLR2004 - as the ledger asks of a reason
            raise DeniedError(DenialCode.FAULT, "An amendment needs a reason.", field="reason")

        def amend() -> HumanRead:
            return self._reader.amend(self._desk.opened(name, passphrase), _id(request), reason)

        read = await run_in_threadpool(amend)
        return json_reply({"state": read.state.value, "edition": read.edition})

    def _seen(self, request: Request) -> Sight:
        return self._reader.see(self._session.signer().name, _id(request))

    def _told(self, sight: Sight) -> dict[str, Json]:
        read, grid = sight.read, sight.scene.grid
        url = f"/api/reads/{read.read_id}"
        return {
            **_listed(sight.room, read),
            "edition": read.edition,
            "version": read.version,
            "shape": list(grid.shape),
            "spacing_mm": list(grid.spacing_mm),
            "slice_axis": grid.slice_axis,
            "slice_volumes_mm3": list(grid.slice_volumes_mm3),
            "panels": [
                {
                    "name": panel.name.value,
                    "url": f"{url}/image/{panel.name}",
                    "low": panel.low,
                    "high": panel.high,
                    "unit": panel.unit,
                }
                for panel in sight.scene.panels
            ],
            "masks": [{"name": "mask", "url": f"{url}/mask"}, *self._pair(sight, url)],
            "labels": {label.value: value for label, value in LABEL_VALUE.items()},
            "automatic": self._automatic(sight.room, read),
            "results": [result.value for result in Result],
            "reasons": [
                {"code": code.value, "text": text} for code, text in UNASSESSABLE_WORDS.items()
            ],
            "meaning": MEANING[read.kind],
            "signed": _signed(read),
        }

    def _pair(self, sight: Sight, url: str) -> list[Json]:
        return [
            {
                "name": name,
                "url": None if signed.mask_sha256 is None else f"{url}/mask/{name}",
                "result": signed.result.value,
            }
            for name, signed in self._reader.pair(sight).items()
        ]

    def _automatic(self, room: Room, read: HumanRead) -> Json:
        if not room.may_see_automatic(read):
            return None
        measured = load_read(self._layout.read(read.case)).measurement
        return {
            "shown": True,
            "infarct_volume_ml": measured.infarct_volume_ml,
            "low_ml": measured.infarct_volume_low_ml,
            "high_ml": measured.infarct_volume_high_ml,
        }


def _id(request: Request) -> str:
    return str(request.path_params["read_id"])


def _listed(room: Room, read: HumanRead) -> dict[str, Json]:
    return {
        "id": read.read_id,
        "number": read.number,
        "state": read.state.value,
        "is_next": read.state is ReadState.ASSIGNED and room.may_open(read),
        "kind": read.kind.value,
    }


def _signed(read: HumanRead) -> Json:
    """Return what the reader signed last, for themselves to see."""
    if not read.signatures:
        return None
    signed = read.signatures[-1].signed
    return {
        "version": signed.version,
        "result": signed.result.value,
        "reasons": [reason.value for reason in signed.reasons],
        "comment": signed.comment,
        "infarct_volume_ml": signed.infarct_volume_ml,
    }


def _packed(content: bytes) -> Response:
    answer = reply(content, media_type=_NIFTI)
    answer.headers["Content-Encoding"] = "gzip"
    return answer


def _edition(request: Request) -> int:
    told = request.headers.get("if-match", "").strip('"')
    if not told.isdecimal() or len(told) > 9:  # noqa: PLR2004 - no read is saved so often
        message = "A save must name the edition that it follows (If-Match)."
        raise DeniedError(DenialCode.FAULT, message)
    return int(told)


def _numbers(saved: Saved, sight: Sight) -> dict[str, Json]:
    grid, areas = sight.scene.grid, saved.numbers.slice_areas_cm2
    is_turned = grid.orientation.flips[grid.slice_axis]
    return {
        "edition": saved.edition,
        "infarct_volume_ml": saved.numbers.infarct_volume_ml,
        "haemorrhage_in_infarct_ml": saved.numbers.haemorrhage_in_infarct_ml,
        "n_components": len(saved.numbers.components),
        "slice_areas_cm2": list(areas[::-1] if is_turned else areas),
    }


def _signing_form(form: Form) -> SigningForm:
    return SigningForm(
        edition=form.number("edition"),
        result=_chosen(form.text("result"), Result, "result"),
        reasons=tuple(
            _chosen(code, Unassessable, "reason") for code in dict.fromkeys(form.texts("reasons"))
        ),
        comment=form.text("comment"),
    )


def _chosen(text: str, choices: Callable[[str], Choice], field: str) -> Choice:
    try:
        return choices(text)
    except ValueError:
        raise DeniedError(DenialCode.FAULT, "Choose one of those offered.", field=field) from None
