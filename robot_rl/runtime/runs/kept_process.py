"""A part of a run that is started again when it dies, with back-off, and given up after too many deaths."""

import signal
from collections.abc import Callable
from contextlib import suppress

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.runtime.runs.process_record import stat
from robot_rl.runtime.runs.processes import LOST, Part, Process, ProcessFailedError, ProcessPlan, last_lines
from robot_rl.runtime.runs.restart import Deaths, RestartPolicy, cause

INTERRUPTED = 130
DEATH, RESTART, FROZEN, AWAKE = "death", "restart", "frozen", "awake"
Report = Callable[[str, str, str], None]
"""Takes the part's name, one of the events above and the text for a person."""


class KeptProcess:
    """Process of a plan, started again as often as the policy allows.

    A process that ends with exit code 0, or was interrupted, has ended in good order and stays so. One that fails
    before it ever worked, as with settings that cannot work, is not started again: it would fail again.

    Args:
        start: starts the process, here or elsewhere.
    """

    def __init__(
        self,
        plan: ProcessPlan,
        policy: RestartPolicy,
        clock: Clock,
        report: Report,
        start: Callable[[ProcessPlan], Part] = Process,
    ) -> None:
        self.plan, self._clock, self._report = plan, clock, report
        self._policy, self._deaths = policy, Deaths(policy)
        self._sign_bytes, self._frozen, self._due_ns = self._signed(), False, 0
        self._start = start
        self._process: Part | None = start(plan)

    @property
    def ended(self) -> bool:
        """Whether it has ended in good order."""
        return self._process is not None and self._process.exit_code in (0, INTERRUPTED)

    def turn(self) -> None:
        """Notice a death, and start again when the time has come.

        Raises:
            ProcessFailedError: it died once too often, or would die again.
        """
        if self._process is None:
            if self._clock.now_ns() >= self._due_ns:
                self._process = self._start(self.plan)
                number = f" as process {self._process.pid}" if self._process.pid else ""
                self._report(self.plan.name, RESTART, f"started again{number}")
        elif self._process.running():
            self._watch(self._process.pid)
        elif not self.ended:
            self._bury(self._process)

    def ask_to_stop(self) -> None:
        """Stop it in good order; it is not started again."""
        if self._process is not None:
            self._process.ask_to_stop()

    def wait(self, timeout_s: float, clock: Clock) -> None:
        """Wait for its end; kill it when it takes longer than `timeout_s`."""
        if self._process is not None:
            self._process.wait(timeout_s, clock)

    def _watch(self, pid: int) -> None:
        """Report that the process was frozen, or goes on."""
        frozen = stat(pid)[0] == "T"
        if frozen and not self._frozen:
            self._report(self.plan.name, FROZEN, f"frozen by {signal.SIGSTOP.name}; `kill -CONT {pid}` lets it go on")
        elif self._frozen and not frozen:
            self._report(self.plan.name, AWAKE, "goes on")
        self._frozen = frozen

    def _bury(self, process: Part) -> None:
        """Report a death, and decide about the restart."""
        code = process.exit_code or 0
        why = "lost with its computer" if code == LOST else cause(code, self.plan.log)
        hopeless = 0 < code < LOST and not self._worked()
        delay_s = self._deaths.add(self._clock.now_ns() / NS_PER_S)
        if hopeless or self._policy.deaths_max == 0:
            process.check()
        if delay_s is None:
            output = "" if self.plan.log is None else f"; see {self.plan.log}:\n{last_lines(self.plan.log)}"
            text = f"got {why}, {self._deaths.text()}, expected a part that keeps running"
            raise ProcessFailedError(f"{self.plan.name}: {text}{output}")
        text = f"{why}; starts again in {delay_s:g} s ({self._deaths.text()})"
        self._report(self.plan.name, DEATH, text)
        self._note(text)
        self._process, self._frozen = None, False
        self._due_ns = self._clock.now_ns() + round(delay_s * NS_PER_S)

    def _worked(self) -> bool:
        return self._signed() > self._sign_bytes

    def _signed(self) -> int:
        sign = self.plan.sign
        return sign.stat().st_size if sign is not None and sign.exists() else 0

    def _note(self, text: str) -> None:
        """Append a line to the part's log."""
        if self.plan.log is not None:
            with suppress(OSError), self.plan.log.open("a", encoding="utf-8") as log:
                log.write(f"-- {self.plan.name}: {text}\n")
