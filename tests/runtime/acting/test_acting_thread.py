"""The thread that acts only acts: within its steps it waits for no disk and for no network.

A step's record goes to the system's page cache by one call, which another thread syncs and sends.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.rewards.combined import make_reward
from robot_rl.runtime.acting import actor as acting
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.sender import ActorLink
from tests.runtime.acting.point_world import LAYOUT, LinearPolicy, PointWorld
from tests.transport.serving import AGENT, VERSION, served

STEP = "_run_step"
SCHEMA = StepSchema({"state": ArraySpec((4,), "float32"), "wrist": ArraySpec((8, 8, 3), "uint8")}, LAYOUT, "point")
DEVICES = {"posix", "_io", "_socket", "select", "fcntl", "time", "_thread"}
"""Modules whose calls may wait."""
NEVER_WAIT = {
    "posix.writev": "the spool's record, to the page cache",
    "posix.write": "the wake-up of the thread that sends, to a pipe that never blocks",
    "_thread.__enter__": "the spool's lock, which a sync does not hold",
    "_thread.__exit__": "",
    "time.monotonic_ns": "",
    "time.perf_counter": "",
    "time.perf_counter_ns": "",
    "time.time": "",
}
BETWEEN_STEPS = {"posix.fsync", "posix.fdatasync", "posix.sync", "posix.replace", "posix.rename"}
"""What waits for the disk itself."""


class Watch:
    """Calls of this thread that may wait, within steps and between them."""

    def __init__(self) -> None:
        self.within, self.between, self.steps, self._depth = Counter[str](), Counter[str](), 0, 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and (name := _name(argument)):
            (self.within if self._depth else self.between)[name] += 1
        elif event in ("call", "return") and frame.f_code.co_name == STEP:
            self.steps += event == "call"
            self._depth += 1 if event == "call" else -1
        elif event == "call" and "/zmq/" in frame.f_code.co_filename:
            self.within["zmq"] += 1


def _name(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or type(owner).__module__
    return f"{module}.{function.__name__}" if module in DEVICES else ""


@contextmanager
def watched() -> Iterator[Watch]:
    watch, before = Watch(), sys.getprofile()
    sys.setprofile(watch)
    try:
        yield watch
    finally:
        sys.setprofile(before)


def run(folder: Path, spool: Journal, address: str) -> tuple[Watch, ActorLink]:
    rollout = Rollout(PointWorld(), LinearPolicy(version=VERSION), reward=make_reward(("ground-truth", "human-label")))
    introduction = Introduction(SCHEMA, AGENT, "a0", "r")
    with ActorLink(address, introduction, spool) as link, MetricsWriter(folder) as metrics:
        with watched() as watch:
            acting.run_actor(rollout, ActorConfig(name="a0", run="r", max_env_steps=200), link, metrics)
        assert link.flush(20.0)
    return watch, link


def test_step_waits_for_no_disk_and_no_network(tmp_path: Path) -> None:
    with served(tmp_path / "journal", SCHEMA) as address, Journal(tmp_path / "spool") as spool:
        watch, link = run(tmp_path, spool, address)
    assert watch.steps == link.counters.put == link.counters.acknowledged == 200
    assert watch.within["posix.writev"] + watch.between["posix.writev"] == 200  # an episode's last step follows its end
    assert set(watch.within) <= NEVER_WAIT.keys(), watch.within
    assert set(watch.between).isdisjoint(BETWEEN_STEPS), watch.between


def test_calls_that_wait_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path / "journal", SCHEMA) as address, Journal(tmp_path / "spool") as spool:
        append = spool.append
        monkeypatch.setattr(spool, "append", lambda parts: (append(parts), spool.sync())[0])
        watch, _ = run(tmp_path, spool, address)
    assert watch.within["posix.fdatasync"] > 100 and watch.between["posix.fdatasync"] > 0
