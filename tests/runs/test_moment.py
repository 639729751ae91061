"""Values that would be others later are fixed when a run begins."""

from datetime import UTC, datetime

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.runs.moment import OF_THE_MACHINE, fixed


def test_what_depends_on_the_moment_is_fixed_and_what_refers_to_other_keys_is_not(monkeypatch):
    OmegaConf.register_new_resolver("year_of", lambda _: datetime.now(tz=UTC).year, replace=True)
    monkeypatch.setenv("PLACE", "here")
    config = OmegaConf.create(
        {
            "name": "exp_${year_of:now}_${latent_dim}",
            "latent_dim": 3,
            "model": {"latent_dim": "${latent_dim}", "sizes": ["${oc.env:PLACE}", 2]},
            "data": {"root": OF_THE_MACHINE},
            "chosen": "${oc.select:latent_dim}",
            "nothing": None,
        }
    )
    found = OmegaConf.to_container(fixed(config))
    expected = OmegaConf.to_container(config)
    expected["name"] = f"exp_{datetime.now(tz=UTC).year}_3"
    expected["model"]["sizes"] = ["here", 2]
    assert found == expected


def test_a_value_that_cannot_be_found_out_is_refused():
    config = OmegaConf.create({"root": "${oc.env:VAE_LAB_NOWHERE}"})
    with pytest.raises(OmegaConfBaseException, match="VAE_LAB_NOWHERE"):
        fixed(config)
