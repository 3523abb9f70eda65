"""inkling doctor: what is wrong is found, and nothing private is said."""

import getpass
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import sqlalchemy
from conftest import REQUIRED, ROOT, answering, hosting, run_inkling

from inkling import drawings, system
from inkling.cli import checks
from inkling.drawings.database import look
from inkling.reading import bundle, check
from inkling.reading.registry import Registry


def by_name(*groups: str) -> dict[str, checks.Finding]:
    return {finding.name: finding for finding in checks.findings(*groups)}


@pytest.fixture(scope="module")
def said() -> tuple[subprocess.CompletedProcess, dict]:
    """What it says in a terminal's place, and as JSON, where secrets are set."""
    home = Path(os.environ[system.HOME]) / "anna"
    environment = os.environ | {
        "COLUMNS": "1000",
        "HOME": str(home),
        "INKLING_HOME": str(home / "mine"),
        "INKLING_DATA": f"{home}/data{os.pathsep}/nowhere",
        "INKLING_DRAWINGS": "postgresql://otto:gehe1m@127.0.0.1:9/secret-name?password=gehe1m2",
        "INKLING_TOKEN": "t0ken",
        "INKLING_READ_TOKEN": "t0ken2",
        "INKLING_TOKNE": "t0ken3",
        "INKLING_PORT": "0",
        "USER": "anna",
        "LOGNAME": "anna",
    }
    text = run_inkling("doctor", env=environment)
    return text, json.loads(run_inkling("doctor", "--json", env=environment).stdout)


def test_the_text_has_the_findings_of_the_json(said):
    text, found = said
    assert {finding["group"] for finding in found["findings"]} == set(checks.CHECKS)
    lines = iter(line.strip() for line in text.stdout.splitlines())
    for finding in found["findings"]:
        if "GB free" in finding["found"]:  # which may change meanwhile
            continue
        row = re.compile(rf"{finding['state']} +{re.escape(finding['name'])} +(.*)")
        assert (
            next(match[1] for line in lines if (match := row.fullmatch(line))) == finding["found"]
        )
        if finding["mend"]:
            assert next(lines) == f"> {finding['mend']}"
    states = [finding["state"] for finding in found["findings"]]
    assert found["problems"] == states.count("problem") > 0  # the database
    assert text.returncode == 1


def test_what_is_piped_has_no_colour(said):
    assert "\x1b" not in said[0].stdout
    assert said[0].stderr == ""


def test_nothing_private_is_said(said):
    text, found = said
    for shown in (text.stdout, json.dumps(found)):
        for private in ("gehe1m", "otto", "secret-name", "t0ken", "anna", socket.gethostname()):
            assert private not in shown
    named = {finding["name"]: finding for finding in found["findings"]}
    assert named["own folder"]["found"].startswith("~/mine, ")
    assert named["looked for in"]["found"].startswith(
        "~/data (not there), /nowhere (not there), ~/"
    )
    assert named["INKLING_TOKEN"]["state"] == "ok"
    assert named["INKLING_TOKNE"]["mend"] == "Perhaps you meant INKLING_TOKEN"
    assert named["drawings"]["found"] == "it does not open: Connection refused"


def test_the_bundles_read(said):
    named = {finding["name"]: finding for finding in said[1]["findings"]}
    assert named["ONNX Runtime"]["state"] == "ok"
    assert named["shipped bundle"]["found"].startswith("ONNX Runtime reads a drawn 7, as a digit")
    assert named["served bundle"]["found"] == "pretrained"


def test_a_folder_of_the_users_name_is_not_said(monkeypatch):
    monkeypatch.setenv("LOGNAME", "anna")
    assert getpass.getuser() == "anna"
    monkeypatch.setenv("INKLING_DATA", "/media/anna/disk:/srv/anna:/srv/annabel")
    shown = by_name("environment")["INKLING_DATA"].found
    assert shown == "/media/USER/disk:/srv/USER:/srv/annabel"


def test_whole_it_finds_no_problem(tmp_path, monkeypatch):
    monkeypatch.setenv(system.HOME, str(tmp_path / "home"))
    monkeypatch.setenv(drawings.ENVIRONMENT, "")
    found = by_name("inkling", "machine", "libraries", "extras", "store")
    extras = {finding.state for finding in found.values() if finding.group == "extras"}
    assert extras == {"ok"} or (extras == {"ok", "note"} and not REQUIRED), found
    assert {one.state for one in found.values() if one.group != "extras"} == {"ok"}, found
    assert found["drawings"].found.startswith("none yet")
    assert not (tmp_path / "home").exists()  # it only looks


def test_a_broken_bundle_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv(system.HOME, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    registry = Registry(tmp_path, tmp_path / "runs")
    folder = registry.taught / "mine" / bundle.IN_A_RUN
    shutil.copytree(bundle.PRETRAINED, folder, ignore=shutil.ignore_patterns("numbers"))
    registry.choose("taught/mine")
    assert re.fullmatch("[0-9a-f]{12}", check.served(registry)["sha256"])
    with (folder / bundle.MODEL).open("ab") as model:
        model.write(b"\0")
    served = by_name("reading")["served bundle"]
    assert served.state == "problem"
    assert "expected SHA-256" in served.found
    assert served.mend.endswith("inkling teach --back")
    shutil.rmtree(folder)
    assert check.served(registry) == {"name": "pretrained", "gone": "taught/mine"}


def test_a_runtime_that_ends_the_process_is_a_problem(tmp_path, monkeypatch):
    why = "it was ended by SIGILL"
    (tmp_path / "onnxruntime.py").write_text("import os; os.kill(os.getpid(), 4)")
    monkeypatch.syspath_prepend(tmp_path)
    found = by_name("reading")
    assert found["ONNX Runtime"].state == found["shipped bundle"].state == "problem"
    assert found["ONNX Runtime"].found == f"it cannot be imported: {why}"
    assert why in found["shipped bundle"].found


def test_a_file_of_another_size_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    with gzip.open(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", "wb") as file:
        file.write(bytes(10_008))
    assert by_name("data")["mnist"].found == "not here"  # the others
    with gzip.open(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", "wb") as file:
        file.write(bytes(10_007))
    found = by_name("data")["mnist"]
    assert found.state == "problem"
    assert found.found.endswith("t10k-labels-idx1-ubyte.gz is not of the published size")
    assert "inkling data fetch mnist" in found.mend


def test_the_store_is_looked_at_and_left_alone(tmp_path, monkeypatch):
    file = tmp_path / "drawings.sqlite"
    url = f"sqlite:///{file}"
    monkeypatch.setenv(drawings.ENVIRONMENT, url)
    drawings.Store(url).close()
    assert by_name("store")["drawings"].found == f"0 drawings, schema {look(url).newest}"
    engine = sqlalchemy.create_engine(url)
    for version, state in (("0003", "ok"), ("9999", "problem")):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
        before = file.read_bytes()
        found = by_name("store")["drawings"]
        assert (found.state, version in found.found) == (state, True)
        assert file.read_bytes() == before
    engine.dispose()
    assert "newer version of Inkling" in found.found
    file.write_bytes(b"no database" * 100)
    assert by_name("store")["drawings"].found == "it does not open: file is not a database"


@pytest.mark.usefixtures("store")
def test_a_store_of_either_engine_is_looked_at(url, monkeypatch):
    monkeypatch.setenv(drawings.ENVIRONMENT, url)
    found = by_name("store")
    assert found["database"].found.startswith(
        "PostgreSQL, named by" if url.startswith("postgres") else "SQLite, "
    )
    assert found["drawings"].found == f"0 drawings, schema {look(url).newest}"


def test_who_listens_at_the_port_is_said(tmp_path, monkeypatch):
    def port(address: str) -> checks.Finding:
        monkeypatch.setenv("INKLING_PORT", address.rpartition(":")[2])
        (found,) = checks.findings("port")
        return found

    with answering(tmp_path) as client:
        address = str(client.base_url).rstrip("/")
        assert port(address).found == "inkling serve runs there"
    assert port(address).found.startswith("free")
    with hosting(tmp_path) as other:
        assert port(other).state == "problem"
        assert "--port 0" in port(other).mend
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert port(f":{silent.getsockname()[1]}").state == "problem"
    assert port("tcp://10.0.0.3:eighty").state == "problem"  # as Kubernetes sets it


def test_a_missing_extra_is_a_note(tmp_path):
    """In an environment that lacks libraries of two extras, and has another one too old."""
    site = Path(sysconfig.get_paths()["purelib"])
    for entry in site.iterdir():
        if not re.match(r"fastapi|torch|rich|_", entry.name, re.IGNORECASE):
            (tmp_path / entry.name).symlink_to(entry)
    for entry in site.glob("rich*"):
        name = re.sub(r"rich-[\d.]+\d", "rich-1.0", entry.name)
        shutil.copytree(entry, tmp_path / name)
    metadata = tmp_path / "rich-1.0.dist-info" / "METADATA"
    metadata.write_text(re.sub(r"(?m)^Version: .*", "Version: 1.0", metadata.read_text()))
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-S", "-m", "inkling", "doctor", "--json"],
        env=os.environ | {"PYTHONPATH": path, "INKLING_PORT": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    named = {finding["name"]: finding for finding in found["findings"]}
    assert named["serve"]["state"] == named["train"]["state"] == "note"
    assert "fastapi" in named["serve"]["found"]
    assert named["serve"]["mend"] == "pip install 'inkling-reader[serve]'"
    assert named["drawings"]["state"] == "note"
    assert named["hub"]["state"] == named["shipped bundle"]["state"] == "ok"
    assert named["base"]["state"] == "problem"
    assert named["base"]["found"].startswith("rich 1.0 (expected ")
    assert (found["problems"], done.returncode) == (1, 1)


def test_a_broken_library_is_a_finding(tmp_path):
    """Also one that nearly all needs."""
    (tmp_path / "numpy.py").write_text("raise ImportError('secret')")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = run_inkling("doctor", "--json", env=os.environ | {"PYTHONPATH": path})
    assert (done.returncode, done.stderr) == (1, "")
    named = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert named["check"]["found"] == "this check could not be made: ImportError"
    assert named["shipped bundle"]["found"].endswith("ImportError")
    assert "secret" not in done.stdout


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def failing():
        yield checks.Finding("first", "ok", "here")
        raise ZeroDivisionError("s3cret")

    monkeypatch.setitem(checks.CHECKS, "data", failing)
    first, failed, *others = checks.findings("data", "environment")
    assert (first.found, failed.state) == ("here", "problem")
    assert failed.found == "this check could not be made: ZeroDivisionError"
    assert others
