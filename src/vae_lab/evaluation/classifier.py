"""The classifier whose features compare generated digits with real ones."""

import hashlib
import io
from importlib.resources import files

import torch
from torch import Tensor, nn

WEIGHTS = "mnist_classifier.pt"
SHA256 = "bae7a182433b9a7da7125d2815dda18909192e62105c7153ede3d3d0b6f88fd8"
NUM_FEATURES = 64


class MNISTClassifier(nn.Module):
    """Two convolutions, two layers; grey digits (B, 1, 28, 28) → logits (B, 10).

    ``features`` are what the last layer sees, (B, 64).
    """

    num_features = NUM_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(32 * 7 * 7, NUM_FEATURES),
            nn.ReLU(),
        )
        self.classify = nn.Linear(NUM_FEATURES, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 10)."""
        return self.classify(self.features(x))


def load_mnist_classifier() -> MNISTClassifier:
    """Return what ``scripts/maintenance/train_classifier.py`` trained, in evaluation mode.

    Raises:
        ValueError: if the weights are not those that figures were computed with.
    """
    data = (files("vae_lab.evaluation") / WEIGHTS).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{WEIGHTS} differs from the file that ships; reinstall vae-lab")
    model = MNISTClassifier()
    model.load_state_dict(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
    return model.eval()
