"""Make the files of a version, which every later version must load: tests/versions/VERSION/.

    python tests/versions/make.py         of this checkout, when it is released
    python tests/versions/make.py TREE    of another: how those of older releases were made

They are made as a user makes them: by the commands of that version, and by its server. Networks are
tiny, and learn from the 1,797 images of optdigits. tests/test_versions.py loads them all.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
RECIPE = """\
from torch import nn

from inkling{home} import Recipe

recipe = Recipe(
    name="tiny",
    about="432 parameters",
    model="{model}",
    dataset="optdigits",
    epochs={epochs},
)


def model(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 7, stride=7), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4 * 4, classes)
    )
"""
# 0.1.0 knows no network of one's own: its smallest is made smaller, from 128 units to 4
NARROW = """\
from torch import nn
from inkling import cli, models
models.MODELS["mlp"] = lambda classes: nn.Sequential(
    nn.Flatten(), nn.Linear(28 * 28, 4), nn.ReLU(), nn.Linear(4, classes)
)
cli.main()
"""
READ = """\
import json, sys
import numpy as np
from inkling import Reader
images = np.load(sys.argv[1]).astype(np.float32)[:, None] / 255
print(json.dumps(Reader.load(sys.argv[2]).probabilities(images).tolist()))
"""
SEVEN = [[[110, 90], [190, 84], [268, 80], [235, 160], [200, 240], [184, 320]]]
SEVENTEEN = [[[60, 100], [62, 200], [60, 300]], *([[x + 90, y] for x, y in s] for s in SEVEN)]
INTERRUPTED = 130  # an exit code
LEFT_OUT = (  # what no version reads again, or the stopped run has as well
    "*.py",
    "*/lock",
    "drawings.sqlite-*",
    "exports/*/croissant.json",
    "ended/*.png",
    "ended/*.safetensors",
    "ended/snapshot.json",
)


def main(tree: Path) -> None:
    """Make those of the version in `tree`."""
    text = (tree / "inkling" / "__init__.py").read_text()
    found = re.search(r'__version__ = "(.+)"', text)
    assert found
    version = found.group(1)
    with tempfile.TemporaryDirectory() as made:
        _make(tuple(map(int, version.split("."))), tree.resolve(), Path(made))
        shutil.rmtree(HERE / version, ignore_errors=True)
        shutil.copytree(made, HERE / version)
    files = (file for file in (HERE / version).rglob("*") if file.is_file())
    size = sum(file.stat().st_size for file in files)
    print(f"{HERE / version}: {size:,} bytes")  # noqa: T201


def _make(version: tuple[int, ...], tree: Path, folder: Path) -> None:
    """All files of a version, in a folder of their own: so no path of this machine is in them."""
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "INKLING_HOME": str(folder / "home"),
        "INKLING_DRAWINGS": "sqlite:///drawings.sqlite",
    }

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inkling(*arguments: str) -> str:
        return python("-m", "inkling", *arguments)

    if version >= (0, 2):
        home, kind = ("", "custom") if version >= (0, 7) else (".recipes", "own")
        for name, epochs in (("ended", 1), ("stopped", 10)):
            source = RECIPE.format(home=home, model=kind, epochs=epochs)
            (folder / f"{name}.py").write_text(source)
        inkling("train", "ended.py", "--out", "ended", "--quiet")
        _stopped(folder, environment, "-m", "inkling", "train", "stopped.py", "--out", "stopped")
    else:
        options = ("train", "mlp", "--dataset", "optdigits", "--epochs", "1", "--quiet")
        python("-c", NARROW, *options, "--out", "ended")
    probabilities = json.loads(python("-c", READ, str(HERE / "images.npy"), "ended/bundle"))
    expected = {"probabilities": [[round(p, 6) for p in row] for row in probabilities]}
    if version >= (0, 4):
        _draw(version, folder, environment)
        lines = inkling("drawings", "list", "--json").splitlines()
        expected["drawings"] = [json.loads(line) for line in lines]
        forms = ["idx", "png", "jsonl", *(["parquet"] if version >= (0, 5) else [])]
        for form in forms:
            inkling("drawings", "export", f"exports/{form}", "--as", form)
    if version >= (0, 10):
        inkling("drawings", "backup", "exports/backup.jsonl.gz")
    if version >= (0, 13):
        inkling("export", "exports/onnx-int8", "--to", "onnx-int8", "--bundle", "ended")
        shutil.rmtree(folder / "exports/onnx-int8/numbers")  # 400 kB; a bundle may have none
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    for pattern in LEFT_OUT:
        for path in folder.glob(pattern):
            path.unlink()
    shutil.rmtree(folder / "home", ignore_errors=True)


def _stopped(folder: Path, environment: dict[str, str], *command: str) -> None:
    """Train until the first epoch is saved, then press Ctrl-C."""
    with subprocess.Popen(
        [sys.executable, *command, "--json"], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if json.loads(line)["event"] == "epoch":
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == INTERRUPTED, "it ended before it was stopped: give it more epochs"


def _draw(version: tuple[int, ...], folder: Path, environment: dict[str, str]) -> None:
    """Label three drawings over HTTP: strokes, a picture, and pressure, or a number where read."""
    with subprocess.Popen(
        [sys.executable, "-m", "inkling", "serve", "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout
        said = ""
        while not (address := re.search(r"http://\S+(?=\n)", said)):
            line = server.stdout.readline()
            assert line, said
            said += line

        def store(query: str, body: bytes, kind: str = "application/json") -> None:
            url = f"{address.group()}/api/drawings?session=fixtures&{query}"
            request = urllib.request.Request(url, body, {"Content-Type": kind})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 201

        try:
            store("label=7", json.dumps({"strokes": SEVEN, "pen": 20}).encode())
            store("label=3", (HERE / "3.png").read_bytes(), "image/png")
            if version >= (0, 9):
                store("text=17", json.dumps({"strokes": SEVENTEEN, "pen": 20}).encode())
            else:
                store("label=1", json.dumps({"strokes": SEVENTEEN[:1], "pen": 20}).encode())
        finally:
            server.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent.parent)
