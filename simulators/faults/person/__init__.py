"""Faults of the first layer: somebody fell, or went away."""
