"""`robot-rl doctor pendant`: the pendant's live state, line by line."""

import dataclasses
from dataclasses import replace
from enum import IntEnum, IntFlag
from json import dumps
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from tyro.conf import Positional

from robot_rl.core.clock import NS_PER_S, SystemClock
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.device import Pendant, PendantView
from robot_rl.teleop.pendant.messages import Cause, Deadman, Event, Fault, Flag, Input, Restart, State, Status

POLL_NS = NS_PER_S // 20
DEFAULT = PendantConfig()


def check(
    port: Positional[str | None] = None,
    seconds: float | None = None,
    json: bool = False,
    clear: bool = False,
    pendant: PendantConfig = DEFAULT,
) -> int:
    """Show the pendant's live state: relay, grip, contacts, faults, last frame, round trip, counters.

    It keeps the heartbeat going, so lights and buttons can be tried; holding `undo` for 0.8 s with the grip released
    arms the relay. Exit code 1 when no pendant answered, or a fault is latched. The default port's name comes from the
    udev rule in firmware/60-robot-rl-pendant.rules.

    examples:
      robot-rl doctor pendant                         until Ctrl-C
      robot-rl doctor pendant /dev/ttyUSB1 --seconds 2 --json
      robot-rl doctor pendant --clear                 clear latched faults first

    Args:
        port: Serial port of the pendant; by default that of `pendant`.
        seconds: How long to watch [s]; None: until Ctrl-C.
        json: Print one JSON object at the end instead of a live table.
        clear: Clear latched faults of the pendant.
        pendant: How it is reached.
    """
    with Pendant(pendant if port is None else replace(pendant, port=port)) as device:
        view = _watch(device, seconds, clear, shown=not json)
    if json:
        print(dumps(_plain(view)))
    return 0 if view.alive and view.state is not None and view.state.faults == 0 else 1


def rows(view: PendantView) -> list[tuple[str, str]]:
    """Return the state as names and texts."""
    link = [("line", "answers" if view.alive else f"LOST: {view.trouble}"), ("last frame", _ms(view.age_s, "ago"))]
    device = _device_rows(view.state) if view.state is not None else []
    return [*link, *_welcome_rows(view), *device, *_answer_rows(view), *_counter_rows(view)]


def _watch(pendant: Pendant, seconds: float | None, clear: bool, shown: bool) -> PendantView:
    clock = SystemClock()
    end_s = None if seconds is None else clock.now_s() + seconds
    cleared = not clear
    with Live(console=Console(), refresh_per_second=10, auto_refresh=shown) as live:
        while True:
            pendant.read()  # keeps the heartbeat going
            pendant.query()
            view = pendant.view()
            if not cleared and view.state is not None:
                pendant.clear()
                cleared = True
            if shown:
                live.update(_table(view))
            if end_s is not None and clock.now_s() > end_s:
                return view
            try:
                clock.sleep_until(clock.now_ns() + POLL_NS)
            except KeyboardInterrupt:
                return pendant.view()


def _table(view: PendantView) -> Table:
    table = Table(show_header=False, box=None)
    for name, text in rows(view):
        table.add_row(name, text)
    return table


def _ms(seconds: float | None, after: str = "") -> str:
    return "never" if seconds is None else f"{seconds * 1e3:.1f} ms {after}".rstrip()


def _names(value: int, kind: type[IntFlag]) -> str:
    return " ".join(str(flag.name).lower() for flag in kind if value & flag) or "none"


def _name(value: int, kind: type[IntEnum]) -> str:
    known = {int(entry): entry.name.lower() for entry in kind}
    return known.get(value, f"unknown ({value})")


def _welcome_rows(view: PendantView) -> list[tuple[str, str]]:
    welcome = view.welcome
    if welcome is None:
        return []
    version = f"{welcome.major}.{welcome.minor}.{welcome.patch}"
    return [("firmware", f"{version}, boot {welcome.boots}, last restart: {_name(welcome.restart, Restart)}")]


def _device_rows(state: State) -> list[tuple[str, str]]:
    relay = "CLOSED: the robot may move" if state.relay_closed else "open: the robot is stopped"
    events = [_name(state.events >> 4 * place & 0xF, Event) for place in reversed(range(min(state.event_count, 8)))]
    return [
        ("relay", relay),
        ("causes to stop", _names(state.causes, Cause)),
        ("opened by", _names(state.opened_by, Cause)),
        ("latched faults", _names(state.faults, Fault)),
        ("grip", _name(state.deadman, Deadman) + (", engaged" if state.engaged else "")),
        ("closed contacts", _names(state.inputs, Input)),
        ("conditions", _names(state.flags, Flag)),
        ("events", f"{state.event_count}: {' '.join(events)}"),
    ]


def _answer_rows(view: PendantView) -> list[tuple[str, str]]:
    trip = [("round trip, median", _ms(view.round_trip_s))]
    return trip if view.reply is None else [*trip, ("last answer", _name(view.reply.status, Status))]


def _counter_rows(view: PendantView) -> list[tuple[str, str]]:
    groups = (("host counted", view.link), ("host's decoder", view.frame_errors), ("pendant counted", view.device))
    return [(name, _counts(group)) for name, group in groups if group is not None]


def _counts(group: Any) -> str:
    """Return the counters that are not zero."""
    counts = {field.name: getattr(group, field.name) for field in dataclasses.fields(group)}
    return " ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"


def _plain(view: PendantView) -> dict[str, Any]:
    return dataclasses.asdict(replace(view)) | {"lines": dict(rows(view))}
