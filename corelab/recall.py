"""What is asked for twice in a case is worked out once.

Segmenting and measuring look for the same plane and sort the same tissues, each from what it
was given, so that an edited mask is measured as an automatic one is. Within :func:`recalling`
the second to ask gets what the first got. Nothing outlives it; without it nothing is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

Given = ParamSpec("Given")
Result = TypeVar("Result")

_results: ContextVar[dict[object, dict[Hashable, object]] | None] = ContextVar("_results")


@contextmanager
def recalling() -> Iterator[None]:
    """Keep the last results of :func:`recalled` functions within."""
    before = _results.set({})
    try:
        yield
    finally:
        _results.reset(before)


def recalled(last: int) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Have a function give the result of an earlier call with equal arguments.

    It takes arrays and what can be hashed. Its results belong to all who ask for them: nobody
    may write into one.

    Parameters
    ----------
    last
        How many results are kept.
    """

    def of(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def again(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            results = _results.get(None)
            if results is None:
                return function(*args, **kwargs)
            kept = results.setdefault(function, {})
            key = *map(_content, args), *((name, _content(kwargs[name])) for name in kwargs)
            if key not in kept:
                kept[key] = function(*args, **kwargs)
            result: Result = kept[key]  # type: ignore[assignment]  # what it gave before
            if len(kept) > last:
                del kept[next(iter(kept))]
            return result

        return again

    return of


def _content(argument: object) -> Hashable:
    """Tell equal arguments by their content; how an array lies in memory is a part of it."""
    if isinstance(argument, np.ndarray):
        laid = np.ascontiguousarray(argument.T if argument.flags.f_contiguous else argument)
        digest = hashlib.sha256(laid.data).digest()
        return argument.shape, argument.strides, argument.dtype.str, digest
    return tuple(argument) if isinstance(argument, list) else argument
