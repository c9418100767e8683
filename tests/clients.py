"""python -m tests.clients [SESSIONS SECONDS]: as `tests.crowd`, without the cost of its browsers.

Twenty browsers on the server's own cores slow it down as no twenty people do. Here the sessions
speak Streamlit's websocket protocol: the time is that from sending a change of text to the end of
the rerun, with every message received.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import Server, running_server
from tests.crowd import THINKING, busy, resident

MODELS = [f"python-source-{kind}" for kind in ("lstm", "gru", "rnn-tanh", "rnn-relu")]
PAGES = ("gates", "states", "gradients", "sampling", "compare")


class Session:
    """One page that is shown: its widgets by label, and how often another's text came."""

    def __init__(self, socket: ClientConnection, number: int) -> None:
        self.socket, self.number, self.seen = socket, number, 0
        self.rng, self.widgets = random.Random(number), {}

    async def ask(self, page: str, models: int, text: str = "", apply: bool = False) -> float:
        """Seconds of one rerun: a page with its models, or a text applied to what is shown."""
        message = BackMsg()
        state = message.rerun_script
        state.page_name = page
        state.query_string = "&".join(f"runs={name}" for name in MODELS[:models])
        if apply:
            changed = state.widget_states.widgets.add()
            changed.id, changed.string_value = self.widgets["Text"], text
        began = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        while not await self._finished():
            pass
        return time.perf_counter() - began

    async def _finished(self) -> bool:
        raw = await self.socket.recv()
        marks = raw.split(b"zqperson")[1:]
        self.seen += any(not mark.startswith(b"%dx" % self.number) for mark in marks)
        message = ForwardMsg.FromString(raw)
        if message.WhichOneof("type") == "delta":
            element = message.delta.new_element
            if element.WhichOneof("type") == "text_area":
                self.widgets[element.text_area.label] = element.text_area.id
        done = message.WhichOneof("type") == "script_finished"
        return done and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY  # not to rerun


def address(server: Server) -> dict:
    url = server.url.replace("http", "ws") + "/_stcore/stream"
    return {"uri": url, "max_size": None, "subprotocols": ["streamlit"]}


async def look(server: Server) -> None:
    """One person has seen every page with four models."""
    async with connect(**address(server)) as socket:
        for page in PAGES:
            await Session(socket, -1).ask(page, len(MODELS))


async def person(number: int, server: Server, end: float, found: list[float]) -> int:
    """Looks, types, goes on; how often another's text was received."""
    async with connect(**address(server)) as socket:
        session, rng, count = Session(socket, number), random.Random(number), 0
        page, models = "gates", 1
        await session.ask(page, models)
        while time.monotonic() < end:
            await asyncio.sleep(rng.uniform(*THINKING))
            if rng.random() < 0.6 and page != "sampling":
                count += 1
                text = f"zqperson{number}x{count}y" + " def f(x): return x" * 9
                found.append(await session.ask(page, models, text, apply=True))
            else:
                page, models = rng.choice(PAGES), rng.randint(1, 4)
                await session.ask(page, models)
    return session.seen


async def crowd(sessions: int, seconds: float, server: Server) -> None:
    found: list[float] = []
    await look(server)
    before, worked, highest = resident(server), busy(server), 0.0
    end = time.monotonic() + seconds
    people = [asyncio.create_task(person(n, server, end, found)) for n in range(sessions)]
    while not all(one.done() for one in people):
        highest = max(highest, resident(server))
        await asyncio.sleep(0.5)
    seen = sum([await one for one in people])
    worked = busy(server) - worked
    await asyncio.sleep(20)
    late = sorted(found)[round(0.95 * (len(found) - 1))]
    log = server.log.read_text()
    usual = statistics.median(found)
    print(f"{len(found)} changes of text: median {usual:.2f} s, 95th percentile {late:.2f} s")
    print(
        f"memory: {before:.0f} MB before, {highest - before:+.0f} MB at its highest, "
        f"{resident(server) - before:+.0f} MB after; {worked:.0f} s of work"
    )
    print(f"texts of others seen: {seen}; exceptions logged: {log.count('Traceback')}")
    if seen or "Traceback" in log:
        sys.exit(log[-3000:] or 1)


def main() -> None:
    sessions, seconds = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (20, 60)
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        asyncio.run(crowd(sessions, seconds, server))


if __name__ == "__main__":
    main()
