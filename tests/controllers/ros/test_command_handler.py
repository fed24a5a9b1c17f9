"""What the node does with the arm, over a loop that is scripted: no ROS, no process, no time that passes by itself."""

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.host.mailbox import Request
from controllers.law.presets import preset
from controllers.ros.arbitration import WINDOW_S, CommandPriority
from controllers.ros.command_handler import CLOCK_HOLD_S
from controllers.ros.rejection import RejectReason
from tests.controllers.ros import ros_messages as ros
from tests.controllers.ros.cockpit import COMMANDED, HERE, JOINTS, TWIST, Cockpit, LateLoop


def test_a_pose_becomes_a_target_stamped_on_the_loops_clock(cockpit):
    cockpit.pose()
    (target,) = cockpit.loop.sent
    np.testing.assert_array_equal(target.p, [0.5, 0.0, 0.3])
    assert target.stamp_s[0] == cockpit.clock.now_s()


def test_nothing_passes_before_the_pilot_is_enabled_or_attached(cockpit):
    cockpit.pilot.let_go()
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.INACTIVE
    cockpit.pilot.detach()
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.INACTIVE
    assert not cockpit.pilot.start()[0]


def test_enabling_a_moving_arm_is_refused_with_the_reason(cockpit):
    cockpit.pilot.let_go()
    cockpit.loop.refuses = Reason.START_MOVING
    ok, text = cockpit.pilot.start()
    assert not ok and "a joint moves" in text and not cockpit.pilot.enabled


def test_enabling_an_arm_that_follows_already_leaves_it_alone(cockpit):
    before = list(cockpit.loop.asked)
    assert cockpit.pilot.start() == (True, "follows targets already")
    assert cockpit.loop.asked == before


def test_a_state_older_than_the_request_is_not_its_answer(cockpit):
    cockpit.pilot.detach()  # the loop still says ACTIVE
    late = LateLoop(cockpit.loop, Reason.START_MOVING)
    cockpit.pilot.attach(late, preset("guarded", [0.0] * 7), JOINTS, ros.BASE)
    ok, text = cockpit.pilot.start()
    assert not ok and "a joint moves" in text and cockpit.loop.asked[-1] is Request.ACTIVATE


def test_letting_go_takes_the_force_away_before_the_loop_stops(cockpit):
    cockpit.pose((0.5, 0.0, 0.2))
    cockpit.pilot.let_go()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, HERE)
    assert cockpit.loop.asked[-1] is Request.DEACTIVATE


def test_a_transfer_of_control_starts_from_the_last_commanded_pose(cockpit):
    cockpit.pose()
    cockpit.pilot.take_twist("human/target_twist", CommandPriority.HUMAN, cockpit.now(ros.twist((0.1, 0.0, 0.0))))
    np.testing.assert_allclose(cockpit.loop.sent[-1].p, COMMANDED)
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.OUTRANKED


def test_two_sources_make_the_arm_hold_where_it_is(cockpit):
    cockpit.pose()
    message = cockpit.now(ros.twist())
    assert cockpit.refused(cockpit.pilot.take_twist, message, TWIST) is RejectReason.CONFLICT
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, COMMANDED)
    cockpit.clock.advance(0.05)
    cockpit.loop.values["p"] = HERE + 0.01  # pushed away: it goes back, it does not follow
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, COMMANDED)
    assert cockpit.loop.sent[-1].stamp_s[0] == cockpit.clock.now_s()


def test_the_emergency_stop_outlives_a_new_configuration(cockpit):
    cockpit.pilot.estop()
    assert cockpit.loop.asked[-1] is Request.DEACTIVATE and not cockpit.pilot.enabled
    cockpit.pilot.detach()
    cockpit.pilot.attach(cockpit.loop, preset("guarded", [0.0] * 7), JOINTS, ros.BASE)
    ok, text = cockpit.pilot.start()
    assert not ok and "recover" in text and cockpit.loop.asked[-1] is Request.DEACTIVATE
    assert cockpit.pilot.recover(may_move=True)[0] and not cockpit.pilot.enabled
    assert cockpit.pilot.start()[0]


def test_recovery_from_a_fault_backs_off_only_where_the_arm_may_move(cockpit):
    cockpit.loop.mode = Mode.FAULT
    assert not cockpit.pilot.recover(may_move=False)[0] and Request.RECOVER not in cockpit.loop.asked
    assert cockpit.pilot.recover(may_move=True)[0] and cockpit.loop.asked[-1] is Request.RECOVER
    assert cockpit.pilot.recover(may_move=True) == (True, "nothing to recover from")


def test_a_clock_that_jumps_holds_the_arm_for_a_while(cockpit):
    cockpit.clock.ros_ns += 5_000_000_000
    assert "+5.000 s" in cockpit.pilot.watch()
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose())) is RejectReason.BLOCKED
    cockpit.clock.advance(CLOCK_HOLD_S + 0.05)
    assert cockpit.pilot.watch() == ""
    cockpit.pose()


def test_home_is_sent_until_it_is_reached_and_any_command_ends_it(cockpit):
    cockpit.pilot.attach(cockpit.loop, cockpit.pilot.gains, JOINTS, ros.BASE, (HERE, np.array([0.0, 0.0, 0.0, 1.0])))
    cockpit.loop.values["p"] = HERE + np.array([0.1, 0.0, 0.0])
    assert cockpit.pilot.go_home()[0]
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, HERE)
    cockpit.pose()
    cockpit.clock.advance(WINDOW_S + 0.05)
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, cockpit.loop.values["p"][0])
    assert cockpit.pilot.go_home()[0]
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, HERE)


def test_a_tool_below_its_home_rises_before_it_goes_there(cockpit):
    home = HERE + np.array([0.1, 0.0, 0.1]), np.array([0.0, 0.0, 0.0, 1.0])
    cockpit.pilot.attach(cockpit.loop, cockpit.pilot.gains, JOINTS, ros.BASE, home)
    assert cockpit.pilot.go_home()[0]
    above = HERE + np.array([0.0, 0.0, 0.1])
    for _ in range(3):
        cockpit.clock.advance(0.01)
        cockpit.pilot.watch()
        np.testing.assert_array_equal(cockpit.loop.sent[-1].p, above)
    cockpit.loop.values["p"] = cockpit.loop.values["reference_p"] = above
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, home[0])


def test_a_home_outside_the_workspace_is_refused_with_the_bound(cockpit):
    gains = cockpit.pilot.gains.changed(workspace_upper=[1.0, 1.0, HERE[2] + 0.05])
    home = HERE + np.array([0.0, 0.0, 0.1]), np.array([0.0, 0.0, 0.0, 1.0])
    cockpit.pilot.attach(cockpit.loop, gains, JOINTS, ros.BASE, home)
    done, text = cockpit.pilot.go_home()
    assert not done and "outside the workspace (z: got" in text and "set posture" in text


def test_an_enabled_arm_without_commands_is_held_where_it_is_and_does_not_go_limp(cockpit):
    cockpit.pilot.watch()
    cockpit.pose((0.5, 0.0, 0.3))
    cockpit.loop.values["p"] = [0.45, 0.0, 0.3]
    cockpit.clock.advance(WINDOW_S + 0.05)
    for _ in range(3):
        cockpit.pilot.watch()
        np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.45, 0.0, 0.3])
        assert cockpit.loop.sent[-1].stamp_s == pytest.approx(cockpit.clock.now_s())
        cockpit.clock.advance(0.05)


def test_a_load_that_is_carried_does_not_sink_at_each_pause():
    """The reference, not the measured pose, is held while it is on the leash: ten pauses once were ten sags."""
    cockpit = Cockpit()
    for _ in range(10):
        cockpit.pilot.watch()
        cockpit.pilot.take_twist(TWIST, CommandPriority.POLICY, cockpit.now(ros.twist()))
        cockpit.loop.values["reference_p"] = cockpit.loop.sent[-1].p
        cockpit.loop.values["p"] = cockpit.loop.sent[-1].p - np.array([0.0, 0.0, 0.005])  # its sag
        cockpit.clock.advance(WINDOW_S + 0.05)
    np.testing.assert_allclose(cockpit.loop.sent[-1].p, COMMANDED)


def test_an_arm_that_went_limp_and_was_pushed_aside_is_led_from_where_it_is(cockpit):
    """The first target once was the old reference, 20 cm away, at full speed."""
    cockpit.loop.mode, cockpit.loop.values["p"] = Mode.DAMPING, HERE + np.array([0.0, 0.2, 0.0])
    cockpit.pilot.take_twist("human/target_twist", CommandPriority.HUMAN, cockpit.now(ros.twist()))
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, HERE + np.array([0.0, 0.2, 0.0]))


def test_a_goal_below_the_table_does_not_outlive_a_reflex(cockpit):
    human = "human/target_twist", CommandPriority.HUMAN
    for _ in range(60):
        cockpit.clock.advance(0.02)
        cockpit.pilot.take_twist(*human, cockpit.now(ros.twist((0.0, 0.0, -0.25))))
    cockpit.loop.mode = Mode.FAULT
    cockpit.clock.advance(0.02)
    cockpit.pilot.take_twist(*human, cockpit.now(ros.twist((0.0, 0.0, 0.25))))
    backed_off = np.array([0.4, 0.0, 0.35])
    cockpit.loop.mode = Mode.HOLDING
    cockpit.loop.values["p"] = cockpit.loop.values["reference_p"] = backed_off
    for _ in range(2):
        cockpit.clock.advance(0.02)
        cockpit.pilot.take_twist(*human, cockpit.now(ros.twist((0.0, 0.0, 0.25))))
    np.testing.assert_allclose(cockpit.loop.sent[-1].p, backed_off + np.array([0.0, 0.0, 0.005]), atol=1e-9)


@pytest.mark.parametrize("rate_hz", [4, 5, 20, 100])
def test_twists_move_the_arm_by_what_the_messages_say_at_any_rate(rate_hz):
    """15 messages at 5 Hz, each valid for 0.1 s; with gaps of 0.2 s they once made 6.5 mm instead of 30."""
    cockpit, messages, step_s = Cockpit(), 15, 0.05
    for _ in range(messages):
        cockpit.pilot.take_twist(TWIST, CommandPriority.POLICY, cockpit.now(ros.twist((0.02, 0.0, 0.0))))
        for part in (step_s,) * int(1 / rate_hz / step_s) or (1 / rate_hz,):
            cockpit.loop.values["p"] = cockpit.loop.values["reference_p"] = cockpit.loop.sent[-1].p
            cockpit.clock.advance(part)
            cockpit.pilot.watch()
    for _ in range(10):
        cockpit.clock.advance(step_s)
        cockpit.pilot.watch()
    moved_m = cockpit.loop.sent[-1].p[0] - COMMANDED[0]
    assert moved_m == pytest.approx(0.02 * ((messages - 1) * min(0.1, 1 / rate_hz) + 0.1), rel=0.1)
