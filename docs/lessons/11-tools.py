# %% [markdown]
# # 11. What tools buy
#
# The network of lesson 4 can be written with Python lists, with NumPy, or with PyTorch. The mathematics
# is the same, and so are the results. What differs is how long it takes, and how much you write. In this
# lesson you measure both, and learn how to measure.
#
# You need lesson 4.

# %%
import time

import inkling
import numpy as np
import torch
from inkling.exercises import exercise
from inkling.plots import charts

mnist = inkling.load_data("mnist")
images = mnist.train[:1000].images().reshape(-1, 784)
weights = (
    np.random.default_rng(0).normal(0, 0.05, (784, 100)).astype(np.float32)
)

# %% [markdown]
# ## Exercise 1: with lists
#
# The first half of a layer is a product: a row of 784 numbers times a matrix of 784 rows and 100
# columns. Output j is the sum of `x[i] * W[i][j]` over all i. Write it with plain Python, for lists of any
# length: no NumPy.

# %% tags=["check"]
check_product = exercise(
    [
        ([1.0, 2.0], [[1.0, 0.0, 3.0], [0.0, 1.0, 1.0]], [1.0, 2.0, 5.0]),
        ([2.0], [[4.0, 5.0]], [8.0, 10.0]),
    ],
    {
        "One sum for each column of W, over all rows": lambda x, W: [
            sum(a * b for a, b in zip(x, row)) for row in W
        ],
        "Multiply each row of W by its x": lambda x, W: [
            sum(column) for column in zip(*W)
        ],
    },
)


# %% tags=["exercise"]
def product(x, W):
    pass  # your lines


check_product(product)


# %% tags=["solution"]
def product(x, W):
    return [
        sum(x[i] * W[i][j] for i in range(len(x))) for j in range(len(W[0]))
    ]


check_product(product)

# %% [markdown]
# ## How to measure
#
# A time that is measured once tells little. The machine does other things, and the first call is slow: it
# loads code, and its data are not yet near the processor. So call once before, measure several times, and take the *median*: the
# middle one. And never compare two figures from different machines or days.


# %%
def seconds(function, repeats=5):
    """The median time of a call."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


rows, table = images.tolist(), weights.tolist()
tensor, matrix = torch.from_numpy(images), torch.from_numpy(weights)

# %% tags=["varies"]
an_image = {
    "lists": seconds(lambda: product(rows[0], table)),
    "NumPy, one at a time": seconds(lambda: [x @ weights for x in images])
    / 1000,
    "NumPy, all at once": seconds(lambda: images @ weights) / 1000,
    "PyTorch, all at once": seconds(lambda: tensor @ matrix) / 1000,
}
for name, taken in an_image.items():
    print(f"{name:22} {taken * 1e6:9.2f} µs an image")

# %% alt="The four times as bars on a logarithmic scale"
charts.bars(
    list(an_image),
    [1e6 * taken for taken in an_image.values()],
    "microseconds an image",
)

# %% [markdown]
# From lists to NumPy, the same sums run in compiled code, and several at once: a processor multiplies 8
# or 16 numbers in one instruction. From one image to all at once, the cost of a call is shared, and the
# matrix is fetched from memory once instead of a thousand times. PyTorch calls a library like NumPy's, so
# for this product it brings no more.
#
# ## Exercise 2: without a loop
#
# The art in NumPy is to say what you want for the whole array. Write the accuracy without any loop.
# `probabilities` is (N, 10), `labels` is (N,).

# %% tags=["check"]
some = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.9, 0.1]])
check_accuracy = exercise(
    [
        (some, np.array([1, 0, 0, 0, 1]), 0.6),
        (some, np.array([0, 1, 0, 1, 1]), 0.0),
    ],
    {
        "Count the right ones: ==": lambda p, labels: np.mean(
            p.argmax(1) != labels
        ),
        "The share, not the count: .mean()": lambda p, labels: (
            p.argmax(1) == labels
        ).sum(),
        "The largest of each row: argmax(1)": lambda p, labels: np.mean(
            p.argmax() == labels
        ),
    },
)


# %% tags=["exercise"]
def accuracy(probabilities, labels):
    pass  # your line


check_accuracy(accuracy)


# %% tags=["solution"]
def accuracy(probabilities, labels):
    return np.mean(probabilities.argmax(1) == labels)


check_accuracy(accuracy)

# %% [markdown]
# ## Gradients without writing them
#
# What PyTorch saves you is the way back. You write the way forward, and it finds the gradient. Here the loss
# is the sum of all squared answers of a layer. By hand: the slope of a² is 2a, that of the sigmoid is
# a (1 - a), so the error is 2a * a (1 - a).

# %%
W = matrix.clone().requires_grad_()  # PyTorch notes what is done with W
loss = torch.sigmoid(tensor[:10] @ W).square().sum()
loss.backward()  # all slopes

a = 1 / (1 + np.exp(-images[:10] @ weights))
by_hand = images[:10].T @ (
    2 * a * a * (1 - a)
)  # input times error, as in lesson 4
print(
    "the same gradient:", bool(np.allclose(W.grad.numpy(), by_hand, atol=1e-4))
)

# %% [markdown]
# For two layers, you can do it by hand. For twenty, with convolutions, you do not want to.
#
# ## The whole training
#
# This is the whole network of lesson 4, trained for an epoch by eight engines, all in one run on one
# machine ({{engines.machine.processor}}, {{engines.machine.cores}} cores):
#
# | engine | images a step | seconds an epoch | times as fast | accuracy | lines |
# | --- | --- | --- | --- | --- | --- |
# {{engines.rows * | {name} | {batch} | {seconds_an_epoch:.3g} | {times_as_fast:.3g} | {accuracy} | {lines} |}}
#
# (Accuracy is in per cent of the test images, after ten epochs. Lists would take too long for it.)
#
# *Pure* makes new arrays at each step, and overwrites none. *Lines* are lines of code. JAX is another
# library, which compiles whole steps. bfloat16 are numbers of 16 bits: less exact, and faster on some
# machines.
#
# Going from lists to NumPy makes it 17 to 34 times as fast. Batches make it seven times as fast again. For
# a network as small as this, NumPy is the fastest, while PyTorch and JAX need a third of the lines or
# fewer. Their speed pays off where the arithmetic is large, as with convolutions.
# [Engines](../engines.md) has the details.
#
# ## In short
#
# - Say it for whole arrays. Loops over numbers are what is slow in Python.
# - A library buys speed, or it buys less writing. Know which one you need.
# - Measure: warm up, repeat, take the median, compare within one run.
#
# The last lesson is about [figures that one can believe](12-records.md).
