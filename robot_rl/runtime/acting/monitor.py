"""Monitor of a rollout: a view that follows its steps, such as the operator's page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from robot_rl.runtime.acting.step import Step
from robot_rl.teleop.arbiter import ControlAuthority


@dataclass(frozen=True, slots=True)
class StepView:
    """One executed step, as a person follows it."""

    charge: ControlAuthority
    """Who was in charge."""
    labels: tuple[str, ...] = ()
    """Labels of the person since the step before."""
    last: bool = False
    """Whether it closes its episode."""
    success: bool = False
    failure: bool = False
    reward: float = 0.0
    fault: str = ""
    missed: int = 0
    """Steps so far that were later than the pace allows."""
    policy_version: int = -1
    deterministic: bool = True
    """Whether the policy does not explore."""
    timing: Mapping[str, float] = field(default_factory=dict)
    """Measured by the environment [ms]."""

    @classmethod
    def of(cls, step: Step, missed: int, deterministic: bool) -> Self:
        """Return the view of a step."""
        return cls(
            step.decision.charge,
            step.decision.labels,
            step.last,
            step.success,
            step.failure,
            step.reward,
            step.fault,
            missed,
            step.policy_version,
            deterministic,
            step.timing,
        )


class Monitor(Protocol):
    """Follows a rollout. Its methods return at once and raise nothing."""

    def begin(self) -> None:
        """An episode begins; the environment has just been reset."""

    def step(self, view: StepView) -> None:
        """A step was executed."""

    def show(self, text: str) -> None:
        """Show what the person has to do."""

    def note(self, text: str) -> None:
        """Note something that has happened; any thread may."""


class NoMonitor(Monitor):
    """Shows nothing."""

    def begin(self) -> None:
        """Do nothing."""

    def step(self, view: StepView) -> None:
        """Do nothing."""

    def show(self, text: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""
