import base64
import http.client
import io
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from importlib import util
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import websockets.exceptions
from conftest import answering, invoke, missing, serving
from PIL import Image, ImageDraw
from websockets.sync.client import connect

from inkling import system
from inkling.data import catalog
from inkling.drawings import Store
from inkling.reading import bundle
from inkling.reading.registry import Registry
from inkling.web import models, types
from inkling.web.jobs import Jobs

SEVEN = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}


def picture(size=384, kind="PNG"):
    image, file = Image.new("L", (size, size)), io.BytesIO()
    points = [tuple(size * x / 384 for x in point) for point in SEVEN["strokes"][0]]
    ImageDraw.Draw(image).line(points, fill=255, width=30 * size // 384, joint="curve")
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture
def client(tmp_path):
    """A client of an application in this process."""
    with answering(tmp_path) as client:
        yield client


def write_bundle(folder, **values):
    """The bundle that ships, with another card."""
    card, model = bundle.read(bundle.PRETRAINED)
    bundle.write(folder, card.model_copy(update=values), model)


def live(server, **options):
    return connect(server.replace("http", "ws") + "/live", **options)


def test_a_picture_a_form_and_strokes_read_alike(server):
    url = f"{server}/api/read"
    answers = [
        httpx.post(url, content=picture()),
        httpx.post(url, content=picture(kind="JPEG"), headers={"Content-Type": "image/jpeg"}),
        httpx.post(url, files={"file": ("7.png", picture(), "image/png")}),
        httpx.post(url, files={"other": picture()}, data={"more": "fields"}),
        httpx.post(url, json=SEVEN),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        reading = answer.json()
        assert (reading["label"], reading["name"]) == (7, "7")
        assert reading["confidence"] == max(reading["probabilities"]) > 0.8
        assert sum(reading["probabilities"]) == pytest.approx(1, abs=1e-4)
        assert "image" not in reading
    seen = httpx.post(f"{url}?image=true", json=SEVEN).json()["image"]
    assert np.array(seen).shape == (28, 28)


def data_url(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PDF"])
def test_a_picture_as_text_is_read_as_its_file_is(server, kind):
    url, content = f"{server}/api/read", picture(kind=kind)
    expected = httpx.post(url, content=content).json()
    assert expected["label"] == 7
    texts = [data_url(content), data_url(content, ""), base64.encodebytes(content).decode()]
    for text in texts:
        for request_ in (
            {"json": {"picture": text}},
            {"files": {"picture": (None, text)}},
            {"files": {"file": (None, text), "more": (None, "fields")}},
        ):
            assert httpx.post(url, **request_).json() == expected


def test_a_picture_as_text_may_be_as_large_as_a_file(server):
    content = picture() + bytes(7_000_000)  # what follows the picture is not read
    for request_ in (
        {"json": {"picture": data_url(content)}},
        {"files": {"picture": (None, data_url(content))}},
    ):
        assert httpx.post(f"{server}/api/read", **request_).json()["label"] == 7


def test_a_picture_as_text_may_have_as_many_pixels_as_a_file(server):
    content = picture(7100)
    answer = httpx.post(f"{server}/api/read", json={"picture": data_url(content)})
    assert answer.status_code == 413
    assert answer.json() == httpx.post(f"{server}/api/read", content=content).json()


def test_a_picture_as_text_is_stored(client):
    stored = client.post("/api/drawings?label=7", json={"picture": data_url(picture())}).json()
    assert (stored["reading"], stored["strokes"]) == (7, None)
    shown = client.get(f"/api/drawings/{stored['id']}/image").content
    assert Image.open(io.BytesIO(shown)).size == (28, 28)


def test_a_number_is_read_where_one_is_asked_for(server):
    strokes = [[[x + 500 * place, y] for x, y in SEVEN["strokes"][0]] for place in range(3)]
    answer = httpx.post(f"{server}/api/read?number=true", json={"strokes": strokes}).json()
    assert answer["text"] == "777"
    assert isinstance(answer["accepted"], bool)
    assert [part["text"] for part in answer["parts"]] == ["7", "7", "7"]
    for part, left in zip(answer["parts"], (110, 610, 1110), strict=True):
        assert left < sum(part["box"][::2]) / 2 < left + 160
        assert "" in [other["text"] for other in part["alternatives"]]
    assert answer["box"][0] < 120
    assert answer["box"][2] > 1260


def rows_of(*lengths):
    """Strokes of rows of sevens."""
    return [
        [[x + 300 * place, y + 600 * row] for x, y in SEVEN["strokes"][0]]
        for row, length in enumerate(lengths)
        for place in range(length)
    ]


def test_several_rows_are_read_each_by_itself(server):
    url, body = f"{server}/api/read", {"strokes": rows_of(2, 3)}
    for number in ("auto", "lines"):
        answer = httpx.post(f"{url}?number={number}", json=body).json()
        assert [line["text"] for line in answer["lines"]] == ["77", "777"]
    assert answer["lines"][0]["box"][3] < answer["lines"][1]["box"][1]
    (line,) = httpx.post(f"{url}?number=lines", json=SEVEN).json()["lines"]
    assert line["text"] == "7"
    with live(server) as socket:
        socket.send(json.dumps({"id": 1, **body}))
        assert json.loads(socket.recv())["lines"] == answer["lines"]


def test_what_is_known_of_a_number_decides_what_is_read(server):
    url, body = f"{server}/api/read", {"strokes": rows_of(3)}
    known = {"number": "true", "format": r"\d/\d"}
    assert httpx.post(url, params=known, json=body).json()["text"] == "7/7"
    for number, values in (
        ("true", {"minimum": "100", "maximum": "200"}),
        ("lines", {"check": "luhn"}),
        ("auto", {"format": r"[0-6]\d\d"}),
    ):
        answer = httpx.post(url, params={"number": number, **values}, json=body)
        assert answer.status_code == 200, answer.text
        assert "777" not in [answer.json().get("text"), *answer.json().get("lines", [])]


@pytest.mark.parametrize(
    "known",
    [
        {"format": "nonsense"},
        {"format": "("},
        {"format": r"(\d+)+x"},
        {"minimum": "9", "maximum": "1"},
        {"minimum": "nan"},
        {"maximum": "ten"},
        {"check": "crc"},
    ],
)
def test_nonsense_about_a_number_is_refused(server, known):
    answer = httpx.post(f"{server}/api/read", params={"number": "true", **known}, json=SEVEN)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "hint"}


def test_what_is_known_of_a_number_is_no_help_with_a_digit(server):
    answer = httpx.post(f"{server}/api/read?format=date", json=SEVEN)
    assert answer.status_code == 422
    assert "number=true" in answer.json()["error"]


def test_a_number_is_stored_with_its_text(client):
    body = {"strokes": rows_of(2)}
    stored = client.post("/api/drawings", params={"text": "7,7"}, json=body).json()
    assert (stored["label"], stored["name"], stored["reading"]) == ("7,7", "7,7", "77")
    assert (stored["ood_score"], stored["strokes"]) == (None, body["strokes"])
    by_picture = client.post("/api/drawings", params={"text": "7"}, content=picture()).json()
    for drawing in (stored, by_picture):
        shown = client.get(f"/api/drawings/{drawing['id']}/image").content
        assert Image.open(io.BytesIO(shown)).height == 32
    assert client.post("/api/drawings?label=7", json=SEVEN).json()["label"] == 7
    assert [one["label"] for one in client.get("/api/drawings?numbers=false").json()] == [7]
    assert len(client.get("/api/drawings?numbers=true").json()) == 2
    url = f"/api/drawings/{stored['id']}"
    assert client.patch(url, params={"text": "77"}).json()["label"] == "77"
    assert client.get("/api/drawings/stats").json()["numbers"] == {"n": 2, "right": 2}
    for wrong in ({"label": 7}, {"text": ""}, {"text": "7?"}, {"text": "7" * 65}, {}):
        assert client.patch(url, params=wrong).status_code == 422
        if "label" not in wrong:
            assert client.post("/api/drawings", params=wrong, json=body).status_code == 422
    both = {"label": 7, "text": "7"}
    assert client.post("/api/drawings", params=both, json=body).status_code == 422
    assert client.delete(url).status_code == 204
    assert len(client.get("/api/drawings").json()) == 2


def test_what_seems_to_be_several_digits_is_read_as_such_and_one_is_explained(server):
    url = f"{server}/api/read?number=auto&explain=true"
    one = httpx.post(url, json=SEVEN).json()
    assert one["label"] == 7
    assert np.array(one["explanation"]).shape == (28, 28)
    assert "explanation" not in httpx.post(f"{server}/api/read", json=SEVEN).json()
    strokes = [[[x + 500 * place, y] for x, y in SEVEN["strokes"][0]] for place in range(2)]
    two = httpx.post(url, json={"strokes": strokes}).json()
    assert two["text"] == "77"
    with live(server) as socket:
        socket.send(json.dumps({"id": 1, "strokes": strokes}))
        assert json.loads(socket.recv())["text"] == "77"
        socket.send(json.dumps({"id": 2, "explain": True, **SEVEN}))
        assert json.loads(socket.recv())["explanation"] == one["explanation"]


def test_a_minimum_accuracy_can_be_given(server):
    url = f"{server}/api/read"
    dash = {"strokes": [[[0, 100], [300, 110]]]}
    bend = [[260, 110], [245, 150], [230, 190], [215, 230], [200, 270], [180, 310]]
    written = {"strokes": [[*([x, 80] for x in range(110, 280, 20)), *bend]], "pen": 30}
    assert httpx.post(url, json=written).json()["accepted"] is True
    assert httpx.post(f"{url}?min_accuracy=0.99", json=dash).json()["accepted"] is False
    assert httpx.post(url, json=SEVEN).json()["labels"][0] == 7
    for accuracy in ("1", "0", "much"):
        answer = httpx.post(f"{url}?min_accuracy={accuracy}", json=SEVEN)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("min_accuracy: ")
        assert answer.json()["hint"]


@pytest.mark.parametrize(
    ("request_", "status", "what"),
    [
        ({"content": b""}, 422, "Expected a picture"),
        ({"content": b"garbage"}, 422, "Expected a picture"),
        ({"json": {"strokes": []}}, 422, "nothing drawn"),
        ({"json": {}}, 422, "strokes: Field required"),
        ({"json": {"strokes": "7"}}, 422, "valid array"),
        ({"json": {"strokes": [[[1, 2, 3]]]}}, 422, "pressure"),
        ({"json": {"strokes": [[[1, 2, 0.5, 4]]]}}, 422, "strokes"),
        ({"json": {"strokes": [[[1, 2]]], "pen": -1}}, 422, "pen"),
        ({"json": {"strokes": [[[1, 1e300]]]}}, 422, "coordinates"),
        ({"json": {"strokes": [[[1, 2]] * 10_001]}}, 413, "10,000 points"),
        ({"json": {"strokes": [[[1, 2]] * 200_000]}}, 413, "1,000,000 bytes"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "JSON"),
        ({"content": b"[NaN]", "headers": {"Content-Type": "application/json"}}, 422, "JSON"),
        ({"json": {"picture": 7}}, 422, "picture: "),
        ({"json": {"picture": ""}}, 422, "base64"),
        ({"json": {"picture": "b/c*"}}, 422, "base64"),
        ({"json": {"picture": "data:image/png"}}, 422, "data URL"),
        ({"json": {"picture": "data:text/plain,7"}}, 422, "text/plain"),
        ({"json": {"picture": "Z2FyYmFnZQ=="}}, 422, "Expected a picture"),
        ({"json": {"picture": "b2s=", **SEVEN}}, 422, "strokes: "),
        ({"json": {"picture": "x" * 10_000_000}}, 413, "10,000,000 bytes"),
        ({"json": {"picture": [[1, 2]] * 200_000}}, 413, "1,000,000 bytes"),
        ({"files": {"picture": (None, "b/c*")}}, 422, "base64"),
        ({"files": {"no": (None, "file")}}, 422, "Expected a form with a file"),
        ({"data": {"no": "file"}, "files": {}}, 422, "Expected a picture"),
        ({"files": {"file": b"garbage"}}, 422, "Expected a picture"),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            400,
            "boundary",
        ),
    ],
)
def test_what_is_wrong_is_said_in_json(server, request_, status, what):
    answer = httpx.post(f"{server}/api/read", **request_)
    problem = answer.json()
    assert answer.status_code == status, problem
    assert set(problem) == {"error", "hint"}
    assert what in problem["error"]
    assert problem["hint"]


def test_other_paths_and_methods_answer_in_json_too(server):
    for answer, status in (
        (httpx.get(f"{server}/nothing"), 404),
        (httpx.get(f"{server}/api/read"), 405),
        (httpx.get(f"{server}/static/../web.py"), 404),
        (httpx.get(f"{server}/static/%2e%2e/web.py"), 404),
    ):
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "hint"}


def test_a_declared_body_over_the_limit_is_refused_at_once(server):
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=10)
    connection.putrequest("POST", "/api/read")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "10,000,000 bytes" in json.loads(answer.read())["error"]
    connection.close()


def test_a_refusal_reaches_who_still_sends_over_a_connection_that_closes(server):
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(
            b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: 20000000\r\n\r\n"
        )
        for _ in range(20):  # a connection reset would raise here
            client.sendall(bytes(1_000_000))
            time.sleep(0.01)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["hint"]


def test_a_streamed_body_over_the_limit_is_refused_while_it_streams(server):
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(
            b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: image/png\r\n\r\n"
        )
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        sent = 0
        while sent < 10_100_000:  # it never ends: the answer comes before
            client.sendall(chunk)
            sent += 0x10000
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_a_form_over_the_limit_is_refused(server):
    answer = httpx.post(f"{server}/api/read", files={"file": bytes(10_000_001)})
    assert answer.status_code == 413


def test_json_over_the_limit_is_refused_by_every_route(server):
    answer = httpx.post(f"{server}/api/runs", json={"recipe": "x" * 10_000_001})
    assert answer.status_code == 413
    assert set(answer.json()) == {"error", "hint"}


@pytest.mark.parametrize("number", [2**31, 2**63, -1, -(2**64), "9" * 5000])
def test_a_number_that_no_database_takes_is_wrong(server, number):
    drawings = f"{server}/api/drawings"
    for method, url in (
        ("PATCH", f"{drawings}/{number}?label=7"),
        ("DELETE", f"{drawings}/{number}"),
        ("GET", f"{drawings}/{number}/image"),
        ("GET", f"{drawings}?skip={number}"),
        ("GET", f"{drawings}?label={number}"),
    ):
        answer = httpx.request(method, url)
        assert answer.status_code == 422
        assert set(answer.json()) == {"error", "hint"}
        assert len(answer.text) < 300


def test_half_a_character_is_wrong(server):
    headers = {"Content-Type": "application/json"}
    body = b'{"recipe": "\\ud800", "epochs": "\\ud800"}'  # half of a pair, in UTF-16
    answer = httpx.post(f"{server}/api/runs", content=body, headers=headers)
    assert answer.status_code == 422


def test_another_sites_page_is_rejected(server):
    own = {"Origin": server}
    assert httpx.post(f"{server}/api/read", json=SEVEN, headers=own).status_code == 200
    renamed = {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}
    assert httpx.get(f"{server}/api/card", headers=renamed).status_code == 403
    for name, status in (("localhost", 200), ("[::1]:80", 200), ("[", 403), ("", 403)):
        assert httpx.get(f"{server}/api/card", headers={"Host": name}).status_code == status
    for foreign in ("https://elsewhere.example", "null", server.replace("127.0.0.1", "localhost")):
        answer = httpx.post(f"{server}/api/read", json=SEVEN, headers={"Origin": foreign})
        assert answer.status_code == 403
        assert set(answer.json()) == {"error", "hint"}
        with (
            pytest.raises(websockets.exceptions.InvalidStatus) as caught,
            live(server, origin=foreign),
        ):
            pass
        assert caught.value.response.status_code == 403
    with live(server, origin=server) as client:
        client.send(json.dumps({"id": 1} | SEVEN))
        assert json.loads(client.recv(timeout=10))["label"] == 7


def test_the_live_socket_reads_along(server):
    points = SEVEN["strokes"][0]
    with live(server) as client:
        for id_, drawn in enumerate((points[:1], points[:2], points)):
            client.send(json.dumps({"id": id_, "strokes": [drawn], "pen": 30}))
            answer = json.loads(client.recv(timeout=10))
            assert answer["id"] == id_
        assert answer["label"] == 7
        assert answer == {"id": 2} | httpx.post(f"{server}/api/read", json=SEVEN).json()


def test_the_live_socket_survives_what_is_wrong(server):
    with live(server) as client:
        for message, id_, what in (
            ("", None, "JSON"),
            ("[]", None, "JSON"),
            (json.dumps(SEVEN), None, "id"),
            (json.dumps({"id": 5, "strokes": []}), 5, "nothing drawn"),
            (json.dumps({"id": 6, "strokes": [[[0, 0]]], "pen": 0}), 6, "pen"),
        ):
            client.send(message)
            answer = json.loads(client.recv(timeout=10))
            assert answer["id"] == id_
            assert what in answer["error"]
            assert answer["hint"]
        client.send(json.dumps({"id": 7} | SEVEN))
        assert json.loads(client.recv(timeout=10))["label"] == 7


@pytest.mark.parametrize(("message", "code"), [("x" * 256_001, 1009), (b"bytes", 1003)])
def test_the_live_socket_closes_on_what_it_does_not_take(server, message, code):
    with live(server) as client:
        client.send(message)
        with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
            client.recv(timeout=10)
    assert caught.value.rcvd.code == code


def test_health_card_and_documentation(server):
    assert httpx.get(f"{server}/livez").json() == {"status": "alive"}
    ready = httpx.get(f"{server}/readyz").json()
    card = httpx.get(f"{server}/api/card").json()
    assert ready == {"status": "ready", "model_sha256": card["model_sha256"]}
    assert card["classes"] == list("0123456789")
    schema = httpx.get(f"{server}/openapi.json").json()
    assert {"/api/read", "/api/card", "/livez", "/readyz"} < set(schema["paths"])
    assert all(way["summary"] for of in schema["paths"].values() for way in of.values())
    body = schema["paths"]["/api/read"]["post"]["requestBody"]["content"]
    kinds = {"image/*", "application/pdf", "application/json", "multipart/form-data"}
    assert set(body) == kinds
    ways = body["application/json"]["schema"]["oneOf"]
    assert [way["required"] for way in ways] == [["strokes"], ["picture"]]
    documentation = httpx.get(f"{server}/docs").text
    assert "swagger" in documentation
    assert "cdn" not in documentation
    for path in ("/", "/drawings", "/training", "/models", "/learn", "/static/index.html"):
        page = httpx.get(f"{server}{path}")
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_a_long_reading_does_not_hold_up_the_others(server):
    large, done = picture(7000), threading.Event()

    labels = []

    def read():
        try:
            labels.append(
                httpx.post(f"{server}/api/read", content=large, timeout=60).json()["label"]
            )
        finally:
            done.set()

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)
    answered = 0
    while not done.is_set():
        assert httpx.get(f"{server}/livez").status_code == 200
        answered += not done.is_set()
    thread.join()
    assert answered >= 3
    assert labels == [7]


@pytest.mark.parametrize(
    ("path", "place", "name"),
    [
        ("/api/models/cell?name=pretrained&label=1&reading=1", models, "_read"),
        ("/api/drawings", Store, "find"),  # which may wait for another that writes
    ],
)
def test_nothing_but_readings_holds_up_a_reading(client, monkeypatch, path, place, name):
    begun, done, labels = threading.Event(), threading.Event(), []

    def wait(*_):
        begun.set()
        done.wait(30)
        return [] if place is Store else (np.zeros((1, 10)), np.zeros(1, np.uint8))

    monkeypatch.setattr(place, name, wait)
    count = system.cores() + 1
    others = [threading.Thread(target=client.get, args=[path]) for _ in range(count)]
    reading = threading.Thread(
        target=lambda: labels.append(client.post("/api/read", json=SEVEN).json()["label"])
    )
    for other in others:
        other.start()
    assert begun.wait(10)
    time.sleep(0.5)  # for the others to begin
    reading.start()
    reading.join(10)
    seen = list(labels)
    done.set()
    for thread in (*others, reading):
        thread.join()
    assert seen == [7]


def test_unchanged_bundles_are_listed_without_reading_them_again(client, monkeypatch):
    listed = client.get("/api/models").json()
    assert "report" not in listed["models"][0]["card"]
    monkeypatch.delattr(bundle, "read")
    assert client.get("/api/models").json() == listed


def test_a_folder_that_vanishes_while_it_is_listed_is_left_out(client, tmp_path, monkeypatch):
    glob = Path.glob
    for name in ("stays", "goes"):
        write_bundle(tmp_path / "runs" / name / "bundle")
        (tmp_path / "runs" / name / "run.json").write_text("{}")

    def vanishing(path, pattern):
        found = list(glob(path, pattern))
        shutil.rmtree(tmp_path / "runs" / "goes", ignore_errors=True)
        return found

    monkeypatch.setattr(Path, "glob", vanishing)
    assert [run["name"] for run in client.get("/api/runs").json()] == ["stays"]
    monkeypatch.setattr(Registry, "bundles", lambda _: {"goes": tmp_path / "runs" / "goes"})
    assert client.get("/api/models").json()["models"] == []


def test_a_report_needs_no_data_and_what_does_names_the_command(tmp_path):
    write_bundle(tmp_path / "runs" / "old" / "bundle", report=None)
    (tmp_path / "nothing").mkdir()
    empty = dict.fromkeys(("INKLING_DATA", "XDG_CACHE_HOME"), str(tmp_path / "nothing"))
    with serving("--runs", str(tmp_path / "runs"), **empty) as (address, _):
        report = httpx.get(f"{address}/api/models/report?name=pretrained").json()
        assert np.array(report["confusion"]).sum() == report["n"] == 10_000
        assert {"confidence", "accuracy"} < set(report["reliability"][0])
        assert {"coverage", "accuracy"} < set(report["risk_coverage"][0])
        for path in (
            "/api/models/cell?name=pretrained&label=1&reading=7",
            "/api/models/report?name=runs/old",
        ):
            answer = httpx.get(f"{address}{path}")
            assert answer.status_code == 422
            assert "inkling data fetch mnist" in answer.json()["hint"]


def test_a_report_that_is_not_on_the_card_is_the_same(client, tmp_path, mnist):
    assert mnist
    write_bundle(tmp_path / "runs" / "old" / "bundle", report=None)
    of = {
        name: client.get("/api/models/report", params={"name": name}).json()
        for name in ("pretrained", "runs/old")
    }
    assert of["runs/old"]["confusion"] == of["pretrained"]["confusion"]
    for curve in ("reliability", "risk_coverage"):
        for old, new in zip(of["runs/old"][curve], of["pretrained"][curve], strict=True):
            assert old == pytest.approx(new, abs=1e-4)


def test_a_drawing_is_of_the_served_bundles_data_set(tmp_path):
    names = catalog.get("fashion-mnist").classes
    write_bundle(tmp_path / "garments", dataset="fashion-mnist", classes=names)
    registry = Registry(tmp_path / "home", tmp_path / "runs")
    with answering(tmp_path, tmp_path / "garments") as client:
        drawing = client.post("/api/drawings?label=7", json=SEVEN).json()
        assert (drawing["dataset"], drawing["name"]) == ("fashion-mnist", "Sneaker")
        changed = client.patch(f"/api/drawings/{drawing['id']}?label=9").json()
        assert (changed["label"], changed["name"]) == (9, "Ankle boot")
        for answer in (
            client.post("/api/drawings?label=10", json=SEVEN),
            client.patch(f"/api/drawings/{drawing['id']}?label=10"),
        ):
            assert answer.status_code == 422
        registry.choose("pretrained")  # whose labels mean others
        assert client.patch(f"/api/drawings/{drawing['id']}?label=7").status_code == 422
        assert [one["name"] for one in client.get("/api/drawings").json()] == ["Ankle boot"]


def test_fine_tuning_may_take_one_session_only(client, monkeypatch):
    if util.find_spec("torch") is None:
        missing("Training is not installed: pip install 'inkling-reader[train]'")
    started = []
    monkeypatch.setattr(Jobs, "start", lambda *values, **_: started.append(values[2:]))
    for session, expected in (("", []), ("--name", ["--session=--name"])):
        answer = client.post("/api/teach", params={"session": session})
        assert answer.status_code == 201
        assert [value for value in started[-1] if value.startswith("--session")] == expected
    for session in ("x" * 65, "\0"):
        assert client.post("/api/teach", params={"session": session}).status_code == 422
    assert len(started) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_within_seconds_with_sockets_open(number):
    with serving() as (address, process), live(address) as client:
        client.send(json.dumps({"id": 1} | SEVEN))
        client.recv(timeout=10)
        began = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=10)
        assert time.monotonic() - began < 5
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in process.said()
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            client.recv(timeout=5)


def test_a_taken_port_and_a_wrong_host_are_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = invoke("serve", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert result.stderr.count("\n") == 1
    for host in ("256.1.1.1", "a..b", "x" * 70):
        result = invoke("serve", "--host", host)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)


def test_a_client_that_leaves_during_a_reading_leaves_no_traceback():
    with serving() as (address, process):
        for _ in range(20):
            with live(address) as client:
                client.send(json.dumps({"id": 1} | SEVEN))
        body = picture(3000)
        for _ in range(5):
            target = urlsplit(address)
            with socket.create_connection((target.hostname, target.port)) as client:
                head = f"POST /api/read HTTP/1.1\r\nHost: {target.netloc}\r\n"
                client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
        assert httpx.get(f"{address}/livez").status_code == 200
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        assert "Traceback" not in process.said()


def test_the_pages_types_are_those_of_the_api():
    assert types.FILE.read_text() == types.jsdoc(), "write them with: make types"


def test_the_cli_the_api_and_the_live_socket_give_the_same_answer(server, tmp_path):
    (tmp_path / "7.png").write_bytes(picture())
    said = json.loads(invoke("read", "--json", str(tmp_path / "7.png")).stdout)
    answer = httpx.post(f"{server}/api/read", content=picture()).json()
    assert said.pop("file") == str(tmp_path / "7.png")
    assert said == answer


def test_the_server_never_loads_torch(tmp_path):
    code = (
        "import sys, inkling.web, inkling.data; from inkling import Reader; "
        "from pathlib import Path; from inkling.drawings import Store; "
        "from inkling.reading.registry import Registry, Served; "
        f"store = Store('sqlite:///{tmp_path}/drawings.sqlite'); "
        "served = Served(Registry(Path('.'), Path('.'))); "
        "inkling.web.create_app(served, store, inkling.web.Settings()); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'onnx', 'sklearn', 'ray')))"
    )
    assert subprocess.run([__import__("sys").executable, "-c", code]).returncode == 0
