"""The life of a read as a table: state and event to the next state, nothing else."""

from __future__ import annotations

from enum import StrEnum

from corelab.errors import CorelabError


class ReadState(StrEnum):
    """Where a read stands."""

    ASSIGNED = "assigned"
    OPENED = "opened"
    DRAFT = "draft"
    SIGNED = "signed"
    SUPERSEDED = "superseded"


class ReadEvent(StrEnum):
    """What may happen to a read."""

    OPEN = "open"
    EDIT = "edit"
    SIGN = "sign"
    AMEND = "amend"


class TransitionError(CorelabError):
    """An event that the read's state does not allow."""


TRANSITIONS: dict[tuple[ReadState, ReadEvent], ReadState] = {
    (ReadState.ASSIGNED, ReadEvent.OPEN): ReadState.OPENED,
    (ReadState.OPENED, ReadEvent.OPEN): ReadState.OPENED,
    (ReadState.OPENED, ReadEvent.EDIT): ReadState.DRAFT,
    # Accepting the automatic mask unchanged is a read too.
    (ReadState.OPENED, ReadEvent.SIGN): ReadState.SIGNED,
    (ReadState.DRAFT, ReadEvent.OPEN): ReadState.DRAFT,
    (ReadState.DRAFT, ReadEvent.EDIT): ReadState.DRAFT,
    (ReadState.DRAFT, ReadEvent.SIGN): ReadState.SIGNED,
    # A signed read is never changed: an amendment is a new version that supersedes it.
    (ReadState.SIGNED, ReadEvent.AMEND): ReadState.SUPERSEDED,
}


def next_state(state: ReadState, event: ReadEvent) -> ReadState:
    """State after an event.

    Raises
    ------
    TransitionError
        When the state does not allow the event.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        allowed = [known.value for place, known in TRANSITIONS if place is state]
        raise TransitionError(
            f"a read that is {state.value} cannot {event.value}; "
            f"it allows {', '.join(allowed) or 'nothing'}"
        ) from None
