"""A network that PyTorch loads from the Hugging Face Hub, as `exports.hub` writes it there."""

import torch
from torch import Tensor

from inkling.errors import MissingExtra
from inkling.networks import architectures

try:
    from huggingface_hub import PyTorchModelHubMixin
except ImportError as cause:
    raise MissingExtra("A network of the Hub", str(cause.name), "hub") from cause


class Network(
    architectures.Averaged,
    PyTorchModelHubMixin,
    library_name="inkling",
    pipeline_tag="image-classification",
):
    """A trained network and its temperature: `Network.from_pretrained("user/name")`."""

    def __init__(
        self,
        model: str,
        classes: int,
        temperature: float = 1.0,
        test_time_augmentation: str = "none",
    ) -> None:
        architectures.check(model)
        network = architectures.build(model, classes, torch.Generator())
        super().__init__(network, test_time_augmentation)
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Images `(N, 1, 28, 28)` in [0, 1] -> calibrated logits `(N, K)`: softmax them."""
        return super().forward(images) / self.temperature
