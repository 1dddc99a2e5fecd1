"""A process that sends the messages of a fleet: ``python -m benchmarks.ingest_producer PORT FORMAT DEVICES MESSAGES RATE``.

Messages are written beforehand; ``ready`` says so, a line on standard input starts.  ``sent SECONDS SECONDS``: when it
began and when the broker had acknowledged the last one (monotonic clock).
"""

import sys
import time

from benchmarks.ingest_messages import message
from benchmarks.raw_publisher import RawPublisher


def main() -> None:
    """Write, wait, send."""
    port, format_name, devices, messages, rate = sys.argv[1:]
    prepared = [(n, *message(format_name, int(devices), n)) for n in range(int(messages))]
    publisher = RawPublisher(int(port), client_id=f"producer-{port}")
    publisher.connect()
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    publisher.send(prepared, float(rate))
    print("sent", begun, time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
