"""How a person can be told: one channel, or several in the order in which they are tried.

A cell of the registry holds one channel and one address, or as many addresses as channels, each list separated by ``;``
(a full-width one counts as well, as it is what a Chinese keyboard types).
"""

from typing import NamedTuple

from alerts import channels

BETWEEN = ";"
_TYPED = str.maketrans({"；": BETWEEN})


class Way(NamedTuple):
    """One way to reach a person."""

    channel: str
    address: str


def ways(channel: str, address: str) -> tuple[Way, ...]:
    """Return the ways that two cells of the registry list; an address alone may hold a ``;`` of its own."""
    if BETWEEN not in channel:
        return (Way(channel, address),)
    return tuple(Way(*pair) for pair in zip(channel.split(BETWEEN), address.split(BETWEEN), strict=False))


def plain(channel: str, address: str) -> tuple[str, str]:
    """Return the two cells as they are kept: no blanks around the marks, none of them full-width."""
    names = _parts(channel)
    if len(names) == 1:
        return names[0], address
    return BETWEEN.join(names), BETWEEN.join(_parts(address))


def faults(channel: str, address: str) -> list[tuple[str, str, str]]:
    """Return what is wrong with two plain cells, each as (column, wanted, got)."""
    names = channel.split(BETWEEN)
    listed = [address] if len(names) == 1 else address.split(BETWEEN)
    unknown = [name for name in names if name not in channels.CHANNELS]
    if unknown:
        wanted = f"one of {', '.join(sorted(channels.CHANNELS))}, or several separated by semicolons"
        return [("channel", wanted, repr(unknown[0]))]
    if len(names) != len(listed):
        wanted = f"{len(names)} addresses separated by semicolons, one for each channel"
        return [("address", wanted, f"{len(listed)}: {address!r}")]
    if len(set(zip(names, listed, strict=True))) < len(names):
        return [("address", "each channel and address once", repr(address))]
    found = ((name, one, channels.CHANNELS[name].address_fault(one)) for name, one in zip(names, listed, strict=True))
    return [("address", wanted, repr(one)) for _, one, wanted in found if wanted is not None]


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.translate(_TYPED).split(BETWEEN)]
