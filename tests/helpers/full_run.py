"""A small run with everything switched on, for tests of what a run leaves behind."""

from pathlib import Path

from vae_lab.runs import launch
from vae_lab.training import train

CONF = Path(__file__).parents[2] / "conf"
HIDDEN = 16
EPOCHS = 2
POINTS = 200  # in the projector
PICTURES = {
    "interpolations", "latent_scatter", "latent_traversals", "latent_usage", "manifold",
    "overview", "reconstructions", "samples",
}  # fmt: skip
OVERRIDES = (
    "debug=fast",
    "callbacks=full",
    "latent_dim=2",
    f"model.encoder.hidden_sizes=[{HIDDEN}]",
    f"model.decoder.hidden_sizes=[{HIDDEN}]",
    f"callbacks.projector.num_images={POINTS}",
)


def make_full_run(folder: Path, data_root: Path) -> None:
    """Train the run in ``folder``."""
    train.train(launch.compose(CONF, folder, [*OVERRIDES, f"data.root={data_root}"]))
