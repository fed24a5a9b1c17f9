"""The first day with an arm, command by command as docs/first-arm.md has it: its files, people and steps."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from controllers.ros import graph
from robot_rl.core.clock import SystemClock
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.hardware.graph.messages import read_status
from robot_rl.hardware.graph.robot import GraphRobot, GraphRobotConfig
from robot_rl.hardware.robot import RobotState
from robot_rl.tasks import find_task
from robot_rl.tasks.poses import read_poses
from tests.domains import domain_id
from tests.nodes.controller_program import Program
from tests.processes import launched
from tests.trainings import SMALL_AGENT
from tests.waiting import eventually

PERIOD_S = 0.1
STILL_M = 2e-3
FOLLOW_S = 30.0
TIMEOUT_S = 400.0

REFLEXIVE = '''
"""A simulated arm with a reflex whenever the file `reflex` appears."""
import time
from pathlib import Path

from robot_rl.sim.driver import SimulatedDriver, SimulatedFault

REFLEX = Path(__file__).with_name("reflex")
RECOVERY_S = 0.8  # franka_ros, issue 317: 0.4 to 3.1 s


class Reflexive(SimulatedDriver):
    WATCHDOG_S = 1.0  # the arm shares a busy machine with its controller

    def read(self):
        if REFLEX.exists():
            REFLEX.unlink()
            self.inject(SimulatedFault.REFLEX)
        return super().read()

    def recover(self):
        time.sleep(RECOVERY_S)
        super().recover()
'''
STICKY = '''
"""A gripper that refuses to move while the file `stuck` is there."""
from pathlib import Path

from controllers.drivers.grippers.contract import GripperError
from controllers.drivers.grippers.simulated import SimulatedGripper

STUCK = Path(__file__).with_name("stuck")


class Sticky(SimulatedGripper):
    def move(self, command):
        if STUCK.exists():
            raise GripperError("gripper: got no motion, expected one; free the fingers.")
        super().move(command)
'''
TASK = """
name = "press"
text = "move down for a second, as onto a button"
time_limit_s = 4.0
rewards = ["human-label"]
cameras = {}

[arm.gripper]

[arm.workspace]
lower_m = [0.35, -0.15, 0.05]
upper_m = [0.65, 0.15, 0.60]

[arm.start]
position_m = [0.45, 0.0, 0.30]
range_m = [0.02, 0.02, 0.02]
"""
PERSON = '''
"""A person who moves the tool down for a second, labels success, and has the next scene ready a moment later."""
import time

import numpy as np

from robot_rl.teleop.device import DeviceState

PUSH_S, READY_S, CLEAR_S = 1.2, 1.6, 5.0


class Person:
    def __init__(self, size):
        self.size, self.cleared_s = size, time.monotonic()
        self.reset()

    @classmethod
    def open(cls, context):
        return cls(context.layout.size)

    def reset(self):
        self.since_s, self.labelled = time.monotonic(), False

    def read(self, proposed=None):
        age_s = time.monotonic() - self.since_s
        labels = () if self.labelled or age_s < PUSH_S else ("success",)
        self.labelled = self.labelled or bool(labels)
        if cleared := time.monotonic() - self.cleared_s > CLEAR_S:  # the stop of a computer that was too busy
            self.cleared_s = time.monotonic()
        action = np.zeros(self.size, np.float32)
        action[2] = 0.5
        return DeviceState(action, age_s < PUSH_S, labels, cleared=cleared, ready=age_s > READY_S)

    def close(self):
        pass
'''
ON_THE_GRAPH = (
    "--robot.episode-source", "operator", "--robot.wrench", "estimate",
    "--robot.reset-timeout-s", "120",
    "--robot.state-age-ms", "2000", "--robot.reaction-ms", "2000",
)  # fmt: skip


class Day:
    """One arm's first day, in a folder with its files."""

    def __init__(self, folder: Path, arm: str, ros_environment: dict[str, str] | None = None) -> None:
        self.folder, self.kind = folder, "dds" if ros_environment is None else "ros"
        self.environment = ros_environment or {**os.environ, "ROS_DOMAIN_ID": str(domain_id("first-day"))}
        files = {
            "arm.yaml": arm,
            "reflexive.py": REFLEXIVE,
            "sticky.py": STICKY,
            "press.toml": TASK,
            "person.py": PERSON,
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    def command(self, *words: str, code: int | None = 0) -> str:
        """Run a command of the package to its end; `code` None: whatever it returns."""
        done = subprocess.run(
            [sys.executable, "-m", "robot_rl", *words], cwd=self.folder, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=False, env=self.environment,
        )  # fmt: skip
        assert code in (None, done.returncode), done.stdout + done.stderr + (self.folder / "controller.txt").read_text()
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def robot(self) -> Iterator[GraphRobot]:
        """A client of the arm."""
        config = GraphRobotConfig("estimate", age_max_s=2.0, start_timeout_s=60.0)
        robot = GraphRobot(DdsWire("client", "", domain_id("first-day")), SystemClock(), config)
        try:
            yield robot
        finally:
            robot.close()


class Operator:
    """Services and status of the controller."""

    def __init__(self) -> None:
        self.wire = DdsWire("operator", "", domain_id("first-day"))
        self.status, self.modes = "", [""]
        self.history: list[tuple[float, str, str]] = []
        self.wire.subscribe(graph.STATUS, self._on_status)

    def _on_status(self, message: object) -> None:
        self.status = str(read_status(message))
        self.modes += [pair.value for pair in message.values if pair.key == "mode"]  # type: ignore[attr-defined]
        self.history.append((time.monotonic(), self.modes[-1], self.status))

    def call(self, service: graph.Service, **fields: object) -> None:
        """Call a service, which must succeed."""
        done, text = self.wire.call(service, 60.0, **fields)
        assert done, text

    def close(self) -> None:
        self.wire.close()


@contextlib.contextmanager
def operator() -> Iterator[Operator]:
    person = Operator()
    try:
        yield person
    except BaseException:
        print(*person.history, sep="\n")
        raise
    finally:
        person.close()


def resumed(person: Operator, program: Program) -> None:
    """A person recovers the arm, again until it is ready; or starts its controller again, where that has ended."""

    def tried() -> bool:
        time.sleep(0.5)
        if program.process.poll() is not None:
            assert "the loop's process has ended" in program.text(), program.text()
            program.start()
            program.wait_for("is enabled")
            return True
        recovered, _ = person.wire.call(graph.RECOVER, 15.0)
        enabled, _ = person.wire.call(graph.ENABLE, 30.0, data=True)
        return recovered and enabled

    eventually(tried, 150.0)


def follows(robot: GraphRobot, dz_m: float) -> bool:
    """Whether the arm moves by a height when it is commanded, within some seconds.

    Raises:
        AssertionError: it does not; with all that the client saw meanwhile.
    """
    start = eventually(lambda: (state := robot.wait(PERIOD_S)).fault == "" and state).T_base_tcp
    end_s, seen = time.monotonic() + FOLLOW_S, []
    while time.monotonic() < end_s:
        robot.command(Pose(start.p + np.array([0.0, 0.0, dz_m]), start.R), 0.04)
        state = robot.wait(PERIOD_S)
        if abs(state.T_base_tcp.p[2] - start.p[2] - dz_m) < 0.3 * abs(dz_m):
            return True
        seen.append((round(float(state.T_base_tcp.p[2] - start.p[2]), 4), state.fault))
    raise AssertionError(f"from {start.p}: {seen[:3]} ... {seen[-3:]}; {robot.problems()}; {robot.timings()}")


def rests(robot: GraphRobot) -> bool:
    """Whether the arm has come to rest: a quarter of `STILL_M` at most in three periods."""
    start = robot.wait(PERIOD_S).T_base_tcp.p
    return bool(np.linalg.norm(robot.wait(3 * PERIOD_S).T_base_tcp.p - start) < STILL_M / 4)


def stays(robot: GraphRobot, dz_m: float, steps: int = 10) -> bool:
    """Whether the arm stays where it is although it is commanded.

    Raises:
        AssertionError: it does not; with its ways from the start.
    """
    start, seen = robot.wait(PERIOD_S).T_base_tcp, []
    for _ in range(steps):
        robot.command(Pose(start.p + np.array([0.0, 0.0, dz_m]), start.R), 0.04)
        seen.append(robot.wait(PERIOD_S).T_base_tcp.p - start.p)
    ways_mm = np.round(1e3 * np.array(seen), 2)
    assert np.linalg.norm(ways_mm, axis=1).max() < 1e3 * STILL_M, f"[mm] each {PERIOD_S} s: {ways_mm.tolist()}"
    return True


def morning(day: Day) -> None:
    """Look at the graph, go home, move by hand of a client."""
    assert "topics" in (text := day.command("doctor", "ros")) and "missing" not in text.replace("ROS", "")
    with operator() as person, day.robot() as robot:
        assert follows(robot, -0.04), person.status
        robot.wait(1.0)  # the client's targets expire
        assert "home: done" in day.command("call", "home")


def recording(day: Day, episodes: int) -> None:
    """Record demonstrations."""
    recorded = day.command(
        "record", "press.toml", "--out", "demos", "--episodes", str(episodes), "--by", "person.py:Person",
        "--robot.kind", day.kind, *ON_THE_GRAPH,
    )  # fmt: skip
    assert f"{episodes} demonstrations in demos" in recorded


def training(day: Day, demonstrations: int = 3, env_steps: int = 120) -> None:
    """Record demonstrations, and train on them for some episodes."""
    recording(day, demonstrations)
    trained = day.command(
        "train", "press.toml", "--demonstrations-from", "demos", "--human.kind", "person.py:Person", "--minutes", "5",
        "--env-steps", str(env_steps), "--evaluation.episodes", "1", "--run-name", "first", *SMALL_AGENT,
        "--robot.kind", day.kind, *ON_THE_GRAPH,
    )  # fmt: skip
    assert "training ended (budget)" in trained
    result = json.loads((day.folder / "runs/first/evaluation/summary.json").read_text(encoding="utf-8"))
    assert (result["episodes"], result["faults"]) == (1, 0)


def stop_is_latched(day: Day) -> None:
    """An emergency stop holds the arm, also against a client that goes on, until a person clears it."""
    with operator() as person, day.robot() as robot:
        assert follows(robot, 0.02)
        person.call(graph.ESTOP)
        eventually(lambda: rests(robot))  # damped from the motion's speed
        assert stays(robot, 0.05)
        day.command("call", "recover")
        assert stays(robot, 0.05)
        day.command("call", "enable")
        assert follows(robot, 0.03)


def gripper_is_stuck(day: Day) -> None:
    """Fingers that do not move are named, and the arm goes on; when they are free again, they move."""
    (day.folder / "stuck").touch()
    with operator() as person, day.robot() as robot:

        def grips(done: Callable[[RobotState], bool]) -> None:
            def tried() -> bool:
                robot.command(robot.wait(PERIOD_S).T_base_tcp, 0.0)
                return done(robot.wait(PERIOD_S))

            eventually(tried)

        grips(lambda state: "no motion" in person.status)
        assert follows(robot, -0.04), person.status
        (day.folder / "stuck").unlink()
        grips(lambda state: state.finger_m < 0.005)


def guiding(day: Day, moved: Callable[[], None]) -> None:
    """Guide the arm by hand between two poses, and make them the workspace of the task."""
    guided(day, moved)
    (day.folder / "guided.toml").write_text(TASK, encoding="utf-8")
    day.command("guide", "poses.toml", "--task", "guided.toml", "--no-record")
    day.command("task", "check", "guided.toml")
    task = find_task(str(day.folder / "guided.toml"))
    for pose in read_poses(day.folder / "poses.toml").values():
        assert (np.array(task.arm.workspace.lower_m) < pose.position_m).all()
        assert (np.array(task.arm.workspace.upper_m) > pose.position_m).all()


def guided(day: Day, moved: Callable[[], None]) -> None:
    """Guide the arm by hand between two poses."""
    with operator() as person:  # at rest, at home
        eventually(lambda: person.modes[-1] in ("ACTIVE", "HOLDING"))
    words = [sys.executable, "-m", "robot_rl", "guide", "poses.toml", "--robot.kind", day.kind]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with launched(words, cwd=day.folder, env=day.environment, **pipes) as guide:
        assert "NAME and Enter" in guide.stdout.readline()
        for name in ("start", "side"):
            guide.stdin.write(f"{name}\n")
            guide.stdin.flush()
            assert guide.stdout.readline().startswith(f"{name}: [")
            if name == "start":
                moved()
        guide.stdin.write("\n")
        guide.stdin.flush()
        assert "2 poses; the arm holds" in guide.stdout.read()
    assert guide.returncode == 0
    poses = read_poses(day.folder / "poses.toml")
    way = np.subtract(poses["side"].position_m, poses["start"].position_m)
    assert np.linalg.norm(way) > 0.02, way
