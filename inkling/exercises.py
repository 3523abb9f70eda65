"""The checks of exercises, as in the lessons: each says what is wrong."""

import contextlib
import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-3  # relative, and absolute near 0: answers may be worked out by hand
MAX_SHOWN = 12  # numbers of an array
ADVICE = {  # for what NumPy and Python say of mistakes that are often made
    "truth value of an array": "`if` and `max` take one number; np.maximum takes arrays",
    "0-dimensional": "The functions of `math` take one number; NumPy's, as np.exp, take arrays",
    "core dimension": "The shapes do not fit",
    "broadcast": "The shapes do not fit",
    "not callable": "Write `*` between what is multiplied",
}

Answer = Callable[..., Any]


def exercise(
    cases: Sequence[tuple[Any, ...]], mistakes: Mapping[str, Answer] | None = None
) -> Callable[[Answer], None]:
    """A check of a function that a reader writes.

    Each case holds the arguments and, last, the value that is expected: a number, an array, a
    string, or a list of these. `mistakes` are functions that are wrong in a known way, each under
    the advice for whoever made that mistake.

    >>> from inkling.exercises import exercise
    >>> check = exercise([(3, 9), (-2, 4)], {"Multiply the number by itself": lambda x: 2 * x})
    >>> check(lambda x: x + x)
    Not yet. For x=3 the answer is 6; expected: 9. Multiply the number by itself.
    >>> check(lambda x: x * x)
    Right.
    """

    def check(answer: Answer) -> None:
        fitting = dict(mistakes or {})  # those that gave the same answers so far
        for *arguments, expected in cases:
            with np.errstate(all="ignore"):  # the check says it better than a warning
                problem = _problem(answer, arguments, expected, fitting)
            if problem:
                print(f"Not yet. For {_named(answer, arguments)} {problem}.")  # noqa: T201  # to the reader
                return
        print("Right.")  # noqa: T201

    return check


def _problem(
    answer: Answer, arguments: Sequence[Any], expected: Any, mistakes: dict[str, Answer]
) -> str | None:
    """What is wrong with the answer to a case; None if nothing is."""
    given = copy.deepcopy(arguments)
    try:
        got = answer(*given)
    except Exception as error:  # whatever a reader's code raises
        advice = next((f". {advice}" for text, advice in ADVICE.items() if text in str(error)), "")
        return f"it raises {type(error).__name__}: {error}".rstrip(".") + advice
    for advice, mistake in list(mistakes.items()):
        with contextlib.suppress(Exception):  # one that fails is not what the reader did
            if _same(got, mistake(*copy.deepcopy(arguments))):
                continue
        del mistakes[advice]
    if got is None or got is ...:
        return "the function returns nothing: end it with `return`"
    if callable(got):
        return "the answer is a function: call it, with ()"
    if not _same(got, expected):
        advice = next(iter(mistakes), "The sign is wrong" if _is_negative(got, expected) else "")
        return _difference(got, expected) + (f". {advice}" if advice else "")
    if not all(map(_same, given, arguments)):
        return "the answer is right, but the function changed what it was given: make new arrays"
    return None


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, numbers within the tolerance."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    try:
        left, right = np.asarray(one, float), np.asarray(other, float)
    except (TypeError, ValueError):
        return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)
    return left.shape == right.shape and np.allclose(
        left, right, TOLERANCE, TOLERANCE, equal_nan=True
    )


def _is_negative(got: Any, expected: Any) -> bool:
    return isinstance(got, (float, np.ndarray, np.number)) and _same(np.negative(got), expected)


def _difference(got: Any, expected: Any) -> str:
    arrays = isinstance(got, (np.ndarray, np.generic)) or isinstance(expected, np.ndarray)
    try:
        shapes = [np.shape(value) for value in (got, expected)]
    except ValueError:  # a list of arrays of several shapes has none
        shapes = []
    if arrays and shapes and shapes[0] != shapes[1]:
        found, wanted = (
            f"an array of shape {shape}" if shape else "one number" for shape in shapes
        )
        return f"the answer is {found}; expected: {wanted}"
    if isinstance(got, np.ndarray) and got.size > MAX_SHOWN:
        place = np.unravel_index(np.argmax(~np.isclose(got, expected, TOLERANCE)), got.shape)
        where = ", ".join(str(index) for index in place)
        return f"the answer at [{where}] is {_text(got[place])}; expected: {_text(expected[place])}"
    return f"the answer is {_text(got)}; expected: {_text(expected)}"


def _named(answer: Answer, arguments: Sequence[Any]) -> str:
    """The arguments on one line, with the names that the function gives them."""
    names = list(inspect.signature(answer).parameters)
    values = [_text(value) for value in arguments]
    if len(names) < len(values):
        return ", ".join(values)
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=False))


def _text(value: Any) -> str:
    """A value on one line; of large arrays, the shape."""
    if isinstance(value, (list, tuple)):
        texts = ", ".join(map(_text, value))
        return f"[{texts}]" if isinstance(value, list) else f"({texts})"
    if isinstance(value, np.ndarray) and value.size > MAX_SHOWN:
        return f"an array of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return " ".join(np.array2string(value, precision=4, separator=", ").split())
    if isinstance(value, (float, np.number)):
        return f"{value:.5g}"
    return getattr(value, "__name__", None) or repr(value)
