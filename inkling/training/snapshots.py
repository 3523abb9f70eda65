"""What is to be seen of a network as it learns: how it reads a fixed sheet of digits, its filters.

sheet.png    25 images, five in a row, 28 pixels each
look.json    at which step it was looked at, the images' labels, readings and confidences
filters.png  the first layer's weights, red above 0 and blue below; where it has such
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from inkling import data, plots
from inkling.files import write_atomically
from inkling.training import weights
from inkling.errors import RunError
from inkling.experiments.runs import FILTERS, LOOK, SHEET

ROW = 5  # images a side of the sheet
SECONDS_A_LOOK = 2.0
MOST_FILTERS = 32


class Looks:
    """Looks at a network now and then, and leaves what it saw in the run's folder."""

    def __init__(self, run: Path, split: data.Split) -> None:
        """`split` is what the first images are of; they make the sheet."""
        self._run = run
        self._images = torch.from_numpy(split.images()[: ROW**2])
        self._labels = split.labels[: ROW**2].tolist()
        self._last = -math.inf
        rows = split.pixels[: ROW**2, 0].reshape(ROW, ROW, 28, 28)
        sheet = Image.fromarray(rows.transpose(0, 2, 1, 3).reshape(ROW * 28, ROW * 28))
        self._leave(SHEET, plots.png(sheet))

    @torch.no_grad()
    def look(self, network: nn.Module, step: int, at_once: bool = False) -> None:
        """Look, unless it was done just before; the network is in eval mode afterwards."""
        if time.monotonic() - self._last < SECONDS_A_LOOK and not at_once:
            return
        self._last = time.monotonic()
        device = next(network.parameters()).device
        parts = network.eval()(self._images.to(device)).float().softmax(1).cpu().numpy()
        seen = {
            "step": step,
            "labels": self._labels,
            "readings": parts.argmax(1).tolist(),
            "confidences": np.round(parts.max(1).astype(float), 4).tolist(),
        }
        self._leave(LOOK, json.dumps(seen).encode())
        arrays = {n: tensor.float().cpu().numpy() for n, tensor in network.state_dict().items()}
        try:
            filters = weights.first(arrays, RunError, self._run)[:MOST_FILTERS]
        except RunError:  # a network of one's own may have none
            return
        self._leave(FILTERS, plots.png(plots.tiles(plots.tint(filters), columns=8)))

    def _leave(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self._run / name, content)
        except OSError:  # nothing is lost by it; what is lost by a full disk is told of
            return
