"""The page's process: `python -m robot_rl.page.serve`, started by the program that acts; it ends with its input."""

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from robot_rl.core.errors import BadMessageError, RunFolderError
from robot_rl.page.channel import PageEnd
from robot_rl.page.hub import Browser, Hub
from robot_rl.page.progress import RunProgress
from robot_rl.page.session_log import SessionLog
from robot_rl.page.settings import TOKEN_VARIABLE, PageSettings
from robot_rl.runtime.runs.process_record import recorded
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.teleop.devices.browser_messages import BYTES_MAX, Alive, write_message

try:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    from robot_rl.page.web import answer
except ImportError:
    print("got no websockets, expected it; pip install 'robot-rl[page]'.", flush=True)
    raise SystemExit(2) from None

PROGRESS_S = 1.0
"""Time between two readings of the run's metrics [s]."""
BROWSERS_MAX = 8
ALIVE_S = 0.5
"""Time between two signs of life [s]."""
PING_S = 1.0
"""Time between two checks of a connection, and the longest wait for their answer [s]."""
MALFORMED, FULL = 1008, 1013
"""WebSocket's codes for the end of a connection: policy violation, try again later. Source: RFC 6455, IANA."""
QUEUE_BYTES_MAX = 1 << 16
"""Unsent bytes of a connection beyond which it is late: it gets newer images then, not more of them."""


async def run(settings: PageSettings, folder: Path) -> None:
    """Serve until the input ends."""
    end = PageEnd(folder)
    hub = Hub(end, settings.title, SessionLog(folder / "session.jsonl"))
    async with serve(
        partial(attend, hub),
        settings.host,
        settings.port,
        process_request=lambda connection, request: answer(connection, request, settings),
        max_size=BYTES_MAX,
        max_queue=64,
        compression=None,
        write_limit=QUEUE_BYTES_MAX,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=PING_S,
    ) as server:
        print(f"port {next(iter(server.sockets)).getsockname()[1]}", flush=True)
        jobs = (take_in(hub, end), send_images(hub), follow_run(hub, RunProgress(settings.run)), live(end))
        tasks = [asyncio.ensure_future(job) for job in jobs]
        await asyncio.to_thread(sys.stdin.buffer.read)  # ends with the program that acts
        for task in tasks:
            task.cancel()
    end.close()


async def attend(hub: Hub, connection: ServerConnection) -> None:
    """Serve one browser until it goes."""
    if hub.browsers >= BROWSERS_MAX:
        await connection.close(FULL, "too many browsers")
        return
    browser = hub.join()
    sender = asyncio.ensure_future(send_due(browser, connection))
    try:
        async for data in connection:
            hub.receive(browser, data)
    except BadMessageError as error:
        await connection.close(MALFORMED, str(error)[:100])
    except ConnectionClosed:
        pass
    finally:
        sender.cancel()
        hub.leave(browser)


async def send_due(browser: Browser, connection: ServerConnection) -> None:
    """Send what is due, as fast as the browser takes it."""
    with suppress(ConnectionClosed):
        while True:
            await browser.wake.wait()
            for content in browser.take():
                await connection.send(content)


async def take_in(hub: Hub, end: PageEnd) -> None:
    """Take in what the program that acts sends."""
    while True:
        hub.take_in(await end.receive())


async def send_images(hub: Hub) -> None:
    """Send the newest images."""
    while True:
        await hub.images_due.wait()
        await hub.send_images()


async def follow_run(hub: Hub, progress: RunProgress) -> None:
    """Show the run's metrics."""
    while True:
        hub.show_progress(await asyncio.to_thread(progress.read, list(hub.log.episodes)))
        await asyncio.sleep(PROGRESS_S)


async def live(end: PageEnd) -> None:
    """Send signs of life to the program that acts, which ends a process without them."""
    while True:
        end.send(write_message(Alive()))
        await asyncio.sleep(ALIVE_S)


def main() -> int:
    """Serve; print the port, or why it cannot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--title", default="")
    parser.add_argument("--run", type=Path)
    words = parser.parse_args()
    settings = PageSettings(words.address, os.environ.get(TOKEN_VARIABLE, ""), words.run, words.title)
    try:
        with ExitStack() as stack:
            if words.run is not None:
                with suppress(RunFolderError):  # another page of this run is open, such as an evaluation's
                    stack.enter_context(recorded(RunFolder(words.run).page, "page", words.run.name))
            asyncio.run(run(settings, words.folder))
    except OSError as error:
        why = error.strerror or error
        print(f"got {settings.address} ({why}), expected a free address; choose another --page-address.", flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
