"""A graph, run by ONNX Runtime. The only module that knows it."""

from typing import ClassVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inkling.errors import BundleError
from inkling.reading.graph import Value


class OnnxRuntime:
    """A graph in ONNX Runtime's memory. Safe to share between threads."""

    images_at_once: ClassVar[int] = 100  # whose features take 10 MB; more are no faster

    def __init__(self, model: bytes, threads: int) -> None:
        """Load the graph from its bytes. Raises BundleError if it cannot be run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, not logged as well
        # bundle.read has checked an ONNX graph: ONNX Runtime's own format must not pass as one
        options.add_session_config_entry("session.load_model_format", "ONNX")
        providers = ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as cause:  # the binding has an exception class a status
            raise BundleError(
                "Expected a graph that ONNX Runtime can load, but it cannot",
                "Train the bundle again, or update onnxruntime",
            ) from cause
        self.takes = [_value(node) for node in self._session.get_inputs()]
        self.gives = [_value(node) for node in self._session.get_outputs()]

    def run(
        self, outputs: list[str], inputs: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """These outputs of the graph, from its inputs by name."""
        return self._session.run(outputs, inputs)  # type: ignore[no-any-return]


def _value(node: onnxruntime.NodeArg) -> Value:
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return Value(node.name, shape, node.type == "tensor(float)")
