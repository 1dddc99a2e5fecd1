"""A receiver of webhooks that costs as little as it can: it checks each signature, counts copies, and says yes.

    python -m benchmarks.receiver PORT SECRET

`simulators.gateways` keeps messages and shows them, at some 2 ms of processor each: what is measured would be the gateway.
"""

import asyncio
import contextlib
import hashlib
import hmac
import sys
from base64 import b64encode
from collections import Counter

SEEN: Counter[str] = Counter()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: bytes) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            said = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            content = await reader.readexactly(int(said.get("content-length", "0")))
            writer.write(_answer(head[0], said, content, secret))
            await writer.drain()
    writer.close()


def _answer(request: str, said: dict[str, str], content: bytes, secret: bytes) -> bytes:
    if request.startswith("GET"):
        body = f"{len(SEEN)} {sum(SEEN.values())}".encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    name = said["webhook-id"]
    signed = f"{name}.{said['webhook-timestamp']}.".encode() + content
    want = "v1," + b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(want, said["webhook-signature"]):
        return b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"
    SEEN[name] += 1
    return b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b'{"ok":true}'


async def main(port: int, secret: bytes) -> None:
    """Receive until killed; ``GET /`` answers how many notices and how many copies came."""
    server = await asyncio.start_server(lambda r, w: _serve(r, w, secret), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2].encode()))
