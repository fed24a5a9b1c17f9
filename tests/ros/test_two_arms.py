"""Two arms on one graph, each in its namespace, do not hear each other."""

import numpy as np
import pytest

from controllers.ros import graph
from tests.ros.graph_session import START_TIMEOUT_S, eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow]
MOVE = np.array([0.0, 0.05, 0.0])


def test_a_target_for_one_arm_leaves_the_other_where_it_is(session):
    probe = session.probe()
    for side in ("left", "right"):
        words = ("-p", "autostart:=true", "-p", "end_with_parent:=false", "-p", f"tf_prefix:={side}/")
        session.controller("-r", f"__ns:=/{side}", *words)
        probe.hear(graph.resolve(graph.CURRENT_POSE, side), graph.CURRENT_POSE.type)
    probe.hear("/tf", "tf2_msgs/msg/TFMessage")

    def pose(side):
        return probe.latest(graph.resolve(graph.CURRENT_POSE, side))

    def p(side):
        return np.array([pose(side)["pose"]["position"][axis] for axis in "xyz"])

    eventually(lambda: (pose("left"), pose("right")), all, START_TIMEOUT_S)
    left, right = p("left"), p("right")
    fields = {"header": {"frame_id": "base"}, "pose": dict(pose("left")["pose"])}
    fields["pose"]["position"] = dict(zip("xyz", (left + MOVE).tolist(), strict=True))
    probe.stream(graph.resolve(graph.TARGET_POSE, "left"), graph.TARGET_POSE.type, fields)
    eventually(lambda: p("left"), lambda now: np.linalg.norm(now - left - MOVE) < 0.01)
    assert np.linalg.norm(p("right") - right) < 0.005
    frames = set()

    def seen():
        for transform in probe.latest("/tf")["transforms"]:
            frames.add((transform["header"]["frame_id"], transform["child_frame_id"]))
        return frames

    eventually(seen, lambda frames: frames == {("left/base", "left/tcp"), ("right/base", "right/tcp")})
