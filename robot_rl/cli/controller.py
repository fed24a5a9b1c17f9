"""`robot-rl controller`: a real arm's controller over plain DDS, without ROS."""

from contextlib import ExitStack

from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.nodes.controller import ArmController, ControllerConfig
from robot_rl.runtime.runs.stop import StopSignal

Arguments = ControllerConfig


def run(arguments: ControllerConfig) -> int:
    """Connect the arm, enable it where it is, and serve until a signal comes."""
    stop = StopSignal().install()
    with ExitStack() as held:
        wire = DdsWire("impedance_controller", arguments.namespace)
        held.callback(wire.close)
        print(f"connecting {arguments.arm}", flush=True)
        controller = ArmController(wire, arguments, stop)
        held.callback(controller.close)
        controller.activate()
        print(f"{arguments.arm} is enabled and holds (Ctrl-C ends it)", flush=True)
        controller.run(stop)
    return 0
