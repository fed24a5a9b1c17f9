"""Processes of one run, each with its own log, its own cores and an orderly end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import RobotRLError
from robot_rl.runtime.runs.stop import PARENT_VARIABLE

# Cache of compiled updates for the next run of the same agent.
ENVIRONMENT = {"JAX_COMPILATION_CACHE_DIR": str(Path.home() / ".cache" / "robot-rl" / "jax")}
THREADS_MAX = 4  # a batch of 256 through layers of 256 holds too little work for more
POLL_NS = NS_PER_S // 20
STOPPED_CODES = (-signal.SIGTERM, 130)
"""Exit codes of a stopped process: before it handles the signal, and while it waited."""
LOST = 256
"""Exit code of a process whose computer was lost; no process ends with it."""


class ProcessFailedError(RobotRLError):
    """A process of the run ended by itself with an error."""


@dataclass(frozen=True)
class ProcessPlan:
    """Command of a process and destination of its output."""

    name: str
    """Shown to the user: learner, actor-0, ..."""
    command: tuple[str, ...]
    """The program and its arguments."""
    log: Path | None = None
    """Log file; None: our own output."""
    cores: frozenset[int] = frozenset()
    """CPU cores that it may use; empty: any."""
    sign: Path | None = None
    """File that grows once it works: one that fails before is not started again. None: none that fails is."""


class Process:
    """One running part of a run. The terminal's Ctrl-C does not reach it: its owner stops processes in order."""

    def __init__(self, plan: ProcessPlan) -> None:
        self.plan = plan
        self._asked = False
        with _open_log(plan.log) as log:
            self._process = subprocess.Popen(
                plan.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                env={**ENVIRONMENT, **threads(len(plan.cores)), **os.environ, PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )
        if plan.cores:
            _pin(self._process.pid, plan.cores)

    def running(self) -> bool:
        """Return whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, minus the signal that ended it; None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Check that it has not failed.

        Raises:
            ProcessFailedError: it ended with an error and was not stopped; the text holds the end of its log.
        """
        code = self._process.poll()
        if code and not (self._asked and code in STOPPED_CODES):
            raise failure(self.plan, code)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once; our loops then end cleanly, also one that was frozen."""
        if self.running() and not self._asked:
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)
            self._asked = True

    def wait(self, timeout_s: float, clock: Clock) -> None:
        """Wait for its end; kill it when it takes longer than `timeout_s`."""
        deadline_ns = clock.now_ns() + round(timeout_s * NS_PER_S)
        while self.running() and clock.now_ns() < deadline_ns:
            clock.sleep_until(clock.now_ns() + POLL_NS)
        if self.running():
            self._process.kill()
        self._process.wait()


def failure(plan: ProcessPlan, code: int) -> ProcessFailedError:
    """Return the error of a process that ended by itself; the text holds the end of its log."""
    output = "its output is above." if plan.log is None else f"see {plan.log}:\n{last_lines(plan.log)}"
    how = "the loss of its computer" if code == LOST else f"exit code {code}"
    return ProcessFailedError(f"{plan.name}: got {how}, expected a running process; {output}")


def threads(cores: int) -> dict[str, str]:
    """Return the environment of a process with cores of its own, 0 for any: one thread a core, THREADS_MAX at most.

    XLA and BLAS by themselves start one for each core of the machine, which next to a simulator costs more than it
    gains.
    """
    count = max(1, min(cores, THREADS_MAX))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    many = "true" if count > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={many} intra_op_parallelism_threads={count}"
    return {"XLA_FLAGS": flags, **dict.fromkeys(names, str(count))}


class Stoppable(Protocol):
    """A process that can be stopped."""

    def ask_to_stop(self) -> None:
        """Ask for an end in good order."""

    def wait(self, timeout_s: float, clock: Clock) -> None:
        """Wait for its end; kill it when it takes longer than `timeout_s`."""


class Part(Stoppable, Protocol):
    """A process that was started: here, or on another computer."""

    @property
    def exit_code(self) -> int | None:
        """Exit code, minus the signal that ended it, LOST where its computer was lost; None while it runs."""

    @property
    def pid(self) -> int:
        """Its number; 0 on another computer."""

    def running(self) -> bool:
        """Return whether it still runs."""

    def check(self) -> None:
        """Check that it has not failed.

        Raises:
            ProcessFailedError: it ended by itself with an error.
        """


def stop_in_order(processes: Sequence[Stoppable], timeout_s: float, clock: Clock) -> None:
    """Stop one after the other, so that the actors' last records reach the learner."""
    for process in processes:
        process.ask_to_stop()
        process.wait(timeout_s, clock)


@contextmanager
def beside(plan: ProcessPlan | None, timeout_s: float, clock: Clock) -> Iterator[None]:
    """Run a process while the block runs, if there is one; its failure is in its log and ends nothing else."""
    processes = [] if plan is None else [Process(plan)]
    try:
        yield
    finally:
        stop_in_order(processes, timeout_s, clock)


def robot_rl_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of `robot-rl` in this same Python."""
    return (sys.executable, "-m", "robot_rl", *arguments)


def share_cores(actors: int, cores: Sequence[int]) -> tuple[frozenset[int], list[frozenset[int]]]:
    """Return the learner's cores and each actor's: one an actor, the rest, at least one, for the learner.

    With a single core no process is pinned (empty sets).
    """
    if len(cores) < 2 or actors < 1:
        return frozenset(), [frozenset()] * actors
    first = max(1, len(cores) - actors)
    rest = cores[first:]
    return frozenset(cores[:first]), [frozenset({rest[i % len(rest)]}) for i in range(actors)]


def available_cores() -> list[int]:
    """Return the cores that this process may use; empty where the system does not report them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _open_log(path: Path | None) -> AbstractContextManager[BinaryIO | None]:
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def last_lines(path: Path) -> str:
    """Return the end of a log, indented."""
    lines = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines() if path.exists() else []
    return "\n".join("  " + line for line in lines[-8:]) or "  (no output)"


def _pin(pid: int, cores: frozenset[int]) -> None:
    if hasattr(os, "sched_setaffinity"):  # Linux only
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(pid, cores)
