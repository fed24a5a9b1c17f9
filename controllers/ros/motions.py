"""Joint motions and hand guiding on the graph: started in the loop, kept alive while they last, ended by a command."""

from collections.abc import Callable

import numpy as np

from controllers.arm import REASON_TEXT, Mode, Reason
from controllers.geometry import FloatArray
from controllers.host.mailbox import HostState
from controllers.host.motions import MotionCommand, MotionKind
from controllers.ros.arbitration import Arbiter, CommandPriority
from controllers.ros.loop import Loop

ANSWER_LIMIT_S = 0.5
MODES = (Mode.JOINT_MOTION, Mode.GUIDING)


class Motions:
    """The motion under way, if any.

    Args:
        arbiter: refuses commands while the arm is guided.
        now_s: the loop's clock.
        sleep: waits on it for the loop's answer.
    """

    def __init__(self, arbiter: Arbiter, now_s: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._arbiter = arbiter
        self._now_s, self._sleep = now_s, sleep
        self._command: MotionCommand | None = None

    @property
    def moves(self) -> bool:
        """Whether a joint motion is under way."""
        return self._command is not None and self._command.kind == MotionKind.JOINTS

    def start(self, loop: Loop, kind: MotionKind, q: FloatArray, speed: float = 1.0) -> str:
        """Start a motion and wait for the loop's answer; return why it refuses, else empty."""
        number = int(loop.state().values.motion_number) + 1
        command = MotionCommand(kind, number, self._now_s(), q, speed)
        loop.move(command)
        end_s = self._now_s() + ANSWER_LIMIT_S
        while (state := loop.state()).values.motion_number != number:
            if self._now_s() >= end_s:
                return "the loop does not answer; see ~/status"
            self._sleep(0.002)
        result = Reason(state.values.motion_result)
        if result == Reason.MOTION_REFUSED:
            return state.message or REASON_TEXT[result]
        self._command = command
        return ""

    def not_free(self) -> str:
        """Return why the arm may not start to move by itself; empty when it may."""
        held = self._arbiter.held(self._now_s())
        if held or self._arbiter.charge > CommandPriority.IDLE:
            return held or f"{self._arbiter.source} commands the arm; end it first"
        return ""

    def guide(self, loop: Loop, joints: int) -> tuple[bool, str]:
        """Let a person guide the arm by hand; commands are refused meanwhile."""
        text = self.not_free() or self.start(loop, MotionKind.GUIDING, np.zeros(joints))
        if text:
            return False, text
        self._arbiter.block("guide", "guided by hand; call ~/guide with false")
        return True, "guided by hand: the arm carries only itself; keep a hand at the stop"

    def release(self, loop: Loop) -> tuple[bool, str]:
        """End the guiding."""
        self.end(loop)
        self._arbiter.block("guide", "")
        return True, "holds where it is"

    def keep(self, loop: Loop, state: HostState) -> bool:
        """Keep the motion alive until the loop or a block ends it; return whether commands are held."""
        if self._command is not None and state.mode not in MODES:
            self._command = None
        if self._command is None or self.moves:
            self._arbiter.block("guide", "")
        held = bool(self._arbiter.held(self._now_s()))
        if held and self.moves:
            self.end(loop)
        elif self._command is not None:
            loop.move(self._command._replace(stamp_s=self._now_s()))
        return held

    def end(self, loop: Loop) -> None:
        """End the motion, if any: the arm holds where it is."""
        command, self._command = self._command, None
        if command is not None:
            loop.move(command._replace(kind=MotionKind.NONE, number=command.number + 1, stamp_s=self._now_s()))
