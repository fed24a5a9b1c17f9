"""What the node does with the arm, over a loop that is scripted: no ROS, no process, no time that passes by itself."""

from functools import partial

import numpy as np
import pytest

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.host.mailbox import HostState, Request
from controllers.host.motions import MotionKind
from controllers.host.report import LoopReport
from controllers.law.presets import preset
from controllers.records import make_record
from controllers.ros.arbitration import WINDOW_S, CommandPriority
from controllers.ros.command_handler import CLOCK_HOLD_S, CommandHandler
from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.ros_time import Stamps
from controllers.ros.topics import take_joint_motion
from controllers.ros.workspace import outside
from tests.controllers.ros import ros_messages as ros

JOINTS = tuple(f"j{i}" for i in range(7))
HERE = np.array([0.4, 0.0, 0.3])
COMMANDED = np.array([0.4, 0.0, 0.29])
POSE, TWIST, HUMAN = "target_pose", "target_twist", "human/target_pose"


class ScriptedLoop:
    """Does what it is asked for at once, and remembers it."""

    def __init__(self, clock):
        self.clock, self.mode, self.reason = clock, Mode.IDLE, Reason.IDLE
        self.refuses = Reason.OK
        self.sent, self.asked, self.moves, self.gains = [], [], [], None
        self.values = make_record(LoopReport, 7)
        self.values["p"], self.values["R"] = HERE, np.eye(3)
        self.values["reference_p"], self.values["reference_quat_xyzw"] = COMMANDED, [0.0, 0.0, 0.0, 1.0]

    def send(self, target):
        self.sent.append(target)

    def set_gains(self, gains):
        self.gains = gains

    def ask(self, request):
        self.asked.append(request)
        if request == Request.ACTIVATE:
            self.mode, self.reason = (Mode.ACTIVE, Reason.OK) if not self.refuses else (Mode.IDLE, self.refuses)
        elif request == Request.DEACTIVATE:
            self.mode = Mode.IDLE
        elif request == Request.RECOVER:
            self.mode = Mode.RECOVERING

    def move(self, command):
        self.moves.append(command)
        if command.number != self.values.motion_number:
            self.values["motion_number"] = command.number
            self.values["motion_result"] = Reason.MOTION_REFUSED if self.refuses else Reason.MOVING_JOINTS
            modes = {
                MotionKind.NONE: Mode.HOLDING,
                MotionKind.JOINTS: Mode.JOINT_MOTION,
                MotionKind.GUIDING: Mode.GUIDING,
            }
            self.mode = self.mode if self.refuses else modes[command.kind]

    def state(self):
        return HostState(self.clock.monotonic_ns * 1e-9, self.mode, self.reason, "", self.values)


class LateLoop:
    """Serves a request one state later, as a loop that was in the middle of a cycle."""

    def __init__(self, loop, refuses):
        self.loop, self.refuses, self.left = loop, refuses, 2
        self.loop.refuses = refuses
        self.set_gains, self.send = loop.set_gains, loop.send

    def ask(self, request):
        self.request, self.seen_s = request, self.loop.state().stamp_s

    def state(self):
        state = self.loop.state()
        if hasattr(self, "request") and state.stamp_s != self.seen_s:
            self.left, self.seen_s = self.left - 1, state.stamp_s
            if self.left == 0:
                self.loop.ask(self.request)
                state = self.loop.state()
        return state


class Clock:
    """ROS time and the loop's, a second after both began."""

    def __init__(self):
        self.ros_ns = self.monotonic_ns = 1_000_000_000

    def advance(self, seconds):
        self.ros_ns += round(seconds * 1e9)
        self.monotonic_ns += round(seconds * 1e9)

    def now_s(self):
        return self.monotonic_ns * 1e-9


class Cockpit:
    """A pilot, attached and enabled."""

    def __init__(self):
        self.clock = Clock()
        self.loop = ScriptedLoop(self.clock)
        stamps = Stamps(lambda: self.clock.ros_ns, lambda: self.clock.monotonic_ns)
        self.pilot = CommandHandler(stamps, self.clock.now_s, self.clock.advance)
        self.pilot.attach(self.loop, preset("guarded", [0.0] * 7, wrench_max=[10.0] * 6), JOINTS, ros.BASE)
        assert self.pilot.start()[0]

    def now(self, message):
        """The message, stamped now."""
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(self.clock.ros_ns, 1_000_000_000)
        return message

    def pose(self, p=(0.5, 0.0, 0.3), topic=POSE, rank=CommandPriority.POLICY):
        self.pilot.take_pose(topic, rank, self.now(ros.pose(p)))

    def refused(self, take, message, topic=POSE, rank=CommandPriority.POLICY):
        with pytest.raises(CommandRejected) as caught:
            take(topic, rank, message)
        return caught.value.kind


@pytest.fixture
def cockpit():
    return Cockpit()


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


def outside_cockpit(clip_targets):
    cockpit = Cockpit()
    box = {"workspace_lower": (0.3, -0.2, 0.0), "workspace_upper": (0.7, 0.2, 0.5)}
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(clip_targets=clip_targets, **box))
    cockpit.pose((0.5, 0.0, 0.3))
    return cockpit


def test_a_target_outside_the_workspace_is_followed_to_its_edge_and_reported_with_the_bound():
    cockpit = outside_cockpit(clip_targets=True)
    kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.75, 0.0, 0.3))))
    assert kind is RejectReason.CLIPPED and "x: got 0.750 m, expected 0.300 to 0.700" in cockpit.pilot.warning()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.75, 0.0, 0.3])  # the loop moves it to the edge
    cockpit.clock.advance(1.5)
    assert cockpit.pilot.warning() == ""


def test_a_refused_target_outside_the_workspace_leaves_the_arm_stiff_at_the_last_one_inside():
    cockpit = outside_cockpit(clip_targets=False)
    for _ in range(20):
        cockpit.clock.advance(0.05)
        kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.75, 0.0, 0.3))))
        assert kind is RejectReason.OUTSIDE
        np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.5, 0.0, 0.3])
        assert cockpit.loop.sent[-1].stamp_s == pytest.approx(cockpit.clock.now_s())
    assert "stays at the last target" in cockpit.pilot.warning()


def cockpit_outside(clip_targets=True):
    """The arm was enabled 10 cm beyond the box and outside of its cone."""
    cockpit = Cockpit()
    cockpit.pilot.let_go()
    changes = {"workspace_lower": (0.5, -0.2, 0.0), "workspace_upper": (0.7, 0.2, 0.5), "fence_margin_m": 0.02}
    changes |= {"planes": [[1.0, 0.0, 0.0, 0.45]], "cone_rad": 0.5, "fence_margin_rad": 0.1}
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(clip_targets=clip_targets, **changes))
    assert cockpit.pilot.start()[0]
    return cockpit


@pytest.mark.parametrize("clip_targets", [True, False])
def test_an_arm_that_is_enabled_outside_its_workspace_stays_there_without_a_push(clip_targets):
    cockpit = cockpit_outside(clip_targets)
    for _ in range(20):
        cockpit.clock.advance(0.02)
        cockpit.pilot.watch()
    gains, state = cockpit.loop.gains, cockpit.loop.state()
    goal = cockpit.loop.sent[-1]
    assert goal.p[0] == HERE[0]
    assert not outside(goal.p, goal.quat_xyzw, gains), "the loop does not move the target"
    assert (HERE - gains.workspace_lower >= gains.fence_margin_m).all(), "no wall pushes"
    assert (gains.planes[:, :3] @ HERE - gains.planes[:, 3] >= gains.fence_margin_m).all()
    assert gains.cone_rad - np.pi == pytest.approx(0.0, abs=0.11) and state.mode is Mode.ACTIVE
    assert "x: got 0.400 m, expected 0.500 to 0.700" in cockpit.pilot.warning()


def test_only_a_person_moves_an_arm_into_its_workspace_and_slowly():
    cockpit = cockpit_outside()
    sent = len(cockpit.loop.sent)
    for take, message in (
        (cockpit.pilot.take_pose, ros.pose((0.6, 0.0, 0.3))),
        (cockpit.pilot.take_twist, ros.twist((0.1, 0.0, 0.0))),
    ):
        assert cockpit.refused(take, cockpit.now(message)) is RejectReason.OUTSIDE
    assert len(cockpit.loop.sent) == sent
    cockpit.pilot.take_pose(HUMAN, CommandPriority.HUMAN, cockpit.now(ros.pose((0.6, 0.0, 0.3))))
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.6, 0.0, 0.3])
    assert (cockpit.loop.gains.speed_max <= [0.05, 0.3]).all()


def test_an_arm_that_came_inside_has_its_own_workspace_and_follows_the_policy_again():
    cockpit = cockpit_outside()
    cockpit.loop.values["p"], cockpit.loop.values["R"] = [0.6, 0.0, 0.3], np.diag([1.0, -1.0, -1.0])
    cockpit.pilot.watch()
    assert cockpit.loop.gains is cockpit.pilot.gains and cockpit.pilot.warning() == ""
    kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.55, 0.0, 0.3))))
    assert kind is RejectReason.CLIPPED and cockpit.loop.sent[-1].p[0] == 0.55, "but for its tilt"


def test_gains_whose_workspace_lacks_the_arm_leave_it_where_it_is():
    cockpit = Cockpit()
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(workspace_lower=(0.5, -0.2, 0.0), clip_targets=True))
    assert cockpit.loop.gains.workspace_lower[0] < HERE[0] and cockpit.pilot.gains.workspace_lower[0] == 0.5
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.6, 0.0, 0.3)))) is RejectReason.OUTSIDE


def test_an_arm_that_backed_off_is_held_where_it_came_to_rest(cockpit):
    cockpit.pilot.watch()
    cockpit.loop.mode, cockpit.loop.values["p"] = Mode.RECOVERING, [0.4, 0.0, 0.35]
    before = len(cockpit.loop.sent)
    cockpit.pilot.watch()
    assert len(cockpit.loop.sent) == before, "an arm that backs off takes no target"
    cockpit.loop.mode = Mode.HOLDING
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.4, 0.0, 0.35])


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
