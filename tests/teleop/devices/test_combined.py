"""One hand enables, the other moves."""

import numpy as np

from robot_rl.teleop.device import DeviceState
from robot_rl.teleop.devices.combined import EnabledDevice
from robot_rl.testing import Playback

ACTION = np.full(7, 0.5, np.float32)


def together(enabling: DeviceState, moving: DeviceState) -> DeviceState:
    return EnabledDevice(Playback([enabling]), Playback([moving])).read()


def test_the_enabler_alone_decides_who_is_in_charge() -> None:
    assert not together(DeviceState(engaged=False), DeviceState(ACTION, engaged=True)).engaged
    state = together(DeviceState(engaged=True), DeviceState(ACTION))
    assert state.engaged and state.action is ACTION


def test_enabler_that_only_labels_leaves_engaging_to_the_device_that_moves() -> None:
    labelling = Playback([DeviceState(labels=("success",)), DeviceState(estop=True)])
    labelling.enables = False
    moving = Playback([DeviceState(ACTION, engaged=True)] * 2)
    device = EnabledDevice(labelling, moving)
    state = device.read()
    assert state.engaged and state.action is ACTION and state.labels == ("success",)
    assert device.read().stopped


def test_either_labels_either_stops_and_either_can_be_lost() -> None:
    assert together(DeviceState(labels=("undo",)), DeviceState(labels=("success",))).labels == ("undo", "success")
    assert together(DeviceState(estop=True), DeviceState()).estop
    assert together(DeviceState(), DeviceState(estop=True)).estop
    assert not together(DeviceState(alive=False), DeviceState()).alive
    assert not together(DeviceState(), DeviceState(alive=False)).alive


def test_the_older_sign_of_life_counts() -> None:
    assert together(DeviceState(stamp_ns=5), DeviceState(stamp_ns=3)).stamp_ns == 3
    assert together(DeviceState(stamp_ns=5), DeviceState()).stamp_ns == 5
    assert together(DeviceState(), DeviceState()).stamp_ns is None
