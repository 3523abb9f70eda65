# %% [markdown]
# # 7. Convolution
#
# Shift a digit by three pixels, and you read the same digit. The networks so far do not: to them
# it is another row of 784 numbers. In this lesson a network looks at small patches instead, with the
# same few weights everywhere. That is called *convolution*, and most good readers of images use it.
#
# You need lessons 3 to 6. The layers of lesson 3 are called *dense* from here on: each neuron sees every
# number. The networks of this lesson are written in PyTorch, which finds the gradients itself.

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
# `image[row : row + 3, column : column + 3]` is the patch at one of them. Multiply it with the kernel,
# number by number. The image may have any size.

# %% tags=["check"]
ramp = np.arange(20.0).reshape(4, 5)
centre = np.zeros((3, 3))
centre[1, 1] = 1
check_slide = exercise(
    [
        (ramp, centre, ramp[1:-1, 1:-1]),
        (ramp, np.ones((3, 3)), np.array([[54.0, 63, 72], [99, 108, 117]])),
        (
            ramp,
            np.arange(9.0).reshape(3, 3),
            np.array([[312.0, 348, 384], [492, 528, 564]]),
        ),
    ],
    {
        "Multiply number by number: `*`, not `@`": lambda image, kernel: (
            np.array(
                [
                    [
                        (image[r : r + 3, c : c + 3] @ kernel).sum()
                        for c in range(3)
                    ]
                    for r in range(2)
                ]
            )
        ),
        "Add up the products of each patch: .sum()": lambda image, kernel: (
            np.array(
                [
                    [image[r : r + 3, c : c + 3] * kernel for c in range(3)]
                    for r in range(2)
                ]
            )
        ),
        "Rows are the outer loop, columns the inner one": lambda image, kernel: (
            np.array(
                [
                    [
                        (image[r : r + 3, c : c + 3] * kernel).sum()
                        for r in range(2)
                    ]
                    for c in range(3)
                ]
            )
        ),
        "There are W - 2 places in a row, and H - 2 rows": lambda image, kernel: (
            np.array(
                [
                    [
                        (image[r : r + 3, c : c + 3] * kernel).sum()
                        for c in range(2)
                    ]
                    for r in range(1)
                ]
            )
        ),
    },
)


# %% tags=["exercise"]
def slide(image, kernel):
    """The feature map of an image (H, W): (H - 2, W - 2)."""
    pass  # your lines


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
# A kernel of 3x3 loses a row and a column at each side. So a border of zeros is often put around the image
# first: *padding*. The map then has the size of the image.
#
# Here is an image, and its maps by two kernels written by hand. The first is large where ink lies above
# and paper below: the lower edge of a stroke. The second looks for edges on the right.

# %% alt="A 5, and its feature maps for lower edges and for right edges, in red and blue"
lower = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]])
digit = images[0, 0]
maps = [
    digit,
    *(np.pad(slide(digit, kernel), 1) for kernel in (lower, lower.T)),
]
plots.contact_sheet(
    plots.tint(np.stack(maps)[:, None].astype(np.float32)),
    ["image", "lower edges", "right edges"],
)

# %% [markdown]
# Red is a strong yes, blue a strong no. A network does not get such kernels. It learns them.
#
# ## Layers of convolutions
#
# A convolution has many kernels, and makes as many maps. The next one takes all these maps as its
# input. Each of its kernels has 3x3 weights *for every* input map, and adds all products into one sum. In
# between, *pooling* keeps the largest value of each 2x2 places. The map gets half as high and half as
# wide. It still knows what was found. It knows less exactly where.
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
        "One bias for each output map, not for each input map": lambda i, o: (
            10 * i * o
        ),
        "A kernel has 3x3 weights, not 3": lambda i, o: 3 * i * o + o,
        "Each output map has weights for each input map: multiply": lambda i, o: (
            9 * i + o
        ),
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
def weights_of(inputs, outputs):
    pass  # your line


check_count(weights_of)


# %% tags=["solution"]
def weights_of(inputs, outputs):
    return 9 * inputs * outputs + outputs


check_count(weights_of)

# %% [markdown]
# ## Against a dense network
#
# Both learn from the same 10,000 images, three epochs, with Adam. `nn.Sequential` runs layers one after
# the other. `nn.Conv2d(8, 16, 3, padding=1)` has 8 input maps, 16 output maps and kernels of 3x3.
# `nn.Linear` is a dense layer, and a *tensor* is PyTorch's array.


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
        # in random order, cut into batches
        for rows in torch.randperm(len(x)).split(batch):
            # takes logits: softmax is inside
            loss = nn.functional.cross_entropy(network(x[rows]), t[rows])
            optimizer.zero_grad()  # forget the last gradient
            loss.backward()  # backpropagation, as in lesson 4
            optimizer.step()
    return network


def accuracy(network, x):
    with torch.no_grad():  # no gradients are needed
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
    shifted = np.roll(unseen, pixels, 3)  # along axis 3, the columns
    found = [
        f"{name} {accuracy(network, shifted):.0%}"
        for name, network in networks.items()
    ]
    print(f"shifted by {pixels}:", ", ".join(found))

# %% [markdown]
# Both get worse, since the last layer of each is dense and knows places. The convolutional network loses
# less. Training with shifted images helps more: the next lesson does it.
#
# ## What it looks for

# %% alt="The eight kernels of the first layer, 3x3 pixels each, in red and blue"
# each weight as a square of 9x9 pixels
kernels = networks["convolutional"][0].weight.detach().numpy()
plots.contact_sheet(
    plots.tint(kernels).repeat(9, 2).repeat(9, 3), [str(n) for n in range(8)]
)

# %% alt="The eight feature maps of a 5"
with torch.no_grad():  # [:2]: only the first two layers, convolution and ReLU
    maps = networks["convolutional"][:2](torch.from_numpy(images[:1]))[
        0
    ].numpy()
plots.contact_sheet((maps / maps.max())[:, None], [str(n) for n in range(8)])

# %% [markdown]
# Each map answers one question at every place. Some ask for edges of one direction, some for any ink. A
# black map found nothing: its sums lie below 0, and the ReLU makes 0 of them. On [the
# playground](playground/index.html) you can watch the maps of the network that Inkling brings along while
# you draw.
#
# The recipe `sprint` is a network of this kind with two convolutions. It reads {{sprint.mean:.2f}} %
# after {{sprint.train_seconds:.1f}} seconds of training ({{sprint.n}} seeds, two cores).
#
# ## In short
#
# - A convolution asks the same small question everywhere. It needs few weights.
# - Pooling keeps what was found, and forgets a little where.
# - Its parameters (weights and biases): kernel places x input maps x output maps, and a bias for each
#   output map.
#
# Next: [why 99 % on MNIST may be 90 % on your desk](08-other-hands.md).
