"""Decoding a line: probabilities, search, alignment and alternatives against all paths."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.reading import decoding
from inkling.reading.formats import CHARACTERS, Constraints

FEW = "12."


def columns(seed, count, characters=FEW, spread=1.5):
    """Random log-probabilities `(T, 1 + K)`."""
    logits = np.random.default_rng(seed).uniform(-spread, spread, (count, 1 + len(characters)))
    return (logits - np.logaddexp.reduce(logits, 1, keepdims=True)).astype(np.float32)


def line(*columns):
    """Log-probabilities of columns that are given as {character: probability}, rest blank."""
    probabilities = np.zeros((len(columns), 1 + len(CHARACTERS)))
    for row, column in zip(probabilities, columns, strict=True):
        for character, p in column.items():
            row[1 + CHARACTERS.index(character)] = p
        row[0] = 1 - row.sum()
    with np.errstate(divide="ignore"):
        return np.log(probabilities).astype(np.float32)


def text_of(path, characters=FEW):
    """What a path says: repeats merged, blanks removed."""
    return "".join(characters[c - 1] for c, _ in itertools.groupby(path) if c)


def paths(log_probs):
    """All paths with their probabilities."""
    count, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=count):
        yield path, float(np.exp(log_probs[np.arange(count), path].sum(dtype=np.float64)))


def all_texts(log_probs):
    """The probability of each text, as the sum over its paths."""
    texts = Counter()
    for path, p in paths(log_probs):
        texts[text_of(path)] += p
    return texts


small_lines = st.builds(columns, st.integers(0, 9999), st.integers(1, 5))


@given(small_lines)
def test_a_text_is_as_probable_as_all_its_paths(log_probs):
    texts = all_texts(log_probs)
    found = {text: np.exp(decoding.probability(log_probs, text, FEW)) for text in texts}
    assert found == pytest.approx(dict(texts), rel=1e-6)
    assert sum(found.values()) == pytest.approx(1)
    assert decoding.probability(log_probs, "1" * (1 + len(log_probs)), FEW) == -np.inf


@pytest.mark.parametrize("text", ["", "7", "11", "22000.-", "1,234,567.89", "000000000000"])
def test_the_log_likelihood_is_pytorchs_ctc_loss(text):
    import torch

    log_probs = columns(0, 40, CHARACTERS, 6)
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs).double()[:, None],
        torch.tensor([[1 + CHARACTERS.index(character) for character in text]]),
        torch.tensor([40]),
        torch.tensor([len(text)]),
        reduction="none",
    )
    found = decoding.probability(log_probs, text, CHARACTERS)
    assert found == pytest.approx(-float(loss[0]), rel=1e-9)


@given(small_lines)
def test_a_wide_search_finds_the_best_of_all_texts(log_probs):
    best = all_texts(log_probs).most_common(decoding.MAX_CANDIDATES)
    found = decoding.search(log_probs, FEW, width=10_000)
    probabilities = [candidate.probability for candidate in found]
    assert probabilities == pytest.approx([p for _, p in best], rel=1e-6)
    assert {found[0].text} <= {text for text, p in best if p == pytest.approx(best[0][1])}
    assert sum(probabilities) <= 1 + 1e-6
    assert len({candidate.text for candidate in found}) == len(found)


@given(small_lines, st.sampled_from([r"\d+", r"\d\.\d", r"[.]*1", r"(12)+"]))
def test_a_search_with_a_format_finds_the_best_text_of_it(log_probs, expression):
    known = Constraints.of(expression)
    texts = {text: p for text, p in all_texts(log_probs).items() if known.accepts(text)}
    found = decoding.search(log_probs, FEW, known.accepts, known.may_begin, width=10_000)
    best = sorted(texts.values(), reverse=True)[: decoding.MAX_CANDIDATES]
    assert [c.probability for c in found] == pytest.approx(best, rel=1e-6)
    assert all(c.probability == pytest.approx(texts[c.text]) for c in found)


def test_a_format_decides_between_signs():
    seen = line({"1": 0.9}, {}, {"2": 0.9}, {}, {"1": 0.95, "/": 0.04}, {}, {"5": 0.9}, {})
    assert decoding.search(seen, CHARACTERS)[0].text == "1215"
    date = Constraints.of("date")
    best = decoding.search(seen, CHARACTERS, date.accepts, date.may_begin)[0]
    assert best.text == "12/5"
    assert best.probability == pytest.approx(0.9**3 * 0.04)  # as without the format


def test_a_format_finds_what_is_much_less_likely_than_anything_else():
    seen = line({"1": 1 - 2e-6, "7": 1e-6}, {"5": 0.9})
    known = Constraints.of("7[0-9]")
    assert decoding.search(seen, CHARACTERS, known.accepts, known.may_begin)[0].text == "75"


def test_without_an_accepted_text_there_is_no_candidate():
    known = Constraints.of(r"\d{3}")
    assert decoding.search(line({"1": 0.9}), CHARACTERS, known.accepts, known.may_begin) == []


@pytest.mark.parametrize("width", [1, 4, 16])
def test_a_clear_line_is_read_by_any_width(width):
    text = "12:05-1199"
    shown = [column for c in text for column in ({c: 0.6}, {c: 0.97}, {}, {})]
    assert decoding.search(line(*shown), CHARACTERS, width=width)[0].text == text


def test_blank_columns_and_no_columns_are_the_empty_text():
    for count in (0, 1, 60):
        (best,) = decoding.search(line(*[{}] * count), CHARACTERS)
        assert best == decoding.Candidate("", 1.0)


def test_certain_columns_have_one_candidate():
    seen = line({"1": 1}, {"1": 1}, {}, {"1": 1}, {"2": 1})
    assert decoding.search(seen, CHARACTERS) == [decoding.Candidate("112", 1.0)]
    assert decoding.align(seen, "112", CHARACTERS) == [(0, 2), (3, 4), (4, 5)]
    first, second, third = decoding.alternatives(seen, "112", CHARACTERS)
    assert (first[0], second[0], third[0]) == (("1", 1.0), ("1", 1.0), ("2", 1.0))


@given(small_lines, st.text(FEW, max_size=3))
def test_the_alignment_is_the_likeliest_path(log_probs, text):
    likeliest = max((p for path, p in paths(log_probs) if text_of(path) == text), default=None)
    if likeliest is None:
        with pytest.raises(ValueError, match="columns can hold"):
            decoding.align(log_probs, text, FEW)
        return
    path = np.zeros(len(log_probs), int)
    for character, (first, beyond) in zip(text, decoding.align(log_probs, text, FEW), strict=True):
        path[first:beyond] = 1 + FEW.index(character)
    assert text_of(path) == text
    found = np.exp(log_probs[np.arange(len(path)), path].sum(dtype=np.float64))
    assert found == pytest.approx(likeliest, rel=1e-6)


@given(
    st.builds(columns, st.integers(0, 9999), st.integers(6, 20), spread=st.sampled_from([1, 9])),
    st.text(FEW, max_size=3),
)
def test_alternatives_are_the_variants_of_a_place(log_probs, text):
    found = decoding.alternatives(log_probs, text, FEW)
    assert len(found) == len(text)
    for place, options in enumerate(found):
        variants = {
            c: decoding.probability(log_probs, text[:place] + c + text[place + 1 :], FEW)
            for c in ("", *FEW)
        }
        total = np.logaddexp.reduce(list(variants.values()))
        expected = {c: pytest.approx(np.exp(p - total), abs=1e-9) for c, p in variants.items()}
        assert dict(options) == expected
        assert options[0][0] == text[place]
        others = [p for _, p in options[1:]]
        assert others == sorted(others, reverse=True)


def test_only_the_likeliest_alternatives_are_given():
    seen = line({"7": 0.6, "1": 0.3, "4": 0.06})  # and nothing with 0.04
    ((own, *others),) = decoding.alternatives(seen, "1", CHARACTERS, limit=2)
    assert own == ("1", pytest.approx(0.3))
    assert others == [("7", pytest.approx(0.6)), ("4", pytest.approx(0.06))]


def test_a_text_that_does_not_fit_has_no_alternatives():
    with pytest.raises(ValueError, match="2 columns can hold"):
        decoding.alternatives(line({"1": 0.9}, {"1": 0.9}), "11", CHARACTERS)


def test_a_character_that_the_network_does_not_know_is_a_mistake():
    with pytest.raises(ValueError, match="x"):
        decoding.probability(columns(0, 4), "1x", list(FEW))


def test_no_text_is_more_than_certain():
    """Whatever float32 rounds: its columns may sum to more than 1."""
    log_probs = np.full((3, 3), -20, np.float32)
    log_probs[:, 1] = 1e-5
    (best, *_) = decoding.search(log_probs, "ab")
    assert (best.text, best.probability) == ("a", 1.0)
