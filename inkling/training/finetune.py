"""Teaching: a network that reads already learns a hand, from its drawings, and keeps what it knew.

The drawings go beside batches of MNIST (replay), made hands and what is no digit, all varied as the
network's own recipe says; its normalisations keep the figures they have. In the end, its weights
are mixed with the old ones. Every fifth drawing of a digit is kept aside: by those, and by MNIST's
validation images, it is decided whether the taught network is the better one. MNIST's test images
are only reported. The taught bundle is the graph of the old one with other weights.
Source: Robins 1995, rehearsal; Wortsman et al. 2022, mixing weights.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from inkling import __version__, data, ink, metrics, system
from inkling.experiments import recipes, runs
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.training import checkpoint, engines, export, loop
from inkling.drawings.store import Labelled
from inkling.errors import RunError
from inkling.experiments.events import Event, append
from inkling.reading.reader import Network, Reader

STEPS = 200
BATCH = 96  # of MNIST's images; beside them, so many drawings:
OWN = 32
RATE = 0.02  # the peak; a training from nothing takes ten times as much
MADE_IMAGES = 1_000  # of other hands, and as many of what is no digit
ASIDE, FIRST_ASIDE = 5, 2  # of each digit's drawings, every fifth from the third on
MIXES = (0.7, 0.5, 0.3)  # how far the weights go from the old to the learnt ones, at the most
MOST_LOST = 0.0005  # of MNIST's validation images read rightly, against the network taught
PREFIX = "network.network."  # of a weight's name in the graph: export.Calibrated, architectures.Views


@dataclass(frozen=True)
class Figures:
    """How a bundle reads the drawings kept aside, and MNIST. Shares in [0, 1]."""

    drawings: int
    right: int
    loss: float  # mean negative log-likelihood, nats a drawing
    refused: int
    validation: float  # accuracy on MNIST's validation images
    test: float  # and on its test images
    test_refused: float


@dataclass(frozen=True)
class Outcome:
    """What a teaching came to."""

    bundle: Path
    before: Figures
    after: Figures
    better: bool
    why: str  # a sentence without its full stop


def apart(drawings: Iterable[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """The drawings to learn from, and those kept aside; more drawings move none across.

    By rank within each digit: deleting or relabelling one may move later ones of that digit.
    Raises RunError unless there is one of each.
    """
    of_label: defaultdict[int, list[Labelled]] = defaultdict(list)
    for drawing in sorted(drawings, key=lambda drawing: drawing.id):
        of_label[drawing.label].append(drawing)
    parts: tuple[list[Labelled], list[Labelled]] = [], []
    for some in of_label.values():
        for rank, drawing in enumerate(some):
            parts[rank % ASIDE == FIRST_ASIDE].append(drawing)
    if not parts[1]:
        raise RunError(
            f"Expected at least {FIRST_ASIDE + 1} drawings of one digit to teach with, "
            f"got {len(parts[0])} in all",
            "Draw, say what each is, and teach again; five of each digit teach a hand",
        )
    return parts


def teach(
    drawings: Iterable[Labelled],
    run: Path,
    report: loop.Report,
    should_stop: loop.ShouldStop = lambda: False,
    served: Path = bundle.PRETRAINED,
    seed: int = 0,
) -> Outcome | None:
    """Teach the bundle that ships the hand of `drawings`; None if it was stopped.

    `run` becomes the folder of the teaching, with its events and the bundle. The outcome compares
    it with the bundle `served`. Raises RunError, DataError, BundleError, RecipeError.
    """
    learn, aside = apart(drawings)
    base = bundle.PRETRAINED
    card, content = bundle.read(base)
    if bundle.read(served)[0].dataset != card.dataset:
        served = base
    model = onnx.load_model_from_string(content)
    network, tensors = unpack(card, model.graph)
    splits = data.splits(card.dataset)
    assert splits.validation  # of the standard split
    assert card.validation  # or unpack had refused it
    few = splits.validation.images()[:7]
    old = Network(content, len(card.classes))
    export.check_agreement(old, export.compute_logits(network, few) / card.temperature, few)
    recipe = _recipe(card, len(learn), len(splits.train.labels))
    plan = {"recipe": asdict(recipe), "seed": seed, "commit": system.commit()}
    checkpoint.create(run, plan | engines.place("cpu"))

    def tell(event: Event) -> None:
        append(run, event)
        report(event)

    def stopped() -> bool:
        if stopping := should_stop():
            tell({"event": "stopped", "run": str(run)})
        return stopping

    with runs.held(run):
        counts = {"learn": len(learn), "aside": len(aside), "steps": STEPS}
        tell({"event": "start", "run": str(run)} | counts)
        images, labels = _examples(learn, card)
        pixels = np.rint(images * 255).astype(np.uint8)
        own = OWN, torch.from_numpy(pixels), torch.from_numpy(labels)
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        learner = loop.Learner(
            recipe,
            seed,
            torch.from_numpy(splits.train.pixels),
            torch.from_numpy(splits.train.labels.astype(np.int64)),
            engines.Torch(recipe, network, still=True),
            loop.Progress(),
            [own, *loop.made(recipe, seed, splits.train, MADE_IMAGES, "cpu")],
        )
        loop.fit(learner, run, None, tell, should_stop)
        if stopped():
            return None
        _mix(network, weights, splits.validation, card.validation.accuracy - MOST_LOST)
        for name, value in network.state_dict().items():
            if tensor := tensors.get(name):
                array = np.ascontiguousarray(value.numpy().reshape(tuple(tensor.dims)))
                tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
        taught = model.SerializeToString()
        reading = Network(taught, len(card.classes), torch.get_num_threads())
        logits = export.compute_logits(network, few) / card.temperature
        export.check_agreement(reading, logits, few)
        new = _card(card, hashlib.sha256(taught).hexdigest(), learner, reading, splits)
        figures = {
            path: measure(Reader.load(path, torch.get_num_threads()), aside, splits.test)
            for path in {base, served}
        }
        after = measure(Reader(new, reading), aside, splits.test)
        if stopped():
            return None
        bundle.write(run / bundle.IN_A_RUN, new, taught)
        better, why = judge(figures[served], after, figures[base])
        outcome = Outcome(run / bundle.IN_A_RUN, figures[served], after, better, why)
        tell({"event": "end"} | asdict(outcome) | {"bundle": str(outcome.bundle)})
        return outcome


def measure(reader: Reader, aside: Sequence[Labelled], test: data.Split) -> Figures:
    """The figures of a reader's bundle; of MNIST, those of its card where it has them.

    One that cannot say when to believe it refuses nothing.
    """
    card = reader.card
    readings = reader.read_many(drawing.source for drawing in aside)
    labels = np.array([drawing.label for drawing in aside])
    likely = np.stack([reading.probabilities for reading in readings])
    refused = ~reader.accepts(test.images()) if card.acceptance else np.zeros(1)
    return Figures(
        drawings=len(aside),
        right=int((likely.argmax(1) == labels).sum()),
        loss=metrics.negative_log_likelihood(likely, labels),
        refused=sum(reading.accepted is False for reading in readings),
        validation=card.validation.accuracy if card.validation else 0.0,
        test=card.test.accuracy,
        test_refused=float(refused.mean()),
    )


def judge(before: Figures, after: Figures, base: Figures) -> tuple[bool, str]:
    """Whether the taught bundle is to be served, and why.

    It is if it reads more of the drawings kept aside rightly, or as many with a smaller loss, and
    if it loses at most MOST_LOST of MNIST's validation images, against the network taught.
    """
    if base.validation - after.validation > MOST_LOST + 1e-9:
        lost = base.validation - after.validation
        return False, f"It would read {lost:.2%} less of MNIST rightly; {MOST_LOST:.2%} is the most"
    if after.right > before.right:
        more = after.right - before.right
        return True, f"It reads {more} more of {after.drawings} drawings kept aside rightly"
    if after.right == before.right and after.loss < before.loss:
        return True, "It reads as many of the drawings kept aside rightly, and is surer of them"
    return False, "It reads the drawings kept aside no better"


def unpack(
    card: bundle.Card, graph: onnx.GraphProto
) -> tuple[nn.Module, dict[str, onnx.TensorProto]]:
    """The network of a bundle's graph, to train on; and by parameter, the graph's tensor of it.

    Where the exporter has folded a normalisation into the convolution before it, all that learns of
    it is its bias. Raises RunError if the graph is not that of the card's model.
    """
    kept = {
        tensor.name.removeprefix(PREFIX): tensor
        for tensor in graph.initializer
        if tensor.name.startswith(PREFIX)
    }
    model = str(card.recipe["model"])
    way_out = "Teach the bundle that ships, or one trained by the same recipe"
    if model not in architectures.MODELS or card.dataset != "mnist" or not card.validation:
        raise RunError(
            f"Expected a bundle trained on mnist by a network of PyTorch's and validated, got "
            f"one of {card.dataset} by {model}",
            way_out,
        )
    network = architectures.build(model, len(card.classes), Generator())
    values = dict(network.state_dict())
    before = ""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            before = name
        if isinstance(layer, nn.BatchNorm2d) and f"{before}.weight_bias" in kept:
            layer.weight.requires_grad_(False)
            kept[f"{name}.bias"] = kept[f"{before}.weight_bias"]
            values[f"{name}.running_var"] = torch.full_like(layer.weight, 1 - layer.eps)
    try:
        for name in values.keys() & kept.keys():
            array = onnx.numpy_helper.to_array(kept[name])
            values[name] = torch.tensor(array).reshape(values[name].shape)
    except RuntimeError as cause:
        raise RunError(f"Expected the weights of {model}, got others", way_out) from cause
    network.load_state_dict(values)
    return network, kept


def _recipe(card: bundle.Card, drawings: int, images: int) -> recipes.Recipe:
    """How a teaching learns: as the network did, but shorter, slower, and of clean images."""
    return replace(
        recipes.from_card(card.recipe),
        name="taught",
        about=f"{card.recipe['name']}, taught by {drawings} drawings of one hand",
        split="standard",
        epochs=STEPS / (images // BATCH),
        batch=BATCH,
        learning_rate=RATE,
        warm_up=0.1,
        degraded=0,
    )


def _card(
    old: bundle.Card, digest: str, learner: loop.Learner, network: Network, splits: data.Splits
) -> bundle.Card:
    """The card of the taught network, whose temperature stays that of the old one."""
    return old.model_copy(
        update={
            "model_sha256": digest,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "recipe": asdict(learner.recipe),
            "seed": learner.seed,
            "train_seconds": round(learner.progress.seconds, 2),
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "versions": {"inkling": __version__}
            | system.versions("torch", "numpy", "onnx", "onnxruntime"),
        }
        | export.measured(network, old.temperature, splits)
    )


def _mix(
    network: nn.Module, old: dict[str, Tensor], validation: data.Split, least_accuracy: float
) -> None:
    """Set the weights between `old` and the learnt, as far as leaves MNIST read well enough."""
    learnt = {name: value.clone() for name, value in network.state_dict().items()}
    images = validation.images()
    for share in MIXES:
        mixed = {
            name: torch.lerp(old[name], value, share) if value.is_floating_point() else value
            for name, value in learnt.items()
        }
        network.load_state_dict(mixed)
        predictions = export.compute_logits(network, images).argmax(1)
        if (predictions == validation.labels).mean() >= least_accuracy - 1e-9:
            return


def _examples(
    drawings: Iterable[Labelled], card: bundle.Card
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images `(N, 1, 28, 28)` in [0, 1] and labels `(N,)`."""
    some = list(drawings)
    images = np.stack([ink.to_image(drawing.source, card.frame) for drawing in some])
    return images, np.array([drawing.label for drawing in some])
