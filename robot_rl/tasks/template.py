"""A commented task file to start from; `robot-rl task new NAME` writes it."""

from __future__ import annotations

TEMPLATE = """\
# A task for `robot-rl`. Lengths in m, angles in rad, times in s; poses of the tool in the arm's base frame.
# What is commented out has the value that is shown. `robot-rl task check {name}.toml` checks this file.
name = "{name}"
text = ""                            # one line for lists
time_limit_s = 10.0                  # an episode is truncated after it
rewards = ["human-label"]            # in the simulator: ["ground-truth", "human-label"]

# Only for the simulator: module:Class or file.py:Class; see docs/extending.md.
# scene = "my_scene.py:Scene"
# expert = "my_scene.py:Expert"
# object_size = 0                    # numbers that the scene tells of its object

[arm.workspace]                      # of several arms: [arms.left.workspace], [arms.right.workspace]
lower_m = [0.40, -0.10, 0.02]        # the target stays in this box
upper_m = [0.60, 0.10, 0.25]
# tilt_rad = 0.2                     # largest tilt from gripper-down
# yaw_rad = 1.0                      # largest turn about the vertical, to either side

[arm.start]                          # where the tool starts an episode, gripper down
position_m = [0.50, 0.0, 0.20]
# range_m = [0.0, 0.0, 0.0]          # half-widths within which the start is drawn
# yaw_rad = 0.0

[arm.action]
# step_m = 0.025                     # displacement of the target at action 1
# step_rad = 0.15                    # turn of the target at action 1
# leash_m = 0.02                     # the target stays this close to the arm; times the stiffness: the largest force
# leash_rad = 0.2

[arm.gripper]                        # remove this table for an arm without a gripper
# closed_m = 0.0                     # travel of one finger: half the width of a part that is held from the start
# open_m = 0.04
# start_m = 0.04

[arm.gains]
# stiffness_n_per_m = 1500.0
# stiffness_nm_per_rad = 60.0

[cameras.wrist]                      # any names, any number; the names are those of the robot's file of cameras
# height = 128
# width = 128
# crop = {{ left = 0, top = 0, width = 480, height = 480 }}

[cameras.side]

[training]                           # any setting that `robot-rl train {name}.toml --print-config` shows
preset = "small"
"""


def task_template(name: str) -> str:
    """Return a task file to start from."""
    return TEMPLATE.format(name=name)
