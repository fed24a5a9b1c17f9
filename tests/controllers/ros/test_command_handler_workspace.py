"""An arm at the edge of its workspace and outside of it."""

import numpy as np
import pytest

from controllers.arm import Mode
from controllers.ros.arbitration import CommandPriority
from controllers.ros.rejection import RejectReason
from controllers.ros.workspace import outside
from tests.controllers.ros import ros_messages as ros
from tests.controllers.ros.cockpit import HERE, HUMAN, Cockpit


def outside_cockpit(clip_targets):
    cockpit = Cockpit()
    box = {"workspace_lower": (0.3, -0.2, 0.0), "workspace_upper": (0.7, 0.2, 0.5)}
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(clip_targets=clip_targets, **box))
    cockpit.pose((0.5, 0.0, 0.3))
    return cockpit


def test_a_target_outside_the_workspace_is_followed_to_its_edge_and_reported_with_the_bound():
    cockpit = outside_cockpit(clip_targets=True)
    kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.75, 0.0, 0.3))))
    assert kind is RejectReason.CLIPPED and "x: got 0.750 m, expected 0.300 to 0.700" in cockpit.pilot.warning()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.75, 0.0, 0.3])  # the loop moves it to the edge
    cockpit.clock.advance(1.5)
    assert cockpit.pilot.warning() == ""


def test_a_refused_target_outside_the_workspace_leaves_the_arm_stiff_at_the_last_one_inside():
    cockpit = outside_cockpit(clip_targets=False)
    for _ in range(20):
        cockpit.clock.advance(0.05)
        kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.75, 0.0, 0.3))))
        assert kind is RejectReason.OUTSIDE
        np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.5, 0.0, 0.3])
        assert cockpit.loop.sent[-1].stamp_s == pytest.approx(cockpit.clock.now_s())
    assert "stays at the last target" in cockpit.pilot.warning()


def cockpit_outside(clip_targets=True):
    """The arm was enabled 10 cm beyond the box and outside of its cone."""
    cockpit = Cockpit()
    cockpit.pilot.let_go()
    changes = {"workspace_lower": (0.5, -0.2, 0.0), "workspace_upper": (0.7, 0.2, 0.5), "fence_margin_m": 0.02}
    changes |= {"planes": [[1.0, 0.0, 0.0, 0.45]], "cone_rad": 0.5, "fence_margin_rad": 0.1}
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(clip_targets=clip_targets, **changes))
    assert cockpit.pilot.start()[0]
    return cockpit


@pytest.mark.parametrize("clip_targets", [True, False])
def test_an_arm_that_is_enabled_outside_its_workspace_stays_there_without_a_push(clip_targets):
    cockpit = cockpit_outside(clip_targets)
    for _ in range(20):
        cockpit.clock.advance(0.02)
        cockpit.pilot.watch()
    gains, state = cockpit.loop.gains, cockpit.loop.state()
    goal = cockpit.loop.sent[-1]
    assert goal.p[0] == HERE[0]
    assert not outside(goal.p, goal.quat_xyzw, gains), "the loop does not move the target"
    assert (HERE - gains.workspace_lower >= gains.fence_margin_m).all(), "no wall pushes"
    assert (gains.planes[:, :3] @ HERE - gains.planes[:, 3] >= gains.fence_margin_m).all()
    assert gains.cone_rad - np.pi == pytest.approx(0.0, abs=0.11) and state.mode is Mode.ACTIVE
    assert "x: got 0.400 m, expected 0.500 to 0.700" in cockpit.pilot.warning()


def test_only_a_person_moves_an_arm_into_its_workspace_and_slowly():
    cockpit = cockpit_outside()
    sent = len(cockpit.loop.sent)
    for take, message in (
        (cockpit.pilot.take_pose, ros.pose((0.6, 0.0, 0.3))),
        (cockpit.pilot.take_twist, ros.twist((0.1, 0.0, 0.0))),
    ):
        assert cockpit.refused(take, cockpit.now(message)) is RejectReason.OUTSIDE
    assert len(cockpit.loop.sent) == sent
    cockpit.pilot.take_pose(HUMAN, CommandPriority.HUMAN, cockpit.now(ros.pose((0.6, 0.0, 0.3))))
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.6, 0.0, 0.3])
    assert (cockpit.loop.gains.speed_max <= [0.05, 0.3]).all()


def test_an_arm_that_came_inside_has_its_own_workspace_and_follows_the_policy_again():
    cockpit = cockpit_outside()
    cockpit.loop.values["p"], cockpit.loop.values["R"] = [0.6, 0.0, 0.3], np.diag([1.0, -1.0, -1.0])
    cockpit.pilot.watch()
    assert cockpit.loop.gains is cockpit.pilot.gains and cockpit.pilot.warning() == ""
    kind = cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.55, 0.0, 0.3))))
    assert kind is RejectReason.CLIPPED and cockpit.loop.sent[-1].p[0] == 0.55, "but for its tilt"


def test_gains_whose_workspace_lacks_the_arm_leave_it_where_it_is():
    cockpit = Cockpit()
    cockpit.pilot.set_gains(cockpit.pilot.gains.changed(workspace_lower=(0.5, -0.2, 0.0), clip_targets=True))
    assert cockpit.loop.gains.workspace_lower[0] < HERE[0] and cockpit.pilot.gains.workspace_lower[0] == 0.5
    assert cockpit.refused(cockpit.pilot.take_pose, cockpit.now(ros.pose((0.6, 0.0, 0.3)))) is RejectReason.OUTSIDE


def test_an_arm_that_backed_off_is_held_where_it_came_to_rest(cockpit):
    cockpit.pilot.watch()
    cockpit.loop.mode, cockpit.loop.values["p"] = Mode.RECOVERING, [0.4, 0.0, 0.35]
    before = len(cockpit.loop.sent)
    cockpit.pilot.watch()
    assert len(cockpit.loop.sent) == before, "an arm that backs off takes no target"
    cockpit.loop.mode = Mode.HOLDING
    cockpit.pilot.watch()
    np.testing.assert_array_equal(cockpit.loop.sent[-1].p, [0.4, 0.0, 0.35])
