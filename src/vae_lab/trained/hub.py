"""Trained models on the Hugging Face hub, by its mixin.

::

    import vae_lab
    from vae_lab.trained.hub import HubVAE

    HubVAE.of(vae_lab.load("runs/<run>")).push_to_hub("<you>/<name>")
    vae = HubVAE.from_pretrained("<you>/<name>")
"""

from typing import Any, Self

from vae_lab.trained import pretrained
from vae_lab.trained.loaded import TrainedVAE

try:
    from huggingface_hub import PyTorchModelHubMixin
except ImportError as error:
    raise ImportError("huggingface_hub is missing: pip install 'vae-lab[hub]'") from error

CARD = """---
{{ card_data }}
---

A variational autoencoder trained with vae-lab. What it is made of stands in `config.json`.

```python
from vae_lab.trained.hub import HubVAE  # pip install 'vae-lab[hub]'

vae = HubVAE.from_pretrained("<this repository>")
images = vae.sample(64)
```
"""


class HubVAE(
    TrainedVAE,
    PyTorchModelHubMixin,
    library_name="vae-lab",
    pipeline_tag="unconditional-image-generation",
    tags=["variational-autoencoder"],
    model_card_template=CARD,
):
    """A trained model with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

    What it writes is what ``export.py --to safetensors`` writes, and a model card. Of a stranger's
    configuration only what vae-lab, ``torch.nn``, torchvision and zuko bring is built; with modules
    of your own, open the downloaded folder by ``vae_lab.load(folder, trust=[...])``.

    Args:
        config: as in ``TrainedVAE``; the weights are newly initialised, not trained.

    Raises:
        ValueError: if ``config`` is not what ``TrainedVAE`` holds, or names anything else.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(pretrained.build(config).model, config)

    @classmethod
    def of(cls, trained: TrainedVAE) -> Self:
        """Return a copy of ``trained`` that can go to the hub."""
        model = cls(trained.config)
        model.load_state_dict(trained.state_dict())
        return model.eval()

    @classmethod
    def _from_pretrained(cls, *, strict: bool = True, **arguments: Any) -> Self:  # noqa: ANN401
        """Load as the mixin does, but by default refuse weights that are missing or too many."""
        return super()._from_pretrained(strict=strict, **arguments)
