import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from inkling import Drawing, NothingDrawn, Reader, Reading


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
    assert accuracy >= 0.995


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
    content = json.loads(json.dumps(reader.read(digits[0]).to_json()))
    assert content["label"] == 7
    assert np.array(content["image"]).shape == (28, 28)
    assert sum(content["probabilities"]) == pytest.approx(1, abs=1e-4)
