"""The simulated robot on the graph: what it serves, whom it obeys, and that an episode over the graph is an episode."""

from collections.abc import Iterator

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl.core.errors import ConfigError, DeviceLostError, UnknownNameError
from robot_rl.envs.graph import GraphEnv
from robot_rl.hardware.graph.messages import joints_message, pose_message, twist_message
from robot_rl.hardware.graph.task_state import read_task_state
from robot_rl.nodes.served_simulation import ServeConfig
from tests.nodes.served import Served

STILL = np.zeros(7, np.float32)


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    served = Served(cameras=())
    yield served
    served.server.close()


@pytest.fixture
def served(shared: Served) -> Served:
    shared.live()
    shared.call(graph.HOLD, data=False)
    shared.call(graph.RECOVER)
    shared.call(graph.ENABLE, data=True)
    ask(shared, int(shared.clock.now_ns()) << 32 & (2**52 - 1) | 7)
    return shared


@pytest.fixture(scope="module")
def env(shared: Served) -> GraphEnv:
    return shared.env()


def ask(served: Served, reset_id: int) -> None:
    served.wire.publisher(graph.TASK_RESET).publish(served.wire.make(graph.TASK_RESET.type, data=reset_id))
    served.server.step()


def slices(served: Served, count: int) -> None:
    for _ in range(count):
        served.server.step()


def test_states_go_out_with_each_slice_and_images_at_their_rate() -> None:
    served = Served(image_hz=20.0, task="tests.nodes.served:SMALL")
    heard: dict[str, int] = dict.fromkeys(("state", "image"), 0)

    def count(name: str) -> None:
        heard[name] += 1

    served.wire.subscribe(graph.CURRENT_POSE, lambda message: count("state"))
    served.wire.subscribe(graph.image_topic("side"), lambda message: count("image"))
    slices(served, 100)
    served.server.close()
    assert heard["state"] == 100
    assert 19 <= heard["image"] <= 21


def test_same_seed_draws_the_same_scene_and_another_another(served: Served) -> None:
    ask(served, (1 << 32) + 5)
    first = served.cube()
    ask(served, (2 << 32) + 6)
    other = served.cube()
    ask(served, (3 << 32) + 5)
    np.testing.assert_allclose(served.cube()[:2], first[:2], atol=1e-4)
    assert np.abs(other[:2] - first[:2]).max() > 1e-3


def test_a_repeated_reset_request_is_carried_out_once(served: Served) -> None:
    ask(served, (9 << 32) + 5)
    served.server.simulation.data.joint("cube").qpos[0] += 0.05
    moved = served.cube()
    ask(served, (9 << 32) + 5)
    np.testing.assert_allclose(served.cube()[:2], moved[:2], atol=2e-3)


def test_task_state_names_the_last_reset_and_the_experts_goal(served: Served) -> None:
    heard = []
    served.wire.subscribe(graph.TASK_STATE, heard.append)
    ask(served, (4 << 32) + 11)
    state = read_task_state(heard[-1])
    assert state.reset_id == (4 << 32) + 11
    assert state.outcome == (False, False)
    np.testing.assert_allclose(state.T_base_goal.p[:2], served.cube()[:2], atol=1e-3)
    assert state.object_state.shape == (5,)


def test_arm_holds_without_targets_and_tracks_new_ones(served: Served, env: GraphEnv) -> None:
    env.reset(seed=1)
    env.step(STILL)
    served.server.simulation.set_finger(0.04)
    before = served.server.simulation.T_base_tcp.p
    slices(served, 100)
    assert served.server.loop.state().mode.name == "ACTIVE", "the controller holds the arm, which does not go limp"
    np.testing.assert_allclose(served.server.simulation.T_base_tcp.p, before, atol=2e-3)
    env.step(STILL)
    assert served.server.loop.state().mode.name == "ACTIVE"


def test_humans_twist_moves_the_arm_against_targets_and_lets_go_after_its_life(served: Served) -> None:
    simulation = served.server.simulation
    start = simulation.T_base_tcp
    publisher, targets = served.wire.publisher(graph.HUMAN_TWIST), served.wire.publisher(graph.TARGET_POSE)
    for _ in range(50):
        stamp_ns = served.wire.now_ns()
        publisher.publish(twist_message(served.wire, np.array([0.05, 0, 0, 0, 0, 0]), stamp_ns, graph.BASE))
        targets.publish(pose_message(served.wire, start, stamp_ns, graph.BASE))
        served.server.step()
    moved = simulation.T_base_tcp.p - start.p
    assert 0.012 < moved[0] < 0.03 and np.abs(moved[1:]).max() < 0.003
    slices(served, 30)
    targets.publish(pose_message(served.wire, start, served.wire.now_ns(), graph.BASE))
    slices(served, 20)
    assert simulation.T_base_tcp.p[0] - start.p[0] < 0.9 * moved[0]


@pytest.mark.slow
def test_emergency_stop_is_latched_over_resets_until_the_arm_is_enabled(served: Served, env: GraphEnv) -> None:
    env.reset(seed=1)
    assert served.call(graph.ESTOP)[0]
    _, _, terminated, truncated, info = env.step(STILL)
    assert (terminated, truncated) == (False, True) and "emergency stop" in info["fault"]
    with pytest.raises(DeviceLostError, match="emergency stop"):
        env.reset(seed=2)
    done, text = served.call(graph.ENABLE, data=True)
    assert not done and "recover" in text, "refused while the stop is latched"
    assert served.call(graph.RECOVER)[0]
    assert served.call(graph.ENABLE, data=True)[0]
    env.reset(seed=3)
    assert env.step(STILL)[4]["fault"] == ""


def test_held_pose_outranks_targets(served: Served) -> None:
    simulation = served.server.simulation
    start = simulation.T_base_tcp
    assert served.call(graph.HOLD, data=True)[0]
    goal = start._replace(p=start.p + np.array([0.02, 0.0, 0.0]))
    for _ in range(30):
        targets = served.wire.publisher(graph.TARGET_POSE)
        targets.publish(pose_message(served.wire, goal, served.wire.now_ns(), graph.BASE))
        served.server.step()
    np.testing.assert_allclose(simulation.T_base_tcp.p, start.p, atol=1e-3)


def test_first_step_after_a_reset_is_as_long_as_the_others(served: Served, env: GraphEnv) -> None:
    env.reset(seed=1)
    for _ in range(3):
        assert 90.0 <= env.step(STILL)[4]["timing"]["act_to_obs_ms"] <= 110.0


@pytest.mark.slow
def test_expert_wins_over_the_graph(served: Served, env: GraphEnv) -> None:
    wins = 0
    for seed in range(3):
        env.reset(seed=seed)
        while True:
            _, reward, terminated, truncated, info = env.step(env.expert_action())
            if terminated or truncated:
                break
        wins += info["success"] and reward == 1.0
    assert wins >= 2


def test_dead_server_ends_the_episode_within_the_bound_and_a_restarted_one_continues(
    served: Served, env: GraphEnv
) -> None:
    obs, _ = env.reset(seed=1)
    obs, *_ = env.step(STILL)
    served.die()
    stamp_ns = env.cell.robots[""].state().stamp_ns
    truncated, steps = False, 1
    while not truncated:
        age_ms = (served.clock.now_ns() - stamp_ns) / 1e6
        assert age_ms < 150.0, "stale observations were used"
        last, reward, terminated, truncated, info = env.step(np.ones(7, np.float32))
        obs, steps = (obs if truncated else last), steps + 1
    assert (reward, terminated) == (0.0, False)
    assert "old" in info["fault"] and info["episode"]["l"] == steps
    np.testing.assert_array_equal(last["state"], obs["state"])
    with pytest.raises(DeviceLostError, match=r"task/state: got nothing for 5.0 s.*robot-rl serve"):
        env.reset(seed=2)
    served.live()
    env.reset(seed=3)
    assert env.step(STILL)[3] is False


def test_late_server_skips_slices_and_counts_them(served: Served) -> None:
    server = served.server
    before = server.missed
    served.clock.advance(0.055)
    served.server.step()
    assert server.missed - before in (4, 5)
    missed = server.missed
    slices(served, 5)
    assert server.missed == missed


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"task": "pick-lft"}, UnknownNameError),
        ({"cameras": ("wrst",)}, UnknownNameError),
        ({"image_hz": 0}, ConfigError),
    ],
)
def test_wrong_settings_are_refused(setting: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        ServeConfig(**setting)  # type: ignore[arg-type]


def test_an_emergency_stop_stops_the_fingers_in_their_motion_until_it_is_cleared(served: Served) -> None:
    gripper = served.server.controller.fingers
    assert gripper is not None

    def send(finger_m: float) -> None:
        message = joints_message(served.wire, [graph.FINGER_JOINT], np.array([finger_m]), served.wire.now_ns())
        served.wire.publisher(graph.GRIPPER_TARGET).publish(message)

    send(0.04)
    slices(served, 100)
    send(0.0)
    slices(served, 5)
    assert gripper.gripper.state().moving
    served.call(graph.ESTOP)
    slices(served, 20)
    stopped_m = gripper.gripper.state().width_m
    assert 0.005 < stopped_m < 0.075
    send(0.0)
    slices(served, 50)
    assert gripper.gripper.state().width_m == pytest.approx(stopped_m, abs=2e-3)
    served.call(graph.RECOVER)
    slices(served, 20)
    send(0.04)
    slices(served, 100)
    assert gripper.gripper.state().width_m > 0.075
