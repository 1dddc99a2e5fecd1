"""Which detector finds a silent person how soon, at how many false alarms: ``python -m benchmarks.detection [--quick]``.

Homes: the frozen cohort of simulated seniors (`simulators.cohorts.SENIORS_1`), and the recorded hourly homes of
``benchmarks/data`` that are lived in (DAIAD trial A, CC BY-SA 4.0; nobody there is known to be old).  Absences are declared:
those of the simulated by name, at recorded homes every quiet beyond 36 h.  The first 112 days are history only.

False alarms are counted on the untouched records.  Delay comes from what-if copies, in which nobody draws water from a random
moment on.  Every detector sees the same quiets and the same copies (`detection_run`), is held to the same budgets
(`detection_curves`), and knows nothing of what comes after the last use.

Writes the tables between the markers of ``docs/science.md``, and its pictures; ``--quick`` prints a few of them instead.
"""

import argparse
import time
from pathlib import Path

from benchmarks.detection_index import shipped_model
from benchmarks.detection_pictures import pictures
from benchmarks.detection_study import QUICK, Size, Study, study
from benchmarks.detection_tables import tables
from benchmarks.detection_water import block
from benchmarks.realism import DOCS, filled

PAGE = "science.md"
WATER_HOMES = 20
SHOWN = ("homes", "seniors", "ratios", "rules", "within", "load")


def write(measured: Study, water: str, out: Path) -> list[Path]:
    """Write the page and its pictures into a folder; return their paths."""
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    written = [out / PAGE]
    written[0].write_text(filled((DOCS / PAGE).read_text("utf-8"), tables(measured, water)), "utf-8")
    for name, svg in pictures(measured).items():
        written.append(out / "pictures" / f"science-{name}.svg")
        written[-1].write_text(svg, "utf-8")
    return written


def main() -> None:
    """Measure, and write or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 simulated homes only; prints, writes nothing")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the page; its pictures in its pictures/")
    parser.add_argument("--homes", type=int, default=Size.seniors, help="simulated seniors behind hourly meters")
    parser.add_argument("--processes", type=int, default=Size.processes)
    asked = parser.parse_args()
    size = QUICK if asked.quick else Size(seniors=asked.homes, processes=asked.processes)
    begin = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - begin:5.0f} s  {what}", flush=True)

    measured = study(size, shipped_model(), progress)
    if asked.quick:
        made = tables(measured, "")
        print("\n\n".join(f"{name}\n{made[name]}" for name in SHOWN))
    else:
        progress("running water")
        water = block(WATER_HOMES)
        progress("tables and pictures")
        for path in write(measured, water, asked.out):
            print(f"wrote {path}")
    progress("done")


if __name__ == "__main__":
    main()
