"""State publisher: one message a topic, all of one instant, TF, and the active gains."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.ros import graph, to_ros
from controllers.ros.wire import Wire

TF = graph.Topic("/tf", "tf2_msgs/msg/TFMessage", graph.Quality(reliable=True, depth=100))


class States:
    """Publishers of the control process's state; messages with numbers that are not finite are left out.

    Args:
        state: any, for the list of topics.
        joints: names of the arm's joints.
        frame: the arm's base.
        tf_prefix: before the frames of TF, as in `left/`.
        left_out: topics of other publishers.
        more: topics beside the controller's own; see `controllers.ros.topics`.
    """

    def __init__(
        self,
        wire: Wire,
        state: HostState,
        joints: Sequence[str],
        frame: str,
        tf_prefix: str = "",
        left_out: Collection[graph.Topic] = (),
        more: Iterable[Any] = (),
    ) -> None:
        self._more = [(each, wire.publisher(each.topic)) for each in more]
        self._wire, self._joints, self._frame, self._tf_prefix = wire, joints, frame, tf_prefix
        topics = [topic for topic, _, _ in to_ros.states_of(state, joints)]
        self._publishers = {topic: wire.publisher(topic) for topic in (*topics, TF) if topic not in left_out}
        self._gains = wire.publisher(graph.GAINS)

    def publish(self, state: HostState, stamp_ns: int) -> None:
        """Publish the state under one stamp [ns, ROS time]."""
        with np.errstate(all="ignore"):
            sent = [outgoing for outgoing in to_ros.states_of(state, self._joints) if to_ros.finite(outgoing)]
        if TF in self._publishers and graph.CURRENT_POSE in [outgoing.topic for outgoing in sent]:
            message = self._wire.make(TF.type, transforms=[self._transform(state, stamp_ns)])
            self._publishers[TF].publish(message)
        for topic, put, values in sent:
            if topic in self._publishers:
                message = put(self._wire.make(topic.type), *values)
                self._publishers[topic].publish(to_ros.stamped(message, stamp_ns, self._frame))
        for each, publisher in self._more:
            message = each.fill(self._wire.make(each.topic.type), state)
            publisher.publish(to_ros.stamped(message, stamp_ns, self._frame) if hasattr(message, "header") else message)

    def publish_gains(self, gains: Gains) -> None:
        """Publish the active gains; latched."""
        self._gains.publish(to_ros.gains_message(self._wire, gains))

    def _transform(self, state: HostState, stamp_ns: int) -> Any:
        values, message = state.values[0], self._wire.make("geometry_msgs/msg/TransformStamped")
        to_ros.put_transform(message, self._tf_prefix + graph.TCP, values["p"], to_ros.quat_of(values["R"]))
        return to_ros.stamped(message, stamp_ns, self._tf_prefix + self._frame)
