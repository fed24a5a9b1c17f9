"""State publisher: one message a topic, all of one instant, TF, and the active gains."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from controllers.geometry import FloatArray
from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.ros import graph, to_ros
from controllers.ros.frames import Frames
from controllers.ros.wire import Publisher, Wire


class States:
    """Publishers of the control process's state; messages with numbers that are not finite are left out.

    Args:
        state: any, for the list of topics.
        joints: names of the arm's joints.
        frames: the arm's; those that do not move, and its description, are published at once, latched.
        left_out: topics of other publishers.
        more: topics beside the controller's own; see `controllers.ros.topics`.
    """

    def __init__(
        self,
        wire: Wire,
        state: HostState,
        joints: Sequence[str],
        frames: Frames,
        left_out: Collection[graph.Topic] = (),
        more: Iterable[Any] = (),
    ) -> None:
        self._more = [(each, wire.publisher(each.topic)) for each in more]
        self._wire, self._joints, self._frames = wire, joints, frames
        topics = [topic for topic, _, _ in to_ros.states_of(state, joints)]
        self._publishers = {topic: wire.publisher(topic) for topic in (*topics, graph.TF) if topic not in left_out}
        self._gains = wire.publisher(graph.GAINS)
        self._publish_frames(graph.TF in left_out)

    def publish(self, state: HostState, stamp_ns: int) -> None:
        """Publish the state under one stamp [ns, ROS time]."""
        with np.errstate(all="ignore"):
            sent = [outgoing for outgoing in to_ros.states_of(state, self._joints) if to_ros.finite(outgoing)]
        if graph.TF in self._publishers and graph.CURRENT_POSE in [outgoing.topic for outgoing in sent]:
            values, frames = state.values[0], self._frames
            tcp = self._transform(frames.base, frames.tcp, values["p"], values["R"], stamp_ns)
            self._publishers[graph.TF].publish(self._wire.make(graph.TF.type, transforms=[tcp]))
        for topic, put, values in sent:
            if topic in self._publishers:
                self._send(self._publishers[topic], put(self._wire.make(topic.type), *values), stamp_ns)
        for each, publisher in self._more:
            self._send(publisher, each.fill(self._wire.make(each.topic.type), state), stamp_ns)

    def _send(self, publisher: Publisher, message: Any, stamp_ns: int) -> None:
        stamp = hasattr(message, "header")
        publisher.publish(to_ros.stamped(message, stamp_ns, self._frames.base) if stamp else message)

    def _publish_frames(self, without_tf: bool) -> None:
        frames, now_ns = self._frames, self._wire.now_ns()
        fixed = [
            self._transform(each.parent, each.child, each.pose.xyz_m, each.pose.R, now_ns) for each in frames.fixed
        ]
        if fixed and not without_tf:
            message = self._wire.make(graph.TF_STATIC.type, transforms=fixed)
            self._wire.publisher(graph.TF_STATIC).publish(message)
        if frames.description:
            message = self._wire.make(graph.ROBOT_DESCRIPTION.type, data=frames.description)
            self._wire.publisher(graph.ROBOT_DESCRIPTION).publish(message)

    def publish_gains(self, gains: Gains) -> None:
        """Publish the active gains; latched."""
        self._gains.publish(to_ros.gains_message(self._wire, gains))

    def _transform(self, parent: str, child: str, p: FloatArray, R: FloatArray, stamp_ns: int) -> Any:
        message = self._wire.make("geometry_msgs/msg/TransformStamped")
        to_ros.put_transform(message, child, p, to_ros.quat_of(R))
        return to_ros.stamped(message, stamp_ns, parent)
