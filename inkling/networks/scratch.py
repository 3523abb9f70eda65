"""The network from first principles: a dense network in NumPy alone.

A layer is two arrays. The parameters of a network are a tuple of layers. Learning is a function:

    outputs = forward(network, parameters, images)              # x -> a = f(x W + b) -> ... -> p
    gradients = backward(network, parameters, outputs, targets)  # dL/dW and dL/db, layer by layer
    state = update(optimizer, state, gradients, learning_rate)   # new arrays; the old stay

Images are rows, so `x W + b` computes a whole batch. Below, L is the loss, averaged over the
batch; z = x W + b is the input of an activation and a = f(z) its output; dL/dz is the gradient.
Source of the rules: Rumelhart, Hinton & Williams 1986; Nielsen 2015, chapter 2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu"]
Loss = Literal["cross-entropy", "squared-error"]
Initialiser = Literal["glorot", "he"]
Kind = Literal["sgd", "adam"]

LEAK = 0.01  # the slope of a leaky ReLU below 0. Source: Maas, Hannun & Ng 2013
ADAM_EPSILON = 1e-8  # as the paper's
MIN_PROBABILITY = 1e-12  # keeps the logarithm of 0 finite


class Layer(NamedTuple):
    """The parameters of a dense layer."""

    weights: Array  # (I, O): a row for each input, a column for each output
    bias: Array  # (O,)


Parameters = tuple[Layer, ...]


@dataclass(frozen=True)
class Network:
    """The architecture of a network. Its last layer ends in a softmax."""

    sizes: tuple[int, ...] = (784, 100, 10)  # of the image, the hidden layers, the classes
    activation: Activation = "sigmoid"  # of the hidden layers
    loss: Loss = "cross-entropy"
    initialiser: Initialiser = "glorot"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"Expected sizes of two layers or more, got {self.sizes}")
        _among(Activation, self.activation)
        _among(Loss, self.loss)
        _among(Initialiser, self.initialiser)


@dataclass(frozen=True)
class Optimizer:
    """How gradients become a step. The values are those of PyTorch's SGD and AdamW."""

    kind: Kind = "sgd"
    momentum: float = 0.0  # Nesterov's, or Adam's beta 1, which is usually 0.9
    second_momentum: float = 0.999  # Adam's beta 2
    weight_decay: float = 0.0  # sgd: part of the gradient; adam: decoupled (AdamW)

    def __post_init__(self) -> None:
        _among(Kind, self.kind)

    @property
    def is_plain(self) -> bool:
        """Whether a step is only the learning rate times the gradient."""
        return self.kind == "sgd" and not self.momentum and not self.weight_decay


class State(NamedTuple):
    """What one step of learning passes to the next."""

    parameters: Parameters
    velocity: Parameters  # running gradients: Nesterov's sum, or Adam's mean
    squares: Parameters  # Adam's running mean of squared gradients
    steps: int


def initialise(
    network: Network, rng: np.random.Generator, dtype: type[np.floating] = np.float32
) -> Parameters:
    """Fresh parameters: random weights, and biases of 0.

    Both rules keep the variance of the signal from layer to layer. "glorot" is uniform within
    sqrt(6 / (I + O)), for sigmoid and tanh (Glorot & Bengio 2010). "he" is normal with variance
    2 / I, for ReLUs, which set half of their inputs to 0 (He et al. 2015).
    """
    layers = []
    for inputs, outputs in pairwise(network.sizes):
        if network.initialiser == "glorot":
            bound = math.sqrt(6 / (inputs + outputs))
            weights = rng.uniform(-bound, bound, (inputs, outputs))
        else:
            weights = rng.normal(0, math.sqrt(2 / inputs), (inputs, outputs))
        layers.append(Layer(weights.astype(dtype), np.zeros(outputs, dtype)))
    return tuple(layers)


def begin(parameters: Parameters) -> State:
    """The state before the first step."""
    zeros = _each(np.zeros_like, parameters)
    return State(parameters, zeros, zeros, 0)


def forward(network: Network, parameters: Parameters, images: Array) -> tuple[Array, ...]:
    """The output of each layer: first the images `(N, I)`, last the probabilities `(N, K)`."""
    activate, _ = ACTIVATIONS[network.activation]
    outputs = [images]
    for weights, bias in parameters[:-1]:
        outputs.append(activate(outputs[-1] @ weights + bias))  # a = f(x W + b)
    weights, bias = parameters[-1]
    return (*outputs, softmax(outputs[-1] @ weights + bias))


def backward(
    network: Network, parameters: Parameters, outputs: tuple[Array, ...], targets: Array
) -> Parameters:
    """The gradient of the loss with respect to each weight and bias.

    `outputs` are those of `forward`. `targets` `(N, K)` are rows of probabilities: one-hot, or
    smoothed.
    """
    _, derivative = ACTIVATIONS[network.activation]
    slope = _loss_slope(network, outputs[-1], targets)  # dL/dz of the last layer
    gradients = []
    for index in reversed(range(len(parameters))):
        inputs = outputs[index]  # dL/dW = x' dL/dz and dL/db = dL/dz, summed over the images
        if len(inputs) == 1:  # for one image, BLAS takes three times as long
            gradients.append(Layer(inputs.T * slope, slope[0]))
        else:
            gradients.append(Layer(inputs.T @ slope, slope.sum(0)))
        if index:  # dL/dx = dL/dz W', and dL/dz below = dL/dx f'(z)
            slope = slope @ parameters[index].weights.T * derivative(inputs)
    return tuple(reversed(gradients))


def update(optimizer: Optimizer, state: State, gradients: Parameters, rate: float) -> State:
    """The state after a step of gradient descent with the learning rate `rate`."""
    (parameters, velocity, squares, steps), decay = state, optimizer.weight_decay
    beta, beta_2 = optimizer.momentum, optimizer.second_momentum
    if optimizer.is_plain:  # w - r g
        learnt = _each(lambda w, g: w - rate * g, parameters, gradients)
        return State(learnt, velocity, squares, steps + 1)
    if optimizer.kind == "sgd":  # g + d w; v = b v + g; w - r (g + b v). Source: Sutskever 2013
        gradients = _each(lambda w, g: g + decay * w, parameters, gradients)
        velocity = _each(lambda v, g: beta * v + g, velocity, gradients)
        learnt = _each(lambda w, g, v: w - rate * (g + beta * v), parameters, gradients, velocity)
        return State(learnt, velocity, squares, steps + 1)
    # m = b m + (1 - b) g; s = b2 s + (1 - b2) g^2; w - r d w - r m / (sqrt(s) + e), with m and s
    # divided by 1 - b^t and 1 - b2^t, since both begin at 0.
    # Source: Kingma & Ba 2014; AdamW, Loshchilov & Hutter 2017
    velocity = _each(lambda v, g: beta * v + (1 - beta) * g, velocity, gradients)
    squares = _each(lambda s, g: beta_2 * s + (1 - beta_2) * (g * g), squares, gradients)
    whole, root = 1 - beta ** (steps + 1), math.sqrt(1 - beta_2 ** (steps + 1))

    def move(w: Array, v: Array, s: Array) -> Array:
        return (1 - rate * decay) * w - (rate / whole) * (v / (np.sqrt(s) / root + ADAM_EPSILON))

    return State(_each(move, parameters, velocity, squares), velocity, squares, steps + 1)


def learn(
    network: Network,
    optimizer: Optimizer,
    state: State,
    images: Array,
    targets: Array,
    rates: Sequence[float],
) -> tuple[State, float, int]:
    """Take one step for each learning rate, on as many equal batches of the images in order.

    Images are `(N, I)`, targets `(N, K)`. Returns the state after the last step, the sum of the
    steps' losses, and the number of images that were read correctly before their step. All
    arithmetic has the precision of the parameters. Raises ValueError if images, targets or
    learning rates are not finite, or if an array does not fit the network.
    """
    _check(network, state.parameters, images, targets, rates)
    dtype = state.parameters[0].weights.dtype
    images, targets = images.astype(dtype, copy=False), targets.astype(dtype, copy=False)
    rates = [float(rate) for rate in rates]  # NumPy's floats would widen float32
    batch, lost, right = len(images) // len(rates), 0.0, 0
    if batch == 1 and optimizer.is_plain:
        return _learn_online(network, state, images, targets, rates)
    for step, rate in enumerate(rates):
        here = slice(step * batch, (step + 1) * batch)
        outputs = forward(network, state.parameters, images[here])
        gradients = backward(network, state.parameters, outputs, targets[here])
        state = update(optimizer, state, gradients, rate)
        lost += loss(network, outputs[-1], targets[here])
        right += int((outputs[-1].argmax(1) == targets[here].argmax(1)).sum())
    return state, lost, right


def _learn_online(
    network: Network,
    state: State,
    images: Array,
    targets: Array,
    rates: Sequence[float],
) -> tuple[State, float, int]:
    """`learn` for one image a step, without the work that changes no result.

    Where a pixel is 0, the gradient of its weights, x' dL/dz, is 0 as well. So each step changes
    only the weights of pixels above 0, in place, in copies made once. The time that this saves is
    in results/engines.json.
    """
    (weights, bias), *rest = _each(np.copy, state.parameters)
    probabilities = np.empty_like(targets)
    rows, columns = images.nonzero()
    values, ends = images[rows, columns], np.searchsorted(rows, np.arange(len(images) + 1))
    for index, rate in enumerate(rates):
        here = slice(ends[index], ends[index + 1])
        lit = columns[here]
        parameters = (Layer(weights.take(lit, 0), bias), *rest)
        outputs = forward(network, parameters, values[here][None])
        gradients = backward(network, parameters, outputs, targets[index : index + 1])
        for layer, slopes in zip(parameters, gradients, strict=True):
            for array, gradient in zip(layer, slopes, strict=True):
                gradient *= rate
                array -= gradient
        weights[lit], probabilities[index] = parameters[0].weights, outputs[-1]
    state = state._replace(parameters=(Layer(weights, bias), *rest), steps=state.steps + len(rates))
    lost = loss(network, probabilities, targets) * len(rates)
    return state, lost, int((probabilities.argmax(1) == targets.argmax(1)).sum())


def loss(network: Network, probabilities: Array, targets: Array) -> float:
    """The mean loss of a batch, of which `backward` is the gradient."""
    if network.loss == "cross-entropy":  # L = -sum t log p, the mean over images
        logs = np.log(np.maximum(probabilities, MIN_PROBABILITY))
        return float(-(targets * logs).sum() / len(targets))
    return float(((probabilities - targets) ** 2).mean())  # the mean over images and classes


def _loss_slope(network: Network, probabilities: Array, targets: Array) -> Array:
    """dL/dz `(N, K)` of the softmax, of the loss averaged over the batch."""
    if network.loss == "cross-entropy":  # p - t: the logarithm cancels the softmax
        return (probabilities - targets) / len(targets)
    slope = 2 * (probabilities - targets) / targets.size  # dL/dp; then dp_i/dz_j = p_i (d_ij - p_j)
    return np.asarray(probabilities * (slope - (probabilities * slope).sum(1, keepdims=True)))


def softmax(values: Array) -> Array:
    """Positive rows that sum to 1. The largest value is subtracted first, against overflow."""
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def one_hot(labels: NDArray[np.integer], classes: int, smoothing: float = 0.0) -> Array:
    """Targets `(N, K)` float32: 1 at the label, of which `smoothing` is spread over all classes.

    Raises ValueError unless the labels are `(N,)` whole numbers below `classes`.
    """
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Expected labels as (N,) whole numbers, got {labels.shape} of {labels.dtype}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"Expected labels from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
        )
    targets = np.full((len(labels), classes), smoothing / classes, np.float32)
    targets[np.arange(len(labels)), labels] += 1 - smoothing
    return targets


def _check(
    network: Network, parameters: Parameters, images: Array, targets: Array, rates: Sequence[float]
) -> None:
    inputs, classes, steps = network.sizes[0], network.sizes[-1], len(rates)
    found = [(layer.weights.shape, layer.bias.shape) for layer in parameters]
    if found != [(pair, pair[1:]) for pair in pairwise(network.sizes)]:
        raise ValueError(f"Expected weights and biases of the sizes {network.sizes}, got {found}")
    if not np.isfinite(rates).all():
        raise ValueError("Expected finite learning rates, got NaN or infinity among them")
    for name, array, width in (("images", images, inputs), ("targets", targets, classes)):
        if array.ndim != 2 or array.shape[1] != width:
            raise ValueError(f"Expected {name} of shape (N, {width}), got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"Expected finite {name}, got NaN or infinity among them")
    if len(images) != len(targets) or not steps or not len(images) or len(images) % steps:
        raise ValueError(
            f"Expected {steps} equal batches, got {len(images)} images, {len(targets)} targets"
        )


def _among(choices: Any, value: str) -> None:
    if value not in get_args(choices):
        raise ValueError(f"Expected one of {', '.join(get_args(choices))}, got {value!r}")


def _each(function: Callable[..., Array], *all_parameters: Parameters) -> Parameters:
    """Apply a function to the weights of each layer, and to its bias."""
    return tuple(
        Layer(*(function(*arrays) for arrays in zip(*layers, strict=True)))
        for layers in zip(*all_parameters, strict=True)
    )


# Each activation f(z), and its derivative f'(z) as a function of a = f(z): z need not be kept.
ACTIVATIONS: dict[Activation, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    # 1 / (1 + e^-z), written with tanh, which does not overflow
    "sigmoid": (lambda z: 0.5 * np.tanh(0.5 * z) + 0.5, lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
    "leaky_relu": (
        lambda z: np.maximum(z, LEAK * z),
        lambda a: np.where(a > 0, 1, LEAK).astype(a.dtype),
    ),
}
