"""Measures a server under load, beside what people would pick instead; writes results/load.json.

    python benchmarks/load.py [--seconds 6] [--peers fastapi litserve bentoml ray] [--out JSON]

Needs wrk (Debian's package). Client and server share the cores. The same digit network answers
each peer's requests: 28x28 bytes in, label and probabilities out. A peer is installed into an
environment of its own, and serves with as many workers as Inkling does. For each server: requests
a second and percentiles at 1, 64 and 640 connections, failures, /livez beside the load, memory,
and the seconds until it answers. For Inkling also strokes, batches, and the live socket.
Run nothing else meanwhile.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from websockets.sync.client import connect

from inkling import Drawing, data, system, to_image
from inkling.reading import bundle

STROKES = [[[110 + 3 * i, 80] for i in range(26)], [[185 - 2 * i, 80 + 8 * i] for i in range(26)]]
JSON = json.dumps({"strokes": STROKES, "pen": 30}).encode()
PIXELS = np.rint(to_image(Drawing(STROKES)) * 255).astype(np.uint8).tobytes()
CONNECTIONS = (1, 64, 640)
CORES = system.cores()
HERE = Path(__file__).parent / "peers"
PEERS = {  # packages, the command, and the path of a reading
    "fastapi": (
        ["fastapi", "uvicorn[standard]"],
        ["uvicorn", "with_fastapi:app", "--port={port}", f"--workers={CORES}", "--no-access-log"],
        "/read",
    ),
    "litserve": (["litserve"], ["python", "with_litserve.py"], "/predict"),
    "bentoml": (
        ["bentoml"],
        ["bentoml", "serve", "with_bentoml:Digits", "--port={port}"],
        "/read",
    ),
    "ray": (["ray[serve]"], ["python", "with_ray.py"], "/read"),
}


def main() -> None:
    """Measure Inkling and the peers, print, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    record: dict[str, Any] = {"cores": CORES, "seconds": options.seconds}
    record["inkling"] = of_inkling(options.seconds)
    record |= {
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "numpy", "uvicorn", "fastapi", "httptools"),
        "commit": system.commit(),
    }
    for peer in [None, *options.peers]:
        if peer:
            record[peer] = of_peer(peer, options.seconds)
        if options.out:  # after each: the next may not answer
            options.out.write_text(json.dumps(record, indent=2) + "\n")


def of_inkling(seconds: int) -> dict[str, Any]:
    """Every kind of request to `inkling serve`."""
    command = [sys.executable, "-m", "inkling", "serve", "--port", "{port}"]
    with served(command, "/api/read", "application/octet-stream", PIXELS) as (port, found):
        found["images"] = loads(port, "/api/read", PIXELS, seconds)
        found["strokes"] = loads(port, "/api/read", JSON, seconds, "application/json")
        found["livez_ms_under_load"] = beside_load(port, seconds)
        found["batch_images_a_second"] = batches(port, seconds)
        found["live_round_trip_ms"] = live(port)
        show("inkling", found)
    return found


def of_peer(name: str, seconds: int) -> dict[str, Any]:
    """28x28 bytes to another server, with the same network."""
    packages, command, path = PEERS[name]
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "bin"
        venv.create(folder, with_pip=True)
        python = programs / "python"
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *packages, "onnxruntime", "numpy"], check=True)
        command = [str(programs / command[0]), *command[1:]]
        with served(command, path, "application/octet-stream", PIXELS) as (port, found):
            found["images"] = loads(port, path, PIXELS, seconds)
            show(name, found)
        listed = [python, "-m", "pip", "list", "--format", "json"]
        versions = json.loads(subprocess.run(listed, capture_output=True, check=True).stdout)
        wanted = {package.partition("[")[0] for package in packages}
        found["versions"] = {v["name"]: v["version"] for v in versions if v["name"] in wanted}
    return found


@contextlib.contextmanager
def served(
    command: list[str], path: str, kind: str, body: bytes
) -> Iterator[tuple[int, dict[str, Any]]]:
    """A running server: its port, and a dictionary with the seconds until it answered."""
    port = free_port()
    words = [word.replace("{port}", str(port)) for word in command]
    named = {"PORT": str(port), "CORES": str(CORES), "MODEL": str(bundle.PRETRAINED / bundle.MODEL)}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words, cwd=HERE, env=os.environ | named, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not answers(port, path, kind, body):
                if process.poll() is not None or time.perf_counter() - began > 180:
                    log.seek(0)
                    sys.exit(f"{words[0]} does not answer:\n{log.read().decode()[-2000:]}")
                time.sleep(0.01)
            found: dict[str, Any] = {"seconds_to_answer": round(time.perf_counter() - began, 2)}
            time.sleep(2)  # for the other workers
            found["megabytes"] = megabytes(process.pid)
            yield port, found
        finally:
            tree = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            for each in [*tree, process]:
                with contextlib.suppress(psutil.Error):
                    each.kill()


def answers(port: int, path: str, kind: str, body: bytes) -> bool:
    """Whether a reading comes back."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", path, body, {"Content-Type": kind})
        return connection.getresponse().status == 200
    return False


def loads(
    port: int, path: str, body: bytes, seconds: int, kind: str = "application/octet-stream"
) -> dict[str, Any]:
    """What wrk reports at each number of connections, after a warm-up."""
    wrk(port, path, body, kind, 16, 2)
    return {str(n): wrk(port, path, body, kind, n, seconds) for n in CONNECTIONS}


def wrk(
    port: int, path: str, body: bytes, kind: str, connections: int, seconds: int
) -> dict[str, float]:
    """Requests a second that were answered, percentiles in milliseconds, and failures."""
    escaped = "".join(f"\\{byte:03d}" for byte in body)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = '{kind}'\nwrk.body = '{escaped}'\n"
            "function done(summary, latency)\n"
            "  io.write(string.format('RESULT %d %d %d %f %f %f\\n', summary.requests, "
            "summary.errors.status, summary.errors.connect + summary.errors.read + "
            "summary.errors.write + summary.errors.timeout, latency:percentile(50), "
            "latency:percentile(99), summary.duration))\nend\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        address = f"http://127.0.0.1:{port}{path}"
        said = subprocess.run(
            [*command, "-s", script.name, address], capture_output=True, text=True, check=True
        ).stdout
    line = re.search(r"RESULT (.*)", said)
    assert line, said
    n, refused, broken, median, slow, microseconds = map(float, line[1].split())
    return {
        "requests_a_second": round((n - refused) / microseconds * 1e6),
        "median_ms": round(median / 1000, 2),
        "p99_ms": round(slow / 1000, 2),
        "refused": int(refused),
        "broken": int(broken),
    }


def beside_load(port: int, seconds: int) -> dict[str, float]:
    """Milliseconds of /livez while 640 connections ask for readings."""
    found: list[float] = []
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.wait(0.05):
            began = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/livez")
            assert connection.getresponse().status == 200
            connection.close()
            found.append(1000 * (time.perf_counter() - began))

    thread = threading.Thread(target=ask)
    thread.start()
    wrk(port, "/api/read", JSON, "application/json", CONNECTIONS[-1], seconds)
    stopped.set()
    thread.join()
    return {
        "median": round(statistics.median(found), 1),
        "p95": round(float(np.quantile(found, 0.95)), 1),
        "n": len(found),
    }


def batches(port: int, seconds: int) -> int:
    """Images a second of /api/read/batch, 5,000 of MNIST's test images in a request."""
    file = io.BytesIO()
    np.save(file, data.splits("mnist").test.pixels[:5000, 0])
    headers = {"Content-Type": "application/x-npy"}
    url, n, began = f"http://127.0.0.1:{port}/api/read/batch", 0, 0.0
    with httpx.Client(timeout=60) as client:
        while not began or time.perf_counter() - began < seconds:
            answer = client.post(url, content=file.getvalue(), headers=headers)
            assert answer.text.count("\n") == 5000, answer.text[:300]
            if began:
                n += 5000
            else:
                began = time.perf_counter()  # the first one warms up
    return round(n / (time.perf_counter() - began))


def live(port: int, n: int = 300) -> dict[str, float]:
    """Milliseconds of a message of strokes and its answer."""
    with connect(f"ws://127.0.0.1:{port}/live") as socket_:

        def once(id_: int) -> float:
            message = json.dumps({"id": id_, "strokes": STROKES})
            began = time.perf_counter()
            socket_.send(message)
            socket_.recv()
            time.sleep(0.006)  # as a hand draws on
            return 1000 * (time.perf_counter() - began) - 6

        found = [once(id_) for id_ in range(n)]
    return {"median": round(statistics.median(found), 2), "n": n}


def megabytes(pid: int) -> int:
    """Memory of a process and its children; what several share counts once."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(p.memory_full_info().pss for p in tree) / 1e6)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def show(name: str, found: dict[str, Any]) -> None:
    """Print what was found, a line a figure."""
    for key, value in found.items():
        of = value if isinstance(value, dict) and "64" in value else {"": value}
        for n, figures in of.items():
            sys.stdout.write(f"{name:9} {key} {n} {figures}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
