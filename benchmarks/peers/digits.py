"""What every peer reads with: the network of Inkling, by ONNX Runtime."""

import os

import numpy as np
import onnxruntime

CORES = int(os.environ["CORES"])
PORT = int(os.environ["PORT"])

_options = onnxruntime.SessionOptions()
_options.intra_op_num_threads = _options.inter_op_num_threads = 1
_session = onnxruntime.InferenceSession(os.environ["MODEL"], _options)


def read(body: bytes) -> dict[str, object]:
    """The label and the probabilities of an image of 28x28 bytes."""
    image = np.frombuffer(body, np.uint8).reshape(1, 1, 28, 28).astype(np.float32) / 255
    (row,) = _session.run(["probabilities"], {"images": image})[0]
    return {"label": int(row.argmax()), "probabilities": row.tolist()}
