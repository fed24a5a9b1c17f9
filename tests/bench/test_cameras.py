"""The cameras' benchmark returns its metrics."""

import pytest

from robot_rl.bench import run_benchmark


@pytest.mark.slow
def test_reads_ages_and_views_are_measured() -> None:
    metrics = run_benchmark("cameras", seconds=0.5)
    for name in ("read_us", "absent_read_us", "age_ms"):
        assert 0 < metrics[f"{name}_p50"] <= metrics[f"{name}_p99"] <= metrics[f"{name}_max"]
    assert metrics["view_us_p50"] > 0 and metrics["cpu_percent"] > 0
