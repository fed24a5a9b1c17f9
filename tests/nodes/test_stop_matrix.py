"""Every stop ends the motion of the served arm within 100 ms, whatever it does, and nothing moves before the clear.

The whole matrix in one process, on one clock that the test moves; `test_stop_matrix_served.py` runs it over real wires.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from controllers.ros import graph
from controllers.ros.stops import STOP_AFTER_S
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.teleop.devices.ros import GraphDevice
from tests.hardware.graph.memory_wire import MemoryWire
from tests.nodes.served import Served
from tests.nodes.stop_scene import ARM, FAULT_TOPIC, STILL_M_PER_S, STOPPED_SLICES, Scene, SceneClock
from tests.nodes.stop_states import SOURCES, STATES, policy_acts, presses_key, records, stop

HELD_SLICES = 40
"""Of an arm whose source is late: the hold is as compliant as the motion."""


class MemoryScene(Scene):
    """The scene in this process."""

    def __init__(self) -> None:
        self.served = Served(cameras=(), topics=(FAULT_TOPIC,))
        server, memory = self.served.server, self.served.graph
        super().__init__(
            lambda name, space: MemoryWire(memory, space), server.simulation.task, self.served.clock, server.step
        )


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    scene = MemoryScene()
    yield scene
    scene.close()


@pytest.fixture
def cleared(scene: MemoryScene) -> MemoryScene:
    scene.clear()
    return scene


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("state", STATES)
def test_a_stop_ends_the_motion_and_nothing_moves_before_the_clear(scene: Scene, source: str, state: str) -> None:
    assert stop(scene, source, state) <= STOPPED_SLICES


@pytest.mark.parametrize("state", ["policy acts", "human acts", "resets"])
def test_without_a_stop_the_arm_goes_on(cleared: Scene, state: str) -> None:
    STATES[state](cleared)
    start_ns = cleared.policy.now_ns()
    cleared.run(0.2)
    assert cleared.slices_moved(start_ns) > STOPPED_SLICES


@pytest.mark.parametrize("state", ["policy acts", "human acts"])
def test_the_arm_moves_to_the_middle_of_the_workspace(cleared: Scene, state: str) -> None:
    """At the workspace's edge, where it would be after some cases otherwise, nothing moves it."""
    start, leading = cleared.place(), STATES[state](cleared)
    leading()
    assert (cleared.place() - start)[1] * start[1] < 0.0


def test_a_key_that_is_not_wired_to_the_stop_fails_the_matrix(cleared: Scene) -> None:
    cleared.wired = False
    go_on, event_ns = policy_acts(cleared), cleared.policy.now_ns()
    presses_key(cleared)
    go_on()
    cleared.wired = True
    assert cleared.slices_moved(event_ns) > STOPPED_SLICES


@pytest.mark.parametrize("state", ["policy acts", "human acts", "resets"])
def test_an_arm_whose_supervisor_is_late_holds_and_goes_on(cleared: Scene, state: str) -> None:
    STATES[state](cleared)
    event_ns, cleared.lives["teleop"] = cleared.policy.now_ns(), False
    cleared.run(0.6)
    assert cleared.slices_moved(event_ns) <= HELD_SLICES and not cleared.stopped
    assert "teleop" in cleared.status["held"]
    cleared.lives["teleop"], back_ns = True, cleared.policy.now_ns()
    cleared.run(0.4)
    assert bool(cleared.slices_moved(back_ns)) == (state == "policy acts"), (
        "a dead-man that is still held moves nothing"
    )
    cleared.human_moves = False
    cleared.run(0.4)
    cleared.human_moves = state == "human acts"
    STATES["human acts" if cleared.human_moves else "policy acts"](cleared)
    assert not cleared.stopped


def test_a_cut_wire_of_the_reports_stops_the_arm(cleared: MemoryScene) -> None:
    policy_acts(cleared)
    event_ns = cleared.policy.now_ns()
    cleared.served.graph.muted.add(graph.STOP.name)
    cleared.run(STOP_AFTER_S + 0.1)
    cleared.served.graph.muted.clear()
    assert cleared.stopped and cleared.slices_moved(event_ns) <= HELD_SLICES


def test_two_stops_are_independent(cleared: Scene) -> None:
    cleared.type(b"x")
    cleared.peer = cleared.peer._replace(why="~/estop")
    cleared.run(0.1)
    done, text = cleared.call(graph.RECOVER)
    assert not done and "stop pressed" in text and "~/estop" in text
    cleared.type(b"c")
    cleared.run(0.1)
    done, text = cleared.call(graph.RECOVER)
    assert not done and "stop pressed" not in text and "~/estop" in text


def test_a_clear_lifts_the_stop_of_a_killed_program_only_the_second_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a teleoperation node that was started after the killed one."""
    with ThreadPoolExecutor(1) as pool:
        jobs: list[Future[None]] = []
        monkeypatch.setattr(scene, "release", lambda job: jobs.append(pool.submit(job)))
        scene.clear()
        scene.end("teleop")
        scene.run(0.1)
        killed = scene.status["stopped by"]
        scene.join()
        stopped = []
        for presses in (1, 2):
            scene.type(b"c")
            scene.until(lambda: len(jobs) == presses and jobs[-1].done())  # noqa: B023
            stopped.append(scene.status["stopped by"])
    assert stopped == [killed, ""] and killed


def test_an_actor_waits_for_its_late_human_and_ends_its_episode_when_that_is_lost(cleared: Scene) -> None:
    records(cleared)
    stepper = Stepper(
        Rollout(cleared.env, None, human=cleared.human, clock=SceneClock(cleared)), np.random.default_rng(0)
    )
    stepper.begin(0)
    cleared.lives["teleop"] = False
    lasting = [not stepper.step().last for _ in range(6)]
    assert all(lasting), "it is late"
    assert any(stepper.step().last for _ in range(8)), "it is lost"


def test_an_actor_stands_before_the_first_message_of_its_human(cleared: Scene) -> None:
    clock = SceneClock(cleared)
    elsewhere = GraphDevice(MemoryWire(cleared.served.graph, "elsewhere"), ARM, clock)
    stepper = Stepper(Rollout(cleared.env, None, human=elsewhere, clock=clock), np.random.default_rng(0))
    assert stepper.read_between_episodes()
    stepper.begin(0)
    start_ns = cleared.policy.now_ns()
    step = stepper.step()
    assert step.truncated and not step.decision.action.any()
    assert max(cleared.speeds_after(start_ns)[STOPPED_SLICES:], default=0.0) < STILL_M_PER_S
