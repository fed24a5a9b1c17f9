"""Health of an episode's steps: actions at their bounds, cameras without change while the arm moves, feature norms."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.records import Observation
from robot_rl.runtime.acting.step import Step

BOUND = 0.99
"""Size of a continuous part of an action from which it is at its bound."""
MOVED = 1e-3
"""Change of an entry of the state that is motion."""


@dataclass(slots=True)
class StepHealth:
    """Sums over the steps of one episode."""

    policy_steps: int = 0
    at_bound: float = 0.0  # shares of the policy's continuous parts, summed over its steps
    moved: int = 0  # steps in which the state changed
    still: dict[str, int] = field(default_factory=dict)  # camera -> those in which its entry did not
    norms: dict[str, float] = field(default_factory=dict)  # camera -> sum of its features' norms
    steps: int = 0

    def add(self, step: Step, layout: ActionLayout) -> None:
        """Add a step."""
        self.steps += 1
        if np.isfinite(step.decision.policy_action).all():
            self.policy_steps += 1
            parts = step.decision.policy_action[list(layout.continuous_indices)]
            self.at_bound += float((np.abs(parts) >= BOUND).mean())
        moved = step.observed and _moved(step)
        self.moved += moved
        for camera, before in cameras(step.obs):
            same = moved and np.array_equal(before, _clean(step.next_obs[camera]))
            self.still[camera] = self.still.get(camera, 0) + int(same)
            if before.ndim == 1:
                self.norms[camera] = self.norms.get(camera, 0.0) + float(np.linalg.norm(before.astype(np.float32)))

    def metrics(self) -> dict[str, float | None]:
        """Return shares of the steps, and mean norms of the features; None: no such step."""
        moved = self.moved or None
        still = {f"still_{name}": None if moved is None else count / moved for name, count in self.still.items()}
        norms = {f"feature_norm_{name}": total / self.steps for name, total in self.norms.items()}
        return {"at_bound": self.at_bound / self.policy_steps if self.policy_steps else None, **still, **norms}


def cameras(obs: Observation) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and entry of each camera: the clean variant of its features, or its image."""
    for name, entry in obs.items():
        if entry.ndim > 1 or entry.dtype == np.float16:
            yield name, _clean(entry)


def _clean(entry: np.ndarray) -> np.ndarray:
    return entry[0] if entry.ndim == 2 else entry


def _moved(step: Step) -> bool:
    vectors = [name for name, entry in step.obs.items() if entry.ndim == 1 and entry.dtype == np.float32]
    return any(float(np.abs(step.next_obs[name] - step.obs[name]).max(initial=0.0)) > MOVED for name in vectors)
