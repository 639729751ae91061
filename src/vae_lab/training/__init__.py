"""Training: one fit, from a composed configuration to a summary."""
