"""The proof counts what it should: its checks find what is broken, its baselines are the formulas they claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from controllers.arms.spec import arm_limits
from controllers.geometry import quat_from_matrix
from controllers.law.gains import Gains, make_gains
from robot_rl.bench.proof.benchmark import BARE, BASELINE, CONSTANT, STIFFNESS, overshoot
from robot_rl.bench.proof.counts import BOUNDS, SEEN
from robot_rl.bench.proof.page import BEGIN, END, ROWS, table, write_page
from robot_rl.bench.proof.random_inputs import count_violations, try_trial
from robot_rl.bench.proof.reference_laws import Situation, crisp_torque, serl_torque
from robot_rl.bench.proof.runs import FREE, Bench
from robot_rl.bench.proof.settings import BOX, LIMITS, UNHURRIED, bounds_of, make_trial, random_workspace
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import refresh_model

METRICS = dict.fromkeys((key for key, _, _ in ROWS), 1.0) | {"delay_1ms_overshoot_pct": 0.5}


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_with_constant_damping_and_no_posture_the_law_is_serls_and_crisps_formula(seed):
    rng = np.random.default_rng(seed)
    gains = make_gains(HOME_Q, constant_damping=CONSTANT, posture_damping=0.0, **BARE)
    bench = Bench(gains, FREE, HOME_Q + rng.normal(scale=0.2, size=7))
    bench.data.qvel[:7] = rng.normal(scale=0.3, size=7)
    state, dynamics, target = bench.loop.state, bench.loop.dynamics, bench.loop.target
    refresh_model(bench.views, state.p, dynamics)
    target.quat_xyzw[:] = quat_from_matrix(state.R)
    offset = rng.uniform(-0.1, 0.1, 3)
    target.p[:] = state.p + offset
    bench.tick()
    error = np.r_[offset, np.zeros(3)]
    now = Situation(state.q, state.dq, dynamics.J, dynamics.coriolis, error, HOME_Q)
    for law in (serl_torque, crisp_torque):
        np.testing.assert_allclose(bench.loop.tau, law(now, BASELINE), atol=1e-6)


INPUTS = 5000


def bounded_trial(kind, limits=LIMITS):
    """These settings in the first random workspace that has a box, a plane near its home and a cone."""
    rng = np.random.default_rng(0)
    while True:
        trial = make_trial(kind, rng)
        plane = trial.gains.planes[0]
        near = plane[:3] @ trial.home[:3] - plane[3] < 0.05
        if near and np.isfinite(trial.gains.workspace_lower).all() and trial.gains.cone_rad < 2.0:
            return trial._replace(limits=limits)


# counter, settings, limits, field of the bounds, a tighter one
TOO_MUCH = [
    ("torque", "clipping", LIMITS, "tau_max", lambda bound: 0.9 * bound),
    ("torque_rate", "clipping", LIMITS, "tau_rate_max", lambda bound: 0.9 * bound),
    ("force", "clipping", LIMITS, "cap", lambda bound: 0.9 * bound),
    ("wrench", "wrench", LIMITS, "wrench_max", lambda bound: 0.9 * bound),
    ("wrench", "wrench", LIMITS, "wrench_rate_max", lambda bound: 0.9 * bound),
    ("fence", "clipping", LIMITS, "fence_force_max", lambda bound: 0.9 * bound),
    ("posture", "clipping", LIMITS, "posture_torque_max", lambda bound: 0.9 * bound),
    ("box", "at once", LIMITS, "workspace_lower", lambda bound: bound + 1e-6),
    ("box", "at once", LIMITS, "workspace_upper", lambda bound: bound - 1e-6),
    ("plane", "at once", LIMITS, "planes", lambda bound: bound + np.array([0.0, 0.0, 0.0, 1e-6])),
    ("cone", "at once", LIMITS, "cone_rad", lambda bound: bound - 1e-6),
    ("speed", "clipping", LIMITS, "speed_max", lambda bound: bound * [0.9, 1.0]),
    ("speed", "clipping", LIMITS, "speed_max", lambda bound: bound * [1.0, 0.9]),
    ("energy", "changing", LIMITS, "energy_max_j", lambda bound: 0.9 * bound),
    ("energy", "changing", LIMITS, "energy_refill_w", lambda bound: 0.9 * bound),
    ("recovery_speed", "clipping", LIMITS, "recover_speed", lambda bound: bound * [0.9, 1.0]),
    ("recovery_turn", "clipping", LIMITS, "recover_speed", lambda bound: bound * [1.0, 0.9]),
    ("recovery_distance", "clipping", LIMITS, "recover_distance_m", lambda bound: 0.9 * bound),
    ("motion", "clipping", LIMITS, "motion_torque_max", lambda bound: 0.9 * bound),
    ("power", "clipping", UNHURRIED, "power_max", lambda bound: 0.9 * bound),
    ("velocity", "clipping", UNHURRIED, "dq_max", lambda bound: 0.95 * bound),
]


KINDS = [*((kind, LIMITS) for kind in ("clipping", "wrench", "at once", "changing")), ("clipping", UNHURRIED)]


@pytest.mark.parametrize(("kind", "limits"), KINDS)
def test_no_bound_breaks_where_a_tighter_one_does(kind, limits):
    trial = bounded_trial(kind, limits)
    counts = try_trial(trial, bounds_of(trial), INPUTS, 0)
    assert {name: counts[name] for name in BOUNDS} == dict.fromkeys(BOUNDS, 0)


@pytest.mark.parametrize(("counter", "kind", "limits", "field", "tighter"), TOO_MUCH)
def test_a_bound_that_is_tighter_than_the_laws_is_counted_as_broken(counter, kind, limits, field, tighter):
    trial = bounded_trial(kind, limits)
    more = bounds_of(trial)
    more[field] = tighter(more[field])
    assert try_trial(trial, more, INPUTS, 0)[counter] > 5


def without(trial, **gains):
    return trial._replace(gains=trial.gains.replaced(**gains))


INF3 = np.full(3, np.inf)
SWITCHED_OFF = [
    ("torque", "clipping", LIMITS, lambda trial: trial._replace(limits=UNHURRIED)),
    ("torque_rate", "clipping", LIMITS, lambda trial: trial._replace(limits=UNHURRIED)),
    ("force", "clipping", LIMITS, lambda trial: trial._replace(
        gains=trial.gains.replaced(clip_lower=np.full(6, -1.0), clip_upper=np.ones(6)))),
    ("wrench", "wrench", LIMITS, lambda trial: without(trial, wrench_rate_max=np.inf)),
    ("fence", "clipping", LIMITS, lambda trial: without(trial, fence_force_max=np.inf)),
    ("posture", "clipping", LIMITS, lambda trial: trial._replace(
        gains=trial.gains.replaced(posture_torque_max=np.inf))),
    ("box", "at once", LIMITS, lambda trial: trial._replace(
        gains=trial.gains.replaced(workspace_lower=-INF3, workspace_upper=INF3))),
    ("plane", "at once", LIMITS, lambda trial: without(trial, planes=[0.0, 0.0, 0.0, -np.inf])),
    ("cone", "at once", LIMITS, lambda trial: without(trial, cone_rad=np.pi)),
    ("speed", "clipping", LIMITS, lambda trial: trial._replace(
        gains=trial.gains.replaced(speed_max=np.full(2, np.inf)))),
    ("energy", "changing", LIMITS, lambda trial: without(trial, energy_max_j=np.inf)),
    ("recovery_distance", "clipping", LIMITS, lambda trial: trial._replace(
        gains=trial.gains.replaced(recover_distance_m=0.1))),
    ("power", "clipping", UNHURRIED, lambda trial: trial._replace(limits=UNHURRIED._replace(power_max=np.inf))),
    ("velocity", "clipping", UNHURRIED, lambda trial: trial._replace(
        limits=UNHURRIED._replace(dq_max=2.0 * UNHURRIED.dq_max))),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "kind", "limits", "switch_off"), SWITCHED_OFF)
def test_a_guard_that_is_switched_off_is_counted_as_broken(counter, kind, limits, switch_off):
    trial = bounded_trial(kind, limits)
    assert try_trial(switch_off(trial), bounds_of(trial), INPUTS, 0)[counter] > 5


def test_each_bound_has_a_test_that_sees_it_broken():
    constant = {"recovery_speed", "recovery_turn", "motion"}  # no setting switches these off
    assert {case[0] for case in TOO_MUCH} == {case[0] for case in SWITCHED_OFF} | constant == set(BOUNDS)
    assert {case[1] for case in TOO_MUCH} == {kind for kind, _ in KINDS}


def test_no_bound_breaks_under_random_input_and_the_law_stands_at_all_of_them():
    found = count_violations(40_000)
    assert found["inputs"] == 40_000 and found["following"] > 35_000
    assert {name: found[name] for name in BOUNDS} == dict.fromkeys(BOUNDS, 0)
    assert all(found[name] > 100 for name in SEEN)


def test_a_random_workspace_holds_the_pose_that_is_called_its_home():
    rng = np.random.default_rng(0)
    for _ in range(50):
        extras, home = random_workspace(rng)
        tool = Rotation.from_quat(home[3:]).apply(extras["cone_tool_axis"])
        assert np.arccos(np.clip(tool @ extras["cone_axis"], -1.0, 1.0)) < 1e-6
        assert all(n @ home[:3] > d for *n, d in extras["planes"])


def test_the_limits_of_the_checked_arm_are_those_of_its_maker():
    assert LIMITS is arm_limits("fer") and set(BOX) <= set(Gains.fields)
    assert STIFFNESS[0] == 600.0


def test_an_overshoot_is_what_goes_beyond_and_an_oscillation_is_infinite():
    t = np.linspace(0.0, 1.5, 1500)
    assert overshoot(1.0 - np.exp(-20 * t)) == 0.0
    assert overshoot(1.0 + 0.25 * np.exp(-20 * t)) == pytest.approx(25.0)
    assert overshoot(1.0 + np.sin(100 * t)) == float("inf")
    assert overshoot(np.full(1500, np.nan)) == float("inf")


def test_the_page_keeps_what_stands_around_the_table(tmp_path):
    page = tmp_path / "control.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(tmp_path, METRICS, {"step": {"this law": np.ones(5)}})
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "\nold\n" not in text
    assert "1ms 0.5" in table(METRICS) and (tmp_path / "control" / "step.png").stat().st_size > 1000


def test_a_page_without_marks_is_refused(tmp_path):
    (tmp_path / "control.md").write_text("nothing")
    with pytest.raises(ValueError, match="restore them"):
        write_page(tmp_path, METRICS, {})
