"""Values that depend on the moment or the environment, which a run fixes when it begins."""

import copy
import re
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

# ${now:...}, ${hydra:...}, ${oc.env:...}, but neither ${latent_dim} nor ${oc.select:...}
OF_THE_MOMENT = re.compile(r"\$\{\s*(?:oc\.env|(?!oc\.)[\w.]+)\s*:")
# Where the data lie is for each machine to say, also of a run that was moved there.
OF_THE_MACHINE = "${oc.env:VAE_LAB_DATA,data}"


def is_of_the_moment(text: Any) -> bool:  # noqa: ANN401
    """Tell whether a value, as it stands in the configuration, would be another one later."""
    return isinstance(text, str) and OF_THE_MOMENT.search(text) is not None


def fixed(config: DictConfig) -> DictConfig:
    """Return a configuration that means the same at any time and anywhere.

    What refers to other keys, such as ``${latent_dim}``, goes on to do so.

    Raises:
        omegaconf.errors.OmegaConfBaseException: if a value cannot be found out.
    """
    config = copy.deepcopy(config)
    _fix(config, OmegaConf.to_container(config))
    return config


def _fix(node: DictConfig | ListConfig, texts: Any) -> None:  # noqa: ANN401
    for key, text in texts.items() if isinstance(texts, dict) else enumerate(texts):
        if isinstance(text, dict | list):
            _fix(node[key], text)
        elif is_of_the_moment(text) and text != OF_THE_MACHINE:
            node[key] = node[key]
