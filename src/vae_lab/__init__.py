"""vae-lab: train, understand and compare variational autoencoders."""
