"""What is known of a number: formats, values, check digits."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.errors import InklingError
from inkling.reading.formats import CHARACTERS, CHECKS, NAMED, Check, Constraints, Format, value

DIGITS = "0123456789"
OWN = [
    r"\d{2}/\d{2}/\d{4}",
    r"\d+([.,]\d{2})?",
    r"(?:\d{4}-){3}\d{4}",
    r"\$?\d{1,3}(,\d{3})*",
    r"1|12,",
]

FITS = {
    "integer": "0 -5 +12 007 22000",
    "decimal": "3.14 3,14 -0.5 .5 7 1,234.50 1.234,5 1.000.000 -1,000 12,5",
    "date": "04/13/69 19-9-95 5.12.2024 2024-12-05 05/03/94 5/12 5.12 5.12. 31.1.1999",
    "time": "12:05 7:30:00 19.25 07:30 24:00 0:00",
    "amount": "1,234.50 1.234,50 22000 22000.- $5 €7,90 7,90€ -12.50 12.50= 500/- 45.-- $-3 .50",
    "phone": "555-1234 +49(30)1234567 (030)12.34.56 089/123-456 110 +1-202-555-0143",
}
FITS_NOT = {
    "integer": "1.5 1, - 1-2 5% +",
    "decimal": "1.2.3 1,23,4 1,234,5 . 1. - 1.234.5 0,123.4 $5 12:5",
    "date": "32/1/2024 13/13/69 19-9/95 0/5/99 2024-13-05 5.12.20245 12:05 1.5.1066",
    "time": "25:00 7:60 7:5 7:30.00 730 7,30 24",
    "amount": "1.5 1.234.5 -$-5 12.50== 1,2345 $ € .- 12/05 €",
    "phone": "12 (030 030)12 (030) 1--2 +(49 1/ 5,55",
}


@pytest.mark.parametrize("name", NAMED)
def test_named_formats(name):
    form = Format.of(name)
    fits, fits_not = FITS[name].split(), FITS_NOT[name].split()
    assert [text for text in fits if not form.accepts(text)] == []
    assert [text for text in fits_not if form.accepts(text)] == []


@given(st.data())
def test_every_prefix_of_a_fitting_text_may_begin(data):
    expression = data.draw(st.sampled_from([*NAMED, *OWN]))
    form = Format.of(expression)
    pattern = NAMED.get(expression, expression)
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=CHARACTERS))
    assert form.accepts(text)
    assert all(form.may_begin(text[:length]) for length in range(len(text) + 1))


@pytest.mark.parametrize("expression", [r"\d1/2|2,", r"(?:12)+,?", r"[^1]{2}1?", r"1*2*,+"])
def test_a_prefix_may_begin_only_what_can_become_a_text(expression):
    form = Format.of(expression)
    texts = ["".join(t) for n in range(7) for t in itertools.product("12/,", repeat=n)]
    fitting = [text for text in texts if form.accepts(text)]
    for prefix in texts:
        if len(prefix) < 5:
            assert form.may_begin(prefix) == any(text.startswith(prefix) for text in fitting)


def test_what_is_no_character_of_a_number_fits_no_format():
    form = Format.of("[^0]+")
    assert form.accepts("12")
    assert not form.accepts("1?")
    assert not form.may_begin("?")


def test_the_empty_text_is_no_number():
    form = Format.of(r"\d*")
    assert form.may_begin("")
    assert not form.accepts("")


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("dat", "date"),
        ("number", "integer, decimal"),
        ("", "Try"),
        ("()", "Try"),
        (r"[^\d.,\-/:+()%$€=]", "Try"),
        ("1" * 201, "shorter"),
        ("$5", r"\$"),
        (r"^\d+$", "^ and $ are not needed"),
        (r"(\d)\1", "sets"),
        (r"(?=1)\d", "sets"),
        (r"(?<!1)\d", "sets"),
        (r"(?R)", "sets"),
        (r"(?i)1", "sets"),
        (r"1{e<=1}", "sets"),
        (r"\d*+5", "sets"),
        ("a+", "sets"),
        ("1\n", "sets"),
        ("1{}", "sets"),
        (r"\d{1,2", "sets"),
        (r"(\d", "backslash"),
        (r"\d)", "backslash"),
        (r"\d{3,2}", "backslash"),
        ("[5-1]", "backslash"),
        (r"((1{999}){999}){999}", "smaller"),
        (r"(\d|\d\d)+,", "repetition"),
    ],
)
def test_a_format_that_cannot_be_used_is_an_error_of_one_line(text, way_out):
    with pytest.raises(InklingError, match=r"^Expected [^\n]*$") as caught:
        Format.of(text)
    assert way_out in caught.value.hint


def test_a_match_that_takes_too_long_is_an_error():
    form = Format.of("((47|4|7)+)+,")  # slow on 4s and 7s alone
    with pytest.raises(InklingError, match="quick to match"):
        form.may_begin("47" * 32 + "=")


@given(st.text([*CHARACTERS, *"\\{}[]^*?|d"], max_size=12))
def test_any_text_is_a_format_or_an_error_of_one_line(text):
    try:
        form = Format.of(text)
    except InklingError as error:
        assert "\n" not in str(error)
    else:
        assert any(form.may_begin(character) for character in CHARACTERS)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1.000.000", 1e6),
        ("12,5", 12.5),
        ("0,125", 0.125),
        ("1,234", 1234),
        ("1.234", 1.234),
        (".5", 0.5),
        ("-3", -3),
        ("$5", 5),
        ("$-5", -5),
        ("-€7,90", -7.9),
        ("7%", 7),
        ("22000.-", 22000),
        ("12.50=", 12.5),
        ("500/-", 500),
        ("5.12.2024", None),
        ("19-9-95", None),
        ("12:05", None),
        ("12/5", None),
        ("1?5", None),
        ("-", None),
        (".", None),
        ("", None),
    ],
)
def test_the_value_of_a_text(text, number):
    assert value(text) == number


@given(st.sampled_from(["integer", "decimal", "amount"]), st.data())
def test_what_is_a_number_has_a_value(name, data):
    text = data.draw(st.from_regex(NAMED[name], fullmatch=True, alphabet=CHARACTERS))
    assert value(text) is not None


@given(st.integers(-(10**9), 10**9))
def test_a_value_is_what_was_written_in_english_or_not(cents):
    english = f"{cents / 100:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    for text in (english, continental):
        assert Format.of("amount").accepts(text)
        assert value(text) == pytest.approx(cents / 100, abs=1e-9)


GENUINE = {
    "luhn": "4539-1488-0343-6467",
    "ean13": "4006381333931",
    "ean8": "7351-3537",
    "mod11": "0-306-40615-2",
    "iban:DE": "89370400440532013000",
    "iban:FR": "7630006000011234567890189",
    "iban:NO": "93-8601-1117947",
}


@pytest.mark.parametrize("name", GENUINE)
@given(st.data())
def test_one_wrong_digit_is_found(name, data):
    check = Check.of(name)
    text = GENUINE[name]
    assert check.accepts(text)
    place = data.draw(st.sampled_from([i for i, c in enumerate(text) if c in DIGITS]))
    digit = data.draw(st.sampled_from(DIGITS.replace(text[place], "")))
    assert not check.accepts(text[:place] + digit + text[place + 1 :])
    assert not check.accepts(text[:place] + "?" + text[place + 1 :])


@given(st.text(DIGITS, min_size=1, max_size=18))
def test_luhn_has_one_check_digit_for_any_number(digits):
    assert sum(CHECKS["luhn"](digits + last) for last in DIGITS) == 1


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_and_a_single_digit_pass_no_check(name):
    assert not any(Check.of(name).accepts(text) for text in ("", "-", *DIGITS))


@pytest.mark.parametrize(
    ("name", "way_out"), [("lunh", "luhn"), ("iban", "iban:DE"), ("iban:XX", "NO"), ("?", "mod11")]
)
def test_an_unknown_check_is_an_error(name, way_out):
    with pytest.raises(InklingError, match=r"^Expected ") as caught:
        Check.of(name)
    assert way_out in caught.value.hint


def test_all_constraints_hold():
    known = Constraints.of("amount", minimum=10, maximum=2000, check="luhn")
    assert known.accepts("1,230")
    assert not known.accepts("12:30")  # no amount
    assert not known.accepts("1,231")  # another check digit
    assert not known.accepts("2,006")  # the check digit is right, but it is too much
    assert not Constraints.of(minimum=60).accepts("59")
    assert known.may_begin("1,2")
    assert not known.may_begin("$1")  # a sign among digits with a check digit
    assert not known.may_begin("1:")


def test_either_value_of_a_text_may_be_in_the_range():
    for text in ("1.234", "1,234"):
        assert Constraints.of(maximum=10).accepts(text)
        assert Constraints.of(minimum=1000).accepts(text)
        assert not Constraints.of(minimum=10, maximum=1000).accepts(text)


def test_a_text_without_a_value_is_in_no_range():
    assert not Constraints.of(minimum=0).accepts("12:05")
    assert not Constraints.of(maximum=0).accepts("")


@given(
    st.text("0123.-/", max_size=6),
    st.sampled_from([None, "amount", "date"]),
    st.none() | st.integers(-9, 9),
    st.sampled_from([None, "luhn", "mod11"]),
)
def test_constraints_never_deny_the_prefix_of_what_they_accept(text, form, minimum, check):
    known = Constraints.of(form, minimum, check=check)
    if known.accepts(text):
        assert all(known.may_begin(text[:length]) for length in range(len(text) + 1))


def test_constraints_are_true_if_there_are_any():
    assert not Constraints.of()
    assert Constraints.of().accepts("1?")
    for known in ({"format": "date"}, {"minimum": 0}, {"maximum": 0}, {"check": "luhn"}):
        assert Constraints.of(**known)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum": 2, "maximum": 1},
        {"minimum": float("nan")},
        {"maximum": float("inf")},
        {"format": "dat"},
        {"check": "lun"},
    ],
)
def test_constraints_that_nothing_can_meet_are_an_error(wrong):
    with pytest.raises(InklingError, match=r"^Expected "):
        Constraints.of(**wrong)
