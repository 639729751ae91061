"""What ``scripts/benchmark.py`` measures, one file each."""
