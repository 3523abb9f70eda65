"""Behind nginx and Caddy, with the least that people write and with the files of deploy/."""

import contextlib
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx
import pytest
import websockets.exceptions
from conftest import ROOT, missing, serving
from PIL import Image, ImageDraw
from websockets.sync.client import connect

SEVEN = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}
TOKEN = {"Authorization": "Bearer secret"}
DEPLOY = ROOT / "deploy"
PLACES = ("top", "stripped", "kept")  # or under a path, which the proxy takes away or passes on
PLAIN = {
    ("nginx", "top"): "location / { proxy_pass http://127.0.0.1:8000; }",
    ("nginx", "stripped"): "location /inkling/ { proxy_pass http://127.0.0.1:8000/; }",
    ("nginx", "kept"): "location /inkling/ { proxy_pass http://127.0.0.1:8000; }",
    ("caddy", "top"): "reverse_proxy 127.0.0.1:8000",
    ("caddy", "stripped"): "handle_path /inkling/* {\n reverse_proxy 127.0.0.1:8000\n}",
    ("caddy", "kept"): "reverse_proxy /inkling/* 127.0.0.1:8000",
}
RECOMMENDED = {  # what changes in the files of deploy/
    ("nginx", "stripped"): [("location /", "location /inkling/"), ("//inkling;", "//inkling/;")],
    ("nginx", "kept"): [("location /", "location /inkling/")],
    ("caddy", "stripped"): [("reverse_proxy 127", "uri strip_prefix /inkling\n reverse_proxy 127")],
    ("caddy", "kept"): [("reverse_proxy 127", "reverse_proxy /inkling/* 127")],
}
TEMPORARY = " ".join(
    f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
pytestmark = pytest.mark.slow


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A folder with the files pem and key of localhost."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -out pem"
    options = ["-keyout", "key", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *options], cwd=folder, check=True, capture_output=True)
    return folder


@contextlib.contextmanager
def running(program, text, port, files=()):
    """A proxy with this configuration, by a user without rights, with all files in one folder."""
    if not shutil.which(program):
        missing(f"No {program} is here: apt-get install nginx-light caddy")
    if program == "nginx":
        text = f"daemon off; pid pid; events {{}} http {{ access_log off; {TEMPORARY} {text} }}"
        command = ["nginx", "-p", ".", "-e", "stderr", "-c", "configuration"]
    else:
        text = f"{{\n admin off\n auto_https disable_redirects\n}}\n{text}"
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", "configuration"]
    with tempfile.TemporaryDirectory(prefix="inkling-proxy-") as name:
        folder = Path(name)
        for file in files:
            shutil.copy(file, folder)
        (folder / "configuration").write_text(text)
        nobody = {}
        if os.getuid() == 0:
            nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "nobody")
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=os.environ | {"HOME": name}, stderr=log, **nobody
            )
        try:
            deadline = time.monotonic() + 20
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def plain(program, place, server):
    """The address of a proxy, set up with the least that does."""
    port, inner = free_port(), PLAIN[program, place].replace("127.0.0.1:8000", server)
    block = f"server {{ listen 127.0.0.1:{port};" if program == "nginx" else f"http://:{port} {{\n"
    with running(program, f"{block} {inner}\n}}", port):
        yield f"http://localhost:{port}{'' if place == 'top' else '/inkling'}"


@contextlib.contextmanager
def recommended(program, place, certificate, *servers):
    """The address of a proxy, set up with the file of deploy/, in front of one or two servers."""
    port = free_port()
    text = (DEPLOY / {"nginx": "nginx.conf", "caddy": "Caddyfile"}[program]).read_text()
    changes = [
        ("127.0.0.1:8000 {", f"{' '.join(servers)} {{"),  # of Caddy
        ("127.0.0.1:8000", servers[0]),
        ("127.0.0.1:8001", servers[-1]),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80", f"listen 127.0.0.1:{free_port()}"),
        ("/etc/ssl/inkling.", ""),
        ("inkling.example {", f"https://localhost:{port} {{\n tls pem key"),
    ]
    for old, new in [*RECOMMENDED.get((program, place), []), *changes]:
        text = text.replace(old, new)
    with running(program, text, port, [certificate / "pem", certificate / "key"]):
        yield f"https://localhost:{port}{'' if place == 'top' else '/inkling'}"


def trusting(certificate):
    return ssl.create_default_context(cafile=certificate / "pem")


def place_of(address):
    """The host and port of an address."""
    return address.partition("//")[2]


def picture(side):
    """A seven as a BMP file of side * side bytes."""
    image = Image.new("L", (side, side), 255)
    scale, (stroke,) = side / 400, SEVEN["strokes"]
    ImageDraw.Draw(image).line([(x * scale, y * scale) for x, y in stroke], 0, int(30 * scale))
    image.save(content := io.BytesIO(), "BMP")
    return content.getvalue()


def check(client, address):
    """The page opens and reads, as a browser asks; its files lie beside it."""
    page = client.get(f"{address}/")
    assert (page.status_code, "<title>" in page.text) == (200, True)
    for path in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        assert client.get(f"{address}/{path}").status_code == 200
    head = client.head(f"{address}/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(page.content))
    origin = {"Origin": "/".join(address.split("/")[:3])}
    answer = client.post(f"{address}/api/read", json=SEVEN, headers=origin)
    assert (answer.status_code, answer.json().get("label")) == (200, 7)
    foreign = {"Origin": "https://evil.example"}
    assert client.post(f"{address}/api/read", json=SEVEN, headers=foreign).status_code == 403
    if address.endswith("/inkling"):
        assert "/inkling/openapi.json" in client.get(f"{address}/docs").text


def read_live(address, headers=None, tls=None):
    origin = "/".join(address.split("/")[:3])
    url = address.replace("http", "ws", 1) + "/live"
    with connect(url, origin=origin, additional_headers=headers, ssl=tls) as live:
        live.send(json.dumps({"id": 1, **SEVEN}))
        return json.loads(live.recv(timeout=20))["id"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_the_least_that_people_write(program, place):
    options = ["--open", "--allow-host", "localhost", "--workers", "1"]
    options += ["--root-path", "/inkling"] if place != "top" else []
    with (
        serving(*options) as (server, _),
        plain(program, place, place_of(server)) as address,
        httpx.Client(timeout=60) as client,
    ):
        check(client, address)
        large = client.post(f"{address}/api/read", content=picture(3000)).status_code
        if program == "caddy":
            assert (large, read_live(address)) == (200, 1)
        else:  # where nginx is not told so, it passes on no more than 1 MB and no live socket
            assert large == 413
            with pytest.raises(websockets.exceptions.InvalidStatus):
                read_live(address)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_the_files_of_deploy(program, place, certificate):
    options = ["--token", "secret", "--proxy", "127.0.0.1", "--workers", "1", "--access-log"]
    options += ["--root-path", "/inkling"] if place != "top" else []
    tls = trusting(certificate)
    with (
        serving(*options) as (server, process),
        recommended(program, place, certificate, place_of(server)) as address,
        httpx.Client(timeout=60, headers=TOKEN, verify=tls) as client,
    ):
        check(client, address)
        assert read_live(address, TOKEN, tls) == 1
        read = client.post(f"{address}/api/read", content=picture(3000))
        assert (read.status_code, read.json()["label"]) == (200, 7)
        assert client.post(f"{address}/api/read", content=picture(3200)).status_code == 413

        signed_in = httpx.get(f"{address}/?token=secret", verify=tls)
        assert signed_in.status_code == 303
        assert signed_in.headers["location"] == ("/" if place == "top" else "/inkling/")
        assert "Secure" in signed_in.headers["set-cookie"]  # the proxy has said that it is TLS

        said = {"X-Forwarded-For": "9.9.9.9", **TOKEN}
        for own, url in (("127.0.0.2", address), ("127.0.0.2", server), ("127.0.0.1", server)):
            transport = httpx.HTTPTransport(verify=tls, local_address=own)
            with httpx.Client(transport=transport, headers=said) as other:
                assert other.get(f"{url}/api/card").status_code == 200
        deadline, logged = time.monotonic() + 5, []
        while len(logged) < 3 and time.monotonic() < deadline:
            logged = re.findall(r"INFO (\S+) GET /api/card", process.said())
        # what a client says of itself is believed from the proxy's address alone
        assert logged == ["127.0.0.2", "127.0.0.2", "9.9.9.9"]


@pytest.mark.parametrize(
    ("program", "number", "path"),
    [("nginx", 2, "/api/read"), ("caddy", 2, "/api/card"), ("caddy", 1, "/api/card")],
)
def test_a_rolling_update_drops_no_request(program, number, path, certificate):
    """Debian's Caddy sends no body a second time (its issue 7546), so there it is a GET."""
    ports = [free_port() for _ in range(number)]
    options = ["--token", "secret", "--proxy", "127.0.0.1", "--workers", "1"]
    tls, answers, stopped = trusting(certificate), [], threading.Event()

    def start(port):
        server = contextlib.ExitStack()
        server.enter_context(serving("--port", port, *options))
        return server

    def ask(address):
        with httpx.Client(timeout=30, headers=TOKEN, verify=tls) as client:
            while not stopped.is_set():
                try:
                    body = {"json": SEVEN} if path == "/api/read" else {}
                    method = "POST" if body else "GET"
                    answers.append(client.request(method, f"{address}{path}", **body).status_code)
                except httpx.HTTPError as error:
                    answers.append(repr(error))

    servers = [start(port) for port in ports]
    names = [f"127.0.0.1:{port}" for port in ports]
    with recommended(program, "top", certificate, *names) as address:
        threads = [threading.Thread(target=ask, args=[address]) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for index, port in enumerate(ports):
                time.sleep(1)
                servers[index].close()
                servers[index] = start(port)
            time.sleep(1)
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
            for server in servers:
                server.close()
    assert len(answers) > 100
    assert set(answers) == {200}, {each: answers.count(each) for each in set(answers)}


def test_the_dashboard_shows_what_the_server_exports():
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    shown = " ".join(each["expr"] for panel in board["panels"] for each in panel["targets"])
    (scaled_by,) = re.findall(r"inkling_\w+_total", (DEPLOY / "kubernetes.yaml").read_text())
    with serving("--workers", "2") as (server, _):
        read_live(server)
        httpx.post(f"{server}/api/read", json=SEVEN).raise_for_status()
        exported = httpx.get(f"{server}/metrics").text
    names = re.findall(r"^(inkling_\w+?)(?:{.*)? \S+$", exported, re.MULTILINE)
    assert {scaled_by, *re.findall(r"inkling_\w+", shown)} <= set(names)
