"""What ``python train.py --help`` says: how to compose, from which options, with examples."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from vae_lab.runs.groups import Groups

WIDTH = 79
# What each group chooses; tests hold that none is missing.
GROUPS = {
    "model": "the network",
    "posterior": "q(z|x)",
    "prior": "p(z)",
    "likelihood": "p(x|z)",
    "conditioning": "what it is told",
    "objective": "is maximised",
    "data": "the images",
    "optimizer": "takes the steps",
    "schedule": "learning rate",
    "trainer": "devices, epochs",
    "callbacks": "pictures, stops",
    "logger": "where curves go",
    "experiment": "a whole set-up",
    "debug": "takes seconds",
    "sweep": "names a sweep",
    "hydra/launcher": "how jobs run",
    "hydra/sweeper": "which jobs run",
}
BEGINNING = """\
Train a variational autoencoder, compose it from parts, or sweep over many.

  python train.py [group=option ...] [key=value ...]

Groups and their options; * stands for what is chosen:
"""
END = """
Keys that are often changed; python train.py --cfg job shows every key:
  latent_dim=2  trainer.max_epochs=20  data.batch_size=500  optimizer.lr=3e-4
  objective.beta=4  objective.beta=warmup  model.encoder.hidden_sizes=[512,512]
  seed=1  name=mine  callbacks.samples=null  +trainer.limit_train_batches=0.1
A plus adds an argument that nothing has set; null switches a part off.

Examples:
  python train.py latent_dim=2 callbacks=film
  python train.py model=conv objective=iwae objective.num_samples=5
  python train.py experiment=manifold_2d trainer.max_epochs=5
  python train.py -m latent_dim=2,8,32 seed=0,1 sweep.name=latents
  python train.py resume=latest trainer.max_epochs=20

A run lies in runs/<name>/<date>_<time>; latest is the newest. Look at it with
  python scripts/explore.py latest      python scripts/report.py runs/latents

Completion in bash and zsh:  eval "$(python train.py -sc install=bash)"
  in fish:                   python train.py -sc install=fish | source
More: --cfg job (the configuration that the same overrides would run),
  --info defaults (the files that it comes from), --hydra-help (Hydra's flags)"""


def screen() -> str:
    """Return the text, as a template of Hydra's, for which a dollar sign is two."""
    composed: Any = HydraConfig.get()
    chosen = {str(group): option for group, option in composed.runtime.choices.items()}
    loader, of_hydra = GlobalHydra.instance().config_loader(), list(composed.overrides.hydra)
    options = Groups(loader, composed.job.config_name, of_hydra).all()
    return text(options, chosen).replace("$", "$$")


def text(options: Mapping[str, Sequence[str]], chosen: Mapping[str, str | None]) -> str:
    """Return the text.

    Args:
        options: of each group; one's own groups stand behind ours.
        chosen: group → option.
    """
    groups = [group for group in GROUPS if group in options]
    groups += [group for group in options if group not in GROUPS]
    wide, wider = (max(map(len, names)) + 2 for names in (groups, GROUPS.values()))
    lines = []
    for group in groups:
        names = [f"{name}*" if name == chosen.get(group) else name for name in options[group]]
        beginning = f"  {group:{wide}}{GROUPS.get(group, ''):{wider}}"
        lines += textwrap.wrap(
            " ".join(names),
            WIDTH,
            initial_indent=beginning,
            subsequent_indent=" " * len(beginning),
            break_on_hyphens=False,
        )
    return "\n".join([BEGINNING.rstrip("\n"), *lines, END])
