"""Environment over the ROS graph: the same arm, cameras and task, with checks of the age of observations."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from controllers.ros.wire import Wire
from robot_rl.core.clock import Clock
from robot_rl.core.errors import DeviceLostError, StaleObservationError
from robot_rl.envs.arm_env import ArmEnv, States
from robot_rl.envs.episodes import Workcell

MS_PER_NS = 1e-6


@dataclass(frozen=True)
class Bounds:
    """Largest age of a part of an observation, from its stamp to its use, and largest skew of its parts [ms]."""

    state_age_ms: float = 100.0
    image_age_ms: float = 200.0
    skew_ms: float = 150.0
    reaction_ms: float = 300.0
    """An action computed from an older observation is not sent."""


class Timing(NamedTuple):
    """Times of one observation [ms]; nan without a measurement."""

    state_age_ms: float  # of the arm's state, from its stamp to its use
    image_age_ms: float  # of the oldest image
    skew_ms: float  # largest distance between an image's stamp and the state's
    reaction_ms: float  # from the stamp of the previous state to the command computed from it
    act_to_obs_ms: float  # from the command to this complete observation at the actor


class GraphEnv(ArmEnv):
    """An `ArmEnv` for an arm that runs in real time.

    An observation with a part that is too old, or parts that lie too far apart, is refused: the step ends its episode
    as truncated, `info["fault"]` says why, `info["refused"]` is true, and what is returned is the last good
    observation. No target goes out any more, so that the controller holds the arm. `info["timing"]` holds the numbers
    of `Timing`. An action that is too late for its observation is refused likewise, and not sent.

    Raises:
        DeviceLostError: at a reset, when arm, cameras or task do not answer.
    """

    real_time = True

    def __init__(
        self, cell: Workcell, wire: Wire, clock: Clock, bounds: Bounds | None = None, privileged: bool = False
    ) -> None:
        self.wire, self.bounds = wire, bounds or Bounds()
        self._clock = clock
        self._seen: dict[str, np.ndarray] = {}
        self._acted_ns: int | None = None  # time of the last command
        self._state_stamp_ns: int | None = None  # of the last observation
        self._timing = Timing(*[np.nan] * len(Timing._fields))
        super().__init__(cell, privileged=privileged)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; the same seed gives the same scene."""
        self._acted_ns = self._state_stamp_ns = None
        self._seen, info = super().reset(seed=seed, options=options)
        return self._seen, info | {"timing": self._timing._asdict()}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move the target by one action and wait for the next observation."""
        action = self.action_layout.checked(action)
        try:
            self._check_reaction()
            obs, reward, terminated, truncated, info = super().step(action)
        except DeviceLostError as error:
            return self._refuse(str(error))
        self._seen = obs
        return obs, reward, terminated, truncated, info | {"timing": self._timing._asdict()}

    def close(self) -> None:
        """Close arm and cameras, and leave the graph."""
        super().close()
        self.wire.close()

    def metrics(self) -> dict[str, float]:
        """Return forces, and the latencies of the session so far where the robot's client measures them; see
        `GraphTimings`.
        """
        forces = super().metrics()
        timings = getattr(next(iter(self.cell.robots.values())), "timings", None)
        if timings is None:
            return forces
        now = timings()
        return forces | {
            "command_to_state_ms_p50": now.action_to_state.p50_ms,
            "command_to_state_ms_p99": now.action_to_state.p99_ms,
            "targets_withheld": now.withheld,
        }

    def _act(self, action: np.ndarray) -> States:
        self._acted_ns = self._clock.now_ns()
        states = super()._act(action)
        faults = [state.fault for state in states.values() if state.fault]
        if faults:  # whatever else arrived with them is not used
            raise DeviceLostError(" ".join(faults))
        return states

    def _check_reaction(self) -> None:
        now_ns = self._clock.now_ns()
        age_ms = (now_ns - (self._state_stamp_ns or now_ns)) * MS_PER_NS
        if age_ms > self.bounds.reaction_ms:
            raise _refusal(f"action: got one computed from an observation {age_ms:.0f} ms old", self.bounds.reaction_ms)

    def _images(self, states: States) -> dict[str, np.ndarray]:
        """Return the newest images, if they and the arms' states may be used.

        Raises:
            StaleObservationError: they may not.
        """
        frames = {name: camera.read() for name, camera in self.cell.cameras.items()}
        state_ns = min(state.stamp_ns for state in states.values())
        now_ns = self._clock.now_ns()
        stamps = {name: frame.stamp_ns for name, frame in frames.items()}
        check_stamps(state_ns, stamps, now_ns, self.bounds)
        self._measure(state_ns, list(stamps.values()), now_ns)
        return {name: frame.image for name, frame in frames.items()}

    def _measure(self, state_ns: int, image_ns: list[int], now_ns: int) -> None:
        before_ns, acted_ns = self._state_stamp_ns, self._acted_ns
        spans_ns = (
            now_ns - state_ns,
            now_ns - min(image_ns) if image_ns else np.nan,
            max(abs(stamp - state_ns) for stamp in image_ns) if image_ns else np.nan,
            acted_ns - before_ns if acted_ns is not None and before_ns is not None else np.nan,
            now_ns - acted_ns if acted_ns is not None else np.nan,
        )
        self._timing = Timing(*[span * MS_PER_NS for span in spans_ns])
        self._state_stamp_ns = state_ns

    def _refuse(self, fault: str) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        info = {"success": False, "failure": False, "fault": fault, "refused": True, "episode": self._summary()}
        return {name: part.copy() for name, part in self._seen.items()}, 0.0, False, True, info


def check_stamps(state_ns: int, images_ns: dict[str, int], now_ns: int, bounds: Bounds) -> None:
    """Refuse parts of an observation that are too old, or too far apart.

    Raises:
        StaleObservationError: naming the part, its age and the bound.
    """
    ages = {"state": (now_ns - state_ns, bounds.state_age_ms)}
    ages |= {f"image of {name}": (now_ns - stamp_ns, bounds.image_age_ms) for name, stamp_ns in images_ns.items()}
    for part, (age_ns, bound_ms) in ages.items():
        if age_ns * MS_PER_NS > bound_ms:
            raise _refusal(f"{part}: got one {age_ns * MS_PER_NS:.0f} ms old", bound_ms)
    for name, stamp_ns in images_ns.items():
        apart_ms = abs(stamp_ns - state_ns) * MS_PER_NS
        if apart_ms > bounds.skew_ms:
            raise _refusal(f"image of {name}: got one {apart_ms:.0f} ms apart from the arm's state", bounds.skew_ms)


def _refusal(got: str, bound_ms: float) -> StaleObservationError:
    return StaleObservationError(f"{got}, expected at most {bound_ms:g} ms; the arm holds. See `robot-rl doctor ros`.")
