# %% [markdown]
# # 4. Backpropagation by hand
#
# A network with a layer in between reads far better than one layer. The question is how the layer in
# between should learn: nobody says what its answers should be. *Backpropagation* says it. In this
# lesson you write it, check it, and meet a common bug.
#
# You need lesson 3: layer, softmax, the error p - t.

# %%
import inkling
import numpy as np
from inkling.exercises import exercise
from inkling.networks import scratch

mnist = inkling.load_data("mnist")
images, labels = (
    mnist.train.images().reshape(-1, 784).astype(float),
    mnist.train.labels,
)
unseen, unseen_labels = (
    mnist.validation.images().reshape(-1, 784),
    mnist.validation.labels,
)
targets = np.eye(10)[labels]

# %% [markdown]
# ## The network
#
# 784 pixels go into 100 neurons, and their 100 answers into 10 neurons. The 100 are called *hidden*,
# since only the network sees their answers. In between stands the sigmoid. Without it, the two layers
# could be multiplied out into one.
#
#     a₁ = sigmoid(x W₁ + b₁)         the answers of the hidden neurons
#     p  = softmax(a₁ W₂ + b₂)        the probabilities
#
# The weights begin at random. If all were 0, all hidden neurons would learn the same. (In lesson 3 they
# could be 0, since each neuron had a target of its own.)

# %%
rng = np.random.default_rng(0)


def random_layer(inputs, outputs):
    """Small random weights. The bound keeps the sums from growing with the number of inputs."""
    bound = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-bound, bound, (inputs, outputs)), np.zeros(outputs)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    # -1: along the last axis; keepdims: as a column, so that it can be subtracted
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def forward(network, x):
    (W1, b1), (W2, b2) = network  # two layers, each its weights and its biases
    a1 = sigmoid(x @ W1 + b1)
    return a1, softmax(a1 @ W2 + b2)


network = [random_layer(784, 100), random_layer(100, 10)]
_, p = forward(network, images[:1000])
losses = -np.log((p * targets[:1000]).sum(1))  # of 1,000 images
print(f"the mean loss of a network that knows nothing: {losses.mean():.2f}")

# %% [markdown]
# Near 2.30, as lesson 3 says it should be.
#
# ## The error, sent back
#
# The *error* of a neuron is the slope of the loss along its sum z. For the outputs it is p - t. And for a
# hidden neuron? It acts on each output through a weight. So multiply each output's error by that weight,
# and add up. Then multiply by the slope of its own squeeze, which is a (1 - a): lesson 2 called it
# da/dz. In all, where W₂ᵀ is W₂ with rows and columns swapped:
#
#     e₂ = p - t                         the error of the outputs
#     e₁ = (e₂ W₂ᵀ) * a₁ * (1 - a₁)      sent back, times the slope of the sigmoid
#
# The slopes of the weights are, in each layer, its input times its error. That is all.
#
# ## Exercise 1: the error of the hidden neurons
#
# Write e₁. In NumPy, `W2.T` is W₂ᵀ, `@` multiplies a row with a matrix, and `*` multiplies number by
# number.

# %% tags=["check"]
toy = (
    np.array([0.5, -0.5]),
    np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 1.0]]),
    np.array([0.5, 0.9, 0.1]),
)
check_error = exercise(
    [(*toy, np.array([0.125, -0.0675, -0.045]))],
    {
        "Multiply by the slope of the sigmoid, a1 * (1 - a1)": lambda e2, W2, a1: (
            e2 @ W2.T
        ),
        "The slope of the sigmoid is a1 * (1 - a1), not a1": lambda e2, W2, a1: (
            e2 @ W2.T * a1
        ),
    },
)


# %% tags=["exercise"]
def hidden_error(e2, W2, a1):
    pass  # your line


check_error(hidden_error)


# %% tags=["solution"]
def hidden_error(e2, W2, a1):
    return (e2 @ W2.T) * a1 * (1 - a1)


check_error(hidden_error)


# %%
def backward(network, x, t):
    """The slopes of the loss: for each layer those of its weights and of its bias."""
    a1, p = forward(network, x)
    e2 = p - t
    e1 = hidden_error(e2, network[1][0], a1)
    return [(np.outer(x, e1), e1), (np.outer(a1, e2), e2)]


gradients = backward(network, images[0], targets[0])
print([slopes.shape for slopes, _ in gradients])

# %% [markdown]
# All slopes of a network together are called its *gradient*.
#
# ## Is it right?
#
# A mistake in backpropagation is hard to see: the network still learns a little. So measure. Move a
# weight up and down by a tiny step, and compare how the loss changes with what the formula says.
#
# ## Exercise 2: a slope, measured
#
# `f` is a function of one number. Give its slope at x: the difference of f between x + h and x - h,
# divided by their distance.

# %% tags=["check"]
check_slope = exercise(
    [
        (np.square, 3.0, 6.0),
        (np.square, 3.0, 0.5, 6.0),
        (np.exp, 0.0, 1.0, 1.1752),
    ],
    {
        "The distance of the two points is 2 * h": lambda f, x, h=1e-5: (
            (f(x + h) - f(x - h)) / h
        ),
        "Put brackets around 2 * h": lambda f, x, h=1e-5: (
            (f(x + h) - f(x - h)) / 2 * h
        ),
        "Look on both sides of x": lambda f, x, h=1e-5: (f(x + h) - f(x)) / h,
        "Divide by the distance of the two points": lambda f, x, h=1e-5: (
            f(x + h) - f(x - h)
        ),
    },
)


# %% tags=["exercise"]
def slope(f, x, h=1e-5):
    pass  # your line


check_slope(slope)


# %% tags=["solution"]
def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


check_slope(slope)


# %%
pixel = images[0].argmax()  # one with ink: where x is 0, so is the slope


def loss_with(weight):
    """The loss of the first image, if the weight of the pixel to neuron 7 had that value."""
    (W1, b1), second = network
    moved = W1.copy()
    moved[pixel, 7] = weight
    _, p = forward([(moved, b1), second], images[0])
    return -np.log(p @ targets[0])


measured, computed = (
    slope(loss_with, network[0][0][pixel, 7]),
    gradients[0][0][pixel, 7],
)
print(f"measured {measured:.6f}, computed {computed:.6f}")

# %% [markdown]
# ## The bug where nothing changes
#
# Now the step: subtract rate times slope from each weight. Here is a loop that looks right. It has no
# error message. Run it, and look at the accuracy.


# %%
def learn_wrongly(network, x, t, rate):
    # dW and db are the slopes of W and b
    for (W, b), (dW, db) in zip(network, backward(network, x, t)):
        W = W - rate * dW
        b = b - rate * db


def accuracy(network):
    return np.mean(forward(network, unseen)[1].argmax(1) == unseen_labels)


before = accuracy(network)
for x, t in zip(images[:1000], targets[:1000]):
    learn_wrongly(network, x, t, 0.1)
print(f"{before:.1%} before, {accuracy(network):.1%} after 1,000 steps")

# %% [markdown]
# Nothing was learnt. `W = W - …` makes a new array and gives it the name W. This name lives inside
# the loop only. The network still holds the old arrays. Inkling's network was made after one in Elixir, a
# language in which nothing can be changed. It met the same bug: new weights that are not returned are
# lost.
#
# The quick mend is `W -= …`. It changes the array in place, and the network learns. But it opens the
# door for the opposite bug: something changes that should stay.

# %%
best = network  # keep the best network so far ...
W, _ = network[0]
kept = W[400, 7]
W -= 0.1  # ... and go on learning, in place
print("still the network that was kept?", bool(best[0][0][400, 7] == kept))
W += 0.1

# %% [markdown]
# `best` is not a copy. It is another name for the same arrays.
#
# The clean way is to treat a network as a *value*. A step takes a network and returns a new one. The
# old one stays as it was. Nothing is lost unless you drop it, and nothing changes behind your back.


# %%
def learn(network, x, t, rate):
    """The network after one step; the old one stays."""
    return [
        (W - rate * dW, b - rate * db)
        for (W, b), (dW, db) in zip(network, backward(network, x, t))
    ]


first = network
for x, t in zip(images[:20_000], targets[:20_000]):
    network = learn(network, x, t, 0.1)
print(
    f"{accuracy(first):.1%} before, {accuracy(network):.1%} after 20,000 steps"
)

# %% [markdown]
# One layer read 91 % after 110,000 steps.
#
# ## Exercise 3: find the bug
#
# This function shall return a network halfway between two networks, and change neither. Mend it.

# %% tags=["check"]
two, four = np.full(1, 2.0), np.full(1, 4.0)
check_between = exercise(
    [
        (
            [(two, four), (four, two)],
            [(four, four), (two, two)],
            [(1.5 * two, four), (1.5 * two, two)],
        )
    ],
    {
        "W = ... only renames. The list keeps the old arrays": lambda one, other: (
            one
        ),
        "Return all layers: `return` stands inside the loop": lambda one, other: [
            ((one[0][0] + other[0][0]) / 2, (one[0][1] + other[0][1]) / 2)
        ],
    },
)


# %% tags=["exercise"]
def between(one, other):
    for (W, b), (V, c) in zip(one, other):
        W = (W + V) / 2
        b = (b + c) / 2
    return one


check_between(between)


# %% tags=["solution"]
def between(one, other):
    return [((W + V) / 2, (b + c) / 2) for (W, b), (V, c) in zip(one, other)]


check_between(between)

# %% [markdown]
# ## Any number of layers
#
# `inkling.networks.scratch` is the same, for any number of layers: [one file](../../inkling/networks/scratch.py)
# of NumPy. Its networks are values too. It gives the same slopes as yours:

# %%
shape = scratch.Network(sizes=(784, 100, 10), activation="sigmoid")
parameters = tuple(scratch.Layer(W, b) for W, b in network)
outputs = scratch.forward(shape, parameters, images[:1])
theirs = scratch.backward(shape, parameters, outputs, targets[:1])
ours = backward(network, images[0], targets[0])
print(
    "the same slopes:",
    all(np.allclose(a.weights, dW) for a, (dW, _) in zip(theirs, ours)),
)

# %% [markdown]
# On [the playground](playground/index.html), "Check the gradient" does what you did: eight slopes,
# computed and measured.
#
# ## In short
#
# - The error of a hidden neuron is what comes back through its weights, times the slope of its squeeze.
# - The slope of a weight is its input times its error.
# - Check a gradient by moving a weight.
# - Let a step return a new network. A name that is bound again changes nothing else.
#
# The network learns now. But let it learn longer, and its accuracy [begins to swing](05-swing.md).
