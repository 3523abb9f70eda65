# %% [markdown]
# # 5. Why training swings, and how it settles
#
# The pure-Elixir network, from which Inkling began, was reported to read 82 %. The same network can
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
# images we look at the accuracy. `scratch.learn` is the loop of lesson 4.


# %%
def accuracy(state):
    p = scratch.forward(network, state.parameters, unseen)[-1]
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
# single images differ from their mean?

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
        f"{size:5} images: off by {typical / np.linalg.norm(mean):.1f} times its length"
    )

# %% [markdown]
# The gradient of one image is mostly noise: it is off by many times the length of the mean. Ten
# images together are off by a third of that, a hundred by a tenth. The noise falls with the square
# root of the number of images.
#
# So there are two remedies. Take the mean over more images (a *batch*). Or take smaller steps, so that
# the noise of many steps cancels out.
#
# ## Exercise 1: batches
#
# Write a function that cuts a list into batches. The last one may be shorter.

# %% tags=["check"]
check_batches = exercise(
    [
        ("abcdef", 2, "ab cd ef"),
        ("abcde", 2, "ab cd e"),
        ("abc", 5, "abc"),
    ],
    {
        "Begin a new batch every `size` items: range(0, len(items), size)": lambda items, size: (
            " ".join(items[i : i + size] for i in range(len(items)))
        ),
        "The last batch may be shorter, but it must not be lost": lambda items, size: (
            " ".join(
                items[i : i + size]
                for i in range(0, len(items) - size + 1, size)
            )
        ),
    },
)


# %% tags=["exercise"]
def batches(items, size):
    """A list of batches."""
    ...  # your line


check_batches(lambda items, size: " ".join(batches(items, size) or []))


# %% tags=["solution"]
def batches(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


check_batches(lambda items, size: " ".join(batches(items, size)))

# %% [markdown]
# With 10 images a step, there are a tenth as many steps. Each of them may be as long as before, since
# it points the right way.

# %%
in_batches = course([0.5] * 2000, batch=10)

# %% [markdown]
# ## Exercise 2: a rate that falls
#
# The other remedy needs no batches. Begin with long steps, to get somewhere, and end with short ones,
# to settle. Write a learning rate that falls in a straight line: from `first` at step 0 to 0 after
# the last of `steps` steps.

# %% tags=["check"]
check_rate = exercise(
    [(0, 100, 0.5, 0.5), (50, 100, 0.5, 0.25), (99, 100, 0.1, 0.001)],
    {
        "It should fall, not rise": lambda step, steps, first: (
            first * step / steps
        ),
        "It should fall from `first`, not from 1": lambda step, steps, first: (
            1 - step / steps
        ),
    },
)


# %% tags=["exercise"]
def falling(step, steps, first): ...  # your line


check_rate(falling)


# %% tags=["solution"]
def falling(step, steps, first):
    return first * (1 - step / steps)


check_rate(falling)

# %% tolerance=0.2
settled = course([falling(step, 20_000, 0.1) for step in range(20_000)])
for name, values in (
    ("0.5", wild),
    ("0.5, ten a step", in_batches),
    ("0.1, falling", settled),
):
    print(f"{name:16} mean of the last five {np.mean(values[-5:]):.3f}")

# %% alt="Three courses: the wild one swings; in batches and with a falling rate it is smooth"
charts.lines(
    {
        "one a step, at 0.5": wild,
        "ten a step, at 0.5": in_batches,
        "one a step, falling": settled,
    },
    "thousands of images",
    "accuracy, unseen images",
)

# %% [markdown]
# ## Ten rounds
#
# One round over all training images is an *epoch*. Whole trainings of ten epochs say the same. The
# recipe `scratch` is the original: {{scratch.mean:.1f}} ± {{scratch.std:.1f}} % over {{scratch.n}}
# seeds (a *seed* decides the random weights and the order). Its spread is the swing. The recipe
# `scratch-steady` lets the rate fall from 0.1 to 0: {{scratch-steady.mean:.2f}} ±
# {{scratch-steady.std:.2f}} %.
#
# ![Loss and accuracy of both recipes, epoch by epoch](../scratch-curves.png)
#
# See it with your own eyes: on [the playground](playground/index.html), set the learning rate to 2 and
# the images a step to 1, and press Train. Then set 128 images a step.
#
# ## What you take along
#
# - The gradient of a batch is the true one plus noise. The noise falls with the square root of the
#   batch.
# - A constant, large rate never settles. Let it fall.
# - Do not report the best moment of a training. Fix the last step before, and report what it gives.
#
# Next: [more layers, and better steps](06-deeper.md).
