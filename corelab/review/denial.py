"""What a user can do something about: said in words, with a code that the page acts on."""

from __future__ import annotations

from enum import StrEnum

from starlette.responses import Response

from corelab.errors import CorelabError
from corelab.review.answers import json_reply
from corelab.store.files import Json


class DenialCode(StrEnum):
    """Why something was not done; the page decides by it what to offer."""

    SIGN_IN = "sign_in"
    IDLE = "idle"
    WRONG_PASSPHRASE = "wrong_passphrase"  # noqa: S105 - a code, no secret
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    EARLIER_PAGE = "earlier_page"
    STALE = "stale"
    STATE = "state"
    FAULT = "fault"
    MASK_UNFIT = "mask_unfit"
    TOO_LARGE = "too_large"
    IMAGE_CHANGED = "image_changed"
    NOT_ALIGNED = "not_aligned"
    OUT_LOCKED = "out_locked"
    DISK = "disk"


STATUS = {
    DenialCode.SIGN_IN: 401,
    DenialCode.IDLE: 401,
    DenialCode.WRONG_PASSPHRASE: 403,
    DenialCode.TOO_MANY_ATTEMPTS: 429,
    DenialCode.EARLIER_PAGE: 403,
    DenialCode.STALE: 409,
    DenialCode.STATE: 409,
    DenialCode.FAULT: 422,
    DenialCode.MASK_UNFIT: 422,
    DenialCode.TOO_LARGE: 413,
    DenialCode.IMAGE_CHANGED: 409,
    DenialCode.NOT_ALIGNED: 422,
    DenialCode.OUT_LOCKED: 423,
    DenialCode.DISK: 507,
}


class DeniedError(CorelabError):
    """Something that was asked is not done, and nothing was changed.

    Parameters
    ----------
    code
        What the page acts on.
    message
        What the user reads: no subject code, visit, date or path.
    field
        Which field of the form it is about, where it is about one.
    retry_after_s
        When to ask again, where that helps.
    """

    def __init__(
        self,
        code: DenialCode,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """Code and message."""
        return f"{self.code}: {self.message}"

    @property
    def answer(self) -> Response:
        """What the browser is told."""
        content: dict[str, Json] = {"error": self.code.value, "message": self.message}
        if self.field is not None:
            content["field"] = self.field
        answer = json_reply(content, status=STATUS[self.code])
        if self.retry_after_s is not None:
            answer.headers["Retry-After"] = str(self.retry_after_s)
        return answer
