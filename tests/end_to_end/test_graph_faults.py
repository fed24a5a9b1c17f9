"""Programs of a run on the graph killed and suspended while the actor acts: the arm holds, and each record is stored.

The served arm, a camera and a teleoperation node are processes; the actor and the learner's end of the wire are threads
of the test. ROBOT_RL_FAULTS=50 makes 25 faults of each kind instead of 2.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl import build
from robot_rl.config import TrainConfig
from robot_rl.core.clock import SystemClock
from robot_rl.core.records import StepRecord
from robot_rl.envs.graph import GraphEnv
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.runtime.acting.actor import run_actor
from robot_rl.runtime.acting.actor_config import ActorConfig
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.runtime.runs.metrics import MetricsWriter, read_metrics
from robot_rl.teleop.devices.ros import GraphDevice
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.messages import decode_stored
from robot_rl.transport.sender import ActorLink
from tests.domains import domain_id
from tests.end_to_end.served_process import ServedProcess
from tests.faults import FAULTS
from tests.transport.serving import AGENT, VERSION, served
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.dds, pytest.mark.timeout(600 + 60 * FAULTS)]
LIMIT_S = 120.0
COUNT = max(2, FAULTS // 2)
SHORT = "tests.end_to_end.short_task:TASK"
"""Task whose episodes end before the next fault: an actor ends after ten episodes with a fault in a row."""
CONFIG = TrainConfig(
    robot=RobotConfig(
        kind="dds", state_age_ms=2000.0, image_age_ms=2000.0, skew_ms=3000.0, reaction_ms=3000.0, reset_timeout_s=20.0
    ),
    task=SHORT,
)
OWN_CAMERA, SERVED_CAMERA = "wrist", "side"
READINGS = 50
"""Poses of the arm during which it must not move."""
STILL_M = 2e-3


class Sway:
    """Policy that moves the arm to and fro."""

    version, _steps = VERSION, 0

    def act(self, obs: dict[str, np.ndarray], rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        self._steps += 1
        action = np.zeros(7, np.float32)
        action[1] = 0.5 if self._steps // 10 % 2 else -0.5
        return action

    def load(self, params: dict[str, np.ndarray], version: int) -> None: ...


class Acting:
    """An actor on the graph, in a thread, and what it has done."""

    def __init__(self, folder: Path, human: bool) -> None:
        self._folder, self._human, self._ended = folder, human, threading.Event()
        self.good = self.whole = 0
        """Steps without a fault, and whole episodes."""
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._act)

    def _act(self) -> None:
        try:
            schema = build.make_schema(CONFIG, None)
            env = build.make_env(CONFIG)
            assert isinstance(env, GraphEnv)
            human = GraphDevice(env.wire, env.action_layout, SystemClock()) if self._human else None
            introduction = Introduction(schema, AGENT, "a0", "r")
            with (
                served(self._folder / "journal", schema) as address,
                Journal(self._folder / "spool") as spool,
                ActorLink(address, introduction, spool) as link,
                MetricsWriter(self._folder, tensorboard=False) as metrics,
            ):
                config = ActorConfig(name="a0", run="r", await_weights_s=LIMIT_S)
                rollout = Rollout(env, Sway(), human=human)
                summary = run_actor(rollout, config, link, metrics, should_stop=self._ended.is_set, on_step=self._count)
                self.steps, self.delivered = summary.env_steps, link.flush(20.0)
                self.dropped, self.sent = link.counters.dropped, spool.next_index
            env.close()
        except BaseException as error:
            self.error = error
            raise

    def _count(self, step: Step) -> None:
        self.good += not step.fault
        self.whole += step.last and not step.fault

    def until(self, condition: Callable[[], Any]) -> None:
        def met() -> Any:
            assert self.thread.is_alive(), self.error
            return condition()

        eventually(met, LIMIT_S)

    def goes_on(self) -> None:
        """Wait until an episode ends without a fault, and another one begins."""
        before = self.whole
        self.until(lambda: self.whole > before)
        good = self.good
        self.until(lambda: self.good > good)

    def ends_by_a_fault(self, fault: Callable[[], None]) -> str:
        """Make a fault; return the reason with which the episode ended, or its reset failed."""
        before = self._faults()
        fault()
        self.until(lambda: self._faults()[len(before) :])
        return self._faults()[-1]

    def _faults(self) -> list[str]:
        lines = read_metrics(self._folder)
        return [line["fault_text"] for line in lines if line.get("fault_text")]

    def end(self) -> None:
        """End in good order, and count: what was made is what is stored, once each, in order."""
        self._ended.set()
        self.thread.join(LIMIT_S)
        assert self.error is None and not self.thread.is_alive()
        with Journal(self._folder / "journal") as journal:
            records = [decode_stored(parts)[0] for _, parts in journal.read()]
        steps = sum(isinstance(record, StepRecord) for record in records)
        assert [record.sequence for record in records] == list(range(self.sent)) and self.delivered
        assert self.dropped == 0 and steps == self.steps
        print(f"sent {self.sent}, stored {len(records)}, declared lost {self.dropped}")


@contextmanager
def acting(folder: Path, human: bool = False) -> Iterator[Acting]:
    acting = Acting(folder, human)
    acting.thread.start()
    try:
        yield acting
        acting.end()
    finally:
        acting._ended.set()
        acting.thread.join(LIMIT_S)


class Program:
    """A program that is killed, suspended and started again."""

    def __init__(self, *words: str) -> None:
        self._command = [sys.executable, "-m", *words]
        self._far = self._near = -1
        self.start()

    def start(self) -> None:
        """Start it, at a terminal of its own."""
        self._far, self._near = os.openpty()
        self.process = subprocess.Popen(self._command, stdin=self._near, stdout=subprocess.DEVNULL)

    def type(self, keys: bytes) -> None:
        os.write(self._far, keys)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for fd in {self._far, self._near} - {-1}:
            os.close(fd)
        self._far = self._near = -1


class Watcher:
    """What the arm's controller publishes."""

    def __init__(self) -> None:
        self.wire, self.status = DdsWire("watcher", "", domain_id("served")), dict[str, str]()
        self._places: list[np.ndarray] = []
        self.wire.subscribe(graph.CURRENT_POSE, self._on_pose)
        self.wire.subscribe(graph.STATUS, self._on_status)

    def _on_pose(self, message: Any) -> None:
        place = message.pose.position
        self._places.append(np.array([place.x, place.y, place.z]))

    def _on_status(self, message: Any) -> None:
        self.status = {pair.key: pair.value for pair in message.values}

    def holds(self) -> bool:
        """Return whether the arm stands for a while."""
        first = len(self._places)
        eventually(lambda: len(self._places) >= first + READINGS, LIMIT_S)
        return bool(np.ptp(self._places[first:], axis=0).max() < STILL_M)


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    flags = (SHORT, "--cameras", SERVED_CAMERA, "--image-hz", "10")
    with ServedProcess(tmp_path_factory.mktemp("served") / "log.txt", *flags) as process:
        yield process


@pytest.fixture(scope="module")
def camera(robot: ServedProcess) -> Iterator[Program]:
    program = Program("tests.nodes.camera_program", OWN_CAMERA)
    yield program
    program.kill()


@pytest.fixture
def watcher(robot: ServedProcess) -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.wire.close()


def faults(count: int) -> Sequence[signal.Signals]:
    """Return kills and suspensions in random order."""
    numbers = [signal.SIGKILL, signal.SIGSTOP] * count
    random.Random(1).shuffle(numbers)
    return numbers[:count]


def test_camera_that_is_killed_or_hangs_ends_the_episode_and_the_arm_holds(
    camera: Program, watcher: Watcher, tmp_path: Path
) -> None:
    with acting(tmp_path) as actor:
        for number in faults(COUNT):
            actor.goes_on()
            kill = number is signal.SIGKILL
            fault = camera.kill if kill else lambda: camera.process.send_signal(signal.SIGSTOP)
            assert OWN_CAMERA in actor.ends_by_a_fault(fault)
            eventually(watcher.holds)
            assert watcher.holds()
            if kill:
                camera.start()
            else:
                camera.process.send_signal(signal.SIGCONT)
        actor.goes_on()


def test_robots_process_that_is_killed_or_hangs_ends_the_episode_and_the_next_one_goes_on(
    robot: ServedProcess, camera: Program, tmp_path: Path
) -> None:
    rng = random.Random(1)
    with acting(tmp_path) as actor:
        for number in faults(COUNT):
            actor.goes_on()
            time.sleep(rng.uniform(0.0, 1.0))
            if number is signal.SIGKILL:
                assert actor.ends_by_a_fault(robot.kill)
                robot.start()
            else:
                assert actor.ends_by_a_fault(lambda: robot.process.send_signal(signal.SIGSTOP))
                robot.process.send_signal(signal.SIGCONT)
        actor.goes_on()


def test_teleoperation_node_that_is_killed_stops_the_arm_until_a_person_clears(
    robot: ServedProcess, camera: Program, watcher: Watcher, tmp_path: Path
) -> None:
    teleop = Program("robot_rl.nodes.teleop", "--robot.kind", "dds")

    def cleared() -> bool:
        teleop.type(b"c")
        time.sleep(0.5)
        return watcher.status["held"] == ""

    try:
        with acting(tmp_path, human=True) as actor:
            eventually(cleared, LIMIT_S)
            for _ in range(COUNT):
                actor.goes_on()
                teleop.kill()
                eventually(lambda: "process has ended" in watcher.status["held"])
                eventually(watcher.holds)
                before = actor.good
                teleop.start()
                time.sleep(1.0)
                assert "process has ended" in watcher.status["held"], "a stop ended by itself"
                assert watcher.holds() and actor.good <= before + 1
                eventually(cleared, LIMIT_S)
            actor.goes_on()
    finally:
        teleop.kill()
