"""The control laws of two other projects, from their published formulas: oracles for tests, and baselines in the proof.

Plain NumPy, written for reading. Symbols as in ARCHITECTURE.md; `error` is (6,), reference minus arm, base frame.
"""

from dataclasses import dataclass

import numpy as np

POSTURE_TORQUE_MAX = 5.0  # [N m], of crisp_controllers


@dataclass(frozen=True)
class Situation:
    """One instant of an arm: state, model, and where its reference and posture are."""

    q: np.ndarray  # (N,)
    dq: np.ndarray  # (N,)
    J: np.ndarray  # (6, N)
    coriolis: np.ndarray  # (N,)
    error: np.ndarray  # (6,)
    posture: np.ndarray  # (N,)


@dataclass(frozen=True)
class BaselineGains:
    """Gains of both laws; damping is a constant diagonal."""

    stiffness: np.ndarray  # (6,)
    damping: np.ndarray  # (6,)
    clip: np.ndarray  # (6,) of the error, both sides
    posture_stiffness: float


def serl_torque(now: Situation, gains: BaselineGains) -> np.ndarray:
    """serl_franka_controllers: tau = J^T (K clip(e) - D J dq) + (I - J^T (J^T)^+) (k (q_0 - q) - 2 sqrt(k) dq) + C dq.

    Its orientation error is the vector part of a quaternion; here `error` is what it should have been, the full angle,
    and K carries half of the number.
    """
    task = now.J.T @ _wrench(now, gains)
    spring = gains.posture_stiffness * (now.posture - now.q)
    damper = 2.0 * np.sqrt(gains.posture_stiffness) * now.dq
    projector = np.eye(now.q.size) - now.J.T @ np.linalg.pinv(now.J.T)
    return task + projector @ (spring - damper) + now.coriolis


def crisp_torque(now: Situation, gains: BaselineGains) -> np.ndarray:
    """crisp_controllers: the same task torque; the posture's torque is clamped, then projected kinematically."""
    spring = gains.posture_stiffness * (now.posture - now.q)
    posture = np.clip(spring - 2.0 * np.sqrt(gains.posture_stiffness) * now.dq, -POSTURE_TORQUE_MAX, POSTURE_TORQUE_MAX)
    projector = np.eye(now.q.size) - np.linalg.pinv(now.J) @ now.J
    return now.J.T @ _wrench(now, gains) + projector @ posture + now.coriolis


def _wrench(now: Situation, gains: BaselineGains) -> np.ndarray:
    return gains.stiffness * np.clip(now.error, -gains.clip, gains.clip) - gains.damping * (now.J @ now.dq)
