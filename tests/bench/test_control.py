"""The control benchmark measures the law, not a loop in a fault."""

import time

import numpy as np
import pytest

from controllers.arm import Reason
from controllers.host.monotonic import make_timespec, monotonic_ns
from robot_rl.bench.arm import RADIUS_M, ArmInLoop
from robot_rl.bench.control import bench_control
from robot_rl.sim.stepping import refresh_model


def test_the_host_follows_its_target():
    host = ArmInLoop()
    assert host.tick() == Reason.OK
    host.loop.target.p[0] += 0.01
    assert host.tick() == Reason.OK
    assert abs(host.loop.tau - host.loop.dynamics.coriolis).max() > 0.0


def test_the_timed_loop_moves_the_arm_round_its_circle():
    host = ArmInLoop()
    cycle_s, law_s = host.follow_circle(1500)
    lag_m = np.linalg.norm(host.loop.state.p - host.loop.target.p)
    assert host.now_s == pytest.approx(1.5) and lag_m < RADIUS_M
    assert np.linalg.norm(host.loop.state.p - host.centre) > RADIUS_M / 3
    assert (law_s > 0.0).all() and (cycle_s > law_s).all()


def test_model_terms_are_those_of_the_present_joint_positions():
    """Also after a jump of q that no physics step has seen."""
    host, other = ArmInLoop(), ArmInLoop()
    host.data.qpos[:7] += 0.1
    refresh_model(host.views, host.loop.state.p, host.loop.dynamics)
    assert np.abs(host.loop.dynamics.J - other.loop.dynamics.J).max() > 0.01
    other.data.qpos[:7] += 0.1
    other.follow_circle(1)  # the timed cycle refreshes before its tick and integrates after it
    np.testing.assert_array_equal(host.loop.dynamics.J, other.loop.dynamics.J)
    np.testing.assert_array_equal(host.loop.dynamics.M, other.loop.dynamics.M)


def test_compiled_code_reads_the_clock_that_python_reads():
    timespec = make_timespec()
    before, now, after = time.monotonic_ns(), monotonic_ns(timespec), time.monotonic_ns()
    assert before <= now <= after


@pytest.mark.slow
def test_the_metrics_are_named_with_their_unit():
    metrics = bench_control(ticks=200, calls=20)
    compiled = {f"{name}_us_{p}" for name in ("tick", "law", "bare_tick") for p in ("p50", "p99", "p999")}
    python = {f"python_{name}_us_{p}" for name in ("tick", "call") for p in ("p50", "p99")}
    assert set(metrics) == compiled | python | {"ticks", "realtime", "first_call_s"}
    assert metrics["law_us_p50"] < metrics["tick_us_p50"] < metrics["python_tick_us_p50"]
