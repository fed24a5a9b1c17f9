"""Simulated robot node: arm, gripper, cameras and task server on the real robot's topics.

examples:
  ros2 run robot_rl simulated_robot --ros-args -p task:=pick-lift -r __ns:=/left
  robot-rl serve pick-lift                       then, in another terminal: robot-rl train pick-lift --robot.kind dds
  robot-rl serve peg-insert --image-hz 10        on a computer that cannot render 30 images a second
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from controllers.compilation import announcement
from controllers.ros import graph
from controllers.ros.namesake import wait_until_alone
from robot_rl import build_graph
from robot_rl.core.errors import ConfigError
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.nodes.arguments import run_node
from robot_rl.nodes.served_simulation import ServeConfig, SimulatedRobotServer
from robot_rl.runtime.runs.stop import StopSignal


@dataclass(frozen=True)
class SimulatedRobotConfig(ServeConfig):
    """Parameters of the node: those of the served simulation, and its place on the graph."""

    robot: RobotConfig = field(default_factory=lambda: RobotConfig(kind="dds"))
    """Namespace and wire: `dds`, or `ros` where rclpy can be imported; the rest is for clients."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.robot.on_graph:
            raise ConfigError("robot.kind: got 'simulated', expected dds or ros: a node communicates over the graph.")


def main(arguments: Sequence[str] | None = None, prog: str = "") -> int:
    """Serve until a signal comes."""
    return run_node("simulated_robot", arguments, SimulatedRobotConfig(), __doc__ or "", serve, prog)


def serve(config: SimulatedRobotConfig) -> None:
    """Open the wire and serve; print the missed time slices at the end."""
    stop = StopSignal().install()
    with ExitStack() as held:
        wire = build_graph.make_wire(config.robot, graph.CONTROLLER)
        held.callback(wire.close)
        controller = graph.resolve(graph.STATUS, wire.namespace).rsplit("/", 1)[0]
        if refused := wait_until_alone(lambda: len(wire.publishers_of(graph.STATUS)), controller):
            raise ConfigError(refused)
        if line := announcement("simulated_robot"):
            print(line, flush=True)
        server = SimulatedRobotServer(wire, config)
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
