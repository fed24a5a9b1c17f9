"""What the node says about the loop."""

import numpy as np
import pytest

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.host.mailbox import HostState
from controllers.host.report import LoopReport
from controllers.records import make_record
from controllers.ros.diagnostics import Level, NodeStatus, diagnostics, status
from controllers.ros.rejection import CommandRejected, RejectCounter, RejectReason

WELL = NodeStatus("active", "policy", "target_pose", 0, "", "", (), 0)


def a_state(mode=Mode.ACTIVE, reason=Reason.OK, message=""):
    values = make_record(LoopReport, 7)
    values["tau_max"], values["tau"][0, 1] = 87.0, -80.0
    values["J"][0] = np.eye(6, 7)
    values["state_stamp_s"], values["target_stamp_s"] = 9.998, 9.9
    values["reasons"][0, Reason.FORCE_LIMITED] = 12
    return HostState(10.0, mode, reason, message, values)


@pytest.mark.parametrize(
    ("state", "situation", "level", "words"),
    [
        (a_state(), WELL, Level.OK, "all is well"),
        (None, WELL, Level.WARN, "not configured"),
        (a_state(Mode.FAULT, Reason.ROBOT_STOPPED, "reflex"), WELL, Level.ERROR, "reflex"),
        (a_state(), WELL._replace(held="two command sources: a and b"), Level.WARN, "a and b"),
        (a_state(Mode.IDLE), WELL._replace(held="emergency stop", charge="estop"), Level.ERROR, "emergency stop"),
        (a_state(), WELL._replace(trouble="the loop's process has ended"), Level.ERROR, "has ended"),
        (a_state(Mode.HOLDING, Reason.TARGET_LATE), WELL, Level.OK, "no fresh target"),
        (a_state(), WELL._replace(graph=("target_pose: teleop publishes best-effort",)), Level.WARN, "best-effort"),
        (a_state(Mode.IDLE, Reason.START_MOVING), WELL, Level.WARN, "a joint moves"),
    ],
)
def test_the_most_severe_condition_comes_first(state, situation, level, words):
    report = status(state, situation)
    assert report.level == level and words in report.message
    assert {"mode", "lifecycle", "charge", "source", "held", "stopped by", "motion"} == dict(report.values).keys()


@pytest.mark.parametrize("result", [Reason.MOTION_LOST, Reason.MOTION_BLOCKED, Reason.MOTION_TOO_FAST])
def test_the_end_of_a_motion_before_its_goal_keeps_its_reason_until_the_next(result):
    state = a_state(Mode.HOLDING, Reason.TARGET_LATE)
    assert dict(status(state, WELL).values)["motion"] == ""
    state.values["motion_result"] = result
    assert dict(status(state, WELL).values)["motion"] == REASON_TEXT[result]
    state.values["motion_result"] = Reason.MOVING_JOINTS
    assert dict(status(state, WELL).values)["motion"] == ""


def test_the_diagnostics_name_ages_limits_and_refusals():
    tally = RejectCounter()
    tally.note("target_pose", CommandRejected(RejectReason.FRAME, "frame_id: got 'tool0', expected 'base'"))
    values = dict(diagnostics(a_state(), WELL, tally, 10.0).values)
    assert values["state age [s]"] == "0.0020" and values["target age [s]"] == "0.100"
    assert values["condition of J"] == "1.0" and values["largest |tau|/limit"] == "0.92 near the limit"
    assert values["limited: force_limited"] == "12" and values["refused: wrong frame"] == "1"
    assert "tool0" in values["last refusal"] and values["mode"] == "ACTIVE"


def test_a_stream_of_one_kind_of_refusals_is_news_once():
    tally, refused = RejectCounter(), CommandRejected(RejectReason.FRAME, "x")
    assert [tally.note("t", refused) for _ in range(5)] == [True, False, False, False, False]
    assert tally.note("t", CommandRejected(RejectReason.LENGTH, "y")) and tally.counts[RejectReason.FRAME] == 5
