"""Spans of time as sorted lists that do not overlap: joined, cut to one another, taken from one another, added up.  Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

Span = tuple[datetime, datetime]
"""From when until when; the end does not belong to it."""


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return what any of `spans` covers, the earliest first; an empty one is left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def common(some: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return what both cover; both as `joined` returns them."""
    both = ((max(a, c), min(b, d)) for a, b in some for c, d in other if c < b and a < d)
    return joined(both)


def without(some: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what `some` covers and `taken` does not; both as `joined` returns them."""
    left = list(some)
    for start, end in taken:
        cut = ((part for part in ((a, min(b, start)), (max(a, end), b)) if part[0] < part[1]) for a, b in left)
        left = [part for parts in cut for part in parts]
    return left


def hours(spans: Sequence[Span]) -> float:
    """Return how long they are together, in hours."""
    return sum((end - start).total_seconds() for start, end in spans) / 3600.0
