"""Benchmarks of whole trainings: what a process holds and how it grows, and every record accounted for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_rl.bench.soak import Usage, held, measure
from robot_rl.bench.trainings import period_metrics
from tests.waiting import eventually


def test_growth_is_a_line_through_what_was_held_once_settled() -> None:
    samples = [{"learner": Usage(100.0 + i + 500.0 * (i < 2), 30, 7)} for i in range(10)]
    metrics = held(samples, seconds=3600.0)
    assert metrics["learner_rss_mb_settled"] == 102.0 and metrics["learner_rss_mb_end"] == 109.0
    assert metrics["learner_rss_mb_per_hour"] == pytest.approx(10.0)
    assert (metrics["learner_descriptors_end"], metrics["learner_threads_per_hour"]) == (30.0, 0.0)


def test_a_part_that_was_away_in_a_sample_is_left_out_of_it() -> None:
    samples = [{"learner": Usage(100.0, 30, 7)}, {}, {"learner": Usage(100.0, 31, 7)}]
    assert held(samples, seconds=3.0)["learner_descriptors_end"] == 31.0


def test_periods_are_named_by_their_place() -> None:
    metrics = period_metrics("own_core_10_hz", np.array([100.0] * 98 + [130.0, 250.0]))
    assert metrics["own_core_10_hz_period_ms_p50"] == 100.0 and metrics["own_core_10_hz_period_ms_max"] == 250.0
    assert period_metrics("own_core_10_hz", np.empty(0)) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_soak_accounts_for_each_record() -> None:
    metrics = measure(actors=1, seconds=2.0)
    assert metrics["actors_1_sent"] == metrics["actors_1_stored"] > 0 and metrics["actors_1_declared_lost"] == 0
    assert metrics["actors_1_learner_descriptors_end"] > 0 and metrics["actors_1_last_quarter_period_ms_p50"] > 0


BENCHMARK = """
import sys, time
from pathlib import Path
from robot_rl.bench.trainings import Training
run = Training(Path(sys.argv[1]), ())
run.until(run.folder.root.exists, 60.0)
print(run._process.pid, flush=True)
time.sleep(60.0)
"""


@pytest.mark.slow
def test_a_training_ends_with_a_benchmark_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BENCHMARK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as benchmark:
        assert benchmark.stdout is not None
        training = Path("/proc", benchmark.stdout.readline().strip())
        assert training.exists()
        benchmark.kill()
    eventually(lambda: not training.exists() or " Z " in (training / "stat").read_text())
