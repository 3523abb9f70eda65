# %% [markdown]
# # 3. A layer, softmax and cross-entropy
#
# One neuron tells two digits apart. Ten neurons side by side tell ten digits apart. They are called a
# *layer*. In this lesson you build one, and find out how far it gets.
#
# You need lesson 2: neuron, loss, slope, learning rate.

# %%
import inkling
import numpy as np
from inkling import plots
from inkling.exercises import exercise

mnist = inkling.load_data("mnist")
images, labels = mnist.train.images().reshape(-1, 784), mnist.train.labels
unseen, unseen_labels = (
    mnist.validation.images().reshape(-1, 784),
    mnist.validation.labels,
)

# %% [markdown]
# ## Ten sums at once
#
# Each neuron has 784 weights. Write them as the columns of a table with 784 rows and 10 columns, a
# *matrix* W. `x @ W` multiplies x with each column, as `x @ w` did with one. So `x @ W + b` gives all ten
# sums in one go: the *logits*. Each belongs to one possible answer, a *class*: here, a digit.

# %%
W, b = np.zeros((784, 10)), np.zeros(10)
print((images[0] @ W + b).shape)

# %% [markdown]
# ## From sums to probabilities
#
# The ten answers should be probabilities: none below 0, and together 1. The sigmoid cannot do that,
# since each neuron would squeeze its sum without looking at the others. *Softmax* can. It makes all
# sums positive by the exponential function, and divides each by their total.
#
#     pₖ = e^zₖ / (e^z₀ + e^z₁ + … + e^z₉)
#
# ## Exercise 1: softmax
#
# Write a function that makes probabilities of a row of sums. There is one trap: e¹⁰⁰⁰ is too large for a
# computer. But if the same number is subtracted from all sums, all powers shrink by the same factor, and
# softmax does not change. So subtract the largest sum first.

# %% tags=["check"]
check_softmax = exercise(
    [
        (np.array([0.0, 0.0]), np.array([0.5, 0.5])),
        (np.array([0.0, np.log(3)]), np.array([0.25, 0.75])),
        (np.array([1000.0, 1000.0]), np.array([0.5, 0.5])),
    ],
    {
        "Divide by the sum of the powers": lambda z: np.exp(z - z.max()),
        "Large sums overflow: subtract z.max() first": lambda z: (
            np.full(2, np.nan) if z.max() > 700 else np.exp(z) / np.exp(z).sum()
        ),
    },
)


# %% tags=["exercise"]
def softmax(z):
    pass  # your lines


check_softmax(softmax)


# %% tags=["solution"]
def softmax(z):
    powers = np.exp(z - z.max())
    return powers / powers.sum()


check_softmax(softmax)

# %% [markdown]
# ## The loss of ten answers
#
# The cross-entropy looks at one of the ten probabilities only: that of the right digit.
#
#     L = -log p(label)
#
# Before any learning, every digit has the probability 1/10. So the first loss of a network with ten
# classes should be near -log 0.1 = 2.30. If yours is far off, look for the mistake before you train.

# %%
p = softmax(images[0] @ W + b)
print(
    f"The label is {labels[0]}. Its probability is {p[labels[0]]:.2f}, the loss {-np.log(p[labels[0]]):.2f}."
)

# %% [markdown]
# ## The slope
#
# Write the target as ten numbers as well: 1 at the label, 0 elsewhere. This is called *one-hot*. Here,
# too, most of the chain rule cancels. The slope of the loss along each logit is the error:
#
#     dL/dzₖ = pₖ - tₖ
#
# And the slope along the weight from pixel i to neuron k is, as before, the pixel times the error:
# `np.outer(x, p - t)` computes all 7,840 of them.
#
# ## Exercise 2: the targets
#
# Write a function that turns labels into rows of targets. `np.eye(3)` is a table with 1 at the places
# (0, 0), (1, 1) and (2, 2), and 0 elsewhere. A list of places as an index picks rows: `table[[2, 0]]` is
# row 2, then row 0.

# %% tags=["check"]
check_targets = exercise(
    [
        (np.array([1, 0]), 3, np.array([[0.0, 1, 0], [1, 0, 0]])),
        (np.array([2]), 4, np.array([[0.0, 0, 1, 0]])),
    ],
    {
        "A row for each label, a column for each class": lambda labels, classes: (
            (np.arange(classes)[:, None] == labels) * 1.0
        ),
        "Pick the rows of these labels": lambda labels, classes: np.eye(
            classes
        ),
    },
)


# %% tags=["exercise"]
def one_hot(labels, classes):
    """(N,) labels -> (N, classes): 1 at the label of each row."""
    pass  # your line


check_targets(one_hot)


# %% tags=["solution"]
def one_hot(labels, classes):
    return np.eye(classes)[labels]


check_targets(one_hot)

# %% [markdown]
# ## Learn
#
# 5,000 images, a step after each, as in lesson 2.

# %%
targets = one_hot(labels, 10)
losses = []
for x, t in zip(images[:5000], targets[:5000]):
    p = softmax(x @ W + b)
    losses.append(-np.log(p @ t))  # p @ t: the probability of the right digit
    W = W - 0.05 * np.outer(x, p - t)  # a table: each pixel times each error
    b = b - 0.05 * (p - t)


def accuracy():
    """The share that is read correctly: where the largest sum is the label's."""
    return np.mean((unseen @ W + b).argmax(1) == unseen_labels)


print(
    f"loss of the first 100 images: {np.mean(losses[:100]):.2f}, of the last: {np.mean(losses[-100:]):.2f}"
)
print(f"accuracy on unseen images: {accuracy():.1%}")

# %% [markdown]
# The layer reads more than the nearest mean of lesson 1, after 5,000 images. Two rounds over all 55,000,
# with shorter steps:

# %%
for _ in range(2):
    for x, t in zip(images, targets):
        p = softmax(x @ W + b)
        W = W - 0.01 * np.outer(x, p - t)
        b = b - 0.01 * (p - t)
    print(f"accuracy on unseen images: {accuracy():.1%}")

# %% alt="The weights of the ten neurons, one picture for each digit"
plots.contact_sheet(
    plots.tint(W.T.reshape(10, 1, 28, 28).astype(np.float32)),
    [str(digit) for digit in range(10)],
)

# %% [markdown]
# It ends at about 91 of 100, and the second round brings hardly anything. Each neuron can only add up
# pixels for and against its digit, as if a digit were a stencil. A 7 that stands further left misses the
# stencil.
#
# ## In short
#
# - A layer is a matrix of weights and a row of biases.
# - Softmax turns logits into probabilities. Subtract the largest first.
# - The loss is -log of the right digit's probability. With ten classes, it starts near 2.30.
# - One layer reads about 91 %. To get further, it needs [a layer in between](04-backpropagation.md).
