"""``hydra/sweeper=optuna``. Hydra looks for plugins in ``hydra_plugins`` alone."""
