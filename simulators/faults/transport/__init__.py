"""Faults of the last layer: reports that are lost, late, repeated, spoiled, stamped by a wrong clock, or not the device's."""

from collections.abc import Iterable, Sequence

import numpy as np

from simulators.reports import Report


def meters(reports: Iterable[Report]) -> list[str]:
    """Return the devices that report a register, in order of their names."""
    return sorted({one.device for one in reports if isinstance(one.said, int | float)})


def a_meter(reports: Sequence[Report], rng: np.random.Generator) -> str:
    """Return one of the `meters`; empty: there is none, and nothing can befall it."""
    some = meters(reports)
    return some[int(rng.integers(len(some)))] if some else ""


def measured_at(report: Report) -> float:
    """Return when the device measured, by its own clock [s since 1970]."""
    return report.at if report.measured is None else report.measured


def arriving(report: Report, at: float) -> Report:
    """Return the report as it is when it arrives at `at` instead: measured when it was."""
    return report._replace(at=at, measured=measured_at(report))


def in_order(reports: Iterable[Report]) -> list[Report]:
    """Return reports by arrival; those of one moment stay in their order."""
    return sorted(reports, key=lambda one: one.at)
