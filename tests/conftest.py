"""What several tests share: the data sets, a browser, a running server."""

import contextlib
import dataclasses
import functools
import hashlib
import http.server
import io
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy
import uvicorn
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL, make_url

os.environ["OMP_NUM_THREADS"] = "1"  # tests run side by side: threads would wait for one another

# after it, for PyTorch counts its threads once
from inkling import data, drawings, metrics, system, web
from inkling.cli import main
from inkling.data import catalog
from inkling.experiments import events, runs
from inkling.reading import bundle
from inkling.reading.registry import Registry, Served
from inkling.reading.session import Session
from inkling.web import protocol
from inkling.web.settings import Settings

ROOT = Path(__file__).parent.parent
REQUIRED = bool(os.environ.get("INKLING_REQUIRE_ALL"))  # set by .ci/run: nothing is skipped there
settings.register_profile(  # no example fails for a slow machine; in CI, a failure comes again
    "inkling",
    deadline=None,
    derandomize=REQUIRED or bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("inkling")


def missing(reason: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory) -> None:
    """No test writes to the user's own folder."""
    folder = tmp_path_factory.mktemp("home")
    os.environ[system.HOME] = str(folder)
    os.environ[drawings.ENVIRONMENT] = f"sqlite:///{folder}/all.sqlite"


@pytest.fixture(scope="session")
def mnist() -> data.Splits:
    """MNIST's splits."""
    if not data.is_here(catalog.get("mnist")):
        missing("MNIST is not here: inkling data fetch mnist")
    return data.splits("mnist")


@pytest.fixture(scope="session")
def digits(mnist: data.Splits) -> np.ndarray:
    """MNIST's test images `(10000, 28, 28)`, uint8."""
    return mnist.test.pixels[:, 0]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    missing("No Chromium is here: apt-get install chromium, or your system's like")
    raise AssertionError


@pytest.fixture(scope="session")
def browser(chromium):
    """A running Chromium."""
    options = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@contextlib.contextmanager
def serving(*options: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """A real `inkling serve` at a free port: its address and its process.

    What it says goes to a file, which `process.said()` reads: a full pipe would stop it.
    """
    command = [sys.executable, "-m", "inkling", "serve", "--port", "0", *options]
    with tempfile.NamedTemporaryFile("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=ROOT, env=os.environ | environment
        )
        process.said = Path(log.name).read_text
        try:
            while not (address := re.search(r"http://\S+(?=\n)", process.said())):
                assert process.poll() is None, process.said()
                time.sleep(0.02)
            yield address.group(), process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def hosting(folder: Path) -> Iterator[str]:
    """The address of a plain web host of a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def answering(folder: Path, given: Path | None = None, **options) -> Iterator[httpx.Client]:
    """A client of an application in this process, which keeps its files in a folder.

    It reads with the bundle `given`, and `options` are its settings.
    """
    settings = Settings(runs=folder / "runs", **options)
    store = drawings.Store(f"sqlite:///{folder}/drawings.sqlite")
    app = web.create_app(Served(Registry(folder / "home", settings.runs), given), store, settings)
    config = uvicorn.Config(app, log_level="warning", http=protocol.Protocol)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=60) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
            store.close()


class Postgres:
    """A PostgreSQL server of our own, in a temporary folder."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        if not programs:
            missing("No PostgreSQL is here: apt-get install postgresql")
        self._programs = programs[-1].parent
        root = os.getuid() == 0  # as whom it does not run
        self._user = ["runuser", "-u", "postgres", "--"] if root else []
        self._folder = Path(tempfile.mkdtemp(prefix="inkling-postgres-"))
        password = self._folder / "password"
        password.write_text("s3cr:t@/")
        if root:
            for path in (self._folder, password):
                shutil.chown(path, "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = URL.create(
            "postgresql", "inkling", password.read_text(), "127.0.0.1", port, "postgres"
        )
        options = ["--username=inkling", "--auth=scram-sha-256", f"--pwfile={password}"]
        english = [
            "--locale-provider=icu",
            "--icu-locale=en",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        self._run("initdb", *options, *english, "--no-sync")
        self.start()

    def start(self) -> None:
        """Take connections."""
        options = f"-p {self.url.port} -k {self._folder} -c listen_addresses=127.0.0.1 -F"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """End all connections and refuse new ones."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *options: str) -> None:
        command = [*self._user, self._programs / program, "-D", self._folder / "data", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server, which a test may restart."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_url(request) -> URL:
    """The URL of a server on which tests may make databases: INKLING_POSTGRES, or our own."""
    named = os.environ.get("INKLING_POSTGRES")
    return make_url(named) if named else request.getfixturevalue("postgres").url


DATABASES = itertools.count()  # for names


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> Iterator[str]:
    """The URL of a database of drawings that is still to be made, of either engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/below/drawings.sqlite"
        return
    server = request.getfixturevalue("postgres_url").set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"inkling_{os.getpid()}_{next(DATABASES)}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def store(url) -> Iterator[drawings.Store]:
    """An empty store of either engine."""
    store = drawings.Store(url)
    yield store
    store.close()


class Wire:
    """A TCP proxy that can be slow, lose what is sent, or be cut and mended."""

    def __init__(self, address: str) -> None:
        self._server = ("127.0.0.1", int(address.rpartition(":")[2]))
        self.delay = 0.0  # seconds, either way
        self.silent = False  # connections used meanwhile are never heard of again, nor closed
        self._port = 0
        self._ends, self._lost = set(), set()
        self.mend()

    @property
    def address(self) -> str:
        """Where it begins."""
        return f"http://127.0.0.1:{self._port}"

    def mend(self) -> None:
        """Take connections, after a cut at the same address."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._take, args=[self._listener]).start()

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        for end in (self._listener, *self._ends):
            _end(end)

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._server)
                self._ends |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=ends).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                time.sleep(self.delay)
                if self.silent:
                    self._lost |= {source, target}
                if source not in self._lost:
                    target.sendall(chunk)
        for end in (source, target):
            _end(end)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is at its end
        end.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for it
    end.close()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a running server."""
    with serving() as (address, _):
        yield address


def quick_bundle(run, learner, splits) -> events.Event:
    """A `finish` of a training that takes no export: a linear network, drawn from the seed."""
    import onnx
    from onnx import TensorProto, helper

    weights = np.random.default_rng(learner.seed).normal(0, 0.1, (784, 10)).astype(np.float32)
    rows, one = ["N", 10], ["N"]
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("ReduceLogSumExp", ["logits", "axis"], ["energy"], keepdims=0),
        helper.make_node("Neg", ["energy"], ["ood_score"]),
    ]
    shapes = {"logits": rows, "probabilities": rows, "ood_score": one}
    constants = {"weights": weights, "axis": np.array([1])}
    graph = helper.make_graph(
        nodes,
        "quick",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    session = Session(model, 10)

    def measure(split):
        return metrics.measure(session.run(split.images()).probabilities, split.labels)

    values = {
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "recipe": dataclasses.asdict(learner.recipe),
        "seed": learner.seed,
        "dataset": learner.recipe.dataset,
        "temperature": 1.0,
        "parameters": weights.size,
        "train_seconds": round(learner.progress.seconds, 2) + 0.01,
        "validation": measure(splits.validation) if splits.validation else None,
        "test": measure(splits.test),
        "acceptance": None,
    }
    card = bundle.read(bundle.PRETRAINED)[0].model_copy(update=values)
    bundle.write(run / runs.BUNDLE, card, model)
    return events.End(
        bundle=str(run / runs.BUNDLE),
        train_seconds=card.train_seconds,
        temperature=card.temperature,
        validation=card.validation,
        test=card.test,
    )


def invoke(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """The command line within this process, where no process of its own is needed."""
    out, err = io.StringIO(), io.StringIO()
    before, argv = Path.cwd(), sys.argv
    sys.argv = ["inkling", *arguments]
    os.chdir(cwd or before)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        os.chdir(before)
        sys.argv = argv
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


MEASURED = """
import atexit, re, runpy, sys
from pathlib import Path
def say():  # its own peak: what getrusage says may be that of the process that began this one
    kept = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    sys.stderr.write(f"\\n{int(kept[1]) * 1024 // 10**6}")
atexit.register(say)
runpy.run_module("inkling", run_name="__main__", alter_sys=True)
"""


def peak(*arguments: str, **options) -> tuple[subprocess.CompletedProcess, int]:
    """The command line in a process of its own, and the megabytes that it had at its peak."""
    command = [sys.executable, "-c", MEASURED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    done.stderr, _, found = done.stderr.rpartition("\n")
    return done, int(found)


def run_inkling(*arguments: str, **options) -> subprocess.CompletedProcess:
    """The command line as a user runs it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "inkling", *arguments],
        capture_output=True,
        timeout=100,
        **({"text": True} | options),
    )
