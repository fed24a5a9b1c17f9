"""Capture loop of a camera, one turn at a time: open, fetch, crop, count, reopen when the device is lost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, DeviceLostError, RobotRLError
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.views import MAX_AGE_S, View, apply, apply_depth, apply_intrinsics

SILENCE_S = 1.0
"""A device that delivers nothing for so long is closed and opened again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


class RawFrame(NamedTuple):
    """An image as the device delivers it, at the device's size."""

    image: np.ndarray  # (H, W, 3) uint8 RGB; may be the device's memory, valid until the next frame
    stamp_ns: int  # monotonic, of the exposure
    number: int | None = None  # the device's count of its images
    depth_mm: np.ndarray | None = None  # (H, W) uint16, 0 where nothing was measured


class Source(Protocol):
    """An open device. One thread uses it."""

    def next(self) -> RawFrame | None:
        """Wait a moment for the next image; None when none came.

        Raises:
            DeviceLostError: the device is gone.
        """

    def intrinsics(self) -> Intrinsics | None:
        """Return the intrinsics of the device's images; None when it does not know them."""

    def temperature_c(self) -> float | None:
        """Return the device's temperature [degrees Celsius]; None when it does not report it."""

    def clock_changes(self) -> int:
        """Return how often the clock of its stamps changed."""

    def remarks(self) -> tuple[str, ...]:
        """Return remarks for people: settings that the device did not take, a slow connection."""

    def close(self) -> None:
        """Release the device; never raises."""


class CameraSetup(NamedTuple):
    """Name of a camera, size of the device's images, and the view of them."""

    name: str
    height: int
    width: int
    view: View = View()
    max_age_s: float = MAX_AGE_S


@dataclass(frozen=True)
class CameraHealth:
    """Diagnostic snapshot of a camera. Counts are since the camera was made."""

    connected: bool
    trouble: str  # why it is not, or what went wrong last; empty when all is well
    frames: int
    dropped: int  # gaps in the device's own count
    opened: int  # how often the device was opened; the first time counts
    clock_changes: int
    age_s: float | None  # of the newest image; None before the first
    temperature_c: float | None
    remarks: tuple[str, ...] = ()


class Grabber:
    """Capture loop without its thread.

    Args:
        open_source: opens the device, or raises DeviceLostError with what to do.
    """

    def __init__(self, setup: CameraSetup, open_source: Callable[[], Source], clock: Clock) -> None:
        self.setup, self._open_source, self._clock = setup, open_source, clock
        self.latest: RawFrame | None = None  # after crop and resize; replaced whole, so readers need no lock
        self.intrinsics: Intrinsics | None = None
        self.error: RobotRLError | None = None
        self._counts = CameraHealth(False, "not opened yet", 0, 0, 0, 0, None, None)
        self._source: Source | None = None
        self._number: int | None = None
        self._heard_ns = self._retry_ns = clock.now_ns()
        self._pause_s = FIRST_PAUSE_S

    def turn(self) -> float:
        """Open the device, or fetch one image; return how long to pause before the next turn [s]."""
        try:
            if self._source is None:
                return self._open()
            self._fetch(self._source)
        except RobotRLError as error:
            self._lose(error)
        except Exception as error:  # whatever a driver throws: a dead thread would leave readers without a reason
            self._lose(DeviceLostError(f"{self.setup.name}: got {error!r}, expected an image; opening it again."))
        return 0.0

    def health(self) -> CameraHealth:
        """Return the health now."""
        latest = self.latest
        age_s = None if latest is None else (self._clock.now_ns() - latest.stamp_ns) / NS_PER_S
        return replace(self._counts, age_s=age_s)

    def close(self) -> None:
        """Release the device."""
        if self._source is not None:
            self._source.close()
        self._source = None
        self._counts = replace(self._counts, connected=False)

    def _open(self) -> float:
        wait_ns = self._retry_ns - self._clock.now_ns()
        if wait_ns > 0:
            return wait_ns / NS_PER_S
        self._source = self._open_source()
        self._number, self._heard_ns = None, self._clock.now_ns()
        self._counts = replace(self._counts, opened=self._counts.opened + 1)
        return 0.0

    def _fetch(self, source: Source) -> None:
        frame = source.next()
        if frame is None or (frame.number is not None and frame.number == self._number):  # a syncer may repeat an image
            if self._clock.now_ns() - self._heard_ns > SILENCE_S * NS_PER_S:
                raise DeviceLostError(
                    f"{self.setup.name}: got no image for {SILENCE_S:.0f} s, expected a stream; "
                    "opening it again; see its cable and `robot-rl doctor cameras`."
                )
            return
        self.latest = self._seen(frame)
        self._count(frame, source)
        self.error, self._pause_s = None, FIRST_PAUSE_S

    def _seen(self, frame: RawFrame) -> RawFrame:
        setup = self.setup
        if frame.image.shape != (setup.height, setup.width, 3):
            raise ConfigError(
                f"{setup.name}: got images of {frame.image.shape[1]} x {frame.image.shape[0]}, expected "
                f"{setup.width} x {setup.height}; set width and height to what the device delivers."
            )
        depth_mm = None if frame.depth_mm is None else apply_depth(setup.view, frame.depth_mm)
        return frame._replace(image=apply(setup.view, frame.image), depth_mm=depth_mm)

    def _count(self, frame: RawFrame, source: Source) -> None:
        gap = 0 if frame.number is None or self._number is None else max(0, frame.number - self._number - 1)
        self._number, self._heard_ns = frame.number, self._clock.now_ns()
        if self.intrinsics is None and (intrinsics := source.intrinsics()) is not None:
            self.intrinsics = apply_intrinsics(self.setup.view, intrinsics)
        self._counts = replace(
            self._counts,
            connected=True,
            trouble="",
            frames=self._counts.frames + 1,
            dropped=self._counts.dropped + gap,
            clock_changes=source.clock_changes(),
            temperature_c=source.temperature_c(),
            remarks=source.remarks(),
        )

    def _lose(self, error: RobotRLError) -> None:
        self.close()
        self.error = error.with_traceback(None)  # which would keep the old device in memory, and thereby open
        self._counts = replace(self._counts, trouble=str(error))
        self._retry_ns = self._clock.now_ns() + round(self._pause_s * NS_PER_S)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
