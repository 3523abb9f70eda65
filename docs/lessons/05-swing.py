# %% [markdown]
# # 5. Why training swings, and how it settles
#
# The network in Elixir, after which Inkling's was made, was reported to read 82 %. The same network can
# read 98 %. Only the size of its steps was wrong. In this lesson you see it swing, find out why, and
# settle it in two ways.
#
# You need lesson 4: a network, its gradient, a step.

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
network = scratch.Network(sizes=(784, 100, 10), activation="sigmoid")

# %% [markdown]
# ## Swing
#
# As the original did: one image a step, at a learning rate of 0.5 throughout. After every 1,000
# images we look at the accuracy. `scratch.learn` is the loop of lesson 4. Its *state* holds the weights,
# its *optimizer* makes a step of a gradient. This one is the plain step that you know.


# %%
def accuracy(state):
    p = scratch.forward(network, state.parameters, unseen)[-1]  # probabilities
    return np.mean(p.argmax(1) == unseen_labels)


def course(rates, batch=1):
    """The accuracy after every 1,000 images, with a learning rate for each step."""
    state = scratch.begin(scratch.initialise(network, np.random.default_rng(0)))
    found, steps = [], 1000 // batch
    for start in range(20_000 // 1000):
        here = slice(start * 1000, start * 1000 + steps * batch)
        chosen = rates[start * steps : (start + 1) * steps]
        state, _, _ = scratch.learn(
            network,
            scratch.Optimizer(),
            state,
            images[here],
            targets[here],
            chosen,
        )
        found.append(accuracy(state))
    return found


wild = course([0.5] * 20_000)

# %% alt="Accuracy over 20,000 images at a rate of 0.5: it jumps up and down"
charts.lines(
    {"one image a step, at 0.5": wild},
    "thousands of images",
    "accuracy, unseen images",
)

# %% [markdown]
# It rises, and then it goes up and down by several per cent. Where you stop decides what you get. Had
# you reported the best point, you would have reported luck.
#
# ## Why?
#
# A step follows the gradient of one image. That is not the gradient of all images. Each image pulls
# in its own direction, and only their mean leads down. Let us look: how much do the gradients of
# single images differ from their mean? The length of a row of numbers is the square root of the sum of
# their squares, as for an arrow on a map.

# %% tolerance=0.15
state = scratch.begin(scratch.initialise(network, np.random.default_rng(0)))
state, _, _ = scratch.learn(
    network,
    scratch.Optimizer(),
    state,
    images[:5000],
    targets[:5000],
    [0.1] * 5000,
)


def gradient(chosen):
    """The gradient of the mean loss of some images, as one row of numbers."""
    outputs = scratch.forward(network, state.parameters, images[chosen])
    layers = scratch.backward(
        network, state.parameters, outputs, targets[chosen]
    )
    return np.concatenate(
        [array.ravel() for layer in layers for array in layer]
    )


rng = np.random.default_rng(0)
mean = gradient(np.arange(10_000, 20_000))
for size in (1, 10, 100, 1000):
    off = [
        np.linalg.norm(gradient(rng.integers(10_000, 20_000, size)) - mean)
        for _ in range(200 if size < 1000 else 20)
    ]
    typical = np.sqrt(np.mean(np.square(off)))
    print(
        f"{size:5} images: off by {typical / np.linalg.norm(mean):.1f} lengths of the mean"
    )

# %% [markdown]
# The gradient of one image is mostly noise: it is off by twelve times the length of the mean. Ten
# images together are off by a third of that, a hundred by a tenth. The noise falls with the square
# root of the number of images.
#
# So there are two remedies. Take the mean over more images, a *batch*. Or take smaller steps: then many of
# them are averaged on the way.
#
# ## Exercise 1: batches
#
# Write a function that cuts a list into batches of `size` items. The last one may be shorter.
# `items[3:6]` are the items at 3, 4 and 5.

# %% tags=["check"]
check_batches = exercise(
    [
        (["a", "b", "c", "d"], 2, [["a", "b"], ["c", "d"]]),
        (["a", "b", "c", "d", "e"], 2, [["a", "b"], ["c", "d"], ["e"]]),
        (["a", "b"], 5, [["a", "b"]]),
    ],
    {
        "Begin a batch every `size` items": lambda items, size: [
            items[i : i + size] for i in range(len(items))
        ],
        "The last batch may be shorter, but it must not be lost": lambda items, size: [
            items[i : i + size] for i in range(0, len(items) - size + 1, size)
        ],
    },
)


# %% tags=["exercise"]
def batches(items, size):
    pass  # your line


check_batches(batches)


# %% tags=["solution"]
def batches(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


check_batches(batches)

# %% [markdown]
# With 10 images a step, there are a tenth as many steps. Each may be as long as before, since it points
# more nearly the right way.

# %%
in_batches = course([0.5] * 2000, batch=10)

# %% [markdown]
# ## Exercise 2: a rate that falls
#
# The other remedy needs no batches. Begin with long steps, to get somewhere, and end with short ones,
# to settle. Write a learning rate that falls in a straight line: `first` at step 0, half of it at half of
# the steps, and 0 at `step == steps`, when all steps are done.

# %% tags=["check"]
check_rate = exercise(
    [(0, 100, 0.5, 0.5), (50, 100, 0.5, 0.25), (99, 100, 0.1, 0.001)],
    {
        "It should fall, not rise": lambda step, steps, first: (
            first * step / steps
        ),
        "Put 1 - step / steps in brackets": lambda step, steps, first: (
            first * 1 - step / steps
        ),
        "It should fall from `first`, not from 1": lambda step, steps, first: (
            1 - step / steps
        ),
    },
)


# %% tags=["exercise"]
def falling(step, steps, first):
    pass  # your line


check_rate(falling)


# %% tags=["solution"]
def falling(step, steps, first):
    return first * (1 - step / steps)


check_rate(falling)

# %% tolerance=0.2
falling_rates = [falling(step, 20_000, 0.5) for step in range(20_000)]
found = {
    "one a step, 0.5": wild,
    "ten a step, 0.5": in_batches,
    "one a step, falling from 0.5": course(falling_rates),
    "one a step, falling from 0.1": course(
        [rate / 5 for rate in falling_rates]
    ),
}
for name, values in found.items():
    print(f"{name:28} mean of the last five: {np.mean(values[-5:]):.3f}")

# %% alt="Four courses: the first one swings, the others rise and settle"
charts.lines(found, "thousands of images", "accuracy, unseen images")

# %% [markdown]
# ## Ten rounds
#
# Each remedy lifts it by more than ten points. Both together are what everybody uses.
#
# One round over all training images is an *epoch*. A *recipe* is a stored setting of a training. The
# recipe `scratch` is our copy of the original, ten epochs long. It reads {{scratch.mean:.1f}} ±
# {{scratch.std:.1f}} % of the test images. (± says how far {{scratch.n}} trainings with other random
# weights lie apart.) Its spread is the swing. The recipe `scratch-steady` lets the rate fall from 0.1 to
# 0. It reads {{scratch-steady.mean:.2f}} ± {{scratch-steady.std:.2f}} %.
#
# ![Loss and accuracy of both recipes, epoch by epoch](../scratch-curves.png)
#
# See it with your own eyes: on [the playground](playground/index.html), set the learning rate to 2 and
# the images a step to 1, and press Train. Then set 128 images a step.
#
# ## In short
#
# - The gradient of a batch is the true one plus noise. The noise falls with the square root of the
#   batch.
# - A large rate that stays does not settle. Let it fall.
# - Decide before a training when it ends. Report the accuracy there, not that of its best moment.
#
# Next: [more layers, and better steps](06-deeper.md).
