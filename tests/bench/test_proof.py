"""The proof counts what it should: its checks find what is broken, and its rivals are the formulas that they claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.arm import KNOWN_ARMS
from controllers.gains import force_cap, make_gains
from controllers.geometry import quat_from_matrix
from controllers.presets import preset
from robot_rl.bench.proof import BARE, CONSTANT, RIVAL, STIFFNESS, overshoot
from robot_rl.bench.proof_page import BEGIN, END, ROWS, table, write_page
from robot_rl.bench.proof_random import BOX, LIMITS, count_violations, random_settings, try_random
from robot_rl.bench.proof_runs import FREE, Bench
from robot_rl.bench.reference_laws import Situation, crisp_torque, serl_torque
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import refresh_model

FIGURES = dict.fromkeys((key for key, _, _ in ROWS), 1.0) | {"delay_1ms_overshoot_pct": 0.5}


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_with_constant_damping_and_no_posture_the_law_is_serls_and_crisps_formula(seed):
    rng = np.random.default_rng(seed)
    gains = make_gains(HOME_Q, constant_damping=CONSTANT, posture_damping=0.0, **BARE)
    bench = Bench(gains, FREE, HOME_Q + rng.normal(scale=0.2, size=7))
    bench.data.qvel[:7] = rng.normal(scale=0.3, size=7)
    refresh_model(*bench.of_model, bench.state.p, bench.dynamics)
    bench.target.quat_xyzw[:] = quat_from_matrix(bench.state.R)
    offset = rng.uniform(-0.1, 0.1, 3)
    bench.target.p[:] = bench.state.p + offset
    bench.of_law = (*bench.of_law[:3], gains, FREE, bench.memory)
    bench.tick()
    error, state, dynamics = np.r_[offset, np.zeros(3)], bench.state, bench.dynamics
    now = Situation(state.q, state.dq, dynamics.J, dynamics.coriolis, error, HOME_Q)
    for law in (serl_torque, crisp_torque):
        np.testing.assert_allclose(bench.tau, law(now, RIVAL), atol=1e-6)


def tried(cap, gains, limits=LIMITS):
    bench, found = Bench(gains, limits), np.zeros(5, np.int64)
    law = (bench.state, bench.dynamics, bench.target, gains, limits, bench.memory, bench.tau)
    try_random(*bench.of_model, *law, cap, 500, 0, found)
    return dict(zip(("torque", "torque_rate", "force", "reference", "following"), found.tolist(), strict=True))


@pytest.mark.slow
def test_a_broken_bound_is_counted():
    """The checker is told of a tighter cap than the law's: it must find what exceeds it."""
    for gains in random_settings()[1:]:
        assert tried(force_cap(gains), gains)["force"] == 0
        assert tried(0.9 * force_cap(gains), gains)["force"] > 20


def test_no_bound_breaks_under_random_input():
    found = count_violations(5000)
    assert found["inputs"] == 5000 and found["following"] > 4000
    assert not any(found[name] for name in ("torque", "torque_rate", "force", "reference"))


def test_the_limits_of_the_checked_arm_are_those_of_its_maker():
    assert (
        LIMITS is KNOWN_ARMS["fer"] and len(random_settings()) == 5 and set(BOX) <= set(preset("serl", HOME_Q)._fields)
    )
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
    write_page(tmp_path, FIGURES, {"step": {"this law": np.ones(5)}})
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "\nold\n" not in text
    assert "1ms 0.5" in table(FIGURES) and (tmp_path / "control" / "step.png").stat().st_size > 1000


def test_a_page_without_marks_is_refused(tmp_path):
    (tmp_path / "control.md").write_text("nothing")
    with pytest.raises(ValueError, match="restore them"):
        write_page(tmp_path, FIGURES, {})
