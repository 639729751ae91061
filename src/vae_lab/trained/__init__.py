"""A trained run to use: loaded, scored, exported, shared."""
