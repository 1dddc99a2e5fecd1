"""What a benchmark knows of its child processes: what they say, and what they have used so far by the kernel's books."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Used(NamedTuple):
    """Processor time [s], memory now and at most [MB] of a process."""

    cpu_s: float
    rss_mb: float
    most_mb: float


def used(pid: int) -> Used:
    """Return what process `pid` has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    rss, most = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    return Used((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), rss, most)


class Child:
    """A process that says words on its standard output, one line each; ended by its own id."""

    def __init__(self, *command: str) -> None:
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @classmethod
    def silent(cls, *command: str) -> "Child":
        """Start a program whose log nobody reads."""
        return cls("sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh", *command)

    @classmethod
    def module(cls, name: str, *arguments: object) -> "Child":
        """Start ``python -m name arguments``."""
        return cls(sys.executable, "-m", name, *map(str, arguments))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    def heard(self, word: str) -> list[float]:
        """Return the numbers that it says after `word`, which must be what it says next."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline().split()
        if line[:1] != [word]:
            raise RuntimeError(f"want {word!r} of process {self.pid}, got {' '.join(line) or 'nothing'}")
        return [float(number) for number in line[1:]]

    def tell(self) -> None:
        """Let it go on."""
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def kill(self) -> None:
        """End it with SIGKILL, and wait."""
        with suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.communicate(timeout=30)

    def stop(self, timeout_s: float = 20.0) -> None:
        """Ask it to end, and wait."""
        with suppress(ProcessLookupError):
            self.popen.terminate()
        try:
            self.popen.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
