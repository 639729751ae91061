"""What goes wrong in a callback of Hydra's ends the program."""

import pytest
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

from vae_lab.runs import launch, sweeps
from vae_lab.runs.strict_callback import StrictCallback

CONFIG = OmegaConf.create({"hydra": {"runtime": {"cwd": "/here"}}, "value": "${hydra:runtime.cwd}"})


class Failing(StrictCallback):
    def on_run_start(self, config, **kwargs):
        raise ValueError("mend it")

    def on_job_end(self, config, **kwargs):
        raise ZeroDivisionError("a fault of ours")


@pytest.mark.parametrize(
    ("hook", "said"), [("on_run_start", "error: mend it"), ("on_job_end", "1")]
)
def test_hydra_makes_no_warning_of_an_error(hook, said, capsys):
    callbacks = Callbacks()
    callbacks.callbacks = [Failing()]
    with pytest.raises(SystemExit) as ended:
        callbacks._notify(hook, config=CONFIG)
    assert str(ended.value) == said
    assert ("a fault of ours" in capsys.readouterr().err) == (hook == "on_job_end")


def test_what_hydra_knows_can_be_referred_to_in_a_callback_and_not_later():
    setup_globals()
    seen = []

    class Looking(StrictCallback):
        def on_run_start(self, config, **kwargs):
            seen.append(config.value)

    Looking().on_run_start(CONFIG)
    assert seen == ["/here"]
    assert not HydraConfig.initialized()


def test_all_callbacks_of_ours_are_strict():
    for module in (launch, sweeps):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Callback):
                assert issubclass(kind, StrictCallback)
