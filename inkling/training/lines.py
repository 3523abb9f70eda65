"""A line network in training: made lines, connectionist temporal classification, averaged weights.

A second process makes the lines of the next epoch while the network learns from the running one.
(seed, epoch) alone decides them, so that a stopped run goes on as an unbroken one.
"""

import contextlib
import dataclasses
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from inkling import data, ink
from inkling.augmentation import lines, outliers, texts
from inkling.augmentation.lines import Made
from inkling.augmentation.strokes import Pixels
from inkling.data import Item, Splits
from inkling.errors import InklingError, RunError
from inkling.experiments import recipe as recipes
from inkling.experiments.recipe import Recipe
from inkling.experiments.runs import Plan
from inkling.ink.lines import of_strokes
from inkling.networks import architectures
from inkling.reading.session import COLUMN
from inkling.training import engines
from inkling.training.engines import ORDER, SYNTHETIC, WEIGHTS
from inkling.training.group import ALONE, Group
from inkling.training.learner import Course, Progress, stroke_files

POOL = 16  # batches, whose lines are sorted by width, so that little is padded
AVERAGED = 0.998  # of the averaged weights that stays at each step
MAX_NORM = 5.0  # of the gradient: a line that cannot be read must not undo the others
PREFIX = "averaged."  # of the names of averaged weights in a checkpoint
LETTERS = 3_000  # letters and signs of no number, at most, in the lines of an epoch
VALIDATION = 2_000  # made lines that validate, where no real numbers are here
EVALUATED = 64  # lines read at once

Logits = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Numbers:
    """Lines that nothing is trained on."""

    name: str  # of their data set and part, as "unipen:numbers-dev"
    lines: Sequence[Made]
    writers: NDArray[np.str_] | None = None  # (N,)

    def says(self, index: int, text: str) -> bool:
        """Whether a text is what a line says, as far as its label goes."""
        return data.says(self.name.partition(":")[0], self.lines[index].text, text)


class LineEngine:
    """A line network and its optimizer. The result is the running mean of its weights."""

    def __init__(self, recipe: Recipe, model: nn.Module, group: Group = ALONE) -> None:
        self.trained = engines.Torch(recipe, model, group=group)
        average = get_ema_multi_avg_fn(AVERAGED)  # type: ignore[no-untyped-call]  # PyTorch's own
        self.averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)

    def learn(self, batch: Sequence[Made], rate: float, rng: torch.Generator) -> tuple[float, int]:
        """One step. Gives its loss, in nats a character, and how many lines were read right."""
        model, optimizer = self.trained.model.train(), self.trained.optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate
        images = as_images([made.pixels for made in batch])
        with engines.precision(self.trained.recipe, images.device), engines.seeded(rng):
            logits = self.trained.forward(images.to(memory_format=torch.channels_last)).float()
        loss = ctc_loss(logits, [made.text for made in batch], "mean")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimizer.step()
        self.averaged.update_parameters(model)
        said = best_paths(logits.detach().numpy())
        return loss.item(), sum(text == made.text for text, made in zip(said, batch, strict=True))

    def network(self) -> nn.Module:
        """The network of averaged weights: lines `(N, 1, 32, W)` -> logits `(N, W / 4, K)`."""
        found: nn.Module = self.averaged.module
        return found

    def tensors(self) -> dict[str, Tensor]:
        """See engines.Kept."""
        averaged = self.averaged.state_dict()
        return self.trained.tensors() | {PREFIX + name: each for name, each in averaged.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """See engines.Kept."""
        own = {name: each for name, each in tensors.items() if name.startswith(PREFIX)}
        self.averaged.load_state_dict({name.removeprefix(PREFIX): own[name] for name in own})
        self.trained.load({name: each for name, each in tensors.items() if name not in own})


@dataclasses.dataclass
class LineLearner(Course):
    """A line network in training, with the lines it learns from."""

    recipe: Recipe
    seed: int
    engine: LineEngine
    validation: Sequence[Numbers]
    progress: Progress = dataclasses.field(default_factory=Progress)
    group: Group = ALONE

    def __post_init__(self) -> None:
        self._made: Connection | None = None  # lines of the running epoch, then of the next ones

    @property
    def examples(self) -> int:
        """Lines of an epoch."""
        return self.recipe.lines

    def start_epoch(self) -> Callable[[], int]:
        """See Course."""
        epoch, first = self.epoch, self.epoch * self.steps_per_epoch
        rank, size = self.group.rank, self.group.size
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, ORDER, epoch * size + rank]))
        batches = in_batches(self._next_lines(), self.recipe.batch // size, rng)
        end = min(self.steps, first + self.steps_per_epoch)

        def learn() -> int:
            step = self.progress.step
            rate = recipes.learning_rate(self.recipe, step, self.steps)
            drops = engines.generator(self.seed, engines.AUGMENTATION, step * size + rank)
            self.took(1, *self.engine.learn(batches[step - first], rate, drops))
            return end - self.progress.step

        return learn

    def validate(self) -> tuple[float, float] | None:
        """See Course: nats a line, and the share of the lines whose best path is right."""
        losses, right = [], []
        for numbers in self.validation:
            for index, logits in evaluated(self.engine.network(), numbers.lines):
                losses.append(ctc_loss(logits, [numbers.lines[i].text for i in index], "none"))
                said = zip(index, best_paths(logits.numpy()), strict=True)
                right += [numbers.says(i, text) for i, text in said]
        if not right:
            return None
        return float(torch.cat(losses).mean()), float(np.mean(right))

    def _next_lines(self) -> list[Made]:
        """The lines of the running epoch. Raises RunError, or what making them raised."""
        if self._made is None:
            self._made, theirs = Pipe(duplex=False)
            last = math.ceil(self.steps / self.steps_per_epoch)
            arguments = (theirs, self.recipe, self.seed, range(self.epoch, last), self.group)
            # A fresh process: one that is forked would share the threads of PyTorch
            get_context("spawn").Process(target=send, args=arguments, daemon=True).start()
            theirs.close()
        try:
            found: list[Made] | InklingError = self._made.recv()
        except EOFError as cause:
            raise RunError(
                "Expected lines to learn from, but the process that makes them has ended",
                "Free some memory, then go on with: inkling train --resume",
            ) from cause
        if isinstance(found, InklingError):
            raise found
        return found


def prepare(_: Path, plan: Plan, splits: Splits, group: Group = ALONE) -> LineLearner:
    """A fresh line network, and the lines that validate it. Raises RecipeError, DataError."""
    recipe = plan.recipe
    rng = engines.generator(plan.seed, WEIGHTS, 0)
    model = architectures.build(recipe.model, len(texts.CHARACTERS) + 1, rng)
    engine, real = LineEngine(recipe, model, group), validating(recipe, splits)
    return LineLearner(recipe, plan.seed, engine, real, group=group)


def send(
    to: Connection, recipe: Recipe, seed: int, epochs: Iterable[int], group: Group = ALONE
) -> None:
    """Make the lines of these epochs, in a process beside the one that trains.

    An epoch is sent once the one before has been received: one is always made ahead.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the training, which stops this
    torch.set_num_threads(1)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for them any more
        for epoch in epochs:
            try:
                to.send(made(recipe, seed, epoch, group))
            except InklingError as error:
                to.send(error)
                break


def made(recipe: Recipe, seed: int, epoch: int, group: Group = ALONE) -> list[Made]:
    """The lines of an epoch, decided by the seed: of a group, its share. Raises DataError."""
    number, count = epoch * group.size + group.rank, recipe.lines // group.size
    rng = np.random.default_rng(np.random.SeedSequence([seed, SYNTHETIC, number]))
    images = data.splits(recipe.dataset, recipe.split).train
    return lines.make(sources(recipe, images), count, recipe.augmentation.on_paper, rng)


def validating(recipe: Recipe, splits: Splits) -> list[Numbers]:
    """Lines that nothing was trained on: people's own numbers, where the recipe names some.

    Where none of them is here, lines are set from the images that validate.
    """
    if (found := calibrating(recipe)) or not splits.validation:
        return found
    rng = np.random.default_rng(np.random.SeedSequence([0, SYNTHETIC]))
    spaced = lines.make(sources(recipe, splits.validation), VALIDATION, 0, rng, {"images": 1.0})
    return [Numbers(f"{recipe.dataset}:validation", spaced)]


def calibrating(recipe: Recipe) -> list[Numbers]:
    """The numbers that temperature and threshold are fitted to: those that are here."""
    found = []
    for name in filter(None, recipe.evaluation.calibration.split(",")):
        dataset = data.get(name.partition(":")[0])
        if data.is_here(dataset):
            items = data.items(dataset, name.partition(":")[2])
            read = [Made(pixels(item), item.label) for item in items]
            found.append(Numbers(name, read, np.array([item.writer for item in items])))
    return found


def pixels(item: Item) -> Pixels:
    """The line `(HEIGHT, W)` in 0..255 that a reader sees of a number's strokes."""
    line = of_strokes(ink.Drawing(item.strokes))
    return np.asarray(np.rint(line.image[0] * 255), np.uint8)


def sources(recipe: Recipe, images: data.Split) -> lines.Sources:
    """What the lines of a recipe are made of: images of digits, and the pen strokes that are here.

    Letters and signs that no number holds are few, for a network soon knows them.
    """
    items: dict[str, list[Item]] = {"digits": [], "others": [], "numbers": []}
    for part, found in stroke_files(recipe):
        kind = part.partition("-")[0]
        items[kind if kind in items else "others"] += data.without_wrong(found)
    signs = [item for item in items["others"] if item.label in texts.SIGNS]
    foreign = [
        item
        for item in items["others"]
        if item.label not in texts.SIGNS and not outliers.is_like_a_digit(item.label)
    ]
    few = np.random.default_rng(0).permutation(len(foreign))[:LETTERS]
    numbers = [item for item in items["numbers"] if not {*item.label} - {*texts.CHARACTERS}]
    others = [*signs, *(foreign[i] for i in few)]
    return lines.Sources(items["digits"], others, numbers, images.pixels, images.labels)


def in_batches(made: Sequence[Made], size: int, rng: Generator) -> list[list[Made]]:
    """Whole batches in random order, each of lines of about the same width."""
    order, batches = rng.permutation(len(made)), []
    for first in range(0, len(order), POOL * size):
        pool = sorted(order[first : first + POOL * size], key=lambda i: made[i].pixels.shape[1])
        batches += [pool[at : at + size] for at in range(0, len(pool) - size + 1, size)]
    return [[made[i] for i in batches[at]] for at in rng.permutation(len(batches))]


@torch.no_grad()
def evaluated(network: nn.Module, made: Sequence[Made]) -> Iterator[tuple[list[int], Tensor]]:
    """The logits `(n, T, K)` of lines of one width at a time, and which lines they are.

    A line is only as wide as a reader would make it, since padding could change what is read.
    """
    network.eval()
    widths = [line.pixels.shape[1] + -line.pixels.shape[1] % COLUMN for line in made]
    order = sorted(range(len(made)), key=widths.__getitem__)
    for _, group in groupby(order, key=widths.__getitem__):
        index = [*group]
        for first in range(0, len(index), EVALUATED):
            some = index[first : first + EVALUATED]
            yield some, network(as_images([made[i].pixels for i in some]))


def as_images(pixels: Sequence[Pixels]) -> Tensor:
    """Lines `(32, W)` in 0..255 as images `(N, 1, 32, max W)` in [0, 1], blank to the right."""
    wide = max(line.shape[1] for line in pixels)
    found = np.zeros((len(pixels), 1, len(pixels[0]), wide + -wide % COLUMN), np.uint8)
    for row, line in zip(found, pixels, strict=True):
        row[0, :, : line.shape[1]] = line
    return torch.from_numpy(found).float() / 255


def ctc_loss(logits: Tensor, wanted: Sequence[str], reduction: str) -> Tensor:
    """The negative log-likelihood of texts, from logits `(N, T, K)`, class 0 the blank.

    "mean" is nats a character, "none" `(N,)` nats a line. Source: Graves et al. 2006.
    """
    labels = [[1 + texts.CHARACTERS.index(character) for character in text] for text in wanted]
    return F.ctc_loss(
        logits.log_softmax(2).transpose(0, 1),
        torch.tensor([*chain(*labels)]),
        torch.full((len(logits),), logits.shape[1]),
        torch.tensor([len(each) for each in labels]),
        reduction=reduction,
        zero_infinity=True,  # of a text with more characters than the line has columns
    )


def best_paths(logits: Logits) -> list[str]:
    """The text of the likeliest path of each line, from logits `(N, T, K)`."""
    return [
        "".join(texts.CHARACTERS[k - 1] for k, _ in groupby(path) if k)
        for path in logits.argmax(2).tolist()
    ]
