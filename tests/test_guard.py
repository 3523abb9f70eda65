"""Who may ask a server what: tokens, names, sites, rates; and what an answer carries."""

import http.server
import json
import threading
import time

import pytest
import websockets.exceptions
from conftest import answering
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from inkling.errors import ServeError
from inkling.web import guard
from inkling.web.settings import Settings

SEVEN = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}
ADMINISTERING = [
    ("GET", "/api/drawings"),
    ("GET", "/api/drawings/stats"),
    ("DELETE", "/api/drawings/1"),
    ("PATCH", "/api/drawings/1?label=3"),
    ("GET", "/api/runs"),
    ("POST", "/api/teach"),
    ("PUT", "/api/models/served?name=pretrained"),
]
READING = [("POST", "/api/read"), ("GET", "/api/card"), ("GET", "/api/models"), ("GET", "/metrics")]


def status(client, method, path, **options):
    content = {"json": SEVEN} if method == "POST" else {}
    return client.request(method, path, **content, **options).status_code


def bearer(token):
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_a_token_may_do_everything_and_that_of_a_reader_may_read(tmp_path):
    with answering(tmp_path, host="0.0.0.0", token="all", read_token="some") as client:
        for method, path in [*READING, *ADMINISTERING]:
            assert status(client, method, path) == 401
            assert status(client, method, path, **bearer("wrong")) == 401
        for method, path in READING:
            assert status(client, method, path, **bearer("some")) == 200
        for method, path in ADMINISTERING:
            assert status(client, method, path, **bearer("some")) == 401
            assert status(client, method, path, **bearer("all")) not in (401, 403)
        assert status(client, "POST", "/api/drawings?label=7", **bearer("some")) == 201
        for public in ("/livez", "/readyz", "/", "/static/shell.css", "/openapi.json"):
            assert status(client, "GET", public) == 200


def test_an_open_server_is_read_by_anyone_and_administered_with_its_token_alone(tmp_path):
    with answering(tmp_path, host="0.0.0.0", open=True) as client:
        assert status(client, "POST", "/api/read") == 200
        for method, path in ADMINISTERING:
            assert status(client, method, path) == 403
    with answering(tmp_path, host="0.0.0.0", open=True, token="all") as client:
        assert status(client, "POST", "/api/drawings?label=7") == 201
        assert status(client, "GET", "/api/drawings") == 401
        assert status(client, "GET", "/api/drawings", **bearer("all")) == 200


def test_a_server_that_only_reads_changes_for_nobody(tmp_path):
    with answering(tmp_path, token="all", read_only=True) as client:
        assert status(client, "POST", "/api/read", **bearer("all")) == 200
        assert status(client, "GET", "/api/drawings", **bearer("all")) == 200
        assert status(client, "POST", "/api/drawings?label=7", **bearer("all")) == 403
        assert status(client, "DELETE", "/api/drawings/1", **bearer("all")) == 403


def test_a_browser_keeps_the_token_and_drops_it_from_the_address(tmp_path):
    with answering(tmp_path, token="all", root_path="/inkling") as client:
        answer = client.get("/drawings?token=all&a=b")
        assert (answer.status_code, answer.headers["location"]) == (303, "/inkling/drawings?a=b")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "samesite=strict" in answer.headers["set-cookie"].lower()
        assert status(client, "GET", "/api/drawings") == 200  # the client keeps the cookie
        assert client.get("/?token=wrong").status_code == 401
        url = str(client.base_url).replace("http", "ws") + "/live"
        cookie = {"Cookie": f"{guard.COOKIE}=all"}
        with connect(url, additional_headers=cookie) as socket_:
            socket_.send(json.dumps({"id": 1, **SEVEN}))
            assert json.loads(socket_.recv())["id"] == 1
        with pytest.raises(websockets.exceptions.InvalidStatus), connect(url):
            pass


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {"proxy": "127.0.0.1"}, {"host": "::"}])
def test_a_server_that_others_reach_needs_a_token_or_says_that_it_is_open(options):
    with pytest.raises(ServeError, match="Expected a token"):
        Settings(**options).check()
    for said in ({"token": "x"}, {"read_token": "x"}, {"open": True}):
        Settings(**options, **said).check()
    Settings().check()


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://inkling.example", True),
        ("HTTPS://Inkling.Example", True),
        ("https://inkling.example:443", True),
        ("http://inkling.example:8000", False),
        ("http://inkling.example.evil.org", False),
        ("https://evil.org", False),
        ("null", False),
        ("file://", False),
        ("", False),
    ],
)
def test_only_pages_of_this_server_ask(tmp_path, origin, own):
    with answering(tmp_path, allow_hosts=("inkling.example",), open=True) as client:
        headers = {"Host": "inkling.example", "Origin": origin}
        assert status(client, "POST", "/api/read", headers=headers) == (200 if own else 403)


def test_a_proxy_that_does_not_pass_the_name_on_is_told_it(tmp_path):
    with answering(tmp_path, allow_hosts=("inkling.example",), open=True) as client:
        headers = {"Origin": "https://inkling.example"}  # and Host is the address it listens at
        assert status(client, "POST", "/api/read", headers=headers) == 200


def test_pages_of_an_allowed_site_may_read_but_not_administer(tmp_path):
    site = {"Origin": "https://shop.example"}
    with answering(tmp_path, allow_origins=("https://shop.example",)) as client:
        answer = client.post("/api/read", json=SEVEN, headers=site)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        asked = {**site, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "content-type"
        assert client.options("/api/read", headers=asked).status_code == 200
        assert status(client, "GET", "/api/drawings", headers=site) == 403
        other = {"Origin": "https://other.example"}
        assert status(client, "POST", "/api/read", headers=other) == 403


def test_a_client_that_asks_too_often_waits(tmp_path):
    with answering(tmp_path, rate=2.0) as client:
        answers = [client.get("/api/card") for _ in range(10)]
    assert answers[0].status_code == 200
    late = answers[-1]
    assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    assert "2 requests a second" in late.json()["error"]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0.5, 20))
def test_no_client_passes_its_rate(gaps, rate):
    now = 0.0
    rates, passed = guard.Rates(rate), []
    original, guard.time.monotonic = guard.time.monotonic, lambda: now
    try:
        for gap in gaps:
            now += gap
            if rates.admit("a"):
                passed.append(now)
    finally:
        guard.time.monotonic = original
    assert passed  # the first one at least
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = max(1.0, rate * guard.BURST) + (passed[last] - passed[first]) * rate
            assert last - first + 1 <= most + 1e-6


def test_head_is_answered_as_get_without_the_body(tmp_path):
    with answering(tmp_path) as client:
        for path in ("/", "/livez", "/api/card", "/static/shell.css"):
            whole, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == whole.headers["content-length"]


def test_an_answer_carries_the_id_of_its_request(tmp_path):
    with answering(tmp_path) as client:
        given = client.get("/livez", headers={"X-Request-ID": "mine-1"})
        assert given.headers["x-request-id"] == "mine-1"
        made = [client.get("/livez").headers["x-request-id"] for _ in range(2)]
        assert made[0] != made[1]


def test_a_proxy_may_serve_it_under_a_path(tmp_path):
    with answering(tmp_path, root_path="/inkling") as client:
        for prefix in ("", "/inkling"):  # which a proxy strips, or passes on
            assert client.get(f"{prefix}/").status_code == 200
            assert client.post(f"{prefix}/api/read", json=SEVEN).json()["label"] == 7
            assert client.get(f"{prefix}/api/card").status_code == 200
            assert client.get(f"{prefix}/static/shell.css").status_code == 200
        assert 'route="/inkling' not in client.get("/metrics").text
        assert "/inkling/openapi.json" in client.get("/docs").text


def test_spans_go_to_a_collector_and_hold_no_query(tmp_path, monkeypatch):
    received = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    collector = http.server.HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    port = collector.server_address[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")  # milliseconds
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    try:
        with answering(tmp_path) as client:
            headers = {"traceparent": parent}
            stored = client.post("/api/drawings?label=7", json=SEVEN, headers=headers)
            assert stored.status_code == 201
            deadline = time.monotonic() + 20
            while not received and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()
    sent = b"".join(received)
    assert b"POST /api/drawings" in sent
    assert b"label" not in sent
    assert bytes.fromhex(parent.split("-")[1]) in sent
