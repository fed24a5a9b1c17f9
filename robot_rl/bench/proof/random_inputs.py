"""Random states, targets and gains in random workspaces, a million of them: no bound of the law may break."""

from __future__ import annotations

from typing import Any

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Mode, Target
from controllers.compilation import compiled
from controllers.law.gains import Gains
from controllers.law.tick import LoopState, activate, tick
from robot_rl.bench.proof.draws import draw_aim, draw_state, make_target
from robot_rl.bench.proof.runs import Bench
from robot_rl.bench.proof.settings import BoundsArray, Trial, bounds_of, random_trials
from robot_rl.bench.proof.violations import BOUNDS, SEEN, check_tick, remember
from robot_rl.sim.stepping import refresh_model

DT_MAX_S = 0.010
ROUNDS = 25


def count_violations(inputs: int, seed: int = 0) -> dict[str, int]:
    """Over `ROUNDS` times all kinds of settings: `inputs` tried, ticks beyond each of `BOUNDS`, and ticks of `SEEN`."""
    rng, total, tried = np.random.default_rng(seed), dict.fromkeys((*BOUNDS, *SEEN), 0), 0
    trials = [trial for _ in range(ROUNDS) for trial in random_trials(rng)]
    each = -(-inputs // len(trials))
    for index, trial in enumerate(trials):
        counts = try_trial(trial, bounds_of(trial), each, seed + index)
        total = {name: count + counts[name] for name, count in total.items()}
        tried += each
    return total | {"inputs": tried}


def try_trial(trial: Trial, bounds: BoundsArray, inputs: int, seed: int) -> dict[str, int]:
    """`BOUNDS` and `SEEN` of one run with these settings, held to these bounds."""
    bench = Bench(trial.gains, trial.limits)
    law = (bench.state, bench.dynamics, bench.target, trial.gains, bench.limits, bench.memory, bench.tau)
    counts = np.zeros(1, [(name, "i8") for name in (*BOUNDS, *SEEN)])
    vectors = (("p", 3), ("quat_xyzw", 4), ("wrench", 6), ("known", 6), ("aim", 7), ("drift", 6))
    fields: list[Any] = [(name, "i8") for name in ("mode", "holds", "taken", "manner")]
    fields += [(name, "f8", (size,)) for name, size in vectors] + [("spring_j", "f8"), ("left_j", "f8")]
    try_random(*(*bench.of_model, *law, bounds, trial.home, np.zeros(1, fields), inputs, seed, counts))
    return {name: int(counts[name][0]) for name in (*BOUNDS, *SEEN)}


@compiled
def try_random(
    model_address: int, data_address: int, anchors: np.ndarray, axes: np.ndarray, row_of_dof: np.ndarray,
    inertia: np.ndarray, bias: np.ndarray, state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains,
    limits: ArmLimits, memory: LoopState, tau: np.ndarray, bounds: np.ndarray, home: np.ndarray, notes: np.ndarray,
    inputs: int, seed: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Tick in random states with random targets, and count in `out` what breaks the bounds of `bounds`."""
    np.random.seed(seed)
    own, bound, previous, counts, now_s = memory[0], bounds[0], notes[0], out[0], 0.0
    previous.aim[:] = home
    for _ in range(inputs):
        if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
            activate(memory)
        dt_s = np.random.uniform(0.0001, 0.02)
        now_s += dt_s
        if bound.changing > 0.0 and np.random.random() < 0.05:
            for i in range(6):
                gains.stiffness[i] = bound.stiffness[i] * np.random.random()
                gains.damping_ratio[i] = bound.damping_ratio[i] * np.random.random()
        draw_state(state, limits, np.random.uniform(0.0, 1.5))
        draw_aim(own, previous, home, bound.cone_tool_axis, dt_s)
        make_target(previous.aim, target, now_s)
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        remember(state, own, previous)
        tick(state, dynamics, target, gains, limits, memory, dt_s, now_s, tau)
        check_tick(state, bound, own, previous, min(dt_s, DT_MAX_S), tau, counts)
