"""`robot-rl doctor teleop`: the input devices of this computer, and one of them live."""

from collections.abc import Callable, Iterator
from typing import NoReturn

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table
from tyro.conf import Positional

from robot_rl import build_graph
from robot_rl.core.action_layout import ActionLayout, StateEntry, arm_layout
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.core.tasks import PERIOD_S, ActionScale
from robot_rl.doctor.finding import Finding
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices import DeviceContext, open_device
from robot_rl.teleop.devices.gamepad import SdlPads
from robot_rl.teleop.devices.pedal import pedals
from robot_rl.teleop.devices.spacemouse import HidApi, describe, spacemice

RATE_HZ = 50
BAR = 10
NEWEST = 5
NO_SETTINGS: dict[str, str] = {}
LAYOUT = arm_layout(StateEntry("state", 0))


def check(
    device: Positional[str | None] = None,
    seconds: float | None = None,
    settings: dict[str, str] = NO_SETTINGS,
    namespace: str = "",
) -> Iterator[Finding] | int:
    """List the input devices of this computer; with a name, show that one live: axes, engaged, labels, stop.

    The axes are those of the tool, so that a gripper that points down goes up with a negative z. Exit code 1 when the
    device was lost.

    examples:
      robot-rl doctor teleop
      robot-rl doctor teleop spacemouse
      robot-rl doctor teleop keyboard --settings speed 0.2
      robot-rl doctor teleop pose --namespace left

    Args:
        device: A device by name, module:Class or path/to/file.py:Class.
        seconds: How long to show it [s]; None: until Ctrl-C.
        settings: Settings of the device.
        namespace: The arm's on the ROS graph, for devices on topics.
    """
    if device is None:
        return devices()
    clock = SystemClock()
    context = DeviceContext(
        LAYOUT,
        np.random.default_rng(0),
        clock,
        expert=_no_arm,
        wire=lambda: (build_graph.make_wire(RobotConfig("dds", namespace=namespace), "doctor_teleop"), True),
        outcome=_no_arm,
        scale=ActionScale(),
        reads_a_step=RATE_HZ * PERIOD_S,
    )
    opened = open_device(device, settings, context)
    if text := getattr(opened, "help", ""):
        print(text, flush=True)
    try:
        return 0 if watch(opened, LAYOUT, clock, seconds) else 1
    finally:
        opened.close()


def devices() -> Iterator[Finding]:
    """Yield the hand-held devices that are plugged in."""
    yield from _found("spacemouse", lambda: [describe(entry) for entry in spacemice(HidApi())])
    yield from _found("gamepad", lambda: [f"{i}: {name}" for i, name in enumerate(SdlPads().names())])
    yield from _found("pedal", lambda: [str(path) for path in pedals()])


def _found(name: str, find: Callable[[], list[str]]) -> Iterator[Finding]:
    try:
        texts = find()
    except RobotRLError as error:
        yield Finding("optional", name, str(error))
        return
    for text in texts:
        yield Finding("ok", name, text)
    if not texts:
        yield Finding("optional", name, "none is plugged in")


def _no_arm() -> NoReturn:
    raise ConfigError("device: got one that needs an arm, expected one in the hand; try `robot-rl simulate --by NAME`.")


def watch(device: Device, layout: ActionLayout, clock: Clock, seconds: float | None) -> bool:
    """Show a device until the time is over or Ctrl-C; return whether it was there to the end."""
    start_ns, given, state = clock.now_ns(), [], DeviceState(alive=False)
    with Live(console=Console(), refresh_per_second=10) as live:
        try:
            while seconds is None or clock.now_ns() - start_ns < seconds * NS_PER_S:
                read_ns, state = clock.now_ns(), device.read()
                given += [
                    *state.labels,
                    *(["clear"] * state.cleared),
                    *(["ready"] * state.ready),
                    *(["save"] * state.save),
                ]
                took_ns, detail = clock.now_ns() - read_ns, getattr(device, "detail", "")
                live.update(table(state, layout, given[-NEWEST:], took_ns, detail, _age_ms(state, clock)))
                clock.sleep_until(read_ns + NS_PER_S // RATE_HZ)
        except KeyboardInterrupt:
            pass
    return state.alive


def _age_ms(state: DeviceState, clock: Clock) -> float | None:
    return None if state.stamp_ns is None else (clock.now_ns() - state.stamp_ns) / 1e6


def table(
    state: DeviceState,
    layout: ActionLayout,
    given: list[str],
    took_ns: int,
    detail: str = "",
    age_ms: float | None = None,
) -> Table:
    """Return a device's state as a table.

    Args:
        given: labels and other presses, oldest first.
        age_ms: since the device's last sign of life.
    """
    rows = Table(show_header=False, box=None)
    rows.add_row("device", "alive" if state.alive else "[bold red]LOST[/], which is a stop")
    rows.add_row("stop", "[bold red]PRESSED[/]" if state.estop else "no")
    rows.add_row("engaged", "[bold green]YES[/]" if state.engaged else "no")
    action = np.zeros(layout.size) if state.action is None else state.action
    for name, part in layout.slices.items():
        for letter, value in zip("xyz", action[part], strict=False):
            rows.add_row(f"{name} {letter}" if part.stop - part.start > 1 else name, bar(float(value)))
    rows.add_row("pressed", ", ".join(given) or "nothing yet")
    rows.add_row("a read takes", f"{took_ns / 1e6:.2f} ms")
    if age_ms is not None:
        rows.add_row("last heard", f"{age_ms:.0f} ms ago")
    if detail:
        rows.add_row("now", detail)
    return rows


def bar(value: float) -> str:
    """Return a number in [-1, 1] as a bar from the middle."""
    left, right = (round(BAR * max(0.0, side)) for side in (-value, value))
    return f"{'=' * left:>{BAR}}|{'=' * right:<{BAR}} {value:+.2f}"
