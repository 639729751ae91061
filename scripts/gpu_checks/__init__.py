"""What check_gpu.py does."""
