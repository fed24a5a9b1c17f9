"""Hub of the page: the newest state and images for every browser, and the input of the one that has control."""

import asyncio
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from PIL import Image

from robot_rl.core.errors import BadMessageError
from robot_rl.page.channel import DEVICE, IMAGE, LAST, NOTE, VIEW
from robot_rl.page.lease import Lease
from robot_rl.page.session_log import SessionLog
from robot_rl.teleop.devices.browser_messages import (
    FROM_BROWSER,
    STOP,
    Control,
    Message,
    Motion,
    Ping,
    Presence,
    Press,
    read_message,
    write_message,
)

JPEG_QUALITY = 80


class Outlet(Protocol):
    """Where messages for the acting program go."""

    def send(self, message: bytes) -> None:
        """Send one, without waiting."""


@dataclass(eq=False)
class Browser:
    """One connected browser, and what it has not been sent yet: of each kind only the newest."""

    number: int
    due: dict[str, bytes | str] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, name: str, content: bytes | str) -> None:
        """Replace what is to be sent under a name."""
        self.due[name] = content
        self.wake.set()

    def take(self) -> list[bytes | str]:
        """Return what is due, text first, and forget it."""
        due, self.due = self.due, {}
        self.wake.clear()
        return sorted(due.values(), key=lambda content: isinstance(content, bytes))


class Hub:
    """State of the page's process.

    Args:
        outlet: leads to the program that acts.
        title: shown at the top of the page.
        log: of the processes before this one; without an event, this is the first.
    """

    def __init__(self, outlet: Outlet, title: str, log: SessionLog | None = None) -> None:
        self.log = log or SessionLog()
        again = bool(self.log.events)
        self._outlet, self._title, self._lease = outlet, title, Lease(reserved=again)
        if again:
            self.log.add(time.time(), "page", "the page was started again")
        self._browsers: dict[int, Browser] = {}
        self._numbers = 0
        self._view: dict[str, Any] = {}
        self._device: dict[str, Any] = {}
        self._progress: dict[str, Any] = {}
        self._images: dict[str, tuple[bytes, tuple[int, ...]]] = {}  # the newest of each camera, not encoded yet
        self.images_due = asyncio.Event()

    @property
    def browsers(self) -> int:
        """Number of connected browsers."""
        return len(self._browsers)

    def join(self) -> Browser:
        """Add a browser."""
        self._numbers += 1
        browser = self._browsers[self._numbers] = Browser(self._numbers)
        if self._lease.join(browser.number):
            self._outlet.send(write_message(Presence(True)))
        self.log.add(time.time(), "page", f"browser {browser.number} connected")
        self._offer_all()
        browser.offer("progress", _text("progress", self._progress))
        return browser

    def leave(self, browser: Browser) -> None:
        """Remove a browser; without one that has control, the dead-man is released."""
        self._browsers.pop(browser.number, None)
        if self._lease.leave(browser.number):
            self._outlet.send(write_message(Presence(False)))
        self.log.add(time.time(), "page", f"browser {browser.number} left")
        self._offer_all()

    def receive(self, browser: Browser, data: str | bytes) -> None:
        """Take in a browser's message. Without control, a browser may only stop the arm, or ask for control.

        Raises:
            BadMessageError: it is malformed.
        """
        message = read_message(data)
        if not isinstance(message, FROM_BROWSER):
            raise BadMessageError(f"message of the page: got {data[:80]!r}, expected one of a browser.")
        if isinstance(message, Ping):
            browser.offer("pong", _text("pong", {"sent": message.sent}))
        elif isinstance(message, Control):
            self._control(browser, message.take)
        elif self._lease.holder == browser.number or message == Press(STOP):
            self._pass_on(message)

    def take_in(self, parts: list[bytes]) -> None:
        """Take in a message of the program that acts."""
        kind, head = parts[0], json.loads(parts[1])
        if kind == IMAGE:
            self._images[head["name"]] = (parts[2], tuple(head["shape"]))
            self.images_due.set()
            return
        if kind == VIEW:
            self.log.step(head, time.time())
            self._view = head
        elif kind == LAST:
            if _moment(head) <= _moment(self._view):
                return
            self._view = head
        elif kind == DEVICE:
            if head == self._device:
                return
            self._note_prompt(head)
            self._device = head
        elif kind == NOTE:
            self.log.add(time.time(), "note", head["text"])
        self._offer_all()

    def show_progress(self, progress: dict[str, Any]) -> None:
        """Show what the run's metrics say."""
        self._progress = progress
        for browser in self._browsers.values():
            browser.offer("progress", _text("progress", progress))

    async def send_images(self) -> None:
        """Encode and offer the newest image of each camera; nothing while no browser is there."""
        self.images_due.clear()
        images, self._images = self._images, {}
        if not self._browsers:
            return
        for name, (data, shape) in images.items():
            jpeg = await asyncio.to_thread(encode, data, shape)
            packet = bytes([len(name.encode())]) + name.encode() + jpeg
            for browser in list(self._browsers.values()):
                browser.offer(f"image {name}", packet)

    def _control(self, browser: Browser, take: bool) -> None:
        if take and self._lease.take(browser.number):
            self._outlet.send(write_message(Presence(True)))
            self._outlet.send(write_message(Motion(False)))  # the hand of the browser before does not count
            self.log.add(time.time(), "page", f"browser {browser.number} has control")
        elif not take and self._lease.leave(browser.number):
            self._outlet.send(write_message(Presence(False)))
        self._offer_all()

    def _pass_on(self, message: Message) -> None:
        self._outlet.send(write_message(message))
        if isinstance(message, Press):
            self.log.add(time.time(), "button", f"button: {message.button}")
            self._offer_all()

    def _note_prompt(self, device: dict[str, Any]) -> None:
        if device["prompt"] and device["prompt"] != self._device.get("prompt", self.log.newest("prompt")):
            self.log.add(time.time(), "prompt", device["prompt"])

    def _offer_all(self) -> None:
        events = [[event.wall_s, event.kind, event.text] for event in self.log.events]
        for number, browser in self._browsers.items():
            state = {
                "title": self._title,
                "view": self._view,
                "device": self._device,
                "control": self._lease.holder == number,
                "held_by_another": self._lease.holder not in (None, number),
                "browsers": len(self._browsers),
                "events": events,
            }
            browser.offer("state", _text("state", state))


def encode(data: bytes, shape: tuple[int, ...]) -> bytes:
    """Return an image (H, W, 3) uint8 as JPEG."""
    file = io.BytesIO()
    Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape)).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _moment(view: Mapping[str, Any]) -> tuple[int, int]:
    return view.get("episode", 0), view.get("step", 0)


def _text(kind: str, content: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **content})
