"""Faults of the last layer: reports that never arrive."""
