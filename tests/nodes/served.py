"""A served simulation and its client in one process, on one clock that the client's waits move: the whole chain without
threads, processes or sleep.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from controllers.ros.graph import Service
from controllers.ros.wire import Answer
from robot_rl.core.tasks import TaskCamera
from robot_rl.envs.episodes import Workcell
from robot_rl.envs.graph import Bounds, GraphEnv
from robot_rl.envs.served_episodes import ServedEpisodes
from robot_rl.hardware.cameras.ros_topic import GraphCamera, TopicConfig
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.nodes.served_simulation import ServeConfig, SimulatedRobotServer
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire

SMALL = replace(PICK_LIFT, cameras={"wrist": TaskCamera(32, 32), "side": TaskCamera(32, 32)})


class ServingClock:
    """The client's clock: while it sleeps, the server works."""

    def __init__(self, clock: FakeClock, work: Callable[[], None]) -> None:
        self._clock, self.work = clock, work

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep_until(self, deadline_ns: int) -> None:
        while self._clock.now_ns() < deadline_ns:
            self.work()


class Served:
    """One server, one graph, one clock."""

    def __init__(self, **config: object) -> None:
        self.clock = FakeClock(10.0)
        self.graph = Graph(self.clock)
        self.server = SimulatedRobotServer(MemoryWire(self.graph), ServeConfig(**config), self.clock)  # type: ignore[arg-type]
        self.wire = MemoryWire(self.graph)
        self.client_clock = ServingClock(self.clock, self.server.step)

    def call(self, service: Service, **fields: object) -> Answer:
        """Request a service; the server works until it has answered."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self.wire.call, service, 5.0, **fields)
            while not future.done():
                self.server.step()
        return future.result()

    def die(self) -> None:
        """From now on time passes without a server."""
        self.client_clock.work = lambda: self.clock.advance(0.01)

    def live(self) -> None:
        """The server works again."""
        self.client_clock.work = self.server.step

    def env(self, bounds: Bounds | None = None, reset_timeout_s: float = 5.0, privileged: bool = False) -> GraphEnv:
        """The client's environment."""
        clock, wire, names = self.client_clock, self.wire, self.server_cameras()
        task = self.server.simulation.task
        robot = GraphRobot(wire, clock, GraphRobotConfig(pause_s=0.1), task.arm.controller_gains)
        cameras = {name: GraphCamera(wire, clock, TopicConfig(name)) for name in names}
        sources = [lambda: robot.state().stamp_ns, *((lambda c=c: c.read().stamp_ns) for c in cameras.values())]
        episodes = ServedEpisodes(task, wire, robot, sources, clock, 0.1, reset_timeout_s)
        episodes.connect()
        cell = Workcell(task, {"": robot}, cameras, episodes)
        return GraphEnv(cell, wire, clock, bounds or Bounds(reaction_ms=2000.0), privileged)

    def server_cameras(self) -> tuple[str, ...]:
        return tuple(self.server._cameras)

    def cube(self) -> np.ndarray:
        return self.server.simulation.data.joint("cube").qpos.copy()
