"""Name and version of the format of ``evaluation.json``, which stand in the file."""

FORMAT = "vae-lab evaluation"
VERSION = 1
