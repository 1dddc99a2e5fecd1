"""A cumulative register that does not simply grow: fallen, wrapped, jumped.  Pure.

The rules are those of Home Assistant's ``total_increasing`` (a fall of less than 10 % is no new cycle), with what
water meters add: a few litres of backflow, a wrap at the size of the register, and a pipe that can only carry so much
(1.1 L/s lies above the overload flow of the usual domestic meter: Q3 = 2.5 m³/h, Q4 = 3.125 m³/h = 0.87 L/s, ISO 4064).
"""

from ingest.readings import StoredReading

MOST_FLOW_L_S = 1.1
BACKFLOW_L = 50
"""A register that falls by no more than this went backwards; it was not reset."""
_LIKELY_MODULI_L = (1e7, 1e8)
"""Register sizes of domestic meters: four and five digits of cubic metres."""


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
        `counter_rollover_possible`, `out_of_order_possible`, `counter_reset_possible`, `implausible_value`, or none.
    """
    if last is None:
        return ()
    if row.measured_ms < last.measured_ms:  # late: only a register above a later one is odd
        return ("out_of_order_possible",) if row.value > last.value else ()
    if row.value < last.value:
        return (_fall(row.value / 1000, last.value / 1000, modulus_l),)
    seconds = (row.measured_ms - last.measured_ms) / 1000
    litres = (row.value - last.value) / 1000
    return ("implausible_value",) if litres > MOST_FLOW_L_S * seconds + resolution_l else ()


def _fall(litres: float, before_l: float, modulus_l: float | None) -> str:
    for size in (modulus_l,) if modulus_l else _LIKELY_MODULI_L:
        if 0.99 * size <= before_l <= size and litres <= 0.01 * size:
            return "counter_rollover_possible"
    if before_l - litres < max(0.1 * before_l, BACKFLOW_L) and litres > 0:
        return "out_of_order_possible"
    return "counter_reset_possible"
