"""Variations of a simulated task that its training did not have: what they change, at which levels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from controllers.law.gains import make_gains
from robot_rl.core.errors import ConfigError, unknown_name
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S, Outcome
from robot_rl.envs.arm_env import ArmEnv
from robot_rl.envs.episodes import EpisodeSource
from robot_rl.envs.simulated import SimulatedEpisodes
from robot_rl.hardware.disturbed import DisturbedRobot
from robot_rl.sim.simulation import Simulation

PUSH_S = 0.3
"""How long a push lasts [s]."""
PUSH_FROM_S = (0.5, 2.0)
"""When it begins [s]."""


class Varied(NamedTuple):
    """What a variation may change."""

    simulation: Simulation
    robot: DisturbedRobot
    cameras: tuple[str, ...]


Begin = Callable[[Varied, float, np.random.Generator], Sequence[tuple[np.ndarray, np.ndarray]]]
"""Prepares an episode for a level; returns arrays of the model with the values that they shall have in it."""


class Kind(NamedTuple):
    """One kind of variation."""

    text: str
    unit: str
    nominal: float
    levels: tuple[float, ...]
    begin: Begin
    needs_cameras: bool = False
    highest: float = 100.0


class Variation(NamedTuple):
    """One kind at one level; the nominal level is the task as it was trained."""

    kind: str
    level: float


def parse_variations(words: Sequence[str], cameras: bool = True) -> list[Variation]:
    """Return the variations of `NAME` or `NAME=LEVEL,LEVEL`; of all kinds where none is named.

    Args:
        cameras: whether the policy sees images; kinds that change these alone are else left out, or refused by name.

    Raises:
        ConfigError: an unknown kind, a level that is no number, not positive or too high, or images for a policy
            without cameras.

    Example:
        >>> parse_variations(["push=5,10"])
        [Variation(kind='push', level=5.0), Variation(kind='push', level=10.0)]
    """
    named = list(words) or [name for name, kind in KINDS.items() if cameras or not kind.needs_cameras]
    found = []
    for word in named:
        name, _, levels = word.partition("=")
        if name not in KINDS:
            raise unknown_name("variation", name, KINDS)
        if KINDS[name].needs_cameras and not cameras:
            raise ConfigError(f"variation: got {name!r} of a policy without cameras, expected another kind; omit it.")
        found += [Variation(name, level) for level in (_levels(name, levels) if levels else KINDS[name].levels)]
    return found


def _levels(name: str, text: str) -> list[float]:
    try:
        levels = [float(word) for word in text.split(",")]
    except ValueError:
        levels = []
    if not levels or not all(0 < level <= KINDS[name].highest for level in levels):
        raise ConfigError(
            f"{name}: got {text!r}, expected positive numbers up to {KINDS[name].highest:g}; for example "
            f"{name}={KINDS[name].levels[0]}."
        )
    return levels


class VariedEpisodes(EpisodeSource):
    """Episodes of a simulation under a variation: the scenes are the same ones, whatever varies.

    `variation` may be changed between two episodes; None leaves the task as it is.
    """

    def __init__(self, episodes: SimulatedEpisodes, varied: Varied) -> None:
        self.variation: Variation | None = None
        self.simulation = episodes.simulation
        self._episodes, self._varied, self._gains = episodes, varied, episodes.simulation.gains
        self._before: list[tuple[np.ndarray, np.ndarray]] = []

    def reset(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Draw a new scene, then vary it."""
        for array, values in self._before:
            array[:] = values
        self._varied.robot.begin()
        self._varied.robot.delay_s = 0.0
        self.simulation.gains = self._gains
        additions = self._episodes.reset(rng)
        changed: Sequence[tuple[np.ndarray, np.ndarray]] = ()
        if self.variation is not None:
            changed = KINDS[self.variation.kind].begin(self._varied, self.variation.level, rng)
        self._before = [(array, array.copy()) for array, _ in changed]
        for array, values in changed:
            array[:] = values
        self.simulation.refresh_cameras()  # else the first image is of the old pose
        return additions

    def outcome(self) -> Outcome:
        """Return ground truth."""
        return self._episodes.outcome()

    def expert_action(self, targets: Mapping[str, Pose]) -> np.ndarray:
        """Return the scripted expert's action (A,) float32."""
        return self._episodes.expert_action(targets)

    def object_state(self) -> np.ndarray:
        """Return the object's state, for the ablation without cameras."""
        return self._episodes.object_state()


def vary(env: ArmEnv) -> VariedEpisodes:
    """Put an arm that can be disturbed, and episodes that vary, into a simulated environment; return the latter.

    Raises:
        ConfigError: the environment is not simulated, or ground truth does not judge it.
    """
    inner = env.cell.episodes
    if not isinstance(inner, SimulatedEpisodes):
        raise ConfigError(f"variation: got {env}, expected a simulated environment that ground truth judges.")
    robot = DisturbedRobot(inner.simulation)
    episodes = VariedEpisodes(inner, Varied(inner.simulation, robot, tuple(env.cell.cameras)))
    env.cell = replace(env.cell, robots=dict.fromkeys(env.cell.robots, robot), episodes=episodes)
    return episodes


def _friction(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    friction = varied.simulation.model.geom_friction
    return [(friction, friction * np.array([level, 1.0, 1.0]))]


def _softness(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    solref = varied.simulation.model.geom_solref
    return [(solref, solref * np.array([level, 1.0]))]


def _stiffness(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    simulation = varied.simulation
    gains = simulation.task.arm.controller_gains
    scaled = gains | {"stiffness": [level * entry for entry in gains["stiffness"]]}
    try:
        simulation.gains = make_gains(simulation.home, ramp_s=0.0, **scaled)
    except ValueError as error:
        raise ConfigError(f"stiffness: got {level} of the task's, which the controller refuses: {error}") from error
    return []


def _light(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    model = varied.simulation.model
    lamps = (model.light_diffuse, model.vis.headlight.diffuse, model.vis.headlight.ambient)
    return [(lamp, level * lamp) for lamp in lamps]


def _camera_shift(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    places = varied.simulation.model.cam_pos
    return [(places, places + level / 1000 * _directions(rng, len(places)))]


def _camera_turn(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    quats = varied.simulation.model.cam_quat
    half_rad, axes = np.deg2rad(level) / 2, _directions(rng, len(quats))
    w, v = quats[:, :1], quats[:, 1:]
    turned = np.cos(half_rad) * quats + np.sin(half_rad) * np.hstack(
        [-(v * axes).sum(axis=1, keepdims=True), w * axes + np.cross(v, axes)]
    )  # q (cos, sin axis), scalar first
    return [(quats, turned)]


def _delay(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    simulation, varied.robot.delay_s = varied.simulation, level / 1000
    hold = simulation.T_base_target
    for time_s in np.arange(0.0, level / 1000, PERIOD_S):  # commands from before are on their way still: no silence
        varied.robot.at(simulation.time_s + time_s, lambda: simulation.set_target(hold))
    return []


def _push(varied: Varied, level: float, rng: np.random.Generator) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    simulation, start_s, angle = varied.simulation, rng.uniform(*PUSH_FROM_S), rng.uniform(-np.pi, np.pi)
    wrench = simulation.data.xfrc_applied[simulation.model.body("hand").id]
    force = level * np.array([np.cos(angle), np.sin(angle), 0.0])
    varied.robot.at(start_s, lambda: wrench.__setitem__(slice(3), force))
    varied.robot.at(start_s + PUSH_S, lambda: wrench.__setitem__(slice(3), 0.0))
    return []


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return random unit vectors (count, 3)."""
    vectors = rng.normal(size=(count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


KINDS: dict[str, Kind] = {
    "friction": Kind("friction of all surfaces", "x", 1.0, (0.5, 0.75, 1.5), _friction),
    "softness": Kind("softness of contacts, their time constant", "x", 1.0, (2.5, 5.0), _softness),
    "stiffness": Kind("stiffness of the arm's controller", "x", 1.0, (0.5, 0.75), _stiffness),
    "light": Kind("brightness of the lamps", "x", 1.0, (0.5, 0.75, 1.5), _light, True),
    "camera-shift": Kind("cameras displaced in a random direction", "mm", 0.0, (5.0, 10.0, 20.0), _camera_shift, True),
    "camera-turn": Kind("cameras turned about a random axis", "deg", 0.0, (0.5, 1.0, 2.0), _camera_turn, True),
    "delay": Kind("delay of each command", "ms", 0.0, (50.0, 100.0, 200.0), _delay, highest=1e3),
    "push": Kind(f"push of the hand for {PUSH_S} s, sideways, at a random moment", "N", 0.0, (5.0, 10.0, 20.0), _push),
}
"""Name -> what varies; each level is one row of `robot-rl robustness`."""
