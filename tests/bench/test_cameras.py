"""The cameras' benchmark gives its figures, and pictures are as young as their rate promises."""

from robot_rl.bench import run_benchmark


def test_reads_ages_and_views_are_measured() -> None:
    figures = run_benchmark("cameras", seconds=0.5)
    for name in ("read_us", "absent_read_us", "age_ms"):
        assert 0 < figures[f"{name}_p50"] <= figures[f"{name}_p99"] <= figures[f"{name}_max"]
    assert figures["view_us_p50"] > 0 and figures["age_ms_p50"] < 200 and figures["cpu_percent"] > 0
