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

from inkling import __version__, data, metrics, system
from inkling.data import catalog
from inkling.errors import RunError
from inkling.experiments.recipe import Recipe
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.reading.session import SCORE, Session

OPSET = 20  # of ai.onnx
EVALUATION_BATCH = 1000
MAX_DISAGREEMENT = 1e-5  # of the largest logit, between PyTorch and ONNX Runtime
LICENCE = "Apache-2.0"


class Calibrated(nn.Module):
    """A network and its temperature: images -> logits / T, their softmax, and the score."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images `(N, 1, 28, 28)` -> logits, probabilities `(N, K)`, metrics.ood_score `(N,)`."""
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

    The temperature is fitted to the validation split, or is the recipe's where there is none;
    the graph must give the network's own logits, and the test split is read once, by the graph.
    Raises RunError if they disagree.
    """
    device = next(model.parameters()).device.type
    model = architectures.Averaged(model, recipe.evaluation.test_time_augmentation)
    model.cpu()  # on which float32 is exact; a GPU's convolutions may round to TF32
    temperature = recipe.evaluation.temperature
    if splits.validation:
        logits = compute_logits(model, splits.validation.images())
        temperature = metrics.fit_temperature(logits, splits.validation.labels)
    content = to_onnx(model, temperature)
    dataset = catalog.get(recipe.dataset)
    session = Session(content, len(dataset.classes), threads=torch.get_num_threads())
    few = data.Split(splits.train.pixels[:7], splits.train.labels[:7]).images()
    check_agreement(session, compute_logits(model, few) / temperature, few)

    card = bundle.Card(
        model_sha256=hashlib.sha256(content).hexdigest(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=LICENCE,
        recipe=dataclasses.asdict(recipe),
        seed=seed,
        dataset=dataset.name,
        data_sha256={file.name: file.sha256 for file in dataset.files},
        classes=dataset.classes,
        frame=dataset.frame,
        temperature=temperature,
        parameters=architectures.count_parameters(model),
        multiply_adds=architectures.count_multiply_adds(model),
        train_seconds=round(train_seconds, 2),
        device=device,
        threads=torch.get_num_threads(),
        versions={"inkling": __version__}
        | system.versions("torch", "numpy", "onnx", "onnxscript", "onnxruntime"),
        **measured(session, temperature, splits),
    )
    bundle.write(folder, card, content)
    return card


def measured(session: Session, temperature: float, splits: data.Splits) -> dict[str, Any]:
    """The fields of a card that say how good a graph is, by the splits' images."""

    def measure(split: data.Split) -> metrics.Measures:
        return metrics.measure(session.run(split.images()).probabilities, split.labels)

    def accept(split: data.Split) -> metrics.Acceptance:
        logits = session.logits(split.images()) * temperature
        return metrics.fit_acceptance(logits, split.labels, temperature)

    test = session.run(splits.test.images()).probabilities
    return {
        "validation": measure(splits.validation) if splits.validation else None,
        "test": metrics.measure(test, splits.test.labels),
        "acceptance": accept(splits.validation) if splits.validation else None,
        "report": metrics.report(test, splits.test.labels),
    }


@torch.no_grad()
def compute_logits(model: nn.Module, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits `(N, K)` of images `(N, 1, 28, 28)` in [0, 1], in float32, batch by batch."""
    device = next(model.parameters()).device
    model.eval()
    rows = [
        model(torch.from_numpy(images[start : start + EVALUATION_BATCH]).to(device)).cpu().numpy()
        for start in range(0, len(images), EVALUATION_BATCH)
    ]
    return np.concatenate(rows)


def to_onnx(network: nn.Module, temperature: float) -> bytes:
    """The ONNX graph of a network, with the outputs of Calibrated, for any batch size."""
    model = Calibrated(network, temperature).cpu().eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (torch.zeros(2, 1, 28, 28),),
            input_names=["images"],
            output_names=["logits", "probabilities", SCORE],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
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
    """Raise RunError unless ONNX Runtime gives PyTorch's logits, in batches of 1, 2 and 7."""
    limit = MAX_DISAGREEMENT * max(10, float(np.abs(logits).max()))
    for size in (1, 2, 7):
        gap = np.abs(session.logits(images[:size]) - logits[:size]).max()
        if not gap <= limit:
            raise RunError(
                f"Expected PyTorch and ONNX Runtime to agree within {limit:g}, "
                f"got a gap of {gap:.2g} in a batch of {size}",
                "Update torch, onnxscript and onnxruntime together",
            )
