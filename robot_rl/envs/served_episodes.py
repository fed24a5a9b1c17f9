"""Episodes of a simulated robot that another process or computer serves on the ROS graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from controllers.ros import graph
from controllers.ros.wire import Wire
from robot_rl.core.action_layout import gripper_head
from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import DeviceLostError, StaleObservationError
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S, Outcome, TaskSpec
from robot_rl.envs.action import action_towards
from robot_rl.envs.episodes import EpisodeSource
from robot_rl.hardware.graph.task_state import TaskState, read_task_state
from robot_rl.hardware.graph.waiting import until
from robot_rl.hardware.robot import Robot

ASK_AGAIN_S = 0.5
"""Period of a reset's repetition [s]: the first message may precede the server's discovery."""
SCENE_BITS, COUNT_BITS = 32, 20


class ServedEpisodes(EpisodeSource):
    """An `EpisodeSource` by topics: `task/reset` and `task/state`.

    Args:
        sources: newest stamp [ns, monotonic] of each part of an observation; a reset is over when all are newer than
            the new scene.
        state_age_max_s: ground truth older than this is refused.
        reset_timeout_s: longest time of a reset, including a server's restart.
    """

    def __init__(
        self,
        task: TaskSpec,
        wire: Wire,
        robot: Robot,
        sources: Sequence[Callable[[], int]],
        clock: Clock,
        state_age_max_s: float,
        reset_timeout_s: float,
    ) -> None:
        self._arm = task.arm
        self._wire, self._robot, self._sources, self._clock = wire, robot, tuple(sources), clock
        self._state_age_max_s, self._reset_timeout_s = state_age_max_s, reset_timeout_s
        self._heard: tuple[TaskState, int] | None = None  # and when
        self._refused = ""
        self._count: int | None = None
        self._publisher = wire.publisher(graph.TASK_RESET)
        wire.subscribe(graph.TASK_STATE, self._on_state)

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Request a new scene, and wait until arm and cameras show it.

        Raises:
            DeviceLostError: no answer in time.
        """
        seed = int(rng.integers(2**SCENE_BITS))
        reset_id = (self._next_count() << SCENE_BITS) + seed
        deadline_ns = self._clock.now_ns() + round(self._reset_timeout_s * NS_PER_S)
        self._ask(reset_id, deadline_ns)
        stands_ns = self._clock.now_ns() - self._wire.now_ns() + round(self._state().reset_stamp_s * NS_PER_S)
        self._await_sources(stands_ns, deadline_ns)
        self._robot.wait(PERIOD_S)  # the first step is as long as the others
        return {}

    def outcome(self) -> Outcome:
        """Return ground truth.

        Raises:
            StaleObservationError: the task server is silent.
        """
        return self._state().outcome

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the scripted expert's action (A,) float32 in [-1, 1]."""
        state, T_base_tcp = self._state(), self._robot.state().T_base_tcp
        (T_base_target,) = targets.values()
        gripper = gripper_head().value(state.gripper)
        return action_towards(self._arm, T_base_target, T_base_tcp, state.T_base_goal, gripper)

    def object_state(self) -> np.ndarray:
        """Return the state of the task's object, for ablations and probes."""
        return self._state().object_state

    def connect(self) -> None:
        """Wait for the task server's first state.

        Raises:
            DeviceLostError: there is none.
        """
        deadline_ns = self._clock.now_ns() + round(self._reset_timeout_s * NS_PER_S)
        if not until(lambda: self._heard is not None, self._clock, deadline_ns):
            raise self._silence("a state")

    def _next_count(self) -> int:
        """Return a new number for each request, unique over restarts, so that a server recognises repeated ones."""
        start = self._wire.now_ns() // NS_PER_S if self._count is None else self._count + 1
        self._count = start % 2**COUNT_BITS
        return self._count

    def _ask(self, reset_id: int, deadline_ns: int) -> None:
        while self._clock.now_ns() < deadline_ns:
            self._publisher.publish(self._wire.make(graph.TASK_RESET.type, data=reset_id))
            again_ns = min(deadline_ns, self._clock.now_ns() + round(ASK_AGAIN_S * NS_PER_S))
            if until(lambda: self._heard is not None and self._heard[0].reset_id == reset_id, self._clock, again_ns):
                return
        raise self._silence(f"the echo of reset {reset_id}")

    def _await_sources(self, since_ns: int, deadline_ns: int) -> None:
        """Wait until every part of an observation is newer than a time, and the arm tracks."""
        why = ""

        def fresh() -> bool:
            nonlocal why
            try:
                why = self._robot.state().fault
                return not why and all(stamp() > since_ns for stamp in self._sources)
            except DeviceLostError as error:  # not there yet
                why = str(error)
                return False

        if not until(fresh, self._clock, deadline_ns):
            raise DeviceLostError(
                f"reset: got a new scene, but not {len(self._sources)} fresh samples in {self._reset_timeout_s} s, "
                f"expected arm and cameras to update. {why}".rstrip()
            )

    def _state(self) -> TaskState:
        if self._heard is None:
            raise self._silence("a state")
        state, heard_ns = self._heard
        age_s = (self._clock.now_ns() - heard_ns) / NS_PER_S
        if age_s > self._state_age_max_s:
            raise StaleObservationError(
                f"{graph.TASK_STATE.name}: got a state {age_s:.3f} s old, expected at most {self._state_age_max_s} s; "
                "is the simulated robot still running?"
            )
        return state

    def _on_state(self, message: Any) -> None:
        try:
            self._heard = read_task_state(message), self._clock.now_ns()
        except DeviceLostError as error:
            self._refused = f" ({error})"

    def _silence(self, what: str) -> DeviceLostError:
        topic = graph.resolve(graph.TASK_STATE, self._wire.namespace)
        return DeviceLostError(
            f"{topic}: got nothing for {self._reset_timeout_s} s{self._refused}, expected {what}; start "
            f"`robot-rl serve` in the same domain and namespace, or set robot.episode_source=operator for a real arm."
        )
