import io
import itertools
import json
import threading
import time

import httpx
import numpy as np
import pytest
from conftest import answering
from test_web import SEVEN, data_url, picture, rows_of

from inkling import Reader
from inkling.data import idx
from inkling.errors import Overloaded
from inkling.web import batch
from inkling.web.readings import Here

NDJSON = {"Content-Type": "application/x-ndjson"}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(text, version=b"\1\0"):
    """A .npy file whose header is that text, without an array."""
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode()


def lines_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.pop("index") for line in lines] == list(range(len(lines)))
    return lines


def expected(images, **options):
    """What the Reader itself says of images `(N, 28, 28)` in 0..255."""
    return Reader.load().read_images(images[:, None].astype(np.float32) / 255, **options)


@pytest.fixture
def client(tmp_path):
    with answering(tmp_path) as client:
        yield client


def test_arrays_in_every_form_are_read_as_the_reader_reads_them(server, digits):
    images = digits[:600]  # more than are read at once
    url, said = f"{server}/api/read/batch", expected(images)
    bodies = {
        "uint8": npy(images),
        "channel": npy(images[:, None]),
        "flat": npy(images.reshape(-1, 784)),
        "double": npy(images / 255),
        "by column": npy(np.asfortranarray(images / np.float32(255))),
        "idx": idx.serialize(images),
    }
    for name, body in bodies.items():
        found = lines_of(httpx.post(url, content=body, timeout=60))
        assert len(found) == len(images), name
        for line, reading in zip(found, said, strict=True):
            assert (line["label"], line["name"]) == (reading.label, reading.name)
            assert line["accepted"] is reading.accepted
            assert line["labels"] == list(reading.labels)
            assert line["confidence"] == pytest.approx(reading.confidence, abs=2e-5)
            assert line["ood_score"] == pytest.approx(reading.ood_score, abs=1e-3)


def test_a_line_has_what_api_read_answers(server, digits):
    answers = lines_of(httpx.post(f"{server}/api/read/batch", json={"drawings": [SEVEN]}))
    one = httpx.post(f"{server}/api/read", json=SEVEN).json()
    shares = one.pop("probabilities")
    assert answers == [one]
    of_image = lines_of(httpx.post(f"{server}/api/read/batch", content=npy(digits[:1])))
    assert list(of_image[0]) == list(one)
    url = f"{server}/api/read/batch?probabilities=true"
    assert lines_of(httpx.post(url, json={"drawings": [SEVEN]}))[0]["probabilities"] == shares
    (line,) = lines_of(httpx.post(url, content=npy(digits[:1])))
    assert line["probabilities"][line["label"]] == line["confidence"]
    assert sum(line["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_pictures_drawings_and_lines_are_read_alike_and_a_wrong_one_loses_no_other(server):
    url, as_text = f"{server}/api/read/batch", {"picture": data_url(picture())}
    drawings = [SEVEN, {"strokes": []}, as_text, 7, {"picture": "b/c*"}, SEVEN]
    files = [("file", picture()), ("file", b"garbage"), ("more", picture(kind="JPEG"))]
    text = "\r\n".join(json.dumps(one) for one in drawings) + "\n"
    for request, labels in (
        ({"json": {"drawings": drawings}}, [7, None, 7, None, None, 7]),
        ({"content": text, "headers": NDJSON}, [7, None, 7, None, None, 7]),
        ({"files": files}, [7, None, 7]),
    ):
        found = lines_of(httpx.post(url, **request))
        assert [line.get("label") for line in found] == labels
        for line in found:
            assert "label" in line or set(line) == {"error", "hint"}


def test_images_that_cannot_be_read_are_named_between_the_others(server, digits):
    images = digits[:6] / 255
    images[1] = 0
    images[2, 3, 3] = np.nan
    images[4, 3, 3] = 1.5
    found = lines_of(httpx.post(f"{server}/api/read/batch", content=npy(images)))
    said = [reading.label for reading in expected(digits[:6])]
    assert [line.get("label") for line in found] == [said[0], None, None, said[3], None, said[5]]
    assert "no" in found[1]["error"]
    assert "ink" in found[1]["error"]
    assert "[0, 1]" in found[2]["error"]
    blank = lines_of(httpx.post(f"{server}/api/read/batch", content=npy(np.zeros((2, 784)))))
    assert all("error" in line for line in blank)


def test_numbers_and_a_minimum_accuracy_can_be_asked_for(server, digits):
    url, number = f"{server}/api/read/batch", {"strokes": rows_of(3)}
    found = lines_of(httpx.post(f"{url}?number=true", json={"drawings": [number, SEVEN]}))
    assert [line["text"] for line in found] == ["777", "7"]
    both = lines_of(httpx.post(f"{url}?number=auto", json={"drawings": [number, SEVEN]}))
    assert (both[0]["text"], both[1]["label"]) == ("777", 7)
    strict = lines_of(httpx.post(f"{url}?min_accuracy=0.999", content=npy(digits[:300])))
    said = expected(digits[:300], min_accuracy=0.999)
    assert [line["accepted"] for line in strict] == [reading.accepted for reading in said]
    assert {line["accepted"] for line in strict} == {True, False}
    for query, body, what in (
        ("number=true", npy(digits[:1]), "number"),
        ("min_accuracy=0.99999999", npy(digits[:1]), "accuracy"),
        ("min_accuracy=1", npy(digits[:1]), "min_accuracy"),
    ):
        answer = httpx.post(f"{url}?{query}", content=body)
        assert answer.status_code == 422
        assert what in answer.json()["error"]


@pytest.mark.parametrize(
    ("request_", "status", "what"),
    [
        ({"content": b""}, 422, "nothing"),
        ({"content": picture()}, 422, "89 50 4e 47"),
        ({"content": npy(np.zeros((2, 28, 27), np.uint8))}, 422, "(2, 28, 27)"),
        ({"content": npy(np.zeros(784, np.uint8))}, 422, "(784,)"),
        ({"content": npy(np.zeros((0, 28, 28), np.uint8))}, 422, "none"),
        ({"content": npy(np.zeros((1, 784), np.int64))}, 422, "int64"),
        ({"content": npy(np.zeros((1, 784), complex))}, 422, "complex128"),
        ({"content": npy(np.array([[{}] * 784], object))}, 422, "object"),
        ({"content": npy(np.zeros((2, 784), np.uint8))[:-1]}, 422, "1,568 bytes"),
        ({"content": npy(np.zeros((2, 784), np.uint8)) + b"\0"}, 422, "1,569"),
        ({"content": b"\x93NUMPY"}, 422, "header"),
        ({"content": header("garbage")}, 422, "header"),
        ({"content": header("(" * 5000)}, 422, "header"),
        ({"content": header("{}", b"\t\t")}, 422, "header"),
        (
            {"content": header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**18, 784)}")},
            422,
            "header",
        ),
        (
            {
                "content": header(
                    "{'descr': '|u1', 'fortran_order': False, 'shape': (999999999999, 784)}"
                )
            },
            422,
            "bytes",
        ),
        (
            {"content": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -28, 28)}")},
            422,
            "bytes",
        ),
        ({"content": npy(np.zeros((1,) * 60, np.uint8))}, 422, "shape"),
        ({"content": b"\0\0\x08\x03" + bytes(12)}, 422, "(0, 0, 0)"),
        ({"content": b"\0\0\x08\x50" + 80 * b"\0\0\0\1" + b"\0"}, 422, "dimension"),
        ({"content": idx.serialize(np.zeros((2, 784), np.uint8))[:-1]}, 422, "1,580 bytes"),
        ({"content": npy(np.zeros((1, 3000, 3000), np.uint8)) + bytes(10**6)}, 413, "10,000,000"),
        ({"json": {"drawings": {}}}, 422, "list of drawings"),
        ({"json": [SEVEN]}, 422, "list of drawings"),
        ({"json": {"drawings": []}}, 422, "none"),
        ({"json": {"drawings": [{"strokes": [[[1, 2]] * 200_000]}]}}, 413, "1,000,000"),
        ({"content": b"{}\n" * 20_001, "headers": NDJSON}, 413, "20,000"),
        ({"content": b"\n\n", "headers": NDJSON}, 422, "none"),
        ({"files": {"no": (None, "file")}}, 422, "none"),
    ],
)
def test_what_is_wrong_as_a_whole_is_one_error(server, request_, status, what):
    answer = httpx.post(f"{server}/api/read/batch", **request_)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "hint"}
    assert what in answer.json()["error"]


def test_other_requests_are_answered_while_many_images_are_read(server, digits):
    labels, body = [], npy(digits[:5000])
    thread = threading.Thread(
        target=lambda: labels.extend(
            line["label"]
            for line in lines_of(httpx.post(f"{server}/api/read/batch", content=body, timeout=100))
        )
    )
    thread.start()
    time.sleep(0.2)
    answered = 0
    while thread.is_alive():
        assert httpx.post(f"{server}/api/read?number=auto", json=SEVEN, timeout=60).json()
        answered += thread.is_alive()
    thread.join()
    assert len(labels) == 5000
    assert answered >= 3


def test_a_client_that_leaves_stops_the_work(client, monkeypatch):
    read = []

    def slowly(_reader, _options, indices, _images):
        read.append(indices.start)
        time.sleep(0.05)
        return '{"index": 0}\n' * 5000

    monkeypatch.setattr(batch, "_read_images", slowly)
    monkeypatch.setattr(batch, "AT_ONCE", 10)
    body = npy(np.zeros((10_000, 784), np.uint8))
    with client.stream("POST", "/api/read/batch", content=body) as answer:
        next(answer.iter_lines())
    time.sleep(1)
    seen = len(read)
    assert seen < 500
    time.sleep(0.5)
    assert len(read) == seen


def test_an_overloaded_server_says_so_at_once_or_line_by_line(client, monkeypatch, digits):
    body, full = npy(digits[:600]), Overloaded("Expected few, got many", "Try again")
    run, turns = Here.run, itertools.count()

    async def refuse(_state, _work):
        raise full

    async def refuse_second(state, work):
        if next(turns) == 1:
            raise full
        return await run(state, work)

    monkeypatch.setattr(Here, "run", refuse)
    answer = client.post("/api/read/batch", content=body)
    assert answer.status_code == 503
    monkeypatch.setattr(Here, "run", refuse_second)
    found = lines_of(client.post("/api/read/batch", content=body))
    assert ["error" in line for line in found] == [False] * 250 + [True] * 250 + [False] * 100
