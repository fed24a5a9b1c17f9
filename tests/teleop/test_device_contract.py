"""One contract for whatever a human acts through."""

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.errors import DeviceLostError
from robot_rl.core.pose import Pose
from robot_rl.core.records import LABELS
from robot_rl.core.tasks import ActionScale
from robot_rl.hardware.graph.messages import pose_message
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.teleop.devices.keyboard import Keyboard
from robot_rl.teleop.devices.pedal import CODES, Pedal, PedalConfig
from robot_rl.teleop.devices.playback import PlaybackDevice, RecordedMotion
from robot_rl.teleop.devices.pose import PoseDevice
from robot_rl.teleop.devices.scripted import ExpertDevice, ScriptedHuman
from robot_rl.teleop.devices.scripted_config import ScriptedHumanConfig
from robot_rl.teleop.devices.spacemouse import SpaceMouse, SpaceMouseConfig
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.device import Pendant
from robot_rl.teleop.pendant.serial_line import Line
from robot_rl.testing import FakeClock, Playback
from tests.hardware.graph.memory_wire import Graph, MemoryWire
from tests.teleop.devices.hid_bus import COMPACT, Bus
from tests.teleop.devices.test_pedal import packed

ARM = arm_layout(StateEntry("state", 24))


class Still:
    """An expert that stands still."""

    layout = ARM

    def reset(self) -> None: ...

    def action(self) -> np.ndarray:
        return np.zeros(7, np.float32)


def keyboard() -> Device:
    far, near = os.openpty()
    os.write(far, b"w \nx")
    return Keyboard(ARM, terminal=near)


def unplugged(port: str) -> Line:
    raise DeviceLostError(f"{port}: got nothing, expected a pendant; plug it in.")


def pendant() -> Device:
    return Pendant(PendantConfig("socket://127.0.0.1:1"), open_port=unplugged)


def spacemouse() -> Device:
    bus = Bus(hidraw0=COMPACT)
    device = SpaceMouse(ARM, SpaceMouseConfig(buttons=("success", "stop", "clear")), hid=bus)
    bus.device.push((500, -500, 500, -32768, 32767, 10))
    bus.device.hold(0, 1)
    return device


def pedal() -> Device:
    reader, writer = os.pipe()
    os.write(writer, packed((1, CODES["b"], 1), (1, CODES["a"], 1)))
    return Pedal(PedalConfig(f"/proc/self/fd/{reader}"))


def pose() -> Device:
    clock = FakeClock(1.0)
    wires = Graph(clock)
    device = PoseDevice(MemoryWire(wires), ARM, ActionScale(), clock=clock)
    sender = MemoryWire(wires)
    message = pose_message(sender, Pose(np.zeros(3), np.eye(3)), 1, "leader")
    sender.publisher(graph.HUMAN_POSE_INPUT).publish(message)
    device.enable(False)
    device.read()
    device.enable(True)
    return device


MAKERS: dict[str, Callable[[], Device]] = {
    "keyboard": keyboard,
    "states": lambda: Playback([DeviceState(np.ones(7, np.float32), True, ("success",))]),
    "pendant": pendant,
    "pedal": pedal,
    "pose": pose,
    "playback": lambda: PlaybackDevice([RecordedMotion(np.ones((2, 7), np.float32), True)], labels=True),
    "spacemouse": spacemouse,
    "enabled": lambda: EnabledDevice(pendant(), keyboard()),
    "expert": lambda: ExpertDevice(Still(), np.random.default_rng(0)),
    "scripted": lambda: ScriptedHuman(Still(), ScriptedHumanConfig(), np.random.default_rng(0)),
}


@pytest.fixture(params=sorted(MAKERS))
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    made = MAKERS[request.param]()
    yield made
    made.close()
    made.close()


def test_states_are_well_formed_with_and_without_a_proposal(device: Device) -> None:
    for _ in range(3):
        device.reset()
        for proposed in (None, np.ones(7, np.float32)):
            state = device.read(proposed)
            assert state.action is None or (state.action.shape, state.action.dtype) == ((7,), np.float32)
            assert state.action is None or np.abs(state.action).max() <= 1.0
            assert set(state.labels) <= set(LABELS)
            assert all(type(flag) is bool for flag in (state.engaged, state.estop, state.alive, state.save))


def test_pendant_that_is_not_there_stops_the_robot() -> None:
    device = pendant()
    state = device.read()
    device.close()
    assert (state.alive, state.estop, state.engaged, state.labels) == (False, True, False, ())
