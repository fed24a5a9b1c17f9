"""The arbiter: one hand at a time, no jump between hands, nothing counted twice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.action_layout import StateEntry, arm_layout
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import SchemaMismatchError
from robot_rl.core.records import Source
from robot_rl.teleop.arbiter import Arbiter, ArbiterConfig, ControlAuthority
from robot_rl.teleop.device import DeviceState

ARM = arm_layout(StateEntry("state", 24))
SIZE = ARM.size
POLICY = np.full(SIZE, 0.5, np.float32)
HUMAN = np.full(SIZE, -1.0, np.float32)
ENGAGED = DeviceState(HUMAN, engaged=True)
RELEASED = DeviceState(HUMAN, engaged=False)
LOST = DeviceState(HUMAN, engaged=True, alive=False)

states = st.builds(
    DeviceState,
    action=st.sampled_from([None, HUMAN, np.full(SIZE, 3.0, np.float32)]),
    engaged=st.booleans(),
    labels=st.sampled_from([(), ("success",), ("undo", "stage")]),
    estop=st.booleans(),
    alive=st.booleans(),
)
moments = st.tuples(st.sampled_from([None, POLICY]), st.none() | states, st.booleans())


@given(st.lists(moments, max_size=30), st.sampled_from([0.1, 0.02]))
def test_priority_is_stop_then_human_then_policy_then_idle(sequence, period_s) -> None:
    arbiter = Arbiter(ARM, period_s)
    released = True  # the dead-man was seen released since the last loss or stop
    expected_steps = expected_labels = 0
    for policy_action, state, estop in sequence:
        decision = arbiter.decide(policy_action, state, estop)
        now = state or DeviceState()
        released = not (estop or now.stopped) and (released or not now.engaged)
        if estop or now.stopped:
            assert decision.charge is ControlAuthority.ESTOP and not decision.action.any()
        elif now.engaged and released:
            assert decision.charge is ControlAuthority.HUMAN and decision.source is Source.HUMAN
            assert np.isfinite(decision.human_action).all()
        else:
            assert decision.charge is (ControlAuthority.IDLE if policy_action is None else ControlAuthority.POLICY)
            assert np.isnan(decision.human_action).all()
        assert np.isnan(decision.policy_action).all() == (policy_action is None)
        assert np.abs(decision.action).max() <= 1.0 and decision.action.dtype == np.float32
        expected_steps += decision.charge is ControlAuthority.HUMAN
        expected_labels += len(now.labels)
    assert (arbiter.effort.steps, arbiter.effort.labels) == (expected_steps, expected_labels)


@given(st.lists(st.booleans(), max_size=40))
def test_edges_alternate_and_count_the_interventions(engaged) -> None:
    arbiter = Arbiter(ARM)
    decisions = [arbiter.decide(POLICY, DeviceState(HUMAN, engaged=e)) for e in engaged]
    before = [False, *engaged]
    assert [d.intervention_start for d in decisions] == [
        now and not was for was, now in zip(before, engaged, strict=False)
    ]
    assert [d.intervention_end for d in decisions] == [
        was and not now for was, now in zip(before, engaged, strict=False)
    ]
    assert arbiter.effort.interventions == sum(d.intervention_start for d in decisions)


@pytest.mark.parametrize("trouble", [LOST, replace(ENGAGED, estop=True)])
def test_trouble_releases_the_dead_man_until_a_release_was_seen(trouble) -> None:
    arbiter = Arbiter(ARM)
    assert arbiter.decide(POLICY, ENGAGED).charge is ControlAuthority.HUMAN
    assert arbiter.decide(POLICY, trouble).charge is not ControlAuthority.HUMAN
    assert arbiter.decide(POLICY, ENGAGED).charge is ControlAuthority.POLICY  # back, still held: means nothing
    assert arbiter.decide(POLICY, RELEASED).charge is ControlAuthority.POLICY
    assert arbiter.decide(POLICY, ENGAGED).charge is ControlAuthority.HUMAN


def test_a_policy_never_acts_while_the_declared_human_is_lost() -> None:
    arbiter = Arbiter(ARM)
    decision = arbiter.decide(POLICY, DeviceState(alive=False))
    assert decision.charge is ControlAuthority.ESTOP and not decision.action.any()
    assert arbiter.decide(POLICY, RELEASED).charge is ControlAuthority.POLICY


def test_no_source_acts_while_a_device_is_late_and_a_long_silence_is_a_stop() -> None:
    arbiter = Arbiter(ARM, config=ArbiterConfig(stale_after_s=0.25, lost_after_s=1.0))
    state = replace(ENGAGED, stamp_ns=NS_PER_S)
    charges = [arbiter.decide(POLICY, state, now_ns=round(at_s * NS_PER_S)).charge for at_s in (1.2, 1.3, 2.1)]
    assert charges == [ControlAuthority.HUMAN, ControlAuthority.IDLE, ControlAuthority.ESTOP]


def test_a_held_dead_man_that_was_late_counts_as_released_and_the_policy_goes_on() -> None:
    arbiter, late_ns = Arbiter(ARM), round(1.5 * NS_PER_S)
    arbiter.decide(POLICY, replace(ENGAGED, stamp_ns=NS_PER_S), now_ns=late_ns)
    now = [replace(state, stamp_ns=late_ns) for state in (ENGAGED, RELEASED, ENGAGED)]
    charges = [arbiter.decide(POLICY, state, now_ns=late_ns).charge for state in now]
    assert charges == [ControlAuthority.POLICY, ControlAuthority.POLICY, ControlAuthority.HUMAN]


def test_transfer_of_control_blends_motion_within_100_ms_and_never_the_gripper() -> None:
    arbiter = Arbiter(ARM, period_s=0.02)
    for _ in range(3):
        arbiter.decide(POLICY, RELEASED)
    actions = np.array([arbiter.decide(POLICY, ENGAGED).action for _ in range(6)])
    np.testing.assert_allclose(actions[:, 0], [0.2, -0.1, -0.4, -0.7, -1.0, -1.0], atol=1e-6)
    np.testing.assert_array_equal(actions[:, 6], -1.0)
    back = np.array([arbiter.decide(POLICY, RELEASED).action for _ in range(5)])
    assert np.all(np.diff(back[:, 0]) > 0) and back[-1, 0] == 0.5


def test_stop_is_never_blended() -> None:
    arbiter = Arbiter(ARM, period_s=0.01)
    arbiter.decide(POLICY, ENGAGED)
    assert not arbiter.decide(POLICY, ENGAGED, estop=True).action.any()


def test_held_dead_man_without_motion_holds_still() -> None:
    decision = Arbiter(ARM).decide(POLICY, DeviceState(None, engaged=True))
    assert decision.charge is ControlAuthority.HUMAN and not decision.action.any() and not decision.human_action.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_broken_action_is_not_hidden_by_clipping(bad) -> None:
    broken = np.array([bad, *POLICY[1:]], np.float32)
    assert not np.isfinite(Arbiter(ARM).decide(broken, None).action).all()


def test_action_of_another_shape_is_refused() -> None:
    with pytest.raises(SchemaMismatchError, match=r"action of the human: got shape \(3,\), expected \(7,\)"):
        Arbiter(ARM).decide(POLICY, DeviceState(np.zeros(3, np.float32), engaged=True))


def test_episode_begins_without_control_authority() -> None:
    arbiter = Arbiter(ARM)
    arbiter.decide(POLICY, ENGAGED)
    arbiter.reset()
    assert arbiter.decide(POLICY, ENGAGED).intervention_start
    assert not Arbiter(ARM).decide(POLICY, RELEASED).intervention_end
