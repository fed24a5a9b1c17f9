"""PickLift with episodes of a second, for tests of what happens between and within many of them."""

from dataclasses import replace

from robot_rl.tasks import pick_lift

TASK = replace(pick_lift.TASK, time_limit_s=1.0)
