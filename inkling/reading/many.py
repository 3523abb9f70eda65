"""Many images of digits, read at once: what a Reader says of each, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkling.reading.reader import SET_LEVEL, Reader


@dataclass(frozen=True, eq=False)
class Readings:
    """What a Reader says of N images; see `reader.Reading`."""

    probabilities: NDArray[np.float32]  # (N, K), rows sum to 1
    labels: NDArray[np.int64]  # (N,)
    confidences: NDArray[np.float32]  # (N,) in [0, 1]
    ood_scores: NDArray[np.float32]  # (N,), in nats
    accepted: list[bool] | list[None]  # N of them; None if the bundle cannot say


def read(
    reader: Reader, images: NDArray[np.float32], min_accuracy: float | None = None
) -> Readings:
    """The readings of images `(N, 1, 28, 28)` in [0, 1]; `min_accuracy` as in `Reader.read`."""
    outputs = reader.session.run(images)
    probabilities, scores = outputs
    accepted = reader.accepted(outputs, min_accuracy)
    return Readings(probabilities, probabilities.argmax(1), probabilities.max(1), scores, accepted)


def label_sets(reader: Reader, probabilities: NDArray[np.float32]) -> list[list[int]] | None:
    """The label set of each row of probabilities `(N, K)`; None if the bundle cannot say."""
    acceptance = reader.card.acceptance
    lowest = acceptance.min_label_probability(SET_LEVEL) if acceptance else None
    if lowest is None:
        return None
    order = np.argsort(-probabilities, axis=1, kind="stable").tolist()
    sizes = np.maximum((probabilities >= lowest).sum(1), 1).tolist()
    return [labels[:size] for labels, size in zip(order, sizes, strict=True)]
