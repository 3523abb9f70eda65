import dataclasses
import json
import shutil
import subprocess

import numpy as np
import pytest
from conftest import invoke, quick_bundle, run_inkling
from scipy.special import softmax

from inkling import Reader, data, metrics, system
from inkling.data import catalog
from inkling.errors import RunError
from inkling.experiments import leaderboard, recipes, records
from inkling.experiments.recipe import change
from inkling.reading import bundle
from inkling.training import engines, loop, take_record

SMALL = dataclasses.replace(
    recipes.get("sprint-99.5"),
    name="small",
    dataset="optdigits",
    split="standard",
    test_time_augmentation="none",
    temperature=1.0,
    epochs=1,
    batch=64,
)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(system, "commit", lambda: "0123456789ab")


def take(tmp_path, seeds, recipe=SMALL, **options):
    """A record of some seeds, and the events it reported; trained, but not exported."""
    reported = []
    options = {"device": "cpu", "train": without_export} | options
    made = take_record(recipe, seeds, tmp_path / "r.json", reported.append, **options)
    return made, reported


def without_export(run, report, should_stop):
    return loop.train(run, report, should_stop, finish=quick_bundle)


def kinds(reported):
    return [event.event for event in reported if event.event != "progress"]


def test_a_record_is_what_its_seeds_came_to(tmp_path):
    made, events = take(tmp_path, 2)
    assert records.read(tmp_path / "r.json") == made
    assert kinds(events) == ["start", "epoch", "end", "seed"] * 2
    tests = [100 * event.test.accuracy for event in events if event.event == "end"]
    assert tests[0] != tests[1]
    assert made.mean == pytest.approx(np.mean(tests), abs=1e-3)
    assert made.std == pytest.approx(np.std(tests, ddof=1), abs=1e-3)
    assert made.n == 2
    assert [result.seed for result in made.seeds] == [0, 1]
    assert made.recipe == SMALL
    assert made.commit == "0123456789ab"
    assert made.interval[0] < made.mean < made.interval[1]
    seconds = [result.train_seconds for result in made.seeds]
    assert made.train_seconds == pytest.approx(np.median(seconds), abs=0.01)
    trained = 64 * (len(data.splits("optdigits").train.labels) // 64)
    assert made.images_per_second == pytest.approx(trained / made.train_seconds, rel=0.2)
    assert made.missing(4) == [2, 3]


def test_a_seed_that_is_done_is_never_trained_again(tmp_path):
    first, _ = take(tmp_path, 1)
    shutil.rmtree("runs")  # the record alone says what is done
    again, events = take(tmp_path, 1)
    assert again == first
    assert events == []
    more, events = take(tmp_path, 2)
    assert kinds(events) == ["start", "epoch", "end", "seed"]
    assert more.seeds[0] == first.seeds[0]
    assert take(tmp_path, 1)[0] == more


def test_a_stopped_record_goes_on_where_it_was(tmp_path):
    count = iter(range(10**9))
    made, events = take(tmp_path, 1, should_stop=lambda: next(count) >= 5)
    assert made is None
    assert kinds(events) == ["start", "stopped"]
    _, events = take(tmp_path, 1)
    assert events[0].step == 6


def test_a_package_that_differs_from_its_commit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "commit", lambda: "0123456789ab-dirty")
    with pytest.raises(RunError, match="--allow-dirty"):
        take(tmp_path, 1)
    made, _ = take(tmp_path, 1, allow_dirty=True)
    assert made.commit == "0123456789ab-dirty"


def test_a_record_is_of_one_recipe(tmp_path):
    take(tmp_path, 1)
    other = dataclasses.replace(SMALL, learning_rate=0.1)
    with pytest.raises(RunError, match="but recipe differs"):
        take(tmp_path, 2, other)
    older = json.loads((tmp_path / "r.json").read_text())
    del older["recipe"]["evaluation"]  # of a version that had none of it
    (tmp_path / "r.json").write_text(json.dumps(older))
    kept, events = take(tmp_path, 1, dataclasses.replace(SMALL, about="said better"))
    assert (kept.n, events) == (1, [])
    made, _ = take(tmp_path, 1, other, restart=True)
    assert made.recipe.optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (None, "cannot be read as JSON"),
        ({"mean": None}, "mean"),
        ({"mean": "good"}, "mean"),
        ({"seeds": [{"seed": 0}]}, "seeds.0.test"),
        ({"seeds": 3}, "seeds"),
        ({"recipe": []}, "recipe"),
        ({"recipe": {"name": "x"}}, "recipe"),
        ({"device": ...}, "has no device"),
    ],
)
def test_a_damaged_record_is_reported_and_not_touched(tmp_path, change, what):
    whole = json.loads((leaderboard.records_folder() / "sprint.json").read_text())
    changed = {key: value for key, value in (whole | (change or {})).items() if value is not ...}
    text = "{" if change is None else json.dumps(changed)
    path = tmp_path / "results" / "r.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RunError, match=what):
        take_record(SMALL, 1, path, print)
    with pytest.raises(RunError, match=what):
        leaderboard.record_rows(path.parent)
    assert path.read_text() == text


def test_a_record_of_a_gpu_stands_beside_that_of_the_processor(tmp_path):
    whole = json.loads((leaderboard.records_folder() / "sprint.json").read_text())
    (tmp_path / "sprint.json").write_text(json.dumps(whole))
    (tmp_path / "sprint-cuda.json").write_text(json.dumps(whole | {"device": "cuda"}))
    assert [row.name for row in leaderboard.record_rows(tmp_path)] == ["sprint, cuda", "sprint"]


def test_restart_deletes_once_and_then_goes_on_where_it_was_stopped(tmp_path):
    take(tmp_path, 1)
    count = iter(range(10**9))
    made, _ = take(tmp_path, 1, restart=True, should_stop=lambda: next(count) >= 5)
    assert made is None
    made, events = take(tmp_path, 1)
    assert events[0].step == 6
    assert made.n == 1


def test_a_file_that_is_edited_meanwhile_is_trained_as_it_was(tmp_path):
    mine = tmp_path / "mine.py"
    text = (
        "from torch import nn\n"
        "def model(classes): return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))\n"
    )
    mine.write_text(text)
    seeds = []

    def edit(event):
        if event.event == "seed":
            seeds.append(event.seed)
            mine.write_text(text.replace("784", "783"))

    own = dataclasses.replace(SMALL, model="custom", name="mine")
    made = take_record(
        own, 2, tmp_path / "r.json", edit, device="cpu", source=mine, train=without_export
    )
    assert seeds == [0, 1]
    assert made.source == text


def test_a_file_is_read_in_the_encoding_that_it_declares(tmp_path):
    mine = tmp_path / "mine.py"
    text = (
        "# -*- coding: latin-1 -*-\n# caf\u00e9\nfrom torch import nn\n"
        "def model(classes): return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))\n"
    )
    mine.write_bytes(text.encode("latin-1"))
    own = dataclasses.replace(SMALL, model="custom", name="mine")
    made, _ = take(tmp_path, 1, own, source=mine)
    assert made.source == text


ANOTHER = {"processor": "another"}


def test_a_seed_of_another_machine_says_so_and_its_seconds_do_not_count(tmp_path, monkeypatch):
    first, _ = take(tmp_path, 1)
    monkeypatch.setattr(system, "describe", lambda: ANOTHER)
    take(tmp_path, 2)
    records.write(tmp_path / "r.json", first)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(system, "commit", lambda: "0123456789ab")
    made, events = take(tmp_path, 2)  # its run knows where it was trained
    assert kinds(events) == ["seed"]
    here, there = made.seeds
    assert here == first.seeds[0]
    assert there.machine == ANOTHER
    assert there.ran_elsewhere
    assert not here.ran_elsewhere
    assert there.device is there.threads is there.versions is None
    for key in ("machine", "train_seconds", "images_per_second"):
        assert getattr(made, key) == getattr(first, key)
    assert made.mean == pytest.approx(50 * (here.test.accuracy + there.test.accuracy), abs=1e-3)


@pytest.mark.usefixtures("mnist")
def test_where_time_counts_all_seeds_are_of_one_machine(tmp_path, monkeypatch):
    quick = dataclasses.replace(recipes.get("sprint"), epochs=0.02)
    take(tmp_path, 1, quick)
    monkeypatch.setattr(system, "describe", lambda: ANOTHER)
    with pytest.raises(RunError, match="but machine differs"):
        take(tmp_path, 2, quick)
    (tmp_path / "r.json").unlink()
    with pytest.raises(RunError, match="since time counts, but its machine differs"):
        take(tmp_path, 1, quick)
    assert take(tmp_path, 1, quick, restart=True)[0].machine == ANOTHER


def test_an_ensemble_shares_its_networks_and_averages_their_logits(tmp_path):
    take(tmp_path, 2)
    (tmp_path / "r.json").unlink()
    pair = dataclasses.replace(SMALL, name="pair", ensemble_size=2)
    made, events = take(tmp_path, 1, pair)
    assert kinds(events) == ["seed"]
    runs = sorted((tmp_path / "runs" / "records").glob("*/seed-*"))
    assert len(runs) == 2
    test = data.splits("optdigits").test
    logs = [np.log(Reader.load(run).probabilities(test.images())) for run in runs]
    together = metrics.measure(softmax(sum(logs) / 2, axis=1), test.labels)
    assert made.seeds[0].test.accuracy == together.accuracy
    assert made.seeds[0].test.negative_log_likelihood == pytest.approx(
        together.negative_log_likelihood, rel=1e-4
    )
    assert made.parameters == 2 * Reader.load(runs[0]).card.parameters


def test_an_ensemble_names_every_place_and_commit_of_its_networks(tmp_path, monkeypatch):
    pair = dataclasses.replace(SMALL, name="pair", ensemble_size=2)
    take(tmp_path, 1)  # the first network, here
    (tmp_path / "r.json").unlink()
    monkeypatch.setattr(system, "describe", lambda: ANOTHER)
    monkeypatch.setattr(system, "commit", lambda: "ba9876543210")
    made, _ = take(tmp_path, 1, pair)
    assert made.seeds[0].machine == ANOTHER
    assert made.commit == "0123456789ab, ba9876543210"


def test_corrected_labels_are_measured_beside_the_published(tmp_path, monkeypatch):
    entry, test = catalog.get("optdigits"), data.splits("optdigits").test
    wrong = {3: int(test.labels[3] + 1) % 10}
    corrected = dataclasses.replace(entry, corrections=wrong, undecided=(5,))
    monkeypatch.setitem(catalog.CATALOG, "optdigits", corrected)
    made, _ = take(tmp_path, 1)
    (run,) = (tmp_path / "runs" / "records").glob("*/seed-0")
    predicted = Reader.load(run).probabilities(test.images()).argmax(1)
    labels = test.labels.copy()
    labels[3] = wrong[3]
    right = np.delete(predicted == labels, 5)
    assert made.seeds[0].corrected_test.n == len(right)
    assert made.mean_corrected == pytest.approx(100 * right.mean(), abs=1e-3)


def test_the_catalogs_corrections_are_of_mnists_test_labels(mnist):
    entry, labels = catalog.get("mnist"), mnist.test.labels
    assert len(entry.corrections) == 10
    assert len(entry.undecided) == 5
    assert not entry.corrections.keys() & set(entry.undecided)
    assert all(labels[index] != label for index, label in entry.corrections.items())
    assert labels[list(entry.undecided)].tolist() == [4, 6, 6, 4, 6]


def test_the_command_says_each_seed_and_where_the_record_is(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import replace\nfrom inkling import recipes\n"
        "recipe = replace(recipes.get('digits'), name='mine', dataset='optdigits', epochs=1,\n"
        "                 real_digits=0, real_outliers=0)\n"
    )
    command = ("record", "mine.py", "--seeds", "2", "--allow-dirty")
    result = run_inkling(*command, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("seed   0: ")
    assert "mean of 2: " in lines[1]
    assert lines[-1] == "Record results/mine.json"
    made = json.loads((tmp_path / "results" / "mine.json").read_text())
    assert made["source"] == mine.read_text()
    result = run_inkling(*command, cwd=tmp_path)
    assert result.stderr == ""
    assert result.stdout.splitlines() == lines[2:]


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


def test_the_commit_is_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.undo()
    package = tmp_path / "checkout" / "inkling"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(system, "PACKAGE", package)
    assert system.commit() == "installed"
    git(package.parent, "init", "-q")
    assert system.commit() == "installed"
    git(package.parent, "add", "inkling")
    git(package.parent, "commit", "-qm", "first")
    clean = system.commit()
    assert len(clean) == 12
    (package.parent / "notes").touch()  # beside the package: changes nothing of it
    assert system.commit() == clean
    (package / "new.py").touch()
    assert system.commit() == f"{clean}-dirty"


def row(kind, name, dataset, accuracy, **figures):
    return leaderboard.Row(kind, name, dataset, accuracy, **figures)


def test_the_boards_take_what_belongs_on_them():
    rows = [
        row("record", "quick", "mnist", 99.02, seconds=1.5),
        row("record", "quicker", "mnist", 98.99, seconds=0.5),
        row("record", "good", "mnist", 99.6, seconds=40),
        row("run", "runs/x", "mnist", 99.01, seconds=1.2),
        row("record", "five", "fashion-mnist", 93, epochs=5),
        row("claim", "they", "fashion-mnist", 94, epochs=5),
        row("record", "six", "fashion-mnist", 96, epochs=6),
    ]
    named = [[r.name for r in part.rows] for part in leaderboard.sections(rows)]
    assert named[:2] == [["runs/x", "quick"], ["good"]]
    assert named[2] == ["good", "quick", "runs/x", "quicker"]
    assert named[3:] == [["they", "five"], [], []]
    assert len(leaderboard.sections(rows, "challenge")) == 3
    with pytest.raises(RunError, match="Perhaps you meant challenge"):
        leaderboard.sections(rows, "chalenge")


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("sprint", "time"),
        ("sprint-99.5", "time"),
        ("digits", "accuracy"),
        ("best-ensemble", "accuracy"),
        ("cnn-20", "challenge"),
        ("challenge-5", "challenge"),
    ],
)
def test_each_recipe_has_its_board(name, board):
    assert records.board_of(recipes.get(name)) == board


@pytest.mark.parametrize(
    ("setting", "board"),
    [
        ("target=99.2", "time"),
        ("target=98", "accuracy"),  # the board begins at 99.0
        ("target=0", "accuracy"),
        ("dataset=optdigits", None),
    ],
)
def test_the_board_follows_the_target_whatever_the_name(setting, board):
    mine = dataclasses.replace(recipes.get("sprint"), name="mine")
    assert records.board_of(change(mine, [setting])) == board


@pytest.mark.usefixtures("mnist")
def test_the_record_of_your_own_recipe_names_the_board_of_its_target(tmp_path):
    mine = dataclasses.replace(recipes.get("sprint"), name="mine", epochs=0.02)
    assert take(tmp_path, 1, mine)[0].board == "time"


@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize("name", ["sprint", "sprint-99.5"])
def test_a_record_as_it_was_written_before_0_7_is_taken_further(tmp_path, name, monkeypatch):
    before = json.loads((leaderboard.records_folder() / f"{name}.json").read_text())
    before["recipe"].pop("aim", None)  # of before there were targets
    (tmp_path / "r.json").write_text(json.dumps(before))
    with pytest.raises(RunError, match=r"(machine|versions|threads) differs"):
        take(tmp_path, 1, recipes.get(name))
    place = {key: before[key] for key in ("device", "threads", "machine", "versions")}
    monkeypatch.setattr(engines, "place", lambda _: place)
    made, events = take(tmp_path, 1, recipes.get(name))
    assert (made.mean, events) == (before["mean"], [])


def test_your_own_runs_and_records_stand_on_the_board(tmp_path):
    broken = tmp_path / "runs" / "broken" / "bundle"
    shutil.copytree(bundle.PRETRAINED, tmp_path / "runs" / "mine" / "bundle")
    shutil.copytree(bundle.PRETRAINED, broken)
    (broken / "model.onnx").write_bytes(b"")
    (mine,) = leaderboard.run_rows()
    assert (mine.name, mine.seeds, mine.dataset) == ("runs/mine", 1, "mnist")
    result = invoke("leaderboard", "accuracy", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "runs/mine" in result.stdout
    assert "cdeotte" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    result = invoke("leaderboard", "speed", cwd=tmp_path)
    assert result.returncode == 1
    assert "Expected a board (time, accuracy, challenge), got 'speed'" in result.stderr


def result(seed, accuracy, seconds, commit="a", **place):
    """A seed that read so many of 10,000 images right."""
    right = round(10_000 * accuracy)
    test = metrics.Measures(10_000, accuracy, metrics.wilson(right, 10_000), 0.1 + 0.01 * seed, 0)
    return records.SeedResult(
        seed=seed, test=test, train_seconds=seconds, temperature=1, commit=commit, **place
    )


def made_of(*seeds, recipe=SMALL):
    place = records.Place("cpu", 2, {"processor": "a Z80", "instructions": "avx2 avx512f"}, {})
    return records.Record.of(recipe, None, place, {}, seeds, 1000, 50, 70)


def test_the_figures_of_a_record_are_those_of_its_seeds():
    seeds = result(1, 0.99, 3.004, "b"), result(0, 0.98, 2.0, "a"), result(2, 0.985, 8.004, "b")
    record = made_of(*seeds)
    assert [seed.seed for seed in record.seeds] == [0, 1, 2]
    assert (record.mean, record.std, record.n) == (98.5, 0.5, 3)
    assert record.interval == pytest.approx(100 * np.array(metrics.wilson(9850, 10_000)), abs=5e-5)
    assert all(round(bound, 4) == bound for bound in record.interval)
    assert record.mean_negative_log_likelihood == 0.11
    assert (record.train_seconds, record.images_per_second) == (3, round(15 * 64 / 3.004))
    assert (record.parameters, record.multiply_adds, record.epochs) == (50, 70, 1)
    assert record.commit == "b, a"
    assert record.mean_corrected is None
    assert record.missing(5) == [3, 4]
    assert record.missing(2) == []
    assert made_of(result(0, 0.98, 2.0)).std is None


def test_seconds_are_of_the_machine_that_the_record_names():
    seeds = result(0, 0.98, 2.0), result(1, 0.98, 50.0, machine={"processor": "slow"})
    assert seeds[1].ran_elsewhere
    assert not seeds[0].ran_elsewhere
    record = made_of(*seeds)
    assert record.train_seconds == 2
    row = leaderboard._record_row(record)
    assert row.machine == "a Z80, AVX-512, 2 threads; 1 of 2 seeds elsewhere"
    assert made_of(seeds[1]).train_seconds == 50


def test_a_row_is_shown_with_its_figures():
    cells = leaderboard.cells(
        row("record", "r", "mnist", 99.021, seconds=19.99, std=0.0512, seeds=3)
    )
    assert cells == ["99.02 ± 0.05 %", "3", "19.99 s", "", ""]
    long = dataclasses.replace(row("record", "r", "mnist", 99), seconds=20.4, epochs=2.5, seeds=1)
    assert leaderboard.cells(long) == ["99.00 %", "1", "20 s", "2.5", ""]
    claim = dataclasses.replace(row("claim", "they", "mnist", 99.12345), parameters=1234)
    assert leaderboard.cells(claim) == ["99.123 %", "claim", "", "", "1,234"]
    table = leaderboard.markdown(
        [leaderboard.Section("fast", [dataclasses.replace(claim, source="https://x"), long])]
    )
    assert table.splitlines()[1:] == [
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| fast | [they](https://x) | 99.123 % | claim |  |  | 1,234 |  |",
        "|  | `r` | 99.00 % | 1 | 20 s | 2.5 |  |  |",
    ]


def test_a_record_is_written_into_a_new_folder_and_read_again(tmp_path):
    record, path = made_of(result(0, 0.98, 2.0)), tmp_path / "new" / "below" / "r.json"
    records.write(path, record)
    assert records.read(path) == record
    with pytest.raises(RunError, match="expected a file to write to"):
        records.write(path / "r.json", record)
