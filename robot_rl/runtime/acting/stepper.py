"""One step of the ring: encode -> act -> decide -> step. Training, evaluation and demonstrations all run this code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gymnasium
import numpy as np

from robot_rl.core.clock import Clock, RateKeeper, SystemClock
from robot_rl.core.errors import DeviceLostError, NonFiniteActionError
from robot_rl.core.records import Observation, no_action
from robot_rl.rewards.combined import CombinedReward, make_reward
from robot_rl.rewards.source import StepOutcome
from robot_rl.runtime.acting.observation import Encoder, encode_observation
from robot_rl.teleop.arbiter import Arbiter, ControlAuthority, Decision
from robot_rl.teleop.device import Device, DeviceState

FAULTS = (NonFiniteActionError, DeviceLostError)
"""What ends an episode as truncated with a fault, instead of ending the program."""

NO_VERSION = -1


class Policy(Protocol):
    """Something that acts; weights may be replaced between two steps."""

    version: int

    def act(self, obs: Observation, rng: np.random.Generator, deterministic: bool) -> np.ndarray:
        """Return an action (A,) float32 in [-1, 1] for one encoded observation."""
        ...

    def load(self, params: dict[str, np.ndarray], version: int) -> None:
        """Take over weights; the next `act` uses them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What happened in one step; the way it ended is kept apart: terminated, truncated, fault."""

    obs: Observation  # encoded, before the action
    next_obs: Observation  # encoded, after it
    decision: Decision
    reward: float
    terminated: bool  # the task ended: success or failure
    truncated: bool  # the clock, the operator or a fault ended it
    success: bool
    failure: bool
    fault: str  # what broke, empty when nothing did; such an episode is truncated
    policy_version: int
    stamp_ns: int  # monotonic, of `obs`
    timing: Mapping[str, float] = field(default_factory=dict)  # what the environment measured of `next_obs`
    observed: bool = True  # False: a fault hid what the action did

    @property
    def last(self) -> bool:
        """Whether this step closes its episode."""
        return self.terminated or self.truncated


@dataclass(slots=True)
class StepTimes:
    """Where the time of the steps went [ns]."""

    encode_ns: int = 0
    act_ns: int = 0
    env_ns: int = 0


class Stepper:
    """Runs one environment step by step.

    An observation's arrays must be the environment's own gift: fresh ones each step, not overwritten later.

    Args:
        policy: proposes actions; None leaves the arm to the human alone.
        encoder: turns pictures to features; None keeps them.
        human: a device, real or scripted; None for nobody.
        arbiter: decides who acts; one without a blend when not given.
        reward: judges steps; the environment's ground truth when not given.
        rng: feeds exploration and the encoder's random shifts, from streams of their own.
        estop: an emergency stop from elsewhere (a page, a pendant's relay).
        pace: waited for after each step; None: as fast as the environment goes. A person needs real time.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        policy: Policy | None,
        rng: np.random.Generator,
        *,
        encoder: Encoder | None = None,
        human: Device | None = None,
        arbiter: Arbiter | None = None,
        reward: CombinedReward | None = None,
        deterministic: bool = False,
        clock: Clock | None = None,
        estop: Callable[[], bool] | None = None,
        pace: RateKeeper | None = None,
    ) -> None:
        self.env, self.policy, self.human = env, policy, human
        self.action_size = action_size(env)
        self.arbiter = arbiter or Arbiter(self.action_size)
        self.raw: Observation = {}  # the newest observation, pictures and all
        self.obs: Observation = {}  # the same, encoded
        self.spent = StepTimes()
        self.deterministic = deterministic  # whether the policy acts without exploring; changed between episodes
        self._encoder = encoder
        self._reward = reward or make_reward(("ground-truth",))
        self._clock = clock or SystemClock()
        self._estop = estop
        self._pace = pace
        self._act_rng, self._encode_rng = rng.spawn(2)
        self._stamp_ns = 0
        self._first = True  # the next step is the first of its episode
        self._warm = False  # encoder and policy were compiled on purpose

    def begin(self, seed: int) -> None:
        """Reset everything to the first observation of an episode."""
        self._warm_up()
        raw, _ = self.env.reset(seed=seed)
        self._reward.reset()
        self.arbiter.reset()
        if self.human is not None:
            self.human.reset()  # after the environment: an expert looks at it
        self._first = True
        self._see(raw)
        if self._pace is not None:
            self._pace.restart()

    def _warm_up(self) -> None:
        """Before the first episode of an arm that does not wait: compile what the first action needs, on zeros."""
        if self._warm or not getattr(self.env.unwrapped, "real_time", False):
            return
        self._warm, rng = True, np.random.default_rng(0)
        spaces: Any = self.env.observation_space
        raw = {name: np.zeros(space.shape, space.dtype) for name, space in spaces.items()}
        obs = encode_observation(raw, self._encoder, rng)
        if self.policy is not None:
            for deterministic in (True, False):
                self.policy.act(obs, rng, deterministic)

    def step(self) -> Step:
        """Decide and execute one step, in its time."""
        step = self.execute(self.decide())
        self.wait()
        return step

    def wait(self) -> None:
        """Wait for the end of the step's period, where a pace is kept."""
        if self._pace is not None:
            self._pace.wait()

    def decide(self) -> Decision:
        """Ask policy and human, and say who acts."""
        start_ns = self._clock.now_ns()
        proposed = None
        if self.policy is not None:
            proposed = np.asarray(self.policy.act(self.obs, self._act_rng, self.deterministic), np.float32)
        now_ns = self._clock.now_ns()
        self.spent.act_ns += now_ns - start_ns
        state = None if self.human is None else self._ask(self.human, proposed)
        return self.arbiter.decide(proposed, state, self._stopped(), now_ns)

    def execute(self, decision: Decision) -> Step:
        """Carry out a decision: one step of the environment, judged; the next frame is encoded once, here."""
        obs, stamp_ns = self.obs, self._stamp_ns
        start_ns = self._clock.now_ns()
        try:
            check_finite(decision.action)
            raw, reward, terminated, truncated, info = self.env.step(decision.action)
        except FAULTS as error:
            return self._fault(decision, str(error))
        if info.get("refused"):  # what came of it was not seen: it must not be learnt from
            return self._fault(decision, str(info["fault"]))
        self.spent.env_ns += self._clock.now_ns() - start_ns
        self._see(raw)
        success = bool(info.get("success", False))
        # Labels given before the first step are not about this episode.
        labels, self._first = () if self._first else decision.labels, False
        outcome = StepOutcome(
            float(reward),
            bool(terminated),
            success,
            raw=self.raw,
            obs=self.obs,
            labels=labels,
            intervention=decision.charge is ControlAuthority.HUMAN,
            intervention_start=decision.intervention_start,
            info=info,
        )
        final_reward, terminated, success = self._reward.judge(outcome)
        return Step(
            obs=obs,
            next_obs=self.obs,
            decision=decision,
            reward=final_reward,
            terminated=terminated,
            truncated=bool(truncated) or decision.charge is ControlAuthority.ESTOP,
            success=success,
            failure=terminated and not success,
            fault=str(info.get("fault") or ""),
            policy_version=self._version,
            stamp_ns=stamp_ns,
            timing=info.get("timing", {}),
        )

    def finalise(self, reward: float, took_over_next: bool) -> float:
        """Return a step's final reward, once it is known whether the human took over right after it."""
        return self._reward.finalise(reward, took_over_next)

    def look(self) -> DeviceState:
        """Return what the human asks for outside of any step, the emergency stop from elsewhere included."""
        state = DeviceState() if self.human is None else self.human.read()
        return replace(state, estop=True) if self._stopped() else state

    def figures(self) -> dict[str, float]:
        """Return the numbers that the environment keeps of its own session; most keep none."""
        own = getattr(self.env.unwrapped, "figures", None)
        return {} if own is None else dict(own())

    @staticmethod
    def _ask(human: Device, proposed: np.ndarray | None) -> DeviceState:
        """Return what the human says; one who cannot see the arm now (a scripted one over the graph) lets go of it."""
        try:
            return human.read(proposed)
        except DeviceLostError:
            return DeviceState()  # not lost: after a loss the arbiter waits for a release, which an expert never gives

    def _stopped(self) -> bool:
        return self._estop is not None and self._estop()

    @property
    def _version(self) -> int:
        return NO_VERSION if self.policy is None else self.policy.version

    def _see(self, raw: Observation) -> None:
        start_ns = self._clock.now_ns()
        self.raw, self.obs = raw, encode_observation(raw, self._encoder, self._encode_rng)
        self._stamp_ns = start_ns
        self.spent.encode_ns += self._clock.now_ns() - start_ns

    def _fault(self, decision: Decision, fault: str) -> Step:
        """Return the step that ends an episode because something broke; to the learner, nothing was done in it."""
        still = np.zeros(self.action_size, np.float32)
        none = no_action(self.action_size)
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
            policy_version=self._version,
            stamp_ns=self._stamp_ns,
            observed=False,
        )


def action_size(env: gymnasium.Env[Any, Any]) -> int:
    """Return A, the number of axes of an environment's action."""
    shape = env.action_space.shape or (0,)
    return int(shape[0])


def check_finite(action: np.ndarray) -> None:
    """Stop an action with NaN or infinity before it reaches the arm.

    Raises:
        NonFiniteActionError: the action has such entries.
    """
    # The sum of squares is finite exactly when all of these bounded entries are, and cheaper than isfinite().all().
    if not math.isfinite(action @ action):
        raise NonFiniteActionError(f"action: got {action.tolist()}, expected finite numbers; look at its source.")


def episode_seeds(seed: int, session: int = 0) -> tuple[np.random.Generator, np.random.Generator]:
    """Return two independent generators: of the episodes' seeds, and of everything else.

    A session that goes on where another stopped gives another `session`, and so does not repeat its episodes.
    """
    episodes, steps = np.random.default_rng([seed, session]).spawn(2)
    return episodes, steps


def next_seed(rng: np.random.Generator) -> int:
    """Draw the seed of an episode."""
    return int(rng.integers(2**31))
