"""Images for the page: rendered by the simulator between two steps, or read from cameras by a thread of their own."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import numpy as np

from robot_rl.core.clock import Clock, RateKeeper
from robot_rl.core.errors import DeviceLostError
from robot_rl.hardware.cameras.camera import Camera

CAMERA_HZ = 20.0
"""Readings of the cameras a second."""
Send = Callable[[str, np.ndarray], None]
"""Sends an image (H, W, 3) uint8 of that name."""


class Images(Protocol):
    """Source of the page's images."""

    def start(self, make_send: Callable[[], Send]) -> None:
        """Start; each thread that sends makes a sender of its own."""

    def step(self) -> None:
        """An environment step was made; called in the acting thread."""

    def close(self) -> None:
        """End."""


class RenderedImages(Images):
    """Views of a simulation, rendered in the acting thread: a simulation is not for two threads.

    Args:
        views: functions that render, by name.
    """

    def __init__(self, views: Mapping[str, Callable[[], np.ndarray]]) -> None:
        self._views = views
        self._send: Send = lambda name, image: None

    def start(self, make_send: Callable[[], Send]) -> None:
        """Make the sender."""
        self._send = make_send()

    def step(self) -> None:
        """Render and send."""
        for name, render in self._views.items():
            self._send(name, render())

    def close(self) -> None:
        """Do nothing: nothing runs."""


class CameraImages(Images):
    """Images of cameras, also between episodes, read by a thread; those of a camera that is away stop.

    Args:
        close: called at the end, for cameras that were opened for the page alone.
    """

    def __init__(self, cameras: Mapping[str, Camera], clock: Clock, close: Callable[[], None] = lambda: None) -> None:
        self._cameras, self._clock, self._close = cameras, clock, close
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, make_send: Callable[[], Send]) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, args=(make_send,), name="page images", daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Do nothing: the thread has its own rate."""

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self._close()

    def _run(self, make_send: Callable[[], Send]) -> None:
        send, pace, stamps = make_send(), RateKeeper(CAMERA_HZ, self._clock), dict[str, int]()
        while not self._closing.is_set():
            for name, camera in self._cameras.items():
                with suppress(DeviceLostError):
                    image, stamp_ns = camera.read()
                    if stamp_ns != stamps.get(name):
                        stamps[name] = stamp_ns
                        send(name, image)
            pace.wait()
