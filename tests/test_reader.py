import dataclasses
import io
import itertools
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from inkling import Drawing, NothingDrawn, Reader, Reading
from inkling.errors import InklingError
from inkling.reading import reader as reader_module
from inkling.reading import report
from inkling.reading.answers import Answer


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


def on_a_canvas(digit, scale=8, place=(90, 60)):
    canvas = np.zeros((384, 384), np.uint8)
    top, left = place
    canvas[top : top + 28 * scale, left : left + 28 * scale] = digit.repeat(scale, 0).repeat(
        scale, 1
    )
    return canvas


def test_it_reads_mnist(reader, mnist):
    probabilities = reader.probabilities(mnist.test.images())
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (10_000, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    accuracy = (probabilities.argmax(1) == mnist.test.labels).mean()
    assert accuracy == pytest.approx(reader.card.test.accuracy, abs=2e-4)
    assert accuracy >= 0.994


def test_every_kind_of_source_reads_alike(reader, digits, mnist, tmp_path):
    canvas = on_a_canvas(digits[0])
    path, file = tmp_path / "7.png", io.BytesIO()
    Image.fromarray(canvas).save(path)
    Image.fromarray(255 - canvas).save(file, "PNG")
    first, *others = reader.read_many(
        [canvas, str(path), path, file.getvalue(), Image.fromarray(canvas)]
    )
    assert isinstance(first, Reading)
    assert (first.label, first.name) == (7, "7")
    assert first.label == mnist.test.labels[0]
    assert first.confidence == first.probabilities.max() > 0.9
    assert np.abs(first.image[0] * 255 - digits[0]).max() <= 5
    for other in others:
        np.testing.assert_allclose(other.probabilities, first.probabilities, atol=1e-6)


def test_a_batch_reads_as_one_by_one(reader, digits):
    many = reader.read_many(digits[:20])
    for digit, reading in zip(digits, many, strict=False):
        np.testing.assert_allclose(
            reader.read(digit).probabilities, reading.probabilities, atol=1e-6
        )
    assert reader.read_many([]) == []


def test_drawn_strokes_are_read(reader):
    seven = [[(110, 80), (270, 80), (180, 310)]]
    one = [[(192, 60), (190, 320)]]
    ring = [(192 + 80 * np.cos(a), 192 + 120 * np.sin(a)) for a in np.linspace(0, 6.3, 60)]
    assert [reader.read(Drawing(s)).name for s in (seven, one, [ring])] == ["7", "1", "0"]


def test_nothing_drawn_is_never_a_class(reader):
    with pytest.raises(NothingDrawn):
        reader.read(np.zeros((28, 28), np.uint8))


def test_threads_may_share_a_reader(reader, digits):
    with ThreadPoolExecutor(4) as pool:
        labels = list(pool.map(lambda digit: reader.read(digit).label, digits[:200]))
    assert labels == [reading.label for reading in reader.read_many(digits[:200])]


def test_a_reading_becomes_json(reader, digits):
    answer = Answer.of(reader.read(digits[0]), reader.card, image_box=(0, 0, 28, 28))
    content = json.loads(answer.model_dump_json())
    assert content["label"] == 7
    assert content["confidence"] == round(content["confidence"], 6)  # so that it is short
    assert reader.card.model_sha256.startswith(content["model"])
    assert np.array(content["image"]).shape == (28, 28)
    assert sum(content["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_a_reading_shows_its_image_and_its_three_likeliest_classes(reader, digits):
    reading = reader.read(digits[0])
    html = reading._repr_html_()
    assert f"<img width={3 * 28} " in html
    shown = re.findall(r"<td>(\d)</td>", html)
    assert shown == [str(label) for label in np.argsort(-reading.probabilities)[:3]]


def test_an_explanation_says_which_ink_held_the_reading(reader, digits):
    without_best, without_worst = [], []
    for digit in digits[:40]:
        reading = reader.read(digit)
        said = reader.explain(reading)
        assert said.shape == (28, 28)
        assert said.dtype == np.float32
        assert not said[digit == 0].any()
        for odds, pixel in ((without_best, said.argmax()), (without_worst, said.argmin())):
            row, column = (max(at - 3, 0) for at in divmod(int(pixel), 28))
            blanked = reading.image.copy()
            blanked[0, row : row + 6, column : column + 6] = 0
            (logits,) = reader.session.logits(blanked[None])
            odds.append(logits[reading.label] - logits[reading.second])
    assert np.mean(without_best) < np.mean(without_worst) - 3


def test_a_reading_holds_its_label_set(reader, digits):
    for reading in reader.read_many(digits[:100]):
        assert reading.labels == reader.label_set(reading, 0.999)


def test_a_reader_says_what_it_is(reader):
    digest = reader.card.model_sha256[:12]
    assert repr(reader) == f'Reader(bundle "shipped", 10 classes, {digest})'


def test_the_second_guess_is_the_second_likeliest(reader, digits):
    reading = reader.read(digits[0])
    assert sorted(reading.probabilities)[-2] == reading.probabilities[reading.second]


def test_what_is_no_digit_is_not_accepted(reader, digits):
    readings = reader.read_many(digits[:300])
    assert np.mean([reading.accepted for reading in readings]) >= 0.95
    dash, cross = [[(0, 0), (80, 5)]], [[(0, 0), (60, 60)], [(60, 0), (0, 60)], [(30, 0), (30, 60)]]
    wave = [[(x, 30 * np.sin(x / 6)) for x in range(150)]]
    pair = np.concatenate([digits[0], digits[1]], 1)
    for source in (Drawing(dash, 8), Drawing(cross), Drawing(wave), Drawing([[(5, 5)]]), pair):
        assert reader.read(source).accepted is False
    noise = np.random.default_rng(0).random((28, 28))
    assert reader.read(noise).ood_score > max(reading.ood_score for reading in readings[:50])


def test_more_accuracy_accepts_less(reader, digits):
    readings = [reader.read_many(digits[:500], accuracy) for accuracy in (0.99, 0.998)]
    easy, strict = ([reading.accepted for reading in some] for some in readings)
    assert sum(strict) < sum(easy)
    assert not any(s and not e for s, e in zip(strict, easy, strict=True))


@pytest.mark.parametrize("accuracy", [1, 1.5])
def test_what_the_curve_cannot_promise_is_refused(reader, digits, accuracy):
    with pytest.raises(InklingError, match="24,460 images can promise"):
        reader.read(digits[0], accuracy)


def test_a_set_of_labels_grows_with_its_level(reader, mnist):
    held = 0
    for digit, label in zip(mnist.test.pixels[:1000, 0], mnist.test.labels, strict=False):
        reading = reader.read(digit)
        small, large = (reader.label_set(reading, level) for level in (0.9, 0.9995))
        assert small[0] == large[0] == reading.label
        assert set(small) <= set(large)
        held += label in reader.label_set(reading, 0.99)
    assert held >= 985
    with pytest.raises(InklingError, match=r"at most 0\.9995"):
        reader.label_set(reading, 0.99999)


def test_a_bundle_that_nothing_validated_does_not_say_what_to_believe(reader, digits):
    card = reader.card.model_copy(update={"acceptance": None})
    silent = Reader(card, reader.session)
    reading = silent.read(digits[0])
    assert reading.label == 7
    assert reading.accepted is None
    assert reading.labels is None
    with pytest.raises(InklingError, match="no image validated it"):
        silent.read(digits[0], 0.99)


def test_of_few_images_no_set_is_promised(reader, digits):
    few = dataclasses.replace(reader.card.acceptance, n=100, sets=reader.card.acceptance.sets[:3])
    small = Reader(reader.card.model_copy(update={"acceptance": few}), reader.session)
    reading = small.read(digits[0])
    assert reading.accepted is True
    assert reading.labels is None
    assert small.label_set(reading, 0.98)[0] == 7
    with pytest.raises(InklingError, match=r"at most 0\.98, which 100 images can promise"):
        small.label_set(reading, 0.999)


def test_a_one_beside_a_one_is_two_digits_and_a_four_of_two_strokes_is_one(reader):
    ones = Drawing([[(0, 0), (0, 200)], [(60, 0), (62, 200)]])
    four = Drawing([[(134, 58), (96, 211), (288, 211)], [(250, 77), (250, 338)]])
    seven = Drawing([[(100, 80), (270, 80), (180, 310)], [(140, 190), (260, 185)]])
    dash = Drawing([[(0, 0), (200, 5)]])
    assert reader.read_any(ones).text == "11"
    assert [reader.read_any(drawing).label for drawing in (four, seven)] == [4, 7]
    assert reader.read_any(dash).accepted is False


def test_reading_writes_nothing_to_the_users_folders(tmp_path):
    """ONNX Runtime's telemetry does, unless it is switched off before the import."""
    code = "import time; from inkling import Reader; Reader.load(); time.sleep(0.5)"
    environment = {key: value for key, value in os.environ.items() if "XDG" not in key}
    environment |= {"HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_an_explanation_is_how_far_the_odds_fall_without_each_patch(reader, digits):
    """Zeiler & Fergus 2014, patch by patch."""
    reading = reader.read(digits[4])

    def odds(image):
        (logits,) = reader.session.logits(image[None])
        return logits[reading.label] - logits[reading.second]

    lost, count = np.zeros((28, 28)), np.zeros((28, 28))
    for top, left in itertools.product(range(0, 23, 3), repeat=2):
        patch = np.s_[top : top + 6, left : left + 6]
        if reading.image[0][patch].any():
            blanked = reading.image.copy()
            blanked[0][patch] = 0
            lost[patch] += odds(reading.image) - odds(blanked)
            count[patch] += 1
    expected = np.where(reading.image[0] > 0, lost / np.maximum(count, 1), 0)
    np.testing.assert_allclose(reader.explain(reading), expected, atol=1e-3)


def test_a_digit_is_as_likely_as_its_ink_is_one_and_it_is_read_right(reader, digits):
    """At an out-of-distribution score of -2.5 ink is a digit as often as not, above it less."""
    reading = dataclasses.replace(reader.read(digits[0]), confidence=0.8)
    for score, share in ((-2.5, 1 / 2), (np.log(3) - 2.5, 1 / 4), (-np.log(3) - 2.5, 3 / 4)):
        doubted = dataclasses.replace(reading, ood_score=float(score))
        assert reader_module._likely(doubted) == pytest.approx(0.8 * share)


def test_a_bundle_is_saved_by_a_name_and_loaded_by_it(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = reader.save("one-of-its-own")
    assert Reader.load("one-of-its-own").card == Reader.load(folder).card == reader.card
    with pytest.raises(InklingError):
        Reader.load("./one-of-its-own")  # a path


def test_what_to_accept_is_fitted_to_logits_without_their_temperature(reader, mnist):
    part, card = mnist.validation[:2000], reader.card
    found = report.measured(reader.session, card.temperature, None, part, [("mnist", part)])
    beyond = reader.session.run(part.pixels).ood_scores > found["acceptance"].max_ood_score
    assert 0.005 < beyond.mean() < 0.015


def test_many_readings_show_each_with_a_star_where_it_is_not_accepted(reader, digits):
    cross = Drawing([[(0, 0), (60, 60)], [(60, 0), (0, 60)], [(30, 0), (30, 60)]])
    found = reader.read_many([digits[0], cross])
    assert found._captions == ["7", f"{found[1].name}*"]
    assert found.picture().width > 28


def test_a_report_shows_recall_precision_and_confusion(reader, mnist):
    report = reader.test(mnist.test[:300])
    shown = report._repr_html_()
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (report.labels, report.probabilities.argmax(1)), 1)
    assert np.array_equal(report.confusion, counts)
    for label in range(10):
        recall = counts[label, label] / counts[label].sum()
        precision = counts[label, label] / counts[:, label].sum()
        cells = [str(label), f"{recall:.2%}", f"{precision:.2%}", *map(str, counts[label])]
        place = [shown.find(f">{cell}<") for cell in cells[:3]]
        assert min(place) > 0
    assert report.accuracy == np.trace(counts) / 300
    assert repr(report).startswith(f"TestReport({report.accuracy:.2%} of 300, ")
