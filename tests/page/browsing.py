"""A program with the operator's page, as a process, and pages of a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.waiting import eventually

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium; apt-get install chromium")
END_S = 60.0


class Program:
    """A running `robot-rl` command and what it has printed."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robot_rl", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def url(self) -> str:
        """Return the page's link, once the program printed it."""

        def find() -> str:
            assert self.process.poll() is None or "page: " in self.text, self.text
            found = re.search(r"page: (http\S+)", self.text)
            return found[1] if found else ""

        return str(eventually(find))

    def wait(self) -> int:
        """Return the exit code, once it has ended."""
        code = self.process.wait(END_S)
        self._reader.join()
        return code

    def end(self) -> int:
        """Stop as Ctrl-C does, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.wait()
        finally:
            self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()


@contextmanager
def program(folder: Path, *words: str, **environment: str) -> Iterator[Program]:
    """Run a command to the end of the block."""
    running = Program(folder, *words, **environment)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Any, url: str) -> Any:
    """Return the page, once a program serves it."""
    address = urlsplit(url)

    def reached() -> bool:
        try:
            socket.create_connection((address.hostname, address.port)).close()
        except OSError:
            return False
        return True

    eventually(reached, 120.0)  # a browser that tried so often would take the program's time to start
    page = browser.new_page()
    page.goto(url)
    return page


def attribute(page: Any, name: str) -> str:
    """Return one of the state attributes of a page's body: charge, control, link, stopped."""
    return str(page.evaluate(f"document.body.dataset.{name}"))


def until(page: Any, name: str, value: str) -> None:
    """Wait until a state attribute has a value; a program on a busy machine takes half a minute to start."""
    page.wait_for_selector(f"body[data-{name}={value}]", timeout=60_000)


def until_cleared(page: Any, selector: str) -> None:
    """Wait until an element is there, and clear what a computer that stood still for a second has stopped."""

    def there() -> bool:
        clear(page)
        return bool(page.locator(selector).count())

    eventually(there, 120.0)


def frames(page: Any) -> dict[str, int]:
    """Return the number of images of each camera so far."""
    script = "Object.fromEntries([...document.querySelectorAll('figure')].map(f => [f.dataset.name, f.frames]))"
    counts: dict[str, int] = page.evaluate(script)
    return counts


def hold(page: Any, pad: str, x: float, y: float) -> None:
    """Press a joystick and move it, in fractions of its radius, right and down positive."""
    box = page.locator(pad).bounding_box()
    radius = box["width"] / 2
    page.mouse.move(box["x"] + radius, box["y"] + radius)
    page.mouse.down()
    page.mouse.move(box["x"] + radius * (1 + x), box["y"] + radius * (1 + y))


def take_over(page: Any, pad: str, x: float, y: float, watching: Any = None) -> None:
    """Hold a joystick until it moves the arm, as the page shows, or another one that watches; clear the stop and try
    again where the computer stood still for a second, as people do.
    """
    seen, charge = (page, "human") if watching is None else (watching, "person")
    page.bring_to_front()  # a tab behind another one gets less of a busy computer, and lets go
    for _ in range(20):
        clear(page)
        hold(page, pad, x, y)
        for _ in range(20):
            if attribute(seen, "charge") == charge:
                return
            page.wait_for_timeout(100)
        page.mouse.up()
        page.wait_for_timeout(300)
    raise AssertionError("the joystick does not move the arm")


def clear(page: Any) -> None:
    """Clear the stop of a computer that stood still for a second, if there is one."""
    if attribute(page, "stopped") == "yes":
        page.keyboard.press("c")


def take_control(page: Any) -> None:
    """Press the button that takes control until it is taken; it is away while a busy computer's link is down."""

    def taken() -> bool:
        if attribute(page, "control") == "no" and page.locator("#take").is_visible():
            page.locator("#take").dispatch_event("click")
            page.wait_for_timeout(200)
        return attribute(page, "control") == "yes"

    eventually(taken, 120.0)


def until_idle(page: Any) -> None:
    """Wait until no hand moves the arm; what stands after a stop is cleared, since a stop is no release."""

    def idle() -> bool:
        clear(page)
        return attribute(page, "charge") == "idle"

    eventually(idle, 60.0)
