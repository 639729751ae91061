"""Pictures of discrete codes: how often each value is taken, and what it decodes to."""

import torch
from PIL import Image
from torch import Tensor

from vae_lab.evaluation.codes import CodeUsage, code_usage
from vae_lab.model.code_posteriors import CodePosterior
from vae_lab.model.contract import Model
from vae_lab.pictures import plots
from vae_lab.training.callbacks.exhibit import PictureCallback

MAX_ROWS = 20
MAX_COLUMNS = 12


class CodeUsages(PictureCallback):
    """How often each value is taken; logs ``code_perplexity`` and ``dead_codes``."""

    name = "code_usage"
    description = (
        "**Which of its discrete codes a model uses.** A row is a unit of the code, a column one "
        "of its values, those taken most often first; the shade is the share of validation images "
        "that take it. A perplexity near the number of values means that all are in use; dead "
        "ones are never taken."
    )

    _usage: CodeUsage | None = None

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Count the codes of the examples; None for continuous latents."""
        posterior = model.posterior
        if not isinstance(posterior, CodePosterior):
            return None
        usage = self._usage = code_usage(posterior, posterior.point(model.encode(images, labels)))
        units, classes = usage.shares.shape
        per_unit = f"{units} units of {classes} values"
        dead = f"{usage.dead} of {classes if usage.is_shared else units * classes} dead"
        title = f"{per_unit}: perplexity {usage.perplexity:.1f}, {dead}"
        return plots.usage_map(usage.shares, usage.is_shared, title)

    def scalars(self) -> dict[str, float]:
        """Return what the last picture counted."""
        usage = self._usage
        if usage is None:
            return {}
        return {"code_perplexity": usage.perplexity, "dead_codes": float(usage.dead)}


class CodeTraversals(PictureCallback):
    """A row per unit: the code of one image with that unit set to each of its values."""

    name = "code_traversals"
    description = (
        "**What each unit of a discrete code does.** One validation image is encoded, then one "
        "unit of its code is set to the values that it takes most often, the most frequent on the "
        "left, and decoded; the others stay. Rows whose values vary most over images stand on top."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the codes; None for continuous latents."""
        posterior = model.posterior
        if not isinstance(posterior, CodePosterior):
            return None
        codes = posterior.codes(posterior.point(model.encode(images, labels)))
        shares = code_usage(posterior, posterior.embed(codes)).shares
        order = torch.special.entr(shares).sum(-1).argsort(descending=True)
        rows = {}
        for unit in order[:MAX_ROWS].tolist():
            values = shares[unit].argsort(descending=True)[:MAX_COLUMNS]
            changed = codes[:1].repeat(len(values), 1)
            changed[:, unit] = values
            rows[f"unit {unit + 1}"] = model.decode(posterior.embed(changed), labels[0]).mean
        title = f"One unit of the code at a time: {len(rows)} of {len(order)}"
        return plots.image_rows(
            rows, title, columns_title="its most frequent values, the most frequent on the left"
        )
