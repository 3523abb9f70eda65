"""A bundle in other forms reads as Python does."""

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, invoke, missing
from PIL import Image
from torch import nn

import inkling
from inkling import Reader, exports
from inkling.errors import InklingError
from inkling.exports.layers import layers
from inkling.networks import architectures
from inkling.reading import bundle, many
from inkling.reading.session import Session
from inkling.training import export

CLASSES = 10


def reader_of(network, **values):
    """The Reader of a network that nobody trained; `values` are of its card."""
    temperature = 0.7
    session = Session(export.to_onnx(network.eval(), temperature), CLASSES)
    card, _ = bundle.read(bundle.PRETRAINED)
    values = {"temperature": temperature, "acceptance": None} | values
    return Reader(card.model_copy(update=values), session)


def uneven(*layers):
    """A network whose batch normalisations have learnt something, scales below 0 among it."""
    network = nn.Sequential(*layers)
    random = torch.Generator().manual_seed(5)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean):
                nn.init.normal_(values, generator=random)
            nn.init.uniform_(layer.running_var, 0.5, 2, generator=random)
    return network


def test_a_kind_that_there_is_not_and_one_near_it():
    with pytest.raises(InklingError, match=r"\(onnx, .*got 'onx'\. Perhaps you meant onnx\."):
        exports.export(Reader.load(), "onx", "here")


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (architectures.build("residual", CLASSES, torch.Generator().manual_seed(0)), "Sub"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1)), "Softmax"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Tanh()), "Tanh"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, stride=2), nn.Flatten(), nn.Linear(169, 10)), "Conv"),
        (nn.Sequential(nn.MaxPool2d(3, padding=1), nn.Flatten(), nn.Linear(100, 10)), "MaxPool"),
    ],
)
def test_a_network_that_is_more_than_layers_is_refused_in_one_line(network, what):
    with pytest.raises(InklingError, match=f"got {what}") as caught:
        layers(reader_of(network))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(architectures.Residual(1), nn.Flatten(), nn.Linear(784, 10)),
        nn.Sequential(nn.Conv2d(1, 1, (3, 1)), nn.Flatten(), nn.Linear(728, 10)),
        nn.Sequential(nn.MaxPool2d((1, 2)), nn.Flatten(), nn.Linear(392, 10)),
    ],
)
def test_c_takes_no_branch_and_nothing_that_is_not_square(network, tmp_path):
    with pytest.raises(InklingError, match="got what is not square, or a branch"):
        exports.export(reader_of(network), "c", tmp_path)


# C

HARNESS = r"""
#include "inkling.h"

#include <stdio.h>
#include <time.h>

static struct inkling_memory memory;
static struct inkling_reading readings[10000];
static unsigned char pixels[10000][INKLING_PIXELS];

int main(void)
{
    const int count = (int)fread(pixels, INKLING_PIXELS, 10000, stdin);
    const clock_t began = clock();
    int i;

    for (i = 0; i < count; i++)
        inkling_read(pixels[i], &memory, &readings[i]);
    fprintf(stderr, "%.9f", (double)(clock() - began) / CLOCKS_PER_SEC / count);
    return (int)fwrite(readings, sizeof *readings, (size_t)count, stdout) != count;
}
"""
NAMES = r"""
#include "inkling.h"

#include <stdio.h>

int main(void)
{
    int i;

    for (i = 0; i < INKLING_CLASSES; i++)
        puts(inkling_classes[i]);
    return 0;
}
"""
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wvla", "-Werror", "-O2"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
READING = np.dtype(
    [
        ("label", np.int32),
        ("probabilities", np.float32, CLASSES),
        ("confidence", np.float32),
        ("ood_score", np.float32),
        ("accepted", np.int32),
    ]
)


@pytest.fixture(scope="session")
def gcc():
    """The path of a C compiler."""
    if found := shutil.which("gcc"):
        return found
    missing("No gcc is here: apt-get install gcc libc6-dev, or your system's like")
    raise AssertionError


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The folder of the bundle that ships, in C."""
    return exports.export(Reader.load(), "c", tmp_path_factory.mktemp("c") / "below" / "digits")


@pytest.fixture(scope="session")
def program(gcc, written):
    """That in C, compiled."""
    return compiled(gcc, written)


def compiled(compiler, folder, *flags):
    """A program that reads images from standard input and writes readings, from exported C."""
    (folder / "harness.c").write_text(HARNESS)
    program = folder / f"program-{Path(compiler).name}"
    files = [folder / "inkling.c", folder / "harness.c", "-lm"]
    subprocess.run([compiler, *FLAGS, *flags, *files, "-o", program], check=True)
    return program


def ran(command, pixels):
    """The readings of images `(N, 28, 28)` by a program, and the seconds of an image."""
    result = subprocess.run(command, input=pixels.tobytes(), capture_output=True, check=True)
    return np.frombuffer(result.stdout, READING), float(result.stderr)


def check_same(found, reader, pixels):
    """C's readings are Python's."""
    expected = many.read(reader, pixels[:, None].astype(np.float32) / 255)
    assert found["label"].tolist() == expected.labels.tolist()
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["confidence"], expected.confidences, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["ood_score"], expected.ood_scores, rtol=1e-5, atol=1e-4)
    accepted = [-1 if one is None else int(one) for one in expected.accepted]
    assert found["accepted"].tolist() == accepted


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_c_reads_mnist_as_python_does(program, digits, count):
    found, _ = ran([program], digits[:count])
    assert len(found) == count
    check_same(found, Reader.load(), digits[:count])


def test_c_reads_odd_images_as_python_does(program):
    random = np.random.default_rng(0)
    images = [np.zeros((28, 28)), np.full((28, 28), 255), random.integers(0, 256, (28, 28))]
    pixels = np.array(images, np.uint8)
    check_same(ran([program], pixels)[0], Reader.load(), pixels)


@pytest.mark.slow
def test_c_reads_on_arm_as_python_does(written, digits):
    compiler, emulator = "arm-linux-gnueabihf-gcc", "qemu-arm"
    if not (shutil.which(compiler) and shutil.which(emulator)):
        missing("No ARM is here: apt-get install gcc-arm-linux-gnueabihf qemu-user")
    program = compiled(compiler, written, "-static", "-ffp-contract=fast")
    check_same(ran([emulator, program], digits[:200])[0], Reader.load(), digits[:200])


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(name, id=name)
        for name in ("mlp", "cnn", "digits-small")
    ] + [
        pytest.param(
            uneven(
                architectures.StandardiseEach(),
                nn.MaxPool2d(2),
                nn.ReLU(),
                nn.BatchNorm2d(1),
                nn.Conv2d(1, 3, 5, padding=3),
                nn.ReLU(),
                nn.BatchNorm2d(3),
                nn.MaxPool2d(3),
                nn.BatchNorm2d(3),
                nn.BatchNorm2d(3),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(75, 9),
                nn.ReLU(),
                nn.BatchNorm1d(9),
                nn.Linear(9, CLASSES, bias=False),
            ),
            id="odd",
        ),
        pytest.param(
            uneven(
                nn.Conv2d(1, 11, 4, bias=False),
                nn.BatchNorm2d(11),
                nn.MaxPool2d(2),
                nn.MaxPool2d(3),
                nn.ReLU(),
                nn.Conv2d(11, CLASSES, 4),
                nn.Flatten(),
            ),
            id="pools",
        ),
    ],
)  # fmt: skip
def test_c_reads_any_network_of_layers(gcc, digits, tmp_path, network):
    if isinstance(network, str):
        network = architectures.build(network, CLASSES, torch.Generator().manual_seed(1))
    reader = reader_of(network)
    program = compiled(gcc, inkling.export(reader, "c", tmp_path), *SANITIZERS)
    check_same(ran([program], digits[:50])[0], reader, digits[:50])


def test_c_accepts_whatever_the_score_where_the_card_has_none(gcc, digits, tmp_path):
    reader = Reader.load()
    acceptance = dataclasses.replace(reader.card.acceptance, max_ood_score=None)
    reader = Reader(reader.card.model_copy(update={"acceptance": acceptance}), reader.session)
    program = compiled(gcc, inkling.export(reader, "c", tmp_path))
    check_same(ran([program], digits[:50])[0], reader, digits[:50])


def test_c_with_weights_of_8_bits_reads_nearly_the_same(gcc, digits, tmp_path):
    program = compiled(gcc, inkling.export(Reader.load(), "c-int8", tmp_path))
    assert program.stat().st_size < 300_000
    found, _ = ran([program], digits[:200])
    expected = many.read(Reader.load(), digits[:200, None].astype(np.float32) / 255)
    assert (found["label"] == expected.labels).mean() > 0.99
    assert np.abs(found["probabilities"] - expected.probabilities).max() < 0.05


def test_c_allocates_nothing_and_writes_to_no_global(gcc, written):
    command = [gcc, *FLAGS, "-fno-pie", "-c", written / "inkling.c", "-o", written / "inkling.o"]
    subprocess.run(command, check=True)
    said = subprocess.run(["nm", written / "inkling.o"], capture_output=True, text=True).stdout
    symbols = re.findall(r"(\w) (\w+)$", said, re.MULTILINE)
    assert {name for kind, name in symbols if kind == "U"} <= {"expf", "logf", "sqrtf"}
    assert {kind for kind, _ in symbols} <= set("UTtRr")  # code and constants alone
    assert {name for kind, name in symbols if kind in "TR"} == {"inkling_read", "inkling_classes"}


def test_c_is_short(written):
    """Lines that hold an array of numbers are not counted: each array is one line."""
    lines = (written / "inkling.c").read_text().splitlines()
    code = [line for line in lines if not line.startswith(("static const float", "static const w"))]
    assert len(lines) - len(code) == 15
    assert len(code) < 300
    assert max(map(len, code)) <= 120


@pytest.mark.usefixtures("gcc")
def test_the_readme_of_c_gives_what_it_says(written, digits, monkeypatch):
    monkeypatch.chdir(written)
    readme = Path("README.md").read_text()
    Image.fromarray(digits[0].repeat(9, 0).repeat(9, 1)).save("7.png")
    exec(re.search("```python\n(.*?)```", readme, re.DOTALL)[1], {})
    command, run = re.search("```sh\n(gcc .*)\n(.*)\n```", readme).groups()
    subprocess.run(command, shell=True, check=True)
    said = subprocess.run(run, shell=True, check=True, capture_output=True)
    assert said.stdout == b"7 (100.0 %)\n"
    header = Path("inkling.h").read_text()
    floats = sum(map(int, re.findall(r"float [ab]\[(\d+)\];", header)))
    assert f"| RAM: `struct inkling_memory`, yours | {4 * floats:,} |" in readme
    for one in Reader.load().card.attribution:
        assert one.citation in readme


@pytest.mark.usefixtures("gcc")
def test_the_example_in_c_takes_a_pgm_or_bytes_and_refuses_others_in_one_line(written, digits):
    program = written / "example"
    files = [written / "inkling.c", written / "main.c", "-lm", "-o", program]
    subprocess.run(["gcc", *FLAGS, *files], check=True)

    def says(given):
        return subprocess.run(program, input=given, capture_output=True)

    raw = digits[0].tobytes()
    pgm = b"P5\n# made by hand\n28 28\n#and another\n255\n" + raw
    assert says(raw).stdout == says(pgm).stdout == b"7 (100.0 %)\n"
    noise = np.random.default_rng(0).integers(0, 256, 784, np.uint8).tobytes()
    assert says(noise).stdout.endswith(b"%), rejected\n")
    deep = pgm.replace(b"255", b"65535")
    for wrong in (b"", b"P5", raw[1:], raw * 2, pgm[:-1], pgm + b"0", deep, b"P5" + b"9" * 2000):
        result = says(wrong)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.startswith(b"Expected")
        assert result.stderr.count(b"\n") == 1


def test_a_graph_that_cannot_be_written_is_one_line(tmp_path):
    reader = inkling.Reader.load()
    for path in (tmp_path, tmp_path / "none" / "digits.onnx"):
        with pytest.raises(InklingError, match="expected a file to write to, but"):
            inkling.export(reader, "onnx", path)


@pytest.mark.parametrize("kind", ["js", "js-int8", "site", "space", "c", "triton"])
def test_a_folder_of_something_else_is_not_written_to(kind, tmp_path):
    reader = inkling.Reader.load()
    mine = tmp_path / "index.html"
    mine.write_text("mine")
    with pytest.raises(InklingError, match="expected a new folder"):
        inkling.export(reader, kind, tmp_path)
    with pytest.raises(InklingError, match="expected a folder to write to"):
        inkling.export(reader, kind, mine)
    assert [*tmp_path.iterdir()] == [mine]
    assert mine.read_text() == "mine"
    folder = inkling.export(reader, kind, tmp_path / "new")
    assert inkling.export(reader, kind, folder) == folder


def test_the_page_on_exports_shows_c_that_compiles(gcc, written):
    page = (ROOT / "docs" / "export.md").read_text()
    (written / "page.c").write_text(re.search("```c\n(.*?)```", page, re.DOTALL)[1])
    subprocess.run([gcc, *FLAGS, "-c", "page.c"], check=True, cwd=written)


def test_the_page_on_exports_shows_the_record_of_c():
    page = (ROOT / "docs" / "export.md").read_text()
    found = json.loads((ROOT / "results" / "exports.json").read_text())["c"]
    ways, milliseconds = [found["float32"], found["int8"]], found["milliseconds"]
    size = [way["sizes"]["cortex-m4"] for way in ways]
    rows = (
        [f"{way['labels_equal']:,}" for way in ways],
        [f"{way['accepted_equal']:,}" for way in ways],
        [f"{way['probability_gap']:.1g}".replace("1e-05", "0.00001") for way in ways],
        [f"{one['text']:,}" for one in size],
        [f"{way['memory']:,} + {one['stack']}" for way, one in zip(ways, size, strict=True)],
        [f"{milliseconds[name]:.2f}" for name in ("float32", "int8")],
    )
    for row in rows:
        assert f"| {' | '.join(row)} |" in page
    assert f"in the same run: {milliseconds['onnxruntime']:.2f})" in page
    assert f"C99 of {ways[0]['lines']} lines" in page


def test_the_page_on_exports_shows_the_record_of_pages():
    page = (ROOT / "docs" / "export.md").read_text()
    found = json.loads((ROOT / "results" / "in_page.json").read_text())
    ways = [found["agreement"][way] for way in ("int16", "int8")]
    for part, key in {
        "mnist:test": "labels_equal",
        "unipen:digits-dev": "labels_equal",
        "crohme:digits-dev": "labels_equal",
        "unipen:numbers-dev": "texts_equal",
        "crohme:numbers-dev": "texts_equal",
    }.items():
        row = [ways[0][part]["n"], *(way[part][key] for way in ways)]
        assert f"| {' | '.join(f'{count:,}' for count in row)} |" in page
    gaps = [max(one.get("probability_gap", 0) for one in way.values()) for way in ways]
    assert f"| {gaps[0]:.1g} | {gaps[1]:.1g} |" in page
    sizes = {name: f"{size / 1000:,.0f}" for name, size in found["bytes_packed"].items()}
    assert f"modules {sizes['modules']} | | {sizes['int16']} | {sizes['int8']} |" in page
    assert f"{sizes['onnxruntime-web']} kB" in page
    times = found["milliseconds"]
    peer = times["onnxruntime-web"]
    assert f"Runtime Web: {peer['first']:.0f}) | | " in page
    for name, digits in {"first": 0, "digit": 1, "number": 0}.items():
        row = [f"{times[way][name]:.{digits}f}" for way in ("int16", "int8")]
        assert f"| | {' | '.join(row)} |" in page
    assert f"takes {times['int16']['image'] / peer['image']:.1f} times as long" in page


def test_c_names_classes_as_they_are(gcc, tmp_path):
    names = ("T-shirt/top", 'a"b', "\\n", "é", "*/", "??/", "\n", "1", "%s", "2")
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, CLASSES))
    folder = inkling.export(reader_of(network, classes=names), "c", tmp_path)
    (folder / "names.c").write_text(
        '#include "inkling.h"\n#include <stdio.h>\nint main(void) { int i; for (i = 0; i < '
        "INKLING_CLASSES; i++) fwrite(inkling_classes[i], 1, 12, stdout); return 0; }\n"
        .replace("fwrite(inkling_classes[i], 1, 12, stdout)", "puts(inkling_classes[i])")
    )  # fmt: skip
    files = [folder / "inkling.c", folder / "names.c", "-lm", "-o", folder / "names"]
    subprocess.run([gcc, *FLAGS, *files], check=True)
    said = subprocess.run(folder / "names", capture_output=True).stdout
    assert said.decode() == "".join(f"{name}\n" for name in names)


def test_c_says_in_one_line_what_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InklingError, match="expected a folder to write to, but"):
        inkling.export(Reader.load(), "c", tmp_path / "file")


def test_the_command_writes_c(tmp_path):
    result = invoke("export", "--to", "c", str(tmp_path / "c"))
    assert result.stdout == f"{tmp_path / 'c'}\n", result.stderr
    names = {path.name for path in (tmp_path / "c").iterdir()}
    assert names == {"inkling.c", "inkling.h", "main.c", "README.md"}
