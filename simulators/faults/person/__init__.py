"""Faults of the first layer: somebody fell, fell ill, went away, changed, or is no longer alone.

Where a fault speaks of flushes, showers or the night, `simulators.end_uses` says which draws are meant.
"""
