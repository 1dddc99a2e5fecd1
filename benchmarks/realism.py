"""The simulator beside recorded homes: ``python -m benchmarks.realism [--out DIR]``.

Measures recorded homes of ``benchmarks/data`` (DAIAD trial A, CC BY-SA 4.0; WEUSEDTO and AMPds2, CC BY 4.0; CIWS, BSD
3-Clause) and simulated seniors behind meters like theirs, and writes the tables between the markers of ``realism.md`` and
``realism.zh-CN.md`` and the pictures beside them.  The prose of the pages is taken from ``docs``.
"""

import argparse
import re
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.realism_pictures import pictures
from benchmarks.realism_study import Size, Study, study
from benchmarks.realism_tables import tables

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {"en": "realism.md", "zh": "realism.zh-CN.md"}


class MarkerError(Exception):
    """A page and its figures do not fit: says which marker."""


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """Return a page with each block between its markers, ``<!-- figures:NAME -->`` and ``<!-- end -->``.

    Raises
    ------
    MarkerError
        The page has no place for a block, or a place for which there is none.
    """
    places = set(re.findall(r"<!-- figures:([\w-]+) -->", page))
    if places != set(blocks):
        raise MarkerError(f"want markers for {sorted(blocks)}, got {sorted(places)}; edit the page or the tables")

    def block(found: re.Match[str]) -> str:
        return f"<!-- figures:{found[1]} -->\n{blocks[found[1]]}\n<!-- end -->"

    return re.sub(r"<!-- figures:([\w-]+) -->.*?<!-- end -->", block, page, flags=re.DOTALL)


def write(measured: Study, out: Path) -> list[Path]:
    """Write pages and pictures into a folder; return their paths."""
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    written = []
    for language, name in PAGES.items():
        page = filled((DOCS / name).read_text("utf-8"), tables(measured, language))
        for picture, svg in pictures(measured, language).items():
            written.append(out / "pictures" / f"realism-{picture}-{language}.svg")
            written[-1].write_text(svg, "utf-8")
        written.append(out / name)
        written[-1].write_text(page, "utf-8")
    return written


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the pages; their pictures in its pictures/")
    parser.add_argument("--homes", type=int, default=Size.homes, help="simulated homes of each country")
    parser.add_argument("--days", type=int, default=Size.days, help="days each of them lives")
    asked = parser.parse_args()
    begin = time.monotonic()
    measured = study(
        Size(asked.homes, asked.days), lambda what: print(f"{time.monotonic() - begin:5.1f} s  {what}", flush=True)
    )
    print(f"{time.monotonic() - begin:5.1f} s  tables and pictures", flush=True)
    for path in write(measured, asked.out):
        print(f"wrote {path}")
    print(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
