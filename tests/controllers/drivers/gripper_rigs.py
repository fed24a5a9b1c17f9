"""Each gripper of `GRIPPERS` that needs no ROS, before a double at its vendor's wire."""

import contextlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from controllers.drivers.grippers.contract import GripperSpec
from controllers.drivers.grippers.process import GripperProcess
from tests.controllers.drivers.fake_franka_hand import STOP, FrankaHandModel, hand_server
from tests.controllers.drivers.fake_robotiq import CLOSED, COUNTS_PER_M, Robotiq2F, serial_line, urcap
from tests.domains import loopback
from tests.waiting import eventually


@dataclass
class Rig:
    """A gripper, and the double behind it."""

    gripper: GripperProcess
    put_object: Callable[[float], None]
    commands: Callable[[], int]
    """Motions that the double was commanded so far."""
    jam: Callable[[bool], None]
    """Let the fingers stay where they are, whatever they are commanded."""
    mute: Callable[[bool], None]
    """Let the double answer nothing."""
    stops: bool = True
    """Whether a motion can be ended."""
    ahead_s: list[float] = field(default_factory=lambda: [0.0])
    """How far the clock of the gripper is advanced [s]."""

    def settled(self, width_m: float) -> None:
        """Command a width and wait until the fingers are there."""
        self.gripper.command(width_m, 0.1, 40.0)
        eventually(lambda: abs((state := self.gripper.state()).width_m - width_m) < 5e-3 and not state.moving)


Open = Callable[[GripperSpec, list[float]], GripperProcess]


@contextlib.contextmanager
def robotiq(kind: str, start: Open) -> Iterator[Rig]:
    if kind == "robotiq_rtu":
        pytest.importorskip("minimalmodbus")
    model = Robotiq2F()
    opened = urcap(model) if kind == "robotiq_socket" else serial_line(model)
    with opened as port:
        ahead_s = [0.0]
        spec = GripperSpec(kind, "127.0.0.1", settings={"port": port})
        gripper = start(spec if kind == "robotiq_socket" else GripperSpec(kind, str(port)), ahead_s)

        def put_object(size_m: float) -> None:
            model.object_count = round(CLOSED - size_m * COUNTS_PER_M) if size_m else 255

        yield Rig(
            gripper, put_object, lambda: len(model.requests), lambda on: setattr(model, "jammed", on),
            lambda on: setattr(model, "silent", on), ahead_s=ahead_s,
        )  # fmt: skip


@contextlib.contextmanager
def franka(kind: str, start: Open) -> Iterator[Rig]:
    if importlib.util.find_spec("franky" if kind == "franka_hand" else "pylibfranka") is None:
        pytest.skip(f"{kind}: its library is not installed")
    hand, address, ahead_s = FrankaHandModel(), loopback(len(kind)), [0.0]
    with hand_server(hand, address):
        gripper = start(GripperSpec(kind, address), ahead_s)

        def moves() -> int:
            return sum(command != STOP for command, _ in hand.commands)

        def jam(on: bool) -> None:
            hand.jammed = on

        yield Rig(
            gripper, lambda size_m: setattr(hand, "object_m", size_m), moves, jam,
            lambda on: setattr(hand, "silent", on), kind == "franka_hand", ahead_s,
        )  # fmt: skip


RIGS = {"robotiq_socket": robotiq, "robotiq_rtu": robotiq, "franka_hand": franka, "franka_hand_pylibfranka": franka}
SLOW = ("robotiq_rtu", "franka_hand", "franka_hand_pylibfranka")


@contextlib.contextmanager
def connected(kind: str) -> Iterator[Rig]:
    """A gripper that is connected and open."""
    started: list[GripperProcess] = []

    def start(spec: GripperSpec, ahead_s: list[float]) -> GripperProcess:
        started.append(GripperProcess(spec, lambda: time.monotonic() + ahead_s[0]))
        return started[-1]

    with RIGS[kind](kind, start) as rig:
        try:
            eventually(lambda: rig.gripper.state().fault == "" and rig.gripper.state().width_m >= 0.0, 20.0)
            yield rig
        finally:
            for gripper in started:
                gripper.close()
