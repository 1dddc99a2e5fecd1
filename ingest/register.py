"""A cumulative register that does not simply grow: fallen, wrapped, jumped.  Pure.

The rules are those of Home Assistant's ``total_increasing`` (a fall of less than 10 % is no new cycle), with what
water meters add: a few litres of backflow, a wrap at the size of the register, and a pipe that can only carry so much
(1.1 L/s lies above the overload flow of the usual domestic meter: Q3 = 2.5 m³/h, Q4 = 3.125 m³/h = 0.87 L/s, ISO 4064).
What needs more than the reading before (another unit, two meters under one name) stands in `ingest.quarantine`.
"""

from collections.abc import Iterable

from ingest.readings import StoredReading

MOST_FLOW_L_S = 1.1
BACKFLOW_L = 50
"""A register that falls by no more than this went backwards; it was not reset."""
BOUNCE_MS = 1000
"""Two pulses nearer than this are looked at; the contacts of a reed bounce for less than 50 ms."""
_LIKELY_MODULI_L = (1e7, 1e8)
"""Register sizes of domestic meters: four and five digits of cubic metres."""
_LAST_SHARE = 0.01
"""A register wraps from the last hundredth of its scale into the first."""


def doubts(
    row: StoredReading, last: StoredReading | None, modulus_l: float | None, resolution_l: float
) -> tuple[str, ...]:
    """Return the flags that `row` deserves beside the reading before it.

    Parameters
    ----------
    row, last : StoredReading
        Registers of one device [thousandths of L]; `last` has the newest measured time so far, None: nothing yet.
    modulus_l : float or None
        Size of the register [L]; None: one of the usual sizes.
    resolution_l : float
        Smallest step of the register [L]: a jump by one step says nothing about flow.

    Returns
    -------
    tuple of str
        `late`, `counter_rollover_possible`, `out_of_order_possible`, `backflow_possible`, `counter_reset_possible`,
        `implausible_value`, or none.
    """
    if last is None:
        return ()
    if row.measured_ms < last.measured_ms:  # only a register above a later one is odd
        return ("late", "out_of_order_possible") if row.value > last.value else ("late",)
    seconds = (row.measured_ms - last.measured_ms) / 1000
    if row.value < last.value:
        return _fall(row.value / 1000, last.value / 1000, seconds, modulus_l, resolution_l)
    litres = (row.value - last.value) / 1000
    return () if carried(litres, seconds, resolution_l) else ("implausible_value",)


def carried(litres: float, seconds: float, resolution_l: float) -> bool:
    """Tell whether a domestic pipe can have brought `litres` in `seconds`, a step of the register more or less."""
    return litres <= MOST_FLOW_L_S * seconds + resolution_l


def wrapped_l(
    litres: float, before_l: float, seconds: float, modulus_l: float | None, resolution_l: float
) -> float | None:
    """Return what was drawn while a register wrapped from `before_l` to `litres`, None: it did not, or nobody can say.

    Parameters
    ----------
    litres, before_l : float
        The register after and before. [L]
    seconds : float
        Time between the two. [s]
    modulus_l, resolution_l
        As for `doubts`.
    """
    size = _wrap_size(litres, before_l, modulus_l)
    if size is None:
        return None
    drawn = litres + size - before_l
    return drawn if carried(drawn, seconds, resolution_l) else None


def bounced(row: StoredReading, recent: Iterable[StoredReading]) -> bool:
    """Tell whether a device that reports each pulse counted one twice: two rises, nearer to each other than a pipe allows.

    Parameters
    ----------
    row : StoredReading
    recent : iterable of StoredReading
        Registers before it, newest first; two are looked at.
    """
    last, before = (*recent, None, None)[:2]
    if last is None or before is None:
        return False
    apart_ms, litres = row.measured_ms - last.measured_ms, (row.value - last.value) / 1000
    quick = 0 < apart_ms <= BOUNCE_MS and litres > MOST_FLOW_L_S * apart_ms / 1000
    return quick and last.value > before.value


def _wrap_size(litres: float, before_l: float, modulus_l: float | None) -> float | None:
    for size in (modulus_l,) if modulus_l else _LIKELY_MODULI_L:
        if (1 - _LAST_SHARE) * size <= before_l <= size and litres <= _LAST_SHARE * size:
            return size
    return None


def _fall(
    litres: float, before_l: float, seconds: float, modulus_l: float | None, resolution_l: float
) -> tuple[str, ...]:
    if _wrap_size(litres, before_l, modulus_l) is not None:
        known = wrapped_l(litres, before_l, seconds, modulus_l, resolution_l) is not None
        return ("counter_rollover_possible",) if known else ("counter_rollover_possible", "implausible_value")
    if before_l - litres < max(0.1 * before_l, BACKFLOW_L) and litres > 0:
        back = ("backflow_possible",) if before_l - litres <= BACKFLOW_L else ()
        return ("out_of_order_possible", *back)
    return ("counter_reset_possible",)
