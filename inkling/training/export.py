"""PyTorch -> ONNX -> bundle: calibrated on the validation split, checked, tested once."""

import contextlib
import dataclasses
import hashlib
import io
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inkling import __version__, acceptance, data, metrics, system
from inkling.acceptance import Sample
from inkling.errors import RunError
from inkling.experiments.recipe import Recipe
from inkling.ink import Shape
from inkling.networks import architectures
from inkling.reading import bundle, report
from inkling.reading.session import SCORE, Session
from inkling.training import learner
from inkling.training.engines import compute_logits

OPSET = 20  # of ai.onnx
MAX_DISAGREEMENT = 1e-5  # of the largest logit, between PyTorch and the exported graph
LICENCE = "Apache-2.0"


class Calibrated(nn.Module):
    """A network and its temperature: images -> logits / T, their softmax, and the score."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images `(N, C, H, W)` -> logits and probabilities `(N, K)`, ood_score `(N,)`."""
        logits = self.network(images)
        calibrated = logits / self.temperature
        return calibrated, calibrated.softmax(1), -logits.logsumexp(1)


def write_bundle(
    folder: Path,
    model: nn.Module,
    recipe: Recipe,
    seed: int,
    splits: data.Splits,
    train_seconds: float,
) -> bundle.Card:
    """Make a bundle of a trained network, and give its card.

    The temperature is fitted to the images that calibrate, or is the recipe's where there are none;
    the graph must give the network's own logits, and the test split is read once, by the graph.
    Raises RunError if they disagree.
    """
    device = next(model.parameters()).device.type
    model = architectures.Averaged(model, recipe.evaluation.test_time_augmentation)
    model.cpu()  # on which float32 is exact; a GPU's convolutions may round to TF32
    temperature = recipe.evaluation.temperature
    parts = calibrating(recipe, splits)
    if parts:
        samples = [
            Sample(name, compute_logits(model, split.pixels), split.labels) for name, split in parts
        ]
        temperature = metrics.fit_temperature(*acceptance.pooled(samples))
    dataset = data.get(recipe.dataset)
    shape, threads = dataset.shape, torch.get_num_threads()
    content = to_onnx(model, temperature, shape)
    session = Session(content, len(dataset.classes), threads, shape=shape)
    few = data.Split(splits.train.pixels[:7], splits.train.labels[:7]).images()
    check_agreement(session, compute_logits(model, few) / temperature, few)

    card = bundle.Card(
        **described(recipe, seed, content, train_seconds, device),
        classes=dataset.classes,
        frame=dataset.frame,
        shape=shape,
        temperature=temperature,
        parameters=architectures.count_parameters(model),
        multiply_adds=architectures.count_multiply_adds(model, shape),
        **report.measured(session, temperature, splits.validation, splits.test, parts),
    )
    bundle.write(folder, card, content)
    return card


def described(
    recipe: Recipe, seed: int, content: bytes, train_seconds: float, device: str
) -> dict[str, Any]:
    """The fields of a card that say where a graph comes from."""
    names = (recipe.dataset, *learner.mixed_datasets(recipe))
    return {
        "model_sha256": hashlib.sha256(content).hexdigest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": LICENCE,
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "dataset": recipe.dataset,
        "data_sha256": data.digests(*names),
        "train_seconds": round(train_seconds, 2),
        "device": device,
        "threads": torch.get_num_threads(),
        "versions": {"inkling": __version__}
        | system.versions("torch", "numpy", "onnx", "onnxscript", "onnxruntime"),
        "attribution": tuple(attribution(name) for name in names),
    }


def calibrating(recipe: Recipe, splits: data.Splits) -> list[tuple[str, data.Split]]:
    """The images that temperature and thresholds are fitted to, by name; none where all trained.

    They are the validation split, and of the recipe's other data sets those that are here.
    """
    if not splits.validation:
        return []
    names = [name for name in recipe.evaluation.calibration.split(",") if name]
    here = [name for name in names if data.is_here(data.get(name.partition(":")[0]))]
    own = f"{recipe.dataset}:validation"
    return [(own, splits.validation), *((name, data.part(name)) for name in here)]


def attribution(name: str) -> bundle.Attribution:
    """What a card says of a data set that it was trained with."""
    dataset = data.get(name)
    return bundle.Attribution(
        dataset=name, licence=dataset.licence, citation=dataset.citation, url=dataset.url
    )


def to_onnx(network: nn.Module, temperature: float, shape: Shape = architectures.DIGIT) -> bytes:
    """The ONNX graph of a network, with the outputs of Calibrated, for batches of any size."""
    outputs = ["logits", "probabilities", SCORE]
    sizes = {0: torch.export.Dim("N")}
    return graph_of(Calibrated(network, temperature), (2, *shape), sizes, "images", outputs)


def graph_of(
    model: nn.Module, shape: tuple[int, ...], sizes: dict[int, Any], given: str, outputs: list[str]
) -> bytes:
    """The ONNX graph of a model, whose input `given` has that shape; `sizes` are its free axes."""
    model = model.cpu().eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (torch.zeros(shape),),
            input_names=[given],
            output_names=outputs,
            dynamic_shapes=[sizes],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only an export to a file returns None
    model_proto = program.model_proto  # made again by each access
    graph = model_proto.graph
    values = (*graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for part in (graph, *graph.node, *values):
        part.ClearField("metadata_props")  # the exporter's notes, with paths of this machine
    return model_proto.SerializeToString()


def check_agreement(
    session: Session, logits: NDArray[np.float32], images: NDArray[np.float32]
) -> None:
    """Raise RunError unless the exported graph gives PyTorch's logits, in batches of 1, 2 and 7."""
    limit = MAX_DISAGREEMENT * max(10, float(np.abs(logits).max()))
    for size in (1, 2, 7):
        gap = float(np.abs(session.logits(images[:size]) - logits[:size]).max())
        refuse_gap(gap, limit, f"a batch of {size}")


def refuse_gap(gap: float, limit: float, where: str) -> None:
    """Raise RunError if PyTorch and the exported graph differ by more than a limit."""
    if not gap <= limit:
        raise RunError(
            f"Expected PyTorch and the exported graph to agree within {limit:g}, "
            f"got a gap of {gap:.2g} in {where}",
            "Update torch, onnxscript and onnxruntime together",
        )
