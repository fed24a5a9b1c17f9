"""Emergency stop > human > policy, and never two at once."""

import numpy as np
import pytest

from controllers.ros.arbitration import CONFLICT_S, WINDOW_S, Arbiter, CommandPriority
from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.stops import StopReport

POSE, TWIST, HUMAN = "target_pose", "target_twist", "human/target_pose"


def refused(arbiter, topic, rank, now_s):
    with pytest.raises(CommandRejected) as caught:
        arbiter.offer(topic, rank, now_s)
    return caught.value


def test_a_policy_commands_without_other_sources():
    arbiter = Arbiter()
    assert arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    assert not arbiter.offer(POSE, CommandPriority.POLICY, 0.1)
    assert (arbiter.charge, arbiter.source) == (CommandPriority.POLICY, POSE)


def test_a_human_outranks_the_policy_until_release():
    arbiter = Arbiter()
    arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    assert arbiter.offer(HUMAN, CommandPriority.HUMAN, 0.05)
    assert refused(arbiter, POSE, CommandPriority.POLICY, 0.1).kind is RejectReason.OUTRANKED
    assert arbiter.offer(POSE, CommandPriority.POLICY, 0.05 + WINDOW_S + 0.01)
    assert arbiter.handovers == 2


def test_two_sources_of_one_rank_at_once_hold_the_arm_and_are_named():
    arbiter = Arbiter()
    arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    error = refused(arbiter, TWIST, CommandPriority.POLICY, 0.05)
    assert error.kind is RejectReason.CONFLICT and POSE in str(error) and TWIST in str(error)
    assert refused(arbiter, POSE, CommandPriority.POLICY, 0.1).kind is RejectReason.CONFLICT
    assert POSE in arbiter.held(0.1)


def test_after_a_conflict_the_one_that_is_left_commands_again():
    arbiter = Arbiter()
    arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    refused(arbiter, TWIST, CommandPriority.POLICY, 0.05)
    assert refused(arbiter, POSE, CommandPriority.POLICY, 0.05 + WINDOW_S + 0.01)
    assert arbiter.held(0.05 + CONFLICT_S + WINDOW_S + 0.1) == ""
    arbiter.offer(POSE, CommandPriority.POLICY, 2.0)


def test_two_publishers_of_one_topic_hold_the_arm_even_while_they_are_silent():
    arbiter = Arbiter()
    arbiter.see_publishers({POSE: ["/actor", "/stranger"], TWIST: ["/actor"]}, 0.0)
    assert "/actor" in arbiter.held(10.0) and "/stranger" in arbiter.held(10.0) and POSE in arbiter.held(10.0)
    assert refused(arbiter, POSE, CommandPriority.POLICY, 10.0).kind is RejectReason.CONFLICT
    arbiter.see_publishers({POSE: ["/actor"]}, 10.0)
    assert arbiter.held(11.0) == ""


def test_the_emergency_stop_is_latched_and_outranks_all_commands():
    arbiter = Arbiter()
    arbiter.offer(HUMAN, CommandPriority.HUMAN, 0.0)
    arbiter.stops.press("~/estop", "pressed")
    for now_s in (0.1, 100.0):
        assert refused(arbiter, HUMAN, CommandPriority.HUMAN, now_s).kind is RejectReason.BLOCKED
        arbiter.look(now_s)
        assert arbiter.charge is CommandPriority.ESTOP and "recover" in arbiter.held(now_s)
    assert arbiter.stops.clear() == ("~/estop: pressed", "")
    assert arbiter.offer(HUMAN, CommandPriority.HUMAN, 200.0)


def test_a_dead_man_that_is_held_through_a_silence_moves_nothing_before_it_is_released():
    arbiter = Arbiter()
    report = StopReport("teleop", "")
    arbiter.stops.take(report)
    arbiter.offer(HUMAN, CommandPriority.HUMAN, 0.0)
    times_s = np.arange(0.0, 0.3, 0.02)
    for now_s in times_s:
        arbiter.look(now_s)
    assert "teleop" in arbiter.held(0.3) and not arbiter.estopped
    arbiter.stops.take(report)
    for now_s in 0.3 + times_s:
        arbiter.stops.take(report)
        arbiter.look(now_s)
        assert "release" in str(refused(arbiter, HUMAN, CommandPriority.HUMAN, now_s))
    assert arbiter.offer(HUMAN, CommandPriority.HUMAN, 0.6 + WINDOW_S)


def test_a_policy_goes_on_after_a_silence():
    arbiter = Arbiter()
    arbiter.stops.take(StopReport("teleop", ""))
    for now_s in np.arange(0.0, 0.3, 0.02):
        arbiter.look(now_s)
    assert refused(arbiter, POSE, CommandPriority.POLICY, 0.3).kind is RejectReason.BLOCKED
    arbiter.stops.take(StopReport("teleop", ""))
    assert arbiter.offer(POSE, CommandPriority.POLICY, 0.3)


def test_a_block_holds_by_name_until_it_is_taken_away():
    arbiter = Arbiter()
    arbiter.block("hold", "requested")
    arbiter.block("clock", "it jumped")
    arbiter.block("hold", "")
    assert (
        refused(arbiter, POSE, CommandPriority.POLICY, 0.0).kind is RejectReason.BLOCKED
        and arbiter.held(0.0) == "it jumped"
    )
    arbiter.block("clock", "")
    arbiter.offer(POSE, CommandPriority.POLICY, 0.5)


def test_a_silent_source_is_noticed():
    arbiter = Arbiter()
    arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    arbiter.look(WINDOW_S / 2)
    assert arbiter.charge is CommandPriority.POLICY
    arbiter.look(WINDOW_S * 2)
    assert (arbiter.charge, arbiter.source) == (CommandPriority.IDLE, "")


def test_a_source_that_was_forgotten_is_no_conflict_for_the_next():
    arbiter = Arbiter()
    arbiter.offer(POSE, CommandPriority.POLICY, 0.0)
    arbiter.forget(CommandPriority.POLICY)
    assert arbiter.offer("joint_trajectory_controller", CommandPriority.POLICY, 0.02)
    assert arbiter.conflict(0.02) == ""
