"""Frames of an arm: the same in messages and TF, connected with the links of its model."""

from dataclasses import replace

import numpy as np
import pytest

from controllers.arms.spec import load_arm
from controllers.arms.values import ArmFileError, Offset, rotation_of_rpy
from controllers.law.presets import preset
from controllers.ros import graph, to_ros
from controllers.ros.frames import FixedFrame, Frames, frames_of
from tests.controllers.ros.cockpit import JOINTS
from tests.controllers.ros.test_controller import Node
from tests.hardware.graph.memory_wire import MemoryWire

URDF = """<robot name="lab">
  <link name="base_link"/><link name="foot"/><link name="tool0"/>
  <joint name="to_foot" type="fixed"><origin xyz="0.1 0 0.2" rpy="0 0 3.141592653589793"/>
    <parent link="base_link"/><child link="foot"/></joint>
  <joint name="to_tool" type="fixed"><parent link="base_link"/><child link="tool0"/></joint>
</robot>
"""


def arm_with(tmp_path, base_frame):
    model = tmp_path / "lab.urdf"
    model.write_text(URDF, encoding="utf-8")
    return replace(load_arm("ur5e"), model=str(model), base_frame=base_frame)


def test_an_arm_without_a_model_has_base_tool_and_hand():
    frames = frames_of(load_arm("fr3"), prefix="left/")
    assert (frames.base, frames.tcp, frames.description) == ("left/base", "left/tcp", "")
    ((parent, child, pose),) = frames.fixed
    assert (parent, child) == ("left/tcp", "left/hand") and pose.xyz_m.tolist() == [0.0, 0.0, -0.1034]


@pytest.mark.parametrize(("link", "turn", "p"), [("foot", np.pi, [0.1, 0.0, -0.2]), ("", 0.0, [0.0, 0.0, 0.0])])
def test_the_models_root_hangs_below_the_base_that_coincides_with_one_of_its_links(tmp_path, link, turn, p):
    frames = frames_of(arm_with(tmp_path, link), prefix="left/")
    parent, child, pose = frames.fixed[-1]
    assert (parent, child, frames.description) == ("left/base", "left/base_link", URDF)
    np.testing.assert_allclose(pose.R, rotation_of_rpy(0.0, 0.0, turn), atol=1e-12)
    np.testing.assert_allclose(pose.xyz_m, p, atol=1e-12)


def test_a_base_that_is_a_link_of_the_model_is_connected_by_the_model(tmp_path):
    assert [frame.child for frame in frames_of(arm_with(tmp_path, "foot"), base="foot").fixed] == ["hand"]
    with pytest.raises(ArmFileError, match="base_frame: got 'knee'"):
        frames_of(arm_with(tmp_path, "knee"))


@pytest.fixture
def left():
    """A node whose arm is `left/`, and what it has published."""
    node = Node()
    for topic in (graph.TF_STATIC, graph.ROBOT_DESCRIPTION, graph.COMMANDED_POSE, graph.JOINT_STATES):
        node.client.subscribe(topic, node.heard.setdefault(topic, []).append)
    fixed = FixedFrame("left/tcp", "left/hand", Offset(np.array([0.0, 0.0, -0.1]), np.eye(3)))
    frames = Frames("left/base", "left/tcp", (fixed,), "<robot/>")
    gains = preset("guarded", [0.0] * 7)
    node.controller.attach(MemoryWire(node.wire._graph), node.loop, gains, JOINTS, frames)
    assert node.controller.activate()[0]
    return node


def test_messages_carry_the_frames_of_tf_and_fixed_frames_are_published_once(left):
    left.controller.publish_states()
    (moving,) = left.heard[graph.TF][-1].transforms
    (fixed,) = left.heard[graph.TF_STATIC][0].transforms
    assert (moving.header.frame_id, moving.child_frame_id) == ("left/base", "left/tcp")
    assert (fixed.header.frame_id, fixed.child_frame_id) == ("left/tcp", "left/hand")
    assert left.heard[graph.CURRENT_POSE][-1].header.frame_id == "left/base"
    assert left.heard[graph.ROBOT_DESCRIPTION][0].data == "<robot/>"


@pytest.mark.parametrize(("frame", "taken"), [("base", True), ("left/base", True), ("right/base", False)])
def test_a_command_is_taken_in_this_arms_base_with_or_without_its_prefix(left, frame, taken):
    sent = len(left.loop.sent)
    message = to_ros.put_pose(left.client.make(graph.TARGET_POSE.type), [0.45, 0.0, 0.3], [0.0, 0.0, 0.0, 1.0])
    left.client.publisher(graph.TARGET_POSE).publish(to_ros.stamped(message, left.client.now_ns(), frame))
    assert (len(left.loop.sent) > sent) is taken


def test_joint_states_carry_the_measured_torque_where_the_arm_has_a_sensor(left):
    left.loop.values["tau_measured"] = np.arange(7.0)
    left.controller.publish_states()
    assert list(left.heard[graph.JOINT_STATES][-1].effort) == list(np.arange(7.0))
    left.loop.values["tau_measured"] = np.nan
    left.controller.publish_states()
    assert len(left.heard[graph.JOINT_STATES][-1].effort) == 0 and len(left.heard[graph.JOINT_STATES][-1].position) == 7
