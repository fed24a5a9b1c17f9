"""Control process: driver -> tick -> driver at a fixed rate, with a mailbox to its clients.

`python -m controllers.host ARM MAILBOX` runs it (`controllers.host.command_line`): everything is compiled before the
arm moves, and the garbage collector is off while it runs. SIGINT, SIGTERM, SIGHUP and, with `--with-parent`, the end of
the process that started it let the arm hold itself before anything else ends.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np

from controllers.arm import ArmState, Mode, Reason, no_target
from controllers.clock import Clock
from controllers.drivers.contract import Capabilities, DriverError, DriverMode, Reading
from controllers.host.black_box import BlackBox, append
from controllers.host.control_stack import ControlStack
from controllers.host.mailbox import Busy, Mailbox, Request, unpack_gains
from controllers.host.motions import compile_motions, serve_motion
from controllers.host.pacing import Pacer, Periods
from controllers.host.report import report
from controllers.law.control_loop import ControlLoop, check_shapes
from controllers.law.gains import Gains, force_cap
from controllers.law.tick import activate, deactivate, fail, make_controller_state, recover, tick

REST_RAD_PER_S = 0.02  # an arm in a fault is damped until it is this slow, then its own brakes hold it
DAMP_IN_FAULT_S = 0.5
RECOVER_AFTER_S = 0.5  # pause before a reflex is cleared
_FOLLOWING = frozenset(Mode) - {Mode.IDLE, Mode.FAULT}
_IN_USE = (DriverMode.READY, DriverMode.RUNNING)
_GONE = (DriverMode.LOST, DriverMode.CLOSED)
ENDED = "the loop has ended; the arm holds itself"


class ControlProcess:
    """One arm in the loop. Call `connect` once, then `cycle` at the arm's rate; only the driver blocks.

    Starts idle: the arm holds itself until a client requests ACTIVATE. Before the driver connects, recovers, or starts
    or ends the torque stream, which may take seconds, the state says so (`HostState.busy`).

    Args:
        around: context of these calls, as in `controllers.host.driver_threads`.
    """

    def __init__(
        self,
        parts: ControlStack,
        mailbox: Mailbox,
        clock: Clock,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._around = around
        self.driver, self.gains, self.limits = parts
        self.mailbox, self.clock = mailbox, clock
        feedback, joints = self.driver.feedback, self.driver.feedback.state.q.size
        self._stamp_s, self._robot_s, self.tau = np.zeros(1), np.zeros(1), np.zeros(joints)
        self.state: ArmState = feedback.state._replace(stamp_s=self._stamp_s, robot_s=self._robot_s)
        self.target = no_target()
        self.memory = make_controller_state(joints)
        self.loop = ControlLoop(
            self.state, feedback.dynamics, self.target, self.gains, self.limits, self.memory, self.tau
        )
        self.periods, self.reasons = Periods(), mailbox.state.copy["reasons"][0]
        self._message = ""
        self.reason = Reason.IDLE
        self.quit = False
        self.paused = False  # time spent in the driver, outside any deadline
        self.black_box: BlackBox | None = None  # records each published state
        self.fresh = False  # the last cycle had a new state of the arm
        self._last_s = 0.0  # of the last tick
        self._resumed = True  # the time since the last tick is no period
        self._fault_since_s = np.nan
        self._mode = Mode.IDLE
        self._silent = True  # the arm holds itself
        check_shapes(self.loop)
        deactivate(self.memory)

    @property
    def message(self) -> str:
        """Message of the driver or the control process; empty without one."""
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        if text != self._message:
            self._message = text
            self.mailbox.state.copy["message"] = text.encode()

    def connect(self) -> Capabilities:
        """Connect the driver and run each path once, so that nothing is compiled while the arm moves.

        Raises:
            DriverError: the text names the next step.
        """
        with self._busy(Busy.CONNECTING):
            capabilities = self.driver.connect()
        self.loop = self.loop._replace(limits=self.limits._replace(cycle_s=capabilities.cycle_s))
        self._put_in_force(self.gains.changed(compensate_gravity=capabilities.gravity_in_command))
        self.driver.read()
        scratch = make_controller_state(self.tau.size)
        tick(self.loop._replace(memory=scratch), 0.001, 0.0)
        fail(scratch, Reason.ROBOT_STOPPED)
        recover(scratch, self.gains, 0.0)
        activate(scratch)
        compile_motions(self.loop)
        self.mailbox.gains.copy[:] = self.gains  # clients that attach read the active gains
        self.mailbox.gains.publish()
        append(np.zeros(1, np.int64), np.zeros((1, 1), np.int64), np.zeros(1, np.int64))
        self.publish(None)  # compiles, and has no stamp: clients wait for that of the first cycle
        return capabilities

    def cycle(self, pacer: Pacer | None = None) -> None:
        """Read, decide, write, publish."""
        self._take_mail()
        reading = self.driver.read()
        self.fresh = reading.mode not in _GONE and reading.stamp_s > self._stamp_s[0]
        self._stamp_s[0], self._robot_s[0] = reading.stamp_s, reading.robot_s
        self.mailbox.state.copy["driver_mode"] = reading.mode
        now_s = self.clock.now_s()
        self._watch_driver(reading, now_s)
        if self.quit:
            deactivate(self.memory)
        if self._resumed:  # the driver blocked: that is neither a period nor a reason for a larger torque step
            now_s = self.clock.now_s()
            dt_s = 0.001
        else:
            dt_s = now_s - self._last_s
            self.periods.count(dt_s)
        self._last_s, self._resumed = now_s, False
        self.reason = Reason(tick(self.loop, dt_s, now_s))
        self.reasons[self.reason] += 1
        self._command(reading, now_s)
        self.publish(pacer)

    def _take_mail(self) -> None:
        box = self.mailbox
        if box.target.fetch():
            for name, array in self.target._asdict().items():
                array[:] = box.target.copy[name][0]
        if box.gains.fetch():
            self._take_gains()
        if box.motion.fetch() and (text := serve_motion(self.loop, box.motion.copy)):
            self.message = text
        if self._take_request() and self.paused:
            self._take_request()  # made while the driver blocked: a stop comes before the torque

    def _take_request(self) -> bool:
        """Serve a client's latest request; return whether there was one."""
        if not self.mailbox.request.fetch():
            return False
        number = int(self.mailbox.request.copy["request"][0])
        if number in tuple(Request):
            self._serve(Request(number))
        else:
            self.message = f"request: got {number}, expected one of {[*map(int, Request)]}; it was ignored."
        return True

    def _take_gains(self) -> None:
        try:
            gains = unpack_gains(self.mailbox.gains.copy)
            self._put_in_force(gains.replaced(compensate_gravity=self.gains.compensate_gravity))
            self.message = ""
        except ValueError as error:
            self.message = f"gains refused: {error}"

    def _put_in_force(self, gains: Gains) -> None:
        self.gains, copy = gains, self.mailbox.state.copy
        self.loop = self.loop._replace(gains=gains)
        copy["force_cap"], copy["tau_max"] = force_cap(gains), self.limits.tau_max

    def _serve(self, request: Request) -> None:
        if request == Request.QUIT:
            self.quit = True
        elif request == Request.DEACTIVATE:
            deactivate(self.memory)
        elif request == Request.RECOVER:
            self._recover()
        elif request == Request.ACTIVATE and self._clear_driver():
            activate(self.memory)

    def _recover(self) -> None:
        """Back off along the last path; the recovery budget is spent before the arm is asked to clear its stop."""
        if recover(self.memory, self.gains, self.clock.now_s()) != Reason.OK or self._clear_driver():
            return
        if self.memory.mode == Mode.RECOVERING:
            fail(self.memory, Reason.ROBOT_STOPPED)

    @contextmanager
    def _busy(self, work: Busy) -> Iterator[None]:
        """Publish the work of a driver that is about to block."""
        copy = self.mailbox.state.copy
        copy["busy"], copy["busy_since_s"] = work, self.clock.now_s()
        self.mailbox.state.publish()
        try:
            with self._around():
                yield
        finally:
            copy["busy"] = Busy.NOTHING
            self.paused = self._resumed = True

    def _clear_driver(self) -> bool:
        """Let the driver clear the stop, or reconnect to a lost arm. Both may take seconds."""
        try:
            if self.driver.read().mode in _GONE:
                with self._busy(Busy.CONNECTING):
                    self.driver.connect()
            if self.driver.read().mode not in _IN_USE:
                with self._busy(Busy.RECOVERING):
                    self.driver.recover()
        except DriverError as error:
            self.message = str(error)
            return False
        self.message, self._resumed = "", True
        self._stamp_s[0] = self.driver.read().stamp_s
        return True

    def _watch_driver(self, reading: Reading, now_s: float) -> None:
        """Enter the fault of an arm that stopped by itself; recover from a reflex within the recovery budget.

        A stop that a person has to inspect waits for a request.
        """
        if reading.mode in _IN_USE:
            return
        self.message = reading.reason
        if self.memory.mode in _FOLLOWING:
            fail(self.memory, Reason.ROBOT_STOPPED)
        waited = self._mode == Mode.FAULT and now_s - self._fault_since_s > RECOVER_AFTER_S
        mine = self.memory.mode == Mode.FAULT and self.memory.fault == Reason.ROBOT_STOPPED
        budget = self.gains.recoveries_per_minute > 0.0
        if reading.mode == DriverMode.STOPPED and mine and waited and budget and not reading.attended:
            self._recover()
            self._fault_since_s = self.clock.now_s()
            self._take_request()  # made while the driver blocked

    def _command(self, reading: Reading, now_s: float) -> None:
        """Send the torque while the loop tracks, and in a fault until the arm rests; then let the arm hold itself."""
        mode, before = Mode(self.memory.mode), self._mode
        self._mode = mode
        if mode == Mode.FAULT and before != Mode.FAULT:
            self._fault_since_s = now_s
        if mode in _FOLLOWING:
            self._silent = False
        elif not self._silent:
            self._silent = mode != Mode.FAULT or not self._damping_helps(reading, now_s)
        if self._silent:
            self._stop(reading.mode == DriverMode.RUNNING)
        elif reading.mode == DriverMode.RUNNING:
            self.driver.write(self.tau)
        else:
            with self._busy(Busy.STARTING):
                self.driver.write(self.tau)

    def _stop(self, streaming: bool = True) -> None:
        """Let the arm hold itself."""
        with self._busy(Busy.STOPPING) if streaming else nullcontext():
            self.driver.stop()

    def _damping_helps(self, reading: Reading, now_s: float) -> bool:
        blind = Reason(self.memory.fault) in (Reason.STATE_OLD, Reason.STATE_FROZEN, Reason.STATE_NOT_FINITE)
        moving = np.abs(self.state.dq).max() > REST_RAD_PER_S
        patient = now_s - self._fault_since_s < DAMP_IN_FAULT_S
        return not blind and reading.mode in _IN_USE and bool(moving) and patient

    def publish(self, pacer: Pacer | None) -> None:
        """Publish the present state."""
        copy, periods = self.mailbox.state.copy, self.periods
        report(self.loop, int(self.reason), self._last_s, self.driver.feedback.tau_measured, copy)
        copy["period_us_p50"], copy["period_us_p99"], copy["period_us_max"] = (
            periods.p50_us,
            periods.p99_us,
            periods.max_us,
        )
        if pacer is not None:
            copy["cycles"], copy["misses"], copy["late_max_us"] = pacer.cycles, pacer.misses, pacer.late_max_us
        self.mailbox.state.publish()
        if self.black_box is not None:
            self.black_box.append(self.mailbox.state.words)

    def end(self) -> None:
        """Let the arm hold itself, and publish that as the final state."""
        self._stop()
        deactivate(self.memory)
        self.message, self.reason = ENDED, Reason.IDLE
        self.mailbox.state.copy["ended"] = 1.0
        self.publish(None)
