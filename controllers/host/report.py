"""What the loop says of itself after each tick, written into the mailbox's state in one compiled call."""

from __future__ import annotations

import numpy as np

from controllers.arm import ArmDynamics, ArmState
from controllers.compilation import compiled
from controllers.geometry import FloatArray
from controllers.law.controller_state import LoopState


@compiled
def report(
    state: ArmState, dynamics: ArmDynamics, memory: LoopState, tau: FloatArray, reason: int, now_s: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Fill the slot's copy `out` (1,): what the arm, the law and the guards have changed since the last tick.

    `tau` (N,) is the command [N m], `reason` the tick's, `now_s` the host's time [s].
    """
    own, told = memory[0], out[0]
    told.stamp_s, told.state_stamp_s, told.target_stamp_s = now_s, state.stamp_s[0], own.goal.stamp_s
    told.mode, told.reason, told.fault = own.mode, reason, own.fault
    told.tank_j, told.yield_scale = own.tank_j, own.yield_scale
    for k in range(tau.shape[0]):
        told.q[k], told.dq[k], told.tau[k] = state.q[k], state.dq[k], tau[k]
        told.tau_external[k] = own.tau_external[k]
    for i in range(3):
        told.p[i], told.reference_p[i] = state.p[i], own.reference_p[i]
        for j in range(3):
            told.R[i, j] = state.R[i, j]
    for i in range(4):
        told.reference_quat_xyzw[i] = own.reference_quat_xyzw[i]
    for i in range(6):
        told.wrench[i], told.external_wrench[i] = own.work.wrench[i], own.work.external[i]
        for k in range(tau.shape[0]):
            told.J[i, k] = dynamics.J[i, k]
    for i in range(own.counters.shape[0]):
        told.counters[i] = own.counters[i]
