"""`robot-rl call`: a service of an arm's controller, without ROS."""

from contextlib import closing
from dataclasses import dataclass

from tyro.conf import Positional

from controllers.ros import graph
from robot_rl.core.errors import unknown_name

LIMIT_S = 60.0  # discovery, and an arm that clears its stop
_OFFERED = (graph.RECOVER, graph.ENABLE, graph.HOME_POSE, graph.HOLD, graph.RESET_TARGET, graph.ZERO_WRENCH)
SERVICES = {service.name.split("/")[-1]: service for service in (*_OFFERED, graph.ESTOP, graph.DUMP)}


@dataclass(frozen=True)
class Arguments:
    """Call a service of the controller of an arm on the graph, as `ros2 service call` does with ROS; print its answer.

    services:
      recover        lift the stops that are no longer pressed, clear the arm's fault
      enable         follow commands from where the arm is; with --off the arm holds itself
      home           drive to the posture, rising first
      hold           follow nothing, stiff; --off ends it
      reset_target   forget the target: stay where the arm is
      zero_wrench    zero the estimated external wrench, at rest
      estop          emergency stop; it does not replace the button
      dump           write the black box

    examples:
      robot-rl call recover && robot-rl call enable
      robot-rl call home --namespace left
    """

    service: Positional[str]
    """One of them."""
    off: bool = False
    """End what `enable` or `hold` began."""
    namespace: str = ""
    """Of the arm, as in `left`."""


def run(arguments: Arguments) -> int:
    """Call, and print the answer; 1 where it is a refusal."""
    from robot_rl.hardware.graph.dds_wire import DdsWire

    name = arguments.service
    if name not in SERVICES:
        raise unknown_name("service", name, SERVICES)
    fields = {"data": not arguments.off} if SERVICES[name].type.endswith("SetBool") else {}
    with closing(DdsWire("call", arguments.namespace)) as wire:
        done, text = wire.call(SERVICES[name], LIMIT_S, **fields)
    print(f"{name}: {'done' if done else 'refused'}{text and ': '}{text}")
    return 0 if done else 1
