"""Runs: a folder each; how it is begun, locked and swept, and what the terminal says."""
