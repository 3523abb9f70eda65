"""Texts as people write numbers: counts, amounts, dates, times, telephone numbers, and others.

Each text is made of `CHARACTERS`. A recogniser learns which characters go together, so the kinds
are many, and some texts are drawn at random.
"""

from collections.abc import Callable

from numpy.random import Generator

from inkling.reading import formats
from inkling.reading.formats import DIGITS as DIGITS
from inkling.reading.formats import UNKNOWN as UNKNOWN

SIGNS = formats.CHARACTERS.removeprefix(DIGITS)
CHARACTERS = DIGITS + SIGNS + UNKNOWN

# How often a kind is drawn; the rare signs stay rare, or a 1 is soon read as a bracket
SHARES = {
    "count": 0.5,
    "decimal": 0.16,
    "grouped": 0.03,
    "amount": 0.05,
    "date": 0.07,
    "time": 0.03,
    "telephone": 0.07,
    "fraction": 0.03,
    "signed": 0.02,
    "random": 0.04,
}
LENGTHS = (0.06, 0.28, 0.24, 0.15, 0.11, 0.06, 0.04, 0.03, 0.02, 0.01)  # of 1 to 10 digits


def make(rng: Generator) -> str:
    """A random text of 1 to 20 characters."""
    kinds = list(SHARES)
    return KINDS[kinds[rng.choice(len(kinds), p=list(SHARES.values()))]](rng)


def count(rng: Generator) -> str:
    """As 1200."""
    return digits(rng, int(rng.choice(len(LENGTHS), p=LENGTHS)) + 1)


def decimal(rng: Generator) -> str:
    """As 0.4 or 12,50."""
    whole = digits(rng, int(rng.choice([1, 1, 1, 2, 2, 3, 4, 5])))
    part = digits(rng, int(rng.choice([1, 1, 1, 2, 2, 2, 3, 4])))
    start = "" if rng.random() < 0.04 else whole
    return start + _either(rng, ".", ",", 0.65) + part


def grouped(rng: Generator) -> str:
    """As 1,000,000 or 12.500."""
    sign = _either(rng, ".", ",", 0.4)
    groups = [digits(rng, 3) for _ in range(int(rng.integers(1, 3)))]
    return sign.join([digits(rng, int(rng.integers(1, 4))), *groups])


def amount(rng: Generator) -> str:
    """As $12.50, 1.250,00, 300.- or 45=."""
    text = _either(rng, grouped(rng), digits(rng, int(rng.integers(1, 6))), 0.3)
    kind = rng.random()
    if kind < 0.6:
        text += _either(rng, ".", ",", 0.5) + digits(rng, 2)
    elif kind < 0.75:
        text += str(rng.choice([".-", ",-", "-", "=", ".--", "/-"]))
    place = rng.random()
    if place < 0.3:
        return str(rng.choice(["$", "€"])) + text
    return text + "€" if place < 0.4 else text


def date(rng: Generator) -> str:
    """As 5/7, 19-9-95, 24.12.2026 or 2026-12-24."""
    sign = str(rng.choice(["/", "-", "."], p=[0.5, 0.25, 0.25]))
    day, month = int(rng.integers(1, 32)), int(rng.integers(1, 13))
    padded = "02" if rng.random() < 0.4 else ""
    parts = [format(day, padded), format(month, padded)]
    if rng.random() < 0.5:
        parts.reverse()
    year = digits(rng, 2) if rng.random() < 0.5 else str(rng.choice(["19", "20"])) + digits(rng, 2)
    if rng.random() < 0.3:
        return sign.join(parts)
    return sign.join([year, *parts] if rng.random() < 0.15 else [*parts, year])


def time(rng: Generator) -> str:
    """As 7:05 or 12.30, perhaps with seconds."""
    sign = _either(rng, ":", ".", 0.85)
    text = f"{rng.integers(24)}{sign}{rng.integers(60):02}"
    return text + f"{sign}{rng.integers(60):02}" if rng.random() < 0.15 else text


def telephone(rng: Generator) -> str:
    """As 555-1234 or +49(30)1234567."""
    sign = str(rng.choice(["-", ".", "/"], p=[0.8, 0.1, 0.1]))
    groups = [digits(rng, int(rng.integers(1, 5))) for _ in range(int(rng.integers(1, 4)))]
    text = sign.join([*groups, digits(rng, int(rng.integers(3, 6)))])
    start = rng.random()
    if start < 0.1:
        return "+" + text
    return f"({digits(rng, int(rng.integers(2, 5)))})" + text if start < 0.2 else text


def fraction(rng: Generator) -> str:
    """As 3/4 or 12:5."""
    sign = _either(rng, "/", ":", 0.85)
    return sign.join(digits(rng, int(rng.choice([1, 1, 2, 3]))) for _ in range(2))


def signed(rng: Generator) -> str:
    """As -5, 3+4, (12), 40% or 1=1."""
    one, other = (_either(rng, count(rng), decimal(rng), 0.7)[:6] for _ in range(2))
    kinds = ["-" + one, "+" + one, f"({one})", one + "%", f"{one}+{other}", f"{one}={other}"]
    kinds += [f"{one}-{other}"]
    return str(rng.choice(kinds, p=[0.3, 0.1, 0.15, 0.2, 0.1, 0.05, 0.1]))


def random(rng: Generator) -> str:
    """Any characters of a number, digits more often than signs."""
    weights = [3.0] * len(DIGITS) + [2.0] * 5 + [0.4] * (len(SIGNS) - 5)
    total = sum(weights)
    chosen = rng.choice([*DIGITS, *SIGNS], int(rng.integers(1, 8)), p=[w / total for w in weights])
    return "".join(chosen)


def digits(rng: Generator, number: int) -> str:
    """That many random digits; 1 and 0 a little more often, as in the world."""
    return "".join(rng.choice(list(DIGITS), number, p=[0.13, 0.16, *[0.71 / 8] * 8]))


def _either(rng: Generator, one: str, other: str, share: float) -> str:
    return one if rng.random() < share else other


KINDS: dict[str, Callable[[Generator], str]] = {
    "count": count,
    "decimal": decimal,
    "grouped": grouped,
    "amount": amount,
    "date": date,
    "time": time,
    "telephone": telephone,
    "fraction": fraction,
    "signed": signed,
    "random": random,
}
