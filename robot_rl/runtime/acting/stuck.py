"""Stuck arm: the actor notices that the arm makes no progress, retreats, lets the policy try again, then requests help.

It sees what the policy sees, no ground truth. Source: UniIntervene, arXiv 2606.12372.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import numpy as np

from robot_rl.core import checks
from robot_rl.core.records import Observation, no_action
from robot_rl.teleop.arbiter import ControlAuthority, Decision

STUCK = "The arm is stuck"
"""Begins what an arm shows that needs help."""

LEASH_END = 0.9
"""Share of the leash from which the target is at its end."""
COMMANDED = 5.0
"""Commanded displacement, in `still_m`, from which the policy commands motion."""
RETREAT_MAX_S = 1.0
"""Longest retreat [s]."""
ARRIVED = 0.1
"""Share of the distance within which a retreat is over."""
PATH_STEPS = 600
"""Newest places of the tool from which the direction of its last motion is taken."""


@dataclass(frozen=True)
class StuckConfig:
    """Rules for an arm that makes no progress.

    Raises:
        ConfigError: a negative number of retreats, or a time or length that is not positive.
    """

    retreats: int = 0
    """Retreats in one episode, each followed by another try of the policy; when the arm is stuck once more, page,
    terminal and `robot-rl status` show that it needs help, and the episode goes on. 0: the arm does not notice; 2 is a
    start. The steps of a retreat are recorded as such: experience that is not imitated. Evaluation has none.
    Source: UniIntervene, arXiv 2606.12372."""
    after_s: float = 1.0
    """Time without progress that makes an arm stuck [s]: the target stays at the end of its leash and the tool does not
    follow, or the tool stays within `still_m` while the policy commands motion. A finished part looks the same: set
    more than a person, or a slow reward source, takes to end an episode that succeeded."""
    still_m: float = 0.002
    """Motion of the tool below which it stands still [m]."""
    distance_m: float = 0.03
    """Length of a retreat, against the tool's last motion and within the workspace [m]."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "retreats")
        checks.positive(self, "after_s", "still_m", "distance_m")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Place of a tool in an observation."""

    p: np.ndarray  # (3,) base frame [m]
    R: np.ndarray  # (3, 3) tool to base
    lead: np.ndarray  # (3,) target ahead of the tool, tool frame / leash


class Tool(Protocol):
    """An arm's tool, as observations show it and actions move it."""

    def place(self, obs: Observation) -> Place:
        """Return where it is."""

    def displacement(self, action: np.ndarray) -> np.ndarray:
        """Return how far an action displaces the target (3,), tool frame [m]."""

    def bounded(self, p: np.ndarray) -> np.ndarray:
        """Return the nearest position (3,) of the workspace, base frame [m]."""

    def towards(self, obs: Observation, p: np.ndarray) -> np.ndarray:
        """Return the action (A,) that brings the target nearest to a position; nothing else moves."""


@dataclass(slots=True)
class StuckCounts:
    """Counts of one episode."""

    retreats: int = 0
    retreat_steps: int = 0
    retries: int = 0  # tries of the policy after a retreat that came to its end
    help_requests: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Retreat:
    tool: Tool
    goal: np.ndarray  # (3,) base frame [m]
    end: int  # number of steps of the episode's retreats at which it ends at the latest


@dataclass(slots=True)
class _Trace:
    """What one tool did: its path in the episode, and the policy's latest steps without interruption."""

    tool: Tool
    steps: int  # in which an arm without progress is stuck
    path: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=PATH_STEPS))
    places: deque[Place] = field(default_factory=deque)
    commanded: deque[np.ndarray] = field(default_factory=deque)  # (3,) base frame [m]

    def look(self, obs: Observation) -> None:
        """Add the present place."""
        place = self.tool.place(obs)
        self.path.append(place.p)
        self.places.append(place)

    def command(self, action: np.ndarray) -> None:
        """Add the policy's action from the present place."""
        self.commanded.append(self.places[-1].R @ self.tool.displacement(action))
        while len(self.commanded) > self.steps:
            self.places.popleft()
            self.commanded.popleft()

    def forget(self) -> None:
        """Begin anew: other than the policy moved the tool."""
        self.places.clear()
        self.commanded.clear()

    def stuck(self, still_m: float) -> bool:
        """Return whether the whole time went by without progress."""
        return len(self.commanded) >= self.steps and without_progress(self.places, self.commanded, still_m)

    def back(self, distance_m: float, still_m: float) -> np.ndarray:
        """Return the position (3,) a distance back against the last motion, or against the commands without one."""
        here = self.places[-1].p
        offsets = np.array(self.path) - here
        sizes = np.linalg.norm(offsets, axis=1)
        far = np.flatnonzero(sizes >= distance_m)
        index = int(far[-1]) if far.size else int(sizes.argmax())
        back = offsets[index] if sizes[index] >= still_m else -np.sum(self.commanded, axis=0)
        return self.tool.bounded(here + distance_m * back / max(float(np.linalg.norm(back)), 1e-9))


def without_progress(places: Sequence[Place], commanded: Sequence[np.ndarray], still_m: float) -> bool:
    """Return whether the target waits at its leash's end without the tool, or the tool stands against its commands.

    A target that runs at the end of its leash before a tool that follows is fast motion.

    Shapes: places T + 1, commanded T x (3,), base frame [m].
    """
    sign = np.sign(places[-1].lead)
    at_end = (np.array([place.lead for place in places]) * sign >= LEASH_END).all(axis=0)
    moved = np.array([places[-1].p - place.p for place in places])  # (T + 1, 3)
    follows = (moved[0] @ places[-1].R) * sign >= still_m
    still = float(np.linalg.norm(moved, axis=1).max()) < still_m
    wanted = float(np.linalg.norm(np.sum(commanded, axis=0)))
    return bool((at_end & ~follows).any()) or (still and wanted >= COMMANDED * still_m)


class StuckWatch:
    """Watch over a rollout's arms; it replaces the policy's decisions for the steps of a retreat, never a person's.

    Args:
        tools: one for each arm; one at a time retreats.
        period_s: task time of one step [s].
        show: shows a person that help is needed, and `calm` once it is not any more.
    """

    def __init__(
        self,
        config: StuckConfig,
        tools: Sequence[Tool],
        period_s: float,
        show: Callable[[str], None] = lambda text: None,
        calm: str = "",
    ) -> None:
        self._config, self._show, self._calm = config, show, calm
        self._steps, self._retreat_steps = (max(1, round(s / period_s)) for s in (config.after_s, RETREAT_MAX_S))
        self._tools, self._requested = tools, False
        self.begin()

    def begin(self) -> None:
        """Begin an episode."""
        self.counts = StuckCounts()
        self._traces = [_Trace(tool, self._steps) for tool in self._tools]
        self._retreat: _Retreat | None = None
        self._end_request()

    def decide(self, obs: Observation, decision: Decision) -> Decision:
        """Return the decision to execute at an observation: the given one, or a step of a retreat instead."""
        for trace in self._traces:
            trace.look(obs)
        if decision.charge is not ControlAuthority.POLICY:
            self._give_way(decision.charge)
            return decision
        self._update(obs)
        if self._retreat is None:
            for trace in self._traces:
                trace.command(decision.action)
            return decision
        self.counts.retreat_steps += 1
        action = self._retreat.tool.towards(obs, self._retreat.goal)
        return replace(decision, action=action, policy_action=no_action(action.size), charge=ControlAuthority.RETREAT)

    def metrics(self) -> dict[str, float]:
        """Return the counts of the episode."""
        return asdict(self.counts)

    def _update(self, obs: Observation) -> None:
        """End a retreat that is over; begin one, or request help, where an arm is stuck."""
        if self._retreat is not None:
            if self._over(self._retreat, obs):
                self.counts.retries += 1
                self._retreat = None
                self._look_anew(obs)
            return
        stuck = next((trace for trace in self._traces if trace.stuck(self._config.still_m)), None)
        if stuck is None:
            return
        if self.counts.retreats < self._config.retreats:
            goal = stuck.back(self._config.distance_m, self._config.still_m)
            self._retreat = _Retreat(stuck.tool, goal, self.counts.retreat_steps + self._retreat_steps)
            self.counts.retreats += 1
        elif not self._requested:
            self._requested = True
            self.counts.help_requests += 1
            self._show(f"{STUCK}, also after {self.counts.retreats} retreats: help it, or end the episode.")

    def _over(self, retreat: _Retreat, obs: Observation) -> bool:
        left_m = float(np.linalg.norm(retreat.goal - retreat.tool.place(obs).p))
        return left_m <= ARRIVED * self._config.distance_m or self.counts.retreat_steps >= retreat.end

    def _give_way(self, charge: ControlAuthority) -> None:
        self._retreat = None
        for trace in self._traces:
            trace.forget()
        if charge is ControlAuthority.HUMAN:
            self._end_request()

    def _look_anew(self, obs: Observation) -> None:
        for trace in self._traces:
            trace.forget()
            trace.places.append(trace.tool.place(obs))

    def _end_request(self) -> None:
        if self._requested:
            self._requested = False
            self._show(self._calm)
