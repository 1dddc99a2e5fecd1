"""``python -m shuian``."""

from shuian.cli import main

main()
