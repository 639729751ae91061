"""Trains the classifier behind ``mnist_fid`` and prints what to write beside its weights.

    python scripts/maintenance/train_classifier.py

A new file has a new hash, and figures made with different files cannot be
compared, so this is run once and its result ships with the package.
"""

import hashlib
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from vae_lab.data.mnist_format import MNISTDataModule
from vae_lab.evaluation import classifier

EPOCHS = 8
BATCH = 128


def main() -> None:
    """Train on all 60,000 training images, test, and save."""
    torch.manual_seed(0)
    data = MNISTDataModule(
        "MNIST", "data", image_shape=(1, 28, 28), batch_size=BATCH, global_batch_size=None,
        val_size=0, binarization="none", seed=0,
    )  # fmt: skip
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    images, labels = data.images("train", 60_000), data.splits["train"].labels
    model = classifier.MNISTClassifier()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, fused=True)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        loss = torch.zeros(())
        for batch in torch.randperm(len(images))[: len(images) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad()
            loss = cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{EPOCHS}  loss of the last batch {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        predicted = model(data.images("test", 10_000)).argmax(1)
    accuracy = (predicted == data.splits["test"].labels).float().mean().item()
    path = Path(classifier.__file__).with_name(classifier.WEIGHTS)
    torch.save(model.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f'test accuracy {accuracy:.4f}; write SHA256 = "{digest}" into {classifier.__file__}')


if __name__ == "__main__":
    main()
