"""The store of drawings: what it acknowledged is there, whatever happens to the process."""

import base64
import contextlib
import itertools
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy
from conftest import answering, invoke, run_inkling, serving
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from inkling.data import idx, strokes
from inkling.drawings import Filter, Labelled, Store, archive, backup, labelling
from inkling.drawings.database import Database, look
from inkling.drawings.store import DRAWINGS, default_url
from inkling.errors import InkError, NoSuchDrawing, StoreError, StoreFull
from inkling.reading import bundle

SEVEN = [[[110.0, 80.0], [270.0, 80.0], [180.0, 310.0]]]


def labelled(label=7, reading=7, confidence=0.9, accepted=True, **others):
    others = {"strokes": SEVEN, "pen": 30.0} | others
    return Labelled(label, reading, confidence, -5.0, accepted, "ab" * 32, **others)


def number(text="12.50", reading="12.50", **others):
    others = {"strokes": SEVEN, "pen": 30.0} | others
    return Labelled(text, reading, 0.9, None, text == reading, "ab" * 32, **others)


def fail(error):
    raise error


SQLITE_ALONE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def test_what_is_kept_comes_back_as_it_was(store, url):
    first = store.add(labelled(session="me"))
    second = store.add(labelled(strokes=None, pen=None, picture=b"\x89PNG"))
    assert (first.id, second.id) == (1, 2)
    assert first.created < second.created
    again = Store(url)
    assert list(again.each()) == [first, second]
    assert again.get(2).source == b"\x89PNG"
    assert [list(map(list, stroke)) for stroke in first.source.strokes] == SEVEN
    again.close()


def test_the_hardest_comes_first_and_filters_fit(store):
    for label, reading, confidence, accepted in (
        (1, 1, 0.9, True),
        (4, 9, 0.5, False),
        (7, 1, 1, True),
    ):
        store.add(labelled(label, reading, confidence, accepted))
    assert [drawing.label for drawing in store.find()] == [4, 1, 7]
    assert [drawing.label for drawing in store.find(order="newest", count=2)] == [7, 4]
    assert [drawing.label for drawing in store.find(order="oldest", skip=1)] == [4, 7]
    assert [drawing.label for drawing in store.find(Filter(wrong=True))] == [4, 7]
    assert [drawing.label for drawing in store.find(Filter(wrong=True, unsure=True))] == [4]
    assert [drawing.label for drawing in store.find(Filter(label=7))] == [7]
    assert store.find(Filter(since="2999-01-01")) == []
    stats = store.stats()
    assert (stats["n"], stats["right"], stats["accepted"]) == (3, 1, 2)
    assert stats["labels"]["4"] == {"n": 1, "right": 0}
    assert [day["n"] for day in stats["days"]] == [3]


def test_a_sample_has_an_even_share_of_each_writer_and_class(store):
    written = [("many", 1)] * 30 + [("many", 7)] * 20 + [("few", 1)] * 3
    store.add_all(
        labelled(label, session=name, held_out=n % 5 == 2)
        for n, (name, label) in enumerate(written)
    )
    store.add(number())
    digits = Filter(numbers=False)
    every = list(store.each(digits))
    assert list(store.sample(digits, {False: 100, True: 100})) == every
    found = list(store.sample(digits, {False: 12, True: 2}, seed=1))
    assert [drawing.id for drawing in found] == sorted({drawing.id for drawing in found})
    assert sum(bool(drawing.held_out) for drawing in found) == 2
    learnt = Counter((d.session, d.label) for d in found if not d.held_out)
    assert learnt == {("many", 1): 5, ("many", 7): 5, ("few", 1): 2}
    assert list(store.sample(digits, {False: 12, True: 2}, seed=1)) == found
    assert list(store.sample(digits, {False: 12, True: 2}, seed=2)) != found
    assert {d.session for d in store.sample(Filter(session="few"), {False: 9})} == {"few"}


def test_numbers_are_kept_beside_digits(store):
    store.add_all([labelled(7), number(), number("-3", "-8"), labelled(1, 7)])
    assert [(d.label, d.name, d.reading) for d in store.find(order="oldest")] == [
        (7, "7", 7),
        ("12.50", "12.50", "12.50"),
        ("-3", "-3", "-8"),
        (1, "1", 7),
    ]
    assert [d.label for d in store.each(Filter(numbers=True))] == ["12.50", "-3"]
    assert [d.label for d in store.each(Filter(numbers=False))] == [7, 1]
    assert [d.label for d in store.each(Filter(wrong=True))] == ["-3", 1]
    assert [d.id for d in store.each(Filter(label="-3"))] == [3]
    stats = store.stats()
    assert (stats["n"], stats["right"], stats["accepted"]) == (4, 2, 3)
    assert stats["numbers"] == {"n": 2, "right": 1}
    assert set(stats["labels"]) == {"1", "7"}


def test_a_number_is_relabelled_as_a_number_and_a_digit_as_a_digit(store):
    store.add_all([labelled(7), number()])
    assert store.relabel(2, "1.50") == store.get(2)
    assert (store.get(2).label, store.get(2).name) == ("1.50", "1.50")
    for id_, label in ((1, "7"), (2, 7)):
        with pytest.raises(NoSuchDrawing):
            store.relabel(id_, label)
    assert [drawing.label for drawing in store.each()] == [7, "1.50"]


def test_relabelled_and_deleted(store):
    kept = store.add(labelled(1))
    assert store.relabel(kept.id, 4).label == 4
    store.delete(kept.id)
    for act in (lambda: store.get(1), lambda: store.delete(1), lambda: store.relabel(1, 2)):
        with pytest.raises(NoSuchDrawing, match="no number 1"):
            act()


def test_a_deleted_drawing_is_put_back_as_it_was(store):
    first, second = store.add_all([labelled(1, idempotency_key="random-name"), labelled(2)])
    for drawing in (second, first):
        store.delete(drawing.id)
    store.put_back(second)
    store.put_back(first)
    store.put_back(replace(first, label=9))  # one that is there stays
    assert list(store.each()) == [first, second]
    assert store.add(labelled(3)).id > 2
    assert store.add(labelled(4, idempotency_key="random-name")).id == 1


@SQLITE_ALONE
def test_a_drawing_whose_number_was_given_again_is_put_back_under_another(store):
    gone = store.add(labelled(1))
    store.delete(gone.id)
    later = store.add(labelled(2))
    assert later.id == gone.id
    store.put_back(gone)
    assert [drawing.label for drawing in store.each()] == [2, 1]


def test_what_is_put_back_counts_against_the_limits(url):
    store = Store(url, max_drawings=1)
    gone = store.add(labelled())
    store.delete(gone.id)
    store.add(labelled())
    with pytest.raises(StoreFull):
        store.put_back(gone)
    store.close()


def counted(store):
    """What stats() says, counted from the drawings themselves."""
    drawings = list(store.each())

    def of(some):
        return {"n": len(some), "right": sum(d.label == d.reading for d in some)}

    labels = sorted({d.label for d in drawings if isinstance(d.label, int)})
    days = sorted({d.created[:10] for d in drawings})
    return of(drawings) | {
        "accepted": sum(d.accepted is True for d in drawings),
        "numbers": of([d for d in drawings if isinstance(d.label, str)]),
        "labels": {str(label): of([d for d in drawings if d.label == label]) for label in labels},
        "days": [{"day": day} | of([d for d in drawings if d.created[:10] == day]) for day in days],
    }


def test_counts_stay_in_step_whatever_is_done(store, tmp_path):
    key = {"idempotency_key": "random-name"}
    old = [labelled(n % 3, n % 2, created=f"2026-01-0{n % 4 + 1}") for n in range(9)]
    store.add_all([*old, number(), number("1", "7"), labelled(accepted=None), labelled(**key)])
    assert store.stats() == counted(store)
    assert store.count() == 13
    assert store.count(Filter(wrong=True)) == 13 - store.stats()["right"]
    gone = store.get(2)
    for change in (
        lambda: store.add(labelled(1, 7, accepted=False, **key)),
        lambda: store.add(number("2", "2", **key)),
        lambda: store.relabel(1, 5),
        lambda: store.relabel(11, "7"),
        lambda: store.delete(2),
        lambda: store.put_back(gone),
        lambda: backup.write(store, tmp_path / "b"),
        lambda: store.prune(30),
        lambda: backup.restore(store, tmp_path / "b", replacing=True),
        lambda: store.prune(1),
    ):
        change()
        assert store.stats() == counted(store)
        assert store.count() == store.stats()["n"]


def test_old_drawings_are_deleted_in_parts(store, monkeypatch):
    monkeypatch.setattr("inkling.drawings.store.MAX_DELETED", 3)
    store.add_all(labelled(n % 3, created="2026-01-01") for n in range(8))
    kept = store.add(labelled())
    assert store.prune(1) == 8
    assert list(store.each()) == [kept]


@pytest.mark.parametrize("order", ["hardest", "newest", "oldest"])
def test_pages_go_on_after_a_drawing_whatever_others_do(store, order):
    store.add_all(labelled(n % 2, confidence=(n % 3) / 10) for n in range(20))
    for which in (Filter(), Filter(label=1), Filter(label=3)):
        whole = [drawing.id for drawing in store.find(which, order, 100)]
        place, found = None, []
        while page := store.find(which, order, 3, after=place):
            found += [drawing.id for drawing in page]
            place = page[-1].place
        assert found == whole
    first = store.find(order=order, count=6)
    rest = [drawing.id for drawing in store.find(order=order, count=100)][6:]
    for drawing in first[2:]:  # also the one that the next page comes after
        store.delete(drawing.id)
    store.relabel(first[0].id, 9)
    assert [d.id for d in store.find(order=order, count=100, after=first[-1].place)] == rest


def test_over_http_each_page_names_the_next(tmp_path):
    with answering(tmp_path) as client:
        store = Store(f"sqlite:///{tmp_path}/drawings.sqlite")
        store.add_all(labelled(n % 2, confidence=(n % 3) / 10) for n in range(12))
        for order in ("hardest", "newest", "oldest"):
            whole = [drawing.id for drawing in store.find(Filter(label=1), order)]
            url, found = f"/api/drawings?order={order}&count=2&label=1&skip=0", []
            for _ in range(3):
                answer = client.get(url)
                found += [drawing["id"] for drawing in answer.json()]
                url = answer.url.join(answer.links["next"]["url"] if "next" in answer.links else "")
            assert found == whole
            assert "next" not in answer.links  # though the page is full
        store.close()
        for bad in ("after=", "after=x", "after=MC45", "after=bmFuIDE", "after=MC45IDE&skip=1"):
            answer = client.get(f"/api/drawings?{bad}")
            assert (answer.status_code, answer.json()["hint"][:3]) == (422, "Ask"), bad
        assert client.get("/api/drawings?after=MC45IDE").json() == []  # "0.9 1"


def test_every_page_of_many_is_given(store):
    store.add_all(labelled(index % 10) for index in range(450))
    assert [drawing.id for drawing in store.each()] == list(range(1, 451))


def test_all_or_none_is_kept(store):
    def some():
        yield labelled()
        raise KeyError("broken off")

    with pytest.raises(KeyError):
        store.add_all(some())
    assert store.find() == []


def test_a_drawing_sent_again_is_kept_once(store, tmp_path):
    first = store.add(labelled(label=1, idempotency_key="random-name"))
    again = store.add(labelled(label=7, idempotency_key="random-name"))
    assert (again.id, again.label) == (first.id, 7)
    as_number = store.add(number(idempotency_key="random-name"))
    assert (as_number.id, as_number.label, as_number.reading) == (first.id, "12.50", "12.50")
    assert store.add(labelled(idempotency_key="random-name")).reading == 7
    store.add_all([labelled(), labelled()])
    archive.export(store.each(), tmp_path, "jsonl", fail)
    archive.take_in(store, tmp_path / archive.LINES)
    assert store.stats()["n"] == 3  # an import adds what is not here, and changes nothing
    assert store.get(first.id).label == 7


OF_BEFORE = [  # a version of the schema, and what its columns held of one drawing, by their names
    ("0001", "label, reading, evidence", "7, 1, 2", {"ood_score": -2, "label": 7}),
    ("0002", "label, reading, evidence, sending", "7, 1, 2, 'a key'", {"idempotency_key": "a key"}),
    ("0003", "label, reading, ood_score", "7, 1, -2", {"ood_score": -2, "held_out": False}),
    ("0004", "label, reading, ood_score, dataset, name, held_out", "7, 1, -2, 'mnist', '7', true",
     {"dataset": "mnist", "name": "7", "held_out": True}),
    ("0005", "text, reading_text, dataset, name, held_out", "'1.5', '15', 'mnist', '1.5', false",
     {"label": "1.5", "reading": "15", "ood_score": None}),
]  # fmt: skip


def of_before(url, version, columns, values):
    """Make a database as that version left it, with one drawing."""
    Database(url, version).close()
    common = "id, created, session, confidence, model_sha256, strokes, accepted"
    common_values = "1, '2026-11-24', '', 0.5, 'ab', '[[[1, 2], [3, 4]]]', false"
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"insert into drawings ({common}, {columns}) values ({common_values}, {values})"
        )
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("select nextval('drawings_id_seq')")
    engine.dispose()


@pytest.mark.parametrize(("version", "columns", "values", "kept"), OF_BEFORE)
def test_a_store_of_before_is_brought_up_to_date(url, version, columns, values, kept):
    of_before(url, version, columns, values)
    store = Store(url, max_drawings=3)
    (old,) = store.each()
    assert (old.id, old.strokes, old.accepted) == (1, [[[1, 2], [3, 4]]], False)
    assert {key: getattr(old, key) for key in kept} == kept
    assert store.add(labelled(idempotency_key="random-name")).id == 2
    assert store.add(number("12.5")).label == "12.5"
    assert store.add(labelled(8, idempotency_key="random-name")).id == 2
    with pytest.raises(StoreFull):  # the old one counts
        store.add(labelled())
    assert store.stats() == counted(store)
    store.close()


OPENING = "import sys; from inkling.drawings import Store; Store(sys.argv[1]).close()"


@pytest.mark.parametrize("new", [True, False])
def test_processes_that_open_a_store_at_once_all_do(url, new):
    """A new one, and one to be brought up to date."""
    if not new:
        of_before(url, *OF_BEFORE[2][:3])
    command = [sys.executable, "-c", OPENING, url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * 3
    store = Store(url)
    assert len(list(store.each())) == (not new)
    store.close()


ADDING = """
import sys
sys.path.insert(0, {tests!r})
from inkling.drawings import Store
from test_drawings import labelled

store = Store({url!r})
for turn in range(20):
    store.add(labelled(idempotency_key=f"key of turn {{turn}}"))
    store.add(labelled())
"""


def test_processes_that_write_at_once_agree(store, url):
    """On the part of each drawing, and on which were sent twice."""
    code = ADDING.format(tests=str(Path(__file__).parent), url=url)
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=100)[1] for process in processes] == ["", ""]
    assert [d.held_out for d in store.each()] == [n % 5 == 2 for n in range(20 + 2 * 20)]


def test_every_fifth_drawing_of_a_label_is_held_out_for_good(store):
    stored = store.add_all(labelled(label) for label in [1] * 8 + [7] * 3)
    assert [d.held_out for d in stored] == [n in (2, 7, 10) for n in range(11)]
    before = {drawing.id: drawing.held_out for drawing in stored}
    store.delete(stored[0].id)
    store.relabel(stored[1].id, 7)
    store.add_all(labelled(1) for _ in range(4))
    assert all(before[d.id] == d.held_out for d in store.each() if d.id in before)


def test_every_fifth_number_is_held_out_whatever_its_text(store):
    store.add_all(labelled(1) for _ in range(2))
    stored = store.add_all(number(str(n)) for n in range(10))
    assert [drawing.held_out for drawing in stored] == [n in (2, 7) for n in range(10)]
    assert store.add(labelled(1)).held_out


def test_a_drawing_knows_the_data_set_and_the_name_of_its_label(store):
    digit = store.add(labelled(7))
    shoe = store.add(labelled(7, dataset="fashion-mnist", name="Sneaker"))
    assert [(d.dataset, d.name) for d in store.each()] == [
        ("mnist", "7"),
        ("fashion-mnist", "Sneaker"),
    ]
    assert store.relabel(digit.id, 1).name == "1"
    assert store.relabel(shoe.id, 8, "Bag").name == "Bag"


def test_an_unreadable_drawing_is_named_and_the_others_are_exported(store, url, tmp_path):
    store.add_all([labelled(1), labelled(2, strokes=None, picture=b"no picture"), labelled(3)])
    skipped = []
    for form in ("idx", "png", "parquet"):
        assert archive.export(store.each(), tmp_path / form, form, skipped.append) == 2
    assert [str(error).partition(":")[0] for error in skipped] == ["Drawing 2"] * 3
    result = invoke("drawings", "export", str(tmp_path / "out"), "--drawings", url)
    assert result.returncode == 1
    assert "Wrote 2 drawings" in result.stdout
    assert result.stderr.startswith("inkling: Drawing 2: ")


def test_a_database_that_is_not_there_is_looked_at_and_not_made(tmp_path):
    seen = look(f"sqlite:///{tmp_path}/none.sqlite")
    assert (seen.path, seen.version, seen.drawings) == (tmp_path / "none.sqlite", None, 0)
    assert not list(tmp_path.iterdir())
    (tmp_path / "none.sqlite").touch()
    assert look(f"sqlite:///{tmp_path}/none.sqlite") == seen  # it is empty


def test_a_store_in_memory_is_refused_and_a_journal_can_be_chosen(tmp_path):
    for url in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(StoreError, match="would be lost"):
            Store(url)
    with pytest.raises(StoreError, match="journal_mode is one of"):
        Store(f"sqlite:///{tmp_path}/x.sqlite?journal_mode=odd")
    plain = Store(f"sqlite:///{tmp_path}/x.sqlite?journal_mode=delete")
    plain.add(labelled())
    plain.close()
    assert not list(tmp_path.glob("*-wal"))
    usual = Store(f"sqlite:///{tmp_path}/usual.sqlite")
    usual.add(labelled())
    assert (tmp_path / "usual.sqlite-wal").exists()  # readers go on beside a writer
    usual.close()
    with sqlite3.connect(tmp_path / "x.sqlite") as database:
        assert database.execute("pragma journal_mode").fetchone() == ("delete",)
    database.close()


def test_an_import_adds_what_is_new_and_keeps_its_part(store, tmp_path):
    store.add_all(labelled(7) for _ in range(6))
    store.delete(1)
    before = [(d.created, d.held_out) for d in store.each()]
    archive.export(store.each(), tmp_path, "jsonl", fail)
    assert archive.take_in(store, tmp_path / archive.LINES) == 0
    other = Store(f"sqlite:///{tmp_path}/other.sqlite")
    assert archive.take_in(other, tmp_path / archive.LINES) == 5
    assert [(d.created, d.held_out) for d in other.each()] == before
    other.close()


@pytest.mark.parametrize(
    "touched",
    [lambda t: t + "\n\n", lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")],
    ids=["blank line", "byte order mark", "carriage returns"],
)
def test_lines_that_other_tools_have_touched_are_imported(store, tmp_path, touched):
    store.add(labelled(7, session="a\u2028b"))
    archive.export(store.each(), tmp_path, "jsonl", fail)
    path = tmp_path / archive.LINES
    path.write_bytes(touched(path.read_text()).encode())
    other = Store(f"sqlite:///{tmp_path}/other.sqlite")
    assert archive.take_in(other, path) == 1
    other.close()


def test_an_import_takes_what_comes_through_a_pipe(store, url, tmp_path):
    store.add_all([labelled(7), labelled(1)])
    archive.export(store.each(), tmp_path, "jsonl", fail)
    store.delete(2)
    lines = (tmp_path / archive.LINES).read_text()
    said = run_inkling("drawings", "import", "/dev/stdin", "--drawings", url, input=lines)
    assert said.stdout == "Added 1 drawings that were not here\n"
    assert [drawing.label for drawing in store.each()] == [7, 1]


@pytest.mark.parametrize("form", ["idx", "png", "parquet", "jsonl"])
def test_an_export_holds_few_drawings_at_a_time(tmp_path, form, monkeypatch):
    monkeypatch.setattr(archive, "ROWS", 20)
    passed, most = [], 0

    def pass_on():
        nonlocal most
        for n in range(100):
            drawing = labelled(n % 10, id=n + 1)
            passed.append(weakref.ref(drawing))
            yield drawing
            del drawing
            most = max(most, sum(each() is not None for each in passed))

    assert archive.export(pass_on(), tmp_path, form, fail) == 100
    assert most <= 25


@pytest.mark.parametrize("form", ["idx", "png"])
@SQLITE_ALONE
def test_an_interrupted_export_leaves_nothing_and_is_one_line(store, url, tmp_path, form):
    store.restore(labelled(n % 10, id=n, created="2026", held_out=False) for n in range(1, 9001))
    out = tmp_path / "out"
    command = ["drawings", "export", str(out), "--as", form, "--drawings", url]
    with subprocess.Popen(
        [sys.executable, "-m", "inkling", *command], stderr=subprocess.PIPE, text=True
    ) as process:
        while not (found := list(out.glob("*.part"))):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert found
    assert (process.returncode, said) == (128 + signal.SIGINT, "Stopped. Nothing was written\n")
    assert list(out.iterdir()) == []


def test_pictures_are_not_exported_among_older_ones(store, tmp_path):
    store.add(labelled(7))
    archive.export(store.each(), tmp_path / "png", "png", fail)
    with pytest.raises(StoreError, match="a folder without pictures"):
        archive.export(store.each(), tmp_path / "png", "png", fail)


def test_a_store_of_a_newer_version_is_one_line(store, url):
    with store._database.writing() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    result = invoke("drawings", "stats", "--drawings", url)
    assert result.returncode == 1
    assert "a newer version of Inkling" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("delete", "9" * 20), ("list", "--label", "9" * 20)])
def test_a_number_that_no_database_takes_is_a_wrong_option(command, url):
    assert invoke("drawings", *command, "--drawings", url).returncode == 2


def test_threads_write_side_by_side(store):
    threads = [threading.Thread(target=lambda: store.add(labelled())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.stats()["n"] == 20


def test_a_new_database_has_the_schema_of_the_code(store):
    connection = store._database._engine.connect()
    inspected = sqlalchemy.inspect(connection).get_columns("drawings")
    assert [column["name"] for column in inspected] == [column.name for column in DRAWINGS.columns]
    assert [column["nullable"] for column in inspected[1:]] == [
        column.nullable for column in list(DRAWINGS.columns)[1:]
    ]
    connection.close()


def test_a_locked_database_is_told_and_nothing_is_lost(store, url, monkeypatch):
    kept = store.add(labelled())
    monkeypatch.setattr("inkling.drawings.database.SECONDS_TO_WAIT", 1)
    impatient = Store(url)
    with store._database.writing(), pytest.raises(StoreError, match=r"is locked|lock timeout"):
        impatient.add(labelled())
    assert impatient.add(labelled()).id == kept.id + 1
    impatient.close()


@SQLITE_ALONE
def test_a_full_disk_is_told(store):
    store.add(labelled())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="Expected to store the drawing"):
            store.add(labelled(strokes=None, pen=None, picture=os.urandom(300_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.add(labelled()).id == 2
    assert store.stats()["n"] == 2


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nonsense", "Expected the URL of a database"),
        ("nosuch://x", "Expected the URL of a database"),
        ("sqlite:////proc/x/y.sqlite", "expected a database to open"),
    ],
)
def test_a_database_that_cannot_be_is_told_in_a_line(bad, said):
    with pytest.raises(StoreError, match=said):
        Store(bad)
    result = run_inkling("drawings", "stats", "--drawings", bad)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://me:s3cret@127.0.0.1:1/x",
        "postgres://me:s3cret@127.0.0.1:1/x?sslmode=odd",
        "postgresql://127.0.0.1:1/x?user=me&password=s3cret",
        "postgresql://me:a@s3cret@127.0.0.1:1/x",
        "postgresql://me:a@b:s3cret@127.0.0.1:1/x",
        "postgresql://me:s3cret@127.0.0.1:port/x",
        "postgresql://me:s3cret@127.0.0.1:1/x?odd=1",
        "postgresql://me:s3cret@127.0.0.1:1/x?plugin=odd",
        "sqlite://me:s3cret@host/x",
        "nosuch://me:s3cret@host/x",
        "postgresql:me:s3cret@host",
        "me:s3cret@host",
    ],
)
def test_no_password_is_told(wrong, caplog):
    with pytest.raises(StoreError) as told:
        Store(wrong)
    whole = "".join(traceback.format_exception(told.value)) + caplog.text
    assert "s3cret" not in whole
    assert "\n" not in str(told.value)


def test_a_wrong_password_is_told_without_it(postgres):
    with pytest.raises(StoreError, match="password authentication failed") as told:
        Store(postgres.url.set(password="s3cret").render_as_string(hide_password=False))
    assert "s3cret" not in str(told.value)


@pytest.mark.slow
def test_a_store_outlives_the_restart_of_its_server(postgres):
    store = Store(postgres.url.render_as_string(hide_password=False))
    kept = store.add(labelled())
    postgres.stop()
    for act in (store.stats, lambda: store.add(labelled())):
        with pytest.raises(StoreError, match="See that its URL is right and its server runs"):
            act()
    postgres.start()
    assert store.get(kept.id) == kept
    postgres.stop()
    postgres.start()
    assert store.add(labelled()).id > kept.id
    store.close()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_told_soon(monkeypatch):
    monkeypatch.setattr("inkling.drawings.database.SECONDS_TO_WAIT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"expected a database to open, but .*timeout"):
            Store(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x")
        assert time.monotonic() - begun < 10


def test_without_psycopg_the_extra_is_named():
    code = (
        "import sys; sys.modules['psycopg'] = None; from inkling.drawings import Store\n"
        "Store('postgresql://host/x')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'inkling-reader[postgres]'" in result.stderr


@pytest.mark.parametrize(
    "odd",
    [{"session": "a\0b"}, {"session": "\ud800"}, {"session": "x" * 65}, {"label": 2**31}],
)
def test_what_one_engine_would_refuse_neither_takes(store, odd):
    with pytest.raises(InkError, match="that every database takes"):
        store.add(labelled(**odd))
    for act in (store.get, store.delete):
        with pytest.raises(NoSuchDrawing):
            act(2**70)
    assert store.find(Filter(**odd)) == []
    assert store.stats()["n"] == 0


def test_times_are_compared_byte_by_byte_in_every_language(store):
    store.add(labelled(created="2026-01-01T00:00:00+00:00"))
    assert store.find(Filter(since="2026-01-01T00:00:00.5+00:00")) == []


def test_a_full_store_says_its_limit_and_takes_again_after_a_deletion(url):
    store = Store(url, max_drawings=2)
    store.add(labelled(idempotency_key="random-name"))
    with pytest.raises(StoreFull, match=r"at most 2 drawings.*inkling drawings prune"):
        store.add_all([labelled(), labelled()])
    store.add(labelled(created="2026-01-01"))
    assert store.add(labelled(8, idempotency_key="random-name")).label == 8  # no new one
    with pytest.raises(StoreFull):
        store.add(labelled())
    other = Store(url, max_drawings=2)  # the limit is of the database
    with pytest.raises(StoreFull):
        other.add(labelled())
    assert store.prune(30) == 1
    other.add(labelled())
    with pytest.raises(StoreFull):
        store.add(labelled())
    store.delete(1)
    store.add(labelled())
    for each in (store, other):
        each.close()


def test_bytes_are_limited_as_well(url):
    store = Store(url, max_bytes=1000)
    exact = labelled(strokes=None, pen=None, picture=bytes(1000))
    for _ in range(3):  # as much as there is room for, and all of it free again
        store.delete(store.add(exact).id)
    picture = labelled(strokes=None, pen=None, picture=bytes(900), idempotency_key="random-name")
    store.add(picture)
    for drawing in (replace(picture, idempotency_key=None), replace(picture, picture=bytes(1001))):
        with pytest.raises(StoreFull, match="at most 1,000 bytes"):
            store.add(drawing)
    store.add(replace(picture, picture=bytes(10)))
    store.add(labelled())
    assert len(list(store.each())) == 2
    store.close()


def test_old_drawings_are_pruned_when_the_user_agrees(store, url):
    now = datetime.now(UTC)
    for days in (40, 20, 0):
        store.add(labelled(created=(now - timedelta(days)).isoformat()))
    prune = ("drawings", "prune", "--drawings", url, "--older-than")
    refused = run_inkling(*prune, "30", input="n\n")
    assert refused.returncode == 1
    assert "Delete every drawing older than 30 days?" in refused.stdout
    assert store.stats()["n"] == 3
    assert invoke(*prune, "30", "--yes").stdout == "Deleted 1\n"
    assert [drawing.id for drawing in store.each()] == [2, 3]
    assert invoke(*prune, "0", "--yes").returncode == 2


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "notes").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{tmp_path}/notes")


KILLED = """
import os, signal, sys, time
sys.path.insert(0, {tests!r})
from inkling.drawings import Store
from test_drawings import labelled

for turn in range(100):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        store = Store({url!r})
        while True:
            os.write(writer, b"%d\\n" % store.add(labelled()).id)
    os.close(writer)
    told = os.read(reader, 1)
    time.sleep(0.001 * (turn % 17))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reader, 65536):
        told += part
    os.close(reader)
    print(told.rpartition(b"\\n")[0].decode(), flush=True)
"""


@SQLITE_ALONE
def test_what_was_acknowledged_survives_kill(url):
    """A hundred writers, each killed as it writes; forked, since a process begins slowly."""
    code = KILLED.format(tests=str(Path(__file__).parent), url=url)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    acknowledged = [int(line) for line in result.stdout.split()]
    assert len(acknowledged) >= 100
    store = Store(url)
    kept = {drawing.id for drawing in store.each()}
    assert set(acknowledged) <= kept
    assert len(kept) <= len(acknowledged) + 100  # one a writer may be kept but not told
    store.close()


def killed_under_load(url, rounds, writers=4, seed=0):
    """Start a server, write from several threads, kill it at a random moment; and so on.

    The moment lies within half a second of a round's first answer. Gives how many drawings were
    acknowledged; how many of these are not in the store as they were sent; and how many are there
    that nobody was told of, which may be one a writer and round.
    """
    chance, told = random.Random(seed), []  # number, label, session: every session is another
    for turn in range(rounds):
        first = threading.Event()

        def write(client, address, turn=turn, first=first):
            with contextlib.suppress(httpx.TransportError):  # the server is gone
                for number in itertools.count():
                    label, session = number % 10, f"{turn}-{threading.get_ident()}-{number}"
                    answer = client.post(
                        f"{address}/api/drawings?label={label}&session={session}",
                        json={"strokes": SEVEN},
                    )
                    assert answer.status_code == 201, answer.text
                    told.append((answer.json()["id"], label, session))
                    first.set()

        with (
            serving("--drawings", url) as (address, process),
            httpx.Client() as client,
            ThreadPoolExecutor(writers) as threads,
        ):
            writing = [threads.submit(write, client, address) for _ in range(writers)]
            assert first.wait(30), "no drawing was kept"
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
            for each in writing:
                each.result()
    store = Store(url)
    kept = [(one.id, one.label, one.session) for one in store.each() if one.strokes == SEVEN]
    store.close()
    return {
        "rounds": rounds,
        "writers": writers,
        "acknowledged": len(told),
        "lost": len(set(told) - set(kept)),
        "kept_untold": len(set(kept) - set(told)),
    }


def test_what_a_server_acknowledged_survives_its_kill(url):
    """As benchmarks/kill.py, which kills a hundred."""
    found = killed_under_load(url, rounds=3)
    assert found["acknowledged"] >= 5
    assert found["lost"] == 0
    assert found["kept_untold"] <= 5 * found["writers"]


def test_exported_and_imported_drawings_are_the_same(store, tmp_path):
    store.add_all([labelled(7), labelled(1, session="x", accepted=None)])
    assert archive.export(store.each(), tmp_path / "lines", "jsonl", fail) == 2
    other = Store(f"sqlite:///{tmp_path}/other.sqlite")
    assert archive.take_in(other, tmp_path / "lines" / "drawings.jsonl") == 2
    assert list(other.each()) == list(store.each())
    other.close()


def test_numbers_are_exported_as_json_lines_alone(store, url, tmp_path):
    store.add_all([labelled(7), number("12,50", "12.50"), labelled(1)])
    lines = tmp_path / "lines"
    assert archive.export(store.each(), lines, "jsonl", fail) == 3
    items = strokes.from_json_lines((lines / archive.LINES).read_bytes(), "lines")
    assert [item.label for item in items] == ["7", "12,50", "1"]
    other = Store(f"sqlite:///{tmp_path}/other.sqlite")
    assert archive.take_in(other, lines / archive.LINES) == 3
    assert list(other.each()) == list(store.each())
    other.close()
    for form in ("idx", "png", "parquet"):
        said = invoke("drawings", "export", str(tmp_path / form), "--as", form, "--drawings", url)
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout.startswith("Wrote 2 drawings")
        assert "1 numbers" in said.stdout
    images = idx.parse((tmp_path / "idx" / archive.IDX_NAMES[1]).read_bytes(), "labels")
    assert images.tolist() == [7, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"label": "1?"},
        {"label": "twelve"},
        {"label": "1" * 65},
        {"label": 7},
        {"reading": 7},
        {"label": None},
    ],
)
def test_a_line_whose_label_is_no_number_is_not_imported(store, tmp_path, wrong):
    line = json.dumps(number().to_json() | {"picture": None} | wrong)
    (tmp_path / "x.jsonl").write_text(line)
    with pytest.raises(StoreError, match="line 1: expected a drawing"):
        archive.take_in(store, tmp_path / "x.jsonl")


def test_exported_images_are_those_that_are_read(store, tmp_path):
    store.add_all([labelled(7), labelled(1)])
    archive.export(store.each(), tmp_path / "idx", "idx", fail)
    pixels, labels = (
        idx.parse((tmp_path / "idx" / name).read_bytes(), name) for name in archive.IDX_NAMES
    )
    assert labels.tolist() == [7, 1]
    assert pixels.shape == (2, 28, 28)
    assert pixels.max() == 255
    archive.export(store.each(Filter(label=7)), tmp_path / "png", "png", fail)
    assert [path.name for path in (tmp_path / "png").rglob("*.png")] == ["1.png"]
    np.testing.assert_array_equal(
        archive.to_image(tmp_path / "png" / "7" / "1.png")[0] * 255, pixels[0]
    )
    assert archive.export([], tmp_path / "none", "idx", fail) == 0
    with pytest.raises(StoreError, match="a folder to write to"):
        archive.export(store.each(), tmp_path / "idx" / archive.IDX_NAMES[0], "idx", fail)


def test_a_parquet_file_holds_every_field_and_the_image(store, tmp_path):
    file = archive.Image.fromarray(np.eye(28, dtype=np.uint8) * 255)
    file.save(tmp_path / "eye.png")
    picture = (tmp_path / "eye.png").read_bytes()
    store.add_all([labelled(7), labelled(1, strokes=None, pen=None, picture=picture)])
    assert archive.export(store.each(), tmp_path / "out", "parquet", fail) == 2
    rows = parquet.read_table(tmp_path / "out" / "drawings.parquet").to_pylist()
    images = [np.frombuffer(row.pop("image"), np.uint8).reshape(28, 28) for row in rows]
    assert [Labelled(**row) for row in rows] == list(store.each())
    for drawing, image in zip(store.each(), images, strict=True):
        np.testing.assert_array_equal(np.rint(archive.to_image(drawing.source)[0] * 255), image)
    assert archive.export([], tmp_path / "none", "parquet", fail) == 0
    empty = parquet.read_schema(tmp_path / "none" / "drawings.parquet")
    of_the_table = {"text", "reading_text", "wrong"}
    fields = {column.name for column in DRAWINGS.columns} - of_the_table
    assert set(empty.names) == fields | {"image"}


def test_without_pyarrow_the_extra_is_named(url, tmp_path):
    arguments = ["inkling", "drawings", "export", str(tmp_path), "--as", "parquet"]
    code = (
        f"import sys; sys.modules['pyarrow'] = None; sys.argv = {[*arguments, '--drawings', url]}\n"
        "from inkling.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "pip install 'inkling-reader[parquet]'" in result.stderr


@given(
    st.text(max_size=60)
    | st.binary(max_size=20).map(repr)
    | st.just("{}")
    | st.just('{"label": 3}')
)
def test_a_line_that_is_no_drawing_is_told(tmp_path_factory, line):
    folder = tmp_path_factory.mktemp("lines")
    (folder / "x.jsonl").write_text(line.replace("\n", " ") + "!\n", errors="replace")
    store = Store(f"sqlite:///{folder}/drawings.sqlite")
    with pytest.raises(StoreError, match=r"line 1: expected a drawing"):
        archive.take_in(store, folder / "x.jsonl")
    assert store.find() == []
    store.close()


def test_the_command_line_lists_exports_and_deletes(store, url, tmp_path):
    store.add_all([labelled(7), labelled(1, 7, 0.5, accepted=False)])
    listed = invoke("drawings", "list", "--drawings", url).stdout.splitlines()
    assert "7  read correctly, 90.0%" in listed[0]
    assert "1  read 7, 50.0%, not accepted" in listed[1]
    one = invoke("drawings", "list", "--wrong", "--json", "--drawings", url).stdout
    assert json.loads(one)["label"] == 1
    exported = invoke("drawings", "export", str(tmp_path / "out"), "--drawings", url)
    assert exported.stdout == f"Wrote 2 drawings to {tmp_path / 'out'}\n"
    stats = invoke("drawings", "stats", "--drawings", url).stdout
    assert stats.startswith("2 drawings, 50.0% read correctly")
    assert "numbers" not in stats
    store.add(number("1.5", "15"))
    (said,) = invoke("drawings", "list", "--numbers", "--drawings", url).stdout.splitlines()
    assert "1.5  read 15" in said
    assert len(invoke("drawings", "list", "--digits", "--drawings", url).stdout.splitlines()) == 2
    assert "numbers:      1, 0.0%" in invoke("drawings", "stats", "--drawings", url).stdout
    assert invoke("drawings", "delete", "2", "--drawings", url).stdout == "Deleted 1\n"
    gone = invoke("drawings", "delete", "2", "--drawings", url)
    assert gone.returncode == 1
    assert "no number 2" in gone.stderr


def test_over_http_a_drawing_is_kept_found_changed_and_forgotten(url):
    with serving("--drawings", url) as (address, _):
        api = f"{address}/api/drawings"
        kept = httpx.post(f"{api}?label=1&session=me", json={"strokes": SEVEN, "pen": 30})
        assert kept.status_code == 201
        assert (kept.json()["label"], kept.json()["reading"], kept.json()["session"]) == (
            1,
            7,
            "me",
        )
        (found,) = httpx.get(f"{api}?wrong=true").json()
        assert found == kept.json()
        image = httpx.get(f"{api}/{found['id']}/image")
        assert image.content.startswith(b"\x89PNG")
        assert httpx.post(f"{api}?label=7", content=image.content).json()["reading"] == 7
        assert httpx.patch(f"{api}/1?label=7").json()["label"] == 7
        assert httpx.get(f"{api}/stats").json()["right"] == 2
        picture = httpx.get(f"{api}/2").json()["picture"]
        assert base64.b64decode(picture) == image.content
        whole = httpx.get(f"{api}/1")
        assert whole.json()["strokes"] == SEVEN
        assert httpx.delete(f"{api}/1").status_code == 204
        assert httpx.delete(f"{api}/1").status_code == 404
        assert httpx.get(f"{api}/1").status_code == 404
        assert httpx.get(f"{api}?session=me").json() == []
        assert httpx.put(f"{api}/1", content=whole.content).status_code == 204
        assert httpx.get(f"{api}/1").json() == whole.json()
        for bad in (b"", b"[]", b"\xff", b'{"label": 1}', b"7" * 5000):
            answer = httpx.put(f"{api}/9", content=bad)
            assert (answer.status_code, answer.json()["hint"][:4]) == (422, "Send")
        assert httpx.delete(f"{api}/1").status_code == 204
        for bad in ("label=10", "label=x", "session=" + "x" * 99 + "&label=1", ""):
            answer = httpx.post(f"{api}?{bad}", json={"strokes": SEVEN})
            assert answer.status_code == 422
            assert answer.json()["hint"]
        assert httpx.post(f"{api}?label=1", json={"strokes": []}).status_code == 422
        assert len(httpx.get(api).json()) == 1


def test_a_label_has_the_name_that_the_bundle_gives_it():
    card = bundle.read(bundle.PRETRAINED)[0]
    assert [labelling.name_of(card, label) for label in (0, 9, "12.50")] == ["0", "9", "12.50"]
    with pytest.raises(InkError, match="from 0 to 9, got 10"):
        labelling.name_of(card, 10)


def test_fifty_drawings_are_found_unless_more_are_asked_for(tmp_path):
    with contextlib.closing(Store(f"sqlite:///{tmp_path}/drawings.sqlite")) as store:
        store.add_all([labelled() for _ in range(52)])
        assert len(store.find()) == 50
        assert len(store.find(count=60)) == 52
        assert len(store.find(skip=50)) == 2


def test_drawings_lie_in_the_users_own_folder_unless_a_url_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_HOME", str(tmp_path))
    monkeypatch.delenv("INKLING_DRAWINGS", raising=False)
    assert default_url() == f"sqlite:///{tmp_path}/drawings.sqlite"
    monkeypatch.setenv("INKLING_DRAWINGS", "postgresql://a/b")
    assert default_url() == "postgresql://a/b"
