"""POST on kept connections, against a receiver on a real socket that does exactly what the test says."""

import asyncio
import contextlib

import httpx
import pytest

from alerts.posting import CutOff, NotSent, Poster

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Receiver:
    """Answers each request with the next of `answers`; None: hangs up instead.  `hang_up`: closes after each answer."""

    def __init__(self, answers, hang_up=False):
        self.answers, self.hang_up, self.connections, self.got = list(answers), hang_up, 0, []
        self.serving = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.url = httpx.URL(f"http://127.0.0.1:{port}/hook?a=1")
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)

    async def serve(self, reader, writer):
        self.connections += 1
        self.serving.append(asyncio.current_task())
        try:
            while not self.hang_up or not self.got:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.got.append((head.split(b"\r\n")[0], await reader.readexactly(size)))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if self.hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def posting():
    poster = Poster(2.0)
    try:
        yield poster
    finally:
        await poster.close()


def posted(receiver, times=1):
    """Post so often; return the codes."""

    async def scenario():
        async with receiver, posting() as poster:
            return [await poster.post(receiver.url, {"x-id": "1"}, b"{}") for _ in range(times)]

    return asyncio.run(scenario())


def test_a_connection_is_kept_for_the_next_message():
    receiver = Receiver([OK, OK, OK])
    assert posted(receiver, 3) == [200, 200, 200]
    assert receiver.connections == 1
    assert receiver.got == [(b"POST /hook?a=1 HTTP/1.1", b"{}")] * 3


def test_one_whose_receiver_says_that_it_closes_is_not_used_again():
    receiver = Receiver([OK.replace(b"content", b"connection: close\r\ncontent"), OK])
    assert posted(receiver, 2) == [200, 200]
    assert receiver.connections == 2


def test_one_that_was_closed_without_a_word_is_not_used_again():
    async def scenario():
        receiver = Receiver([OK], hang_up=True)
        async with receiver, posting() as poster:
            codes = [await poster.post(receiver.url, {}, b"1")]
            await asyncio.sleep(0.05)
            receiver.got.clear()
            receiver.answers.append(OK)
            codes.append(await poster.post(receiver.url, {}, b"2"))
        return codes, receiver.connections

    assert asyncio.run(scenario()) == ([200, 200], 2)


def test_a_message_cut_off_on_a_kept_connection_is_not_sent_again_in_silence():
    receiver = Receiver([OK, None])
    with pytest.raises(CutOff):
        posted(receiver, 2)
    assert len(receiver.got) == 2


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\n\r\nno length", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 100_000],
    ids=["without a length", "endless"],
)
def test_an_answer_is_not_read_for_ever(answer):
    receiver = Receiver([answer], hang_up=True)
    assert posted(receiver) == [200]


def test_nobody_listening_is_surely_not_sent():
    async def scenario():
        async with Receiver([]) as receiver:
            pass
        await asyncio.sleep(0)
        await Poster(1.0).post(receiver.url, {}, b"")

    with pytest.raises(NotSent):
        asyncio.run(scenario())


def test_a_host_that_can_be_none_is_surely_not_sent():
    with pytest.raises(NotSent):
        asyncio.run(Poster(1.0).post(httpx.URL(f"http://{'a' * 70}.invalid/"), {}, b""))


def test_the_certificate_of_a_receiver_is_checked():
    async def scenario():
        async with Receiver([OK]) as receiver:
            await Poster(1.0).post(receiver.url.copy_with(scheme="https"), {}, b"")

    with pytest.raises(NotSent):
        asyncio.run(scenario())
