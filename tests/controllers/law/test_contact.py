"""The arm knows what pushes against it, and yields where that is too much."""

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.law.gains import make_gains
from tests.controllers.plant import DT_S, HOME, Rig, free_limits, pose_target

WATCH = {"contact_force_max": (1e6, 1e6)}  # estimates, and never yields


def rig_with(**options):
    return Rig(make_gains(HOME, ramp_s=0.0, **options))


@pytest.mark.parametrize("axis", range(6))
def test_the_estimate_finds_a_known_wrench(axis):
    rig, wrench = rig_with(**WATCH), np.zeros(6)
    wrench[axis] = 8.0 if axis < 3 else 1.5
    rig.run(1.5, wrench)
    np.testing.assert_allclose(rig.loop.work.external_wrench, wrench, atol=0.15)


def test_free_motion_is_no_contact():
    rig, worst = rig_with(**WATCH), 0.0
    for k in range(1500):
        rig.target = pose_target(rig.plant.state)
        rig.target.p[:] = rig.plant.state.p + 0.03 * np.array([np.sin(0.01 * k), np.cos(0.01 * k), 0.0])
        rig.run(DT_S)
        worst = max(worst, np.linalg.norm(rig.loop.work.external_wrench[:3]))
    assert worst < 3.0


def test_the_robots_own_estimate_is_used_where_there_is_one():
    rig = rig_with(**WATCH)
    tau = rig.plant.dynamics.J.T @ np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0])
    rig.plant.state = rig.plant.state._replace(tau_external=tau)
    for _ in range(200):  # ten time constants of the estimate
        rig.tick()
    np.testing.assert_allclose(rig.loop.work.external_wrench, [0.0, 0.0, -5.0, 0.0, 0.0, 0.0], atol=1e-6)
    rig.plant.state.tau_external.fill(np.nan)  # not known today
    for _ in range(200):
        rig.tick()
    assert np.abs(rig.loop.work.external_wrench).max() < 1e-6


class Wall:
    """A stiff wall at x = place [m]: pushes the tool back, never pulls."""

    def __init__(self, rig, place):
        self.rig, self.place, self.force = rig, place, 0.0

    def run(self, seconds, fresh=True):
        forces = []
        for _ in range(round(seconds / DT_S)):
            state = self.rig.plant.state
            depth, speed = state.p[0] - self.place, (self.rig.plant.dynamics.J @ state.dq)[0]
            self.force = max(0.0, 2e4 * depth + 200.0 * speed) if depth > 0.0 else 0.0
            self.rig.run(DT_S, np.array([-self.force, 0, 0, 0, 0, 0]), fresh=fresh)
            forces.append(self.force)
        return np.array(forces)


def pressed(**options):
    """Against a wall 2 cm ahead with a target 6 cm behind it: 0.05 m * 600 N/m = 30 N if nothing yields."""
    rig = rig_with(**options)
    wall = Wall(rig, rig.plant.state.p[0] + 0.02)
    rig.target = pose_target(rig.plant.state, (0.08, 0.0, 0.0))
    return rig, wall, wall.run(2.0)


def test_the_arm_presses_with_its_stiffness_up_to_the_force_limit():
    assert pressed()[2][-1] == pytest.approx(30.0, abs=0.5)
    rig, _, forces = pressed(contact_force_max=(10.0, 5.0))
    assert forces[-500:].mean() == pytest.approx(10.0, rel=0.1) and forces[-500:].max() < 12.0
    assert rig.loop.mode == Mode.ACTIVE


def test_a_yielding_arm_reports_it_and_returns_after_the_push():
    rig, push = rig_with(contact_force_max=(10.0, 5.0)), np.array([0.0, 30.0, 0, 0, 0, 0])
    start = rig.plant.state.p.copy()
    reasons = set()
    for _ in range(400):
        reasons.add(rig.tick())
        rig.plant.step(rig.tau, push)
    assert Reason.FORCE_LIMITED in reasons
    assert rig.plant.state.p[1] - start[1] > 0.06  # the bare spring would stop after 5 cm
    rig.run(3.0)
    assert np.linalg.norm(rig.plant.state.p - start) < 2e-3 and rig.loop.yield_scale == 1.0


def test_a_contact_limit_of_zero_yields_to_every_touch():
    rig = rig_with(contact_force_max=(0.0, 0.0))
    rig.run(0.3, np.array([0.0, 5.0, 0, 0, 0, 0]))
    assert rig.loop.yield_scale == 0.0


def test_a_client_that_dies_while_it_pushes_keeps_its_force_while_it_may_be_late_and_ends_without():
    rig = rig_with()
    wall = Wall(rig, rig.plant.state.p[0] + 0.02)
    rig.target = pose_target(rig.plant.state, (0.08, 0.0, 0.0))
    wall.run(1.5)
    pushed = wall.force
    assert pushed > 25.0
    held = wall.run(0.3, fresh=False)
    assert rig.loop.mode == Mode.HOLDING and held.max() < pushed + 0.1
    wall.run(1.5, fresh=False)
    assert rig.loop.mode == Mode.DAMPING and wall.force < 0.5
    assert rig.tick(fresh=False) == Reason.TARGET_GONE


def test_the_estimate_survives_limits_that_never_act():
    rig = Rig(make_gains(HOME, **WATCH), limits=free_limits())
    assert rig.tick() == Reason.OK
