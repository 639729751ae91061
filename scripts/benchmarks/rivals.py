"""What the framework is measured beside: bare loops, and the usual tutorial."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from vae_lab.data.binarization import sample
from vae_lab.model.contract import Model
from vae_lab.objectives import Objective
from vae_lab.training.capture import Graphs

BATCH = 128
WARM_UP = 3
Epoch = Callable[[], None]
Variant = Mapping[str, bool | str]


class TutorialVAE(nn.Module):
    """784-400-20 as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def forward(self, x: Tensor) -> Tensor:
        """Return −ELBO of images (B, 1, 28, 28), nats per image."""
        x = x.reshape(-1, 784)
        hidden = self.hidden(x).relu()
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        bce = binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        return (bce + kl) / len(x)


def bare_loop(
    model: nn.Module,
    images: Tensor,
    variant: Variant,
    batch: int,
    graphs: Graphs | None = None,
    to_pixels: Callable[[Tensor], Tensor] = sample,
) -> Epoch:
    """Return one epoch of the shortest loop that does what the framework does to the numbers.

    Args:
        model: images → −ELBO.
        images: bytes, where the model lies.
        variant: how it is computed.
        batch: images per step.
        graphs: captures the step, which is replayed; None to call it.
        to_pixels: bytes → what the model sees.
    """
    device = images.device
    model = model.to(device)
    options: dict[str, Any] = {} if graphs is None else {"capturable": True}
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True, **options)
    loss_of = torch.compile(model) if variant["compile"] else model
    use_bf16 = variant["precision"] == "bf16-mixed"

    def step(indices: Tensor) -> Tensor:
        x = to_pixels(images[indices])
        with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16):
            loss = loss_of(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    is_called = graphs is None
    take = step if is_called else _replayed(step, torch.arange(batch, device=device), graphs)

    def epoch() -> None:
        order = torch.randperm(len(images)).to(device)
        last = len(images) if is_called else len(images) // batch * batch
        for start in range(0, last, batch):
            take(order[start : start + batch])

    return epoch


def _replayed(
    step: Callable[[Tensor], Tensor], indices: Tensor, graphs: Graphs
) -> Callable[[Tensor], Tensor]:
    """Return ``step`` as a recording that reads ``indices``."""
    with graphs.aside():
        for _ in range(WARM_UP):
            step(indices)
    replay = graphs.capture(lambda: step(indices))

    def again(batch: Tensor) -> Tensor:
        indices.copy_(batch)
        return replay()

    return again


class Bare(nn.Module):
    """The framework's own model and objective, without the framework around them."""

    def __init__(self, model: Model, objective: Objective) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self.objective = objective

    def forward(self, x: Tensor) -> Tensor:
        """Return −ELBO of images, nats per image."""
        return -self.objective(self.model.draw(x, self.objective.num_samples), 0.0).value.mean()


def tutorial(root: str, device: torch.device) -> Epoch:
    """Return one epoch of the usual tutorial."""
    data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    model = TutorialVAE().to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def epoch() -> None:
        for x, _ in loader:
            optimizer.zero_grad()
            loss = model(x.to(device))
            loss.backward()
            optimizer.step()

    return epoch
