"""The loop's state to the graph: one message a topic, all of one instant, and TF."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from controllers.host.mailbox import HostState
from controllers.ros import graph, to_ros
from controllers.ros.endpoints import Endpoints, message_class

TF = graph.Topic("/tf", "tf2_msgs/msg/TFMessage", graph.Quality(reliable=True, depth=100))


class States:
    """Publishers of all that the loop says about the arm.

    Args:
        state: any, for the list of topics.
        joints: names of the arm's joints.
        frame: the arm's base.
        tf_prefix: before the frames of TF, as in `left/`.
        left_out: topics that somebody else publishes.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        state: HostState,
        joints: Sequence[str],
        frame: str,
        tf_prefix: str = "",
        left_out: Collection[graph.Topic] = (),
    ) -> None:
        self._joints, self._frame, self._tf_prefix = joints, frame, tf_prefix
        topics = [topic for topic, _, _ in to_ros.states_of(state, joints)]
        self._outlets = {topic: endpoints.publisher(topic) for topic in (*topics, TF) if topic not in left_out}

    def publish(self, state: HostState, stamp_ns: int) -> None:
        """Send all of it under one stamp [ns, ROS time]."""
        for topic, put, values in to_ros.states_of(state, self._joints):
            if outlet := self._outlets.get(topic):
                message = put(message_class(topic.type)(), *values)
                outlet.publish(to_ros.stamped(message, stamp_ns, self._frame))
        if outlet := self._outlets.get(TF):
            outlet.publish(message_class(TF.type)(transforms=[self._transform(state, stamp_ns)]))

    def _transform(self, state: HostState, stamp_ns: int) -> Any:
        values, message = state.values[0], message_class("geometry_msgs/msg/TransformStamped")()
        to_ros.put_transform(message, self._tf_prefix + graph.TCP, values["p"], to_ros.quat_of(values["R"]))
        return to_ros.stamped(message, stamp_ns, self._tf_prefix + self._frame)
