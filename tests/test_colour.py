"""Colour: CIFAR-10's form, and the way from such pictures to a bundle that reads them."""

import dataclasses
import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import torch
from conftest import invoke, run_inkling
from PIL import Image
from test_data import at, serving, silent

import inkling
from inkling import data, ink, plots
from inkling.data import catalog, cifar
from inkling.data.catalog import File
from inkling.errors import BundleError, DataError, InkError, InklingError, RecipeError
from inkling.experiments import recipes, runs
from inkling.experiments.recipe import change
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.reading.reader import Reader
from inkling.reading.registry import Registry, Served
from inkling.training import loop, weights

ENTRY = catalog.get("cifar10")
CLASSES = ENTRY.classes
Y, X = np.mgrid[:32, :32] - 15.5
SHAPES = np.stack(  # five masks (32, 32): the shape of a label is its remainder by 5
    [
        np.maximum(abs(X), abs(Y)) < 8,
        X**2 + Y**2 < 81,
        (abs(X) < 3) | (abs(Y) < 3),
        (X + Y) % 12 < 6,
        (X**2 + Y**2 < 121) & (X**2 + Y**2 > 36),
    ]
)


def pictures(count, seed):
    """That many made pictures `(N, 3, 32, 32)` in CIFAR-10's form, and their labels.

    A shape in a colour, somewhere on noise: label 0 to 4 in red, 5 to 9 in blue. So neither the
    shape nor the colour alone tells the label.
    """
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    pixels = rng.normal(110, 30, (count, 3, 32, 32))
    for image, label in zip(pixels, labels, strict=True):
        mask = np.roll(SHAPES[label % 5], rng.integers(-3, 4, 2), (0, 1))
        strength = rng.uniform(50, 110)
        image[2 if label >= 5 else 0][mask] += strength
        image[1][mask] -= strength / 2
    return pixels.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def batches():
    """Six files in CIFAR-10's binary form, by their names."""
    made = {f"data_batch_{n}.bin": pictures(300, n) for n in range(1, 6)}
    return {
        name: cifar.serialize(*part)
        for name, part in (made | {"test_batch.bin": pictures(300, 6)}).items()
    }


def published(batches):
    """The catalog's entry, as if these files were what is published."""
    files = tuple(
        File(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in batches.items()
    )
    return dataclasses.replace(ENTRY, files=files)


@pytest.fixture(scope="module", autouse=True)
def _here(batches, tmp_path_factory):
    """These files as the data set cifar10, in a folder that INKLING_DATA names."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "cifar10").mkdir()
    for name, content in batches.items():
        (folder / "cifar10" / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.CATALOG, "cifar10", published(batches))
        patch.setenv("INKLING_DATA", str(folder))
        yield


RECIPE = change(recipes.get("cifar"), ["epochs=3", "batch=50"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of the recipe to its end, on the made pictures."""
    folder = tmp_path_factory.mktemp("runs") / "cifar"
    loop.create(folder, RECIPE, 0, "cpu")
    loop.train(folder, silent)
    return folder


@pytest.fixture(scope="module")
def reader(trained):
    return Reader.load(trained)


# The data set


def test_the_binary_form_is_a_byte_and_three_colours():
    content = bytes([7]) + bytes(1024) + bytes([1]) * 1024 + bytes([2]) * 1024
    pixels, labels = cifar.parse(content, "one.bin")
    assert labels.tolist() == [7]
    assert pixels.shape == (1, 3, 32, 32)
    assert [np.unique(channel).tolist() for channel in pixels[0]] == [[0], [1], [2]]
    assert cifar.serialize(pixels, labels) == content


def test_the_splits_are_as_those_of_others(batches):
    parts = data.splits("cifar10")
    counts = [len(part) for part in (parts.train, parts.validation, parts.test)]
    assert counts == [1375, 125, 300]
    assert np.ptp(np.bincount(parts.validation.labels)) <= 1
    assert parts.train.pixels.shape == (1375, 3, 32, 32)
    assert not parts.train.pixels.flags.writeable
    whole = data.splits("cifar10", "all")
    assert np.array_equal(whole.train.pixels[300:600], pictures(300, 2)[0])  # in their order
    assert np.array_equal(parts.test.labels, pictures(300, 6)[1])
    assert data.digests("cifar10").keys() == batches.keys()


def test_the_catalog_names_every_file_with_its_digest():
    assert len({file.sha256 for file in ENTRY.files}) == 6
    assert all(len(file.sha256) == 64 for file in ENTRY.files)
    assert {file.size_bytes for file in ENTRY.files} == {30_730_000}
    assert ENTRY.shape == (3, 32, 32)
    assert "Krizhevsky" in ENTRY.citation


@pytest.mark.parametrize("place", ["cifar10", "cifar-10-batches-bin", "."])
def test_the_files_are_found_where_others_are(batches, tmp_path, monkeypatch, place):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    entry = published(batches)
    assert not data.is_here(entry)
    (tmp_path / place).mkdir(exist_ok=True)
    for name, content in batches.items():
        (tmp_path / place / name).write_bytes(content)
    assert data.is_here(entry)
    assert len(data.load(entry)[0]) == 1500


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda content: content[:-1], r"test_batch.bin: expected 3,073 bytes for each image"),
        (lambda content: b"\x0a" + content[1:], r"test_batch.bin: expected labels from 0 to 9"),
        (lambda content: content[:-1] + b"\0", r"test_batch.bin: expected content of SHA-256"),
    ],
)
def test_the_error_names_the_broken_file(batches, tmp_path, monkeypatch, change, what):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    for name, content in batches.items():
        changed = change(content) if name == "test_batch.bin" else content
        (tmp_path / "cifar10" / name).write_bytes(changed)
    with pytest.raises(DataError, match=what) as caught:
        data.load(published(batches))
    assert "\n" not in str(caught.value)


def opened(path):
    with Image.open(path) as file:
        return file.copy()


def archive(path, batches):
    """The archive as it is published, or packed again on a Mac, which adds files."""
    with tarfile.open(path, "w:gz") as packed:
        for name, content in batches.items():
            for each, held in ((name, content), (f"._{name}", b"x")):
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{each}")
                member.size = len(held)
                packed.addfile(member, io.BytesIO(held))


def test_the_archive_is_fetched_unpacked_and_verified(batches, tmp_path, monkeypatch):
    monkeypatch.delenv("INKLING_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    entry = published(batches)
    for name, content in (("whole", batches), ("wrong", batches | {"data_batch_3.bin": b"x"})):
        (tmp_path / name).mkdir()
        archive(tmp_path / name / entry.archive, content)
    (tmp_path / "cut").mkdir()
    whole = (tmp_path / "whole" / entry.archive).read_bytes()
    (tmp_path / "cut" / entry.archive).write_bytes(whole[: len(whole) // 2])
    for name in ("wrong", "cut"):
        with serving(tmp_path / name) as address, pytest.raises(DataError) as caught:
            data.fetch(at(entry, address), silent)
        assert "not the published content" in caught.value.error
        assert not data.is_here(entry)
    reports = []
    with serving(tmp_path / "whole") as address:
        paths = data.fetch(at(entry, address), lambda *each: reports.append(each))
    assert {name for name, _, _ in reports} == {entry.archive}
    assert [path.name for path in paths] == [*batches]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(batches)
    assert len(data.load(entry)[1]) == 300
    data.fetch(at(entry), silent)  # what is here and whole needs no mirror


# The networks


@pytest.mark.parametrize("name", architectures.MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_every_network_takes_the_shape_of_the_data_set(name, shape):
    network = architectures.build(name, 7, torch.Generator().manual_seed(0), shape).eval()
    assert network(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_network_of_colours_is_as_large_as_it_says():
    network = architectures.build("cifar", 10, torch.Generator().manual_seed(0), (3, 32, 32))
    assert f"{architectures.count_parameters(network):,} parameters" in architectures.cifar.__doc__
    assert architectures.count_multiply_adds(network, (3, 32, 32)) < 25e6


# From pictures to a bundle


def test_a_short_training_reads_made_pictures(reader):
    report = reader.test(data.splits("cifar10").test)
    assert report.accuracy > 0.9
    assert report.picture().mode == "RGB"
    assert "data:image/png" in report._repr_html_() or not len(report.mistakes())
    assert reader.card.test.accuracy == report.accuracy
    assert reader.probabilities(data.splits("cifar10").test.images()).shape == (300, 10)


def test_the_card_says_the_shape(trained, reader, tmp_path):
    assert (reader.card.frame, reader.card.shape) == ("picture", (3, 32, 32))
    assert json.loads((trained / "bundle" / bundle.CARD).read_text())["shape"] == [3, 32, 32]
    assert reader.card.data_sha256 == data.digests("cifar10")
    assert Reader.load(bundle.PRETRAINED).card.shape == (1, 28, 28)  # of an older schema
    other = json.loads((trained / "bundle" / bundle.CARD).read_text()) | {"frame": "digit"}
    (tmp_path / bundle.CARD).write_text(json.dumps(other))
    (tmp_path / bundle.MODEL).write_bytes((trained / "bundle" / bundle.MODEL).read_bytes())
    with pytest.raises(BundleError, match="a digit has the shape"):
        Reader.load(tmp_path)


def test_what_is_seen_while_it_learns_is_in_colour(trained):
    sheet = opened(trained / runs.SHEET)
    assert (sheet.mode, sheet.size) == ("RGB", (160, 160))
    first = data.splits("cifar10").validation.pixels[:6].transpose(0, 2, 3, 1)
    assert np.array_equal(np.asarray(sheet)[:32, :32], first[0])
    assert np.array_equal(np.asarray(sheet)[32:64, :32], first[5])
    assert opened(trained / runs.FILTERS).mode == "RGB"
    assert weights.first_layer(trained).shape == (24, 3, 2, 2)


def test_a_run_that_was_stopped_goes_on(tmp_path):
    loop.create(tmp_path / "run", change(RECIPE, ["epochs=1"]), 0, "cpu")
    steps = iter(range(10**9))
    assert not loop.train(tmp_path / "run", silent, lambda: next(steps) >= 3)
    assert weights.first_layer(tmp_path / "run").shape == (24, 3, 2, 2)  # of the checkpoint


def test_a_network_of_ones_own_learns_colours(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text(
        "from torch import nn\nfrom inkling import Recipe\n"
        "recipe = Recipe(name='mine', about='', model='custom', dataset='cifar10', epochs=1)\n"
        "def model(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, classes))\n"
    )
    run = inkling.train(source, out=tmp_path / "run", show=False)
    assert run.reader.card.shape == (3, 32, 32)
    source.write_text(source.read_text().replace("3 * 32 * 32", "28 * 28"))
    with pytest.raises(RecipeError, match="mat1 and mat2 shapes"):
        inkling.train(source, out=tmp_path / "other", show=False)


def test_first_principles_learn_colours(tmp_path):
    recipe = change(recipes.get("scratch-deep"), ["dataset=cifar10", "epochs=1", "hidden=20"])
    loop.create(tmp_path / "run", recipe, 0, "cpu")
    loop.train(tmp_path / "run", silent)
    assert weights.first_layer(tmp_path / "run").shape == (20, 3, 32, 32)
    assert Reader.load(tmp_path / "run").card.shape == (3, 32, 32)


@pytest.mark.parametrize("name", ["handwriting", "outliers", "corruptions", "real_digits"])
def test_what_is_made_of_ink_is_not_mixed_in(tmp_path, monkeypatch, name):
    monkeypatch.setattr("inkling.training.learner.without_missing", lambda recipe: (recipe, []))
    with pytest.raises(RecipeError, match="cifar10") as caught:
        loop.create(tmp_path / "run", change(RECIPE, [f"{name}=0.5"]), 0, "cpu")
    assert f"--set {name}=0" in caught.value.hint


# A picture is read


def test_a_picture_is_read_in_its_colours(reader, tmp_path):
    test = data.splits("cifar10").test
    example = test[3]
    picture = Image.fromarray(example.pixels.transpose(1, 2, 0))
    picture.save(tmp_path / "ring.png")
    reading = reader.read(tmp_path / "ring.png")
    assert np.array_equal(reading.image, example.image)
    assert reading == reader.read(example.pixels) == reader.read_images(example.image[None])[0]
    large = picture.resize((128, 128), Image.Resampling.NEAREST)
    wide = Image.new("RGB", (328, 128), "white")
    wide.paste(large, (100, 0))
    assert np.array_equal(reader.read(wide).image, example.image)  # its middle square
    assert reader.read_any(picture) == reading
    assert reading.picture().mode == "RGB"
    assert "data:image/png" in reading._repr_html_()
    assert ink.to_image(np.full((40, 40), 128, np.uint8), "picture").shape == (3, 32, 32)
    folder = reader.read_many(tmp_path)
    assert [one.label for one in folder] == [reading.label]


def test_what_has_no_colours_is_refused_in_a_line(reader):
    drawing = inkling.Drawing([[(0, 0), (9, 9)]])
    for what in (
        lambda: reader.read(drawing),
        lambda: reader.read_number(drawing),
        lambda: reader.explain(reader.read(np.zeros((32, 32), np.uint8))),
        lambda: reader.test(data.splits("optdigits").test),
    ):
        with pytest.raises(InklingError, match="Expected") as caught:
            what()
        assert "\n" not in str(caught.value)
    with pytest.raises(InkError, match="got a drawing"):
        reader.read(drawing)


def test_a_bundle_of_colours_is_not_served(trained, tmp_path):
    registry = Registry(tmp_path / "home", trained.parent)
    with pytest.raises(BundleError, match="colour pictures") as caught:
        registry.choose(f"runs/{trained.name}")
    assert "inkling read" in caught.value.hint
    with pytest.raises(BundleError, match="colour pictures"):
        Served(registry, trained)
    result = run_inkling("serve", "--bundle", str(trained), "--port", "0")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) <= 2
    assert "colour pictures" in result.stderr


# What shows itself


def test_examples_and_sheets_show_colours():
    example = data.splits("cifar10").test[0]
    assert repr(example).startswith("Example('airplane')")
    assert "data:image/png" in example._repr_html_()
    red = np.array([1, 0, 0], np.float32)[:, None, None].repeat(28, 1).repeat(28, 2)
    assert plots.as_picture(red).getpixel((0, 0)) == (255, 0, 0)
    assert plots.as_picture(red[:1]).mode == "L"
    sheet = plots.contact_sheet(red[None], ["red"])
    assert (255, 0, 0) in {sheet.getpixel((x, 20)) for x in range(sheet.width)}
    tinted = plots.tint(np.array([2, -2, 0], np.float32).reshape(1, 3, 1, 1))
    assert tinted.ravel().tolist() == [1, 0, 0.5]


def test_the_command_line_shows_trains_tests_and_reads(trained, tmp_path):
    listed = invoke("data", "list").stdout
    assert "cifar10" in listed
    assert "none stated" in listed
    shown = invoke("data", "show", "cifar10", "--count", "3")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "airplane" in shown.stdout
    assert not invoke("data", "show", "cifar10", "--png", str(tmp_path / "sheet.png")).returncode
    assert np.asarray(opened(tmp_path / "sheet.png")).std(2).any()  # not grey
    tested = invoke("test", str(trained), "--confusion", str(tmp_path / "confusion.png"), "--json")
    assert json.loads(tested.stdout)["accuracy"] > 0.9
    assert not invoke("show-weights", str(trained)).returncode
    assert not invoke("show-weights", str(trained), "--png", str(tmp_path / "w.png")).returncode
    Image.fromarray(pictures(10, 6)[0][4].transpose(1, 2, 0)).save(tmp_path / "cat.png")
    read = invoke("read", "--bundle", str(trained), "--json", str(tmp_path / "cat.png"))
    assert json.loads(read.stdout)["name"] in CLASSES
    out = str(tmp_path / "all.parquet")
    read = invoke("read", str(tmp_path / "cat.png"), "--bundle", str(trained), "--out", out)
    assert read.stdout.startswith("1 rows")


# One's own pictures


def test_arrays_of_ones_own_keep_their_colours(tmp_path):
    pixels, labels = pictures(60, 1)
    mine = inkling.from_arrays(pixels, labels % 5, names=CLASSES[:5], frame="picture")
    assert mine.train.pixels.shape[1:] == (3, 32, 32)
    assert {image.tobytes() for image in mine.train.pixels} < {one.tobytes() for one in pixels}
    assert data.get(mine.name).shape == (3, 32, 32)
    run = inkling.train(
        "cifar", mine, epochs=1, batch=10, out=tmp_path / "run", show=False, model="mlp"
    )
    assert run.reader.card.classes == CLASSES[:5]
    assert run.reader.card.shape == (3, 32, 32)
