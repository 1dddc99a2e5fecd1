"""What the command line tells people when something is wrong.

ShuianError
├── BadInput      exit code 2: what they gave us is wrong
└── Trouble       exit code 1: the world is (a broker, a port, a disk)
"""


class ShuianError(Exception):
    """One line what, one line what to do."""

    code = 1

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what)
        self.what, self.do = what, do


class BadInput(ShuianError):
    """A file, an option or a cell is wrong."""

    code = 2


class Trouble(ShuianError):
    """Something outside does not work now."""
