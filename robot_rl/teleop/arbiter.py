"""Arbiter of each step: emergency stop > human > policy > idle."""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from robot_rl.core import checks
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import SchemaMismatchError
from robot_rl.core.records import Source, no_action
from robot_rl.core.tasks import PERIOD_S
from robot_rl.teleop.device import DeviceState

BLEND_S = 0.1
"""Time of task over which the executed action goes from the policy's to the human's and back [s].

At a period of 100 ms or more the blend is over within the first step; there the controller's reference filter smooths.
The target itself never jumps: every action displaces it from where it is."""


class ControlAuthority(IntEnum):
    """Control authority over a step, lowest first."""

    IDLE = 0
    POLICY = 1
    RETREAT = 2  # instead of a policy whose arm is stuck; see `runtime.acting.stuck`
    HUMAN = 3
    ESTOP = 4


_SOURCES = {ControlAuthority.HUMAN: Source.HUMAN, ControlAuthority.RETREAT: Source.RETREAT}


@dataclass(frozen=True)
class ArbiterConfig:
    """Rules for the transfer of control authority.

    Raises:
        ConfigError: a negative time.
    """

    stale_after_s: float = 0.25
    """Age of a device's last sign of life beyond which no source acts, and its dead-man counts as released [s]."""
    lost_after_s: float = 1.0
    """Age beyond which it counts as lost, which is a stop [s]."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "stale_after_s", "lost_after_s")


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The action of one step and its source.

    Shapes: actions (A,) float32; `policy_action` and `human_action` are NaN when that side did not act.
    """

    action: np.ndarray  # to execute
    policy_action: np.ndarray
    human_action: np.ndarray
    charge: ControlAuthority
    intervention_start: bool  # a human intervention began with this step
    intervention_end: bool  # a human intervention ended with this step
    labels: tuple[str, ...] = ()
    paused: bool = False  # the person lets the arm rest: the episode ends

    @property
    def source(self) -> Source:
        """Return who chose the executed action, as the records name it."""
        return _SOURCES.get(self.charge, Source.POLICY)


@dataclass(slots=True)
class InterventionStats:
    """Counts of human steps, interventions and labels."""

    steps: int = 0  # steps in charge
    interventions: int = 0  # times the human took charge
    labels: int = 0  # labels given


class Arbiter:
    """Decides each step who acts; the only place where policy and human meet.

    A policy never acts unwatched where a person was declared: while the device is late no source acts, and a lost one
    is an emergency stop. Each releases the dead-man; afterwards the human has to release it before taking over again,
    so that a device that comes back cannot move the arm by itself.

    Args:
        layout: parts of the action; discrete heads are never blended.
        period_s: time of task between two decisions [s].
    """

    def __init__(self, layout: ActionLayout, period_s: float = PERIOD_S, config: ArbiterConfig | None = None) -> None:
        config = config or ArbiterConfig()
        self.effort = InterventionStats()
        self._stale_ns, self._lost_ns = (round(age * NS_PER_S) for age in (config.stale_after_s, config.lost_after_s))
        self._blend_rate = period_s / BLEND_S
        self._idle = np.zeros(layout.size, np.float32)
        self._none = no_action(layout.size)
        self._moves = layout.is_continuous
        self._locked = False
        self.reset()

    def reset(self) -> None:
        """Begin an episode: no one had control before."""
        self._human = False
        self._since_change = np.inf  # decisions since control changed
        self._from = self._last = self._idle

    def decide(
        self,
        policy_action: np.ndarray | None,
        state: DeviceState | None,
        estop: bool = False,
        now_ns: int | None = None,
    ) -> Decision:
        """Return who acts in this step, and how.

        Args:
            policy_action: what the policy proposes (A,), None without a policy.
            state: state of the input device, None without a device.
            estop: an emergency stop from elsewhere; the device's own is in `state`.
            now_ns: the present moment [ns], to notice a device that went silent; None trusts `state.alive`.

        Raises:
            SchemaMismatchError: an action of another shape.
        """
        state = state or _NO_DEVICE
        charge = self._charge(policy_action, state, estop, now_ns)
        human = charge is ControlAuthority.HUMAN
        intervention_start, intervention_end = human and not self._human, self._human and not human
        self._human = human
        self._count(state, human, intervention_start)
        wanted = self._wanted(charge, policy_action, state)
        return Decision(
            action=self._blended(wanted, intervention_start or intervention_end, charge),
            policy_action=self._none if policy_action is None else policy_action,
            human_action=wanted if human else self._none,
            charge=charge,
            intervention_start=intervention_start,
            intervention_end=intervention_end,
            labels=state.labels,
            paused=state.paused,
        )

    def _charge(
        self, policy_action: np.ndarray | None, state: DeviceState, estop: bool, now_ns: int | None
    ) -> ControlAuthority:
        age_ns = 0 if now_ns is None or state.stamp_ns is None else now_ns - state.stamp_ns
        stopped, late = estop or state.stopped or age_ns > self._lost_ns, age_ns > self._stale_ns
        # Only a release that was seen unlocks: after a stop or a silence a held dead-man means nothing.
        waits = late or state.paused
        self._locked = stopped or waits or (self._locked and state.engaged)
        if stopped or waits:
            return ControlAuthority.ESTOP if stopped else ControlAuthority.IDLE
        if state.engaged and not self._locked:
            return ControlAuthority.HUMAN
        return ControlAuthority.IDLE if policy_action is None else ControlAuthority.POLICY

    def _count(self, state: DeviceState, human: bool, intervention_start: bool) -> None:
        self.effort.steps += human
        self.effort.interventions += intervention_start
        self.effort.labels += len(state.labels)

    def _wanted(self, charge: ControlAuthority, policy_action: np.ndarray | None, state: DeviceState) -> np.ndarray:
        """Return the action of whichever side has control, without a blend."""
        action = {ControlAuthority.POLICY: policy_action, ControlAuthority.HUMAN: state.action}.get(charge)
        if action is None:
            return self._idle
        if action.shape != self._idle.shape:
            raise SchemaMismatchError(
                f"action of the {charge.name.lower()}: got shape {action.shape}, expected {self._idle.shape}; "
                "build the device and the policy for this environment."
            )
        if not math.isfinite(action @ action):
            return action  # clipping would hide it from the environment's boundary, which refuses it
        return np.minimum(np.maximum(action, -1.0, dtype=np.float32), np.float32(1.0))

    def _blended(self, wanted: np.ndarray, changed: bool, charge: ControlAuthority) -> np.ndarray:
        """Return the action to execute; a stop is never blended."""
        self._since_change = 0 if changed else self._since_change + 1
        if changed:
            self._from = self._last
        share = (self._since_change + 1) * self._blend_rate
        if share < 1.0 and charge is not ControlAuthority.ESTOP:
            blend = np.float32(share) * wanted + np.float32(1.0 - share) * self._from
            wanted = np.where(self._moves, blend, wanted)
        self._last = wanted
        return wanted


_NO_DEVICE = DeviceState()
