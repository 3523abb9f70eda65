"""A trained line network -> ONNX -> bundle: calibrated on people's own numbers, checked, tested."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inkling import acceptance, data
from inkling.acceptance import Texts
from inkling.augmentation import lines as made_lines
from inkling.augmentation import texts
from inkling.experiments.recipe import Recipe
from inkling.ink.lines import HEIGHT
from inkling.networks import architectures
from inkling.reading import bundle, report
from inkling.reading.session import COLUMN, LineSession
from inkling.training import export, lines
from inkling.training.lines import Numbers

TEMPERATURES = np.geomspace(0.5, 3, 16)  # of which the best is taken
FOREIGN_IS_RARER = 2.0  # nats; chosen on dev writers, of whose words none is accepted
MAX_NATS = 12.0  # of a line, in the fit of the temperature: some labels cannot be right
TEST = 2_000  # lines of five digits, set from the images of the test part
DIGITS = 5
MAX_GAP = 1e-3  # between log-probabilities of PyTorch and of ONNX Runtime
USUAL_WIDTH = 160  # pixels of a line, whose multiply-adds a card tells


class Calibrated(nn.Module):
    """A line network and its temperature: lines -> log-probabilities of each column.

    Ink of no number is rarer where a number is expected than among the lines of a training, so its
    logit is lowered.
    """

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        known = torch.zeros(len(texts.CHARACTERS) + 1)
        known[1 + texts.CHARACTERS.index(texts.UNKNOWN)] = -FOREIGN_IS_RARER
        self.prior = nn.Parameter(known, requires_grad=False)

    def forward(self, lines: Tensor) -> Tensor:
        """Lines `(N, 1, 32, W)` -> log-probabilities `(N, W / 4, K)`, class 0 the blank."""
        logits: Tensor = self.network(lines)
        return (logits / self.temperature + self.prior).log_softmax(2)


def write_bundle(
    folder: Path,
    model: nn.Module,
    recipe: Recipe,
    seed: int,
    splits: data.Splits,
    train_seconds: float,
) -> bundle.Card:
    """Make a bundle of a trained line network, and give its card.

    Temperature and threshold are fitted to the numbers that calibrate. The test is lines of five
    digits, set from the images of the test part. The graph reads all of it. Raises RunError if it
    does not give the network's own logits.
    """
    device = next(model.parameters()).device.type
    model = model.cpu().eval()
    parts = lines.calibrating(recipe)
    temperature = fitted_temperature(model, parts) if parts else recipe.evaluation.temperature
    content = to_onnx(model, temperature)
    session = LineSession(content, len(texts.CHARACTERS), threads=torch.get_num_threads())
    test = test_lines(recipe, splits)
    check_agreement(session, Calibrated(model, temperature), test.lines[:7])
    samples = [read(session, part) for part in parts]
    accepted = acceptance.fit_texts(samples) if samples else None
    card = bundle.Card(
        **export.described(recipe, seed, content, train_seconds, device),
        reads="lines",
        classes=tuple(texts.CHARACTERS),
        frame="digit",
        temperature=temperature,
        parameters=architectures.count_parameters(model),
        multiply_adds=architectures.count_multiply_adds(model, (1, HEIGHT, USUAL_WIDTH)),
        validation=None,
        test=read(session, test).measures,
        acceptance=accepted,
    )
    bundle.write(folder, card, content)
    return card


def to_onnx(network: nn.Module, temperature: float) -> bytes:
    """The ONNX graph of a line network, for lines of any width, any number of them."""
    columns = torch.export.Dim("columns", min=2)
    return export.graph_of(
        Calibrated(network, temperature),
        (2, 1, HEIGHT, 64),
        {0: torch.export.Dim("N"), 3: COLUMN * columns},
        "lines",
        ["log_probabilities"],
    )


def check_agreement(
    session: LineSession, model: nn.Module, made: Sequence[made_lines.Made]
) -> None:
    """Raise RunError unless ONNX Runtime gives PyTorch's own log-probabilities."""
    for line in made:
        image = lines.as_images([line.pixels])
        with torch.no_grad():
            wanted = model.eval()(image)[0].numpy()
        gap = np.abs(session.log_probabilities(image[0].numpy()) - wanted).max()
        where = f"a line of {image.shape[3]} pixels"
        export.refuse_gap(float(gap), MAX_GAP, where)


def fitted_temperature(model: nn.Module, parts: Sequence[Numbers]) -> float:
    """The temperature that makes the labels of these lines likeliest, all parts weighing the same.

    A line counts MAX_NATS at most: a label that cannot be right would decide alone.
    """
    loss = np.zeros(len(TEMPERATURES))
    for part in parts:
        for index, logits in lines.evaluated(model, part.lines):
            wanted = [part.lines[i].text for i in index]
            nats = [
                lines.ctc_loss(logits / t, wanted, "none").clamp(max=MAX_NATS).sum()
                for t in TEMPERATURES
            ]
            loss += np.array(nats) / len(part.lines)
    return float(TEMPERATURES[loss.argmin()])


def read(session: LineSession, numbers: Numbers) -> Texts:
    """How a graph reads lines: its confidence, and whether it is right."""
    images = (line.pixels[None].astype(np.float32) / np.float32(255) for line in numbers.lines)
    return report.read_texts(
        session, texts.CHARACTERS, numbers.name, images, numbers.says, numbers.writers
    )


def test_lines(recipe: Recipe, splits: data.Splits) -> Numbers:
    """Lines of five digits that do not touch, set from images that nothing was trained on."""
    rng = np.random.default_rng(0)
    images, labels = splits.test.pixels[:, 0], splits.test.labels
    found = []
    for _ in range(TEST):
        chosen = rng.integers(len(images), size=DIGITS)
        pixels = made_lines.side_by_side([images[i] for i in chosen], rng.uniform(0.1, 0.4))
        found.append(made_lines.Made(pixels, "".join(str(labels[i]) for i in chosen)))
    return Numbers(f"{recipe.dataset}:test", found)
