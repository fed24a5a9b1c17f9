"""One executed step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from robot_rl.core.records import Observation
from robot_rl.teleop.arbiter import Decision


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One executed step; terminated, truncated and fault are kept apart."""

    obs: Observation  # encoded, before the action
    next_obs: Observation  # encoded, after it
    decision: Decision
    reward: float
    terminated: bool  # the task ended: success or failure
    truncated: bool  # the time limit, the operator or a fault ended it
    success: bool
    failure: bool
    fault: str  # cause of a fault, empty without one; such an episode is truncated
    policy_version: int
    stamp_ns: int  # monotonic, of `obs`
    frames: Observation = field(default_factory=dict)  # compressed images behind `obs`, where they are kept
    next_frames: Observation = field(default_factory=dict)
    observed: bool = True  # False: a fault hid the result of the action
    timing: Mapping[str, float] = field(default_factory=dict)  # measured by the environment, of `next_obs`

    @property
    def last(self) -> bool:
        """Whether this step closes its episode."""
        return self.terminated or self.truncated
