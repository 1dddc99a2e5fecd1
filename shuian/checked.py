"""The word of `shuian check`: one thing looked at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Checked:
    """One check: `what` was looked at, `found`, and what to `do` if it is not `ok`."""

    what: str
    ok: bool
    found: str
    do: str = ""
