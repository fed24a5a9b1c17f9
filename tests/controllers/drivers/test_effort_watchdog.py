"""The arm's side of the effort interface never lets a torque outlive its sender."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.drivers.effort_watchdog import (
    EffortCommand,
    EffortWatchdog,
    Kind,
    WatchdogState,
    WatchdogStatus,
    decode_command,
    decode_status,
    encode_command,
    encode_status,
)

N = 3
TIMEOUT_S = 0.02
GRAVITY = np.array([0.0, 8.0, 1.0])
REST = np.zeros(N)


def watchdog() -> EffortWatchdog:
    return EffortWatchdog(TIMEOUT_S, [10.0, 10.0, 1.0], [50.0, 50.0, 12.0])


def command(sequence: int, effort: float = 20.0, kind: Kind = Kind.EFFORT) -> EffortCommand:
    return EffortCommand(kind, sequence, np.full(N, effort))


def test_fresh_efforts_pass_and_are_bounded() -> None:
    guard = watchdog()
    assert guard.take(command(1), 0.0)
    np.testing.assert_array_equal(guard.output(REST, GRAVITY, 0.01), [20.0, 20.0, 12.0])
    assert guard.status == WatchdogStatus(WatchdogState.RELAYING, 1, 0)


def test_silence_leaves_the_arms_weight_and_damping_only_for_ever() -> None:
    guard = watchdog()
    guard.take(command(1), 0.0)
    for now_s in (0.0201, 1.0, 1e6):
        np.testing.assert_allclose(guard.output(np.array([0.5, -0.5, 0.0]), GRAVITY, now_s), GRAVITY - [5.0, -5.0, 0.0])
    assert guard.status == WatchdogStatus(WatchdogState.TRIPPED, 1, 1)


def test_trip_stays_until_a_reset() -> None:
    guard = watchdog()
    guard.take(command(1), 0.0)
    assert not guard.take(command(2), 0.5)  # the first message after the gap does not undo it
    assert not guard.take(command(3), 0.501)
    assert guard.take(command(4, kind=Kind.RESET), 0.6)
    assert guard.status.state is WatchdogState.RESTING
    assert guard.take(command(5), 0.601)


def test_release_ends_the_stream_without_a_trip() -> None:
    guard = watchdog()
    guard.take(command(1), 0.0)
    guard.take(command(2, kind=Kind.RELEASE), 0.001)
    np.testing.assert_array_equal(guard.output(REST, GRAVITY, 0.001), GRAVITY)
    guard.output(REST, GRAVITY, 10.0)
    assert guard.status == WatchdogStatus(WatchdogState.RESTING, 2, 0)


def test_repeated_and_overtaken_commands_do_not_keep_a_stream_alive() -> None:
    guard = watchdog()
    guard.take(command(5), 0.0)
    assert not guard.take(command(5), 0.01) and not guard.take(command(4), 0.01)
    guard.output(REST, GRAVITY, 0.021)
    assert guard.status.state is WatchdogState.TRIPPED


def test_before_any_command_the_arms_weight_is_carried() -> None:
    np.testing.assert_array_equal(watchdog().output(REST, GRAVITY, 0.0), GRAVITY)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Kind)), st.integers(-2, 30), st.floats(-1e3, 1e3), st.floats(0.0, 0.05), st.booleans()
        ),
        max_size=30,
    )
)
def test_no_effort_acts_longer_than_the_timeout(steps: list[tuple[Kind, int, float, float, bool]]) -> None:
    guard, now_s, taken_s = watchdog(), 0.0, -1.0
    for kind, sequence, effort, gap_s, speaks in steps:
        now_s += gap_s
        if speaks and guard.take(command(sequence, effort, kind), now_s) and kind is Kind.EFFORT:
            taken_s = now_s
        out = guard.output(REST, GRAVITY, now_s)
        assert (np.abs(out) <= [50.0, 50.0, 12.0]).all()
        if now_s - taken_s > TIMEOUT_S:
            np.testing.assert_array_equal(out, GRAVITY)


def test_messages_cross_unchanged() -> None:
    decoded = decode_command(encode_command(command(7, 1.5)), N)
    assert decoded is not None and decoded[:2] == (Kind.EFFORT, 7)
    np.testing.assert_array_equal(decoded.effort, np.full(N, 1.5))
    status = WatchdogStatus(WatchdogState.TRIPPED, 9, 2)
    assert decode_status(encode_status(status)) == status


@pytest.mark.parametrize(
    "data",
    [[], [1.0, 1.0], [1.0, 1.0, *[0.0] * 2], [9.0, 1.0, *[0.0] * 3], [1.0, 1.0, np.nan, *[0.0] * 2], [np.inf] * 5],
)
def test_broken_messages_are_dropped(data: list[float]) -> None:
    assert decode_command(data, N) is None and not watchdog().take(decode_command(data, N), 0.0)
    assert decode_status(data) is None


@pytest.mark.parametrize(
    ("timeout_s", "damping"), [(0.0, [1.0] * N), (np.nan, [1.0] * N), (0.1, [-1.0] * N), (0.1, [1.0])]
)
def test_settings_that_cannot_work_are_refused(timeout_s: float, damping: list[float]) -> None:
    with pytest.raises(ValueError, match=r"got .*, expected .*; |one number >= 0"):
        EffortWatchdog(timeout_s, damping, [50.0] * N)


@pytest.mark.parametrize("delay_s", [0.004, 0.02, 0.03, 0.06])
def test_damping_that_acts_late_comes_to_rest(delay_s: float) -> None:
    """Joints without friction that damping slows at 100 and 10 /s: from 16 ms of delay on, the first would swing."""
    guard, rate_s, inertia = watchdog(), 0.004, np.array([0.1, 1.0, 0.1])
    speeds = [np.array([0.3, -0.3, 0.3])]
    for step in range(1500):
        old = speeds[max(step - round(delay_s / rate_s), 0)]
        guard.see(old, step * rate_s)
        speeds.append(speeds[-1] + rate_s * guard.output(old, REST, step * rate_s) / inertia)
    assert np.abs(speeds).max() < 2.5 and np.abs(speeds[-1]).max() < 0.03


def test_damping_is_whole_again_after_efforts_were_relayed_and_after_some_seconds() -> None:
    guard, dq = watchdog(), np.array([0.5, 0.0, 0.0])
    for way in (1.0, -1.0, 1.0):
        guard.see(way * dq, 0.0)
    assert guard.output(dq, REST, 0.0)[0] == -5.0 / 16
    guard.see(dq, 1.0)
    assert guard.output(dq, REST, 1.0)[0] == -5.0 / 8
    guard.take(command(1), 1.1)
    guard.see(-dq, 1.1)
    assert guard.output(dq, REST, 1.2)[0] == -5.0
