# %% [markdown]
# # 6. Deeper networks and better steps
#
# If one hidden layer helps, do three help more? Not by themselves. In this lesson you see why deep
# networks of sigmoids hardly learn, what mends it, and how *momentum* and *Adam* make better use of
# the same gradients.
#
# You need lessons 4 and 5: gradient, batch, learning rate.

# %%
import inkling
import numpy as np
from inkling.exercises import exercise
from inkling.networks import scratch
from inkling.plots import charts

mnist = inkling.load_data("mnist")
images, labels = (
    mnist.train.images().reshape(-1, 784)[:20_000],
    mnist.train.labels[:20_000],
)
unseen, unseen_labels = (
    mnist.validation.images().reshape(-1, 784),
    mnist.validation.labels,
)
targets = scratch.one_hot(labels, 10)

# %% [markdown]
# ## What gets through
#
# Backpropagation sends the error back, layer by layer. Each layer multiplies it by the slope of its
# squeeze. The slope of the sigmoid, a (1 - a), is at most 1/4. So after five layers little is left.


# %% tolerance=0.3
def slopes_by_layer(activation, initialiser):
    """The mean size of the weights' slopes in each layer, before any learning."""
    network = scratch.Network(
        (784, 64, 64, 64, 64, 64, 10), activation, initialiser=initialiser
    )
    parameters = scratch.initialise(network, np.random.default_rng(0))
    outputs = scratch.forward(network, parameters, images[:500])
    gradients = scratch.backward(network, parameters, outputs, targets[:500])
    return [np.abs(layer.weights).mean() for layer in gradients]


for activation, initialiser in (("sigmoid", "glorot"), ("relu", "he")):
    sizes = slopes_by_layer(activation, initialiser)
    print(f"{activation:8}", "  ".join(f"{size:.0e}" for size in sizes))

# %% [markdown]
# Read each row from the right: the last layer's slopes stand there. With sigmoids, the slopes of the
# first layer are thousands of times smaller. It learns thousands of times more slowly.
#
# The *rectified linear unit* (ReLU) mends it. It is 0 below 0, and the number itself above. Its slope
# is 1 wherever it lets something through: nothing shrinks.
#
# ## Exercise 1: the ReLU and its slope

# %% tags=["check"]
check_relu = exercise(
    [
        (
            np.array([-2.0, 0.5, 3.0]),
            np.array([[0.0, 0.5, 3.0], [0.0, 1.0, 1.0]]),
        )
    ],
    {
        "The slope is 1 above 0 and 0 below": lambda z: np.stack(
            [z.clip(0), z.clip(0)]
        ),
        "Below 0, the value is 0": lambda z: np.stack([z, (z > 0) * 1.0]),
    },
)


# %% tags=["exercise"]
def relu(z): ...  # your line: np.maximum compares number by number


def relu_slope(z): ...  # your line: z > 0 is True, which counts as 1, or False


check_relu(
    lambda z: None if relu(z) is None else np.stack([relu(z), relu_slope(z)])
)


# %% tags=["solution"]
def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    return (z > 0) * 1.0


check_relu(lambda z: np.stack([relu(z), relu_slope(z)]))

# %% [markdown]
# The second half of the cure is how the weights begin. If they are too small, the signal dies out on
# its way forward; if too large, it explodes. For ReLUs, *He's* rule keeps its size: random numbers
# with variance 2 / inputs. (For sigmoids, *Glorot's* rule does.)
#
# ## Better steps
#
# Here is a training of two epochs, in batches of 50.


# %%
def train(network, optimizer, rate, epochs=2, batch=50):
    """The accuracy after every 2,000 images. The rate falls to 0."""
    state = scratch.begin(scratch.initialise(network, np.random.default_rng(0)))
    steps, found = epochs * len(images) // batch, []
    rates = [rate * (1 - step / steps) for step in range(steps)]
    for start in range(0, steps, 40):
        rows = np.arange(start * batch, (start + 40) * batch) % len(images)
        state, _, _ = scratch.learn(
            network,
            optimizer,
            state,
            images[rows],
            targets[rows],
            rates[start : start + 40],
        )
        p = scratch.forward(network, state.parameters, unseen)[-1]
        found.append(np.mean(p.argmax(1) == unseen_labels))
    return found


sgd = scratch.Optimizer()
found = {
    "three layers of sigmoids": train(
        scratch.Network((784, 64, 64, 64, 10)), sgd, 0.5
    ),
    "three layers of ReLUs": train(
        scratch.Network((784, 64, 64, 64, 10), "relu", initialiser="he"),
        sgd,
        0.1,
    ),
}
for name, values in found.items():
    print(f"{name}: {values[-1]:.1%}")

# %% [markdown]
# ## Momentum
#
# The gradient of a batch is noisy. A ball that rolls downhill does not turn at every bump: it keeps
# its speed. *Momentum* does the same. The velocity is a running sum of gradients, in which old ones
# fade:
#
#     v = βv + g          w = w - rate · v
#
# β is often 0.9. Then the last ten gradients or so count.
#
# ## Exercise 2: momentum

# %% tags=["check"]
check_momentum = exercise(
    [
        (1.0, 0.0, 2.0, 0.1, np.array([0.8, 2.0])),
        (0.8, 2.0, 2.0, 0.1, np.array([0.42, 3.8])),
    ],
    {
        "The old velocity counts 0.9 times": lambda w, v, g, rate: np.array(
            [w - rate * (v + g), v + g]
        ),
        "Step along the velocity, not the gradient": lambda w, v, g, rate: (
            np.array([w - rate * g, 0.9 * v + g])
        ),
    },
)


# %% tags=["exercise"]
def with_momentum(w, v, g, rate):
    """The next weight, and the next velocity."""
    ...  # your lines


check_momentum(with_momentum)


# %% tags=["solution"]
def with_momentum(w, v, g, rate):
    v = 0.9 * v + g
    return w - rate * v, v


check_momentum(with_momentum)

# %% [markdown]
# ## Adam
#
# One learning rate must serve all weights. A weight of a pixel at the edge sees ink once in a thousand
# images, one in the middle all the time. *Adam* gives each weight its own step. It keeps a running mean
# m of the gradients and a running mean s of their squares, and divides:
#
#     w = w - rate · m / √s
#
# A weight whose gradients are always small takes larger steps, and one whose gradients jump takes
# smaller ones. The rate becomes the length of a typical step, so it is small: 0.001 is usual.

# %% tolerance=0.15
relus = scratch.Network((784, 64, 64, 64, 10), "relu", initialiser="he")
momentum = scratch.Optimizer("sgd", momentum=0.9)
adam = scratch.Optimizer("adam", momentum=0.9)
found |= {
    "ReLUs, momentum": train(relus, momentum, 0.05),
    "ReLUs, Adam": train(relus, adam, 0.002),
}
for name, values in found.items():
    print(
        f"{name:26} after 4,000 images {values[1]:.1%}, in the end {values[-1]:.1%}"
    )

# %% alt="Four courses of accuracy: sigmoids rise last, the others within a few thousand images"
charts.lines(found, "times 2,000 images", "accuracy, unseen images")

# %% [markdown]
# Sigmoids need a while before anything happens. With ReLUs, plain steps learn at once. Momentum and Adam
# are ahead from the beginning to the end. Each rate was chosen once, roughly. With more care, the order
# may change: who compares optimizers must tune each of them alike.
#
# The recipe `scratch-deep` has two hidden layers of ReLUs and Adam. After ten epochs over all images it
# reads {{scratch-deep.mean:.2f}} ± {{scratch-deep.std:.2f}} % of the test images ({{scratch-deep.n}}
# seeds). That is about what a network can do that sees 784 numbers in a row.
#
# ## What you take along
#
# - Slopes shrink on their way back through sigmoids. ReLUs let them through.
# - Weights must begin at the right size. The rule depends on the squeeze.
# - Momentum averages over steps. Adam gives each weight its own step.
#
# A row of 784 numbers does not know which pixels are neighbours. [The next network](07-convolution.md)
# does.
