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
    AMENDING = "amending"
    SUPERSEDED = "superseded"


class ReadEvent(StrEnum):
    """What may happen to a read."""

    OPEN = "open"
    EDIT = "edit"
    SIGN = "sign"
    AMEND = "amend"
    END_AMENDMENT = "end_amendment"
    SUPERSEDE = "supersede"


class TransitionError(CorelabError):
    """An event that the read's state does not allow."""


TRANSITIONS: dict[tuple[ReadState, ReadEvent], ReadState] = {
    (ReadState.ASSIGNED, ReadEvent.OPEN): ReadState.OPENED,
    (ReadState.ASSIGNED, ReadEvent.SUPERSEDE): ReadState.SUPERSEDED,
    (ReadState.OPENED, ReadEvent.OPEN): ReadState.OPENED,
    (ReadState.OPENED, ReadEvent.EDIT): ReadState.DRAFT,
    # Accepting the automatic mask unchanged is a read too.
    (ReadState.OPENED, ReadEvent.SIGN): ReadState.SIGNED,
    (ReadState.OPENED, ReadEvent.SUPERSEDE): ReadState.SUPERSEDED,
    (ReadState.DRAFT, ReadEvent.OPEN): ReadState.DRAFT,
    (ReadState.DRAFT, ReadEvent.EDIT): ReadState.DRAFT,
    (ReadState.DRAFT, ReadEvent.SIGN): ReadState.SIGNED,
    (ReadState.DRAFT, ReadEvent.SUPERSEDE): ReadState.SUPERSEDED,
    # A signed version is never changed: it is looked at, or followed by a new one with a reason.
    (ReadState.SIGNED, ReadEvent.OPEN): ReadState.SIGNED,
    (ReadState.SIGNED, ReadEvent.AMEND): ReadState.AMENDING,
    (ReadState.SIGNED, ReadEvent.SUPERSEDE): ReadState.SUPERSEDED,
    (ReadState.AMENDING, ReadEvent.OPEN): ReadState.AMENDING,
    (ReadState.AMENDING, ReadEvent.EDIT): ReadState.AMENDING,
    (ReadState.AMENDING, ReadEvent.SIGN): ReadState.SIGNED,
    (ReadState.AMENDING, ReadEvent.END_AMENDMENT): ReadState.SIGNED,
    (ReadState.AMENDING, ReadEvent.SUPERSEDE): ReadState.SUPERSEDED,
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
