"""The checks of exercises, as in the lessons: each says what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-3  # relative, and absolute near 0: answers may be worked out by hand


def exercise(
    cases: Sequence[tuple[Any, ...]], mistakes: Mapping[str, Callable[..., Any]] | None = None
) -> Callable[[Callable[..., Any]], None]:
    """A check of a function that a reader writes.

    Each case holds the arguments and, last, the value that is expected: a number, an array, a
    string or None of these. `mistakes` are functions that are wrong in a known way, each under the
    advice for whoever made that mistake.

    >>> from inkling.exercises import exercise
    >>> check = exercise([(3, 9), (-2, 4)], {"Multiply the number by itself": lambda x: 2 * x})
    >>> check(lambda x: x + x)
    Not yet. For 3 the answer is 6; expected: 9. Multiply the number by itself.
    >>> check(lambda x: x * x)
    Right.
    """

    def check(answer: Callable[..., Any]) -> None:
        for *arguments, expected in cases:
            problem = _problem(answer, arguments, expected, mistakes or {})
            if problem:
                print(f"Not yet. For {_shown(*arguments)} {problem}.")  # noqa: T201  # to the reader
                return
        print("Right.")  # noqa: T201

    return check


def _problem(
    answer: Callable[..., Any],
    arguments: Sequence[Any],
    expected: Any,
    mistakes: Mapping[str, Callable[..., Any]],
) -> str | None:
    """What is wrong with the answer to a case; None if nothing is."""
    try:
        got = answer(*arguments)
    except Exception as error:  # whatever a reader's code raises
        return f"it raises {type(error).__name__}: {error}".rstrip(".")
    if got is None or got is ...:
        return "the function returns nothing: end it with `return`"
    if _same(got, expected):
        return None
    found = f"the answer is {_shown(got)}; expected: {_shown(expected)}"
    if np.shape(got) != np.shape(expected):
        found = f"the answer has the shape {np.shape(got)}; expected: {np.shape(expected)}"
    for advice, mistake in mistakes.items():
        if _same(got, mistake(*arguments)):
            return f"{found}. {advice}"
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    try:
        left, right = np.asarray(one, float), np.asarray(other, float)
    except (TypeError, ValueError):
        return False
    return left.shape == right.shape and np.allclose(left, right, TOLERANCE, TOLERANCE)


def _shown(*values: Any) -> str:
    """Values on one line; of large arrays, the shape."""
    return ", ".join(_text(value) for value in values)


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"an array of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return " ".join(np.array2string(value, precision=4, separator=", ").split())
    if isinstance(value, (float, np.floating)):
        return f"{value:.5g}"
    return getattr(value, "__name__", None) or repr(value)
