# %% [markdown]
# # 6. Deeper networks and better steps
#
# If one hidden layer helps, do three help more? With sigmoids, they do not. In this lesson you see why
# deep networks of sigmoids hardly learn, what mends it, and how *momentum* and *Adam* make better use
# of the same gradients.
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
# first layer are thousands of times smaller (the weights shrink them, too). It learns thousands of
# times more slowly.
#
# The *rectified linear unit* (ReLU) mends it. For z below 0 it gives 0, and for z above 0 it gives z. Its
# slope is 1 wherever it lets something through. So little shrinks.
#
# ## Exercise 1: the ReLU and its slope
#
# Write both, for arrays of any size. `np.maximum(z, 1)` gives, at each place, the larger of z and 1. `z > 1`
# gives True or False at each place, and `(z > 1) * 1.0` makes numbers of it.

# %% tags=["check"]
z = np.array([-2.0, 0.5, 3.0])
check_relu = exercise(
    [(z, np.array([0.0, 0.5, 3.0]))],
    {
        "Below 0, the value is 0": lambda z: z,
        "Above 0, the value is z": lambda z: (z > 0) * 1.0,
    },
)
check_slope = exercise(
    [(z, np.array([0.0, 1.0, 1.0]))],
    {"The slope is 1 above 0, not z": lambda z: z.clip(0)},
)


# %% tags=["exercise"]
def relu(z):
    pass  # your line


def relu_slope(z):
    pass  # your line


check_relu(relu)
check_slope(relu_slope)


# %% tags=["solution"]
def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    return (z > 0) * 1.0


check_relu(relu)
check_slope(relu_slope)

# %% [markdown]
# The second half of the cure is how the weights begin. If they are too small, the neurons' answers get
# smaller from layer to layer; if too large, larger. For ReLUs, *He's* rule keeps their size: random
# numbers whose squares have the mean 2 / inputs. (For sigmoids, *Glorot's* rule does: lesson 4 used it.)
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
        # 40 steps at a time; after the last image, % begins again with the first
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


# %% tolerance=0.1
plain = scratch.Optimizer()
found = {}
for hidden in ((64,), (64, 64, 64)):
    sizes = (784, *hidden, 10)
    sigmoids = scratch.Network(sizes, "sigmoid", initialiser="glorot")
    relus = scratch.Network(sizes, "relu", initialiser="he")
    found[f"{len(hidden)} x sigmoids"] = train(sigmoids, plain, 0.5)
    found[f"{len(hidden)} x ReLUs"] = train(relus, plain, 0.1)
for name, values in found.items():
    print(f"{name}: {values[-1]:.1%}")

# %% [markdown]
# With sigmoids, three hidden layers read fewer than one. With ReLUs, they read more.
#
# ## Momentum
#
# The gradient of a batch is noisy. A ball that rolls downhill does not turn at every bump: it keeps
# its speed. *Momentum* does the same. At each step, the velocity keeps a share β of its old value, and the
# gradient g is added:
#
#     v = β * v + g          w = w - rate * v
#
# β is often 0.9. Then the last ten gradients or so count. So a step is about ten times as long, and the
# rate must be smaller.
#
# ## Exercise 2: momentum
#
# Write one step, with β = 0.9. Compute the new velocity first, and use it. Return the new weight and the
# new velocity.

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
        "First the weight, then the velocity": lambda w, v, g, rate: np.array(
            [0.9 * v + g, w - rate * (0.9 * v + g)]
        ),
        "Use the new velocity for the step": lambda w, v, g, rate: np.array(
            [w - rate * v, 0.9 * v + g]
        ),
        "Step along the velocity, not the gradient": lambda w, v, g, rate: (
            np.array([w - rate * g, 0.9 * v + g])
        ),
    },
)


# %% tags=["exercise"]
def with_momentum(w, v, g, rate):
    """The next weight, and the next velocity."""
    pass  # your lines


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
#     m = 0.9 * m + 0.1 * g        s = 0.999 * s + 0.001 * g²        w = w - rate * m / √s
#
# A weight whose gradients are always small takes larger steps, and one whose gradients jump takes
# smaller ones. The rate is then about the length of a step, so it is small: 0.001 is usual.
#
# (Inkling's momentum is Nesterov's: it steps along g + β * v, as if it looked one step ahead. Its Adam
# corrects m and s for beginning at 0.)

# %% tolerance=0.15
momentum = scratch.Optimizer("sgd", momentum=0.9)
adam = scratch.Optimizer("adam", momentum=0.9)  # how slowly m forgets
found["3 x ReLUs, momentum"] = train(relus, momentum, 0.05)
found["3 x ReLUs, Adam"] = train(relus, adam, 0.002)
for name, values in found.items():
    print(
        f"{name:20} after 4,000 images {values[1]:.1%}, in the end {values[-1]:.1%}"
    )

# %% alt="Six courses of accuracy: three layers of sigmoids rise last"
charts.lines(found, "times 2,000 images", "accuracy, unseen images")

# %% [markdown]
# Three layers of sigmoids need a while before anything happens. Momentum and Adam end highest here. Each
# rate was chosen once, roughly: who compares optimizers must tune each of them alike.
#
# The recipe `scratch-deep` has two hidden layers of ReLUs and Adam. After ten epochs over all images it
# reads {{scratch-deep.mean:.2f}} ± {{scratch-deep.std:.2f}} % of the test images ({{scratch-deep.n}}
# seeds). That is about what a network can do that sees 784 numbers in a row.
#
# ## In short
#
# - Slopes shrink on their way back through sigmoids. ReLUs let them through.
# - Weights must begin at the right size. The rule depends on the squeeze.
# - Momentum averages over steps. Adam gives each weight its own step.
#
# A row of 784 numbers does not know which pixels are neighbours. [The next network](07-convolution.md)
# does.
