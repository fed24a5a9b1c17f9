"""Every stop ends the motion of the served arm within 100 ms, whatever it does, and nothing moves before the clear.

Each source of stops against each state of the arm, on one clock that the test moves; speeds are those that the
controller publishes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.ros import from_ros, graph, to_ros
from controllers.ros.arbitration import WINDOW_S
from controllers.ros.liveness import process_identity
from controllers.ros.stops import REPORT_PERIOD_S, STOP_AFTER_S, StopReport
from robot_rl.cli.simulate import RandomPolicy
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.pose import Pose
from robot_rl.envs.action import task_layout
from robot_rl.hardware.graph.messages import joints_message, pose_message, read_pose
from robot_rl.nodes.teleop import TwistSender
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.sim.driver import SimulatedFault
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.devices.ros import GraphDevice, HumanSender
from robot_rl.teleop.supervision import StopSender
from tests.hardware.graph.memory_wire import MemoryWire
from tests.nodes.served import Served

ARM = arm_layout(StateEntry("state", 24))
FORWARD = np.array([0, 1, 0, 0, 0, 0, 0], np.float32)
STILL_M_PER_S = 0.01
HELD_S = 0.4  # from the last report of a source that is late: the hold is as compliant as the motion
STOPPED_S = 0.1
STEP_M, SPEED_HZ = 0.02, 10.0


@dataclass
class Enabler:
    """A pendant as its driver shows it: without a motion of its own."""

    state: DeviceState = field(default_factory=lambda: DeviceState(engaged=True))

    def reset(self) -> None: ...

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        return self.state

    def close(self) -> None: ...


class Scene(Served):
    """A served arm with its supervisors: a teleoperation node with keyboard and pendant, and a second arm."""

    def __init__(self, to: str = "controller") -> None:
        super().__init__(cameras=())
        self.to, self.way = to, 1.0
        handler = self.server.controller.handler
        handler.set_gains(handler.gains.changed(recoveries_per_minute=1000.0))
        self.speeds: list[tuple[float, float]] = []
        self.moves: Callable[[], None] = lambda: None  # what commands the arm, once a slice
        monitor = MemoryWire(self.graph)
        monitor.subscribe(graph.CURRENT_TWIST, self._on_twist)
        monitor.subscribe(graph.CURRENT_POSE, self._on_pose)
        self.target_due_s = 0.0
        self.teleop, self.wired = MemoryWire(self.graph), True
        self.processes: list[subprocess.Popen[bytes]] = []
        self.join()
        self.client_clock.work = self.step
        for _ in range(20):
            self.step()

    def join(self) -> None:
        """Start the teleoperation node and the second arm's controller, new ones where they were ended."""
        self.far, near = os.openpty()
        self.pendant = Enabler()
        self.keyboard = Keyboard(ARM, terminal=near, clock=self.clock)
        self.device = EnabledDevice(self.pendant, self.keyboard)
        self.teleop.close()
        teleop = self.teleop = MemoryWire(self.graph)
        self.end_processes()
        self.processes = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]  # of the node and the second arm
        ends = [process_identity(process.pid) for process in self.processes]
        self.stop = StopSender(teleop, "teleop", lambda job: None, ends[0])
        task = self.server.simulation.task
        to_actor = self.to == "actor"
        self.motion = HumanSender(teleop, task_layout(task)) if to_actor else TwistSender(teleop, task.arm)
        self.peer = StopReport(f"right-{os.urandom(2).hex()}", "", process=ends[1])
        self.peer_wire, self.page = MemoryWire(self.graph, "right"), MemoryWire(self.graph)
        self.teleop_lives = self.peer_lives = True
        self.human_moves = False
        self.report_due_s = 0.0

    def kill(self, number: int) -> None:
        """End a process, as by kill -9."""
        self.processes[number].kill()
        os.waitid(os.P_PID, self.processes[number].pid, os.WEXITED | os.WNOWAIT)

    def end_processes(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.end_processes()
        os.close(self.far)

    def step(self) -> None:
        """One slice of everything."""
        if self.clock.now_s() >= self.report_due_s:
            self.report_due_s = self.clock.now_s() + REPORT_PERIOD_S - 1e-9
            self.report()
        self.moves()
        self.server.step()

    def report(self) -> None:
        if self.teleop_lives:
            state = self.device.read()
            if self.wired:
                self.stop.send(state)
            action = self.way * FORWARD if self.human_moves else None
            self.motion.send(replace(state, action=action))
        if self.peer_lives:
            publisher = self.peer_wire.publisher(graph.STOP)
            publisher.publish(to_ros.stop_report_message(self.peer_wire, self.peer))

    def run(self, duration_s: float) -> None:
        end_s = self.clock.now_s() + duration_s
        while self.clock.now_s() < end_s - 1e-9:
            self.step()

    def type(self, keys: bytes) -> None:
        os.write(self.far, keys)

    def _on_twist(self, message: object) -> None:
        speed = float(np.linalg.norm(from_ros.twist_of(message, graph.BASE)[:3]))
        self.speeds.append((self.clock.now_s(), speed))

    def _on_pose(self, message: object) -> None:
        self.T_base_tcp: Pose = read_pose(message, graph.BASE)

    def speed_after(self, start_s: float) -> float:
        return max(speed for at_s, speed in self.speeds if at_s >= start_s)

    def end_motion(self) -> None:
        self.moves, self.human_moves = (lambda: None), False

    def clear(self) -> None:
        """What a person does after a stop: release it at its source, then clear and enable; the next way is back."""
        self.end_motion()
        self.way = -self.way
        self.server.loop.driver.inject(SimulatedFault.NONE)
        os.close(self.far)
        self.join()
        self.run(WINDOW_S + 0.05)
        for _ in range(20):  # a page's last report counts for a while
            if (answer := self.call(graph.RECOVER))[0]:
                break
            self.run(0.1)
        assert answer[0], answer
        self.run(0.05)
        done, text = self.call(graph.ENABLE, data=True)
        assert done, text
        self.speeds.clear()

    # States

    def stream_targets(self) -> None:
        """Targets 2 cm further along y, ten times a second, as a policy sends them."""
        if self.clock.now_s() >= self.target_due_s:
            self.target_due_s = self.clock.now_s() + 1 / SPEED_HZ - 1e-9
            T_base_goal = Pose(self.T_base_tcp.p + self.way * STEP_M * FORWARD[:3], self.T_base_tcp.R)
            stamp_ns = self.wire.now_ns()
            self.wire.publisher(graph.TARGET_POSE).publish(pose_message(self.wire, T_base_goal, stamp_ns, graph.BASE))


def policy_acts(scene: Scene) -> None:
    scene.moves = scene.stream_targets
    scene.run(0.4)


def human_acts(scene: Scene) -> None:
    scene.human_moves = True
    scene.run(0.25)


def idle(scene: Scene) -> None:
    scene.run(0.1)


def resets(scene: Scene) -> None:
    handler, wire = scene.server.controller.handler, scene.wire
    q = scene.server.loop.state().values["q"][0].copy()
    q[0] -= 0.3 * np.copysign(1.0, scene.T_base_tcp.p[1])  # about the vertical, to the middle of the workspace
    message = joints_message(wire, handler.joints, q, wire.now_ns())
    wire.publisher(graph.JOINT_MOTION).publish(message)
    scene.run(0.4)
    assert scene.server.loop.state().mode is Mode.JOINT_MOTION


def recovers(scene: Scene) -> None:
    policy_acts(scene)
    scene.end_motion()
    scene.server.loop.driver.inject(SimulatedFault.REFLEX)
    for _ in range(300):
        scene.step()
        if scene.server.loop.state().mode is Mode.RECOVERING:
            scene.run(0.1)
            return
    raise AssertionError("the arm never backs off")


STATES = {"policy acts": policy_acts, "human acts": human_acts, "idle": idle, "resets": resets, "recovers": recovers}


# Sources


def presses_key(scene: Scene) -> None:
    scene.type(b"x")


def presses_pendant(scene: Scene) -> None:
    scene.pendant.state = DeviceState(estop=True)


def pendant_is_silent(scene: Scene) -> None:
    scene.pendant.state = DeviceState(alive=False, estop=True)


def terminal_is_gone(scene: Scene) -> None:
    os.close(scene.far)
    scene.far = os.open(os.devnull, os.O_WRONLY)


def teleop_is_killed(scene: Scene) -> None:
    scene.teleop_lives = False
    scene.kill(0)


def teleop_hangs(scene: Scene) -> None:
    scene.teleop_lives = False


def page_publishes(scene: Scene) -> None:
    scene.page.publisher(graph.HUMAN_STOP).publish(scene.page.make(graph.HUMAN_STOP.type, data=True))


def anybody_reports(scene: Scene) -> None:
    report = StopReport(f"page-{os.urandom(2).hex()}", "button")
    scene.page.publisher(graph.STOP).publish(to_ros.stop_report_message(scene.page, report))


def service_is_called(scene: Scene) -> None:
    assert scene.call(graph.ESTOP)[0]


def peer_is_stopped(scene: Scene) -> None:
    scene.peer = scene.peer._replace(why="~/estop")


def peer_is_killed(scene: Scene) -> None:
    scene.peer_lives = False
    scene.kill(1)


SOURCES = {
    source.__name__: source
    for source in (
        presses_key, presses_pendant, pendant_is_silent, terminal_is_gone, teleop_is_killed, page_publishes,
        anybody_reports, service_is_called, peer_is_stopped, peer_is_killed,
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()


@pytest.fixture
def cleared(scene: Scene) -> Iterator[Scene]:
    scene.clear()
    yield scene


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("source", SOURCES)
def test_a_stop_ends_the_motion_and_nothing_moves_before_the_clear(cleared: Scene, source: str, state: str) -> None:
    scene = cleared
    STATES[state](scene)
    event_s = scene.clock.now_s()
    SOURCES[source](scene)
    scene.run(0.35)  # the policy and the person go on commanding
    refused, _ = scene.call(graph.ENABLE, data=True)
    scene.run(0.05)
    assert not refused and scene.server.controller.handler.arbiter.estopped
    assert scene.speed_after(event_s + STOPPED_S) < STILL_M_PER_S


@pytest.mark.parametrize("state", ["policy acts", "human acts", "resets"])
def test_without_a_stop_the_arm_goes_on(cleared: Scene, state: str) -> None:
    STATES[state](cleared)
    start_s = cleared.clock.now_s()
    cleared.run(STOPPED_S + 0.1)
    assert cleared.speed_after(start_s + STOPPED_S) > STILL_M_PER_S


def test_a_key_that_is_not_wired_to_the_stop_fails_the_matrix(scene: Scene) -> None:
    scene.wired = False
    scene.clear()
    policy_acts(scene)
    event_s = scene.clock.now_s()
    presses_key(scene)
    scene.run(0.3)
    scene.wired = True
    assert scene.speed_after(event_s + STOPPED_S) > STILL_M_PER_S


@pytest.mark.parametrize("state", ["policy acts", "human acts", "resets"])
def test_an_arm_whose_supervisor_is_late_holds_and_goes_on(cleared: Scene, state: str) -> None:
    STATES[state](cleared)
    event_s = cleared.clock.now_s()
    teleop_hangs(cleared)
    cleared.run(0.5)
    assert cleared.speed_after(event_s + HELD_S) < STILL_M_PER_S
    cleared.teleop_lives, cleared.human_moves = True, False
    cleared.run(0.4)
    assert not cleared.server.controller.handler.arbiter.estopped
    start_s = cleared.clock.now_s()
    STATES["human acts" if state == "human acts" else "policy acts"](cleared)
    assert cleared.speed_after(start_s) > STILL_M_PER_S


def test_a_cut_wire_of_the_reports_stops_the_arm(cleared: Scene) -> None:
    policy_acts(cleared)
    event_s = cleared.clock.now_s()
    cleared.graph.muted.add(graph.STOP.name)
    cleared.run(STOP_AFTER_S + 0.1)
    cleared.graph.muted.clear()
    assert cleared.server.controller.handler.arbiter.estopped
    assert cleared.speed_after(event_s + HELD_S) < STILL_M_PER_S


def test_two_stops_are_independent(cleared: Scene) -> None:
    cleared.type(b"x")
    cleared.peer = cleared.peer._replace(why="~/estop")
    cleared.run(0.1)
    done, text = cleared.call(graph.RECOVER)
    assert not done and "stop pressed" in text and "~/estop" in text
    cleared.type(b"c")
    cleared.run(0.1)
    done, text = cleared.call(graph.RECOVER)
    assert not done and "stop pressed" not in text and "~/estop" in text


class Acting(Scene):
    """The same with an actor, whose policy acts while the human at the teleoperation node supervises it."""

    def __init__(self) -> None:
        super().__init__("actor")
        self.environment = self.env()

    def stepper(self, human: GraphDevice) -> Stepper:
        policy = RandomPolicy(ARM.size, 1.0)
        return Stepper(
            Rollout(self.environment, policy, human=human, clock=self.client_clock), np.random.default_rng(0)
        )

    def join(self) -> None:
        super().join()
        self.pendant.state = DeviceState()  # watches


@pytest.fixture(scope="module")
def acting() -> Iterator[Acting]:
    acting = Acting()
    with closing(acting.environment):
        yield acting
    acting.close()


@pytest.mark.parametrize("source", ["presses_key", "pendant_is_silent", "teleop_is_killed", "service_is_called"])
def test_a_stop_ends_the_episode_of_an_actor(acting: Acting, source: str) -> None:
    acting.clear()
    stepper = acting.stepper(GraphDevice(acting.wire, ARM, acting.client_clock))
    stepper.begin(0)
    for _ in range(3):
        assert not stepper.step().last
    event_s = acting.clock.now_s()
    SOURCES[source](acting)
    steps = [stepper.step() for _ in range(5)]
    assert [step.last for step in steps[3:]] == [True, True]
    assert acting.speed_after(event_s + STOPPED_S) < STILL_M_PER_S


def test_an_actor_stands_before_the_first_message_of_its_human(acting: Acting) -> None:
    acting.clear()
    stepper = acting.stepper(GraphDevice(MemoryWire(acting.graph, "elsewhere"), ARM, acting.client_clock))
    assert stepper.read_between_episodes()
    stepper.begin(0)
    start_s = acting.clock.now_s()
    step = stepper.step()
    assert step.truncated and not step.decision.action.any()
    assert acting.speed_after(start_s + STOPPED_S - 0.02) < STILL_M_PER_S
