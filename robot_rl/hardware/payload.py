"""Static identification of a payload: mass and centre of mass from the external wrench at rest in a few poses.

Beside the load that is set, a payload m at c (tool frame) exerts f = m g and, about the tool centre point,
R c x m g: linear in (m, m c), so that least squares over the poses gives both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robot_rl.core.errors import ConfigError

GRAVITY = np.array([0.0, 0.0, -9.81])  # in the base frame, z up [m/s^2]
POSES_MIN, TURN_MIN = 3, 0.1
LENGTH_M = 0.1  # weighs moments against forces


class Load(NamedTuple):
    """A payload beside the one that is set."""

    mass_kg: float
    com_m: np.ndarray  # (3,) in the tool frame
    residual_n: float  # root mean square of the force that it does not explain


def identify_load(rotations: Sequence[np.ndarray], wrenches: Sequence[np.ndarray]) -> Load:
    """Return the payload that explains the wrenches best.

    Args:
        rotations: R_base_tcp (3, 3) of each pose.
        wrenches: external wrench (6,) at the tool centre point in the base frame, of each pose [N, N m].

    Raises:
        ConfigError: too few poses, or none that turns the tool against gravity.
    """
    if len(rotations) < POSES_MIN:
        raise ConfigError(f"payload: got {len(rotations)} poses, expected {POSES_MIN} or more; turn the tool between.")
    rows = np.concatenate([_regressor(R) for R in rotations])
    scale = np.tile(np.repeat([1.0, 1.0 / LENGTH_M], 3), len(rotations))
    down = np.array([R.T @ GRAVITY for R in rotations]) / np.linalg.norm(GRAVITY)  # of unit length, in the tool frame
    turned = np.linalg.svd(down - down.mean(axis=0))[1][1]
    if turned < TURN_MIN:
        raise ConfigError("payload: got poses of one tilt, expected the tool turned about two axes; add tilted poses.")
    measured = np.concatenate(wrenches)
    solved = np.linalg.lstsq(scale[:, None] * rows, scale * measured, rcond=None)[0]
    off = (measured - rows @ solved).reshape(-1, 6)[:, :3]
    com = solved[1:] / solved[0] if abs(solved[0]) > 0.02 else np.zeros(3)
    return Load(float(solved[0]), com, float(np.sqrt(np.mean(off**2) * 3)))


def _regressor(R: np.ndarray) -> np.ndarray:
    """Return (6, 4): the wrench of a payload as a linear function of (m, m c)."""
    x, y, z = GRAVITY
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])  # g x
    return np.block([[GRAVITY[:, None], np.zeros((3, 3))], [np.zeros((3, 1)), -cross @ R]])
