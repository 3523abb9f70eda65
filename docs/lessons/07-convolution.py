# %% [markdown]
# # 7. Convolution
#
# Shift a digit by three pixels, and you read the same digit. The networks so far do not: to them
# it is another row of 784 numbers. In this lesson a network looks at small patches instead, with the
# same few weights everywhere. That is called *convolution*, and every good reader of images has used it.
#
# You need lessons 3 to 6. The networks of this lesson are written in PyTorch, which finds the gradients
# itself.

# %%
import inkling
import numpy as np
import torch
from inkling import plots
from inkling.exercises import exercise
from torch import nn

mnist = inkling.load_data("mnist")
images, labels = (
    mnist.train.images()[:10_000],
    mnist.train.labels[:10_000].astype(np.int64),
)
unseen, unseen_labels = mnist.validation.images(), mnist.validation.labels

# %% [markdown]
# ## A patch
#
# Take nine weights, three by three, a *kernel*. Lay it on a patch of the image, multiply each weight
# by the pixel below it, and add up. The sum says how much the patch looks like the kernel. Then slide
# the kernel by one pixel, and do it again, everywhere. The result is an image again: a *feature map*.
#
# ## Exercise 1: slide a kernel
#
# An image of H rows and W columns has (H - 2) x (W - 2) places for a kernel of 3x3.
# `image[row : row + 3, column : column + 3]` is the patch at one of them.

# %% tags=["check"]
ramp = np.arange(20.0).reshape(4, 5)
centre = np.zeros((3, 3))
centre[1, 1] = 1
check_slide = exercise(
    [
        (ramp, centre, ramp[1:-1, 1:-1]),
        (ramp, np.ones((3, 3)), np.array([[54.0, 63, 72], [99, 108, 117]])),
    ],
    {
        "Add up the products: .sum()": lambda image, kernel: np.array(
            [[kernel[1, 1] * image[1, 1]] * 3] * 2
        ),
    },
)


# %% tags=["exercise"]
def slide(image, kernel):
    """The feature map of an image (H, W): (H - 2, W - 2)."""
    ...  # your lines


check_slide(slide)


# %% tags=["solution"]
def slide(image, kernel):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    return np.array(
        [
            [
                (image[r : r + 3, c : c + 3] * kernel).sum()
                for c in range(columns)
            ]
            for r in range(rows)
        ]
    )


check_slide(slide)

# %% [markdown]
# Here are two kernels written by hand. The first is large where ink lies above and paper below: the
# lower edge of a stroke. The second looks for edges on the right.

# %% alt="A 5, and its feature maps for lower edges and for right edges, in red and blue"
lower = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]])
right = lower.T
digit = images[0, 0]
maps = np.stack(
    [
        np.pad(slide(digit, kernel), 1)
        for kernel in (np.eye(3) * 0 + centre, lower, right)
    ]
)
plots.contact_sheet(
    plots.tint(maps[:, None].astype(np.float32)),
    ["image", "lower edges", "right edges"],
)

# %% [markdown]
# Red is a strong yes, blue a strong no. A network does not get such kernels. It learns them.
#
# ## Layers of convolutions
#
# A convolution has many kernels, and makes as many maps. The next one takes all these maps as its
# input: its kernels look at 3x3 places of every map. In between, *pooling* keeps the largest value of
# each 2x2 places. It halves the map, and what is left matters more than where exactly it was.
#
#     image  1 x 28 x 28
#       8 kernels 3x3, pool    ->   8 x 14 x 14     small strokes and edges
#      16 kernels 3x3, pool    ->  16 x  7 x  7     corners, ends, bows
#      one dense layer         ->  10 logits
#
# ## Exercise 2: count the weights
#
# A kernel has a weight for each of its 3x3 places in each input map. Each output map has one kernel
# and one bias. How many numbers does such a layer learn?

# %% tags=["check"]
check_count = exercise(
    [(1, 8, 80), (8, 16, 1168), (3, 64, 1792)],
    {
        "Each output map has a bias": lambda inputs, outputs: (
            9 * inputs * outputs
        ),
        "One bias for each output map, and no more": lambda inputs, outputs: (
            9 * inputs * outputs + 1
        ),
        "The kernel of an output map has weights for each input map": lambda inputs, outputs: (
            10 * outputs
        ),
    },
)


# %% tags=["exercise"]
def weights_of(inputs, outputs): ...  # your line


check_count(weights_of)


# %% tags=["solution"]
def weights_of(inputs, outputs):
    return 9 * inputs * outputs + outputs


check_count(weights_of)

# %% [markdown]
# ## Against a dense network
#
# Both learn from the same 10,000 images, three epochs, with Adam.


# %%
def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 7 * 7, 10),
    )  # fmt: skip


def dense():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)
    )


def train(network, epochs=3, batch=50):
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), 0.003)
    x, t = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            loss = nn.functional.cross_entropy(network(x[rows]), t[rows])
            optimizer.zero_grad()
            loss.backward()  # backpropagation, as in lesson 4
            optimizer.step()
    return network


def accuracy(network, x):
    with torch.no_grad():
        read = network(torch.from_numpy(x)).argmax(1).numpy()
    return np.mean(read == unseen_labels)


torch.manual_seed(0)
networks = {"dense": train(dense()), "convolutional": train(convolutional())}
for name, network in networks.items():
    size = sum(array.numel() for array in network.parameters())
    print(f"{name:14} {size:6,} weights: {accuracy(network, unseen):.1%}")

# %% [markdown]
# A tenth of the weights, and about half the mistakes. Now shift all unseen images to the right. The networks
# never saw such images.

# %% tolerance=0.15
for pixels in (0, 1, 2, 3):
    shifted = np.roll(unseen, pixels, 3)
    found = [
        f"{name} {accuracy(network, shifted):.0%}"
        for name, network in networks.items()
    ]
    print(f"shifted by {pixels}:", ", ".join(found))

# %% [markdown]
# Both get worse, since the last layer of each is dense and knows places. The convolutional one falls
# later. The next lesson mends the rest, by training with shifted images.
#
# ## What it looks for

# %% alt="The eight kernels of the first layer, 3x3 pixels each, in red and blue"
kernels = networks["convolutional"][0].weight.detach().numpy()
plots.contact_sheet(
    plots.tint(kernels).repeat(9, 2).repeat(9, 3), [str(n) for n in range(8)]
)

# %% alt="The eight feature maps of a 5"
with torch.no_grad():
    maps = networks["convolutional"][:2](torch.from_numpy(images[:1]))[
        0
    ].numpy()
plots.contact_sheet((maps / maps.max())[:, None], [str(n) for n in range(8)])

# %% [markdown]
# Each map answers one question at every place: is there an edge of this direction here? On [the
# playground](playground/index.html) you can watch the maps of the network that ships while you draw.
#
# The recipe `sprint` is a network of this kind with two convolutions. It reads {{sprint.mean:.2f}} %
# after {{sprint.train_seconds:.1f}} seconds of training ({{sprint.n}} seeds, two cores).
#
# ## What you take along
#
# - A convolution asks the same small question everywhere. It needs few weights.
# - Pooling keeps what was found, and forgets a little where.
# - Parameters: kernel places x input maps x output maps, and a bias for each output map.
#
# Next: [why 99 % on MNIST may be 90 % on your desk](08-other-hands.md).
