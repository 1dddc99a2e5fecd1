"""Faults of the third layer: what the register shows is not what flowed."""
