"""Stepper: encode, act, arbitrate, execute. Training, evaluation and recording all run this code."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import DeviceLostError, NonFiniteActionError
from robot_rl.core.records import Observation, no_action
from robot_rl.data.image_codec import compress
from robot_rl.rewards.source import StepOutcome
from robot_rl.runtime.acting.monitor import StepView
from robot_rl.runtime.acting.observation import encode_observation
from robot_rl.runtime.acting.rollout import Rollout
from robot_rl.runtime.acting.step import Step
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority, Decision
from robot_rl.teleop.device import Device, DeviceState

FAULTS = (NonFiniteActionError, DeviceLostError)
"""Errors that end an episode as truncated with a fault, instead of ending the program."""

NO_VERSION = -1
RESETS_MAX = 5
"""Resets of an episode without a learner, until one meets no fault."""
PAYING = ("success", "stage")
"""Labels that, given by mistake before the first step, would turn the episode before into a success."""


@dataclass(slots=True)
class StepTimes:
    """Time of the parts of the steps so far [ns]."""

    encode_ns: int = 0
    act_ns: int = 0
    env_ns: int = 0
    ended_ns: list[int] = field(default_factory=list)
    """Moments at which the steps of a paced rollout ended."""


class Stepper:
    """Runs the environment of a rollout step by step, at the rollout's pace.

    Args:
        rng: seeds separate streams for exploration and the encoder's random shifts.
        deterministic: whether the policy acts without exploring; may be changed between episodes.
    """

    def __init__(self, rollout: Rollout, rng: np.random.Generator, *, deterministic: bool = False) -> None:
        self.rollout, self.deterministic = rollout, deterministic
        self.arbiter = rollout.arbiter or Arbiter(rollout.robot_env.action_layout, rollout.period_s)
        self.raw: Observation = {}  # the newest observation, with its images
        self.obs: Observation = {}  # the same, encoded
        self.frames: Observation = {}  # its images, compressed, where they are kept
        self.spent = StepTimes()
        self._pace = rollout.make_pace()
        self._act_rng, self._encode_rng = rng.spawn(2)
        self._stamp_ns = 0
        self._rests = False  # the person paused or stopped the last step
        self._first = True  # the next step is the first of its episode
        self._late_labels: tuple[str, ...] = ()
        self.heard: Callable[[], None] = lambda: None
        """Called when labels of the episode before came while a reset, or another prompt, waits for a person."""
        rollout.hear(self.hear)
        self._warm = False  # encoder and policy have been compiled

    @property
    def missed(self) -> int:
        """Steps later than the pace allows."""
        return 0 if self._pace is None else self._pace.missed

    def begin(self, seed: int, tries: int = 1) -> None:
        """Reset to the first observation of an episode, again where a device was lost on the way.

        Raises:
            DeviceLostError: in the last of `tries` resets.
        """
        for left in reversed(range(tries)):
            try:
                return self._reset(seed)
            except DeviceLostError:
                if not left:
                    raise
            clock, period_s = self.rollout.clock, self.rollout.period_s
            clock.sleep_until(clock.now_ns() + round(period_s * NS_PER_S))

    def _reset(self, seed: int) -> None:
        self._warm_up()
        self._await_go()
        rollout = self.rollout
        if rollout.stuck is not None:
            rollout.stuck.begin()
        raw, _ = rollout.env.reset(seed=seed)
        rollout.reward.reset()
        self.arbiter.reset()
        if rollout.human is not None:
            rollout.human.reset()  # after the environment: an expert reads its state
        self._first = True
        rollout.look_again()
        self._observe(raw)
        rollout.monitor.begin()
        if rollout.recent is not None:
            rollout.recent.begin()
        if self._pace is not None:
            self._pace.restart()

    def _await_go(self) -> None:
        """Wait while the person pauses, or keeps a stop: nothing is reset meanwhile."""
        clock, period_s = self.rollout.clock, self.rollout.period_s
        while self._rests and self.rollout.person_acts:
            self._rests = self.read_between_episodes()
            clock.sleep_until(clock.now_ns() + round(period_s * NS_PER_S * self._rests))

    def _warm_up(self) -> None:
        """Compile what the first action needs, on zeros, before the first episode of an arm that moves in real time."""
        if self._warm or not self.rollout.robot_env.real_time:
            return
        self._warm, rng = True, np.random.default_rng(0)
        spaces: Any = self.rollout.env.observation_space
        raw = {name: np.zeros(space.shape, space.dtype) for name, space in spaces.items()}
        obs = encode_observation(raw, self.rollout.encoder, rng)
        if self.rollout.policy is not None:
            for deterministic in (True, False):
                self.rollout.policy.act(obs, rng, deterministic)

    def step(self) -> Step:
        """Decide and execute one step."""
        return self.execute(self.decide())

    def decide(self) -> Decision:
        """Return the next step's action, of policy, human or neither.

        Labels given before the first step of an episode concern the last step of the episode before: they are removed
        from the decision and kept for `take_late_labels`. Those that pay are dropped: an Enter at a prompt is not a
        success.
        """
        start_ns, policy = self.rollout.clock.now_ns(), self.rollout.policy
        proposed = None
        if policy is not None:
            proposed = np.asarray(policy.act(self.obs, self._act_rng, self.deterministic), np.float32)
        now_ns = self.rollout.clock.now_ns()
        self.spent.act_ns += now_ns - start_ns
        decision = self.arbiter.decide(proposed, self._read_human(proposed), self._stopped(), now_ns)
        if self.rollout.stuck is not None:
            decision = self.rollout.stuck.decide(self.raw, decision)
        self._rests = decision.paused or decision.charge is ControlAuthority.ESTOP
        if decision.charge is not ControlAuthority.POLICY:
            self.rollout.look_again()
        if not self._first:
            return decision
        self._add_late_labels(decision.labels)
        return replace(decision, labels=())

    def execute(self, decision: Decision) -> Step:
        """Execute and judge a decision, then wait for the end of its period if the rollout has a pace."""
        raw = self.raw
        step = self._execute(decision)
        self._first = False
        if self.rollout.recent is not None:
            self.rollout.recent.add(step, raw, self.raw)
        self.rollout.monitor.step(StepView.of(step, self.missed, self.deterministic))
        if self._pace is not None:
            self._pace.wait()
            self.spent.ended_ns.append(self.rollout.clock.now_ns())
        return step

    def _execute(self, decision: Decision) -> Step:
        obs, frames, stamp_ns = self.obs, self.frames, self._stamp_ns
        start_ns = self.rollout.clock.now_ns()
        try:
            check_finite(decision.action)
            raw, reward, terminated, truncated, info = self.rollout.env.step(decision.action)
        except FAULTS as error:
            return self._fault(decision, str(error))
        if info.get("refused"):
            return self._fault(decision, str(info["fault"]))
        self.spent.env_ns += self.rollout.clock.now_ns() - start_ns
        self._observe(raw)
        success = bool(info.get("success", False))
        outcome = StepOutcome(
            float(reward),
            bool(terminated),
            success,
            raw=self.raw,
            obs=self.obs,
            labels=decision.labels,
            intervention=decision.charge is ControlAuthority.HUMAN,
            intervention_start=decision.intervention_start,
            info=info,
        )
        final_reward, terminated, success = self.rollout.reward.judge(outcome)
        return Step(
            obs=obs,
            next_obs=self.obs,
            decision=decision,
            reward=final_reward,
            terminated=terminated,
            truncated=bool(truncated) or self._rests,
            success=success,
            failure=terminated and not success,
            fault=str(info.get("fault") or ""),
            policy_version=self.policy_version,
            stamp_ns=stamp_ns,
            frames=frames,
            next_frames=self.frames,
            timing=info.get("timing", {}),
        )

    def finalise(self, reward: float, intervention_next: bool) -> float:
        """Return a step's final reward, once it is known whether the human took over right after it."""
        return self.rollout.reward.finalise(reward, intervention_next)

    def read_between_episodes(self) -> bool:
        """Read the device outside of any step; return whether the arm must stand. Labels wait as late labels."""
        state = self._read_human(None) or DeviceState()
        self._add_late_labels(state.labels)
        return state.stopped or state.paused or self._stopped()

    def read_last_labels(self) -> None:
        """Take the labels that a person gave since the decision of the episode's last step; those that pay count."""
        if self.rollout.person_acts:
            self._late_labels += (self._read_human(None) or DeviceState()).labels

    def hear(self, labels: tuple[str, ...]) -> None:
        """Take labels of the episode before, given while a prompt waits for a person."""
        self._late_labels += labels
        self.heard()

    def _add_late_labels(self, labels: tuple[str, ...]) -> None:
        self._late_labels += tuple(label for label in labels if label not in PAYING)

    def take_late_labels(self) -> tuple[str, ...]:
        """Return and clear the labels given after an episode ended, which concern its last step."""
        labels, self._late_labels = self._late_labels, ()
        self.rollout.reward.late_labels(labels)
        return labels

    @property
    def policy_version(self) -> int:
        """Version of the weights in use; `NO_VERSION` without a policy."""
        return NO_VERSION if self.rollout.policy is None else self.rollout.policy.version

    def _read_human(self, proposed: np.ndarray | None) -> DeviceState | None:
        """Return the device's state; a scripted human without a view of the arm releases it for this step."""
        human: Device | None = self.rollout.human
        try:
            return None if human is None else human.read(proposed)
        except DeviceLostError:
            return DeviceState()  # not lost: after a loss the arbiter waits for a release, which an expert never sends

    def _stopped(self) -> bool:
        return self.rollout.estop is not None and self.rollout.estop()

    def _observe(self, raw: Observation) -> None:
        start_ns = self.rollout.clock.now_ns()
        self.raw, self.obs = raw, encode_observation(raw, self.rollout.encoder, self._encode_rng)
        encoder = self.rollout.encoder
        if self.rollout.keep_frames and encoder is not None:
            self.frames = {camera: compress(raw[camera]) for camera in encoder.cameras}
        self._stamp_ns = start_ns
        self.spent.encode_ns += self.rollout.clock.now_ns() - start_ns

    def _fault(self, decision: Decision, fault: str) -> Step:
        """Return a step ended by a fault: no action, no observation, never sampled."""
        size = self.rollout.robot_env.action_layout.size
        still, none = np.zeros(size, np.float32), no_action(size)
        held = replace(decision, action=still, policy_action=none, human_action=none, charge=ControlAuthority.IDLE)
        return Step(
            obs=self.obs,
            next_obs=self.obs,
            decision=held,
            reward=0.0,
            terminated=False,
            truncated=True,
            success=False,
            failure=False,
            fault=fault,
            policy_version=self.policy_version,
            stamp_ns=self._stamp_ns,
            frames=self.frames,
            next_frames=self.frames,
            observed=False,
        )


def check_finite(action: np.ndarray) -> None:
    """Refuse an action with NaN or infinity before it reaches the arm.

    Raises:
        NonFiniteActionError: the action has such entries.
    """
    # The sum of squares is finite exactly when all of these bounded entries are, and cheaper than isfinite().all().
    if not math.isfinite(action @ action):
        raise NonFiniteActionError(f"action: got {action.tolist()}, expected finite numbers; check its source.")
