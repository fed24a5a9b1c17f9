"""The law's bounds over a million random states, targets and gains in random workspaces."""

import math

import numpy as np

from controllers.arm import ArmLimits, ArmState, Mode, Reason, Target
from controllers.compilation import compiled, inner
from controllers.geometry import FloatArray, quat_exp, quat_multiply, quat_normalised
from controllers.law.controller_state import ControllerState
from controllers.law.joint_motion import end_motion, keep_motion, quintic, start_guiding, start_motion
from controllers.law.tick import ControlLoop, activate, fail, recover, tick
from controllers.records import make_record
from robot_rl.bench.arm import N
from robot_rl.bench.proof.checks import check, note
from robot_rl.bench.proof.counts import BOUNDS, SEEN, Counts, Previous
from robot_rl.bench.proof.runs import Bench
from robot_rl.bench.proof.settings import Bounds, Trial, bounds_of, random_trials
from robot_rl.sim.stepping import ModelViews, refresh_model

DT_MAX_S = 0.010
ROUNDS = 25
JUMPING, WANDERING, STEADY = 0, 1, 2


def count_violations(inputs: int, seed: int = 0) -> dict[str, int]:
    """Return over `ROUNDS` times all kinds of settings `inputs`, ticks beyond each of `BOUNDS`, and ticks of `SEEN`."""
    rng, total, tried = np.random.default_rng(seed), dict.fromkeys((*BOUNDS, *SEEN), 0), 0
    trials = [trial for _ in range(ROUNDS) for trial in random_trials(rng)]
    each = -(-inputs // len(trials))
    for index, trial in enumerate(trials):
        counts = try_trial(trial, bounds_of(trial), each, seed + index)
        total = {name: count + counts[name] for name, count in total.items()}
        tried += each
    return total | {"inputs": tried}


def try_trial(trial: Trial, bounds: Bounds, inputs: int, seed: int) -> dict[str, int]:
    """Return `BOUNDS` and `SEEN` of one run with these settings, checked against these bounds."""
    bench, counts = Bench(trial.gains, trial.limits), make_record(Counts, N)
    previous = make_record(Previous, N, aim=trial.home)
    try_random(bench.views, bench.loop, bounds, trial.home, previous, inputs, seed, counts)
    return {name: int(counts[name][0]) for name in Counts.fields}


@inner
def _draw(state: ArmState, limits: ArmLimits, wild: float) -> None:
    """Joint positions up to a tenth beyond the stops, speeds up to `wild` times the limit, any torque within limits."""
    for i in range(state.q.shape[0]):
        span = limits.q_upper[i] - limits.q_lower[i]
        state.q[i] = limits.q_lower[i] + span * np.random.uniform(-0.1, 1.1)
        state.dq[i] = wild * limits.dq_max[i] * np.random.uniform(-1.0, 1.0)
        state.tau[i] = min(limits.tau_max[i], 100.0) * np.random.uniform(-1.2, 1.2)


@inner
def _turn_by(quat: FloatArray, x: float, y: float, z: float, out: FloatArray) -> None:
    q = quat_normalised(quat_multiply(quat_exp((x, y, z)), quat))
    for i in range(4):
        out[i] = q[i]


@inner
def _turn(quat: FloatArray, size_rad: float, out: FloatArray) -> None:
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    _turn_by(quat, size_rad * x, size_rad * y, size_rad * z, out)


@inner
def _upside_down(home: FloatArray, tool: FloatArray, out: FloatArray) -> None:
    """The tool against the cone's axis, but for something between nothing and a radian."""
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    x, y, z = tool[1] * z - tool[2] * y, tool[2] * x - tool[0] * z, tool[0] * y - tool[1] * x
    scale = math.pi / math.sqrt(x * x + y * y + z * z)
    quat = quat_multiply(home[3:], quat_exp((scale * x, scale * y, scale * z)))
    _turn(np.array(quat), 10.0 ** np.random.uniform(-20.0, 0.0), out)


@inner
def _draw_pose(own: ControllerState, home: FloatArray, tool: FloatArray, wandering: bool, aim: FloatArray) -> None:
    """A step from the last goal; or anywhere within 2 m, in any orientation, now and then in the workspace."""
    kind = np.random.randint(0, 12)
    if wandering and kind != 0:
        for i in range(3):
            aim[i] = own.goal.p[i] + 0.03 * np.random.normal()
        _turn(own.goal.quat_xyzw, 0.1, aim[3:])
        return
    reach = 0.02 if kind == 0 else 2.0 * np.random.random() ** 2
    for i in range(3):
        aim[i] = home[i] + reach * np.random.uniform(-1.0, 1.0)
    if kind == 1:
        _upside_down(home, tool, aim[3:])
    else:
        _turn(home[3:], 0.02 if kind == 0 else 3.0 * np.random.random(), aim[3:])


@inner
def _move_on(previous: Previous, dt_s: float) -> None:
    """A steady target stays, or moves with its drift."""
    way, quat = previous.drift, previous.aim[3:]
    for i in range(3):
        previous.aim[i] += way[i] * dt_s
    _turn_by(quat, way[3] * dt_s, way[4] * dt_s, way[5] * dt_s, quat)


@inner
def _take_aim(own: ControllerState, previous: Previous, home: FloatArray, tool: FloatArray, dt_s: float) -> None:
    if np.random.random() < 0.003:
        previous.manner = np.random.randint(JUMPING, STEADY + 1)
    if previous.manner == STEADY and np.random.random() > 0.005:
        _move_on(previous, dt_s)
        return
    _draw_pose(own, home, tool, previous.manner == WANDERING, previous.aim)
    drifts = np.random.randint(0, 2)
    for i in range(6):
        previous.drift[i] = drifts * (0.2 if i < 3 else 0.5) * np.random.normal()


@inner
def _make_target(aim: FloatArray, target: Target, now_s: float) -> None:
    """A pose with feed-forward, one in two without a twist; one in eight is broken in some way."""
    for i in range(3):
        target.p[i] = aim[i]
    for i in range(4):
        target.quat_xyzw[i] = aim[3 + i]
    still = 0.0 if np.random.random() < 0.5 else 1.0
    for i in range(6):
        target.twist[i], target.wrench[i] = still * np.random.normal(), 50.0 * np.random.normal()
    target.stamp_s[0] = now_s
    broken = np.random.randint(0, 48)
    if broken == 0:
        target.p[np.random.randint(0, 3)] = np.nan
    elif broken == 1:
        for i in range(4):
            target.quat_xyzw[i] *= np.random.uniform(0.0, 3.0)
    elif broken == 2:
        target.wrench[np.random.randint(0, 6)] = np.inf
    elif broken == 3:
        target.stamp_s[0] = now_s + np.random.uniform(-2.0, 2.0)
    elif broken == 4:
        target.twist[np.random.randint(0, 6)] = -np.inf
    elif broken == 5:
        for i in range(3):
            target.p[i] = 1e6 * np.random.normal()


@inner
def _restart(loop: ControlLoop, now_s: float) -> None:
    """After a fault, of which one in 300 ticks is the arm's own: back off in two of three cases, else activate."""
    own = loop.memory[0]
    if own.mode == Mode.ACTIVE.value and np.random.random() < 0.003:
        fail(loop.memory, Reason.ROBOT_STOPPED.value)
    if own.mode == Mode.FAULT.value and np.random.random() < 0.7:
        recover(loop.memory, loop.gains, now_s)
    if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
        activate(loop.memory)


@inner
def _move_joints(loop: ControlLoop, now_s: float) -> None:
    """Now and then a joint motion or guiding, near its path and slow in most ticks; its client falls silent."""
    own, state = loop.memory[0], loop.state
    if own.mode == Mode.ACTIVE.value and np.random.random() < 0.01:
        kind, number = np.random.randint(0, 2), own.motion_number + 1
        if kind == 0:
            start_motion(loop, number, state.q + np.random.uniform(-1.0, 1.0), np.random.uniform(0.1, 3.0), now_s)
        else:
            start_guiding(loop, number, now_s)
    if own.mode != Mode.JOINT_MOTION.value and own.mode != Mode.GUIDING.value:
        return
    if np.random.random() < 0.95:
        keep_motion(loop, now_s)
    if np.random.random() < 0.01:
        end_motion(loop, own.motion_number + 1, Reason.OK.value)
    slow, motion = 10.0 ** np.random.uniform(-3.0, 0.0), own.motion
    s = quintic(motion.elapsed_s / motion.duration_s)[0] if own.mode == Mode.JOINT_MOTION.value else 0.0
    for k in range(state.q.shape[0]):
        state.dq[k] *= slow
        if own.mode == Mode.JOINT_MOTION.value:
            way = motion.q_goal[k] - motion.q_start[k]
            state.q[k] = motion.q_start[k] + s * way + 0.1 * np.random.normal() * slow


@compiled
def try_random(
    views: ModelViews, loop: ControlLoop, held_to: Bounds, home: np.ndarray, notes: Previous, inputs: int, seed: int,
    out: Counts,
) -> None:  # fmt: skip
    """Tick in random states with random targets, and count in `out` what breaks the bounds of `held_to`."""
    np.random.seed(seed)
    state, own, bound, previous, counts, now_s = loop.state, loop.memory[0], held_to[0], notes[0], out[0], 0.0
    for _ in range(inputs):
        dt_s = np.random.uniform(0.0001, 0.02)
        now_s += dt_s
        _restart(loop, now_s)
        if bound.changing > 0.0 and np.random.random() < 0.05:
            for i in range(6):
                loop.gains[0].stiffness[i] = bound.stiffness[i] * np.random.random()
                loop.gains[0].damping_ratio[i] = bound.damping_ratio[i] * np.random.random()
        _draw(state, loop.limits, np.random.uniform(0.0, 1.5))
        _move_joints(loop, now_s)
        _take_aim(own, previous, home, bound.cone_tool_axis, dt_s)
        _make_target(previous.aim, loop.target, now_s)
        refresh_model(views, state.p, loop.dynamics)
        note(state, own, previous)
        tick(loop, dt_s, now_s)
        check(state, loop.dynamics.M, bound, own, previous, min(dt_s, DT_MAX_S), loop.tau, counts)
