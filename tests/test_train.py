import dataclasses
import json
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import quick_bundle, run_inkling
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.special import softmax

from inkling import Reader, data, metrics, system
from inkling.augmentation import warp
from inkling.errors import RecipeError, RunError
from inkling.experiments import recipes, runs
from inkling.experiments.events import since
from inkling.experiments.recipe import Evaluation, Optimizer, Schedule, change, from_saved
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.system import stopped_by_signal
from inkling.training import checkpoint, engines, export, learner, loop

FULL = dataclasses.replace(
    recipes.get("digits"),
    dataset="optdigits",
    epochs=3,
    batch=64,
    handwriting=0.25,
    outliers=0.25,
    real_digits=0,
    real_outliers=0,
)
SMALL = dataclasses.replace(FULL, handwriting=0, outliers=0, corruptions=0)


def quiet(_):
    pass


def run(folder, recipe=SMALL, seed=0, should_stop=lambda: False, finish=quick_bundle):
    """Train to the end or to a stop; the events. The end takes no export, unless told to."""
    events = []
    if not (folder / runs.PLAN).exists():
        loop.create(folder, recipe, seed, "cpu")
    loop.train(folder, events.append, should_stop, finish)
    return events


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of SMALL to its end, and its events."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, run(folder, finish=loop.write_bundle)


def stop_after(steps):
    count = iter(range(10**9))
    return lambda: next(count) >= steps


def test_a_run_learns_and_ends_in_a_bundle_that_reads(trained):
    folder, events = trained
    kinds = [event.event for event in events if event.event != "progress"]
    assert kinds == ["start", "epoch", "epoch", "epoch", "end"]
    end = events[-1]
    assert end.test.accuracy > 0.85
    assert end.validation.accuracy > 0.9
    content = (folder / "bundle" / bundle.MODEL).read_bytes()
    assert str(Path(loop.__file__).parent).encode() not in content  # a graph tells no paths
    reader = Reader.load(folder)
    test = data.splits("optdigits").test
    again = metrics.measure(reader.probabilities(test.images()), test.labels)
    assert again.accuracy == end.test.accuracy
    assert again.negative_log_likelihood == pytest.approx(end.test.negative_log_likelihood)
    assert reader.card.seed == 0
    assert from_saved(reader.card.recipe) == SMALL


def test_what_is_reported_is_in_the_runs_folder(trained):
    folder, events = trained
    assert since(folder, 0) == (events, len(events))


def test_the_reader_gives_the_networks_own_probabilities(trained):
    folder, _ = trained
    reader = Reader.load(folder)
    engine = engines.build(SMALL, 10, 1, "cpu", folder)
    checkpoint.read(folder, engine.load)
    images = data.splits("optdigits").test.images()
    logits = engines.compute_logits(engine.network(), images) / reader.card.temperature
    for size in (1, 2, 7, 300):
        np.testing.assert_allclose(
            reader.probabilities(images[:size]), softmax(logits[:size], axis=1), atol=1e-5
        )


def weights(folder):
    return load_file(folder / runs.CHECKPOINT)


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_where_nothing_validates_all_images_are_trained_on(tmp_path):
    shifts = Evaluation(temperature=0.7, test_time_augmentation="shifts")
    recipe = dataclasses.replace(SMALL, split="all", epochs=1, evaluation=shifts)
    events = run(tmp_path / "run", recipe, finish=loop.write_bundle)
    assert [e.validation_loss for e in events if e.event == "epoch"] == [None]
    assert events[0].steps_per_epoch == len(data.splits("optdigits", "all").train.labels) // 64
    card = Reader.load(tmp_path / "run").card
    assert card.validation is None
    assert card.temperature == 0.7
    assert card.test.n == len(data.splits("optdigits").test.labels)


def test_an_epoch_may_be_broken(trained, tmp_path):
    steps = trained[1][0].steps_per_epoch
    events = run(tmp_path / "run", dataclasses.replace(SMALL, epochs=1.5))
    assert [event.event for event in events].count("epoch") == 2
    state = json.loads(safe_open(tmp_path / "run" / runs.CHECKPOINT, "pt").metadata()["state"])
    assert state["step"] == round(1.5 * steps)


@pytest.mark.parametrize("stops", [[], [18], [4, 8]])
def test_a_frozen_stem_does_not_change_also_when_resumed(tmp_path, stops):
    recipe = dataclasses.replace(
        recipes.get("sprint"), dataset="optdigits", split="standard", batch=64, epochs=1
    )
    run(tmp_path / "first", recipe, should_stop=stop_after(7))  # of 21, a third
    for steps in stops:
        run(tmp_path / "run", recipe, should_stop=stop_after(steps))
    run(tmp_path / "run", recipe)
    first, last = weights(tmp_path / "first"), weights(tmp_path / "run")
    for name, tensor in last.items():
        if name.startswith("model."):
            assert torch.equal(first[name], tensor) == name.startswith("model.stem."), name


def test_alternate_flips_show_every_image_from_both_sides_in_turn(tmp_path, monkeypatch):
    seen = []

    def keep(images, settings, rng, flipped):
        seen.append((images, flipped))
        return warp.augment(images, settings, rng, flipped)

    monkeypatch.setattr(learner, "augment", keep)
    alternate = dataclasses.replace(SMALL.augmentation, flip=0.5, flip_mode="alternate")
    recipe = dataclasses.replace(SMALL, augmentation=alternate, epochs=3, batch=1372)
    run(tmp_path / "run", recipe)
    sides = [dict(zip(map(bytes, i.numpy()), f.tolist(), strict=True)) for i, f in seen]
    assert len(sides) == 3
    first, second, third = sides
    assert 0.4 < sum(first.values()) / len(first) < 0.6
    shared = first.keys() & second.keys() & third.keys()
    assert len(shared) > 1300
    assert all(first[image] != second[image] for image in shared)
    assert all(first[image] == third[image] for image in shared)


def test_alternate_flips_do_not_flip_synthetic_digits(tmp_path, monkeypatch):
    seen = []

    def augmented(images, _settings, _rng, flipped):
        seen.append((len(images), flipped))
        return images

    monkeypatch.setattr(learner, "augment", augmented)
    alternate = dataclasses.replace(FULL.augmentation, flip=0.5, flip_mode="alternate")
    recipe = dataclasses.replace(FULL, augmentation=alternate, epochs=1)
    run(tmp_path / "run", recipe, should_stop=stop_after(1))
    images, flipped = seen[0]
    assert len(flipped) == images > 64
    assert flipped[:64].any()
    assert not flipped[64:].any()


def test_an_ensemble_is_no_single_training(tmp_path):
    with pytest.raises(RunError, match="inkling record best-ensemble"):
        loop.create(tmp_path / "run", recipes.get("best-ensemble"), 0)


@pytest.mark.parametrize("stops", [[1], [20, 1], [21, 22, 3]])
def test_a_stopped_run_ends_in_the_very_same_weights(trained, tmp_path, stops):
    whole, _ = trained
    for steps in stops:
        events = run(tmp_path / "run", should_stop=stop_after(steps))
        assert events[-1].event == "stopped"
        assert not (tmp_path / "run" / "bundle").exists()
    exported = len(stops) == 1  # once is enough: the same weights make the same graph
    events = run(tmp_path / "run", finish=loop.write_bundle if exported else quick_bundle)
    assert events[0].step > 0
    assert_same_weights(weights(whole), weights(tmp_path / "run"))
    first, second = ((f / "bundle" / bundle.MODEL).read_bytes() for f in (whole, tmp_path / "run"))
    assert first == second or not exported


def test_synthetic_digits_are_the_same_when_resumed(tmp_path):
    short = dataclasses.replace(FULL, epochs=1)
    run(tmp_path / "whole", short)
    run(tmp_path / "run", short, should_stop=stop_after(9))
    run(tmp_path / "run", short)
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_synthetic_digits_and_outliers_are_mixed_into_each_batch(tmp_path, monkeypatch):
    learnt = []

    def keep(_, images, labels, *__):
        learnt.append((images.shape[0], labels))
        return 1.0, 0

    monkeypatch.setattr(engines.Torch, "learn", keep)
    run(tmp_path / "run", dataclasses.replace(FULL, handwriting=0.25, outliers=0.5, epochs=1))
    for count, labels in learnt:
        assert count == len(labels) == 64 + 16 + 32
        assert (labels[-32:] == engines.NO_CLASS).all()
        assert (labels[:80] >= 0).all()


def test_the_loss_of_an_outlier_is_least_where_no_class_is_likely():
    """And that of a digit where its own class is."""
    engine = engines.build(FULL, 10, 0, "cpu", Path())
    labels = torch.tensor([3, engines.NO_CLASS])
    sure, even = torch.full((10,), -3.0), torch.full((10,), -9.0)
    sure[3] = 6
    best = engine._loss(torch.stack([sure, even]), labels)
    for first, second in ((even, even), (sure, sure), (sure, even + 12), (sure.roll(1), even)):
        assert engine._loss(torch.stack([first, second]), labels) > best + 0.5
    plain = engines.build(SMALL, 10, 0, "cpu", Path())._loss(sure[None], labels[:1])
    assert plain == pytest.approx(
        float(F.cross_entropy(sure[None], labels[:1], label_smoothing=0.03))
    )


def test_synthetic_digits_need_a_data_set_of_digits(tmp_path):
    recipe = dataclasses.replace(FULL, dataset="fashion-mnist")
    with pytest.raises(RecipeError, match="a data set of digits") as caught:
        loop.create(tmp_path / "run", recipe, 0, "cpu")
    assert "--set handwriting=0" in caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": Optimizer("adam", 0.01)}, {"momentum": 0.0}, {"model": "wide"}],
)
def test_any_optimizers_state_and_dropout_are_the_same_when_resumed(tmp_path, changes):
    recipe = dataclasses.replace(SMALL, epochs=2, **changes)
    run(tmp_path / "whole", recipe)
    run(tmp_path / "broken", recipe, should_stop=stop_after(5))
    run(tmp_path / "broken", recipe)
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "broken"))


@pytest.mark.parametrize("name", ["scratch", "scratch-steady", "scratch-deep"])
def test_the_network_from_first_principles_is_a_run_as_every_other(tmp_path, name):
    settings = ["dataset=optdigits", "epochs=2", "hidden=20,15", "activation=leaky_relu"]
    settings += ["max_shift_pixels=1", "learning_rate=0.01"]
    settings += ["batch=32"] if name == "scratch-deep" else []  # of its 256 there are few in 2
    recipe = change(recipes.get(name), settings)
    events = run(tmp_path / "whole", recipe, finish=loop.write_bundle)
    assert events[-1].event == "end"
    assert events[-1].validation.accuracy > 0.5
    assert events[0].parameters == 784 * 20 + 20 + 20 * 15 + 15 + 15 * 10 + 10
    for steps in (1, 2, 1):
        assert run(tmp_path / "run", recipe, should_stop=stop_after(steps))[-1].event != "end"
    assert run(tmp_path / "run", recipe)[0].step > 0
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_the_network_from_first_principles_takes_no_other_networks_checkpoint(tmp_path):
    recipe = change(recipes.get("scratch-deep"), ["dataset=optdigits", "epochs=2"])
    run(tmp_path / "run", recipe, should_stop=stop_after(1))
    loop.create(tmp_path / "other", dataclasses.replace(recipe, hidden="99"), 0)
    checkpoint_file = (tmp_path / "run" / runs.CHECKPOINT).read_bytes()
    (tmp_path / "other" / runs.CHECKPOINT).write_bytes(checkpoint_file)
    with pytest.raises(RunError, match="a checkpoint of this run's network"):
        run(tmp_path / "other")


def test_another_seed_ends_in_other_weights(trained, tmp_path):
    run(tmp_path / "run", seed=1)
    assert not torch.equal(
        weights(trained[0])["model.1.weight"], weights(tmp_path / "run")["model.1.weight"]
    )


@pytest.mark.parametrize("model", ["digits", "wide", "scratch"])
def test_training_leaves_the_global_generator_alone(tmp_path, model):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(
        tmp_path / "run",
        dataclasses.replace(SMALL, epochs=1, model=model, precision="float32"),
    )
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("processor", "tiles", "expected"),
    [("AMD EPYC", False, True), ("Intel Xeon", False, False), ("Intel Xeon", True, True)],
)
def test_bfloat16_is_taken_where_it_is_fast(monkeypatch, processor, tiles, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(engines.system, "describe", lambda: {"processor": processor})
    with engines.precision(recipes.get("digits"), torch.device("cpu")):
        assert torch.is_autocast_enabled("cpu") == expected
    with engines.precision(recipes.get("mlp"), torch.device("cpu")):
        assert not torch.is_autocast_enabled("cpu")


def start_in_a_process(folder, *options):
    command = [sys.executable, "-m", "inkling", "train", "--dataset", "optdigits", "--json"]
    command += [
        f"--set={value}" for value in ("batch=64", "handwriting=0", "outliers=0", "corruptions=0")
    ]
    command += ["--epochs", "7", "--out", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process, kind, count=1):
    for line in process.stdout:
        count -= json.loads(line)["event"] == kind
        if not count:
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),  # of a closed terminal
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number):
    with start_in_a_process(tmp_path / "run") as process:
        wait_for(process, "epoch", 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err == ""
    stopped = json.loads(out.splitlines()[-1])
    assert stopped["event"] == "stopped"
    assert stopped["step"] >= 2 * 21
    result = run_inkling("train", "--resume", str(tmp_path / "run"), "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert Reader.load(tmp_path / "run").card.test.n == 300


def test_a_signal_while_pytorch_is_imported_leaves_a_run_that_goes_on(tmp_path):
    with start_in_a_process(tmp_path / "run") as process:
        maps = Path(f"/proc/{process.pid}/maps")
        while "libtorch" not in maps.read_text():  # it takes seconds to import
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, err
    assert err == ""
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
    assert run(tmp_path / "run", should_stop=stop_after(1))[0].step > 0


def test_frozen_statistics_stay_in_a_fresh_network(mnist):
    network = architectures.build("digits", 10, torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in network.named_buffers()}
    engine = engines.Torch(SMALL, network, freeze_statistics=True)
    images = torch.tensor(mnist.train.pixels[:64]) / 255
    labels = torch.tensor(mnist.train.labels[:64].astype(int))
    engine.learn(images, labels, [0.1], torch.Generator())
    assert before
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_fine_tuning_takes_the_steps_of_pytorchs_own_sgd(mnist):
    recipe = dataclasses.replace(
        SMALL, optimizer=Optimizer("sgd", weight_decay=1e-3), precision="float32"
    )
    images = torch.tensor(mnist.train.pixels[:64]) / 255
    labels = torch.tensor(mnist.train.labels[:64].astype(int))
    found = []
    for optimizer in (engines.Descent, engines._optimizer):
        network = architectures.build("digits", 10, torch.Generator().manual_seed(0))
        engine = engines.Torch(recipe, network, freeze_statistics=True)
        engine.optimizer = optimizer(recipe, network)
        for rate in (0.1, 0.05, 0.02):
            engine.learn(images, labels, [rate], torch.Generator())
        found.append(engine.tensors())
    assert found[0].keys() == found[1].keys()
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-4, atol=1e-6)


def test_bytes_and_floats_give_the_same_logits(mnist):
    few = mnist.test[:300]
    network = architectures.build("digits", 10, torch.Generator().manual_seed(0))
    session = Reader.load().session
    for logits in (lambda images: engines.compute_logits(network, images), session.logits):
        np.testing.assert_array_equal(logits(few.pixels), logits(few.images()))


@pytest.mark.usefixtures("mnist")
def test_what_is_forgotten_of_a_data_set_is_read_again():
    before = data.splits("mnist")
    assert data.splits("mnist") is before
    data.forget()
    again = data.splits("mnist")
    assert again is not before
    np.testing.assert_array_equal(again.test.pixels, before.test.pixels)


def test_kill_loses_at_most_an_epoch(tmp_path):
    with start_in_a_process(tmp_path / "run") as process:
        wait_for(process, "epoch", 4)
        process.kill()
        process.communicate(timeout=30)
    events = run(tmp_path / "run", should_stop=stop_after(1))
    assert events[0].step >= 3 * 21


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    recipe = dataclasses.replace(SMALL, learning_rate=1e30, schedule=Schedule("constant"))
    with pytest.raises(RunError, match="finite loss") as caught:
        run(tmp_path / "run", recipe)
    assert "--set learning_rate=1e+29" in caught.value.hint


def test_a_fine_tuning_is_not_resumed_as_a_training(tmp_path):
    plan = runs.Plan(SMALL, 0, "unknown", **engines.place("cpu"), kind="fine-tuning")
    checkpoint.create(tmp_path / "taught", plan)
    with pytest.raises(RunError, match="a fine-tuning"):
        loop.train(tmp_path / "taught", quiet)


def test_runs_are_not_mixed_up(trained, tmp_path):
    folder, _ = trained
    with pytest.raises(RunError, match="a run is there"):
        loop.create(folder, SMALL, 0)
    with pytest.raises(RunError, match="it has ended"):
        loop.train(folder, quiet)
    with pytest.raises(RunError, match=r"run\.json"):
        loop.train(tmp_path, quiet)
    with pytest.raises(RunError, match="a device that is here"):
        loop.create(tmp_path / "x", SMALL, 0, "tpu")
    with pytest.raises(RunError, match="a folder to write to"):
        loop.create(folder / runs.PLAN / "below a file", SMALL, 0)
    with pytest.raises(RunError, match="a batch of at most 1,372"):
        run(tmp_path / "large", dataclasses.replace(SMALL, batch=5000))
    assert not (tmp_path / "large").exists()


def test_a_damaged_checkpoint_is_reported(tmp_path):
    run(tmp_path / "run", should_stop=stop_after(3))
    path = tmp_path / "run" / runs.CHECKPOINT
    content = path.read_bytes()
    plan = json.loads((tmp_path / "run" / runs.PLAN).read_text())
    for damaged in (b"", content[:100], content[:-10], b"x" * 200):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match="cannot be read"):
            run(tmp_path / "run")
    path.write_bytes(content)
    plan["recipe"]["model"] = "mlp"
    (tmp_path / "run" / runs.PLAN).write_text(json.dumps(plan))
    with pytest.raises(RunError, match="this run's network"):
        run(tmp_path / "run")


def test_a_run_that_names_no_commit_goes_on(tmp_path):
    run(tmp_path / "run", should_stop=stop_after(3))
    path = tmp_path / "run" / runs.PLAN
    plan = json.loads(path.read_text())
    del plan["commit"]  # as 0.1.0 wrote it
    path.write_text(json.dumps(plan))
    assert run(tmp_path / "run")[0].step > 0
    assert runs.read_plan(tmp_path / "run").commit == "unknown"


def test_a_checkpoint_of_another_version_is_reported(tmp_path):
    run(tmp_path / "run", should_stop=stop_after(3))
    path = tmp_path / "run" / runs.CHECKPOINT
    save_file(load_file(path), path, metadata={"state": '{"unheard_of": 1}'})
    with pytest.raises(RunError, match="of this version"):
        run(tmp_path / "run")


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    run(tmp_path / "run", should_stop=stop_after(3))
    path = tmp_path / "run" / runs.CHECKPOINT
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(RunError, match="room to write"):
            run(tmp_path / "run", should_stop=stop_after(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before


def test_reader_and_network_that_disagree_are_caught(monkeypatch, tmp_path):
    wrong = export.to_onnx(architectures.build("digits", 10, torch.Generator().manual_seed(9)), 1.0)
    monkeypatch.setattr(export, "to_onnx", lambda *_: wrong)
    with pytest.raises(RunError, match=r"agree within 0\.0001"):
        run(tmp_path / "run", dataclasses.replace(SMALL, epochs=1), finish=loop.write_bundle)
    assert not (tmp_path / "run" / "bundle" / bundle.CARD).exists()


def test_no_pickle_anywhere():
    sources = list(system.PACKAGE.rglob("*.py"))
    text = "\n".join(path.read_text() for path in sources)
    assert len(sources) > 15
    assert not any(word in text for word in ("import pickle", "torch.load(", "torch.save("))


def test_a_run_keeps_the_threads_it_began_with(tmp_path):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        run(tmp_path / "run", should_stop=stop_after(2))
        torch.set_num_threads(threads)
        assert run(tmp_path / "run", should_stop=stop_after(1))[0].threads == 1
    finally:
        torch.set_num_threads(threads)


def test_a_second_signal_acts_at_once():
    before = signal.getsignal(signal.SIGINT)
    with stopped_by_signal() as caught:
        signal.raise_signal(signal.SIGINT)
        assert caught == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_run_of_before_0_7_goes_on(trained, tmp_path):
    run(tmp_path / "run", should_stop=stop_after(9))
    path = tmp_path / "run" / runs.PLAN
    plan = json.loads(path.read_text())
    old = {"name": "digits", "about": "", "model": "shipped", "split": "standard"}
    old |= {"optimizer": "sgd", "learning_rate": 0.2, "weight_decay": 1e-4, "label_smoothing": 0.03}
    old |= {"schedule": "one-cycle", "precision": "bfloat16", "views": "one", "flips": "chance"}
    old |= {"max_shift_pixels": 2, "max_rotation_degrees": 8, "max_scale": 0.1, "max_shear": 0.1}
    old |= {"bend_pixels": 0.3, "max_stroke": 0.5, "hands": 0.0, "outliers": 0.0, "degraded": 0.0}
    plan["recipe"] = old | {"dataset": "optdigits", "epochs": 3, "batch": 64}
    path.write_text(json.dumps(plan))
    assert run(tmp_path / "run")[0].step > 0
    assert_same_weights(weights(trained[0]), weights(tmp_path / "run"))


def test_of_those_that_make_the_same_run_at_once_one_succeeds(tmp_path):
    errors, made = [], []

    def make(seed):
        try:
            loop.create(tmp_path / "run", SMALL, seed, "cpu")
            made.append(seed)
        except RunError as error:
            errors.append(error)

    threads = [threading.Thread(target=make, args=[seed]) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(errors)) == (1, 5)
    assert runs.read_plan(tmp_path / "run").seed == made[0]


def test_a_run_of_a_device_that_is_not_here_says_where_it_goes_on(tmp_path):
    loop.create(tmp_path / "run", SMALL, 0, "cpu")
    path = tmp_path / "run" / runs.PLAN
    path.write_text(path.read_text().replace('"cpu"', '"cuda"'))
    if not torch.cuda.is_available():
        with pytest.raises(RunError, match="on a machine with cuda"):
            run(tmp_path / "run")
