"""The controller on the graph without ROS: topics, services, status and diagnostics over a loop that is scripted."""

import logging

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.drivers.grippers.contract import GripperSpec, GripperState
from controllers.host.mailbox import Busy, Request
from controllers.host.report import LoopReport
from controllers.law.presets import preset
from controllers.records import make_record
from controllers.ros import from_ros, graph, to_ros
from controllers.ros.controller import Controller, Schedule
from robot_rl.testing import FakeClock
from tests.controllers.ros.cockpit import HERE, JOINTS, ScriptedLoop
from tests.hardware.graph.memory_wire import Graph, MemoryWire


class LoopClock:
    """The scripted loop's view of the clock."""

    def __init__(self, clock):
        self._clock = clock

    @property
    def monotonic_ns(self):
        return self._clock.now_ns()


class Node:
    """A controller and a client in memory, on one clock."""

    def __init__(self, topics=()):
        self.clock = FakeClock(5.0)
        shared = Graph(self.clock)
        self.wire, self.client = MemoryWire(shared), MemoryWire(shared)
        self.heard = {}
        for topic in (graph.STATUS, graph.DIAGNOSTICS, graph.GAINS, graph.CURRENT_POSE, graph.TAU_COMMAND, graph.TF):
            self.client.subscribe(topic, self.heard.setdefault(topic, []).append)
        log = logging.getLogger("test")
        self.controller = Controller(self.wire, "/left/arm", "fr3", log, self.clock.now_ns, self.clock.advance, topics)
        self.loop = ScriptedLoop(LoopClock(self.clock))
        self.loop.values["tau_max"] = 87.0

    def attach(self):
        self.controller.attach(MemoryWire(self.wire._graph), self.loop, preset("guarded", [0.0] * 7), JOINTS)
        return self

    def poll(self, seconds=0.3):
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(0.05)
            self.controller.poll()

    def send_pose(self, p):
        message = to_ros.put_pose(self.client.make(graph.TARGET_POSE.type), p, [0.0, 0.0, 0.0, 1.0])
        self.client.publisher(graph.TARGET_POSE).publish(to_ros.stamped(message, self.client.now_ns(), graph.BASE))


@pytest.fixture
def node():
    return Node()


def test_nothing_runs_before_a_control_process_is_attached(node):
    node.poll()
    assert "not configured" in node.heard[graph.STATUS][-1].message
    assert node.client.call(graph.ENABLE, 1.0, data=True) == (False, "the node is unconfigured; activate it first")
    node.controller.publish_states()
    assert node.heard[graph.CURRENT_POSE] == []


def test_states_go_out_under_one_stamp_in_ros_time(node):
    node.attach().controller.publish_states()
    pose, tau = node.heard[graph.CURRENT_POSE][-1], node.heard[graph.TAU_COMMAND][-1]
    np.testing.assert_allclose(from_ros.pose_of(pose, graph.BASE)[0], HERE)
    assert from_ros.stamp_ns(pose) == from_ros.stamp_ns(tau) == pytest.approx(node.wire.now_ns(), abs=1000)
    assert node.heard[graph.TF][-1].transforms[0].child_frame_id == graph.TCP


def test_a_state_without_a_stamp_is_left_out_and_ends_nothing(node):
    node.attach().controller.publish_states()
    state = node.loop.state
    node.loop.state = lambda: state()._replace(stamp_s=float("nan"))
    node.controller.publish_states()
    assert len(node.heard[graph.CURRENT_POSE]) == 1


def test_targets_are_followed_while_active_and_a_stop_by_service_is_latched(node):
    node.attach()
    assert node.controller.activate()[0]
    node.send_pose([0.5, 0.0, 0.3])
    np.testing.assert_array_equal(node.loop.sent[-1].p, [0.5, 0.0, 0.3])
    assert node.client.call(graph.ESTOP, 1.0)[0] and node.loop.asked[-1] == Request.DEACTIVATE
    sent = len(node.loop.sent)
    node.send_pose([0.4, 0.0, 0.3])
    assert len(node.loop.sent) == sent
    assert not node.client.call(graph.ENABLE, 1.0, data=True)[0]
    assert node.client.call(graph.RECOVER, 1.0)[0] and node.client.call(graph.ENABLE, 1.0, data=True)[0]
    assert node.loop.mode is Mode.ACTIVE


def test_gains_in_force_are_shown_when_they_change_and_only_then(node):
    node.attach().poll(1.0)
    assert len(node.heard[graph.GAINS]) == 1
    message = to_ros.numbers_message(node.client, graph.GAINS.type, {"stiffness": [300.0] * 3 + [20.0] * 3})
    node.client.publisher(graph.TARGET_STIFFNESS).publish(message)
    node.poll(1.0)
    assert len(node.heard[graph.GAINS]) == 2
    shown = from_ros.numbers_of(node.heard[graph.GAINS][-1])
    np.testing.assert_array_equal(shown["stiffness"], node.loop.gains.stiffness)


def test_status_is_published_when_it_changes_and_diagnostics_every_second(node):
    node.attach().controller.activate()
    node.heard[graph.STATUS].clear()
    node.heard[graph.DIAGNOSTICS].clear()
    node.poll(3.0)
    assert len(node.heard[graph.STATUS]) <= 1 and len(node.heard[graph.DIAGNOSTICS]) == 3
    assert node.heard[graph.DIAGNOSTICS][-1].status[0].name == "left/arm"


def test_a_detached_controller_leaves_no_topics_open_and_says_so(node):
    node.attach().controller.activate()
    node.controller.detach()
    node.send_pose([0.5, 0.0, 0.3])
    assert node.loop.sent == [] and "not configured" in node.heard[graph.STATUS][-1].message
    node.attach()
    assert node.controller.lifecycle == "inactive"


def test_ros_time_that_stands_still_is_reported_within_seconds_while_states_go_on(node):
    node.wire.now_ns = lambda: 0  # use_sim_time, and there is no publisher of /clock
    node.controller.handler.stamps._ros_ns = node.wire.now_ns
    node.attach().controller.activate()
    node.poll(3.0)
    node.controller.publish_states()
    assert "/clock: got nothing" in node.heard[graph.STATUS][-1].message
    assert from_ros.stamp_ns(node.heard[graph.CURRENT_POSE][-1]) == 0
    assert node.heard[graph.DIAGNOSTICS]
    now_ns = iter(range(1, 10**9))
    node.controller.handler.stamps._ros_ns = lambda: next(now_ns)
    node.poll(2.0)
    assert "/clock" not in node.heard[graph.STATUS][-1].message


def test_the_end_of_a_loop_keeps_its_reason_until_the_next_one(node):
    node.attach().controller.activate()
    node.controller.trouble = "the loop's process has ended"
    node.controller.detach()
    assert node.heard[graph.STATUS][-1].message == "the loop's process has ended"
    assert "has ended" in node.client.call(graph.ENABLE, 1.0, data=True)[1]
    assert node.attach().controller.trouble == ""


def test_a_schedule_calls_each_job_at_its_period_and_once_after_a_gap():
    schedule, calls = Schedule(), []
    schedule.every(0.1, lambda: calls.append(now_s))
    for now_s in np.arange(0.0, 1.0, 0.05):
        schedule.run(now_s)
    assert len(calls) == 10
    now_s = 5.0
    schedule.run(now_s)
    schedule.run(5.01)
    assert len(calls) == 11


FLOATS = [name for name, field in LoopReport.fields.items() if make_record(LoopReport, 7)[name].dtype.kind == "f"]


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0], ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_no_number_of_a_report_ends_the_node_or_reaches_a_client(node, name, value):
    node.attach().controller.activate()
    node.loop.values[name] = value
    node.loop.mode, node.loop.reason = Mode.FAULT, Reason.STATE_NOT_FINITE
    state = node.loop.state
    node.loop.state = lambda: state()._replace(stamp_s=value if name == "stamp_s" else state().stamp_s)
    node.poll(1.5)
    node.controller.publish_states()
    for service in (graph.RESET_TARGET, graph.HOLD, graph.ENABLE, graph.RECOVER, graph.HOME_POSE):
        node.client.call(service, 1.0, **({"data": True} if service in (graph.HOLD, graph.ENABLE) else {}))
        node.poll(0.2)
    assert node.heard[graph.STATUS][-1].message
    for pose in node.heard[graph.CURRENT_POSE]:
        assert np.isfinite(from_ros.pose_of(pose, graph.BASE)[0]).all()


def busy(node, work, since_s=0.0):
    node.loop.values["busy"], node.loop.values["busy_since_s"] = work, node.clock.now_s() + since_s


def test_a_busy_driver_is_named_and_an_enabling_is_answered_at_once(node):
    node.attach().controller.activate()
    node.loop.mode, node.loop.reason = Mode.FAULT, Reason.ROBOT_STOPPED
    busy(node, Busy.RECOVERING)
    node.poll()
    assert "clearing its stop" in node.heard[graph.STATUS][-1].message
    asked = len(node.loop.asked)
    for service, data in ((graph.ENABLE, {"data": True}), (graph.RECOVER, {})):
        done, text = node.client.call(service, 1.0, **data)
        assert not done and "clearing its stop" in text and "ask again" in text
    assert len(node.loop.asked) == asked


class SlowLoop(ScriptedLoop):
    """Its driver is busy for a while after each activation."""

    takes_s = 3.0

    def ask(self, request):
        if request == Request.ACTIVATE:
            self.asked.append(request)
            self.values["busy"], self.since_ns = Busy.RECOVERING, self.clock.monotonic_ns
        else:
            super().ask(request)

    def state(self):
        if self.values.busy and self.clock.monotonic_ns - self.since_ns > self.takes_s * 1e9:
            self.values["busy"] = Busy.NOTHING
            if Request.DEACTIVATE not in self.asked:
                super().ask(Request.ACTIVATE)
        return super().state()


def test_an_activation_waits_for_a_driver_that_clears_a_stop(node):
    node.loop = SlowLoop(LoopClock(node.clock))
    node.loop.values["tau_max"] = 87.0
    assert node.attach().controller.activate()[0] and node.controller.lifecycle == "active"


def test_an_enabling_that_is_refused_is_not_carried_out_later(node):
    node.attach().controller.activate()
    node.controller.handler.let_go()
    node.loop = node.controller.handler._loop = node.controller._loop = SlowLoop(LoopClock(node.clock))
    node.loop.values["tau_max"] = 87.0
    done, text = node.client.call(graph.ENABLE, 1.0, data=True)
    assert not done and "clearing its stop" in text
    node.poll(4.0)
    assert node.loop.state().mode == Mode.IDLE and not node.controller.handler.enabled


# The gripper


class ScriptedGripper:
    """A gripper that notes its commands."""

    def __init__(self, clock):
        self.clock, self.commands, self.closed = clock, [], False
        self.scripted = GripperState(0.06, False, False, "", 5.0, 0.08, False)

    def command(self, width_m, speed_m_s, force_n):
        self.commands.append((width_m, speed_m_s, force_n))

    def state(self):
        return self.scripted

    def stop(self):
        self.scripted = self.scripted._replace(stopped=True)

    def clear(self):
        self.scripted = self.scripted._replace(stopped=False)

    def close(self):
        self.closed = True


@pytest.fixture
def with_gripper(node):
    node.gripper = ScriptedGripper(node.clock)
    node.client.subscribe(graph.GRIPPER_STATE, node.heard.setdefault(graph.GRIPPER_STATE, []).append)
    node.attach().controller.attach_gripper(node.gripper, GripperSpec("simulated", speed_m_s=0.1, force_n=40.0))
    return node


def send_finger(node, finger_m, joint=graph.FINGER_JOINT, stamp_ns=None, **more):
    message = to_ros.put_joints(node.client.make(graph.GRIPPER_TARGET.type), [joint], [finger_m], **more)
    stamp_ns = node.client.now_ns() if stamp_ns is None else stamp_ns
    node.client.publisher(graph.GRIPPER_TARGET).publish(to_ros.stamped(message, stamp_ns, ""))


def test_a_target_is_the_travel_of_one_finger_at_the_files_speed_and_force_unless_given(with_gripper):
    send_finger(with_gripper, 0.01)
    send_finger(with_gripper, 0.02, dq=[0.03], effort=[25.0])
    assert with_gripper.gripper.commands == [(0.02, 0.1, 40.0), (0.04, 0.06, 25.0)]


def test_readings_go_out_once_each_with_their_own_stamp_and_none_without_one(with_gripper):
    node, heard = with_gripper, with_gripper.heard[graph.GRIPPER_STATE]
    node.gripper.scripted = node.gripper.scripted._replace(stamp_s=node.clock.now_ns() * 1e-9 - 0.5)
    node.controller.publish_states()
    node.controller.publish_states()
    assert len(heard) == 1 and list(heard[0].name) == ["finger"] and heard[0].position[0] == 0.03
    assert from_ros.stamp_ns(heard[0]) == pytest.approx(node.wire.now_ns() - 5e8, abs=1e6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finger_m": float("nan")}, "expected finite numbers"),
        ({"finger_m": 0.01, "joint": "thumb"}, "another arm's or hand's topic"),
        ({"finger_m": 0.01, "stamp_ns": 1}, "expected at most"),
    ],
)
def test_a_bad_gripper_target_is_refused_and_named(with_gripper, change, words):
    send_finger(with_gripper, **change)
    assert with_gripper.gripper.commands == [] and words in with_gripper.controller.fingers.rejections.last


def test_the_emergency_stop_is_the_grippers_too_until_it_is_cleared(with_gripper):
    node = with_gripper
    node.client.call(graph.ESTOP, 1.0)
    send_finger(node, 0.0)
    assert node.gripper.commands == []
    node.poll(0.1)
    assert node.gripper.state().stopped
    node.client.call(graph.RECOVER, 1.0)
    node.poll(0.1)
    assert not node.gripper.state().stopped and node.gripper.commands == []
    send_finger(node, 0.0)
    assert len(node.gripper.commands) == 1


def test_a_grippers_fault_is_a_warning_in_status_and_diagnostics_while_the_arm_goes_on(with_gripper):
    node = with_gripper
    node.controller.activate()
    node.gripper.scripted = node.gripper.scripted._replace(fault="stuck: got 0.012 m")
    node.poll(1.2)
    status, diagnostics = node.heard[graph.STATUS][-1], node.heard[graph.DIAGNOSTICS][-1].status[0]
    assert status.message == "gripper: stuck: got 0.012 m" and int(status.level) == 1
    assert {pair.key: pair.value for pair in diagnostics.values}["gripper"] == "stuck: got 0.012 m"
    node.send_pose([0.5, 0.0, 0.3])
    assert node.loop.mode is Mode.ACTIVE and node.loop.sent


def test_a_request_to_recover_resets_a_gripper_that_latched_a_fault(with_gripper):
    node, cleared = with_gripper, []
    node.gripper.clear = lambda: cleared.append(True)
    node.client.call(graph.RECOVER, 1.0)
    assert cleared == [True]


def test_the_gripper_is_closed_with_the_control_process(with_gripper):
    with_gripper.controller.detach()
    assert with_gripper.gripper.closed


def test_the_wrench_is_zeroed_at_rest_and_refused_while_the_arm_moves_or_the_contact_changes(node):
    node.attach().controller.activate()
    heard = []
    node.client.subscribe(graph.ESTIMATED_WRENCH, heard.append)
    node.loop.values["external_wrench"] = [1.0, -2.0, 3.0, 0.1, 0.2, 0.3]
    assert node.client.call(graph.ZERO_WRENCH, 1.0)[0]
    node.controller.publish_states()
    assert np.abs(from_ros.wrench_of(heard[-1], graph.BASE)).max() < 1e-9
    node.loop.values["dq"] = 0.1
    assert "at rest" in node.client.call(graph.ZERO_WRENCH, 1.0)[1]
    node.loop.values["dq"] = 0.0
    state, force = node.loop.state, iter(np.linspace(0.0, 20.0, 200))

    def pressing():
        node.loop.values["external_wrench"][0, 2] = next(force)
        return state()

    node.loop.state = pressing
    assert "varies" in node.client.call(graph.ZERO_WRENCH, 1.0)[1]
