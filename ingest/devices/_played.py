"""How a water meter of a format is played: what simulators and drills must know of it besides its ``encode``.

A format says so in its own module (``FORMAT.played``); there is no other list.  One that says nothing is played as its
``encode`` writes it, one message a reading, under a name such as ``wm-000007``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.rules import NO_RULES, ReaderRules

Said = tuple[str, bytes]
"""(topic, payload)"""
Registers = Sequence[tuple[datetime, float]]
"""(when the device measured, register [L]), in order of time."""


def numbered(home: int) -> str:
    """Return the name of a home's meter where any name will do."""
    return f"wm-{home:06d}"


@dataclass(frozen=True, slots=True)
class Played:
    """One water meter of a format, as the simulators play it.

    Parameters
    ----------
    named : callable
        Number of a home -> what its meter is called, on the wire and in the registry.
    only_so : bool
        A meter of this format can be called by such a name only: it has an address, or the name holds a path.
    unit : str
        Unit that the registry must say, because messages do not.
    counts : bool
        It counts pulses: the registry must say what one is worth.
    step_l : float
        The finest step that messages can carry, however fine the register is. [L]
    timed : bool
        Messages hold the moment of measuring.  Without, of what a meter held back only the newest can be said.
    message_id : str
        Key of the message's id; empty: messages have none.
    alive : callable, optional
        (device, time) -> the message that it lives, and nothing of its register; None: it cannot say so.
    charge : callable, optional
        (device, time, per cent) -> the message in which it says how full its battery is; None: it cannot say so.
    write : callable, optional
        (device, registers, litres of a pulse) -> the messages in which all of them are said; None: ``encode`` for each.
    rules : ReaderRules
        What the configuration must say so that the messages are read at all.
    """

    named: Callable[[int], str] = numbered
    only_so: bool = False
    unit: str = ""
    counts: bool = False
    step_l: float = 0.0
    timed: bool = True
    message_id: str = ""
    alive: Callable[[str, datetime], Said] | None = None
    charge: Callable[[str, datetime, float], Said] | None = None
    write: Callable[[str, Registers, float], list[Said]] | None = None
    rules: ReaderRules = NO_RULES

    @property
    def unasked(self) -> bool:
        """Whether its messages are read without a word of the configuration."""
        return self.rules == NO_RULES


AS_ENCODED = Played()
"""What holds for a format that says nothing else."""
