"""A leader arm as a program of its own, over plain DDS: publishes a pose and its clutch, as its standard input tells.

Each line is `open X Y Z` or `closed X Y Z`: the clutch, and where the hand goes at 0.1 m/s. It ends with its input.
"""

import os
import select
import sys
import time

import numpy as np

from controllers.ros import graph
from robot_rl.core.pose import Pose
from robot_rl.hardware.graph.messages import pose_message
from tests.hardware.graph.wires import open_wire

RATE_HZ, SPEED_M_S = 50, 0.1

wire = open_wire("dds", "leader")
poses, clutch = wire.publisher(graph.HUMAN_POSE_INPUT), wire.publisher(graph.HUMAN_CLUTCH)
p, goal, closed = np.zeros(3), np.zeros(3), False
while True:
    if select.select([sys.stdin], [], [], 0.0)[0]:
        if not (words := os.read(0, 100).decode().split()):
            break
        closed, goal = words[-4] == "closed", np.array(words[-3:], float)
    way = goal - p
    p = p + way * min(1.0, SPEED_M_S / RATE_HZ / max(float(np.linalg.norm(way)), 1e-9))
    poses.publish(pose_message(wire, Pose(p, np.eye(3)), wire.now_ns(), "leader"))
    clutch.publish(wire.make("std_msgs/msg/Bool", data=closed))
    time.sleep(1.0 / RATE_HZ)
