"""Backups: all drawings of one moment, in one file, for either engine; whole or not at all."""

import gzip
import json
import re
import shlex
import threading
import tracemalloc
from dataclasses import replace

import pytest
from conftest import ROOT, invoke
from test_drawings import labelled, number

from inkling.drawings import Store, backup
from inkling.errors import InklingError, StoreError, StoreFull


@pytest.fixture
def other(tmp_path):
    """An empty store of SQLite: what either engine wrote is restored there."""
    store = Store(f"sqlite:///{tmp_path}/other.sqlite")
    yield store
    store.close()


def filled(store):
    """Some drawings of every kind, with a gap in their numbers; the file is theirs."""
    store.add_all(labelled(7, session="a") for _ in range(3))
    store.add(labelled(strokes=None, pen=None, picture=b"\x89PNG", accepted=None))
    store.add_all([number("12,50", "?"), labelled(8, dataset="fashion-mnist", name="Bag")])
    store.add(labelled(1, idempotency_key="random-name"))
    store.delete(2)
    return list(store.each())


def test_what_is_restored_is_as_it_was(store, other, tmp_path):
    drawings = filled(store)
    assert backup.write(store, tmp_path / "b") == len(drawings)
    assert backup.restore(other, tmp_path / "b") == len(drawings)
    assert list(other.each()) == drawings
    assert other.add(labelled(1, idempotency_key="random-name")).id == drawings[-1].id
    backup.write(other, tmp_path / "back")  # and from SQLite into either
    assert backup.restore(store, tmp_path / "back", replacing=True) == len(drawings)
    assert list(store.each()) == drawings
    assert store.add(labelled()).id > drawings[-1].id


def test_a_moved_store_numbers_on(url, other, tmp_path):
    drawings = filled(other)
    backup.write(other, tmp_path / "b")
    store = Store(url, max_drawings=len(drawings) + 1)
    backup.restore(store, tmp_path / "b")
    assert store.add(labelled()).id == drawings[-1].id + 1
    with pytest.raises(StoreFull):  # what was restored counts
        store.add(labelled())
    store.close()


def test_a_backup_of_a_store_in_use_is_of_one_moment(store, other, tmp_path):
    """Each write adds a pair, so that half a write would show."""
    ended = threading.Event()
    store.add_all(labelled(n % 10) for n in range(400))

    def write():
        while not ended.is_set():
            store.add_all([labelled(1), labelled(2)])
            store.delete(store.find(order="oldest", count=1)[0].id)
            store.delete(store.find(order="oldest", count=1)[0].id)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(5):
            count = backup.write(store, tmp_path / f"{turn}")
            backup.restore(other, tmp_path / f"{turn}", replacing=True)
            numbers = [drawing.id for drawing in other.each()]
            assert numbers == list(range(numbers[0], numbers[0] + count))
            assert numbers[-1] % 2 == 0
    finally:
        ended.set()
        writer.join()


def test_a_store_that_has_drawings_is_replaced_only_when_told(store, url, tmp_path):
    filled(store)
    file = str(tmp_path / "mine.backup")
    said = invoke("drawings", "backup", file, "--drawings", url)
    assert said.stdout == f"Wrote 6 drawings to {file}\n"
    extra = store.add(labelled())
    refused = invoke("drawings", "restore", file, "--drawings", url)
    assert refused.returncode == 1
    assert "got one that holds 7" in refused.stderr
    assert store.get(extra.id) == extra
    said = invoke("drawings", "restore", file, "--replace", "--drawings", url)
    assert said.stdout == "Restored 6 drawings\n"
    assert store.stats()["n"] == 6


def test_the_commands_of_the_page_run(url, other, tmp_path, monkeypatch):
    drawings = filled(other)
    monkeypatch.setenv("INKLING_DRAWINGS", f"sqlite:///{tmp_path}/other.sqlite")
    page = (ROOT / "docs" / "drawings.md").read_text()
    lines = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).splitlines()
    assert len(lines) == 5
    for line in lines:
        arguments = shlex.split(line.replace("postgresql://me:secret@host/drawings", url))[1:]
        said = invoke(*arguments, cwd=tmp_path)
        assert said.returncode == 0, said.stderr
    moved = Store(url)
    assert list(moved.each()) == drawings
    moved.close()


def lines_of(file):
    return gzip.decompress(file.read_bytes()).decode().splitlines()


DAMAGES = {
    "empty": lambda _: b"",
    "cut": lambda file: file.read_bytes()[:-20],
    "turned": lambda file: bytes(b ^ (at == 300) for at, b in enumerate(file.read_bytes())),
    "something else": lambda _: b"no backup at all",
    "of another format": lambda file: gzip.compress(
        "\n".join([lines_of(file)[0].replace(" 1", " 2"), *lines_of(file)[1:]]).encode()
    ),
    "of no head": lambda file: gzip.compress("\n".join(lines_of(file)[1:]).encode()),
    "without a line": lambda file: gzip.compress("\n".join(lines_of(file)[:-1]).encode()),
    "a line twice": lambda file: gzip.compress(
        "\n".join([*lines_of(file)[:-1], lines_of(file)[1]]).encode()
    ),
    "a line that is none": lambda file: gzip.compress(
        "\n".join([*lines_of(file)[:-1], json.dumps({"label": 7})]).encode()
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_backup_changes_nothing_and_is_one_line(store, tmp_path, damage):
    before = filled(store)
    backup.write(store, tmp_path / "b")
    (tmp_path / "b").write_bytes(damage(tmp_path / "b"))
    with pytest.raises(InklingError) as told:
        backup.restore(store, tmp_path / "b", replacing=True)
    assert "\n" not in str(told.value)
    assert list(store.each()) == before
    assert store.add(labelled()).id == before[-1].id + 1


def test_a_backup_that_cannot_be_written_leaves_the_old_one(store, tmp_path, monkeypatch):
    backup.write(store, tmp_path / "b")
    before = (tmp_path / "b").read_bytes()
    filled(store)
    monkeypatch.setattr(backup, "to_line", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(StoreError, match="b: expected a file to write to, but full"):
        backup.write(store, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == before
    assert not (tmp_path / "b.part").exists()
    with pytest.raises(StoreError, match="but No such file"):
        backup.write(store, tmp_path / "nowhere" / "b")
    with pytest.raises(StoreError, match="but No such file"):
        backup.restore(store, tmp_path / "nowhere", replacing=True)


def test_memory_does_not_grow_with_the_drawings(store, other, tmp_path):
    """16 MB pass through 12."""
    picture = labelled(strokes=None, pen=None, picture=bytes(20_000))
    store.restore(replace(picture, id=n, created="2026", held_out=False) for n in range(1, 801))
    tracemalloc.start()
    try:
        backup.write(store, tmp_path / "b")
        backup.restore(other, tmp_path / "b")
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()
