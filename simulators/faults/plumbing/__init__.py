"""Faults of the second layer: water that runs on, leaks away, or does not come."""
