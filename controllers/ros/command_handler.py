"""Command handling of the impedance controller node, independent of rclpy.

The handler lives as long as the node: an emergency stop stays latched over a new configuration. While it is not
attached to a loop, or not enabled, no command passes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from controllers.arm import Mode, Reason, Target
from controllers.geometry import FloatArray
from controllers.host.mailbox import HostState, Request
from controllers.law.gains import Gains
from controllers.ros import from_ros, settings
from controllers.ros.arbitration import Arbiter, CommandPriority
from controllers.ros.homing import Homing
from controllers.ros.loop import Loop
from controllers.ros.motions import Motions
from controllers.ros.rejection import CommandRejected, RejectReason
from controllers.ros.ros_time import Stamps
from controllers.ros.target_generator import Pose, TargetGenerator
from controllers.ros.workspace import Place

LET_GO_S = 0.15  # three time constants of the reference: the force of a leading goal has decayed
START_ANSWER_LIMIT_S = 2.0  # a cycle, on a computer that has no time for it
CLOCK_HOLD_S = 1.0
_AT_REST = (Mode.IDLE, Mode.ACTIVATING, Mode.FAULT)  # modes without tracking
_REFUSALS = (Reason.START_MOVING, Reason.START_OUTSIDE_LIMITS, Reason.START_PAYLOAD_WRONG)
_FOLLOWING = (Mode.ACTIVATING, Mode.ACTIVE, Mode.HOLDING, Mode.DAMPING)
Answer = tuple[bool, str]


class CommandHandler:
    """Command handler between the graph and one arm's loop.

    Args:
        stamps: converts stamps of messages to the loop's clock.
        now_s: that clock.
        sleep: waits on that clock; used where a transition waits for the arm.
    """

    def __init__(self, stamps: Stamps, now_s: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.stamps, self.arbiter, self.course = stamps, Arbiter(), TargetGenerator()
        self.gains: Gains | None = None
        self.enabled = self._held = self._idle = False
        self._now_s, self._sleep = now_s, sleep
        self._loop: Loop | None = None
        self.motions = Motions(self.arbiter, now_s, sleep)
        self.joints: Sequence[str] = ()
        self._frame = ""
        self._place = Place()
        self._homing = Homing(self.motions, self.course, now_s)
        self._clock_held_until_s = -np.inf

    def attach(self, loop: Loop, gains: Gains, joints: Sequence[str], frame: str, home: Pose | None = None) -> None:
        """Attach a loop, which starts with these gains; `home` None: the posture, by a joint motion."""
        self._loop, self.joints, self._frame, self._homing.pose = loop, joints, frame, home
        self.set_gains(gains)

    def detach(self) -> None:
        """Detach the ended loop."""
        self._loop, self.gains, self.enabled = None, None, False

    def set_gains(self, gains: Gains) -> None:
        """Activate gains, within `Place`."""
        assert self._loop is not None
        self.gains = gains
        self._place.enter(self._loop, gains, self.enabled)

    # Commands: each becomes a target, or raises CommandRejected.

    def take_pose(self, topic: str, rank: CommandPriority, message: Any) -> None:
        """Take a PoseStamped."""
        p, quat = from_ros.pose_of(message, self._frame)
        self.send_pose(topic, rank, p, quat, from_ros.stamp_ns(message))

    def send_pose(self, topic: str, rank: CommandPriority, p: FloatArray, quat_xyzw: FloatArray, stamp_ns: int) -> None:
        """Make a pose in the base the target, stamped in ROS time [ns].

        Raises:
            CommandRejected: the stamp is old, or no command of this priority may pass now.
        """
        stamp_s = self.stamps.monotonic_s(stamp_ns)
        self._place.check(rank)
        loop, gains = self.admit(topic, rank)
        self._send_goal(loop, self.course.take_pose(p, quat_xyzw, stamp_s, gains), gains.clip_targets)

    def take_twist(self, topic: str, rank: CommandPriority, message: Any) -> None:
        """Take a TwistStamped."""
        twist = from_ros.twist_of(message, self._frame)
        stamp_s = self.stamps.monotonic_s(from_ros.stamp_ns(message))
        self._place.check(rank)
        loop, gains = self.admit(topic, rank)
        self._send_goal(loop, self.course.take_twist(twist, stamp_s, loop.state(), gains), clipped=True)

    def _send_goal(self, loop: Loop, target: Target, clipped: float) -> None:
        """Send a target; report one that the workspace bounds, which is moved to its edge or leaves the arm there."""
        loop.send(target)
        if self.course.beyond:
            raise self._place.rejection(self.course.beyond, clipped, self._now_s())

    def take_wrench(self, topic: str, rank: CommandPriority, message: Any) -> None:
        """Take a WrenchStamped, for the next targets."""
        wrench = from_ros.wrench_of(message, self._frame)
        stamp_s = self.stamps.monotonic_s(from_ros.stamp_ns(message))
        self._enabled_loop()
        bound = self._gains_for(rank).wrench_max
        if (np.abs(wrench) > bound).any():
            text = f"wrench: got {wrench.tolist()}, expected at most {bound.tolist()}; raise wrench_max."
            raise CommandRejected(RejectReason.LIMIT, text)
        self.course.take_wrench(wrench, stamp_s)

    def take_gains(self, topic: str, rank: CommandPriority, message: Any) -> None:
        """Named gains, all or none; also accepted while the arm holds itself."""
        changes, gains = from_ros.numbers_of(message, "stiffness", 6), self._gains_for(rank)
        if unknown := sorted(changes.keys() - settings.SETTINGS.keys()):
            raise CommandRejected(RejectReason.LAYOUT, f"layout: got {unknown}, expected names of gains; see ~/gains.")
        try:
            self.set_gains(settings.changed(gains, changes))
        except ValueError as error:
            raise CommandRejected(RejectReason.LIMIT, str(error)) from error

    def take_joint(self, topic: str, rank: CommandPriority, message: Any) -> None:
        """Take a JointState: the posture of the nullspace, since the law is Cartesian."""
        posture = from_ros.posture_of(message, self.joints)
        self.stamps.monotonic_s(from_ros.stamp_ns(message))
        gains = self._gains_for(rank)
        if not np.array_equal(posture, gains.posture):  # crisp_py repeats it with each pose
            self.set_gains(gains.changed(posture=posture))

    def admit(self, topic: str, rank: CommandPriority) -> tuple[Loop, Gains]:
        """Return loop and gains for a motion command, which ends a joint motion.

        Raises:
            CommandRejected: it must not pass.
        """
        loop, now_s = self._enabled_loop(), self._now_s()
        assert self.gains is not None
        handed_over = self.arbiter.offer(topic, rank, now_s) or self.motions.moves
        self.motions.end(loop)
        self._idle = False
        self.course.follow(loop.state(), self._place.gains, anew=handed_over or self._homing.active)
        self._homing.end()
        return loop, self._place.gains

    def _gains_for(self, rank: CommandPriority) -> Gains:
        if self.gains is None:
            raise CommandRejected(RejectReason.INACTIVE, "no control process runs; configure the node.")
        self.arbiter.check(rank, self._now_s())
        return self.gains

    def _enabled_loop(self) -> Loop:
        if self._loop is None or not self.enabled:
            text = "the controller tracks no targets now; activate the node or call ~/enable."
            raise CommandRejected(RejectReason.INACTIVE, text)
        return self._loop

    def warning(self) -> str:
        """Return how the arm, or a target of the last second, lies outside the workspace; or why it is not home."""
        return self._place.warning(self._now_s()) or self._homing.refusal

    # Services: success and message.

    def start(self, patience_s: float = START_ANSWER_LIMIT_S) -> Answer:
        """Track targets from the measured pose, unless the loop refuses; wait `patience_s` for a busy driver."""
        if self._loop is None or self.gains is None or self.arbiter.estopped:
            return False, self.arbiter.held(self._now_s()) or "no loop runs; configure the node"
        if (state := self._loop.state()).busy:
            return False, f"{state.text}; ask again when that is done"
        if self.enabled and state.mode not in _AT_REST:
            return True, "follows targets already"
        self.course.take_here(state, self._now_s())
        self._place.enter(self._loop, self.gains)
        state = self._activated(self._loop, patience_s)
        self.enabled = state.mode not in _AT_REST
        if not self.enabled:
            if state.reason not in _REFUSALS:  # the answer stays true when the driver is done, or the loop gets time
                self._loop.ask(Request.DEACTIVATE)
            return False, state.text
        return True, f"{state.mode.name.lower()}: tracks targets from the measured pose"

    def _activated(self, loop: Loop, patience_s: float) -> HostState:
        """Request ACTIVATE and wait for its result in the second state from now; the first may be older."""
        stamp_s, news, start_s = loop.state().stamp_s, 0, self._now_s()
        loop.ask(Request.ACTIVATE)
        while True:
            state = loop.state()
            stamp_s, news = state.stamp_s, news + (state.stamp_s != stamp_s)
            over = self._now_s() - start_s >= (patience_s if state.busy else START_ANSWER_LIMIT_S)
            if over or (news >= 2 and (state.reason in _REFUSALS or state.mode not in _AT_REST)):
                return state
            self._sleep(0.002)

    def let_go(self) -> Answer:
        """Ramp the force down, then let the arm hold itself."""
        if self._loop is not None and self.enabled:
            self._loop.send(self.course.take_here(self._loop.state(), self._now_s()))
            self.enabled = False
            self._sleep(LET_GO_S)
        self.stop_now()
        return True, "the arm holds itself"

    def stop_now(self) -> None:
        """Let the arm hold itself at once; may be called from a signal handler."""
        self.enabled = False
        self._homing.end()
        if self._loop is not None:
            self._loop.ask(Request.DEACTIVATE)

    def estop(self, source: str = "~/estop") -> Answer:
        """Stop the arm; the stop is latched."""
        self.arbiter.stops.press(source, "pressed")
        self.stop_if_latched()
        return True, "stopped, the arm holds itself; call ~/recover, then ~/enable"

    def stop_if_latched(self) -> None:
        """Let the arm hold itself at once where a stop is latched, unless it does already."""
        acts = self.enabled or (self._loop is not None and self._loop.state().mode != Mode.IDLE)
        if self.arbiter.estopped and acts:
            self.stop_now()

    def recover(self, may_move: bool) -> Answer:
        """Lift the stops that are not pressed; after a fault, where the arm may move, back off along the last path."""
        lifted, pressed = self.arbiter.stops.clear()
        if pressed:
            return False, f"still stopped by {pressed}; release it there" + (f" (lifted: {lifted})" if lifted else "")
        if lifted:
            return True, f"the emergency stop is released ({lifted}); call ~/enable"
        if self._loop is None or (state := self._loop.state()).mode != Mode.FAULT:
            return True, "nothing to recover from"
        if state.busy:
            return False, f"{state.text}; ask again when that is done"
        if not may_move:
            return False, "the arm is in a fault; activate the node first"
        self._loop.ask(Request.RECOVER)
        self.enabled = True
        return True, "backs off along the last path; see ~/status"

    def hold(self, wanted: bool) -> Answer:
        """Hold the present pose, or track again."""
        self.arbiter.block("hold", "requested; call ~/hold with false" if wanted else "")
        return True, "holds the present pose" if wanted else "follows targets again"

    def reset_target(self) -> Answer:
        """Take the measured pose as the target."""
        if self._loop is None or not self.enabled:
            return False, "not enabled: there is no target; call ~/enable"
        self._loop.send(self.course.take_here(self._loop.state(), self._now_s()))
        return True, "the target is the measured pose"

    def go_home(self) -> Answer:
        """Rise, then move to the posture by a joint motion, or to the home pose, if there is one; a command ends it."""
        why = self.motions.not_free() if self.enabled else "not enabled; call ~/enable"
        if why or self._loop is None or self.gains is None:
            return False, why
        why = self._homing.start(self._loop, self.gains)
        self._idle = self._idle or self._homing.active
        return not why, why or "moving home; any command ends it"

    def watch(self) -> str:
        """Detect silent sources and clock jumps, and hold where required; return the jump's text, else empty."""
        now_s = self._now_s()
        jump = self.stamps.jumped()
        if jump:
            self.arbiter.block("clock", jump)
            self._clock_held_until_s = now_s + CLOCK_HOLD_S
        elif now_s > self._clock_held_until_s:
            self.arbiter.block("clock", "")
        self.arbiter.look(now_s)
        self.stop_if_latched()
        self._keep_still(now_s)
        return jump

    def _keep_still(self, now_s: float) -> None:
        """Stay at the request or at the last source's end, move by the last twist, or move home.

        The target is repeated, because the loop tracks old ones no longer than `hold_after_s`.
        """
        if not self.enabled or self._loop is None or self.gains is None:
            return
        state = self._loop.state()
        self._place.watch(self._loop, state, self.gains)
        held = self.motions.keep(self._loop, state)
        idle = state.mode in _FOLLOWING and self.arbiter.charge == CommandPriority.IDLE
        ends = (held and not self._held) or (idle and not self._idle)
        self.course.follow(state, self._place.gains, anew=ends)
        if ends:
            self._homing.end()
        self._homing.watch(self._loop, state, self.gains)
        self._held, self._idle = held, idle
        if self.motions.moves:  # on the last leg of the way home
            return
        if held or idle or self._homing.active or self.course.integrates:
            self._loop.send(self.course.stay(now_s, state, self._place.gains))
