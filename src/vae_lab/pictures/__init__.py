"""Pictures: tensors → ``PIL.Image``. No training, no configuration."""
