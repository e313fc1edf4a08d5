"""The reading room's part of ``corelab status``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from corelab.store.files import Json
from corelab.vocab import Case
from pipelines.reading_state import ReadingState
from pipelines.reads import Load
from pipelines.screen import counted

_MOST_LISTED = 15


def reading_lines(state: ReadingState | None, width: int) -> Iterator[str]:
    """Lines of text, none wider than the terminal; none where nobody reads."""
    if state is None:
        return
    yield ""
    yield from _wrapped(
        f"reading: {state.n_accepted} of {counted(state.n_cases, 'case')} accepted, "
        f"{state.n_excluded} excluded, "
        f"open queries: {state.n_open_queries}",
        width,
    )
    if state.loads:
        wide = max(len(_who(load)) for load in state.loads)
        yield f"  {'':<{wide}}  {'waiting':>7}  {'begun':>5}  {'signed':>6}  {'amending':>8}"
        for load in state.loads:
            yield (
                f"  {_who(load):<{wide}}  {load.waiting:>7}  {load.begun:>5}  {load.signed:>6}  "
                f"{load.amending:>8}"
            )
    for awaited, count in sorted(state.awaited.items()):
        yield f"  {counted(count, 'case')} without an accepted value: {awaited} awaited"
    yield from _named("not planned: corelab reads plan", state.unplanned, width)
    yield from _named("no adjudicator is free", state.stranded, width)
    words = [f"{_told(one.case)}: {', '.join(one.blocks)}" for one in state.blocked]
    yield from _listed("blocked", words, width)


def reading_json(state: ReadingState) -> dict[str, Json]:
    """All of it, with every case that the screen leaves out."""
    return {
        "cases": state.n_cases,
        "accepted": state.n_accepted,
        "excluded": state.n_excluded,
        "open_queries": state.n_open_queries,
        "awaited": {awaited.value: count for awaited, count in sorted(state.awaited.items())},
        "readers": [
            {
                "reader": load.reader,
                "kind": load.kind.value,
                "waiting": load.waiting,
                "begun": load.begun,
                "signed": load.signed,
                "amending": load.amending,
            }
            for load in state.loads
        ],
        "unplanned": [_case_json(case) for case in state.unplanned],
        "without_adjudicator": [_case_json(case) for case in state.stranded],
        "blocked": [
            {**_case_json(one.case), "blocks": [block.value for block in one.blocks]}
            for one in state.blocked
        ],
        "open_ends": list(state.open_ends),
    }


def _who(load: Load) -> str:
    return f"{load.reader} {load.kind}s"


def _named(title: str, cases: tuple[Case, ...], width: int) -> Iterator[str]:
    yield from _listed(title, [_told(case) for case in cases], width)


def _listed(title: str, words: list[str], width: int) -> Iterator[str]:
    for text in words[:_MOST_LISTED]:
        yield from _wrapped(f"  {title}: {text}", width)
    rest = len(words) - _MOST_LISTED
    if rest > 0:
        yield f"  and {rest} more {title} (--format json names all)"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False)


def _case_json(case: Case) -> dict[str, Json]:
    return {"subject_code": str(case.subject_code), "visit": str(case.visit)}


def _told(case: Case) -> str:
    return f"{case.subject_code} {case.visit}"
