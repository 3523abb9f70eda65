"""Compares ways to train one network, from plain Python lists to compiled PyTorch.

    python benchmarks/engines.py [--png docs/engines.png]

The network is 784-100-10 with sigmoids. Each engine begins with the same weights and sees the
60,000 images in the same order for 10 epochs. The learning rate decays along a cosine, from 0.1
with one image a step and from 1 with 32. Plain Python is timed on 1,000 images; its epoch is
extrapolated from them. Lines of code are those of all functions that a training runs through.

Then square matrices are multiplied in five ways, from a triple loop to BLAS.

Writes results/engines.json. JAX takes part if it is installed, CUDA if the machine has it. Run
nothing else meanwhile.
"""

import argparse
import importlib.util
import inspect
import io
import json
import runpy
import statistics
import sys
import time
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits

from inkling import data, metrics, system
from inkling.networks import scratch
from inkling.networks.scratch import Array, Parameters
from inkling.plots import charts

ROOT = Path(__file__).parent.parent
NETWORK, PLAIN = scratch.Network(), scratch.Optimizer()
EPOCHS, BATCH = 10, 32
RATES = {1: 0.1, BATCH: 1.0}  # learning rate at first, by images a step; chosen on validation
SUBSET = 1000  # images that plain Python is timed on
MAX_SECONDS = 20.0  # of one matrix product
SIZES = tuple(2**power for power in range(5, 12))
Train = Callable[[Parameters, Array, Array, list[float]], Parameters]


@dataclass(frozen=True)
class Engine:
    """One way to train the network."""

    name: str
    batch: int
    train: Train  # one epoch, on images and targets in order, with a learning rate for each step
    code: tuple[Callable[..., Any], ...]  # the functions that it runs through


def main() -> None:
    """Measure everything, write the record and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--png", type=Path, help="draw the table as a chart")
    options = parser.parse_args()
    splits = data.splits("mnist", "all")
    rows = [plain_python(splits)]
    for engine in engines():
        rows.append(measure(engine, splits))
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
    slowest = rows[0]["seconds_an_epoch"]
    for row in rows:
        row["times_as_fast"] = round(slowest / row["seconds_an_epoch"], 1)
    record = {
        "epochs": EPOCHS,
        "batch": BATCH,
        "learning_rates": RATES,
        "threads": torch.get_num_threads(),
        "rows": rows,
        "matrix_products": matrix_products(),
        "machine": system.describe(),
        "versions": system.versions(
            "numpy", "torch", *(["jax"] if importlib.util.find_spec("jax") else [])
        ),
        "commit": system.commit(),
    }
    (ROOT / "results" / "engines.json").write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(markdown(record))
    if options.png:
        names = [row["name"] for row in rows]
        seconds = [row["seconds_an_epoch"] for row in rows]
        charts.bars(names, seconds, "seconds an epoch, on a logarithmic scale").save(options.png)


def plain_python(splits: data.Splits) -> dict[str, Any]:
    """The row of benchmarks/pure_python.py, extrapolated from SUBSET images."""
    pure = runpy.run_path(str(ROOT / "benchmarks" / "pure_python.py"))
    fresh = scratch.initialise(NETWORK, np.random.default_rng(0))
    hidden, output = [(weights.tolist(), bias.tolist()) for weights, bias in fresh]
    images, labels = splits.train.images()[:SUBSET].reshape(SUBSET, -1), splits.train.labels
    lists = images.tolist()
    began = time.perf_counter()
    for image, label in zip(lists, labels[:SUBSET].tolist(), strict=True):
        pure["learn"](hidden, output, image, label, RATES[1])
    seconds = (time.perf_counter() - began) * len(labels) / SUBSET
    code = [pure[name] for name in ("forward", "dense", "learn", "descend")]
    return {
        "name": "plain Python lists",
        "batch": 1,
        "seconds_an_epoch": round(seconds, 2),
        "reckoned_from_images": SUBSET,
        "accuracy": None,  # a test shows that its numbers are those of NumPy, one image a step
        "lines": sum(map(count_lines, code)),
    }


def engines() -> Iterator[Engine]:
    """The engines that this machine has."""
    rules = (scratch.forward, scratch.backward, scratch.softmax, scratch._loss_slope)
    pure = (*rules, scratch.update, scratch._each, numpy_pure)
    yield Engine("NumPy, one image a step, pure", 1, numpy_pure, pure)
    learn = (*rules, scratch.learn, scratch._check, scratch.loss, scratch._each)
    yield Engine("NumPy, one image a step", 1, numpy, (*learn, scratch._learn_online))
    yield Engine("NumPy, 32 a step", BATCH, numpy, (*learn, scratch.update))
    yield Engine("PyTorch, 32 a step", BATCH, Torch("cpu"), (Torch,))
    yield Engine("PyTorch, compiled", BATCH, Torch("cpu", compiled=True), (Torch,))
    yield Engine("PyTorch, bfloat16", BATCH, Torch("cpu", bfloat16=True), (Torch,))
    if torch.cuda.is_available():
        yield Engine("PyTorch, CUDA", BATCH, Torch("cuda"), (Torch,))
    if importlib.util.find_spec("jax"):
        import jax

        yield Engine("JAX, 32 a step", BATCH, make_jax(jax), (make_jax,))


def numpy_pure(
    parameters: Parameters, images: Array, targets: Array, rates: list[float]
) -> Parameters:
    """An epoch with one image a step, by the pure functions of scratch.py."""
    state = scratch.begin(parameters)
    for image, target, rate in zip(images[:, None], targets[:, None], rates, strict=True):
        outputs = scratch.forward(NETWORK, state.parameters, image)
        gradients = scratch.backward(NETWORK, state.parameters, outputs, target)
        state = scratch.update(PLAIN, state, gradients, rate)
    return state.parameters


def numpy(parameters: Parameters, images: Array, targets: Array, rates: list[float]) -> Parameters:
    """An epoch by scratch.learn, with a step for each learning rate."""
    state = scratch.begin(parameters)
    return scratch.learn(NETWORK, PLAIN, state, images, targets, rates)[0].parameters


class Torch:
    """An epoch by PyTorch, in the usual way: modules, autograd and an optimizer."""

    def __init__(self, device: str, compiled: bool = False, bfloat16: bool = False) -> None:
        self.device, self.bfloat16 = device, bfloat16
        layers = torch.nn.Linear(784, 100), torch.nn.Sigmoid(), torch.nn.Linear(100, 10)
        self.model = torch.nn.Sequential(*layers).to(device)
        self.run = torch.compile(self.model) if compiled else self.model

    def __call__(
        self, parameters: Parameters, images: Array, targets: Array, rates: list[float]
    ) -> Parameters:
        """See Engine."""
        dense = self.model[0], self.model[2]
        with torch.no_grad():
            for layer, (weights, bias) in zip(dense, parameters, strict=True):
                layer.weight.copy_(torch.tensor(weights.T))
                layer.bias.copy_(torch.tensor(bias))
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.0, fused=True)
        x, y = (torch.tensor(array).to(self.device) for array in (images, targets))
        for inputs, wanted, rate in zip(x.split(BATCH), y.split(BATCH), rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16):
                logits = self.run(inputs)
            optimizer.zero_grad()
            F.cross_entropy(logits.float(), wanted).backward()
            optimizer.step()
        return tuple(
            scratch.Layer(
                layer.weight.detach().cpu().numpy().T.copy(), layer.bias.detach().cpu().numpy()
            )
            for layer in dense
        )


def make_jax(jax: ModuleType) -> Train:
    """An epoch by JAX: a step that is compiled once and called for each batch."""

    def loss(parameters: Any, images: Any, targets: Any) -> Any:
        (first, second) = parameters
        hidden = jax.nn.sigmoid(images @ first[0] + first[1])
        return -(targets * jax.nn.log_softmax(hidden @ second[0] + second[1])).sum(1).mean()

    def step(parameters: Any, images: Any, targets: Any, rate: float) -> Any:
        gradients = jax.grad(loss)(parameters, images, targets)
        return jax.tree.map(lambda w, g: w - rate * g, parameters, gradients)

    compiled = jax.jit(step)

    def train(
        parameters: Parameters, images: Array, targets: Array, rates: list[float]
    ) -> Parameters:
        learnt = jax.tree.map(jax.numpy.asarray, tuple(tuple(layer) for layer in parameters))
        for index, rate in enumerate(rates):
            here = slice(BATCH * index, BATCH * (index + 1))
            learnt = compiled(learnt, images[here], targets[here], rate)
        return tuple(scratch.Layer(*map(np.array, layer)) for layer in learnt)

    return train


def measure(engine: Engine, splits: data.Splits) -> dict[str, Any]:
    """The row of an engine: the median seconds of an epoch, and the accuracy after the last."""
    images = splits.train.images().reshape(-1, 784)
    targets = scratch.one_hot(splits.train.labels, 10)
    parameters = scratch.initialise(NETWORK, np.random.default_rng(0))
    steps, rng, seconds = len(images) // engine.batch, np.random.default_rng(1), []
    decay = (
        RATES[engine.batch] * (1 + np.cos(np.pi * np.arange(EPOCHS * steps) / (EPOCHS * steps))) / 2
    )
    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))[: steps * engine.batch]
        x, y = images[order], targets[order]
        rates = decay[epoch * steps : (epoch + 1) * steps].tolist()
        began = time.perf_counter()
        with threadpool_limits(1 if engine.batch == 1 else None):
            parameters = engine.train(parameters, x, y, rates)
        seconds.append(time.perf_counter() - began)
    test = splits.test.images().reshape(-1, 784)
    probabilities = scratch.forward(NETWORK, parameters, test)[-1]
    return {
        "name": engine.name,
        "batch": engine.batch,
        "seconds_an_epoch": round(statistics.median(seconds), 3),
        "seconds_of_the_first": round(seconds[0], 3),
        "accuracy": round(100 * metrics.measure(probabilities, splits.test.labels).accuracy, 2),
        "lines": sum(map(count_lines, engine.code)),
    }


def count_lines(code: Callable[..., Any]) -> int:
    """Lines of code, without comments, docstrings and blank lines."""
    tokens = tokenize.generate_tokens(io.StringIO(inspect.getsource(code)).readline)
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokens:
        docstring = token.type == tokenize.STRING and token.line.lstrip().startswith('"""')
        if token.type not in skipped and not docstring and token.string:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def triple_loop(first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
    """Every multiplication in Python, on lists."""
    size = len(first)
    product = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            for k in range(size):
                product[i][j] += first[i][k] * second[k][j]
    return product


def dot_rows(first: Array, second: Array) -> Array:
    """A dot product for each element."""
    return np.array([[row @ column for column in second.T] for row in first])


def broadcast(first: Array, second: Array) -> Array:
    """For each row, an element-wise product with the whole matrix, summed down its columns."""
    return np.array([(row[:, None] * second).sum(0) for row in first])


def einsum(first: Array, second: Array) -> Array:
    """NumPy's loops in C, without BLAS."""
    return np.einsum("ik,kj->ij", first, second)


def blas(first: Array, second: Array) -> Array:
    """BLAS, NumPy's library of linear algebra."""
    return first @ second


def matrix_products() -> list[dict[str, Any]]:
    """The seconds of each way for each size. Sizes that would take too long are left out."""
    rows = []
    for way in (triple_loop, dot_rows, broadcast, einsum, blas):
        seconds: dict[str, float] = {}
        for size in SIZES:
            pair = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
            arguments = pair.tolist() if way is triple_loop else pair
            took = []
            while len(took) < 3 and sum(took) < 1:
                began = time.perf_counter()
                product = way(*arguments)
                took.append(time.perf_counter() - began)
            np.testing.assert_allclose(product, pair[0] @ pair[1], rtol=1e-3)
            seconds[str(size)] = min(took)
            if min(took) * 10 > MAX_SECONDS:  # twice the size takes eight times as long, or more
                break
        rows.append({"name": way.__name__.replace("_", " "), "seconds": seconds})
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
    return rows


def markdown(record: dict[str, Any]) -> str:
    """The tables of docs/engines.md."""
    lines = [
        "| engine | images a step | seconds an epoch | times as fast | accuracy | lines |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in record["rows"]:
        accuracy = f"{row['accuracy']:.2f} %" if row["accuracy"] else ""
        lines.append(
            f"| {row['name']} | {row['batch']} | {row['seconds_an_epoch']:.3g} | "
            f"{row['times_as_fast']:.3g} | {accuracy} | {row['lines']} |"
        )
    sizes = " | ".join(f"{size}" for size in SIZES)
    lines += ["", f"| milliseconds of a product | {sizes} |", "| --- " * (len(SIZES) + 1) + "|"]
    for row in record["matrix_products"]:
        cells = (row["seconds"].get(str(size)) for size in SIZES)
        shown = " | ".join(f"{1e3 * cell:.3g}" if cell else "" for cell in cells)
        lines.append(f"| {row['name']} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
