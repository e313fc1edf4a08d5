from __future__ import annotations

from itertools import product

import pytest

from corelab.reading.lifecycle import (
    TRANSITIONS,
    ReadEvent,
    ReadState,
    TransitionError,
    next_state,
)

TABLE = """
            open      edit      sign    amend     end_amendment  supersede
assigned    opened    -         -       -         -              superseded
opened      opened    draft     signed  -         -              superseded
draft       draft     draft     signed  -         -              superseded
signed      signed    -         -       amending  -              superseded
amending    amending  amending  signed  -         signed         superseded
superseded  -         -         -       -         -              -
"""


def by_hand() -> dict[tuple[str, str], str]:
    header, *rows = (line.split() for line in TABLE.strip().splitlines())
    return {
        (state, event): after
        for state, *cells in rows
        for event, after in zip(header, cells, strict=True)
    }


@pytest.mark.parametrize(("state", "event"), list(product(ReadState, ReadEvent)))
def test_every_event_in_every_state_moves_on_or_is_refused(
    state: ReadState, event: ReadEvent
) -> None:
    expected = by_hand()[state, event]
    if expected == "-":
        with pytest.raises(TransitionError, match=f"{state.value} cannot {event.value}"):
            next_state(state, event)
    else:
        assert next_state(state, event) == expected


def test_signed_can_be_changed_by_an_amendment_alone() -> None:
    leaving = {
        event
        for (state, event), after in TRANSITIONS.items()
        if state is ReadState.SIGNED and after is not ReadState.SIGNED
    }
    assert leaving == {ReadEvent.AMEND, ReadEvent.SUPERSEDE}


def test_nothing_leaves_a_superseded_read() -> None:
    assert not [event for state, event in TRANSITIONS if state is ReadState.SUPERSEDED]
