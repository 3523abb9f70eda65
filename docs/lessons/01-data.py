# %% [markdown]
# # 1. The data, looked at
#
# A program that reads handwriting learns from examples. So the first thing to look at is not the
# program. It is the examples. In this lesson you load 70,000 handwritten digits, look at them, and
# build a reader in five lines. It is a poor reader. All later lessons have to beat it.
#
# You need Python, and in a checkout of Inkling: `pip install '.[notebook,serve,train]'`. Every cell
# below ran when this page was built. The numbers are in arrays of NumPy; what each call does stands
# beside it.
#
# ## Load it
#
# MNIST is a collection of digits. Some 500 people wrote them around 1990: employees of the United
# States' census bureau, and pupils. It comes in parts. `train` is what a program learns from.

# %%
import inkling
import numpy as np
from inkling import plots
from inkling.exercises import exercise

mnist = inkling.load_data("mnist")  # downloaded once, if it is not here
images, labels = mnist.train.images(), mnist.train.labels
print(images.shape, labels.shape)

# %% [markdown]
# There are 55,000 images. Each has one colour channel, 28 rows and 28 columns. The *label* of an
# image is the digit that its writer meant.

# %% alt="Twenty handwritten digits, each with its label below"
plots.contact_sheet(images[:20], [str(label) for label in labels[:20]])

# %% [markdown]
# ## An image is numbers
#
# A program does not see a digit. It gets 784 numbers, one for each pixel: 0 is paper, 1 is ink, and
# what lies between is grey. (On the screen, ink is shown white.) Here is the middle of the first
# image. Every second row is left out.

# %%
print((images[0, 0, 4:24:2, 8:20] * 9).round().astype(int))

# %% [markdown]
# The numbers are multiplied by 9 and rounded, so that they fit on the page. Hold the page at arm's
# length, and you see a part of a 5.
#
# Two questions come before any training. Is the range what you expect? Are there about as many
# images of each digit?

# %%
print("smallest and largest pixel:", images.min(), images.max())
print(
    "images of each digit:", np.bincount(labels)
)  # how often 0, 1, 2 ... occurs

# %% [markdown]
# The range is right, and each digit has about 5,500 images. A third question is whether the labels
# are right. The only way is to look. The twenty above are. A useful trick is to sort the images by
# something simple, and to look at the first and the last. Let us sort by the amount of ink.
#
# ## Exercise 1: the amount of ink
#
# Write a function that gives the share of ink of an image: the mean of its pixels.

# %% tags=["check"]
check_ink = exercise(
    [
        (np.zeros((1, 28, 28)), 0.0),
        (np.ones((1, 28, 28)), 1.0),
        (np.eye(4)[None], 0.25),
        (np.full((1, 2, 2), 0.25), 0.25),
    ],
    {
        "Divide the sum by the number of pixels, image.size": np.sum,
        "Not every image has 784 pixels: use image.size": lambda image: (
            image.sum() / 784
        ),
        "Grey counts as a part of ink: take the mean of the pixels": lambda image: (
            (image > 0).mean()
        ),
    },
)


# %% tags=["exercise"]
def share_of_ink(image):
    pass  # your line


check_ink(share_of_ink)


# %% tags=["solution"]
def share_of_ink(image):
    return image.mean()


check_ink(share_of_ink)

# %% alt="The ten images with the least ink and the ten with the most"
ink = np.array([share_of_ink(image) for image in images])
order = ink.argsort()  # the places of the images, from least ink to most
ends = np.concatenate([order[:10], order[-10:]])
plots.contact_sheet(images[ends], [f"{labels[i]}: {ink[i]:.2f}" for i in ends])

# %% [markdown]
# The images with the least ink are all ones. A thick pen gives the most. Ink alone does not tell
# digits apart, but it is not worthless either.
#
# ## The mean of each digit
#
# Lay all zeros on top of each other, then all ones, and so on. The mean of many images shows what
# they share.

# %% alt="The mean image of each digit, blurred"
# images[labels == digit] are the images with that label. mean(0) is their mean.
means = np.stack([images[labels == digit].mean(0) for digit in range(10)])
print(means.shape)
plots.contact_sheet(means, [str(digit) for digit in range(10)])

# %% [markdown]
# This is enough for a reader. To read an image, find the mean image that is nearest to it. *Near*
# is the same as for points on a map: take the difference in each pixel, square it, and add all up.
#
# ## Exercise 2: the nearest mean
#
# Write the reader. `(means - image) ** 2` subtracts the image from each of the means and squares the
# differences. The result has the shape (10, 1, 28, 28). These four axes are numbered from 0, and axis 0
# counts the means. So `.sum((1, 2, 3))` adds up along the other three, and ten numbers are left.
# `.argmin()` gives the place of the smallest. (The check uses fewer and smaller means.)

# %% tags=["check"]
two = np.stack([np.zeros((1, 2, 2)), np.ones((1, 2, 2))])
check_nearest = exercise(
    [
        (np.full((1, 2, 2), 0.9), two, 1),
        (np.full((1, 2, 2), 0.2), two, 0),
        (np.full((1, 2, 2), 1.0), np.stack([*two, *(2 * two)]), 1),
    ],
    {
        "That is the farthest one: use argmin": lambda image, means: (
            ((means - image) ** 2).sum((1, 2, 3)).argmax()
        ),
        "Add up for each mean alone, before argmin": lambda image, means: (
            (means - image) ** 2
        ).argmin(),
        "Square the differences: the smallest sum may be far below 0": (
            lambda image, means: (means - image).sum((1, 2, 3)).argmin()
        ),
        "That is how near it is. Its place is .argmin()": lambda image, means: (
            ((means - image) ** 2).sum((1, 2, 3)).min()
        ),
    },
)


# %% tags=["exercise"]
def nearest(image, means):
    pass  # your line


check_nearest(nearest)


# %% tags=["solution"]
def nearest(image, means):
    return ((means - image) ** 2).sum((1, 2, 3)).argmin()


check_nearest(nearest)

# %% [markdown]
# ## How good is it?
#
# Never ask a reader about the images that it learnt from. It could have learnt them by heart.
# MNIST has two other parts for this. The 5,000 images of `validation` are for you: test on them as
# often as you like, and choose by them. The 10,000 images of `test` are for the final figure. If you
# look at them often, you start to choose by them. Then the figure is too good. Lesson 12 shows how
# much.

# %%
unseen = mnist.validation
read = np.array([nearest(image, means) for image in unseen.images()])
print(
    f"The nearest mean reads {np.mean(read == unseen.labels):.1%} of {len(read):,} unseen images."
)

# %% [markdown]
# Four of five, with nothing but ten mean images. A larger program has to beat that. Where does it
# fail?

# %% alt="Ten images that the nearest mean misreads"
wrong = np.flatnonzero(read != unseen.labels)[:10]  # the first ten places
plots.contact_sheet(
    unseen.images()[wrong], [f"{unseen.labels[i]} as {read[i]}" for i in wrong]
)

# %% [markdown]
# ## In short
#
# - An image is an array of numbers. A label says what it shows.
# - Look at the data before you train: range, counts, the extremes, the labels.
# - Learn from `train`, choose by `validation`, and report `test` once.
# - Have a simple reader to beat. Here it reads about 80 %.
#
# The reader weighs all pixels alike. The [next lesson](02-neuron.md) lets it learn which pixels
# count.
