import contextlib
import dataclasses
import gzip
import hashlib
import resource
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from inkling import data
from inkling.data import catalog, datasets, download, idx
from inkling.data.catalog import DataSet, File
from inkling.errors import DataError


def silent(*_): ...


def at(dataset, *mirrors):
    """The data set, published at these addresses alone."""
    return dataclasses.replace(dataset, mirrors=mirrors)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A published data set of 60 and 20 images, its mirror's folder, and an empty cache."""
    rng = np.random.default_rng(0)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    files = []
    for part, count in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content, name = idx.serialize(array), f"{part}-{kind}-ubyte"
            (mirror / f"{name}.gz").write_bytes(gzip.compress(content))
            files.append(File(name, len(content), hashlib.sha256(content).hexdigest()))
    monkeypatch.delenv("INKLING_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = DataSet("small", "Small", "CC0", tuple("0123456789"), "digit", tuple(files))
    return dataset, mirror


@contextlib.contextmanager
def serving(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def put(folder, small, **changed):
    """Copy a data set into `folder`, with some files' bytes changed, to be found there."""
    dataset, mirror = small
    (folder / "small").mkdir(parents=True)
    for file in dataset.files:
        content = (mirror / f"{file.name}.gz").read_bytes()
        key = file.name.partition("-idx")[0].replace("-", "_")
        (folder / "small" / f"{file.name}.gz").write_bytes(changed.get(key, lambda c: c)(content))


def test_the_splits_never_change(mnist):
    parts = mnist.train, mnist.validation, mnist.test
    assert [len(part.labels) for part in parts] == [55_000, 5_000, 10_000]
    digest = hashlib.sha256(mnist.validation.pixels.tobytes()).hexdigest()
    assert digest[:16] == "3ab476b5c943118e"  # another split makes old figures incomparable
    shares = [np.bincount(part.labels) / len(part.labels) for part in parts[:2]]
    assert np.abs(shares[0] - shares[1]).max() < 2e-4
    assert mnist.train.pixels.shape == (55_000, 1, 28, 28)
    images = mnist.validation.images()
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)


def test_the_tutorials_split_is_the_last_fifth(mnist):
    parts = data.splits("mnist", "tutorial")
    assert [len(part.labels) for part in (parts.train, parts.validation)] == [48_000, 12_000]
    assert parts.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.array_equal(parts.test.labels, mnist.test.labels)


def test_optdigits_needs_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    parts = data.splits("optdigits")
    counts = [len(part.labels) for part in (parts.train, parts.validation, parts.test)]
    assert counts == [1372, 125, 300]
    assert parts.test.pixels.max(axis=(1, 2, 3)).min() == 255
    ink = parts.test.images()[:, 0]
    centres = [(ink.sum(axis) @ (np.arange(28) + 0.5)) / ink.sum((1, 2)) for axis in (1, 2)]
    assert np.min(centres) >= 13.9
    assert np.max(centres) < 15.1


def test_fashion_mnist_is_complete():
    if not data.is_here(catalog.get("fashion-mnist")):
        from conftest import missing

        missing("Fashion-MNIST is not here: inkling data fetch fashion-mnist")
    train, test = data.load(catalog.get("fashion-mnist"))
    assert (len(train.labels), len(test.labels)) == (60_000, 10_000)


def test_every_published_set_has_two_mirrors():
    for dataset in catalog.CATALOG.values():
        assert not dataset.files or len(dataset.mirrors) >= 2
        assert all(mirror.endswith("/") for mirror in dataset.mirrors)


def test_an_unknown_name_suggests_a_similar_one():
    with pytest.raises(DataError, match="Perhaps you meant fashion-mnist"):
        catalog.get("fashion_mnist")


def test_the_named_folder_comes_before_the_cache(small, tmp_path, monkeypatch):
    put(tmp_path / "named", small)
    put(data.cache_folder(), small, train_labels=lambda content: content[:9])
    with pytest.raises(DataError, match="truncated"):
        data.load(small[0])
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "named"))
    assert len(data.load(small[0])[0].labels) == 60


def test_unpacked_files_are_read_as_well(small):
    put(data.cache_folder(), small)
    for path in (data.cache_folder() / "small").iterdir():
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(data.load(small[0])[1].labels) == 20


TORCHVISION = "MNIST"  # its name of the small data set here
PUBLISHED = ("-idx", ".gz", gzip.compress)
LAYOUTS = [  # folder in INKLING_DATA, what stands for -idx in names, how they end, and how packed
    ("small", *PUBLISHED),
    ("small", ".idx", "", bytes),
    ("small", "-idx", ".gz", bytes),  # unpacked by a browser
    ("small", ".idx", ".gz", bytes),
    ("small", "-idx", "", gzip.compress),
    ("MNIST/raw", "-idx", "", bytes),
    ("MNIST/raw", *PUBLISHED),
    ("MNIST", *PUBLISHED),
    (".", *PUBLISHED),
    (".", ".idx", "", bytes),
    ("raw", "-idx", "", bytes),
]


def lay(folder, small, place, dash, end, pack):
    """Put a data set's files into a folder, laid out in that way."""
    dataset, mirror = small
    (folder / place).mkdir(parents=True, exist_ok=True)
    for file in dataset.files:
        content = gzip.decompress((mirror / f"{file.name}.gz").read_bytes())
        (folder / place / (file.name.replace("-idx", dash) + end)).write_bytes(pack(content))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_other_names_and_places_are_found(small, tmp_path, monkeypatch, layout):
    dataset = dataclasses.replace(small[0], torchvision=TORCHVISION)
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "named"))
    assert not data.is_here(dataset)
    lay(tmp_path / "named", small, *layout)
    assert data.is_here(dataset)
    assert len(data.load(dataset)[0].labels) == 60
    paths = data.fetch(at(dataset), silent)  # without a mirror
    assert all(path.is_relative_to(tmp_path / "named") for path in paths)


def test_the_real_mnist_is_found_in_torchvisions_folder(mnist, tmp_path, monkeypatch):
    files = [datasets.locate(catalog.get("mnist"), file) for file in catalog.get("mnist").files]
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in files:
        (raw / path.name).symlink_to(path)
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert np.array_equal(data.load(catalog.get("mnist"))[1].labels, mnist.test.labels)
    monkeypatch.setenv("INKLING_DATA", str(raw))  # the data set's own folder, and no other's
    assert data.is_here(catalog.get("mnist"))
    assert not data.is_here(catalog.get("fashion-mnist"))
    with pytest.raises(DataError, match=r"found only .*raw.* of other content"):
        data.load(catalog.get("fashion-mnist"))


def test_a_tilde_in_inkling_data_is_the_home_folder(small, tmp_path, monkeypatch):
    put(tmp_path / "named", small)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # on Windows
    monkeypatch.setenv("INKLING_DATA", "~/named")
    assert len(data.load(small[0])[0].labels) == 60
    monkeypatch.setenv("INKLING_DATA", "~nobody-of-that-name/named")
    assert not data.is_here(small[0])


def test_among_several_files_the_content_decides(small, tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "named"))
    put(tmp_path / "named", small, train_images=lambda content: content[:100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: expected a whole gzip file"):
        data.load(small[0])
    lay(tmp_path / "named", small, "small", ".idx", "", bytes)
    assert len(data.load(small[0])[0].labels) == 60


def test_a_folder_of_a_files_name_is_passed_over(small, tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "named"))
    for file in small[0].files:  # as Kaggle's archive of MNIST has it
        (tmp_path / "named" / "small" / file.name).mkdir(parents=True)
    assert not data.is_here(small[0])
    lay(tmp_path / "named", small, "small", ".idx", "", bytes)
    assert len(data.load(small[0])[0].labels) == 60


def test_a_folder_that_may_not_be_entered_is_not_an_error(small, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", "/" + "x" * 300)  # as a forbidden one, it cannot be asked
    assert not data.is_here(small[0])


def repacked(change):
    return lambda content: gzip.compress(change(gzip.decompress(content)))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"train_images": lambda c: c[: len(c) // 2]}, "truncated"),
        ({"train_images": lambda c: c[10:]}, "gzip"),
        ({"t10k_images": repacked(lambda c: c.replace(b"\x08", b"\x0d", 1))}, "magic"),
        ({"t10k_images": repacked(lambda c: c + b"\0")}, "expected 15,696 bytes"),
        (
            {"t10k_labels": repacked(lambda c: idx.serialize(np.frombuffer(c[8:-1], np.uint8)))},
            "as many 28x28 images as labels",
        ),
        ({"train_labels": repacked(lambda c: c[:-1] + b"\x0a")}, "labels from 0 to 9, got 10"),
        ({"train_labels": repacked(lambda c: c[:-1] + b"\x08")}, "SHA-256"),
    ],
)
def test_the_error_names_the_broken_file(small, changed, what):
    put(data.cache_folder(), small, **changed)
    with pytest.raises(DataError) as caught:
        data.load(small[0])
    message = str(caught.value)
    assert what in message
    assert next(iter(changed)).replace("_", "-") in message
    assert "\n" not in message


def test_a_missing_set_says_how_to_fetch_it(small):
    with pytest.raises(DataError, match="inkling data fetch small"):
        data.load(small[0])


def test_fetch_tries_the_mirrors_in_turn(small, tmp_path):
    dataset, mirror = small
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in mirror.iterdir():  # the first mirror has one file missing, others changed
        (bad / path.name).write_bytes(gzip.compress(b"something else"))
    next(bad.iterdir()).unlink()
    with serving(bad) as first, serving(mirror) as second:
        paths = data.fetch(at(dataset, first, second), silent)
    assert [path.parent for path in paths] == [data.cache_folder() / "small"] * 4
    assert len(data.load(dataset)[0].labels) == 60
    assert len(list(paths[0].parent.iterdir())) == 4
    data.fetch(at(dataset), silent)  # what is here and whole needs no mirror


def test_a_broken_file_is_fetched_again(small):
    dataset, mirror = small
    put(data.cache_folder(), small, t10k_images=lambda content: content[:100])
    with serving(mirror) as address:
        reports = []
        data.fetch(at(dataset, address), lambda *each: reports.append(each))
    assert {name for name, _, _ in reports} == {"t10k-images-idx3-ubyte.gz"}
    assert reports[-1][1] == reports[-1][2] > 0
    assert len(data.load(dataset)[1].labels) == 20


def test_a_broken_file_in_the_named_folder_is_an_error(small, tmp_path, monkeypatch):
    put(tmp_path / "named", small, t10k_images=lambda content: content[:100])
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "named"))
    with pytest.raises(DataError, match="named/small/t10k-images"):
        data.fetch(at(small[0]), silent)


def test_an_endless_download_is_stopped(small, tmp_path):
    dataset, _ = small
    endless = tmp_path / "endless"
    endless.mkdir()
    for file in dataset.files:
        (endless / f"{file.name}.gz").write_bytes(bytes(10**7))
    reports = []
    with serving(endless) as address, pytest.raises(DataError, match="not the published"):
        data.fetch(at(dataset, address), lambda *each: reports.append(each))
    assert max(done for _, done, _ in reports) < 10**6


def test_a_broken_download_replaces_nothing(small):
    dataset, mirror = small
    put(data.cache_folder(), small, t10k_images=lambda content: content[:100])
    before = {path: path.read_bytes() for path in (data.cache_folder() / "small").iterdir()}
    (mirror / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"other"))
    with serving(mirror) as address, pytest.raises(DataError, match="not the published content"):
        data.fetch(at(dataset, address), silent)
    assert {p: p.read_bytes() for p in (data.cache_folder() / "small").iterdir()} == before


def test_a_missing_network_is_an_error(small):
    with pytest.raises(DataError, match="no mirror") as caught:
        data.fetch(at(small[0], "http://127.0.0.1:9/"), silent)
    assert "Check the network" in caught.value.hint
    assert not list(data.cache_folder().rglob("*.gz"))


def test_a_full_disk_is_an_error(small):
    dataset, mirror = small
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(mirror) as address:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(DataError, match="room") as caught:
                data.fetch(at(dataset, address), silent)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "train-images" in str(caught.value)
    assert "Free some space" in caught.value.hint
    assert not list((data.cache_folder() / "small").iterdir())


SECURE = "https://127.0.0.1:9/"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_wrong_file_of_certificates_is_named_by_its_variable(small, monkeypatch, name):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(name, "/no/such/file.pem")
    with pytest.raises(DataError) as caught:
        data.fetch(at(small[0], SECURE), silent)
    assert f"{name}, whose certificates do not fit (/no/such/file.pem)" in caught.value.hint
    assert "SSLError" in caught.value.error
    assert "space" not in str(caught.value)


def test_another_mirror_may_need_no_certificates(small, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with serving(small[1]) as address:
        data.fetch(at(small[0], SECURE, address), silent)
    assert len(data.load(small[0])[0].labels) == 60


def test_a_file_without_certificates_is_named_by_its_variable(small, tmp_path, monkeypatch):
    (tmp_path / "empty.pem").write_text("none")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    with serving(small[1]) as address, pytest.raises(DataError, match="unset REQUESTS_CA_BUNDLE"):
        data.fetch(at(small[0], address.replace("http:", "https:")), silent)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "foo://bar", "http://", "http://[::1"])
def test_a_wrong_proxy_is_named_by_its_variable(small, monkeypatch, proxy):
    for name in download.PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(DataError) as caught:
        data.fetch(at(small[0], "https://example.invalid/"), silent)
    assert "Correct HTTPS_PROXY" in caught.value.hint


def test_a_cache_that_cannot_be_written_to_is_not_called_full(small, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with serving(small[1]) as address, pytest.raises(DataError) as caught:
        data.fetch(at(small[0], address), silent)
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert "space" not in str(caught.value)
