"""The network 784-100-10 in plain Python: lists, loops and the standard library, nothing else.

    python benchmarks/pure_python.py [IMAGES]    (default: 1,000 of the 60,000 training images)

It learns one image a step at a learning rate of 0.5, then reads the first 1,000 test images. With
the same weights, its numbers are those of inkling/networks/scratch.py to 1e-9
(tests/test_scratch.py). It reads MNIST's IDX files from the folder that INKLING_DATA names.
Pattern: the network in plain Elixir from which Inkling began.
"""

import gzip
import math
import os
import random
import sys
import time
from itertools import pairwise
from pathlib import Path

SIZES = (784, 100, 10)
LEARNING_RATE = 0.5
SEED = 0


def main():
    """Learn, read test images, and print the time and the accuracy."""
    text = sys.argv[1] if len(sys.argv) > 1 else "1000"
    images = int(text) if text.isdecimal() else 0
    if not 1 <= images <= 60_000:
        sys.exit(f"Expected a number of images from 1 to 60000, got {text!r}")
    rng = random.Random(SEED)
    hidden, output = (
        (
            [[rng.uniform(-1, 1) * math.sqrt(6 / (i + o)) for _ in range(o)] for _ in range(i)],
            [0.0] * o,
        )
        for i, o in pairwise(SIZES)
    )
    pixels, labels = read("train-images-idx3-ubyte")[16:], read("train-labels-idx1-ubyte")[8:]
    order = rng.sample(range(len(labels)), images)
    began = time.perf_counter()
    for index in order:
        learn(hidden, output, image_of(pixels, index), labels[index], LEARNING_RATE)
    seconds = time.perf_counter() - began
    pixels, labels = read("t10k-images-idx3-ubyte")[16:], read("t10k-labels-idx1-ubyte")[8:]
    read_as = [forward(hidden, output, image_of(pixels, index))[1] for index in range(1000)]
    right = sum(p.index(max(p)) == label for p, label in zip(read_as, labels, strict=False))
    sys.stdout.write(
        f"{images} images learnt in {seconds:.1f} s, {seconds / images * 1e3:.2f} ms each,\n"
        f"so 10 epochs of 60,000 would take {seconds / images * 6e5 / 3600:.1f} hours;\n"
        f"{right / 10:.1f} % of the first 1,000 test images read correctly\n"
    )


def forward(hidden, output, image):
    """The outputs of the hidden layer, and the probabilities, of an image: 784 values in [0, 1]."""
    values = [0.5 * math.tanh(0.5 * z) + 0.5 for z in dense(hidden, image)]  # 1 / (1 + e^-z)
    logits = dense(output, values)
    powers = [math.exp(z - max(logits)) for z in logits]
    total = sum(powers)
    return values, [power / total for power in powers]


def dense(layer, inputs):
    """z = x W + b. The weights are a list of rows, one for each input."""
    weights, bias = layer
    sums = list(bias)
    for value, row in zip(inputs, weights, strict=True):
        if value:  # a pixel of 0 adds nothing
            for column, weight in enumerate(row):
                sums[column] += value * weight
    return sums


def learn(hidden, output, image, label, rate):
    """One step of gradient descent on one image. Changes both layers, and returns the loss."""
    values, probabilities = forward(hidden, output, image)
    slopes = [p - (k == label) for k, p in enumerate(probabilities)]  # dL/dz = p - t
    below = [  # dL/dz of the hidden layer = (W dL/dz) a (1 - a)
        sum(weight * slope for weight, slope in zip(row, slopes, strict=True)) * a * (1 - a)
        for row, a in zip(output[0], values, strict=True)
    ]
    descend(output, values, slopes, rate)
    descend(hidden, image, below, rate)
    return -math.log(probabilities[label])


def descend(layer, inputs, slopes, rate):
    """W - r x' dL/dz and b - r dL/dz, in place; r is the learning rate."""
    weights, bias = layer
    for value, row in zip(inputs, weights, strict=True):
        if value:
            for column, slope in enumerate(slopes):
                row[column] -= rate * value * slope
    for column, slope in enumerate(slopes):
        bias[column] -= rate * slope


def image_of(pixels, index):
    """The pixels of an image: 784 values in [0, 1]."""
    return [pixel / 255 for pixel in pixels[784 * index : 784 * (index + 1)]]


def read(name):
    """The bytes of a file of MNIST, which may be compressed, as published, or unpacked."""
    path = Path(os.environ.get("INKLING_DATA", ".")) / "mnist" / name
    if path.exists():
        return path.read_bytes()
    if path.with_name(name + ".gz").exists():
        return gzip.decompress(path.with_name(name + ".gz").read_bytes())
    sys.exit(
        f"{path}: expected a file of MNIST, found none. INKLING_DATA names the folder of mnist/"
    )


if __name__ == "__main__":
    main()
