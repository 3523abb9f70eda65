"""Exercises say what is wrong, and the documentation site is checked by what can fail."""

import json
import math
import sys

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from inkling.exercises import exercise

sys.path.insert(0, str(ROOT / "docs" / "site"))
import checks
import figures
import lessons

SQUARES = exercise([(3, 9), (-2, 4)], {"Multiply the number by itself": lambda x: 2 * x})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x * x, "Right."),
        (lambda x: x**2 + 1e-5, "Right."),
        (lambda x: x + x, "For x=3 the answer is 6; expected: 9. Multiply the number by itself."),
        (lambda x: x * abs(x), "For x=-2 the answer is -4; expected: 4."),
        (lambda x: None, "For x=3 the function returns nothing: end it with `return`."),
        (lambda x: [x * x], "For x=3 the answer is [9]; expected: 9."),
        (lambda x: np.array([x * x]), "an array of shape (1,); expected: one number."),
        (lambda x: x * x if x > 0 else -4.0, "expected: 4. The sign is wrong."),
        (lambda x: 6 if x == 3 else 4, "For x=3 the answer is 6; expected: 9. Multiply the"),
        (lambda x: 9 if x == 3 else -4, "For x=-2 the answer is -4; expected: 4."),
        (lambda x: x.bit_length, "the answer is a function: call it, with ()."),
        (lambda x: (x, np.zeros(2)), "the answer is (3, [0., 0.]); expected: 9."),
        (lambda x: x / 0, "For x=3 it raises ZeroDivisionError: division by zero."),
        (lambda: 9, "it raises TypeError"),
        (lambda x: "nine", "the answer is 'nine'; expected: 9."),
        (lambda x: float("nan"), "the answer is nan; expected: 9."),
    ],
)
def test_a_check_says_what_is_wrong(answer, said, capsys):
    SQUARES(answer)
    printed = capsys.readouterr().out
    assert said in printed
    assert printed.startswith("Right." if said == "Right." else "Not yet. ")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda z: np.exp(z) / np.exp(z).sum(), "expected: [0.5, 0.5]. Subtract the largest."),
        (lambda z: max(z, 0), "np.maximum takes arrays."),
        (lambda z: math.exp(z), "NumPy's, as np.exp, take arrays."),
        (lambda z: z @ np.ones((3, 2)), "The shapes do not fit."),
        (lambda z: z(1 - z), "Write `*` between what is multiplied."),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_that_fail_get_advice(answer, said, capsys):
    check = exercise(
        [(np.array([1000.0, 1000.0]), np.array([0.5, 0.5]))],
        {"Subtract the largest": lambda z: np.full(2, np.nan)},
    )
    check(answer)
    assert said in capsys.readouterr().out


def test_an_answer_that_changes_what_it_was_given_is_not_right(capsys):
    check = exercise([(np.array([1.0, 2.0]), np.array([2.0, 4.0]))])

    def doubled(x):
        x *= 2
        return x

    for _ in range(2):  # and the check stays as it was
        check(doubled)
        assert "changed what it was given: make new arrays." in capsys.readouterr().out
        check(lambda x: 2 * x)
        assert capsys.readouterr().out == "Right.\n"


def test_large_arrays_are_named_by_their_shape(capsys):
    exercise([(np.zeros((28, 28)), np.ones(2))])(lambda image: np.zeros(2))
    said = "For image=an array of shape (28, 28) the answer is [0., 0.]; expected: [1., 1.]."
    assert capsys.readouterr().out == f"Not yet. {said}\n"


@given(st.floats(1, 1e6) | st.floats(-1e6, -1), st.floats(0.001, 0.5))
def test_outputs_agree_within_their_tolerance(value, tolerance):
    text = f"it reads {value:.6f} of them"
    assert lessons.agree(text, text, tolerance)
    near, far = value * (1 + 0.5 * tolerance), value * (1 + 3 * tolerance)
    assert lessons.agree(f"it reads {near:.9f} of them", text, tolerance)
    assert not lessons.agree(f"it reads {far:.6f} of them", text, tolerance)
    assert not lessons.agree(text.replace("reads", "read"), text, tolerance)


def test_each_number_counts():
    assert not lessons.agree("1 2", "1", 0.1)
    assert not lessons.agree("1,000 images", "1,200 images", 0.1)
    assert lessons.agree("3e-06  6e-05", "3.1e-06  6e-05", 0.1)


def test_an_exercise_that_cannot_be_failed_is_found():
    def cell(tag, text):
        made = nbformat.v4.new_code_cell("x")
        made.metadata["tags"] = [tag]
        made.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        return made

    cells = [cell("exercise", "Right.\n"), cell("solution", "Not yet. No.\n")]
    problems = list(lessons.unchecked("it", nbformat.v4.new_notebook(cells=cells)))
    assert len(problems) == 2
    cells = [cell("exercise", "Not yet. No.\n"), cell("solution", "Right.\n")]
    assert not list(lessons.unchecked("it", nbformat.v4.new_notebook(cells=cells)))


def test_each_lesson_has_its_outputs_and_its_place():
    expected = json.loads(lessons.OUTPUTS.read_text())
    names = lessons.names()
    assert list(expected) == names
    assert len(names) == 12
    site = (ROOT / "mkdocs.yml").read_text()
    places = [site.index(f"learn/{name}.md") for name in names]
    assert places == sorted(places)


def test_figures_come_from_records():
    record = json.loads((ROOT / "results" / "sprint.json").read_text())
    assert figures.filled("{{sprint.mean:.2f}} %") == f"{record['mean']:.2f} %"
    engines = json.loads((ROOT / "results" / "engines.json").read_text())["rows"]
    rows = figures.filled("{{engines.rows * | {name} | {lines} |}}").splitlines()
    assert rows == [f"| {row['name']} | {row['lines']} |" for row in engines]
    with pytest.raises(KeyError):
        figures.filled("{{sprint.means}}")
    with pytest.raises(FileNotFoundError):
        figures.filled("{{nothing.mean}}")


def test_a_broken_site_is_found(tmp_path):
    (tmp_path / "other.html").write_text('<h1 id="here">Here</h1>')
    (tmp_path / "index.html").write_text(
        '<a href="other.html#here">fine</a> <a href="https://example.org">fine too</a>'
        '<a href="other.html#gone"></a> <a href="none.html"></a> <img src="none.png" alt="">'
        '<img src="other.html"> <script src="https://example.org/x.js"></script>'
    )
    found = sorted(checks.problems(tmp_path))
    assert found == [
        "index.html: expected an alt text of the picture other.html",
        "index.html: expected nothing from other hosts, got https://example.org/x.js",
        "index.html: no heading at other.html#gone",
        "index.html: nothing is at none.html",
        "index.html: nothing is at none.png",
    ]
