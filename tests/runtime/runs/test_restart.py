"""Restarts are bounded, back off, and carry their reason."""

import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.restart import Deaths, RestartPolicy, cause


@given(st.lists(st.floats(0.0, 500.0), max_size=60), st.integers(0, 8))
def test_no_window_holds_more_restarts_than_allowed_and_the_time_to_them_grows(gaps_s: list[float], most: int) -> None:
    policy = RestartPolicy(deaths_max=most)
    deaths, now_s, restarts = Deaths(policy), 0.0, list[float]()
    for gap_s in gaps_s:
        now_s += gap_s
        delay_s = deaths.add(now_s)
        within = [at_s for at_s in restarts if now_s - at_s <= policy.window_s]
        if delay_s is None:
            assert len(within) >= most
            break
        assert len(within) < most
        assert delay_s == min(policy.longest_s, policy.first_s * 2 ** len(within))
        restarts.append(now_s)


def test_policy_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="deaths_max: got -1"):
        RestartPolicy(-1)


def test_cause_names_signal_or_exit_code_with_the_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("learner: listening\nrobot-rl: no \x1b[31mroom\n\n")
    assert cause(1, log) == "exit code 1: robot-rl: no  [31mroom"
    assert cause(-signal.SIGABRT, log).startswith("ended by SIGABRT: robot-rl: no")
    assert cause(-signal.SIGKILL, log) == "ended by SIGKILL (kill -9, or the system was out of memory)"
    assert cause(3, None) == cause(3, tmp_path / "none") == "exit code 3"
    assert cause(-60, None) == "ended by signal 60"
