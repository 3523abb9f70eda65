"""Keras' example on TensorFlow: keras-team/keras-io, examples/vision/mnist_convnet.py.

    python keras_mnist.py --data FOLDER --threads 2 --seed 0

The example validates on a tenth of the training images. Here, this tenth is held out as well, but
not validated on, since the time of validation would not count.
"""

import os
import platform
import time

import interface
import numpy as np

os.environ["KERAS_BACKEND"] = "tensorflow"  # overrides the user's setting

import keras
import tensorflow as tf
from keras import layers


def main() -> None:
    """Train it. Print a line about the network, and a line after each epoch."""
    options = interface.parser(__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)  # the layers run one after the other
    keras.utils.set_random_seed(options.seed)
    arrays = interface.load(options.data)
    used = len(arrays["train_labels"]) * 9 // 10
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    interface.report(
        "keras",
        versions={
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
        parameters=network.count_params(),
        multiply_adds=sum(
            int(np.prod(layer.output.shape[1:-1]) * np.prod(layer.kernel.shape))
            for layer in network.layers
            if isinstance(layer, layers.Conv2D | layers.Dense)
        ),
    )
    network.fit(
        scaled(arrays["train_images"][:used]),
        keras.utils.to_categorical(arrays["train_labels"][:used], 10),
        batch_size=128,
        epochs=options.epochs or 15,
        verbose=0,
        callbacks=[
            Clock(
                scaled(arrays["test_images"]),
                keras.utils.to_categorical(arrays["test_labels"], 10),
            )
        ],
    )


class Clock(keras.callbacks.Callback):
    """Adds up the seconds of the epochs, and tests after each, which does not count."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        super().__init__()
        self.images, self.labels, self.seconds = images, labels, 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        """Before the first step, so that its compilation counts."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        """After the last step."""
        self.seconds += time.perf_counter() - self.started
        _, accuracy = self.model.evaluate(self.images, self.labels, batch_size=1000, verbose=0)
        percent = round(100 * accuracy, 2)  # float32 has fewer digits than are printed
        interface.report("keras", epoch=epoch + 1, seconds=self.seconds, accuracy=percent)


def scaled(images: np.ndarray) -> np.ndarray:
    """Bytes `(n, 28, 28)` as floats `(n, 28, 28, 1)` in [0, 1]."""
    return images[..., None].astype("float32") / 255


if __name__ == "__main__":
    main()
