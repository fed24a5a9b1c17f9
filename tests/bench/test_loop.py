"""The loop's benchmark measures the host that runs the arm, and names what it measures."""

import os

import numpy as np
import pytest

from controllers.host.monotonic import make_timespec
from robot_rl.bench.loop import bench_loop
from robot_rl.bench.loop_runners import ArmDriver, LoopRunner, MachineRunner, clock_gaps, gap_metrics


def test_the_loop_that_is_measured_leads_its_arm_in_each_turn():
    runner = LoopRunner(f"measured-{os.getpid()}", privileged=False)
    runner.turn(0.1)
    runner.turn(0.1)
    metrics = runner.metrics()
    assert metrics["cycles"] == 200 and metrics["late_us_p50"] <= metrics["late_us_p99"] <= metrics["late_us_max"]


def test_the_benchmarks_arm_keeps_the_drivers_contract():
    driver = ArmDriver()
    assert driver.read().mode == 0
    assert driver.connect().joints == 7
    assert driver.write(driver.feedback.dynamics.coriolis.copy()) and driver.read().mode == 2
    driver.stop()
    assert driver.read().mode == 1


def test_gaps_are_found_where_there_are_any():
    gaps_ns = np.zeros((10, 2), np.int64)
    assert clock_gaps(1_000_000, 0, make_timespec(), gaps_ns) > 10  # every reading takes some time
    assert (gaps_ns[:, 1] > gaps_ns[:, 0]).all()
    assert clock_gaps(1_000_000, 10**10, make_timespec(), gaps_ns) == 0


def test_a_stop_costs_each_deadline_that_passes_in_it_but_the_first():
    ms = 1_000_000
    gaps_ns = np.array([[0.2, 0.4], [0.9, 1.1], [1.9, 3.1], [4.5, 7.5]]) * ms
    metrics = gap_metrics(gaps_ns.astype(np.int64), seconds=2.0)
    assert metrics["misses"] == 0 + 0 + 1 + 2
    assert metrics["gap_us_max"] == 3000.0 and metrics["gaps_over_100us"] == 4 and metrics["gaps_per_s"] == 2.0


@pytest.mark.slow
def test_the_machines_own_share_is_named():
    runner = MachineRunner()
    runner.turn(0.25)
    metrics = runner.metrics()
    assert set(metrics) == {"seconds", "gaps_per_s", "gap_us_max", "gaps_over_100us", "misses"}
    assert metrics["seconds"] == 0.2  # rounded


@pytest.mark.slow
def test_the_metrics_of_both_loops_stand_side_by_side():
    metrics = bench_loop(2.0)
    for name in ("cycles", "misses", "late_us_p50", "late_us_p99", "late_us_p999", "late_us_max"):
        assert metrics[f"loop_{name}"] >= 0 and metrics[f"sleep_loop_{name}"] >= 0
    assert (
        metrics["loop_cycles"] == metrics["sleep_loop_cycles"] == 2000
        and metrics["load"]
        and metrics["machine_misses"] >= 0
    )
