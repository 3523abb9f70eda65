# %% [markdown]
# # 2. One neuron
#
# In this lesson a single *neuron* learns to tell zeros from ones. It learns by walking downhill: the
# same idea that trains every network in this course, and every large network in the world.
#
# You need lesson 1, and what a slope is: how much y changes if x changes a little.

# %%
import inkling
import numpy as np
from inkling import plots
from inkling.exercises import exercise

mnist = inkling.load_data("mnist")


def zeros_and_ones(part):
    """Images as rows of 784 numbers, and t: 1 for a zero, 0 for a one."""
    chosen = part[part.labels <= 1]  # only the images whose label is 0 or 1
    rows = chosen.images().reshape(-1, 784)  # -1: as many rows as there are
    return rows, (chosen.labels == 0).astype(float)  # True becomes 1, False 0


images, targets = zeros_and_ones(mnist.train)
unseen, unseen_targets = zeros_and_ones(mnist.validation)
print(images.shape, "images to learn from,", len(unseen), "to test with")

# %% [markdown]
# ## What a neuron computes
#
# A neuron has a *weight* for each pixel. It multiplies each pixel by its weight and adds all up. It
# adds one more number, the *bias*. The sum is called z.
#
#     z = x₁w₁ + x₂w₂ + … + x₇₈₄w₇₈₄ + b
#
# A large z shall mean "surely a zero", and a z far below 0 "surely a one". To make a probability of
# z, it is squeezed between 0 and 1 by the *sigmoid*:
#
#     a = 1 / (1 + e⁻ᶻ)
#
# ## Exercise 1: the sigmoid
#
# `np.exp(z)` is eᶻ.

# %% tags=["check"]
check_sigmoid = exercise(
    [
        (0.0, 0.5),
        (2.0, 0.8808),
        (-2.0, 0.1192),
        (np.array([0.0, 2.0]), np.array([0.5, 0.8808])),
    ],
    {
        "The exponent needs a minus: np.exp(-z)": lambda z: 1 / (1 + np.exp(z)),
        "Divide 1 by all of 1 + np.exp(-z): use brackets": lambda z: (
            1 / 1 + np.exp(-z)
        ),
        "Add 1 before you divide": lambda z: 1 / np.exp(-z),
    },
)


# %% tags=["exercise"]
def sigmoid(z):
    pass  # your line


check_sigmoid(sigmoid)


# %% tags=["solution"]
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


check_sigmoid(sigmoid)

# %% [markdown]
# A neuron with weights of 0 knows nothing. It gives every image a probability of one half. In NumPy,
# `x @ w` multiplies two rows of numbers pairwise and adds up. If x has many rows, it does so for each.

# %%
weights, bias = np.zeros(784), 0.0
print(sigmoid(images[0] @ weights + bias))

# %% [markdown]
# ## How wrong is it?
#
# Let a be the neuron's answer and t the right one (the *target*), 1 or 0. The *loss* says how wrong
# the answer is. We take the *cross-entropy*, with the natural logarithm:
#
#     L = -log a         where t = 1
#     L = -log (1 - a)   where t = 0
#
# It is near 0 where the neuron is sure and right. It is large where it is sure and wrong.

# %%
for a in (0.99, 0.5, 0.01):
    print(
        f"The image is a zero, and the neuron says {a:.0%}: the loss is {-np.log(a):.2f}"
    )

# %% [markdown]
# ## Downhill
#
# Think of the loss as the height of a landscape. To change a weight is to walk in one direction. To
# learn is to find out which way is down, and to take a small step that way.
#
# Which way is down? You can find out by trying: move one weight a little, and see whether the loss
# falls.

# %%
x, t = images[0], targets[0]


def loss(weights, bias):
    a = sigmoid(x @ weights + bias)
    return -np.log(a) if t else -np.log(1 - a)


pixel = x.argmax()  # one with much ink
moved = weights.copy()
moved[pixel] += 0.001
slope = (loss(moved, bias) - loss(weights, bias)) / 0.001
print(
    f"The target is {t:.0f}. Along the weight of pixel {pixel}, the slope is {slope:.3f}."
)

# %% [markdown]
# To try all 784 weights for each image takes long. Calculus gives all slopes at once. Write dL/da for
# the slope of L along a. The loss depends on a, a on z, and z on each weight, so the three slopes are
# multiplied (the *chain rule*):
#
#     dL/da = (a - t) / (a (1 - a))      da/dz = a (1 - a)      dz/dwᵢ = xᵢ
#
# Most of it cancels, and what remains is short:
#
#     dL/dwᵢ = (a - t) xᵢ
#
# The slope is the *error* times the pixel. If you have not met derivatives, take the formula as it
# is: we have a way to check it.

# %%
a = sigmoid(x @ weights + bias)
print(f"By the formula, the slope is {(a - t) * x[pixel]:.3f}.")

# %% [markdown]
# ## Exercise 2: a step downhill
#
# Write one step. Each weight moves against its slope: compute a, and subtract `rate` times the slope.
# The *learning rate* says how long the step is.

# %% tags=["check"]
pair = np.array([1.0, 0.5])
check_step = exercise(
    [
        (np.zeros(2), pair, 1.0, 0.1, np.array([0.05, 0.025])),
        (np.zeros(2), pair, 0.0, 0.1, np.array([-0.05, -0.025])),
        (np.array([2.0, 0.0]), pair, 0.0, 1.0, np.array([1.1192, -0.4404])),
    ],
    {
        "This walks uphill: subtract the slope": lambda w, x, t, rate: (
            w + rate * (sigmoid(x @ w) - t) * x
        ),
        "The slope is the error times the pixel: multiply by x": lambda w, x, t, rate: (
            w - rate * (sigmoid(x @ w) - t)
        ),
        "The error is a - t, not t - a": lambda w, x, t, rate: (
            w - rate * (t - sigmoid(x @ w)) * x
        ),
        "Return the new weights, not the step": lambda w, x, t, rate: (
            rate * (sigmoid(x @ w) - t) * x
        ),
        "Squeeze the sum: a = sigmoid(x @ weights)": lambda w, x, t, rate: (
            w - rate * (x @ w - t) * x
        ),
        "Compute a inside the function, of these weights": lambda w, x, t, rate: (
            w - rate * (0.5 - t) * x
        ),
        "Multiply the slope by the rate": lambda w, x, t, rate: (
            w - (sigmoid(x @ w) - t) * x
        ),
    },
)


# %% tags=["exercise"]
def stepped(weights, x, t, rate):
    """The weights after a step; here, the bias is left out."""
    pass  # your lines


check_step(stepped)


# %% tags=["solution"]
def stepped(weights, x, t, rate):
    a = sigmoid(x @ weights)
    return weights - rate * (a - t) * x


check_step(stepped)

# %% [markdown]
# ## Let it learn
#
# The neuron looks at 500 images, one after the other, and takes a step after each. The bias has no
# pixel: its slope is the error, as if its pixel were always 1. The rate 0.1 was found by trying.

# %%
weights, bias = np.zeros(784), 0.0
for x, t in zip(images[:500], targets[:500]):
    a = sigmoid(x @ weights + bias)
    weights = weights - 0.1 * (a - t) * x
    bias = bias - 0.1 * (a - t)

says_zero = sigmoid(unseen @ weights + bias) > 0.5
print(
    f"Right on {np.mean(says_zero == unseen_targets):.1%} of {len(unseen):,} unseen images."
)

# %% [markdown]
# What did it learn? Paint each weight at the place of its pixel: red above 0, blue below 0.

# %% alt="The weights of the neuron: red at the left and right, blue in the middle"
plots.contact_sheet(
    plots.tint(weights.reshape(1, 1, 28, 28).astype(np.float32)), ["weights"]
)

# %% [markdown]
# Ink at the sides speaks for a zero. Ink in the middle speaks against it. Nobody told the neuron. It
# only walked downhill.
#
# Draw a zero on [the playground](playground/index.html), and choose "none" where it says "Hidden
# layers". You see ten such neurons at work, with your own ink. (Lesson 4 says what hidden layers are.)
#
# ## In short
#
# - A neuron is a weighted sum, a bias and a squeeze.
# - A loss says how wrong an answer is. The slope of the loss says how each weight should move.
# - A step: weight minus learning rate times slope.
# - A slope can always be measured. Check formulas that way.
#
# Ten digits need [ten neurons](03-layer.md).
