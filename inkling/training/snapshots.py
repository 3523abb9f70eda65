"""Snapshots of a network as it learns: how it reads a fixed sheet of digits, and its filters.

sheet.png    25 images, five in a row, as large as the network sees them
snapshot.json  the step, the images' labels, readings and confidences
filters.png  the first layer's weights, red above 0 and blue below, or in colour; where it has such
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from inkling import data, plots
from inkling.errors import RunError
from inkling.experiments.runs import FILTERS, SHEET, SNAPSHOT
from inkling.files import write_atomically
from inkling.training import weights

ROW = 5  # images a side of the sheet
SECONDS_A_SNAPSHOT = 2.0
MAX_FILTERS = 32


class Snapshots:
    """Takes a snapshot now and then, and writes it to the run's folder."""

    def __init__(self, run: Path, split: data.Split) -> None:
        """The first images of `split` make the sheet; where it has fewer, the rest stays black."""
        self._run = run
        self._images = torch.from_numpy(split[: ROW**2].images())
        self._labels = split.labels[: ROW**2].tolist()
        self._last = -math.inf
        channels, height, width = self._images.shape[1:]
        tiles = np.zeros((ROW**2, channels, height, width), np.float32)
        tiles[: len(self._labels)] = self._images
        rows = tiles.reshape(ROW, ROW, channels, height, width).transpose(2, 0, 3, 1, 4)
        sheet = plots.as_picture(rows.reshape(channels, ROW * height, ROW * width))
        self._write(SHEET, plots.png(sheet))

    @torch.no_grad()
    def take(self, network: nn.Module, step: int, at_once: bool = False) -> None:
        """Take one, unless one was just taken; the network is in eval mode afterwards."""
        if time.monotonic() - self._last < SECONDS_A_SNAPSHOT and not at_once:
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
        self._write(SNAPSHOT, json.dumps(seen).encode())
        arrays = {n: tensor.float().cpu().numpy() for n, tensor in network.state_dict().items()}
        try:
            shape = tuple(self._images.shape[1:])
            filters = weights.first(arrays, RunError, self._run, shape)[:MAX_FILTERS]
        except RunError:  # a user's own network may have none
            return
        self._write(FILTERS, plots.png(plots.tiles(plots.tint(filters), columns=8)))

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self._run / name, content)
        except OSError:  # nothing is lost: a full disk is reported where something is
            return
