import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling import data, metrics
from inkling.networks import scratch
from inkling.networks.scratch import ACTIVATIONS, Network, Optimizer

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, scratch.LEAK),
}
networks = st.builds(
    Network,
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5).map(
        lambda sizes: (*sizes[:-1], sizes[-1] + 1)
    ),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(["cross-entropy", "squared-error"]),
    initialiser=st.sampled_from(["glorot", "he"]),
)
optimizers = st.sampled_from(
    [
        Optimizer(),
        Optimizer(weight_decay=0.1),
        Optimizer(momentum=0.9),
        Optimizer(momentum=0.9, weight_decay=0.1),
        Optimizer("adam", 0.9, 0.99),
        Optimizer("adam", 0.0, 0.999, weight_decay=0.1),
    ]
)


def problem(network, batch, seed, dtype=np.float64):
    """Random parameters with biases other than 0, images and smoothed targets."""
    rng = np.random.default_rng(seed)
    parameters = tuple(
        scratch.Layer(weights, rng.normal(size=bias.shape).astype(dtype))
        for weights, bias in scratch.initialise(network, rng, dtype)
    )
    images = rng.normal(size=(batch, network.sizes[0])).astype(dtype)
    labels = rng.integers(network.sizes[-1], size=batch)
    targets = scratch.one_hot(labels, network.sizes[-1], 0.1).astype(dtype)
    return parameters, images, targets / targets.sum(1, keepdims=True)  # sum 1 in float64, too


def by_torch(network, parameters, images, targets):
    """The loss by PyTorch's functions."""
    values = torch.tensor(images)
    for weights, bias in parameters[:-1]:
        values = TORCH[network.activation](values @ weights + bias)
    weights, bias = parameters[-1]
    logits, wanted = values @ weights + bias, torch.tensor(targets)
    if network.loss == "cross-entropy":
        return F.cross_entropy(logits, wanted)
    return F.mse_loss(logits.softmax(1), wanted)


def tensors(parameters):
    return tuple(
        tuple(torch.tensor(array, requires_grad=True) for array in layer) for layer in parameters
    )


@settings(max_examples=60)
@given(network=networks, batch=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_every_gradient_is_that_of_autograd(network, batch, seed):
    parameters, images, targets = problem(network, batch, seed)
    outputs = scratch.forward(network, parameters, images)
    gradients = scratch.backward(network, parameters, outputs, targets)
    reference = tensors(parameters)
    value = by_torch(network, reference, images, targets)
    value.backward()
    assert scratch.loss(network, outputs[-1], targets) == pytest.approx(value.item(), rel=1e-9)
    for layer, expected in zip(gradients, reference, strict=True):
        for gradient, tensor in zip(layer, expected, strict=True):
            np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


@settings(max_examples=30)
@given(network=networks, batch=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_every_gradient_is_the_slope_between_two_near_points(network, batch, seed):
    parameters, images, targets = problem(network, batch, seed)

    def value(moved):
        return scratch.loss(network, scratch.forward(network, moved, images)[-1], targets)

    outputs = scratch.forward(network, parameters, images)
    gradients = scratch.backward(network, parameters, outputs, targets)
    rng, step = np.random.default_rng(seed), 1e-6
    towards = tuple(
        scratch.Layer(*(rng.normal(size=array.shape) for array in layer)) for layer in parameters
    )

    def walk(distance):
        return tuple(
            scratch.Layer(*(array + distance * way for array, way in zip(layer, ways, strict=True)))
            for layer, ways in zip(parameters, towards, strict=True)
        )

    if network.activation in (
        "relu",
        "leaky_relu",
    ):  # no gradient at the kink: skip if it lies between the points
        signs = [
            [np.sign(hidden) for hidden in scratch.forward(network, walk(way), images)[1:-1]]
            for way in (-step, step)
        ]
        if any((before != after).any() for before, after in zip(*signs, strict=True)):
            return
    slope = (value(walk(step)) - value(walk(-step))) / (2 * step)
    expected = sum(
        float((gradient * way).sum())
        for layer, ways in zip(gradients, towards, strict=True)
        for gradient, way in zip(layer, ways, strict=True)
    )
    assert slope == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=30)
@given(network=networks, optimizer=optimizers, seed=st.integers(0, 2**32 - 1))
def test_the_steps_are_those_of_pytorchs_optimizers(network, optimizer, seed):
    parameters, images, targets = problem(network, 8, seed)
    rates = [0.1, 0.05, 0.02, 0.01]
    state, lost, right = scratch.learn(
        network, optimizer, scratch.begin(parameters), images, targets, rates
    )
    reference = tensors(parameters)
    flat = [tensor for layer in reference for tensor in layer]
    if optimizer.kind == "sgd":
        kind = torch.optim.SGD(
            flat,
            momentum=optimizer.momentum,
            nesterov=optimizer.momentum > 0,
            weight_decay=optimizer.weight_decay,
        )
    else:
        betas = optimizer.momentum, optimizer.second_momentum
        kind = torch.optim.AdamW(flat, betas=betas, weight_decay=optimizer.weight_decay)
    losses, expected = [], 0
    for step, rate in enumerate(rates):
        kind.param_groups[0]["lr"] = rate
        kind.zero_grad()
        here = slice(2 * step, 2 * step + 2)
        value = by_torch(network, reference, images[here], targets[here])
        value.backward()
        plain = tuple(
            scratch.Layer(w.detach().numpy(), b.detach().numpy())
            for w, b in zip(flat[::2], flat[1::2], strict=True)
        )
        said = scratch.forward(network, plain, images[here])[-1]
        expected += int((said.argmax(1) == targets[here].argmax(1)).sum())
        kind.step()
        losses.append(value.item())
    assert lost == pytest.approx(sum(losses), rel=1e-6)
    assert right == expected
    learnt = [array for layer in state.parameters for array in layer]
    for array, tensor in zip(learnt, flat, strict=True):
        # where a gradient is all but 0, Adam divides rounding by rounding
        np.testing.assert_allclose(array, tensor.detach().numpy(), rtol=1e-5, atol=1e-6)


@settings(max_examples=30)
@given(network=networks, seed=st.integers(0, 2**32 - 1))
def test_one_image_a_step_learns_the_same_as_the_plain_rules(network, seed):
    parameters, images, targets = problem(network, 12, seed)
    images *= np.random.default_rng(seed).random(images.shape) < 0.3  # most of them 0
    rates = np.linspace(0.5, 0.1, 12).tolist()
    state, lost, right = scratch.learn(
        network, Optimizer(), scratch.begin(parameters), images, targets, rates
    )
    slow, total, hits = scratch.begin(parameters), 0.0, 0
    for image, target, rate in zip(images[:, None], targets[:, None], rates, strict=True):
        outputs = scratch.forward(network, slow.parameters, image)
        gradients = scratch.backward(network, slow.parameters, outputs, target)
        slow = scratch.update(Optimizer(), slow, gradients, rate)
        total += scratch.loss(network, outputs[-1], target)
        hits += int(outputs[-1].argmax() == target.argmax())
    assert (state.steps, right) == (slow.steps, hits)
    assert lost == pytest.approx(total)
    for layer, expected in zip(state.parameters, slow.parameters, strict=True):
        for array, reference in zip(layer, expected, strict=True):
            np.testing.assert_allclose(array, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("optimizer", [Optimizer(), Optimizer("adam", 0.9)])
def test_learning_leaves_its_arguments_unchanged_and_returns_new_arrays(batch, optimizer):
    network = Network((5, 4, 3))
    parameters, images, targets = problem(network, 6, 0)
    before = scratch.begin(parameters)
    given_arrays = [
        images,
        targets,
        *(array for part in before[:3] for pair in part for array in pair),
    ]
    copies = [array.copy() for array in given_arrays]
    for array in given_arrays:
        array.flags.writeable = False
    after, _, _ = scratch.learn(network, optimizer, before, images, targets, [0.5] * (6 // batch))
    for array, copy in zip(given_arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    for layer, learnt in zip(before.parameters, after.parameters, strict=True):
        for array, new in zip(layer, learnt, strict=True):
            assert not np.array_equal(array, new)
            assert not np.shares_memory(array, new)


@pytest.mark.parametrize("optimizer", [Optimizer(), Optimizer("adam", 0.9)])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("name", ["cross-entropy", "squared-error"])
def test_it_memorises_32_digits(activation, optimizer, name):
    split = data.splits("optdigits").train
    images, labels = split.images()[:32].reshape(32, -1), split.labels[:32]
    network = Network((784, 30, 10), activation, name)
    targets = scratch.one_hot(labels, 10)
    state = scratch.begin(scratch.initialise(network, np.random.default_rng(0)))
    rate = 0.01 if optimizer.kind == "adam" else 0.1 if name == "cross-entropy" else 1.0
    for _ in range(150):
        state, _, _ = scratch.learn(network, optimizer, state, images, targets, [rate] * 8)
    probabilities = scratch.forward(network, state.parameters, images)[-1]
    assert metrics.measure(probabilities, labels).accuracy == 1


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not():
    network = Network((6, 5, 3))
    _, images, targets = problem(network, 8, 3, np.float32)

    def learnt(seed):
        state = scratch.begin(scratch.initialise(network, np.random.default_rng(seed)))
        for _ in range(5):
            state, _, _ = scratch.learn(network, Optimizer(), state, images, targets, [0.5] * 8)
        return [array.tobytes() for layer in state.parameters for array in layer]

    assert learnt(1) == learnt(1)
    assert learnt(1) != learnt(2)


@pytest.mark.parametrize(("initialiser", "variance"), [("glorot", 2 / 500), ("he", 2 / 300)])
def test_fresh_weights_have_the_variance_of_their_rule(initialiser, variance):
    network = Network((300, 200), initialiser=initialiser)
    ((weights, bias),) = scratch.initialise(network, np.random.default_rng(0))
    assert weights.dtype == bias.dtype == np.float32
    assert weights.var() == pytest.approx(variance, rel=0.03)
    assert abs(weights.mean()) < 0.01 * math.sqrt(variance) * 3
    assert not bias.any()


def test_large_values_neither_overflow_nor_warn():
    for activation in ACTIVATIONS:
        network = Network((1, 1, 2), activation)
        layers = tuple(
            scratch.Layer(np.full(shape, 1e4, np.float32), np.zeros(shape[1], np.float32))
            for shape in ((1, 1), (1, 2))
        )
        image = np.array([[-1e4], [1e4]], np.float32)
        assert np.isfinite(scratch.forward(network, layers, image)[-1]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((4, 5))}, r"images of shape \(N, 6\), got \(4, 5\)"),
        ({"images": np.zeros((4, 6, 1))}, r"images of shape \(N, 6\), got \(4, 6, 1\)"),
        ({"images": np.full((4, 6), np.nan)}, "finite images, got NaN"),
        ({"targets": np.full((4, 3), np.inf)}, "finite targets, got NaN or infinity"),
        ({"targets": np.zeros((4, 2))}, r"targets of shape \(N, 3\)"),
        ({"targets": np.zeros((3, 3))}, "2 equal batches, got 4 images, 3 targets"),
        ({"rates": [0.1] * 3}, "3 equal batches, got 4 images"),
        ({"rates": []}, "0 equal batches"),
        ({"rates": [0.1, math.nan]}, "finite learning rates, got NaN"),
        ({"network": Network((6, 4, 3))}, r"sizes \(6, 4, 3\), got \[\(\(6, 3\), \(3,\)\)\]"),
    ],
)
def test_unfit_arguments_of_learn_are_an_error(changes, message):
    network = Network((6, 3))
    given_ones = {
        "network": network,
        "optimizer": Optimizer(),
        "state": scratch.begin(scratch.initialise(network, np.random.default_rng(0))),
        "images": np.zeros((4, 6)),
        "targets": np.zeros((4, 3)),
        "rates": [0.1, 0.1],
    }
    with pytest.raises(ValueError, match=message):
        scratch.learn(**given_ones | changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network((6,)), r"sizes of two layers or more, got \(6,\)"),
        (lambda: Network((6, 0, 3)), r"sizes of two layers or more, got \(6, 0, 3\)"),
        (lambda: Network(activation="gelu"), "one of sigmoid, tanh, relu, leaky_relu, got 'gelu'"),
        (lambda: Network(loss="hinge"), "one of cross-entropy, squared-error, got 'hinge'"),
        (lambda: Network(initialiser="zero"), "one of glorot, he, got 'zero'"),
        (lambda: Optimizer("muon"), "one of sgd, adam, got 'muon'"),
    ],
)
def test_an_unknown_network_or_optimizer_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("optimizer", [Optimizer(), Optimizer("adam", 0.9)])
def test_all_arithmetic_has_the_precision_of_the_parameters(batch, optimizer):
    network = Network((6, 4, 3))
    parameters, images, _ = problem(network, 6, 0, np.float32)
    whole = np.eye(3, dtype=np.int64)[[0, 1, 2, 0, 1, 2]]
    state, _, _ = scratch.learn(
        network,
        optimizer,
        scratch.begin(parameters),
        images.astype(np.float64),
        whole,
        np.full(6 // batch, 0.1),
    )
    assert {array.dtype for layer in state.parameters for array in layer} == {np.dtype(np.float32)}


@pytest.mark.parametrize("labels", [[-1], [3], [0, 1, 300]])
def test_labels_that_are_no_class_are_an_error(labels):
    with pytest.raises(ValueError, match="labels from 0 to 2, got"):
        scratch.one_hot(np.array(labels), 3)


@pytest.mark.parametrize("labels", [np.zeros((2, 1), np.int64), np.zeros(2), np.array(1)])
def test_labels_that_are_not_a_row_of_whole_numbers_are_an_error(labels):
    with pytest.raises(ValueError, match=r"labels as \(N,\) whole numbers, got"):
        scratch.one_hot(labels, 3)


def test_targets_are_one_hot_or_smoothed():
    np.testing.assert_array_equal(scratch.one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    smoothed = scratch.one_hot(np.array([1]), 4, 0.2)
    np.testing.assert_allclose(smoothed, [[0.05, 0.85, 0.05, 0.05]], atol=1e-7)


def test_plain_python_lists_give_the_same_numbers():
    pure = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "pure_python.py"))
    split, network = data.splits("optdigits").train, Network()
    images = split.images()[:5].reshape(5, -1).astype(np.float64)
    targets = scratch.one_hot(split.labels[:5], 10).astype(np.float64)
    parameters = scratch.initialise(network, np.random.default_rng(0), np.float64)
    lists = [(weights.tolist(), bias.tolist()) for weights, bias in parameters]
    losses = [
        pure["learn"](*lists, image.tolist(), int(label), 0.5)
        for image, label in zip(images, split.labels[:5], strict=True)
    ]
    state, lost, _ = scratch.learn(
        network, Optimizer(), scratch.begin(parameters), images, targets, [0.5] * 5
    )
    assert sum(losses) == pytest.approx(lost, rel=1e-9)
    for layer, expected in zip(state.parameters, lists, strict=True):
        for array, numbers in zip(layer, expected, strict=True):
            np.testing.assert_allclose(array, np.array(numbers), rtol=0, atol=1e-9)
    probabilities = scratch.forward(network, state.parameters, images)[-1]
    again = [pure["forward"](*lists, image.tolist())[1] for image in images]
    np.testing.assert_allclose(probabilities, again, rtol=0, atol=1e-9)
