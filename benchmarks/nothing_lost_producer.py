"""A fleet that reports at a steady rate for some time, whatever happens to its broker.

    python -m benchmarks.nothing_lost_producer PORT DEVICES RATE SECONDS FILE

Message `n` shows a register of `n` millilitres, so that a stored value says whose it is.  One in ten has no time of its own.
The numbers that the broker acknowledged are written to FILE; ``sent N RECONNECTS`` says so.
"""

import sys
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.ingest_messages import device
from benchmarks.raw_publisher import Numbered, RawPublisher
from ingest.devices import native

START = datetime(2026, 10, 31, 22, tzinfo=UTC)
"""Two hours before the end of a month: rows go to two files."""


def message(devices: int, n: int) -> tuple[str, bytes]:
    """Return topic and payload of message `n`."""
    name = device("native", n % devices)
    if n % 10 == 7:
        body = b'{"id":"m-%d","measurements":[{"quantity":"water_volume_total","value":%d,"unit":"L"}]}'
        return f"t/v1/north/{name}/up", body.replace(b"%d,", f"{n / 1000:.3f},".encode()) % n
    return native.encode("t", "north", name, f"m-{n}", [(START + n // devices * timedelta(seconds=3), n / 1000)])


def messages(devices: int, number: int) -> Iterator[Numbered]:
    """Return all messages, each written when it is sent."""
    return ((n, *message(devices, n)) for n in range(number))


def main() -> None:
    """Send and note what was acknowledged."""
    port, devices, rate, seconds, file = sys.argv[1:]
    publisher = RawPublisher(int(port), client_id="fleet")
    publisher.connect()
    publisher.send(messages(int(devices), int(float(rate) * float(seconds))), float(rate))
    Path(file).write_bytes(array("q", publisher.acked).tobytes())
    print("sent", len(publisher.acked), publisher.reconnects, flush=True)


if __name__ == "__main__":
    main()
