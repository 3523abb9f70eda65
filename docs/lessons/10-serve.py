# %% [markdown]
# # 10. Export, serve, batch
#
# A network in a notebook helps nobody else. In this lesson you train one, write it to a file that other
# languages can run, serve it, and ask it from another program.
#
# You need lesson 7. A *server* is a program that waits for requests and answers them. *HTTP* is how browsers
# ask for pages, and it carries pictures and answers as well.

# %%
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import inkling
import numpy as np
import onnxruntime
from inkling import plots
from inkling.exercises import exercise
from PIL import Image

mnist = inkling.load_data("mnist")

# %% [markdown]
# ## Train
#
# `inkling.train` takes a recipe. `sprint` takes a few seconds on two cores.

# %% tolerance=0.01
run = inkling.train("sprint", seed=0)
print(f"reads {run.history[-1].test.accuracy:.1%} of the test images")

# %% [markdown]
# ## Export
#
# PyTorch is a gigabyte, and it is needed only to train. ONNX is a file format for networks: it holds the
# weights, and the list of operations to compute with them. ONNX Runtime, and programs in C, Rust, Java
# or JavaScript, run it.

# %%
path = inkling.export(run.reader, "onnx", "mine.onnx")
session = onnxruntime.InferenceSession(path)
inputs, outputs = session.get_inputs(), session.get_outputs()
print(
    "takes",
    inputs[0].name,
    inputs[0].shape,
    "and gives",
    [output.name for output in outputs],
)

# %% [markdown]
# N stands for any number of images. Export is a translation, and translations can be wrong. So compare: the
# same images must give the same probabilities, up to rounding.

# %%
images = mnist.test[:1000].images()
# run gives a list of outputs, here of one
(probabilities,) = session.run(["probabilities"], {inputs[0].name: images})
difference = np.abs(probabilities - run.reader.probabilities(images)).max()
print("the same within one in 100,000:", bool(difference < 1e-5))

# %% [markdown]
# The file holds more than the network: softmax, and the temperature of lesson 9. Whoever uses it cannot
# forget them. It does not find the ink in a picture: that is before the network.
#
# ## Exercise 1: from a picture to the network's input
#
# Most mistakes in use are made before the network. It takes `float32` of shape (N, 1, 28, 28), 0 for
# paper and 1 for ink. A scan is `uint8` (whole numbers from 0 to 255) of shape (28, 28), 255 for paper
# and 0 for ink. Write the way from one to the other. `scan[None, None]` adds two axes in front,
# `.astype(np.float32)` changes the type.

# %% tags=["check"]
scan = np.full((28, 28), 255, np.uint8)
scan[10:20, 14], scan[10:20, 15] = 0, 127
expected = np.zeros((1, 1, 28, 28), np.float32)
expected[0, 0, 10:20, 14], expected[0, 0, 10:20, 15] = 1, 128 / 255
check_input = exercise(
    [(scan, expected)],
    {
        "uint8 knows no numbers below 0: subtract from 255, then divide": lambda scan: (
            1 - scan[None, None]
        ),
        "Grey stays grey: divide by 255, with `/`": lambda scan: (
            (255 - scan[None, None]) // 255
        ),
        "It needs two more axes: scan[None, None]": lambda scan: (
            (255 - scan) / 255
        ),
        "Ink is 1 and paper is 0: turn it round": lambda scan: (
            scan[None, None] / 255
        ),
        "Divide by 255, for the range 0 to 1": lambda scan: (
            255 - scan[None, None]
        ),
    },
)


# %% tags=["exercise"]
def to_input(scan):
    pass  # your line


check_input(to_input)


# %% tags=["solution"]
def to_input(scan):
    return (255 - scan[None, None]).astype(np.float32) / 255


check_input(to_input)

# %%
(probabilities,) = session.run(["probabilities"], {"images": to_input(scan)})
print("this stroke is read as", probabilities.argmax())

# %% [markdown]
# If this cell says `Unexpected input data type`, your answer is not float32.
#
# For pictures of any size, `reader.read` does more: it finds the ink, crops, scales and centres it as
# MNIST did. Without that, a good network reads badly.
#
# ## Serve
#
# `inkling serve` starts a page, and answers requests. It runs until it is stopped, so `Popen` starts it
# beside the notebook. Port 0 means: any free one. It prints its address once it is ready.

# %%
command = [sys.executable, "-m", "inkling", "serve", "--port", "0"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = next(
    word
    for line in server.stdout
    for word in line.split()
    if word.startswith("http")
)
print(address.rsplit(":", 1)[0])

# %% alt="The first digit of the test set, a 7"
plots.contact_sheet(mnist.test[:1].images(), [str(mnist.test.labels[0])])

# %% [markdown]
# Any program can ask now. In a terminal it is `curl --data-binary @7.png ADDRESS/api/read`. In Python,
# it needs no library:


# %%
def ask(body, kind):
    request = urllib.request.Request(
        f"{address}/api/read", body, {"Content-Type": kind}
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


answer = ask(plots.png(Image.fromarray(mnist.test.pixels[0, 0])), "image/png")
print("label", answer["label"], "accepted", answer["accepted"])

# %% [markdown]
# If you have the pen's path, send it. The server draws it as the network expects.

# %%
stroke = [[110, 90], [190, 84], [268, 80], [235, 160], [200, 240], [184, 320]]
seven = {"strokes": [stroke], "pen": 24}
answer = ask(json.dumps(seven).encode(), "application/json")
print("label", answer["label"], "accepted", answer["accepted"])

# %% [markdown]
# And what if someone sends nonsense? A good service says what it expected, and goes on. A number from 400
# to 499 says: the request is wrong.

# %%
try:
    ask(b"hello", "image/png")
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["error"])

# %%
server.terminate()
print("stopped with exit code", server.wait())

# %% [markdown]
# ## Batch
#
# Who has a million images should not ask for one at a time. Each call costs something, however small
# its input is. The images of one call share that cost. Here is the shortest time of five tries:

# %% tags=["varies"]
for size in (1, 10, 100, 1000):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for start in range(0, 1000, size):
            batch = images[start : start + size]
            session.run(["probabilities"], {"images": batch})
        times.append(time.perf_counter() - began)
    print(f"{size:4} a call: {1000 * min(times):.0f} µs an image")

# %% [markdown]
# ## Exercise 2: how long does the first one wait?
#
# Batches have a price. If a server waits until `size` images have come, the first of them waits longest.
# With `rate` images a second, how many milliseconds pass from the first image of a batch to the last?

# %% tags=["check"]
check_wait = exercise(
    [(10, 1000, 9.0), (100, 50, 1980.0), (1, 200, 0.0)],
    {
        "Between `size` images there are size - 1 gaps": lambda size, rate: (
            1000 * size / rate
        ),
        "In milliseconds: times 1000": lambda size, rate: (size - 1) / rate,
    },
)


# %% tags=["exercise"]
def wait(size, rate):
    pass  # your line


check_wait(wait)


# %% tags=["solution"]
def wait(size, rate):
    return 1000 * (size - 1) / rate


check_wait(wait)

# %% [markdown]
# Inkling's server never waits to fill a batch. It takes all that came while it was busy. A single request
# is answered at once. Many requests share a call.
#
# ## In short
#
# - Train with one tool, serve with another. A file format stands between them.
# - Compare outputs after every export.
# - Most errors come before the network: range, colour, size, place.
# - A batch saves time, and costs waiting.
#
# [For others](../deploy.md) says how to run a server that others use, and [many
# images](../many-images.md) how to read a folder. Next: [what each tool buys](11-tools.md).
