"""A `Camera` at the other end of the ROS graph, over any wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from controllers.ros import graph
from robot_rl.core import checks
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras import views
from robot_rl.hardware.cameras.camera import Frame
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.graph.inbox import Inbox, SourceClock
from robot_rl.hardware.graph.messages import read_image, stamp_of
from robot_rl.hardware.graph.timings import Spread, Times
from robot_rl.hardware.graph.wire import Wire
from robot_rl.hardware.warning_log import WarningLog

_POLL_S = 0.005
_CLOCK_JUMP_MAX_S = 0.05


@dataclass(frozen=True)
class GraphCameraConfig:
    """How a camera on the graph is used.

    Raises:
        ConfigError: a time that is not positive, or a view without a size.
    """

    view: View = field(default_factory=View)
    """What of its pictures is used, and at which size."""
    topic: str = ""
    """Topic of its pictures (sensor_msgs/Image) where it is not `<name>/color/image_raw`."""
    max_age_s: float = views.MAX_AGE_S
    """Older pictures are refused [s]."""
    period_s: float = 1 / 30
    """Between two pictures [s]; where stamps lie further apart, pictures were dropped."""
    start_timeout_s: float = 10.0
    """How long the first picture is waited for [s]: nodes need seconds to find each other."""

    def __post_init__(self) -> None:
        checks.positive(self, "max_age_s", "period_s", "start_timeout_s")
        if self.view.size is None:
            raise ConfigError("view.size: got None, expected a height and width; the picture's own is not known yet.")


@dataclass(frozen=True)
class PictureCounters:
    """What became of a camera's pictures."""

    heard: int = 0
    dropped: int = 0
    """Missing between two pictures that came, by their stamps."""
    refused: int = 0
    """Reads that found a picture older than the bound."""
    ages: Spread = field(default_factory=Spread)
    """From exposure to use."""


class GraphCamera:
    """See `Camera`. The wire belongs to somebody else: `close` leaves it open."""

    def __init__(self, wire: Wire, clock: Clock, name: str, config: GraphCameraConfig | None = None) -> None:
        self._config, self._clock, self.name = config or GraphCameraConfig(), clock, name
        self.height, self.width = self._config.view.size or (0, 0)
        self._problems, self._ages = WarningLog(), Times()
        self._source = SourceClock(wire, clock, _CLOCK_JUMP_MAX_S)
        self._heard = self._dropped = self._refused = 0
        self._last_ns = 0
        usual = graph.image_topic(name)
        topic = usual._replace(name=self._config.topic or usual.name)
        self._inbox = Inbox(wire, topic, self._take_in, clock, self._problems, self._source)

    def read(self) -> Frame:
        """The newest picture, cropped and resized.

        Raises:
            DeviceLostError: none ever came.
            StaleObservationError: the newest is older than the bound, or its stamp is of another clock.
        """
        self._await_first()
        sample = self._inbox.newest
        assert sample is not None  # _await_first saw it
        if jump_s := self._source.jump_s():
            self._problems.note(
                f"clock: got a jump of {jump_s:.3f} s, expected a steady one; use chrony.", kind="clock"
            )
        stamp_ns, now_ns = sample.stamp_ns, self._clock.now_ns()
        self._refused += 1
        views.check_age(self.name, stamp_ns, now_ns, self._config.max_age_s)
        self._refused -= 1
        self._ages.add((now_ns - stamp_ns) / NS_PER_S)
        return Frame(views.apply(self._config.view, sample.value), stamp_ns)

    def close(self) -> None:
        """Nothing to let go of."""

    def counters(self) -> PictureCounters:
        """What became of the pictures so far."""
        return PictureCounters(self._heard, self._dropped, self._refused, self._ages.spread())

    def problems(self) -> tuple[str, ...]:
        """Messages that were no pictures, and jumps of the clock; newest last."""
        return self._problems.texts()

    def _take_in(self, message: Any) -> np.ndarray:
        """In the wire's thread: count, and look at the bytes without copying them."""
        image, stamp_ns = read_image(message), stamp_of(message)
        periods = (stamp_ns - self._last_ns) / (self._config.period_s * NS_PER_S)
        if self._heard and periods > 1.0:
            self._dropped += round(periods) - 1
        self._heard, self._last_ns = self._heard + 1, stamp_ns
        return image

    def _await_first(self) -> None:
        deadline_ns = self._clock.now_ns() + round(self._config.start_timeout_s * NS_PER_S)
        while self._inbox.newest is None:
            if self._clock.now_ns() >= deadline_ns:
                why = self._inbox.refusal or "is it publishing on the same ROS_DOMAIN_ID and network?"
                raise DeviceLostError(
                    f"{self._inbox.topic.name}: got no picture for {self._config.start_timeout_s} s, expected one "
                    f"every {self._config.period_s:.3f} s; {why}"
                )
            self._clock.sleep_until(self._clock.now_ns() + round(_POLL_S * NS_PER_S))
