"""The simulated robot on the real robot's topics: physics in real time, cameras, gripper, and the task's referee.

One thread does everything that touches the physics, slice by slice; the wire's callbacks only leave notes for it. The
same program runs over any wire: as a ROS node, or as a plain process over DDS.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.ros import graph
from robot_rl.core import checks
from robot_rl.core.action_layout import gripper_head
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import BadMessageError, unknown_name
from robot_rl.core.pose import Pose, rotation_exp
from robot_rl.envs.simulated import APPEARANCES, make_cameras
from robot_rl.hardware.graph.messages import read_twist
from robot_rl.hardware.graph.server import GraphServer
from robot_rl.hardware.graph.task_state import NO_RESET, RESET_ID_MAX, TaskState, task_state_message
from robot_rl.hardware.graph.wire import Wire
from robot_rl.hardware.simulated import ServedSimulation
from robot_rl.sim.paced import SLICE_S, PacedSimulation
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.task import Expert
from robot_rl.tasks import find_task

JOINT_NAMES = tuple(f"fer_joint{i}" for i in range(1, 8))
REPEAT_S = 5.0
"""A reset id that is heard again so soon is the same wish, sent once more because its answer was not heard."""
HUMAN_FRESH_S = 0.2
"""How long a human's twist moves the arm: the lifespan of a command."""
SCENE_SEEDS = 2**32


@dataclass(frozen=True)
class ServeConfig:
    """How the simulated robot is served.

    Raises:
        ConfigError: a rate that is not positive, a camera or task that there is not.
    """

    task: str = "pick-lift"
    """Task whose scene is served: a name, a file or `module:NAME`."""
    appearance: str = "fixed"
    """`fixed`, or `varied`: looks are drawn anew at each reset."""
    cameras: tuple[str, ...] | None = None
    """Which of the task's cameras are served; None: all of them."""
    image_hz: float = 30.0
    """Images of each camera a second; 10 on a computer that cannot keep up."""
    task_hz: float = 50.0
    """How often the referee speaks [Hz]."""
    slice_s: float = SLICE_S
    """Physics between two states sent [s]: 0.01 sends them at 100 Hz."""
    seed: int = 0
    """Of the scene that stands before the first reset."""

    def __post_init__(self) -> None:
        known = find_task(self.task).cameras
        for camera in self.cameras or ():
            if camera not in known:
                raise unknown_name("cameras", camera, known)
        checks.one_of(self, APPEARANCES, "appearance")
        checks.positive(self, "image_hz", "task_hz")


class SimulatedRobotServer:
    """Serves one simulated arm with its cameras and its referee; close it when done."""

    def __init__(self, wire: Wire, config: ServeConfig, clock: Clock | None = None) -> None:
        self._wire, self._config, self._clock = wire, config, clock or SystemClock()
        task = find_task(config.task)
        simulation = Simulation(task, APPEARANCES[config.appearance])
        simulation.reset(np.random.default_rng(config.seed))
        self.paced = PacedSimulation(simulation, self._clock, config.slice_s)
        self.graph = GraphServer(wire, ServedSimulation(self.paced, self._clock), JOINT_NAMES)
        self.episode_source = Referee(wire, self.paced, task.make_expert(), self._clock)
        self.human = HumanTwist(wire, self.paced, self._clock)
        self._cameras = make_cameras(simulation, task.cameras if config.cameras is None else config.cameras)
        self._image_due, self._task_due = (_Every(hz, self._clock) for hz in (config.image_hz, config.task_hz))
        self._orders: list[Callable[[], None]] = []

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Serve until told to stop."""
        self.paced.reset(np.random.default_rng(self._config.seed))  # compiling took a while: begin on time
        while not should_stop():
            self.step()

    def step(self) -> None:
        """One slice of time, and what is due after it."""
        orders, self._orders = self._orders, []
        for order in orders:
            order()
        fresh = self.episode_source.reset_if_asked()
        self.human.move(self._config.slice_s)
        self.paced.advance()
        self.graph.publish_state()
        if fresh or self._image_due():
            for camera in self._cameras.values():
                stamp_ns = self._wire.now_ns()
                self.graph.publish_image(camera.name, camera.read().image, stamp_ns)
        if fresh or self._task_due():
            self.episode_source.publish()

    def ask(self, question: Callable[[], str], patience_s: float = 2.0) -> str:
        """Have something done between two slices, in the thread of the physics, and return what it says: for services,
        whose calls come in threads of their own.
        """
        answers: queue.Queue[str] = queue.Queue()
        self._orders = [*self._orders, lambda: answers.put(question())]
        try:
            return answers.get(timeout=patience_s)
        except queue.Empty:
            return f"no answer from the physics in {patience_s} s"

    def close(self) -> None:
        """Free the graphics context; the wire is its owner's."""
        for camera in self._cameras.values():
            camera.close()


class Referee:
    """Draws new scenes when asked, and says how the task stands.

    The low 32 bits of `task/reset` are the scene's seed, the others tell one wish from the next.
    """

    def __init__(self, wire: Wire, paced: PacedSimulation, expert: Expert, clock: Clock) -> None:
        self._wire, self._paced, self._expert, self._clock = wire, paced, expert, clock
        self._publisher = wire.publisher(graph.TASK_STATE)
        self._asked: int | None = None
        self._reset_id, self._reset_ns, self._reset_stamp_s = NO_RESET, -RESET_ID_MAX, 0.0
        wire.subscribe(graph.TASK_RESET, self._on_reset)

    def reset_if_asked(self) -> bool:
        """Draw the scene that was asked for last; returns whether there is a new one."""
        asked, self._asked = self._asked, None
        repeated = asked == self._reset_id and self._clock.now_ns() - self._reset_ns < REPEAT_S * NS_PER_S
        if asked is None or repeated:
            return False
        self._paced.reset(np.random.default_rng(asked % SCENE_SEEDS))
        self._reset_id, self._reset_ns = asked, self._clock.now_ns()
        self._reset_stamp_s = self._wire.now_ns() / NS_PER_S
        return True

    def publish(self) -> None:
        """Say how the task stands now."""
        simulation = self._paced.simulation
        model, data = simulation.model, simulation.data
        goal = self._expert.goal(model, data)
        state = TaskState(
            self._reset_id, self._reset_stamp_s, self._wire.now_ns() / NS_PER_S, simulation.outcome(),
            goal.T_base_tcp, gripper_head().level(goal.gripper), simulation.scene.object_state(model, data),
        )  # fmt: skip
        self._publisher.publish(task_state_message(self._wire, state))

    def _on_reset(self, message: Any) -> None:
        self._asked = int(message.data) % RESET_ID_MAX


class HumanTwist:
    """A human's twist moves the target from where the arm is, and outranks the others while it is fresh."""

    def __init__(self, wire: Wire, paced: PacedSimulation, clock: Clock) -> None:
        self._paced, self._clock = paced, clock
        self._twist = np.zeros(6)
        self._heard_ns: int | None = None
        self._target: Pose | None = None
        wire.subscribe(graph.HUMAN_TWIST, self._on_twist)

    def move(self, period_s: float) -> None:
        """Move the target by one slice, or let go when nothing is heard any more."""
        fresh = self._heard_ns is not None and self._clock.now_ns() - self._heard_ns < HUMAN_FRESH_S * NS_PER_S
        if not fresh:
            if self._target is not None:
                self._target = None
                self._paced.hold(False)
            return
        T = self._target or self._paced.simulation.T_base_tcp
        turn = rotation_exp(self._twist[3:] * period_s)
        self._target = Pose(T.p + self._twist[:3] * period_s, turn @ T.R)
        self._paced.lead(self._target)

    def _on_twist(self, message: Any) -> None:
        try:
            twist = read_twist(message, graph.BASE)
        except BadMessageError:
            return
        self._twist, self._heard_ns = twist, self._clock.now_ns()


class _Every:
    """True once each period."""

    def __init__(self, rate_hz: float, clock: Clock) -> None:
        self._period_ns, self._clock = round(NS_PER_S / rate_hz), clock
        self._due_ns = clock.now_ns()

    def __call__(self) -> bool:
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns:
            return False
        self._due_ns = max(self._due_ns + self._period_ns, now_ns - self._period_ns)
        return True
