"""A `Camera` over a ROS image topic."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from controllers.ros import from_ros, graph
from controllers.ros.ros_time import ClockBridge
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Wire
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.hardware.cameras import CameraContext, views
from robot_rl.hardware.cameras.camera import Frame
from robot_rl.hardware.cameras.config import CameraConfig, check_camera
from robot_rl.hardware.cameras.views import MAX_AGE_S, View
from robot_rl.hardware.graph.inbox import Inbox
from robot_rl.hardware.graph.messages import read_image
from robot_rl.hardware.graph.timings import Spread, Times
from robot_rl.hardware.graph.waiting import wait_for

PERIOD_S = 1 / 30
"""Usual time between two images [s]; where stamps lie further apart, images were dropped."""
_CLOCK_JUMP_MAX_S = 0.05


@dataclass(frozen=True)
class TopicConfig(CameraConfig):
    """A camera that another node publishes on the ROS graph.

    Raises:
        ConfigError: a setting that cannot work.
    """

    name: str
    """Name of its image in the observation, and where `topic` is empty the first word of its topics."""
    kind: Literal["topic"] = "topic"
    topic: str = ""
    """Of its images (sensor_msgs/Image); empty: `NAME/color/image_raw`, below the arm's namespace."""
    view: View = field(default_factory=View)
    """Crop and size of what the policy sees; a size of None shows the image's own."""
    max_age_s: float = MAX_AGE_S
    """Older images are refused, and the arm holds [s]; see `robot.image_age_ms`. Source: two periods of 10 Hz."""

    def __post_init__(self) -> None:
        check_camera(self)


@dataclass(frozen=True)
class ImageCounters:
    """Counts of a camera's images."""

    received: int = 0
    dropped: int = 0
    """Missing between two received images, by their stamps."""
    refused: int = 0
    """Reads refused because the image was older than the bound."""
    ages: Spread = field(default_factory=Spread)
    """From exposure to use."""


class GraphCamera:
    """A `Camera` over a topic. The wire is the caller's: `close` leaves it open.

    Args:
        start_timeout_s: how long the first image is waited for [s]: nodes need seconds to find each other.
    """

    def __init__(self, wire: Wire, clock: Clock, config: TopicConfig, start_timeout_s: float = 10.0) -> None:
        self._config, self._clock, self.name = config, clock, config.name
        self._start_timeout_s = start_timeout_s
        self.height, self.width = config.view.size or (0, 0)
        self._warnings, self._ages = WarningLog(), Times()
        self._source = ClockBridge(wire.now_ns, clock.now_ns, _CLOCK_JUMP_MAX_S)
        self._received = self._dropped = self._refused = 0
        self._last_ns = 0
        usual = graph.image_topic(config.name)
        topic = usual._replace(name=self._config.topic or usual.name)
        self._inbox = Inbox(wire, topic, self._take_in, clock, self._warnings, self._source)

    def read(self) -> Frame:
        """Return the newest image, cropped and resized.

        Raises:
            DeviceLostError: none ever came.
            StaleObservationError: the newest is older than the bound, or its stamp is of another clock.
        """
        self._await_first()
        sample = self._inbox.newest
        assert sample is not None  # _await_first saw it
        if jump_s := self._source.jump_s():
            self._warnings.note(
                f"clock: got a jump of {jump_s:.3f} s, expected a steady one; use chrony.", kind="clock"
            )
        stamp_ns, now_ns = sample.stamp_ns, self._clock.now_ns()
        self._refused += 1
        views.check_age(self.name, stamp_ns, now_ns, self._config.max_age_s)
        self._refused -= 1
        self._ages.add((now_ns - stamp_ns) / NS_PER_S)
        return Frame(views.apply(self._config.view, sample.value), stamp_ns)

    def close(self) -> None:
        """Do nothing: the wire is the caller's."""

    def counters(self) -> ImageCounters:
        """Return the counts so far."""
        return ImageCounters(self._received, self._dropped, self._refused, self._ages.spread())

    def problems(self) -> tuple[str, ...]:
        """Return the refused messages, and jumps of the clock; newest last."""
        return self._warnings.texts()

    def _take_in(self, message: Any) -> np.ndarray:
        """Count a message, in the wire's thread, and view its bytes without a copy."""
        image, stamp_ns = read_image(message), from_ros.stamp_ns(message)
        periods = (stamp_ns - self._last_ns) / (PERIOD_S * NS_PER_S)
        if self._received and periods > 1.0:
            self._dropped += round(periods) - 1
        self._received, self._last_ns = self._received + 1, stamp_ns
        return image

    def _await_first(self) -> None:
        def missing() -> str:
            return f"no image on {self._inbox.topic.name}" if self._inbox.newest is None else ""

        if wait_for(missing, self._clock, self._start_timeout_s):
            why = self._inbox.refusal or "is it publishing on the same ROS_DOMAIN_ID and network?"
            raise DeviceLostError(
                f"{self._inbox.topic.name}: got no image for {self._start_timeout_s} s, expected one "
                f"every {PERIOD_S:.3f} s; {why}"
            )


class RosTopic:
    """The kind `topic`."""

    Config = TopicConfig
    on_graph = True

    @staticmethod
    def open(config: TopicConfig, context: CameraContext) -> GraphCamera:
        """Return the camera at the other end of the graph.

        Raises:
            ConfigError: there is no connection to the graph.
        """
        if context.wire is None:
            raise ConfigError(
                f"{config.name}: got a topic and no connection to the ROS graph, expected one; pass `wire`."
            )
        return GraphCamera(context.wire, context.clock, config, context.ready_s)

    @staticmethod
    def label(config: TopicConfig) -> str:
        """Return the topic."""
        return config.topic or graph.image_topic(config.name).name
