"""One contract for whatever a human acts through."""

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from robot_rl.core.records import LABELS
from robot_rl.teleop.devices import Device, DeviceState, Playback
from robot_rl.teleop.keyboard import Keyboard
from robot_rl.teleop.scripted import ExpertDevice, ScriptedHuman
from robot_rl.teleop.scripted_config import EXPERT


class Still:
    """An expert that stands still."""

    def reset(self) -> None: ...

    def action(self) -> np.ndarray:
        return np.zeros(7, np.float32)


def keyboard() -> Device:
    far, near = os.openpty()
    os.write(far, b"w \nx")
    return Keyboard(terminal=near)


MAKERS: dict[str, Callable[[], Device]] = {
    "keyboard": keyboard,
    "playback": lambda: Playback([DeviceState(np.ones(7, np.float32), True, ("success",))]),
    "expert": lambda: ExpertDevice(Still(), np.random.default_rng(0)),
    "scripted": lambda: ScriptedHuman(Still(), EXPERT, np.random.default_rng(0)),
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
            assert all(type(flag) is bool for flag in (state.engaged, state.estop, state.alive))
