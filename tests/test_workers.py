"""Several processes at one socket, and what a server does when more comes than it can answer."""

import asyncio
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import psutil
import pytest
import websockets.exceptions
from conftest import answering, serving
from websockets.sync.client import connect

from inkling import Drawing, Reader, ink
from inkling.errors import NothingDrawn, Overloaded
from inkling.reading.registry import Registry, Served
from inkling.web import reading as web_reading
from inkling.web import readings

SEVEN = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}
JSON = {"Content-Type": "application/json"}
DIGIT = Drawing(SEVEN["strokes"], 30)


@pytest.fixture
def served(tmp_path):
    return Served(Registry(tmp_path / "home", tmp_path / "runs"))


def run(asked):
    """What a coroutine gives, in a thread: this one may have a loop that runs, of a browser."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, asked).result()


def workers_of(process, number):
    """The processes that serve, once there are that many."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tree = psutil.Process(process.pid).children(recursive=True)
        found = [p for p in tree if len(p.net_connections("tcp")) and p.pid != process.pid]
        if len(found) == number:
            return found
        time.sleep(0.1)
    raise AssertionError(f"expected {number} workers, found {len(found)}")


def test_a_worker_that_is_killed_is_replaced_and_others_go_on():
    with serving("--workers", "2") as (server, process):
        first = workers_of(process, 2)
        first[0].kill()
        answers = []
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            answers.append(httpx.post(f"{server}/api/read", json=SEVEN).json()["label"])
            running = {p.pid for p in workers_of(process, 2)}
            if first[0].pid not in running:
                break
        assert set(answers) == {7}
        assert first[1].pid in running
        assert "another begins" in process.said()
        process.terminate()
        assert process.wait(15) == 0
        assert not any(psutil.pid_exists(pid) for pid in running)


def test_workers_whose_parent_is_killed_end():
    with serving("--workers", "2") as (_, process):
        running = workers_of(process, 2)
        process.kill()
        _, alive = psutil.wait_procs(running, timeout=15)
        assert not alive


def test_what_a_worker_cannot_begin_for_is_one_line(tmp_path):
    command = [sys.executable, "-m", "inkling", "serve", "--port", "0", "--workers", "2"]
    for options, line in (
        (["--drawings", "nonsense"], "Expected the URL of a database"),
        (["--bundle", str(tmp_path)], "bundle"),
    ):
        said = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
        assert said.returncode == 1
        assert line in said.stderr
        assert len(said.stderr.strip().splitlines()) == 1, said.stderr


def test_all_workers_count_together():
    with serving("--workers", "2") as (server, _):
        for _ in range(12):  # a connection each, so that both workers get some
            httpx.post(f"{server}/api/read", json=SEVEN).raise_for_status()
        text = httpx.get(f"{server}/metrics").text
    counted = [line for line in text.splitlines() if line.startswith("inkling_readings_total{")]
    assert sum(float(line.split()[-1]) for line in counted) == 12
    assert 'route="/api/read"' in text
    assert "7" not in {part for line in counted for part in line.split('"')}  # no label


def test_a_stop_under_load_answers_all_that_was_accepted():
    results = []
    with serving("--workers", "2") as (server, process):
        port, stopped = int(server.rpartition(":")[2]), threading.Event()

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            while not stopped.is_set():
                try:
                    connection.request("POST", "/api/read", json.dumps(SEVEN), JSON)
                except OSError:  # nobody accepts any more
                    return
                try:
                    answer = connection.getresponse()
                    answer.read()
                    results.append(answer.status)
                except OSError as error:
                    results.append(type(error).__name__)
                    return

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        stopped.set()
        for thread in threads:
            thread.join()
    assert set(results) == {200}


def test_digits_that_wait_are_read_together(served, monkeypatch):
    sizes = []
    original = Reader.read_images
    monkeypatch.setattr(
        Reader, "read_images", lambda self, x, *a: sizes.append(len(x)) or original(self, x, *a)
    )

    async def ask():
        digits = readings.Digits(served)
        image = ink.to_image(DIGIT)
        many = [digits.read(image if n % 2 else DIGIT) for n in range(40)]
        broken = digits.read(Drawing([[]]))
        return await asyncio.gather(*many, broken, return_exceptions=True)

    *found, broken = run(ask())
    assert isinstance(broken, NothingDrawn)
    alone = served.reader.read(DIGIT)
    for reading, card in found:
        assert card is served.reader.card
        np.testing.assert_allclose(reading.probabilities, alone.probabilities, atol=1e-5)
    assert sum(sizes[:-1]) == 40
    assert max(sizes) == readings.MAX_TOGETHER


def test_more_digits_than_can_wait_are_turned_away_at_once(served):
    async def ask():
        digits = readings.Digits(served)
        many = [digits.read(DIGIT) for _ in range(readings.MAX_WAITING + 7)]
        return await asyncio.gather(*many, return_exceptions=True)

    found = run(ask())
    assert sum(isinstance(each, Overloaded) for each in found) == 7


def test_a_client_that_leaves_does_not_cost_the_others_their_reading(served):
    async def ask():
        digits = readings.Digits(served)
        tasks = [asyncio.ensure_future(digits.read(DIGIT)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, gone, last = run(ask())
    assert isinstance(gone, asyncio.CancelledError)
    assert first[0].label == last[0].label == 7


def test_threads_turn_work_away_that_would_wait_too_long():
    async def ask(monkeypatch):
        threads = readings.Threads(1)
        monkeypatch.setattr(readings, "MAX_WAITING", 2)
        release = threading.Event()
        waiting = [asyncio.ensure_future(threads.run(release.wait)) for _ in range(3)]
        await asyncio.sleep(0.1)
        try:
            with pytest.raises(Overloaded):
                await threads.run(int)
        finally:
            release.set()
        await asyncio.gather(*waiting)
        assert await threads.run(int) == 0

    with pytest.MonkeyPatch.context() as monkeypatch:
        run(ask(monkeypatch))


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_the_fast_way_answers_what_the_route_answers(server, kind):
    body = json.dumps(SEVEN).encode()
    if kind == "application/octet-stream":
        body = np.rint(ink.to_image(DIGIT) * 255).astype(np.uint8).tobytes()
    headers = {"Content-Type": kind}
    fast = httpx.post(f"{server}/api/read", content=body, headers=headers)
    slow = httpx.post(f"{server}/api/read?number=false", content=body, headers=headers)
    if kind == "application/json":
        assert fast.json() == slow.json()
    else:
        assert slow.status_code == 422  # the route takes no bare pixels
    assert fast.json()["label"] == 7
    for bad in (b"", b"{", b'{"strokes": []}', b"x" * 783):
        one, other = (
            httpx.post(f"{server}/api/read{query}", content=bad, headers=headers)
            for query in ("", "?number=false")
        )
        assert (one.status_code, one.json()) == (other.status_code, other.json())


def test_a_live_socket_that_sends_too_often_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(web_reading, "MESSAGES_A_SECOND", 2.0)
    with answering(tmp_path) as client:
        url = str(client.base_url).replace("http", "ws") + "/live"
        with connect(url) as socket_:
            for _ in range(20):
                socket_.send(json.dumps({"id": 1, **SEVEN}))
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                [socket_.recv(timeout=20) for _ in range(20)]
    assert closed.value.rcvd.code == web_reading.TRY_AGAIN
    assert "requests a second" in closed.value.rcvd.reason


def test_only_so_many_live_sockets_are_open(tmp_path, monkeypatch):
    monkeypatch.setattr(web_reading, "MAX_SOCKETS", 1)
    with answering(tmp_path) as client:
        url = str(client.base_url).replace("http", "ws") + "/live"
        with connect(url) as first:
            with connect(url) as second, pytest.raises(websockets.exceptions.ConnectionClosed):
                second.recv(timeout=20)
            first.send(json.dumps({"id": 1, **SEVEN}))
            assert json.loads(first.recv(timeout=20))["id"] == 1
        with connect(url) as again:  # the first has gone
            again.send(json.dumps({"id": 2, **SEVEN}))
            assert json.loads(again.recv(timeout=20))["id"] == 2


@pytest.mark.slow
def test_a_sender_that_does_not_finish_is_let_go(server):
    port = int(server.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as never:
        never.sendall(b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        never.settimeout(60)
        assert never.recv(4096).startswith(b"HTTP/1.1 408")


def label_at_last(address):
    """What a server reads once it takes connections again."""
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            return httpx.post(f"{address}/api/read", json=SEVEN).json()["label"]
        time.sleep(0.1)
    return None


def test_a_server_with_few_file_descriptors_turns_connections_away_and_goes_on():
    import resource

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))

    held = []
    command = [sys.executable, "-m", "inkling", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        command, preexec_fn=few, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            address = process.stdout.readline().split()[-1]
            port = int(address.rpartition(":")[2])
            there = ("127.0.0.1", port)
            for _ in range(3):
                held += [socket.create_connection(there, timeout=5) for _ in range(150)]
                time.sleep(0.7)  # asyncio tries again after a second
            for each in held:
                each.close()
            assert label_at_last(address) == 7
            held += [socket.create_connection(there, timeout=5) for _ in range(150)]
        finally:
            process.terminate()  # while it waits to try again
            said = process.stdout.read()
            for each in held:
                each.close()
    assert said.count("\n") == 1, said  # a minute has not passed
    turned_away = int(re.search(r"descriptors: (\d+) connections were turned away", said)[1])
    assert 0 < turned_away <= len(held)
    assert "holds at most 48: raise its limit of open files (ulimit -n)" in said
