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


@pytest.mark.parametrize(("state", "event"), list(product(ReadState, ReadEvent)))
def test_every_event_in_every_state_moves_on_or_is_refused(
    state: ReadState, event: ReadEvent
) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(TransitionError, match=state.value):
            next_state(state, event)


def test_a_signed_read_can_only_be_superseded() -> None:
    leaving = {event for state, event in TRANSITIONS if state is ReadState.SIGNED}
    assert leaving == {ReadEvent.AMEND}


def test_nothing_leaves_a_superseded_read() -> None:
    assert not [event for state, event in TRANSITIONS if state is ReadState.SUPERSEDED]
