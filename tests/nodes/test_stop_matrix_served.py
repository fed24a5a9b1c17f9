"""The stop matrix over real wires, with the served arm in a process of its own: plain DDS, and rclpy where ROS is.

Times are those of the arm: its published states from the event's arrival at the sender on, each 10 ms of its own clock.
What they are is printed (`-s`).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from controllers.ros import graph
from robot_rl import build_graph
from robot_rl.core.clock import SystemClock
from robot_rl.hardware.robot_config import RobotConfig
from robot_rl.tasks.pick_lift import TASK
from tests.end_to_end.served_process import KINDS, ServedProcess, available
from tests.nodes.stop_scene import FAULT_TOPIC, STOPPED_SLICES, Scene
from tests.nodes.stop_states import SOURCES, STATES, policy_acts, stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MOMENT_S = 0.002


@pytest.fixture(scope="module", params=KINDS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    kind = available(request.param)
    flags = ("pick-lift", "--topics", FAULT_TOPIC, "--cameras")
    with ServedProcess(tmp_path_factory.mktemp("served") / "log.txt", *flags, kind=kind):
        scene = Scene(
            lambda name, space: build_graph.make_wire(RobotConfig(kind=kind, namespace=space), name),
            TASK,
            SystemClock(),
            lambda: time.sleep(MOMENT_S),
            kind,
        )
        yield scene
        scene.close()


@pytest.fixture(scope="module")
def slices(scene: Scene) -> Iterator[list[int]]:
    """States until the arm stood, of all cases."""
    slices: list[int] = []
    yield slices
    print(f"\nstates of 10 ms from the event to the end of the motion: {np.sort(slices).tolist()}")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("state", STATES)
def test_a_stop_ends_the_motion_and_nothing_moves_before_the_clear(
    scene: Scene, slices: list[int], source: str, state: str
) -> None:
    tries = [stop(scene, source, state)]
    if tries[0] > STOPPED_SLICES:  # a busy machine may keep the sender's message from the controller
        tries += [stop(scene, source, state) for _ in range(2)]
    slices += tries
    assert min(tries) <= STOPPED_SLICES and max(tries) <= 3 * STOPPED_SLICES


@pytest.fixture
def teleop(scene: Scene) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A teleoperation node in a process of its own, at a terminal of its own, and the name of its reports."""
    scene.clear()
    scene.direct_to(None)
    sources: set[str] = set()
    scene.policy.subscribe(graph.STOP, lambda message: sources.add(str(message.name)))
    far, near = os.openpty()
    words = ["-m", "robot_rl.nodes.teleop", "--robot.kind", scene.kind]
    process = subprocess.Popen([sys.executable, *words], stdin=near, stdout=subprocess.DEVNULL)
    mine = scene.stop.source
    scene.until(lambda: {name for name in sources if name.startswith("teleop-")} - {mine}, 120.0)
    yield process, next(name for name in sources if name.startswith("teleop-") and name != mine)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for fd in (far, near):
        os.close(fd)


def test_a_suspended_teleoperation_node_holds_the_arm_and_a_killed_one_stops_it(
    scene: Scene, slices: list[int], teleop: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, source = teleop
    policy_acts(scene)
    process.send_signal(signal.SIGSTOP)
    scene.until(lambda: source in scene.status["held"])
    process.send_signal(signal.SIGCONT)
    scene.until(lambda: scene.status["held"] == "")
    scene.await_motion()
    assert not scene.stopped, "the policy goes on"
    event_ns = scene.policy.now_ns()
    process.send_signal(signal.SIGKILL)
    scene.until(lambda: scene.stopped)
    assert scene.status["stopped by"] == source and "process has ended" in scene.status["held"]
    scene.run(0.2)
    slices.append(scene.slices_moved(event_ns))
