"""States of the arm and sources of a stop, as the stop matrix combines them."""

import os
from collections.abc import Callable

import numpy as np

from controllers.arm import Mode
from controllers.ros import graph
from controllers.ros.stops import StopReport
from robot_rl.hardware.graph.messages import joints_message
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.teleop.device import DeviceState
from tests.nodes.stop_scene import AFTER_S, STILL_M_PER_S, STOPPED_SLICES, Scene, SceneClock

# States of the arm: each returns what goes on after the event, for `AFTER_S`


def policy_acts(scene: Scene) -> Callable[[], None]:
    scene.moves = scene.stream_targets
    scene.await_motion()
    return lambda: scene.run(AFTER_S)


def human_acts(scene: Scene) -> Callable[[], None]:
    scene.direct_to(scene.task.arm)
    scene.human_moves = True
    scene.await_motion()  # seen also where the status is late and the arm stands at the edge already
    scene.until(lambda: scene.status["charge"] == "human")
    return lambda: scene.run(AFTER_S)


def idle(scene: Scene) -> Callable[[], None]:
    scene.run(0.1)
    return lambda: scene.run(AFTER_S)


def resets(scene: Scene) -> Callable[[], None]:
    names, q = scene.q[0], scene.q[1].copy()
    q[0] -= 0.3 * np.copysign(1.0, scene.place()[1])  # about the vertical, to the middle of the workspace

    def starts() -> bool:  # a message that a busy machine delivers late is refused
        message = joints_message(scene.policy, names, q, scene.policy.now_ns())
        scene.policy.publisher(graph.JOINT_MOTION).publish(message)
        scene.run(0.2)
        return scene.mode_is(Mode.JOINT_MOTION)

    scene.until(starts)
    return lambda: scene.run(AFTER_S)


def recovers(scene: Scene) -> Callable[[], None]:
    policy_acts(scene)
    scene.run(0.3)  # a path to retrace
    scene.moves = lambda: None
    scene.inject(True)
    scene.until(lambda: scene.mode_is(Mode.RECOVERING))
    scene.run(0.1)
    return lambda: scene.run(AFTER_S)


def records(scene: Scene) -> Callable[[], None]:
    """A demonstration: the actor's loop executes and records what the human does at the teleoperation node."""
    env, scene.human_moves = scene.env, True
    stepper = Stepper(Rollout(env, None, human=scene.human, clock=SceneClock(scene)), np.random.default_rng(0))
    scene.pendant.state = DeviceState()
    scene.run(0.1)
    scene.type(b"c")  # the device of the actor has a latch of its own
    scene.run(0.1)
    stepper.begin(0)
    scene.pendant.state = DeviceState(engaged=True)
    start_ns = scene.policy.now_ns()
    while not any(speed > 3 * STILL_M_PER_S for speed in scene.speeds_after(start_ns)):
        assert not stepper.step().last
    steps = []

    def go_on() -> None:
        steps.extend(stepper.step() for _ in range(3))
        assert steps[-1].last, "the stop ends the episode"

    return go_on


STATES = {"policy acts": policy_acts, "human acts": human_acts, "idle": idle, "resets": resets, "recovers": recovers,
          "records": records}  # fmt: skip


# Sources of a stop


def presses_key(scene: Scene) -> None:
    scene.type(b"x")


def presses_pendant(scene: Scene) -> None:
    scene.pendant.state = DeviceState(estop=True)


def pendant_is_silent(scene: Scene) -> None:
    scene.pendant.state = DeviceState(alive=False, estop=True)


def terminal_is_gone(scene: Scene) -> None:
    os.close(scene.far)
    scene.far = os.open(os.devnull, os.O_WRONLY)


def teleop_is_killed(scene: Scene) -> None:
    scene.end("teleop")


def page_publishes(scene: Scene) -> None:
    scene.page.publisher(graph.HUMAN_STOP).publish(scene.page.make(graph.HUMAN_STOP.type, data=True))


def page_reports(scene: Scene) -> None:
    scene.publish(scene.page, StopReport("page", "button"))


def service_is_called(scene: Scene) -> None:
    assert scene.call(graph.ESTOP)[0]


def peer_is_stopped(scene: Scene) -> None:
    scene.peer = scene.peer._replace(why="~/estop")


def peer_is_killed(scene: Scene) -> None:
    scene.end("peer")


SOURCES = {
    source.__name__: source
    for source in (
        presses_key, presses_pendant, pendant_is_silent, terminal_is_gone, teleop_is_killed, page_publishes,
        page_reports, service_is_called, peer_is_stopped, peer_is_killed,
    )
}  # fmt: skip


def stop(scene: Scene, source: str, state: str) -> int:
    """Stop the arm in a state; return the published states until it stood, after checking that nothing moves again."""
    scene.clear()
    go_on = STATES[state](scene)
    event_ns = scene.policy.now_ns()
    SOURCES[source](scene)
    if scene.kind != "memory":
        scene.report()
    go_on()  # the policy and the person go on commanding
    refused, _ = scene.call(graph.ENABLE, data=True)
    scene.run(0.05)
    assert not refused and scene.stopped, f"{source}, {state}: {scene.status}"
    scene.until(lambda: len(scene.speeds_after(event_ns)) > 2 * STOPPED_SLICES)
    return scene.slices_moved(event_ns)
