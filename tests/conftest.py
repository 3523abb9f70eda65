"""What several tests share: the data sets, a browser, a running server."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # tests run side by side: threads would wait for one another

from inkling import data, drawings, machine  # after it: PyTorch counts its threads once
from inkling.data import catalog

ROOT = Path(__file__).parent.parent
REQUIRED = bool(os.environ.get("INKLING_REQUIRE_ALL"))  # set by .ci/run: nothing is skipped there


def missing(reason: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _drawings_of_ones_own(tmp_path_factory) -> None:
    """No test keeps anything in the user's own folder."""
    folder = tmp_path_factory.mktemp("home")
    os.environ[machine.HOME] = str(folder)
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


@pytest.fixture(scope="module")
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
    """A real `inkling serve` at a free port: its address and its process."""
    command = [sys.executable, "-m", "inkling", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )
    try:
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, line + process.stderr.read()
        yield address.group(), process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


class Wire:
    """A TCP way to a server that can be slow, lose what is sent, or be cut and mended."""

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


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a running server."""
    with serving() as (address, _):
        yield address


def run_inkling(*arguments: str, **options) -> subprocess.CompletedProcess:
    """The command line as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "inkling", *arguments],
        capture_output=True,
        timeout=100,
        **({"text": True} | options),
    )
