"""Any camera behind the `Camera` protocol: a background thread fetches images, `read` returns the newest at once.

One image is kept. A device that goes away is opened again, with pauses that grow; meanwhile readers get the last
image as long as it is young enough, then an error that says why. No reader ever waits.
"""

import threading
from collections.abc import Callable

from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras.camera import Frame, Intrinsics
from robot_rl.hardware.cameras.grabber import CameraHealth, CameraSetup, Grabber, RawFrame, Source
from robot_rl.hardware.cameras.views import check_age

JOIN_S = 2.0
READY_S = 10.0
"""A RealSense on USB needs some 2 s to its first image."""


class BackgroundCamera:
    """A `Camera` over any source; depth is in the frames of `wait_newer`.

    Args:
        open_source: opens the device; called in the camera's thread.
        reset: restarts a device that is there and delivers nothing; None: it cannot be.

    Raises:
        ConfigError: a crop that does not lie within the image, or a bound that is not positive.
    """

    def __init__(
        self,
        setup: CameraSetup,
        open_source: Callable[[], Source],
        clock: Clock | None = None,
        reset: Callable[[], None] | None = None,
    ) -> None:
        checks.positive(setup, "max_age_s")
        self.name = setup.name
        self.height, self.width = setup.view.shape(setup.height, setup.width)
        self._clock = clock or SystemClock()
        self._grabber = Grabber(setup, open_source, self._clock, reset)
        self._closing, self._news = threading.Event(), threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"camera {setup.name}", daemon=True)
        self._thread.start()

    def read(self) -> Frame:
        """Return the newest image; as `Camera.read`."""
        frame = self._grabber.latest
        if frame is None:
            raise self._absent()
        check_age(self.name, frame.stamp_ns, self._clock.now_ns(), self._grabber.setup.max_age_s, str(self._why()))
        return Frame(frame.image, frame.stamp_ns)

    def intrinsics(self) -> Intrinsics | None:
        """Return the intrinsics of the images as they are read; None before the device reported them."""
        return self._grabber.intrinsics

    def health(self) -> CameraHealth:
        """Return the camera's health, for diagnostics."""
        return self._grabber.health()

    def wait_newer(self, stamp_ns: int, limit_s: float) -> RawFrame | None:
        """Wait for an image that is newer than `stamp_ns`; None when none came. For programs that publish or record.

        A control loop must not call this: it waits.
        """

        def newer() -> bool:
            return self._grabber.latest is not None and self._grabber.latest.stamp_ns > stamp_ns

        with self._news:
            return self._grabber.latest if self._news.wait_for(newer, limit_s) else None

    def wait_ready(self, limit_s: float = READY_S) -> None:
        """Wait for the first image, before anything moves.

        Raises:
            ConfigError: settings that the device refuses.
            DeviceLostError: no image within `limit_s`; the text holds the reason.
        """
        deadline_ns = self._clock.now_ns() + round(limit_s * NS_PER_S)
        while self._grabber.latest is None:
            if isinstance(self._grabber.error, ConfigError):
                raise self._grabber.error
            if self._clock.now_ns() >= deadline_ns:
                raise self._absent()
            self._clock.sleep_until(self._clock.now_ns() + NS_PER_S // 100)

    def close(self) -> None:
        """End the thread and release the device."""
        self._closing.set()
        self._thread.join(JOIN_S)

    def _absent(self) -> DeviceLostError:
        return DeviceLostError(f"{self.name}: got no image yet, expected one; {self._why()}")

    def _why(self) -> object:
        return self._grabber.error or self._grabber.health().trouble or "see `robot-rl doctor cameras`."

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                pause_s = self._grabber.turn()
                with self._news:
                    self._news.notify_all()
                if pause_s > 0.0:
                    self._closing.wait(pause_s)
        finally:
            self._grabber.close()
