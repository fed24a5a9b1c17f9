"""Whatever targets and gains do, they add no more energy than the account allows."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controllers.arm import Reason
from controllers.geometry import quat_from_matrix, rotation_error
from controllers.law.gains import make_gains
from tests.controllers.plant import DT_S, HOME, Rig, free_limits, pose_target

REFILL_W, TANK_J = 2.0, 0.5
TANK = {"energy_max_j": TANK_J, "energy_refill_w": REFILL_W}
ALONE = {"posture_stiffness": 0.0, "posture_damping": 0.0, "filter_time_s": 0.0, "force_limit": 1e3}


def metered_rig(**gains):
    settings = {"ramp_s": 0.0, "clip_lower": -0.3, "clip_upper": 0.3} | ALONE | gains
    return Rig(make_gains(HOME, **TANK, **settings), limits=free_limits())


def energy(rig):
    """Kinetic and spring energy [J]."""
    loop, state = rig.loop, rig.plant.state
    e = np.r_[loop.reference_p - state.p, rotation_error(quat_from_matrix(state.R), loop.reference_quat_xyzw)]
    c = np.clip(e, loop.gains.clip_lower, loop.gains.clip_upper)
    spring = np.sum(loop.gains.stiffness * (c * c / 2 + c * (e - c)))
    return rig.plant.kinetic_energy() + loop.stiffness_scale * loop.yield_scale * spring


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
@example(64507)  # turned from rest by 20 N m
@example(7606)
def test_wild_targets_and_gains_add_at_most_tank_and_refill(seed):
    rng = np.random.default_rng(seed)
    rig = metered_rig(wrench_max=20.0)
    rig.tick()
    for k in range(300):
        if k % 20 == 0:
            rig.target = pose_target(rig.plant.state, rng.normal(scale=0.3, size=3))
            rig.target.twist[:], rig.target.wrench[:] = rng.normal(size=6), rng.normal(scale=20.0, size=6)
            rig.gains = rig.gains.replaced(stiffness=rng.uniform(0.0, 900.0, 6))
        rig.run(DT_S)
        assert energy(rig) <= TANK_J + REFILL_W * rig.now_s


def test_without_the_account_the_same_targets_add_more():
    rig = metered_rig()
    rig.gains = rig.gains.replaced(energy_max_j=np.inf)
    rig.target = pose_target(rig.plant.state, (0.3, 0.0, 0.0))
    peak = 0.0
    for _ in range(700):
        rig.run(DT_S)
        peak = max(peak, energy(rig))
    assert peak > 2.0 * (TANK_J + REFILL_W * 0.7)


def test_a_stiffer_spring_under_load_must_be_paid_for():
    rig = metered_rig(stiffness=100.0)
    rig.target = pose_target(rig.plant.state, (0.05, 0.0, 0.0))
    rig.run(0.1, np.array([-20.0, 0, 0, 0, 0, 0]))
    rig.gains = rig.gains.replaced(stiffness=np.full(6, 5000.0))
    before = energy(rig)
    assert rig.tick() == Reason.ENERGY_LIMITED
    assert energy(rig) - before <= TANK_J + REFILL_W * DT_S + 1e-9
    assert rig.loop.stiffness_scale < 0.5


def test_slow_work_is_not_held_back():
    rig = metered_rig(filter_time_s=0.05, speed_max=(0.1, 0.5))
    start, reasons = rig.plant.state.p.copy(), set()
    goal = pose_target(rig.plant.state, (0.1, 0.0, -0.05))
    for _ in range(2000):
        rig.target.p[:] = goal.p
        reasons.add(rig.tick())
        rig.plant.step(rig.tau)
    assert reasons == {Reason.OK} and np.linalg.norm(rig.plant.state.p - start) == pytest.approx(0.112, abs=0.002)


def test_an_empty_tank_of_zero_size_lets_nothing_move_the_arm():
    """A bound of zero is a bound: only what the spring gives back may be spent."""
    rig = metered_rig(wrench_max=20.0)
    rig.gains = rig.gains.replaced(energy_max_j=0.0, energy_refill_w=0.0)
    rig.target = pose_target(rig.plant.state, (0.2, 0.0, 0.0))
    rig.target.wrench[0] = 20.0
    rig.run(0.3)
    assert energy(rig) < 1e-4
