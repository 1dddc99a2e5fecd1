"""The catalogue of faults as a page: ``python -m simulators.faults > docs/faults.md``."""

import sys

from simulators.faults import LAYERS, Fault, faults

HEAD = """# Faults that can be rehearsed

Written by `python -m simulators.faults` from the files in `simulators/faults`, one file a fault; each says what the meter then
shows and what the service must do, and its tests hold it to that. 中文：[faults.zh-CN.md](faults.zh-CN.md)

Four layers, applied in this order, so that any two combine (a fall in a home that leaks, `P1` with `W1`; a fall while the
radio is weak, `P1` with `M8`): the *person* changes what is done, the *plumbing* what flows, the *meter* what its register
shows, the *transport* what arrives and when. **Found today** names the findings that the detectors raise for it, and those
that it never causes; both are run through the whole service in the tests. What a fault must lead to and does not yet is said
in its words.

Try one: `shuian simulate --homes 20 --broker mqtt://127.0.0.1:1883 --fault P1=0.1 --for 2d --speed 600`
([how](simulate.md)).
"""
NAMES = {
    "person": "The person",
    "plumbing": "The plumbing and the mains",
    "meter": "The meter",
    "transport": "The radio, the broker, the clock",
}


def page() -> str:
    """Return the catalogue in Markdown."""
    parts = [HEAD]
    for layer in LAYERS:
        some = [fault for fault in faults().values() if fault.layer == layer]
        parts.append(
            f"\n## {NAMES[layer]}\n\n| | what happens | what is seen | what the service must do | found today |\n"
        )
        parts.append("|---|---|---|---|---|\n")
        parts += [_row(fault) for fault in some]
    return "".join(parts)


def _row(fault: Fault) -> str:
    found = "**" + ", ".join(fault.finds) + "**" if fault.finds else "–"
    never = f"; never {', '.join(fault.never)}" if fault.never else ""
    cells = (f"**{fault.code}**{' (many homes)' if fault.group else ''}", fault.happens, fault.shows, fault.must)
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + f" | {found}{never} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
