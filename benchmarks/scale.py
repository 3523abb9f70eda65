"""More than one machine, measured as far as one machine goes; writes results/scale.json.

    python benchmarks/scale.py [--rounds 3] [--seconds 8] [--out results/scale.json]
    python benchmarks/scale.py --model results/scale.json

The first command measures: a bulk reading of 100,000 images by processes and by Ray, at 1 and 2
workers in turn, and its memory; a training by 1 and 2 workers; the server with Ray Serve beside the
one of processes, and the processor time of each of its parts per request. Ray's own start is stated
by itself. The second prints what larger loads need: cores from these times, the wait by Erlang's
formula, nodes, network and money; and it checks the formula, and the measured points, by
simulation. Run nothing else meanwhile.
"""

import argparse
import heapq
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import load
import numpy as np
import psutil

from inkling import data, system
from inkling.bulk import Job, Options, parts_of, processes
from inkling.experiments import events, recipes
from inkling.experiments.recipe import Recipe
from inkling.scale import cluster, reading
from inkling.scale import training as together
from inkling.training import create, train

IMAGES = 100_000
WORKERS = (1, 2)
CONNECTIONS = (1, 8, 64)
PARTS = {  # of a server on Ray, and how their processes are called
    "proxy": ("ProxyActor", "haproxy"),
    "page": ("inkling:Page",),
    "reader": ("inkling:Readers",),
    "wrk": ("wrk",),
}
QUICK = {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}

# What the model takes for granted; prices and sizes as large clouds have them in 2026.
CORES_A_NODE = 16
DOLLARS_A_NODE_HOUR = 0.68  # 16 virtual cores without a GPU, on demand
BITS_A_SECOND = 10e9  # of a node's network
BUSY = 0.7  # of each core: the rest is for what comes in bursts
BYTES_A_REQUEST = 3_000  # strokes in, an answer out, and their headers
BYTES_AN_IMAGE = 784


def main() -> None:
    """Measure, or show what the measured times lead to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", type=Path, help="A record of before")
    options = parser.parse_args()
    if options.model:
        show_model(json.loads(options.model.read_text()))
        return
    record: dict[str, Any] = {
        "reading": of_reading(options.rounds),
        "training": of_training(options.rounds),
        "serving": of_serving(options.seconds),
        "machine": system.describe(),
        "versions": system.versions("ray", "torch", "onnxruntime", "numpy", "pyarrow"),
        "commit": system.commit(),
    }
    said = json.dumps(record, indent=2) + "\n"
    sys.stdout.write(said)
    if options.out:
        options.out.write_text(said)


@contextmanager
def on_ray(cores: int) -> Iterator[float]:
    """A cluster of this machine, and the seconds that it took to start."""
    began = time.perf_counter()
    with cluster.connected(cores):
        yield time.perf_counter() - began


def of_reading(rounds: int) -> dict[str, Any]:
    """Images a second of each engine, in turn; medians, and the ratio of each round."""
    splits = data.load(data.get("mnist"))
    pixels = np.concatenate([split.pixels for split in splits])[:, 0]
    pixels = np.concatenate([pixels, pixels])[:IMAGES]
    found: dict[str, Any] = {"images": IMAGES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "images.npy", pixels)
        for workers in WORKERS:
            rates: dict[str, list[float]] = {"processes": [], "ray": []}
            starts = []
            for _ in range(rounds):
                rates["processes"].append(IMAGES / seconds_of(processes.run, folder, workers))
                with on_ray(workers) as start:
                    starts.append(start)
                    rates["ray"].append(IMAGES / seconds_of(reading.run, folder, workers))
            ratios = [b / a for a, b in zip(rates["processes"], rates["ray"], strict=True)]
            found[str(workers)] = {
                "images_a_second": {k: round(statistics.median(v)) for k, v in rates.items()},
                "ray_to_processes": [round(ratio, 3) for ratio in ratios],
                "ray_start_seconds": round(statistics.median(starts), 1),
            }
        with on_ray(2):
            idle = megabytes()
            found["megabytes"] = {
                "ray": peak(lambda: seconds_of(reading.run, folder, 2)),
                "ray_idle": idle,
            }
        found["megabytes"]["processes"] = peak(lambda: seconds_of(processes.run, folder, 2))
    return found


def seconds_of(run: Callable[..., Any], folder: Path, workers: int) -> float:
    """Seconds of a job, with the start of its workers and the join of its parts."""
    job = Job.begin(str(folder / "out"), parts_of([str(folder / "images.npy")]), None, Options())
    began = time.perf_counter()
    for _ in run(job, workers):
        pass
    assert job.join() == IMAGES
    seconds = time.perf_counter() - began
    (folder / "out").unlink()
    return seconds


def megabytes() -> int:
    """Memory of this process and its children; what several share counts once."""
    return load.megabytes(psutil.Process().pid)


def peak(work: Callable[[], object]) -> int:
    """The most memory while `work` goes on."""
    seen, ended = [megabytes()], threading.Event()

    def look() -> None:
        while not ended.wait(0.3):
            try:
                seen.append(megabytes())
            except psutil.Error:  # one has ended meanwhile
                continue

    looking = threading.Thread(target=look)
    looking.start()
    work()
    ended.set()
    looking.join()
    return max(seen)


def of_training(rounds: int) -> dict[str, Any]:
    """Images a second of one epoch of `digits`, without pen strokes, at a thread a worker."""
    recipe = replace(
        recipes.get("digits"),
        epochs=1,
        augmentation=replace(
            recipes.get("digits").augmentation, real_digits=0.0, real_outliers=0.0
        ),
    )
    rates: dict[int, list[float]] = {1: [], 2: []}
    apart = []
    for _ in range(rounds):
        apart.append(two_at_once(recipe))
        for workers in WORKERS:
            with tempfile.TemporaryDirectory() as name:
                run = Path(name) / "run"
                create(run, recipe, 0, "cpu", workers=workers)
                plan = json.loads((run / "run.json").read_text()) | {"threads": 1}
                (run / "run.json").write_text(json.dumps(plan))
                (train if workers == 1 else together.train)(run, lambda _: None)
                (epoch,) = events.epochs(run)
                rates[workers].append(len(data.splits("mnist").train.labels) / epoch.seconds)
    one, two = (statistics.median(rates[workers]) for workers in WORKERS)
    return {
        "images_a_second": {"1": round(one), "2": round(two)},
        "two_apart": round(statistics.median(apart)),
        "scaling_efficiency": round(two / one / 2, 3),
        "of_two_apart": round(two / statistics.median(apart), 3),
    }


def two_at_once(recipe: Recipe) -> float:
    """Images a second of two trainings that know nothing of each other: what the cores give."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(2)]
        for run in folders:
            create(run, recipe, 0, "cpu", workers=2)  # a thread each
            plan = json.loads((run / "run.json").read_text()) | {"workers": 1, "threads": 1}
            (run / "run.json").write_text(json.dumps(plan))
        command = [sys.executable, "-m", "inkling", "train", "--quiet", "--resume"]
        going = [subprocess.Popen([*command, str(run)]) for run in folders]
        for process in going:
            assert process.wait() == 0
        images = len(data.splits("mnist").train.labels)
        return sum(images / events.epochs(run)[0].seconds for run in folders)


def of_serving(seconds: int) -> dict[str, Any]:
    """Strokes a second of the server of one process, and of one page and one reader on Ray.

    The last with HAProxy, which Ray brings and which it starts where it is asked to.
    """
    found: dict[str, Any] = {}
    for engine, environment in (("processes", {}), ("ray", {}), ("ray_haproxy", QUICK)):
        os.environ.update(environment)
        command = [sys.executable, "-m", "inkling", "serve", "--port", "{port}"]
        command += ["--workers", "1", "--engine", engine.partition("_")[0]]
        with load.served(command, "/api/read", "application/json", load.JSON) as (port, figures):
            load.wrk(port, "/api/read", load.JSON, "application/json", 8, 3)
            for connections in CONNECTIONS:
                before = processor_seconds()
                figure = load.wrk(
                    port, "/api/read", load.JSON, "application/json", connections, seconds
                )
                spent = {k: v - before.get(k, 0) for k, v in processor_seconds().items()}
                answered = figure["requests_a_second"] * seconds
                if engine != "processes":
                    figure |= {
                        f"{part}_ms": round(1000 * each / answered, 3)
                        for part, each in spent.items()
                    }
                figures[str(connections)] = figure
            found[engine] = figures
        for name in environment:
            del os.environ[name]
    return found


def processor_seconds() -> dict[str, float]:
    """Of each part of a server on Ray, so far; of processes that have ended, too."""
    found = dict.fromkeys(PARTS, 0.0)
    for process in psutil.process_iter(["cmdline", "cpu_times"]):
        title = " ".join(process.info["cmdline"] or ())
        for part, names in PARTS.items():
            if any(name in title for name in names) and process.info["cpu_times"]:
                found[part] += sum(process.info["cpu_times"][:2])
    ended = psutil.Process().cpu_times()
    found["wrk"] = ended.children_user + ended.children_system
    return found


def show_model(record: dict[str, Any]) -> None:
    """Print what larger loads need, and how far simulations agree."""
    points = record["serving"]["ray_haproxy"]
    figures = points[str(CONNECTIONS[-1])]
    times = {part: figures[f"{part}_ms"] / 1000 for part in ("proxy", "page", "reader")}
    write = sys.stdout.write
    write("Measured points, and a simulation of them on the cores of that machine\n")
    for connections in CONNECTIONS:
        point = points[str(connections)]
        own = {part: point[f"{part}_ms"] / 1000 for part in PARTS}
        rate = closed(own, connections, record["machine"]["cores"])
        write(
            f"  {connections:3} connections: {point['requests_a_second']:6,} a second measured, "
            f"{rate:6,.0f} simulated ({rate / point['requests_a_second']:.2f})\n"
        )
    write("\nRequests a second\n")
    for rate in (1_000, 10_000):
        cores = {part: max(1, math.ceil(rate * each / BUSY)) for part, each in times.items()}
        nodes = math.ceil(sum(cores.values()) / CORES_A_NODE) + 1  # and one for the head
        waits = {part: slow_wait(rate, times[part], cores[part]) for part in times}
        seen = {part: simulated_wait(rate, times[part], cores[part]) for part in times}
        bits = rate * BYTES_A_REQUEST * 8 * 2 / (nodes - 1)  # in and out of a page, to a reader
        write(
            f"  {rate:6,}: cores {cores}, {nodes} nodes, ${nodes * DOLLARS_A_NODE_HOUR:,.2f} an "
            f"hour, {bits / BITS_A_SECOND:.1%} of each network\n"
            "          wait of 1 in 100 in ms, by the formula and simulated: "
            + ", ".join(f"{p} {1000 * waits[p]:.2f} {1000 * seen[p]:.2f}" for p in cores)
            + "\n"
        )
    per_core = record["reading"]["2"]["images_a_second"]["ray"] / 2
    hours = 1e9 / per_core / 3600
    write("\nA billion images of 784 bytes\n")
    for nodes in (1, 10, 100):
        took = hours / CORES_A_NODE / nodes
        bits = 1e9 * BYTES_AN_IMAGE * 8 / (took * 3600) / nodes
        write(
            f"  {nodes:3} nodes: {took:6.2f} hours, ${took * nodes * DOLLARS_A_NODE_HOUR:,.0f}, "
            f"{bits / BITS_A_SECOND:.2%} of each network\n"
        )


def slow_wait(rate: float, seconds: float, servers: int) -> float:
    """The wait that 1 in 100 exceeds, of Poisson arrivals: Erlang's C, exponential service."""
    offered = rate * seconds
    term, total = 1.0, 1.0
    for k in range(1, servers):
        term *= offered / k
        total += term
    last = term * offered / servers * servers / (servers - offered)
    waits = last / (total + last)  # the share that waits at all
    return max(0.0, math.log(waits / 0.01) * seconds / (servers - offered))


def simulated_wait(rate: float, seconds: float, servers: int, n: int = 200_000) -> float:
    """The same, event by event, with the service times constant, as those of a reader nearly are.

    So it is to be below the formula's.
    """
    rng = random.Random(0)
    free, now, waits = [0.0] * servers, 0.0, []
    for _ in range(n):
        now += rng.expovariate(rate)
        start = max(now, heapq.heappop(free))
        waits.append(start - now)
        heapq.heappush(free, start + seconds)
    return float(np.quantile(waits, 0.99))


def closed(times: dict[str, float], connections: int, cores: int, n: int = 20_000) -> float:
    """Requests a second of so many clients, each of which waits for its answer.

    A request passes wrk, proxy, page, reader, page, proxy. Each is one process, which does one
    thing at a time, on any of the cores.
    """
    route = ["wrk", "proxy", "page", "reader", "page", "proxy"]
    share = {part: times[part] / route.count(part) for part in times}
    queues: dict[str, deque[int]] = {part: deque() for part in times}
    busy = dict.fromkeys(times, False)
    ready: deque[str] = deque()  # parts that could go on, if a core were free
    running: list[tuple[float, int, str, int]] = []
    at = [0] * connections
    now, done, idle, order = 0.0, 0, cores, 0
    for client in range(connections):
        queues["wrk"].append(client)
    ready.append("wrk")
    while done < n:
        while idle and ready:
            part = ready.popleft()
            if busy[part] or not queues[part]:
                continue
            client = queues[part].popleft()
            busy[part], idle, order = True, idle - 1, order + 1
            heapq.heappush(running, (now + share[part], order, part, client))
        now, _, part, client = heapq.heappop(running)
        busy[part], idle = False, idle + 1
        at[client] = (at[client] + 1) % len(route)
        done += at[client] == 0
        following = route[at[client]]
        queues[following].append(client)
        ready += [following, part]
    return n / now


if __name__ == "__main__":
    main()
