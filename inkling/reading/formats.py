r"""What is known of a number before it is read: its format, its range, its check digit.

`Constraints` says of a text whether it fits, and of a prefix whether it can still become a text
that fits. So a decoder spends no time on what is impossible.

>>> date = Constraints.of(format=r"\d{2}/\d{2}/\d{4}")
>>> date.may_begin("24/12"), date.accepts("24/12")
(True, False)
"""

import math
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

import regex

from inkling.errors import InklingError, suggest

DIGITS = string.digits
CHARACTERS = DIGITS + ".,-/:+()%$€="  # of a number
UNKNOWN = "?"  # of ink that is no character of a number
_KNOWN = frozenset(CHARACTERS)
SEPARATORS = ".,-/:"  # between digits of which one is a check digit

MAX_PATTERN = 200  # characters of a regular expression
MAX_COUNTS = 100_000  # product of its {counts}: it is compiled into as many steps
MAX_TEXT = 64  # characters of a text on which a format is tried
MATCH_SECONDS = 0.2  # of the processor, for one match; a usual one takes 5 microseconds
TRIAL_SECONDS = 1.0  # for all matches by which a format is tried


def _number(group: str, point: str, fraction: str) -> str:
    """The regular expression of a number with thousands and a fraction set apart by these."""
    whole = rf"\d+|[1-9]\d{{0,2}}(?:[{group}]\d{{3}})+"
    return rf"(?:(?:{whole})(?:[{point}]{fraction})?|[{point}]{fraction})"


def _either(fraction: str) -> str:
    """As in English or as on the European continent."""
    return f"(?:{_number(',', '.', fraction)}|{_number('.', ',', fraction)})"


def _date(sign: str) -> str:
    """The regular expression of a date with its parts set apart by `sign`."""
    day_first = f"{_DAY}{sign}{_MONTH}|{_MONTH}{sign}{_DAY}"
    year_first = f"{_YEAR}{sign}{_MONTH}{sign}{_DAY}"
    return rf"(?:{day_first})(?:{sign}(?:{_YEAR}|\d\d))?|{year_first}"


_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[5-9]|20)\d\d"
_FILLER = r"(?:[.,]?--?|=|/-)"  # behind an amount, so that nothing can be added to it

NAMED = {
    # -5  12  007
    "integer": r"[-+]?\d+",
    # 3.14  3,14  -0.5  .5  1,234.5  1.234,5  1.000.000
    "decimal": "[-+]?" + _either(r"\d+"),
    # 04/13/69  19-9-95  5.12.2024  2024-12-05; without a year 5/12  5.12.
    "date": rf"{_date('/')}|{_date('-')}|{_date('[.]')}|{_DAY}[.]{_MONTH}[.]",
    # 12:05  7:30:00  19.25  24:00
    "time": r"(?:[01]?\d|2[0-4])(?:(?::[0-5]\d){1,2}|(?:[.][0-5]\d){1,2})",
    # 22000  1,234.50  1.234,50  -12.50  $5  €7,90  7,90€  22000.-  12.50=  500/-
    "amount": "(?:[-+]?[$€]?|[$€][-+])" + _either(r"\d\d") + _FILLER + "?[$€]?",
    # 110  555-1234  +49(30)1234567  (030)12.34.56  089/123-456
    "phone": r"\+?(?:(?:\d[-./]?){2,14}\d|(?:\d[-./]?){0,5}\(\d{1,5}\)[-./]?(?:\d[-./]?){1,9}\d)",
}

# A user's regular expression is made of these alone: it refers to nothing and looks nowhere else
_SET = r"\[\^?(?:\\[d.,\-/:+()%$€=^]|[0-9.,\-/:+()%$€=])+\]"
_ITEM = rf"(?:[0-9.,\-/:%€=]|\\[d.,\-/:+()%$€=]|{_SET}|\))"
_PART = regex.compile(rf"{_ITEM}(?:[*+?]|\{{(?=[0-9,])[0-9]*,?[0-9]*\}})?\??|\((?:\?:|(?![?*]))|\|")
_COUNT = regex.compile(r"\{([0-9]*),?([0-9]*)\}")


@dataclass(frozen=True)
class Format:
    """What a number looks like."""

    name: str  # as `of` took it
    pattern: "regex.Pattern[str]"

    @classmethod
    def of(cls, text: str) -> Self:
        r"""The format of that name (NAMED), or of a regular expression such as \d{2}/\d{2}.

        Raises InklingError for another name, and for a regular expression that is none, has other
        characters than CHARACTERS, fits no text, refers back or looks around, or takes too long.
        """
        if text in NAMED:
            return cls(text, regex.compile(NAMED[text]))
        _check_parts(text)
        try:
            form = cls(text, regex.compile(text))
        except regex.error as error:
            raise InklingError(
                f"Expected a regular expression, got {text}: {error}",
                r"Put a backslash before a sign that is meant as itself: \. \+ \( \) \$",
            ) from None
        _try(form)
        return form

    def may_begin(self, prefix: str) -> bool:
        """Whether a text of this format can begin so. Raises InklingError if that takes long."""
        return self._fits(prefix, partly=True)

    def accepts(self, text: str) -> bool:
        """Whether a text has this format; never an empty one. Raises as `may_begin` does."""
        return bool(text) and self._fits(text, partly=False)

    def _fits(self, text: str, partly: bool) -> bool:
        if not _KNOWN.issuperset(text):  # [^0] would match it
            return False
        try:
            found = self.pattern.fullmatch(text, partial=partly, timeout=MATCH_SECONDS)
        except TimeoutError:
            raise _too_slow(self) from None
        return found is not None


@dataclass(frozen=True)
class Check:
    """What the digits of a number must come to."""

    name: str  # as `of` took it
    accepts: Callable[[str], bool]  # of a text: whether its check digit is right

    @classmethod
    def of(cls, name: str) -> Self:
        """The check of that name (CHECKS). Raises InklingError for another one."""
        if name in CHECKS:
            return cls(name, CHECKS[name])
        if name.partition(":")[0] == "iban":
            raise InklingError(
                f"Expected the IBAN of a country, got {name!r}",
                f"Name one as in iban:DE; there are {', '.join(IBAN_DIGITS)}",
            )
        raise InklingError(
            f"Expected a check, got {name!r}",
            suggest(
                name, CHECKS, "There are luhn, ean13, ean8, mod11 and, with a country, iban:DE"
            ),
        )


@dataclass(frozen=True)
class Constraints:
    """What is known of a number. Nothing, if it is false.

    >>> seventies = inkling.Constraints.of(format="integer", minimum=70, maximum=79)
    >>> inkling.Reader.load().read_number("77.png", constraints=seventies).text
    '77'
    """

    format: Format | None = None
    minimum: float | None = None  # of the value, as maximum is; a text without one does not fit
    maximum: float | None = None
    check: Check | None = None

    @classmethod
    def of(
        cls,
        format: str | None = None,  # noqa: A002 - as the option is called
        minimum: float | None = None,
        maximum: float | None = None,
        check: str | None = None,
    ) -> Self:
        """Constraints by name. Raises InklingError for an unknown name or an impossible range."""
        for limit in (minimum, maximum):
            if limit is not None and not math.isfinite(limit):
                raise InklingError(
                    f"Expected a finite limit, got {limit}", "Leave it out if there is none"
                )
        if minimum is not None and maximum is not None and minimum > maximum:
            raise InklingError(
                f"Expected a minimum of at most the maximum, got {minimum:g} and {maximum:g}",
                "Exchange them",
            )
        return cls(
            Format.of(format) if format is not None else None,
            minimum,
            maximum,
            Check.of(check) if check is not None else None,
        )

    def __bool__(self) -> bool:
        return self != Constraints()

    def may_begin(self, prefix: str) -> bool:
        """Whether a text that fits may begin so; only what is impossible for sure is denied."""
        if self.check and not set(prefix) <= set(DIGITS + SEPARATORS):
            return False
        return not self.format or self.format.may_begin(prefix)

    def accepts(self, text: str) -> bool:
        """Whether a text fits; where it has two values, whether one of them does."""
        return (
            (not self.format or self.format.accepts(text))
            and (not self.check or self.check.accepts(text))
            and self._within(text)
        )

    def _within(self, text: str) -> bool:
        if self.minimum is None and self.maximum is None:
            return True
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return any(low <= value <= high for value in values(text))


def value(text: str) -> float | None:
    """The value of a number or an amount, as 1,234.50 or €7,90; None of a date and other texts.

    Of 1,234 and 1.234, which could each be two numbers, it is the English one: 1234 and 1.234.
    The percent sign is left out: 7% is 7.
    """
    return next(iter(values(text)), None)


def values(text: str) -> list[float]:
    """The values that a text may have: as in English, then as on the European continent."""
    match = _VALUE.fullmatch(text)
    if not match:
        return []
    sign, number = match.groups()
    return [
        float(sign + number.replace(group, "").replace(point, "."))
        for group, point in (",.", ".,")
        if regex.fullmatch(_number(group, point, r"\d+"), number)
    ]


_VALUE = regex.compile(rf"[$€]?([-+]?)[$€]?([\d.,]*\d){_FILLER}?[$€%]?")


def luhn(text: str) -> bool:
    """Of payment cards and many account numbers (ISO/IEC 7812-1)."""
    digits = _digits_from_the_right(text)
    doubled = [sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(digits)]
    return len(digits) > 1 and sum(doubled) % 10 == 0


def ean(text: str, length: int) -> bool:
    """Of goods (GS1): the digits weigh 1, 3, 1, 3, ... from the right."""
    digits = _digits_from_the_right(text)
    return len(digits) == length and sum(d * (1, 3)[i % 2] for i, d in enumerate(digits)) % 10 == 0


def mod11(text: str) -> bool:
    """Of books (ISBN-10) and whatever counts like it: the digits weigh 1, 2, 3, ... from the right.

    It takes 2 to 10 digits, since an eleventh would weigh nothing. A check digit of ten, written
    X, cannot be read.
    """
    digits = _digits_from_the_right(text)
    return 2 <= len(digits) <= 10 and sum(i * d for i, d in enumerate(digits, 1)) % 11 == 0


def iban(text: str, country: str) -> bool:
    """Of an IBAN without the two letters of its country (ISO 13616): check digits, then account."""
    digits = "".join(map(str, reversed(_digits_from_the_right(text))))
    if len(digits) != IBAN_DIGITS[country]:
        return False
    letters = "".join(str(int(letter, 36)) for letter in country)  # A = 10, ..., Z = 35
    return int(digits[2:] + letters + digits[:2]) % 97 == 1


# Of each country whose IBAN has digits alone behind the letters, or mostly so: how many
_IBANS = (
    "AT18 BA18 BE14 CH19 CY26 CZ22 DE20 DK16 EE18 ES22 FI16 FR25 GR25 HR19 HU26 IL21 IS24 LI19 "
    "LT18 LU18 ME20 NO13 PL26 PT23 RS20 SE22 SI17 SK22 XK18"
)
IBAN_DIGITS = {country[:2]: int(country[2:]) for country in _IBANS.split()}

CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": luhn,
    "ean13": partial(ean, length=13),
    "ean8": partial(ean, length=8),
    "mod11": mod11,
    **{f"iban:{country}": partial(iban, country=country) for country in IBAN_DIGITS},
}


def _digits_from_the_right(text: str) -> list[int]:
    """The digits without their separators, the last first; none if there are other characters."""
    digits = [character for character in reversed(text) if character not in SEPARATORS]
    return [int(digit) for digit in digits] if set(digits) <= set(DIGITS) else []


def _check_parts(text: str) -> None:
    """Raise InklingError for what is no regular expression of plain parts over CHARACTERS."""
    if text.isalpha():
        raise InklingError(
            f"Expected a format's name or a regular expression, got {text!r}",
            suggest(text, NAMED, f"Formats are {', '.join(NAMED)}"),
        )
    if len(text) > MAX_PATTERN:
        raise InklingError(
            f"Expected a regular expression of at most {MAX_PATTERN} characters, got {len(text)}",
            "Write a shorter one",
        )
    place = 0
    while part := _PART.match(text, place):
        place = part.end()
    if place < len(text):
        raise InklingError(
            f"Expected a regular expression over {CHARACTERS}, got {text[place:]!r} in it",
            r"Use \d, sets, groups, | and counts; write \$ for a dollar sign; "
            "^ and $ are not needed, for all of a number is matched",
        )
    counts = [int(high or low or 1) for low, high in _COUNT.findall(text)]
    if math.prod(count for count in counts if count) > MAX_COUNTS:
        raise InklingError(
            f"Expected counts whose product is at most {MAX_COUNTS:,}, got {text}",
            "Write smaller ones",
        )


def _try(form: Format) -> None:
    """Raise InklingError if a format fits no text, or is slow on long ones."""
    if not any(form.may_begin(character) for character in CHARACTERS):
        raise InklingError(
            f"Expected a format that some number has, got '{form.name}'", r"Try \d+ or such"
        )
    start = time.perf_counter()
    for part in (*CHARACTERS, DIGITS):
        for end in "0.=":
            form.may_begin((part * MAX_TEXT)[:MAX_TEXT] + end)
            if time.perf_counter() > start + TRIAL_SECONDS:
                raise _too_slow(form)


def _too_slow(form: Format) -> InklingError:
    return InklingError(
        f"Expected a format that is quick to match, got {form.name}",
        r"Repeat nothing that is a repetition itself, as in (\d+)+",
    )
