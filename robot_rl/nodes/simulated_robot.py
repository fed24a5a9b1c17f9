"""Simulated robot node: arm, gripper, cameras and task server on the real robot's topics.

usage: ros2 run robot_rl simulated_robot --ros-args -p task:=pick-lift -r __ns:=/left
       robot-rl serve pick-lift [FLAGS]                                               the same, over plain DDS

examples:
  robot-rl serve pick-lift                       then, in another terminal: robot-rl train pick-lift --robot.kind dds
  robot-rl serve peg-insert --image-hz 10        on a computer that cannot render 30 images a second
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from controllers.ros import graph
from controllers.ros.namesake import wait_until_alone
from robot_rl import build_graph
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.arguments import run_node
from robot_rl.nodes.served_simulation import ServeConfig, SimulatedRobotServer
from robot_rl.runtime.runs.stop import StopSignal
from robot_rl.tasks import check_task


@dataclass(frozen=True)
class SimulatedRobotConfig:
    """Parameters of the node.

    Raises:
        UnknownNameError: an unknown task.
    """

    task: str = "pick-lift"
    """Task whose scene is served: a name, a file or `module:NAME`."""
    appearance: str = "fixed"
    """`fixed`, or `varied`: a new appearance at each reset."""
    cameras: tuple[str, ...] | None = None
    """Cameras of the task to serve; None: all."""
    image_hz: float = 30.0
    """Images of each camera a second."""
    seed: int = 0
    """Seed of the scene before the first reset."""
    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))
    """Namespace and wire: `dds`, or `ros` where rclpy can be imported; the rest is for clients."""

    def __post_init__(self) -> None:
        check_task(self.task)
        if not self.robot.on_graph:
            raise ConfigError("robot.kind: got 'simulated', expected dds or ros: a node communicates over the graph.")

    @property
    def serve(self) -> ServeConfig:
        """Return the settings of the server."""
        return ServeConfig(self.task, self.appearance, self.cameras, self.image_hz, seed=self.seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    return run_node("simulated_robot", arguments, SimulatedRobotConfig(), __doc__ or "", serve)


def serve(config: SimulatedRobotConfig) -> None:
    """Open the wire and serve; print the missed time slices at the end."""
    stop = StopSignal().install()
    with ExitStack() as held:
        wire = build_graph.make_wire(config.robot, graph.CONTROLLER)
        held.callback(wire.close)
        controller = graph.resolve(graph.STATUS, wire.namespace).rsplit("/", 1)[0]
        if refused := wait_until_alone(lambda: len(wire.publishers_of(graph.STATUS)), controller):
            raise ConfigError(refused)
        server = SimulatedRobotServer(wire, config.serve)
        held.callback(server.close)
        if config.robot.kind == "ros":
            server.offer_parameters(wire.node)  # type: ignore[attr-defined]
        print(f"serving {config.task} on the graph (Ctrl-C ends it)", flush=True)
        server.run(stop)
        print(f"{server.slices} slices, {server.missed} missed", flush=True)
        for problem in server.problems():
            print(problem, flush=True)


if __name__ == "__main__":
    sys.exit(main())
