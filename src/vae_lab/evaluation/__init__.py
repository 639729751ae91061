"""Evaluation: a model and data → figures with units and error bars."""
