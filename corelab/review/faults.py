"""Errors that a user can do something about, to answers in words that name no case and no path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from corelab.errors import DiskError, StoreError
from corelab.reading.refusal import Refusal, RefusedError
from corelab.review.answers import absent
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.scenes import image_changed
from corelab.store.layout import Layout
from corelab.store.ledger import MaskGoneError
from corelab.store.ledger_file import is_locked

Handlers = Mapping[object, Callable[[Request, Exception], Response | Awaitable[Response]]]

_AGAIN = "This cannot be done any more: load the page again."
_OF_RULES = {
    Refusal.DISABLED_USER: (DenialCode.SIGN_IN, "Your access has ended: ask the data manager."),
    Refusal.UNKNOWN_USER: (DenialCode.SIGN_IN, "Your access has ended: ask the data manager."),
    Refusal.STALE_EDITION: (DenialCode.STALE, "This read was changed in another window."),
    Refusal.NOT_RELEASED: (DenialCode.STATE, "This scan is not released to readers yet."),
    Refusal.CASE_EXCLUDED: (DenialCode.STATE, "This scan is not to be read any more."),
    Refusal.ADJUDICATED: (
        DenialCode.STATE,
        "This read was judged together with another one and stays as it is.",
    ),
}


def handlers(layout: Layout) -> Handlers:
    """Return an answer for each kind of error."""

    def of_store(request: Request, error: Exception) -> Response:
        del request
        if is_locked(layout):
            return DeniedError(
                DenialCode.OUT_LOCKED, "The trial is locked: nothing changes."
            ).answer
        raise error

    return {
        404: _absent,
        405: _absent,
        DeniedError: _denied,
        RefusedError: _refused,
        DiskError: _disk,
        MaskGoneError: _replaced,
        StoreError: of_store,
    }


def _absent(request: Request, error: Exception) -> Response:
    del request, error
    return absent()


def _denied(request: Request, error: Exception) -> Response:
    del request
    return error.answer if isinstance(error, DeniedError) else absent()


def _refused(request: Request, error: Exception) -> Response:
    """Answer to what the rules refuse; the rule's own words may name a case."""
    del request
    refusal = error.refusal if isinstance(error, RefusedError) else Refusal.WRONG_STATE
    if refusal is Refusal.IMAGE_CHANGED:
        return image_changed().answer
    code, message = _OF_RULES.get(refusal, (DenialCode.STATE, _AGAIN))
    return DeniedError(code, message).answer


def _replaced(request: Request, error: Exception) -> Response:
    """Answer where another window saved between the look at the room and at the mask."""
    del request, error
    return DeniedError(*_OF_RULES[Refusal.STALE_EDITION]).answer


def _disk(request: Request, error: Exception) -> Response:
    del request, error
    message = "The disk is full or fails: nothing was changed. Tell the data manager; try again."
    return DeniedError(DenialCode.DISK, message, retry_after_s=5).answer
