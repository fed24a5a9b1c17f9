"""A served arm, what may command it, and what may stop it, over any wire: the sources and states of the stop matrix.

Speeds, modes and stamps are those that the controller publishes.
"""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from controllers.arm import Mode
from controllers.ros import from_ros, graph, to_ros
from controllers.ros.arbitration import WINDOW_S
from controllers.ros.graph import Service
from controllers.ros.liveness import process_identity
from controllers.ros.stops import REPORT_PERIOD_S, StopReport
from controllers.ros.wire import Answer, Wire
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.clock import Clock
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import ArmTask, TaskSpec
from robot_rl.envs.action import task_layout
from robot_rl.envs.episodes import Workcell
from robot_rl.envs.graph import Bounds, GraphEnv
from robot_rl.envs.served_episodes import ServedEpisodes
from robot_rl.hardware.graph.messages import pose_message, read_pose
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.nodes.teleop import TwistSender
from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.devices.ros import GraphDevice, HumanSender
from robot_rl.teleop.supervision import StopSender
from tests.nodes.fault_topic import InjectFault

ARM = arm_layout(StateEntry("state", 24))
FORWARD = np.array([0, 1, 0, 0, 0, 0, 0], np.float32)  # in the base
STILL_M_PER_S = 0.01
STOPPED_SLICES = 10
"""Published states of 10 ms each, after which the arm must stand: 0.1 s of its own clock."""
FAULT_TOPIC = f"{Path(__file__).with_name('fault_topic.py')}:InjectFault"
STEP_M, SPEED_HZ = 0.02, 10.0
LIMIT_S = 20.0
AFTER_S = 0.25


@dataclass
class Enabler:
    """A pendant as its driver shows it: without a motion of its own."""

    state: DeviceState = field(default_factory=lambda: DeviceState(engaged=True))

    def reset(self) -> None: ...

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        return self.state

    def close(self) -> None: ...


class SceneClock:
    """The clock of clients in the scene: while they wait, the scene goes on."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene

    def now_ns(self) -> int:
        return self._scene.clock.now_ns()

    def now_s(self) -> float:
        return self.now_ns() / 1e9

    def sleep_until(self, deadline_ns: int) -> None:
        while self.now_ns() < deadline_ns:
            self._scene.step()


class Scene:
    """A served arm with its supervisors: a teleoperation node with keyboard and pendant, and a second arm.

    Args:
        connect: opens a participant of the graph by its name, in a namespace.
        advance: lets a moment pass.
        kind: of the wire; over a real one a program reads its device at the event, else up to `REPORT_PERIOD_S` later.
    """

    def __init__(
        self,
        connect: Callable[[str, str], Wire],
        task: TaskSpec,
        clock: Clock,
        advance: Callable[[], Any],
        kind: str = "memory",
    ) -> None:
        self.kind = kind
        self.clock, self.task, self._advance = clock, task, advance
        self.way, self.wired = 1.0, True
        self.states: list[tuple[int, float]] = []  # stamp [ns] and speed [m/s] of each published state
        self.status: dict[str, str] = {}
        self.q: tuple[list[str], np.ndarray] = ([], np.zeros(0))
        self.moves: Callable[[], None] = lambda: None  # what commands the arm, once a slice
        self.target_due_s = self.report_due_s = 0.0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.policy, self.page = connect("policy", ""), connect("page", "")
        self.teleop, self.peer_wire = connect("teleop", ""), connect("peer", "right")
        self._listen(self.policy)
        self._connect = connect
        self._env: GraphEnv | None = None
        self._twist_wire: Wire | None = None
        self.to_actor = HumanSender(self.teleop, task_layout(task))
        self.to_controller: TwistSender | None = None
        self.human = GraphDevice(self.policy, ARM, SceneClock(self))
        self.lives = {"teleop": False, "peer": False}
        self.far = -1
        self.release: Callable[[Callable[[], None]], None] = lambda job: None  # what the clear key starts
        self.T_base_tcp: Pose | None = None
        self.join()
        self.until(lambda: self.T_base_tcp is not None and len(self.q[0]) > 0 and bool(self.status))

    def _listen(self, wire: Wire) -> None:
        wire.subscribe(graph.CURRENT_TWIST, self._on_twist)
        wire.subscribe(graph.CURRENT_POSE, self._on_pose)
        wire.subscribe(graph.STATUS, self._on_status)
        wire.subscribe(graph.JOINT_STATES, self._on_joints)

    @property
    def env(self) -> GraphEnv:
        """The environment of an actor, with which no teleoperation node may command the controller."""
        self.direct_to(None)
        self._env = self._env or self._make_env()
        return self._env

    def direct_to(self, arm: ArmTask | None) -> None:
        """Send the human's motion to the controller, or to the actor."""
        if arm is None and self._twist_wire is not None:
            self._twist_wire.close()
            self._twist_wire = self.to_controller = None
        elif arm is not None and self._twist_wire is None:
            self._twist_wire = self._connect("teleop", "")
            self.to_controller = TwistSender(self._twist_wire, arm)

    def _make_env(self) -> GraphEnv:
        clock = SceneClock(self)
        robot = GraphRobot(
            self.policy, clock, GraphRobotConfig(age_max_s=5.0, pause_s=0.1), self.task.arm.controller_gains
        )
        episodes = ServedEpisodes(self.task, self.policy, robot, [lambda: robot.state().stamp_ns], clock, 5.0, LIMIT_S)
        episodes.connect()
        cell = Workcell(self.task, {"": robot}, {}, episodes)
        return GraphEnv(cell, self.policy, clock, Bounds(5000.0, 5000.0, 5000.0, 5000.0))

    def join(self) -> None:
        """Start the teleoperation node and the second arm's controller anew, where they have ended."""
        if self.far >= 0:
            os.close(self.far)
        self.far, near = os.openpty()
        self.pendant = Enabler()
        self.device = EnabledDevice(self.pendant, Keyboard(ARM, terminal=near, clock=self.clock))
        self.human_moves = False
        if not self.lives["teleop"]:
            self.stop = StopSender(self.teleop, "teleop", lambda job: self.release(job), self._start("teleop"))
        if not self.lives["peer"]:
            self.peer = StopReport(f"right-{os.urandom(2).hex()}", "", process=self._start("peer"))
        self.peer = self.peer._replace(why="")
        self.lives = {"teleop": True, "peer": True}

    def _start(self, name: str) -> str:
        """Start a process that stands for a program, and return its identity."""
        self.end(name)
        self.processes[name] = subprocess.Popen(["cat"], stdin=subprocess.PIPE)  # ends with this one
        return process_identity(self.processes[name].pid)

    def end(self, name: str) -> None:
        """End a program, as by kill -9."""
        self.lives[name] = False
        if name in self.processes:
            self.processes[name].kill()
            self.processes[name].communicate()

    def close(self) -> None:
        for name in self.processes:
            self.end(name)
        os.close(self.far)
        self.direct_to(None)
        for wire in (self.policy, self.page, self.teleop, self.peer_wire):
            wire.close()

    # Time

    def step(self) -> None:
        """Let a moment pass, with the reports and commands that are due."""
        if self.clock.now_ns() * 1e-9 >= self.report_due_s:
            self.report()
        self.moves()
        self._advance()

    def report(self) -> None:
        self.report_due_s = self.clock.now_ns() * 1e-9 + REPORT_PERIOD_S - 1e-9
        if self.lives["teleop"]:
            state = self.device.read()
            if self.wired:
                self.stop.send(state)
            (self.to_controller or self.to_actor).send(replace(state, action=self._push()))
        if self.lives["peer"]:
            publisher = self.peer_wire.publisher(graph.STOP)
            publisher.publish(to_ros.stop_report_message(self.peer_wire, self.peer))

    def _push(self) -> np.ndarray | None:
        """The human's action, in the tool's frame; None of one who does not move."""
        if not self.human_moves or self.T_base_tcp is None:
            return None
        action = self.way * FORWARD
        action[:3] = self.T_base_tcp.R.T @ action[:3]
        return action

    def run(self, duration_s: float) -> None:
        end_ns = self.clock.now_ns() + round(duration_s * 1e9)
        while self.clock.now_ns() < end_ns:
            self.step()

    def until(self, condition: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
        end_ns = self.clock.now_ns() + round(limit_s * 1e9)
        while not condition():
            assert self.clock.now_ns() < end_ns, f"it did not happen in time; {self.status}"
            self.step()

    def call(self, service: Service, **fields: object) -> Answer:
        """Request a service; time passes until it has answered."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self.policy.call, service, LIMIT_S, **fields)
            while not future.done():
                self.step()
        return future.result()

    # What the controller publishes

    def _on_twist(self, message: Any) -> None:
        speed = float(np.linalg.norm(from_ros.twist_of(message, graph.BASE)[:3]))
        self.states.append((from_ros.stamp_ns(message), speed))

    def _on_pose(self, message: Any) -> None:
        self.T_base_tcp = read_pose(message, graph.BASE)

    def _on_status(self, message: Any) -> None:
        self.status = {pair.key: pair.value for pair in message.values}

    def _on_joints(self, message: Any) -> None:
        if not any(name == graph.FINGER_JOINT for name in message.name):
            self.q = list(message.name), np.asarray(message.position)

    @property
    def stopped(self) -> bool:
        return self.status["charge"] == "estop"

    def mode_is(self, mode: Mode) -> bool:
        return self.status["mode"] == mode.name

    def place(self) -> np.ndarray:
        """The tool's place (3,) [m]."""
        assert self.T_base_tcp is not None
        return self.T_base_tcp.p

    def rests(self) -> bool:
        speeds = self.speeds_after(0)[-STOPPED_SLICES:]
        return len(speeds) == STOPPED_SLICES and max(speeds) < STILL_M_PER_S

    def speeds_after(self, start_ns: int) -> list[float]:
        return [speed for stamp_ns, speed in self.states if stamp_ns > start_ns]

    def slices_moved(self, start_ns: int) -> int:
        """States from an event to the last one in motion."""
        moving = [number for number, speed in enumerate(self.speeds_after(start_ns), 1) if speed > STILL_M_PER_S]
        return max(moving, default=0)

    # What a person does

    def type(self, keys: bytes) -> None:
        os.write(self.far, keys)

    def clear(self) -> None:
        """Release all stops at their source, clear and enable, and await rest; the next way is to the middle."""
        self.moves = lambda: None
        human = self.human_moves
        self.inject(False)
        self.join()
        self.publish(self.page, StopReport("page", "", leaves=True))
        if human:
            self.run(WINDOW_S + 0.05)  # the controller notices the release
        self.answer(graph.RECOVER)
        self.answer(graph.ENABLE, data=True)
        self.until(lambda: not self.stopped and self.status["held"] == "" and self.rests())
        self.way = -np.copysign(1.0, self.place()[1])
        self.states.clear()

    def answer(self, service: Service, **fields: object) -> None:
        """Request a service until it succeeds."""
        for _ in range(50):
            done, text = self.call(service, **fields)
            if done:
                return
            self.run(0.05)
        raise AssertionError(text)

    def publish(self, wire: Wire, report: StopReport) -> None:
        wire.publisher(graph.STOP).publish(to_ros.stop_report_message(wire, report))

    def inject(self, reflex: bool) -> None:
        self.page.publisher(InjectFault.topic).publish(self.page.make(InjectFault.topic.type, data=reflex))

    def stream_targets(self) -> None:
        """Targets 2 cm further along y, ten times a second, as a policy sends them."""
        if self.clock.now_ns() * 1e-9 >= self.target_due_s and self.T_base_tcp is not None:
            self.target_due_s = self.clock.now_ns() * 1e-9 + 1 / SPEED_HZ - 1e-9
            T_base_goal = Pose(self.T_base_tcp.p + self.way * STEP_M * FORWARD[:3], self.T_base_tcp.R)
            message = pose_message(self.policy, T_base_goal, self.policy.now_ns(), graph.BASE)
            self.policy.publisher(graph.TARGET_POSE).publish(message)

    def await_motion(self) -> None:
        start_ns = self.policy.now_ns()
        self.until(lambda: any(speed > 3 * STILL_M_PER_S for speed in self.speeds_after(start_ns)))
