"""Prometheus reads a run's metrics over HTTP, also while they grow; a scrape costs the run nothing."""

from pathlib import Path

import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.acting.actor_config import START
from robot_rl.runtime.runs.metrics import MetricsWriter
from robot_rl.runtime.runs.prometheus import serve_metrics
from robot_rl.runtime.runs.run_folder import RunFolder
from tests.runtime.runs.scraping import address_of, labels, scrape

pytest.importorskip("prometheus_client")


def test_scrape_follows_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder(tmp_path / "first")
    with MetricsWriter(folder.actor(0), tensorboard=False) as actor, serve_metrics(folder, "t", 0, "127.0.0.1"):
        address = address_of(capsys.readouterr().out)
        actor.write("episode", 0, steps=10, success=True, policy_version=4, backlog=2, dropped=1)
        assert scrape(address)["robot_rl_steps_total"] == {labels(run="first", actor="actor-0"): 10.0}
        actor.write(START, 0)
        actor.write("episode", 0, steps=5, success=False, policy_version=8, backlog=0, dropped=2, weights_age_s=0.5)
        found = scrape(address)
    one = labels(run="first", actor="actor-0")
    assert found["robot_rl_steps_total"][one] == 15.0 and found["robot_rl_episodes_total"][one] == 2.0
    assert found["robot_rl_episode_success_total"][one] == 1.0 and found["robot_rl_policy_version"][one] == 8.0
    assert found["robot_rl_backlog_records"][one] == 0.0 and found["robot_rl_weights_age_seconds"][one] == 0.5
    assert found["robot_rl_dropped_total"][labels(run="first", process="actor-0")] == 3.0
    assert found["robot_rl_health"][labels(run="first")] == 1.0
    assert found["robot_rl_up"][labels(run="first", process="actor-0")] == 0.0


def test_nothing_listens_unless_asked_and_a_taken_port_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path)
    with serve_metrics(folder, "t", None, "127.0.0.1"):
        assert capsys.readouterr().out == ""
    with serve_metrics(folder, "t", 0, "127.0.0.1"):
        port = int(address_of(capsys.readouterr().out).rpartition(":")[2].partition("/")[0])
        again = serve_metrics(folder, "t", port, "127.0.0.1")
        with pytest.raises(ConfigError, match="choose another --metrics-port"), again:
            pytest.fail("two listen at one port")
