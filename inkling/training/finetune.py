"""Fine-tuning: a network that reads already learns one person's handwriting from drawings.

The drawings are mixed into batches of MNIST (replay), synthetic handwriting and outliers, all
augmented as the network's own recipe says; normalisations keep their statistics. In the end, the
weights are averaged with the old ones. Every fifth drawing of a digit is held out: these and
MNIST's validation images decide whether the new network is better. MNIST's test images are only
reported. The new bundle is the graph of the old one with other weights.
Source: Robins 1995, rehearsal; Wortsman et al. 2022, averaging weights.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from inkling import __version__, data, metrics, system
from inkling.data import Split, Splits
from inkling.drawings import Filter, Labelled, Store
from inkling.drawings.archive import readable
from inkling.drawings.store import FIRST_HELD_OUT
from inkling.errors import InkError, RunError
from inkling.experiments import events, runs
from inkling.experiments import recipe as recipes
from inkling.experiments.events import Figures
from inkling.experiments.recipe import Recipe
from inkling.networks import architectures
from inkling.reading import bundle, report
from inkling.reading.bundle import Card
from inkling.reading.reader import Reader
from inkling.reading.session import Session
from inkling.training import checkpoint, engines, export, loop
from inkling.training.learner import Learner, Mixed, mixtures, shared, without_missing

STEPS = 200
BATCH = 96  # images of MNIST
DRAWINGS = 32  # mixed into each batch
MAX_LEARN = STEPS * DRAWINGS  # drawings; of more, some would not come up
MAX_HELD_OUT = MAX_LEARN // 4  # as every fifth is
RATE = 0.02  # the peak; a training from fresh weights takes ten times as much
MIXED_SHARE = 1 / 16  # of the images that a training mixes in
NEW_SHARES = (0.7, 0.5, 0.3)  # of the new weights in the average, tried in this order
MAX_LOSS = 0.0005  # of the accuracy on MNIST's validation images, against the base network
PREFIX = "network.network."  # of a weight in the graph: export.Calibrated, architectures.Averaged
AGREEMENT_IMAGES = 7  # by which PyTorch and the graph are compared


class Images(NamedTuple):
    """Drawings to learn from."""

    pixels: NDArray[np.uint8]  # (N, 1, 28, 28), ink = 255 on 0
    labels: NDArray[np.int64]  # (N,)


@dataclass(frozen=True)
class Base:
    """A bundle to start from, as PyTorch and as a graph."""

    card: Card
    recipe: Recipe
    network: nn.Module
    model: onnx.ModelProto
    tensors: dict[str, onnx.TensorProto]  # of the graph, by the parameter that each holds

    @property
    def accuracy(self) -> float:
        """On MNIST's validation images, in [0, 1]."""
        assert self.card.validation  # `unpack` has checked it
        return self.card.validation.accuracy


def sample(store: Store, which: Filter, seed: int) -> Iterator[Labelled]:
    """The drawings of a store to fine-tune on: all, or of too many an even share of each writer's.

    They are at most MAX_LEARN to learn from and MAX_HELD_OUT to compare by.
    """
    return store.sample(which, {False: MAX_LEARN, True: MAX_HELD_OUT}, seed)


def split_drawings(
    drawings: Iterable[tuple[Labelled, NDArray[np.float32]]],
) -> tuple[Images, list[Labelled]]:
    """The images to learn from, and the drawings held out, as the store has marked them.

    Each drawing comes with its image `(1, 28, 28)` in [0, 1]. Raises RunError unless there is one
    of each.
    """
    pixels, labels, held_out = [], [], []
    for drawing, image in drawings:
        if drawing.held_out:
            held_out.append(drawing)
        else:
            pixels.append(np.rint(image * 255).astype(np.uint8))
            labels.append(drawing.label)
    if not (pixels and held_out):
        raise RunError(
            f"Expected at least {FIRST_HELD_OUT + 1} drawings of one digit to teach with, "
            f"got {len(pixels) + len(held_out)} in all",
            "Draw and label more, then teach again; five of each digit are enough",
        )
    return Images(np.stack(pixels), np.array(labels, np.int64)), held_out


def usable(
    drawings: Iterable[Labelled], card: Card, skip: Callable[[InkError], object]
) -> Iterator[tuple[Labelled, NDArray[np.float32]]]:
    """Those whose labels are classes of the card's, and that can be read, as `readable` gives."""
    own = (
        drawing
        for drawing in drawings
        if isinstance(drawing.label, int)
        and drawing.label < len(card.classes)
        and (drawing.name or str(drawing.label)) == card.classes[drawing.label]
    )
    return readable(own, skip, card.frame)


def fine_tune(
    drawings: Iterable[Labelled],
    run: Path,
    report: loop.Report,
    should_stop: loop.ShouldStop = lambda: False,
    served: Path = bundle.PRETRAINED,
    seed: int = 0,
    skip: Callable[[InkError], object] = lambda _: None,
    serve: Callable[[], None] = lambda: None,
) -> events.FineTuneEnd | None:
    """Fine-tune the bundle that ships on `drawings`; None if it was stopped.

    `run` becomes the folder of the fine-tuning, with its events and the bundle. The outcome
    compares that with the bundle `served`; if it is better, `serve` is called before it is
    reported. `skip` gets an error for each drawing that cannot be read. Raises RunError,
    DataError, BundleError, RecipeError.
    """
    base = load(bundle.PRETRAINED)
    learn, held_out = split_drawings(usable(drawings, base.card, skip))
    splits = data.splits(base.card.dataset)
    assert splits.validation  # of the standard split
    recipe = _recipe(base, len(learn.labels), len(splits.train.labels))
    if (run / runs.PLAN).exists():
        raise RunError(
            f"{run}: expected a new name, but a fine-tuning is there", "Give another name"
        )
    plan = runs.Plan(recipe, seed, system.commit(), **engines.place("cpu"), kind="fine-tuning")
    checkpoint.create(run, plan)
    emit = loop.reporting(run, report)
    with runs.held(run):
        start = events.FineTuneStart(
            run=str(run), learn=len(learn.labels), held_out=len(held_out), steps=STEPS
        )
        emit(start)
        learner = _learner(base, recipe, seed, splits.train, learn)
        data.forget()  # what else was read of MNIST and of pen strokes
        old = {name: value.clone() for name, value in base.network.state_dict().items()}
        if loop.fit(learner, run, emit, should_stop):
            average(base.network, old, splits.validation, base.accuracy - MAX_LOSS)
            card, session, content = write_back(base, learner, splits)
            after = measure(Reader(card, session), held_out, splits.test)
            del session  # with the memory of its features: the next one takes as much
            outcome = compare(base, after, held_out, splits.test, served, run / runs.BUNDLE)
            if not should_stop():
                bundle.write(run / runs.BUNDLE, card, content)
                if outcome.better:
                    serve()
                emit(outcome)
                return outcome
        emit(events.Stopped(run=str(run)))
        return None


def load(folder: Path) -> Base:
    """The network of a bundle, to train on, from the weights of its graph.

    Where the exporter has folded a normalisation into the convolution before it, only its bias is
    trained. Raises RunError if the graph is not that of the card's model, or gives other logits.
    """
    card, content = bundle.read(folder)
    model = onnx.load_model_from_string(content)
    recipe = recipes.from_saved(card.recipe)
    network, tensors = unpack(card, recipe, model.graph)
    images = _few_images(data.splits(card.dataset).train)
    session = Session(content, len(card.classes), temperature=card.temperature)
    logits = engines.compute_logits(network, images) / card.temperature
    export.check_agreement(session, logits, images)
    return Base(card, recipe, network, model, tensors)


def unpack(
    card: Card, recipe: Recipe, graph: onnx.GraphProto
) -> tuple[nn.Module, dict[str, onnx.TensorProto]]:
    """The network of a bundle's graph; and by parameter, the graph's tensor of it. See `load`."""
    tensors = {
        tensor.name.removeprefix(PREFIX): tensor
        for tensor in graph.initializer
        if tensor.name.startswith(PREFIX)
    }
    way_out = "Teach the bundle that ships, or one trained by the same recipe"
    if recipe.model not in architectures.MODELS or card.dataset != "mnist" or not card.validation:
        raise RunError(
            f"Expected a bundle trained on mnist by a network of PyTorch's and validated, got "
            f"one of {card.dataset} by {recipe.model}",
            way_out,
        )
    if any(node.op_type == "DequantizeLinear" for node in graph.node):
        raise RunError("Expected a bundle of float32 to train on, got one of 8 bits", way_out)
    network = architectures.build(recipe.model, len(card.classes), Generator())
    values = dict(network.state_dict())
    before = ""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            before = name
        if isinstance(layer, nn.BatchNorm2d) and f"{before}.weight_bias" in tensors:
            layer.weight.requires_grad_(False)
            tensors[f"{name}.bias"] = tensors[f"{before}.weight_bias"]
            values[f"{name}.running_var"] = torch.full_like(layer.weight, 1 - layer.eps)
    try:
        for name in values.keys() & tensors.keys():
            array = onnx.numpy_helper.to_array(tensors[name])
            values[name] = torch.tensor(array).reshape(values[name].shape)
    except RuntimeError as cause:
        raise RunError(f"Expected the weights of {recipe.model}, got others", way_out) from cause
    network.load_state_dict(values)
    return network, tensors


def average(
    network: nn.Module, old: dict[str, Tensor], validation: Split, min_accuracy: float
) -> None:
    """Set the weights between `old` and the new ones, the newest that read MNIST well enough."""
    new = {name: value.clone() for name, value in network.state_dict().items()}
    for share in NEW_SHARES:
        averaged = {
            name: torch.lerp(old[name], value, share) if value.is_floating_point() else value
            for name, value in new.items()
        }
        network.load_state_dict(averaged)
        predictions = engines.compute_logits(network, validation.pixels).argmax(1)
        if (predictions == validation.labels).mean() >= min_accuracy - 1e-9:
            return


def write_back(base: Base, learner: Learner, splits: Splits) -> tuple[Card, Session, bytes]:
    """The bundle of the fine-tuned network: its card, its graph in memory and as bytes.

    The graph is that of the base with other weights, and its temperature stays. Raises RunError
    if it does not give the network's own logits.
    """
    card = base.card
    for name, value in base.network.state_dict().items():
        if tensor := base.tensors.get(name):
            array = np.ascontiguousarray(value.numpy().reshape(tuple(tensor.dims)))
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    content = base.model.SerializeToString()
    session = Session(content, len(card.classes), torch.get_num_threads(), card.temperature)
    images = _few_images(splits.train)
    logits = engines.compute_logits(base.network, images) / card.temperature
    export.check_agreement(session, logits, images)
    values = {
        "model_sha256": hashlib.sha256(content).hexdigest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": asdict(learner.recipe),
        "seed": learner.seed,
        "train_seconds": round(learner.progress.seconds, 2),
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "versions": {"inkling": __version__}
        | system.versions("torch", "numpy", "onnx", "onnxruntime"),
    }
    parts = export.calibrating(base.recipe, splits)
    measured = report.measured(session, card.temperature, splits.validation, splits.test, parts)
    if card.acceptance and len(parts) < len(card.acceptance.sources):
        measured["acceptance"] = card.acceptance  # of the base, which more writers calibrated
    return card.model_copy(update=values | measured), session, content


def measure(reader: Reader, held_out: Sequence[Labelled], test: Split) -> Figures:
    """The figures of a reader's bundle; of MNIST, those of its card where it has them.

    One that cannot say what it accepts rejects nothing.
    """
    card = reader.card
    readings = reader.read_many(drawing.source for drawing in held_out)
    labels = np.array([drawing.label for drawing in held_out])
    probabilities = np.stack([reading.probabilities for reading in readings])
    rejected = ~reader.accepts(test.pixels) if card.acceptance else np.zeros(1)
    return Figures(
        drawings=len(held_out),
        right=int((probabilities.argmax(1) == labels).sum()),
        loss=metrics.negative_log_likelihood(probabilities, labels),
        rejected=sum(reading.accepted is False for reading in readings),
        validation=card.validation.accuracy if card.validation else 0.0,
        test=card.test.accuracy,
        test_rejected=float(rejected.mean()),
    )


def compare(
    base: Base,
    after: Figures,
    held_out: Sequence[Labelled],
    test: Split,
    served: Path,
    folder: Path,
) -> events.FineTuneEnd:
    """The outcome of a fine-tuning whose bundle goes to `folder`, against the bundle `served`."""
    if bundle.read(served)[0].dataset != base.card.dataset:
        served = bundle.PRETRAINED
    reader = Reader.load(served, torch.get_num_threads())
    before = measure(reader, held_out, test)
    better, why = judge(before, after, base.accuracy)
    return events.FineTuneEnd(
        bundle=str(folder), before=before, after=after, better=better, why=why
    )


def judge(before: Figures, after: Figures, base_accuracy: float) -> tuple[bool, str]:
    """Whether the new bundle is to be served, and why.

    It is if it reads more of the held-out drawings correctly, or as many with a smaller loss, and
    if its accuracy on MNIST's validation images is at most MAX_LOSS below that of the base.
    """
    lost = base_accuracy - after.validation
    if lost > MAX_LOSS + 1e-9:
        return False, (
            f"MNIST accuracy would drop by {100 * lost:.2f} points (limit {100 * MAX_LOSS:.2f})"
        )
    if after.right > before.right:
        more = after.right - before.right
        return True, f"It reads {more} more of {after.drawings} held-out drawings correctly"
    if after.right == before.right and after.loss < before.loss:
        return True, "It reads as many held-out drawings correctly, with more confidence"
    return False, "It reads the held-out drawings no better"


def _few_images(split: Split) -> NDArray[np.float32]:
    """Images `(7, 1, 28, 28)` by which a network and its graph are compared."""
    return Split(split.pixels[:AGREEMENT_IMAGES], split.labels[:AGREEMENT_IMAGES]).images()


def _recipe(base: Base, drawings: int, images: int) -> Recipe:
    """How a network is fine-tuned: as it was trained, but shorter, slower, without corruptions.

    Pen strokes of other people are mixed in where their data sets are here.
    """
    whole, _ = without_missing(base.recipe)
    return replace(
        whole,
        name="taught",
        about=f"{base.recipe.name}, fine-tuned on {drawings} drawings",
        split="standard",
        epochs=STEPS / (images // BATCH),
        batch=BATCH,
        optimizer=replace(base.recipe.optimizer, learning_rate=RATE),
        schedule=replace(base.recipe.schedule, warm_up=0.1),
        augmentation=replace(whole.augmentation, corruptions=0),
    )


def _learner(base: Base, recipe: Recipe, seed: int, train: Split, drawings: Images) -> Learner:
    return Learner(
        recipe,
        seed,
        shared(train.pixels),
        torch.tensor(train.labels, dtype=torch.int64),
        engines.Torch(recipe, base.network, freeze_statistics=True),
        [
            Mixed(DRAWINGS, *map(torch.from_numpy, drawings)),
            *mixtures(recipe, seed, train, "cpu", MIXED_SHARE),
        ],
    )
