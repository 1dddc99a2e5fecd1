"""What goes wrong, one file a fault, in four layers that combine freely.

`person` changes what somebody does (`simulators.doings`), `plumbing` changes the water that flows (`Draws`), `meter`
changes what its register shows (`Register`), and `transport` loses, delays and spoils reports (`Report`).  They are applied
in this order.  Each file says what the meter then shows and what the service must do.
"""

import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import cleandoc
from typing import Any, Literal

Layer = Literal["person", "plumbing", "meter", "transport"]
LAYERS: tuple[Layer, ...] = ("person", "plumbing", "meter", "transport")
Wish = Literal["zone", "usual", "encode"]
"""What a strike may want to be told besides: the `zone` of the home; its `usual` Doings, from before all faults; how to
`encode` a Report as the bytes that its device sends."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    `strike(subject, at, rng)` draws the fault's parameters with `rng` and returns the subject as it is when the fault
    begins at `at` (seconds since 1970).  The subject is that of the layer: Doings, Draws, Register or a list of Reports;
    with `group` a list of them (one a home), or the reports of all homes.  What it `wants` besides it takes by name, and does
    without: then it strikes as if in Shanghai, in a home of which nothing else is known, whose meter speaks our own format.
    """

    code: str
    layer: Layer
    strike: Callable[..., Any]
    finds: tuple[str, ...] = ()
    """Kinds of finding that the detectors raise for it."""
    never: tuple[str, ...] = ()
    """Kinds of finding that it must not cause."""
    group: bool = False
    wants: tuple[Wish, ...] = ()

    @property
    def number(self) -> int:
        """Its place among all: people first, then water, then meters, each by number."""
        return "PWM".index(self.code[0]) * 1000 + int(self.code[1:])

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.strike.__module__.rpartition(".")[2]

    @property
    def happens(self) -> str:
        """What happens, in a sentence."""
        return _text(self).partition("\n\n")[0].replace("\n", " ")

    @property
    def shows(self) -> str:
        """What the meter, or the broker, shows of it."""
        return _part(self, "At the (?:meter|broker)")

    @property
    def must(self) -> str:
        """What the service must do."""
        return _part(self, "The service must")


@cache
def faults() -> dict[str, Fault]:
    """Return all faults by their code, in the order of their numbers."""
    found = {}
    for layer in LAYERS:
        package = import_module(f"{__name__}.{layer}")
        for file in pkgutil.iter_modules(package.__path__):
            fault: Fault | None = getattr(import_module(f"{package.__name__}.{file.name}"), "FAULT", None)
            if fault is not None:
                found[fault.code] = fault
    return dict(sorted(found.items(), key=lambda item: item[1].number))


def _text(fault: Fault) -> str:
    return cleandoc(sys.modules[fault.strike.__module__].__doc__ or "")


def _part(fault: Fault, begins: str) -> str:
    match = re.search(
        rf"^{begins}:?\s*(.+?)(?=\n(?:At the|The service)|\n\n|\Z)", _text(fault), re.DOTALL | re.MULTILINE
    )
    return " ".join(match[1].split()) if match else ""
