"""The command handler over a scripted loop: no ROS, no process, no time that passes by itself."""

import numpy as np
import pytest

from controllers.arm import Mode, Reason
from controllers.host.mailbox import HostState, Request
from controllers.host.motions import MotionKind
from controllers.host.report import LoopReport
from controllers.law.presets import preset
from controllers.records import make_record
from controllers.ros.arbitration import CommandPriority
from controllers.ros.command_handler import CommandHandler
from controllers.ros.rejection import CommandRejected
from controllers.ros.ros_time import Stamps
from tests.controllers.ros import ros_messages as ros

JOINTS = tuple(f"j{i}" for i in range(7))
HERE = np.array([0.4, 0.0, 0.3])
COMMANDED = np.array([0.4, 0.0, 0.29])
POSE, TWIST, HUMAN = "target_pose", "target_twist", "human/target_pose"


class ScriptedLoop:
    """Does what it is asked for at once, and remembers it."""

    def __init__(self, clock):
        self.clock, self.mode, self.reason = clock, Mode.IDLE, Reason.IDLE
        self.refuses = Reason.OK
        self.sent, self.asked, self.moves, self.gains = [], [], [], None
        self.values = make_record(LoopReport, 7)
        self.values["p"], self.values["R"] = HERE, np.eye(3)
        self.values["reference_p"], self.values["reference_quat_xyzw"] = COMMANDED, [0.0, 0.0, 0.0, 1.0]

    def send(self, target):
        self.sent.append(target)

    def set_gains(self, gains):
        self.gains = gains

    def ask(self, request):
        self.asked.append(request)
        if request == Request.ACTIVATE:
            self.mode, self.reason = (Mode.ACTIVE, Reason.OK) if not self.refuses else (Mode.IDLE, self.refuses)
        elif request == Request.DEACTIVATE:
            self.mode = Mode.IDLE
        elif request == Request.RECOVER:
            self.mode = Mode.RECOVERING

    def move(self, command):
        self.moves.append(command)
        if command.number != self.values.motion_number:
            self.values["motion_number"] = command.number
            self.values["motion_result"] = Reason.MOTION_REFUSED if self.refuses else Reason.MOVING_JOINTS
            modes = {
                MotionKind.NONE: Mode.HOLDING,
                MotionKind.JOINTS: Mode.JOINT_MOTION,
                MotionKind.GUIDING: Mode.GUIDING,
            }
            self.mode = self.mode if self.refuses else modes[command.kind]

    def state(self):
        return HostState(self.clock.monotonic_ns * 1e-9, self.mode, self.reason, "", self.values)


class LateLoop:
    """Serves a request one state later, as a loop that was in the middle of a cycle."""

    def __init__(self, loop, refuses):
        self.loop, self.refuses, self.left = loop, refuses, 2
        self.loop.refuses = refuses
        self.set_gains, self.send = loop.set_gains, loop.send

    def ask(self, request):
        self.request, self.seen_s = request, self.loop.state().stamp_s

    def state(self):
        state = self.loop.state()
        if hasattr(self, "request") and state.stamp_s != self.seen_s:
            self.left, self.seen_s = self.left - 1, state.stamp_s
            if self.left == 0:
                self.loop.ask(self.request)
                state = self.loop.state()
        return state


class Clock:
    """ROS time and the loop's, a second after both began."""

    def __init__(self):
        self.ros_ns = self.monotonic_ns = 1_000_000_000

    def advance(self, seconds):
        self.ros_ns += round(seconds * 1e9)
        self.monotonic_ns += round(seconds * 1e9)

    def now_s(self):
        return self.monotonic_ns * 1e-9


class Cockpit:
    """A pilot, attached and enabled."""

    def __init__(self):
        self.clock = Clock()
        self.loop = ScriptedLoop(self.clock)
        stamps = Stamps(lambda: self.clock.ros_ns, lambda: self.clock.monotonic_ns)
        self.pilot = CommandHandler(stamps, self.clock.now_s, self.clock.advance)
        self.pilot.attach(self.loop, preset("guarded", [0.0] * 7, wrench_max=[10.0] * 6), JOINTS, ros.BASE)
        assert self.pilot.start()[0]

    def now(self, message):
        """The message, stamped now."""
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(self.clock.ros_ns, 1_000_000_000)
        return message

    def pose(self, p=(0.5, 0.0, 0.3), topic=POSE, rank=CommandPriority.POLICY):
        self.pilot.take_pose(topic, rank, self.now(ros.pose(p)))

    def refused(self, take, message, topic=POSE, rank=CommandPriority.POLICY):
        with pytest.raises(CommandRejected) as caught:
            take(topic, rank, message)
        return caught.value.kind
