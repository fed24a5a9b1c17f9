"""The simulated robot as a ROS node answers the controller's services, and takes gains whole or not at all."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from robot_rl.core.clock import SystemClock
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from tests.end_to_end.served_process import ServedProcess, available
from tests.waiting import eventually

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(600)]


class Asker:
    """A client of the node's services."""

    def __init__(self) -> None:
        from controllers.ros.ros_wire import RosWire

        self.wire = RosWire("asker")
        self.robot = GraphRobot(self.wire, SystemClock(), GraphRobotConfig(age_max_s=5.0, start_timeout_s=60.0))

    def call(self, package: str, kind: str, name: str, **fields: Any) -> Any:
        service = getattr(importlib.import_module(f"{package}.srv"), kind)
        client = self.wire.node.create_client(service, name)
        assert client.wait_for_service(30.0), name
        future = client.call_async(service.Request(**fields))
        eventually(future.done, 30.0)
        return future.result()

    def press(self, name: str) -> Any:
        return self.call("std_srvs", "Trigger", f"/impedance_controller/{name}")

    def switch(self, name: str, on: bool) -> Any:
        return self.call("std_srvs", "SetBool", f"/impedance_controller/{name}", data=on)

    def change(self, name: str, value: float | list[float]) -> Any:
        messages = importlib.import_module("rcl_interfaces.msg")
        kinds = messages.ParameterType
        if isinstance(value, float):
            wanted = messages.ParameterValue(type=kinds.PARAMETER_DOUBLE, double_value=value)
        else:
            wanted = messages.ParameterValue(type=kinds.PARAMETER_DOUBLE_ARRAY, double_array_value=value)
        parameter = messages.Parameter(name=name, value=wanted)
        answer = self.call(
            "rcl_interfaces", "SetParameters", "/impedance_controller/set_parameters", parameters=[parameter]
        )
        return answer.results[0]

    def becomes(self, holds: Callable[[str], bool]) -> None:
        eventually(lambda: holds(self.robot.state().fault), 30.0)


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    kind = available("ros")
    with ServedProcess(tmp_path_factory.mktemp("served") / "log.txt", "pick-lift", "--image-hz", "1", kind=kind):
        asker = Asker()
        yield asker
        asker.wire.close()


def test_emergency_stop_is_latched_until_it_is_released_and_the_arm_enabled(asker: Asker) -> None:
    assert asker.press("estop").success
    asker.becomes(lambda fault: "emergency stop" in fault)
    refused = asker.switch("enable", True)
    assert not refused.success and "recover" in refused.message
    assert asker.press("recover").success
    assert asker.switch("enable", True).success
    asker.becomes(lambda fault: fault == "")


def test_other_services_answer(asker: Asker) -> None:
    assert asker.switch("hold", True).message == "holds the present pose"
    assert asker.switch("hold", False).message == "follows targets again"
    assert asker.press("home").success  # the task's first start
    assert asker.press("reset_target").success


def test_gains_are_applied_completely_or_not_at_all(asker: Asker) -> None:
    assert asker.change("stiffness", [800.0] * 3 + [40.0] * 3).successful
    refused = asker.change("stiffness", [800.0, -1.0, 800.0, 40.0, 40.0, 40.0])
    assert not refused.successful and "stiffness: got" in refused.reason


def test_constant_damping_may_come_one_by_one(asker: Asker) -> None:
    for axis in "xyz":
        assert asker.change(f"task.d_pos_{axis}", 80.0).successful
        assert asker.change(f"task.d_rot_{axis}", 8.0).successful
    refused = asker.change("task.d_pos_x", -2.0)  # -1, crisp_controllers' own, means by the ratio
    assert not refused.successful and "task.d_pos_x" in refused.reason
