"""Measured claims: run with ``python -m benchmarks.NAME``."""
