"""What the environment refuses to use, and what it says about it."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, NonFiniteActionError, StaleObservationError
from robot_rl.core.pose import Pose, gripper_down
from robot_rl.core.tasks import ArmTask, GripperRange, TaskCamera
from robot_rl.envs.episodes import Workcell
from robot_rl.envs.graph import Bounds, GraphEnv, check_stamps
from robot_rl.envs.operator_episodes import Hear, OperatorEpisodes, distance, straight
from robot_rl.envs.protocol import robot_environment
from robot_rl.hardware.cameras.camera import Frame
from robot_rl.hardware.robot import RobotState
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.testing import FakeClock
from tests.hardware.graph.memory_wire import Graph, MemoryWire

MS = 1_000_000
BOUNDS = Bounds(100.0, 200.0, 150.0)


@given(st.integers(0, 400), st.integers(0, 400))
def test_observation_is_refused_exactly_beyond_its_bounds(state_age_ms: int, image_age_ms: int) -> None:
    now_ns = 10_000 * MS
    good = state_age_ms <= 100 and image_age_ms <= 200 and abs(state_age_ms - image_age_ms) <= 150
    stamps = {"wrist": now_ns - image_age_ms * MS}
    if good:
        check_stamps(now_ns - state_age_ms * MS, stamps, now_ns, BOUNDS)
        return
    with pytest.raises(StaleObservationError, match="the arm holds"):
        check_stamps(now_ns - state_age_ms * MS, stamps, now_ns, BOUNDS)


class Arm:
    """Reaches its target at once; its states are `late_ms` old."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.late_ms, self.fault = clock, 10, ""
        self.T = gripper_down(np.array([0.5, 0.0, 0.15]))
        self.commands: list[Pose] = []
        self.fingers_m: list[float | None] = []

    def command(self, T_base_target: Pose, finger_m: float | None) -> None:
        self.commands.append(T_base_target)
        self.fingers_m.append(finger_m)
        self.T = T_base_target

    def wait(self, period_s: float) -> RobotState:
        self.clock.advance(period_s)
        return self.state()

    def state(self) -> RobotState:
        stamp_ns = self.clock.now_ns() - self.late_ms * MS
        return RobotState(self.T, np.zeros(6), np.zeros(6), 0.04, self.fault, stamp_ns)

    def close(self) -> None: ...


class Eye:
    """A camera that is `late_ms` behind; its image shows how far."""

    height = width = 4

    def __init__(self, name: str, clock: FakeClock) -> None:
        self.name, self.clock, self.late_ms = name, clock, 20

    def read(self) -> Frame:
        return Frame(np.full((4, 4, 3), self.late_ms % 256, np.uint8), self.clock.now_ns() - self.late_ms * MS)

    def close(self) -> None: ...


class Bench:
    """An environment over parts whose lateness the test sets."""

    def __init__(self, arm: ArmTask = PICK_LIFT.arm) -> None:
        self.clock = FakeClock(5.0)
        self.arm, self.eye, self.said = Arm(self.clock), Eye("wrist", self.clock), list[str]()
        task, robots = replace(PICK_LIFT, arms={"": arm}, cameras={"wrist": TaskCamera(4, 4)}), {"": self.arm}
        self.episodes = OperatorEpisodes(task, robots, self.ask)
        cell = Workcell(task, robots, {"wrist": self.eye}, self.episodes)
        self.env = GraphEnv(cell, MemoryWire(Graph(self.clock)), self.clock, BOUNDS)

    def ask(self, text: str, hear: Hear) -> None:
        self.said.append(text)
        hear(("failure",))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_arm_on_the_graph_counts_as_one_in_real_time(bench: Bench) -> None:
    assert robot_environment(bench.env).real_time
    assert bench.env.metrics() == {"force_peak_n": 0.0, "force_mean_n": 0.0, "guard_steps": 0}  # none of the graph's


def test_operator_reads_which_scene_is_wanted(bench: Bench) -> None:
    bench.env.reset(seed=0)
    bench.episodes.wanted = ", as it was in episode 3, which failed"
    bench.env.reset(seed=0)
    asked = "pick-lift: set the scene for the next episode"
    assert bench.said == [f"{asked}.", f"{asked}, as it was in episode 3, which failed."]


def test_good_steps_carry_their_timing(bench: Bench) -> None:
    bench.env.reset(seed=0)
    _, _, _, truncated, info = bench.env.step(np.zeros(7))
    assert not truncated
    assert info["timing"] == {
        "state_age_ms": 10.0, "image_age_ms": 20.0, "skew_ms": 10.0, "reaction_ms": 10.0, "act_to_obs_ms": 100.0,
    }  # fmt: skip


@pytest.mark.parametrize("part", ["arm", "eye"])
def test_stale_part_ends_the_episode_with_the_last_good_observation(bench: Bench, part: str) -> None:
    bench.env.reset(seed=0)
    good, *_ = bench.env.step(np.zeros(7))
    getattr(bench, part).late_ms = 300
    obs, reward, terminated, truncated, info = bench.env.step(np.ones(7))
    assert (reward, terminated, truncated, info["success"]) == (0.0, False, True, False)
    assert "300 ms old" in info["fault"] and "episode" in info
    for name in good:
        np.testing.assert_array_equal(obs[name], good[name])


def test_action_that_comes_too_late_is_not_sent(bench: Bench) -> None:
    bench.env.reset(seed=0)
    bench.clock.advance(0.4)
    before = len(bench.arm.commands)
    _, _, _, truncated, info = bench.env.step(np.ones(7))
    assert truncated and "computed from an observation 410 ms old" in info["fault"]
    assert len(bench.arm.commands) == before
    bench.env.reset(seed=1)
    assert not bench.env.step(np.ones(7))[3]


def test_fault_of_the_arm_is_reported_verbatim(bench: Bench) -> None:
    bench.env.reset(seed=0)
    bench.arm.fault = "the user stop is pressed"
    assert bench.env.step(np.zeros(7))[4]["fault"] == "the user stop is pressed"


def test_non_finite_action_moves_nothing(bench: Bench) -> None:
    bench.env.reset(seed=0)
    before = len(bench.arm.commands)
    with pytest.raises(NonFiniteActionError):
        bench.env.step(np.full(7, np.nan))
    assert len(bench.arm.commands) == before


def test_operator_is_prompted_when_the_arm_is_at_a_start(bench: Bench) -> None:
    bench.arm.T = gripper_down(np.array([0.6, 0.1, 0.05]), 0.5)
    heard: list[str] = []
    bench.episodes.hear = heard.extend
    bench.env.reset(seed=3)
    assert bench.said == ["pick-lift: set the scene for the next episode."]
    assert heard == ["failure"]
    off_m = np.abs(bench.arm.T.p - PICK_LIFT.arm.start.position_m)
    assert np.all(off_m <= np.array(PICK_LIFT.arm.start.range_m) + 1e-9)
    lowest = min(T.p[2] for T in bench.arm.commands if np.abs(T.p[:2] - [0.6, 0.1]).max() > 1e-6)
    assert lowest >= bench.arm.T.p[2] - 1e-9, "it rises before it moves aside"


@pytest.mark.parametrize("reset", ["rise_first", "open_first"])
def test_fingers_open_after_the_arm_has_risen_unless_the_task_lets_go_first(reset: Any) -> None:
    gripper = replace(PICK_LIFT.arm.gripper or GripperRange(), reset=reset)
    bench = Bench(replace(PICK_LIFT.arm, gripper=gripper))
    bench.arm.T = gripper_down(np.array([0.5, 0.0, 0.03]))
    bench.env.reset(seed=3)
    first = next(i for i, finger_m in enumerate(bench.arm.fingers_m) if finger_m is not None)
    if reset == "open_first":
        assert first == 0 and bench.arm.commands[0].p[2] == 0.03
    else:
        assert min(T.p[2] for T in bench.arm.commands[first:]) >= bench.arm.T.p[2] - 1e-9
    assert bench.arm.fingers_m[-1] == gripper.start_m


def test_reset_of_an_arm_without_a_gripper_commands_no_fingers() -> None:
    bench = Bench(replace(PICK_LIFT.arm, gripper=None))
    bench.env.reset(seed=3)
    assert set(bench.arm.fingers_m) == {None}


def test_way_is_slow_enough_and_ends_at_the_goal() -> None:
    start, goal = gripper_down(np.array([0.4, 0.1, 0.05]), 1.0), gripper_down(np.array([0.5, 0.0, 0.2]))
    poses = [start, *straight(start, goal)]
    for one, other in pairwise(poses):
        step_m, step_rad = distance(one, other)
        assert step_m <= 0.01 + 1e-9 and step_rad <= 0.05 + 1e-9
    assert max(distance(poses[-1], goal)) < 1e-6


def test_real_arm_has_no_expert_and_no_truth(bench: Bench) -> None:
    assert bench.episodes.outcome() == (False, False)
    with pytest.raises(ConfigError, match="teleop"):
        bench.env.expert_action()


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"state_age_ms": 0.0}, "state_age_ms: got 0.0, expected more than 0"),
        ({"kind": "simulated", "episode_source": "operator"}, "episode_source: got 'operator' with the simulated arm"),
    ],
)
def test_invalid_settings_are_refused(setting: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        RobotConfig(**setting)  # type: ignore[arg-type]
