"""Random states, targets and gains in random workspaces, a million of them: no bound of the law may break.

The reference may start outside of its workspace, where the arm is. So it is held to this: each face and the cone it
keeps, or comes no further beyond than it was.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Mode, Target
from controllers.compilation import compiled, inner
from controllers.geometry import FloatArray, quat_exp, quat_from_matrix, quat_multiply, quat_normalised, rotation_error
from controllers.law.controller_state import ControllerState
from controllers.law.gains import Gains
from controllers.law.tick import Counter, LoopState, activate, tick
from robot_rl.bench.proof.runs import Bench
from robot_rl.bench.proof.settings import Promise, PromiseArray, Trial, promise, random_trials
from robot_rl.sim.stepping import refresh_model

EPS = 1e-9  # of a workspace's face [m], of the cone and of a turn [rad]; of a force, relative
EPS_TURN = 1e-4  # of the reference's turn along the cone's edge, relative: the edge is curved
EPS_SUM = 1e-6  # where the bound is on a difference of large numbers [N, N m, W, J]
NEAR = 1e-3  # so close to a face or to the cone counts as at its edge [m, rad]
DT_MAX_S = 0.010
ROUNDS = 25
JUMPING, WANDERING, STEADY = 0, 1, 2

BOUNDS = ("torque", "torque_rate", "force", "wrench", "fence", "posture", "box", "plane", "cone", "speed", "energy",
          "power", "velocity")  # fmt: skip
SEEN = ("following", "at_box", "at_plane", "at_cone", "wrench_seen", "energy_spent", "guards_seen")


class Found(Protocol):
    """A numpy record: ticks that broke each of `BOUNDS`, and how often the law was seen at its bounds (`SEEN`)."""

    torque: int
    torque_rate: int
    force: int
    wrench: int
    fence: int
    posture: int
    box: int
    plane: int
    cone: int
    speed: int
    energy: int
    power: int
    velocity: int
    following: int
    at_box: int
    at_plane: int
    at_cone: int
    wrench_seen: int
    energy_spent: int
    guards_seen: int


class Books(Protocol):
    """A numpy record: what was true before the tick."""

    mode: int
    holds: int
    taken: int
    manner: int  # of the targets: JUMPING, WANDERING or STEADY
    aim: FloatArray  # (7,) where the last target lay before it was broken [m], quat_xyzw
    drift: FloatArray  # (6,) of a steady target [m/s, rad/s]
    p: FloatArray  # (3,) of the reference [m]
    quat_xyzw: FloatArray  # (4,)
    wrench: FloatArray  # (6,) feed-forward that acted [N, N m]
    known: FloatArray  # (6,) whether it was seen
    spring_j: float
    left_j: float  # of the energy account, kept here once more


def count_violations(inputs: int, seed: int = 0) -> dict[str, int]:
    """Over `ROUNDS` times all kinds of settings: `inputs` tried, ticks beyond each of `BOUNDS`, and ticks of `SEEN`."""
    rng, total, tried = np.random.default_rng(seed), dict.fromkeys((*BOUNDS, *SEEN), 0), 0
    trials = [trial for _ in range(ROUNDS) for trial in random_trials(rng)]
    each = -(-inputs // len(trials))
    for index, trial in enumerate(trials):
        found = try_trial(trial, promise(trial), each, seed + index)
        total = {name: count + found[name] for name, count in total.items()}
        tried += each
    return total | {"inputs": tried}


def try_trial(trial: Trial, held_to: PromiseArray, inputs: int, seed: int) -> dict[str, int]:
    """`BOUNDS` and `SEEN` of one run with these settings, held to these bounds."""
    bench = Bench(trial.gains, trial.limits)
    law = (bench.state, bench.dynamics, bench.target, trial.gains, bench.limits, bench.memory, bench.tau)
    found = np.zeros(1, [(name, "i8") for name in (*BOUNDS, *SEEN)])
    vectors = (("p", 3), ("quat_xyzw", 4), ("wrench", 6), ("known", 6), ("aim", 7), ("drift", 6))
    fields: list[Any] = [(name, "i8") for name in ("mode", "holds", "taken", "manner")]
    fields += [(name, "f8", (size,)) for name, size in vectors] + [("spring_j", "f8"), ("left_j", "f8")]
    try_random(*(*bench.of_model, *law, held_to, trial.home, np.zeros(1, fields), inputs, seed, found))
    return {name: int(found[name][0]) for name in (*BOUNDS, *SEEN)}


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
def _move_on(books: Books, dt_s: float) -> None:
    """A steady target stays, or moves with its drift."""
    way, quat = books.drift, books.aim[3:]
    for i in range(3):
        books.aim[i] += way[i] * dt_s
    _turn_by(quat, way[3] * dt_s, way[4] * dt_s, way[5] * dt_s, quat)


@inner
def _take_aim(own: ControllerState, books: Books, home: FloatArray, tool: FloatArray, dt_s: float) -> None:
    if np.random.random() < 0.003:
        books.manner = np.random.randint(JUMPING, STEADY + 1)
    if books.manner == STEADY and np.random.random() > 0.005:
        _move_on(books, dt_s)
        return
    _draw_pose(own, home, tool, books.manner == WANDERING, books.aim)
    drifts = np.random.randint(0, 2)
    for i in range(6):
        books.drift[i] = drifts * (0.2 if i < 3 else 0.5) * np.random.normal()


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
def _spring_j(state: ArmState, own: ControllerState) -> float:
    """What the spring to the reference holds at the arm's pose [J]: the integral of the clipped force."""
    R, live, ref = own.live.task_R, own.live, own.reference_p
    turn = rotation_error(quat_from_matrix(state.R), own.reference_quat_xyzw)
    way = (ref[0] - state.p[0], ref[1] - state.p[1], ref[2] - state.p[2])
    total = 0.0
    for i in range(6):
        e, k = (way, i) if i < 3 else (turn, i - 3)
        x = R[0, k] * e[0] + R[1, k] * e[1] + R[2, k] * e[2]
        c = min(max(x, live.clip_lower[i]), live.clip_upper[i])
        total += live.stiffness[i] * c * (x - 0.5 * c)
    return own.stiffness_scale * own.yield_scale * total


@inner
def _tilt(quat: FloatArray, axis: FloatArray, tool: FloatArray) -> float:
    """The angle between the tool's axis and the cone's [rad]."""
    u = quat_multiply(quat_multiply(quat, (tool[0], tool[1], tool[2], 0.0)), (-quat[0], -quat[1], -quat[2], quat[3]))
    x, y, z = u[1] * axis[2] - u[2] * axis[1], u[2] * axis[0] - u[0] * axis[2], u[0] * axis[1] - u[1] * axis[0]
    return math.atan2(math.sqrt(x * x + y * y + z * z), u[0] * axis[0] + u[1] * axis[1] + u[2] * axis[2])


@inner
def _beyond(bound: Promise, p: FloatArray, face: int) -> float:
    """How far a position lies beyond a face [m]: six of the box, then the planes."""
    if face < 3:
        return bound.lower[face] - p[face]
    if face < 6:
        return p[face - 3] - bound.upper[face - 3]
    plane = bound.planes[face - 6]
    return plane[3] - (plane[0] * p[0] + plane[1] * p[1] + plane[2] * p[2])


@inner
def _note(state: ArmState, own: ControllerState, books: Books) -> None:
    """Before the tick."""
    books.mode, books.holds = own.mode, own.counters[Counter.HOLDS.value]
    books.taken = own.counters[Counter.TARGETS_TAKEN.value]
    books.p[:], books.quat_xyzw[:] = own.reference_p, own.reference_quat_xyzw
    books.spring_j = _spring_j(state, own)


@inner
def _check_command(
    state: ArmState, bound: Promise, own: ControllerState, step_s: float, tau: FloatArray, found: Found
) -> None:  # fmt: skip
    bad_torque, bad_rate, bad_speed, free, power = False, False, False, True, 0.0
    for i in range(tau.shape[0]):
        largest, step = bound.tau_max[i], bound.tau_rate_max[i] * step_s
        change = abs(tau[i] - min(max(state.tau[i], -largest), largest))
        bad_torque = bad_torque or not abs(tau[i]) <= largest + EPS
        bad_rate = bad_rate or not change <= step + EPS
        free = free and abs(tau[i]) < largest - EPS and change < step - EPS
        drive = (tau[i] - own.work.tau_own[i]) * math.copysign(1.0, state.dq[i])
        power += drive * abs(state.dq[i])
        bad_speed = bad_speed or (abs(state.dq[i]) >= bound.dq_max[i] and not drive <= EPS_SUM)
    found.torque += bad_torque
    found.torque_rate += bad_rate
    if free and own.mode != Mode.FAULT.value:  # torque and rate guards come last: what they changed is theirs
        found.guards_seen += 1
        found.power += not power <= bound.power_max + EPS_SUM
        found.velocity += bad_speed


@inner
def _check_forces(bound: Promise, own: ControllerState, found: Found) -> None:
    bad, work = False, own.work
    for i in range(6):
        bad = bad or not abs(work.wrench[i] + work.drag[i]) <= bound.cap[i] * (1.0 + EPS) + EPS
    found.force += bad
    bad = False
    for block in range(2):
        x, y, z = work.fence[3 * block], work.fence[3 * block + 1], work.fence[3 * block + 2]
        bad = bad or not math.sqrt(x * x + y * y + z * z) <= bound.fence_force_max[block] * (1.0 + EPS)
    found.fence += bad
    found.posture += not np.abs(work.tau_posture).max() <= bound.posture_torque_max * (1.0 + EPS)


@inner
def _check_wrench(
    bound: Promise, own: ControllerState, books: Books, step_s: float, started: bool, found: Found
) -> None:
    """The feed-forward that acted: within its bound, and as near to the one asked for as its rate allows."""
    work, live, goal, bad = own.work, own.live, own.goal, False
    twisting = np.abs(goal.twist).max() > 0.0
    if own.yield_scale < 1.0 or bound.energy_max_j < math.inf or bound.operational_space != 0.0:
        return  # these may take any part of it away
    for i in range(6):
        drive, asked = work.wrench[i] + work.drag[i], 0.0
        acted = drive - work.spring[i] - live.integral[i]
        for j in range(6):
            acted -= own.damping[i, j] * work.twist_goal[j]
        for j in range(3):
            asked += live.task_R[j, i % 3] * goal.wrench[i - i % 3 + j]
        asked = min(max(asked, -bound.wrench_max[i]), bound.wrench_max[i])
        step, before = bound.wrench_rate_max[i] * step_s, 0.0 if started else books.wrench[i]
        if not twisting:  # else the sum of both is cut off at the force cap, and its parts are not seen
            bad = bad or not abs(acted) <= bound.wrench_max[i] + EPS_SUM
        if not twisting and (started or books.known[i] > 0.0):
            bad = bad or not abs(acted - before) <= step + EPS_SUM
            bad = bad or not abs(acted - asked) <= max(abs(before - asked) - step, 0.0) + EPS_SUM
            found.wrench_seen += 1
        books.wrench[i], books.known[i] = acted, 0.0 if twisting else 1.0
    found.wrench += bad


@inner
def _check_reference(
    state: ArmState, bound: Promise, own: ControllerState, books: Books, step_s: float, found: Found
) -> None:  # fmt: skip
    """Each face and the cone are kept, or the reference comes no further beyond them than it was."""
    p, quat, bad_box, bad_plane, at_box, at_plane = own.reference_p, own.reference_quat_xyzw, False, False, False, False
    for face in range(6 + bound.planes.shape[0]):
        beyond = _beyond(bound, p, face)
        bad = not beyond <= max(_beyond(bound, books.p, face), 0.0) + EPS
        if face < 6:
            bad_box, at_box = bad_box or bad, at_box or abs(beyond) < NEAR
        else:
            bad_plane, at_plane = bad_plane or bad, at_plane or abs(beyond) < NEAR
    found.box += bad_box
    found.plane += bad_plane
    found.at_box += at_box
    found.at_plane += at_plane
    if bound.cone_rad < math.pi:
        beyond = _tilt(quat, bound.cone_axis, bound.cone_tool_axis) - bound.cone_rad
        before = _tilt(books.quat_xyzw, bound.cone_axis, bound.cone_tool_axis) - bound.cone_rad
        found.cone += not beyond <= max(before, 0.0) + EPS
        found.at_cone += abs(beyond) < NEAR
    way, turn = p - books.p, rotation_error(books.quat_xyzw, quat)
    far = math.sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2])
    turned = math.sqrt(turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2])
    turn_max = bound.speed_max[1] * step_s * (1.0 + EPS_TURN)
    found.speed += not (far <= bound.speed_max[0] * step_s + EPS and turned <= turn_max + EPS)


@inner
def _check_energy(
    state: ArmState, bound: Promise, own: ControllerState, books: Books, step_s: float, started: bool, found: Found
) -> None:  # fmt: skip
    """What targets, gains and feed-forward added at the arm's pose: in one burst and lastingly no more than allowed."""
    if bound.energy_max_j == math.inf:
        return
    work, fed_w, gain_w_per_s = own.work, 0.0, 0.0
    for i in range(6):
        forward = work.wrench[i] + work.drag[i] - work.spring[i]
        fed_w += forward * work.twist[i]
        for j in range(6):
            gain_w_per_s += forward * work.mobility[i, j] * (work.wrench[j] + work.drag[j])
    before_j = 0.0 if started else books.spring_j
    left_j = bound.energy_max_j if started else min(books.left_j + bound.energy_refill_w * step_s, bound.energy_max_j)
    added_j = _spring_j(state, own) - before_j
    books.left_j = min(left_j - added_j, bound.energy_max_j) - max(fed_w, 0.0) * step_s
    books.left_j -= 0.5 * max(gain_w_per_s, 0.0) * step_s * step_s
    found.energy += books.left_j < -EPS_SUM
    found.energy_spent += books.left_j < 0.01 * bound.energy_max_j
    books.left_j = max(books.left_j, 0.0)


@inner
def _check(
    state: ArmState, bound: Promise, own: ControllerState, books: Books, step_s: float, tau: FloatArray, found: Found
) -> None:  # fmt: skip
    """After the tick."""
    _check_command(state, bound, own, step_s, tau, found)
    if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
        return
    found.following += 1
    started = books.mode == Mode.ACTIVATING.value
    woken = books.mode == Mode.DAMPING.value and own.counters[Counter.TARGETS_TAKEN.value] > books.taken
    if started or woken or own.counters[Counter.HOLDS.value] > books.holds:  # it began anew, from the arm's pose
        quat = quat_from_matrix(state.R)
        for i in range(3):
            books.p[i] = state.p[i]
        for i in range(4):
            books.quat_xyzw[i] = quat[i]
    _check_forces(bound, own, found)
    _check_wrench(bound, own, books, step_s, started, found)
    _check_reference(state, bound, own, books, step_s, found)
    _check_energy(state, bound, own, books, step_s, started, found)


@compiled
def try_random(
    model_address: int, data_address: int, anchors: np.ndarray, axes: np.ndarray, row_of_dof: np.ndarray,
    inertia: np.ndarray, bias: np.ndarray, state: ArmState, dynamics: ArmDynamics, target: Target, gains: Gains,
    limits: ArmLimits, memory: LoopState, tau: np.ndarray, held_to: np.ndarray, home: np.ndarray, notes: np.ndarray,
    inputs: int, seed: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Tick in random states with random targets, and count in `out` what breaks the bounds of `held_to`."""
    np.random.seed(seed)
    own, bound, books, found, now_s = memory[0], held_to[0], notes[0], out[0], 0.0
    books.aim[:] = home
    for _ in range(inputs):
        if own.mode == Mode.FAULT.value or own.mode == Mode.IDLE.value:
            activate(memory)
        dt_s = np.random.uniform(0.0001, 0.02)
        now_s += dt_s
        if bound.changing > 0.0 and np.random.random() < 0.05:
            for i in range(6):
                gains.stiffness[i] = bound.stiffness[i] * np.random.random()
                gains.damping_ratio[i] = bound.damping_ratio[i] * np.random.random()
        _draw(state, limits, np.random.uniform(0.0, 1.5))
        _take_aim(own, books, home, bound.cone_tool_axis, dt_s)
        _make_target(books.aim, target, now_s)
        refresh_model(model_address, data_address, anchors, axes, row_of_dof, inertia, bias, state.p, dynamics)
        _note(state, own, books)
        tick(state, dynamics, target, gains, limits, memory, dt_s, now_s, tau)
        _check(state, bound, own, books, min(dt_s, DT_MAX_S), tau, found)
