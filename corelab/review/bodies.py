"""What a page sends: read up to a cap, and taken field by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from corelab.review.denial import DenialCode, DeniedError
from corelab.store.files import Json

LARGEST_FORM_BYTES = 1 << 16
LONGEST_TEXT = 1000
_PLAIN = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]*")


@dataclass(frozen=True, slots=True)
class Form:
    """A JSON object that a page sent; each field is taken by its type."""

    fields: dict[str, Json]

    def text(self, name: str, *, longest: int = LONGEST_TEXT) -> str:
        """Return a text, spaces around it left out."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise _unfit(name, "a text")
        if len(value.strip()) > longest:
            raise _unfit(name, f"at most {longest} characters")
        # As the ledger takes texts: a control character comes with what is pasted.
        if not _PLAIN.fullmatch(value):
            raise _unfit(name, "plain text without control characters")
        return value.strip()

    def secret(self, name: str) -> str:
        """Return a passphrase, as it was typed."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT:
            raise _unfit(name, "a passphrase")
        return value

    def number(self, name: str) -> int:
        """Return a whole number."""
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _unfit(name, "a whole number")
        return value

    def is_ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        value = self.fields.get(name)
        if not isinstance(value, bool):
            raise _unfit(name, "true or false")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise _unfit(name, "a list of texts")
        found = tuple(item for item in value if isinstance(item, str))
        if len(found) != len(value):
            raise _unfit(name, "a list of texts")
        return found


async def form_of(request: Request) -> Form:
    """Read the JSON object of a request.

    Raises
    ------
    DeniedError
        When it is too large or something else.
    """
    content = await body_of(request, most_bytes=LARGEST_FORM_BYTES)
    try:
        fields: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DeniedError(DenialCode.FAULT, "What was sent is no JSON.") from error
    if not isinstance(fields, dict):
        raise DeniedError(DenialCode.FAULT, "What was sent is no JSON object.")
    return Form(fields)


async def body_of(request: Request, *, most_bytes: int) -> bytes:
    """Read the body of a request, and no more than it may have.

    Raises
    ------
    DeniedError
        When it is larger, or ends before its end.
    """
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > most_bytes:
                message = f"What was sent is larger than {most_bytes} bytes."
                raise DeniedError(DenialCode.TOO_LARGE, message)
    except ClientDisconnect as error:
        raise DeniedError(DenialCode.FAULT, "What was sent ended before its end.") from error
    return bytes(content)


def _unfit(name: str, expected: str) -> DeniedError:
    message = f"'{name}' does not fit: expected {expected}."
    return DeniedError(DenialCode.FAULT, message, field=name)
