"""Home, joint motions, guiding, holds and gains of the command handler."""

from functools import partial

import numpy as np
import pytest

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.host.motions import MotionKind
from controllers.ros.arbitration import CommandPriority
from controllers.ros.rejection import RejectReason
from controllers.ros.topics import take_joint_motion
from tests.controllers.ros import ros_messages as ros
from tests.controllers.ros.cockpit import HERE, JOINTS, POSE


def test_home_waits_until_commands_end(cockpit):
    cockpit.pose()
    ok, text = cockpit.pilot.go_home()
    assert not ok and POSE in text


def test_holding_by_service_lasts_until_it_is_lifted(cockpit):
    cockpit.pilot.hold(True)
    cockpit.pilot.watch()
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.BLOCKED
    cockpit.pilot.hold(False)
    cockpit.pose()


def test_a_wrench_within_the_bound_goes_with_the_next_target_and_a_larger_one_is_refused(cockpit):
    cockpit.pose()  # takes charge, without feed-forward
    cockpit.pilot.take_wrench("target_wrench", CommandPriority.POLICY, cockpit.now(ros.wrench((0.0, 0.0, -5.0))))
    cockpit.pose()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].wrench, [0.0, 0.0, -5.0, 0.0, 0.0, 0.0])
    message = cockpit.now(ros.wrench((0.0, 0.0, -11.0)))
    assert cockpit.refused(cockpit.pilot.take_wrench, message, "target_wrench") is RejectReason.LIMIT


def test_stiffness_and_posture_change_the_gains_in_force(cockpit):
    cockpit.pilot.take_gains(
        "target_stiffness", CommandPriority.POLICY, ros.array([100.0, 200.0, 300.0, 10.0, 20.0, 30.0])
    )
    np.testing.assert_array_equal(cockpit.loop.gains.stiffness, [100.0, 200.0, 300.0, 10.0, 20.0, 30.0])
    reversed_order = cockpit.now(ros.joints(list(reversed(JOINTS)), [float(i) for i in range(7)]))
    cockpit.pilot.take_joint("target_joint", CommandPriority.POLICY, reversed_order)
    np.testing.assert_array_equal(cockpit.loop.gains.posture, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    beyond = ros.array([4000.0] * 3 + [10.0] * 3)
    assert cockpit.refused(cockpit.pilot.take_gains, beyond, "target_stiffness") is RejectReason.LIMIT
    assert cockpit.pilot.gains.stiffness[0] == 100.0
    assert cockpit.refused(cockpit.pilot.take_gains, ros.array([1.0], label="stifness")) is RejectReason.LAYOUT
    cockpit.pilot.take_gains("target_stiffness", CommandPriority.POLICY, ros.array([90.0] * 3 + [9.0] * 3, label=None))
    np.testing.assert_array_equal(cockpit.loop.gains.stiffness, [90.0] * 3 + [9.0] * 3)
    assert cockpit.refused(cockpit.pilot.take_gains, ros.array([90.0] * 3, label=None)) is RejectReason.LAYOUT
    nan = ros.array([np.nan] * 6)
    assert cockpit.refused(cockpit.pilot.take_gains, nan) is RejectReason.LIMIT


def test_an_arm_that_holds_itself_takes_gains(cockpit):
    cockpit.pilot.stop_now()
    cockpit.pilot.take_gains("target_stiffness", CommandPriority.POLICY, ros.array([100.0] * 3 + [10.0] * 3))
    np.testing.assert_array_equal(cockpit.loop.gains.stiffness, [100.0] * 3 + [10.0] * 3)


def test_reset_target_sends_the_measured_pose(cockpit):
    cockpit.pose()
    assert cockpit.pilot.reset_target()[0]
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, HERE)


def stamps_of(loop):
    return [move.stamp_s for move in loop.moves]


def test_home_is_a_joint_motion_to_the_posture_kept_alive_while_it_lasts(cockpit):
    assert cockpit.pilot.go_home()[0]
    first = cockpit.loop.moves[-1]
    np.testing.assert_array_equal(first.q, cockpit.pilot.gains.posture)
    for _ in range(5):
        cockpit.clock.advance(0.05)
        cockpit.pilot.watch()
    assert {move.number for move in cockpit.loop.moves} == {first.number}
    assert np.allclose(np.diff(stamps_of(cockpit.loop)), 0.05)
    sent = len(cockpit.loop.sent)
    cockpit.loop.mode = Mode.HOLDING  # arrived
    cockpit.pilot.watch()
    assert len(cockpit.loop.moves) == 6 and len(cockpit.loop.sent) == sent + 1


def test_a_refused_home_says_why(cockpit):
    cockpit.loop.refuses = Reason.MOTION_REFUSED
    assert cockpit.pilot.go_home() == (False, REASON_TEXT[Reason.MOTION_REFUSED])


@pytest.mark.parametrize("ends", ["pose", "hold"])
def test_a_command_and_a_hold_end_a_joint_motion(cockpit, ends):
    cockpit.pilot.go_home()
    if ends == "pose":
        cockpit.pose()
    else:
        cockpit.pilot.hold(True)
        cockpit.pilot.watch()
    assert cockpit.loop.moves[-1].kind == MotionKind.NONE and not cockpit.pilot.motions.moves


def test_a_joint_motion_by_topic_takes_its_speed_and_is_refused_like_any_command(cockpit):
    message = cockpit.now(ros.joints(JOINTS, [0.1] * 7))
    message.velocity = [0.3] * 7
    take_joint_motion(cockpit.pilot, "joint_motion", CommandPriority.POLICY, message)
    assert cockpit.loop.moves[-1].speed == 0.3 and cockpit.loop.moves[-1].kind == MotionKind.JOINTS
    cockpit.pilot.hold(True)
    assert cockpit.refused(partial(take_joint_motion, cockpit.pilot), message, "joint_motion") is RejectReason.BLOCKED


def test_a_guided_arm_refuses_commands_until_it_is_released(cockpit):
    assert cockpit.pilot.motions.guide(cockpit.loop, 7)[0] and cockpit.loop.moves[-1].kind == MotionKind.GUIDING
    cockpit.pilot.watch()
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.BLOCKED
    assert not cockpit.pilot.motions.guide(cockpit.loop, 7)[0]
    assert cockpit.pilot.motions.release(cockpit.loop)[0] and cockpit.loop.moves[-1].kind == MotionKind.NONE
    cockpit.pose()


def test_guiding_that_the_loop_ended_leaves_commands_free(cockpit):
    cockpit.pilot.motions.guide(cockpit.loop, 7)
    cockpit.loop.mode = Mode.HOLDING
    cockpit.pilot.watch()
    cockpit.pose()


def test_a_stopped_arm_is_neither_guided_nor_sent_home(cockpit):
    cockpit.pilot.estop()
    assert (
        not cockpit.pilot.motions.guide(cockpit.loop, 7)[0]
        and not cockpit.pilot.go_home()[0]
        and cockpit.loop.moves == []
    )
