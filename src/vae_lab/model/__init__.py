"""The model: images → a ``Draw``. Nothing here knows of training, files or configuration."""
