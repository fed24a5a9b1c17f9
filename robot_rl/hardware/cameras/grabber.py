"""Capture loop of a camera, one turn at a time: open, fetch, crop, count, reopen when the device is lost.

A lost device is closed in a thread of its own, which a hanging driver may keep. A device that is there and delivers
nothing, twice, or whose close hangs, is reset before it is opened again, where its kind has a reset.
"""

import threading
import zlib
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
CLOSE_S = 1.0
"""Longest wait for a device's close; some 0.1 s is usual for a RealSense."""
SILENCES_MAX = 2
"""Silences since the last image after which the device is reset."""
FROZEN_S = 2.0
"""A sensor whose images are the same bit for bit for so long repeats one: noise alone would change it."""


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
    sensor: bool = False
    """Its images come from a sensor on this machine, and so have noise: an unchanged image is a lost device."""


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
        reset: restarts the device as unplugging would, or raises DeviceLostError; None: it cannot be.
    """

    def __init__(
        self,
        setup: CameraSetup,
        open_source: Callable[[], Source],
        clock: Clock,
        reset: Callable[[], None] | None = None,
    ) -> None:
        self.setup, self._open_source, self._clock, self._reset = setup, open_source, clock, reset
        self._silences = 0
        self._closing: threading.Thread | None = None
        self._checksum, self._changed_ns = 0, clock.now_ns()
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
        """Return the health now, also while the driver does not return."""
        latest, now_ns = self.latest, self._clock.now_ns()
        counts = self._counts
        age_s = None if latest is None else (now_ns - latest.stamp_ns) / NS_PER_S
        silent_s, still_s = ((now_ns - since_ns) / NS_PER_S for since_ns in (self._heard_ns, self._changed_ns))
        if counts.connected and silent_s > 2 * SILENCE_S:
            counts = replace(counts, connected=False, trouble=f"its driver has not returned for {silent_s:.0f} s")
        if counts.connected and still_s > FROZEN_S:
            remark = f"its image has not changed for {still_s:.0f} s: a frozen stream, or nothing moves"
            counts = replace(counts, remarks=(*counts.remarks, remark))
        return replace(counts, age_s=age_s)

    def close(self) -> None:
        """Release the device; a driver that hangs keeps its thread."""
        source, self._source = self._source, None
        self._counts = replace(self._counts, connected=False)
        if source is None:
            return
        self._closing = threading.Thread(target=source.close, name=f"close {self.setup.name}", daemon=True)
        self._closing.start()
        self._closing.join(CLOSE_S)
        if self._closing.is_alive():
            self._counts = replace(self._counts, trouble=f"{self._counts.trouble} (and its close hangs)".strip())

    def _open(self) -> float:
        wait_ns = self._retry_ns - self._clock.now_ns()
        if wait_ns > 0:
            return wait_ns / NS_PER_S
        hangs = self._closing is not None and self._closing.is_alive()
        if self._reset is not None and (hangs or self._silences >= SILENCES_MAX):
            self._silences, self._closing = 0, None
            self._reset()
        self._source = self._open_source()
        self._number, self._heard_ns = None, self._clock.now_ns()
        self._counts = replace(self._counts, opened=self._counts.opened + 1)
        return 0.0

    def _fetch(self, source: Source) -> None:
        frame = source.next()
        if frame is None or (frame.number is not None and frame.number == self._number):  # a syncer may repeat an image
            if self._clock.now_ns() - self._heard_ns > SILENCE_S * NS_PER_S:
                self._silences += 1
                raise DeviceLostError(
                    f"{self.setup.name}: got no image for {SILENCE_S:.0f} s, expected a stream; "
                    "opening it again; see its cable and `robot-rl doctor cameras`."
                )
            return
        self._check_changes(frame)
        self.latest = self._seen(frame)
        self._count(frame, source)
        self.error, self._pause_s, self._silences = None, FIRST_PAUSE_S, 0

    def _check_changes(self, frame: RawFrame) -> None:
        """Compare the image with the last one, bit for bit: a driver or publisher may repeat one with fresh stamps."""
        checksum, now_ns = zlib.adler32(np.ascontiguousarray(frame.image).data), self._clock.now_ns()
        if checksum != self._checksum:
            self._checksum, self._changed_ns = checksum, now_ns
        elif self.setup.sensor and now_ns - self._changed_ns > FROZEN_S * NS_PER_S:
            self._silences += 1
            raise DeviceLostError(
                f"{self.setup.name}: got the same image for {FROZEN_S:.0f} s, expected a sensor's noise; "
                "opening it again; see its cable, and whether its lens is covered."
            )

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
        self.error = error.with_traceback(None)  # which would keep the old device in memory, and thereby open
        self._counts = replace(self._counts, connected=False, trouble=str(error))
        self.close()  # after the reason: a close may hang
        self._retry_ns = self._clock.now_ns() + round(self._pause_s * NS_PER_S)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
