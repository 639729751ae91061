"""What the file ``evaluation.json`` is known by."""

FORMAT = "vae-lab evaluation"
VERSION = 1
