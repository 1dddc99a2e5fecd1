"""Faults of the second layer: water that runs on, leaks away, flows back, or does not come."""
