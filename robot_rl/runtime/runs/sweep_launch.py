"""Start of a sweep's runs: some at a time on this computer's cores, or on a Ray cluster."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from robot_rl.core.clock import Clock
from robot_rl.core.errors import ConfigError
from robot_rl.runtime.runs.processes import ENVIRONMENT, POLL_NS, Process, ProcessPlan, Stoppable, available_cores
from robot_rl.runtime.runs.stop import PARENT_VARIABLE


class Launched(Stoppable, Protocol):
    """A run that was started."""

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""


class Launcher(Protocol):
    """A place for runs."""

    slots: int
    """Runs at a time."""

    def start(self, slot: int, plan: ProcessPlan) -> Launched:
        """Start a run on a slot that is free."""

    def close(self) -> None:
        """Leave the place."""


class LocalLauncher:
    """This computer: each slot has cores of its own, where there are enough."""

    def __init__(self, slots: int) -> None:
        self.slots, cores = slots, available_cores()
        share = len(cores) // slots
        self._cores = [frozenset(cores[share * slot : share * (slot + 1)]) for slot in range(slots)]

    def start(self, slot: int, plan: ProcessPlan) -> Process:
        """Start a run on a slot's cores."""
        return Process(ProcessPlan(plan.name, plan.command, plan.log, self._cores[slot]))

    def close(self) -> None:
        """Do nothing."""


class RayLauncher:
    """A Ray cluster, whose computers all see the sweep's folder and have this package.

    Args:
        address: `local` for one on this computer, `auto` for the one that it belongs to, or `ray://HOST:PORT`.
        cores: of each run; Ray starts a run where so many are free.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str, slots: int, cores: int) -> None:
        self.slots, self._cores, self._ray = slots, cores, _import_ray()
        try:
            where = {} if address == "local" else {"address": address}
            self._ray.init(**where, include_dashboard=False, log_to_driver=False, **_own_paths())
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"--ray: got {address!r}, expected a cluster that answers ({error}).") from error

    def start(self, slot: int, plan: ProcessPlan) -> "_RayRun":
        """Queue a run; it starts where cores are free."""
        return _RayRun(self._ray, plan, self._cores)

    def close(self) -> None:
        """Leave the cluster; one on this computer ends."""
        self._ray.shutdown()


class RemoteProcess:
    """A run's process on a computer of the cluster; methods are called over Ray."""

    def __init__(self, command: Sequence[str], log: str) -> None:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, *command[1:]]  # that computer's Python
        environment = ENVIRONMENT | os.environ | {PARENT_VARIABLE: str(os.getpid())}  # it ends with this worker
        with open(log, "ab") as file:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment
            )

    def exit_code(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Send SIGTERM; the run ends in good order."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)


class _RayRun:
    """A run on the cluster."""

    def __init__(self, ray: Any, plan: ProcessPlan, cores: int) -> None:
        self._ray, self._plan = ray, plan
        self._code: int | None = None
        self._asked = False
        kind = ray.remote(num_cpus=cores)(RemoteProcess)
        self._remote = kind.remote(plan.command, str(plan.log))
        self._answer = self._remote.exit_code.remote()

    @property
    def exit_code(self) -> int | None:
        """Exit code, 1 where its computer was lost; None while it runs or waits for cores."""
        ready, _ = self._ray.wait([self._answer], timeout=0)
        if self._code is None and ready:
            try:
                self._code = self._ray.get(self._answer)
            except self._ray.exceptions.RayError as error:
                if not self._asked:
                    print(f"{self._plan.name}: {type(error).__name__}", file=sys.stderr, flush=True)
                self._code = 1
            if self._code is None:
                self._answer = self._remote.exit_code.remote()
            else:
                self._ray.kill(self._remote)  # frees its cores
        return self._code

    def ask_to_stop(self) -> None:
        """Ask for an end in good order; one that waits for cores never starts."""
        self._asked = True
        if self.exit_code is None:
            ready, _ = self._ray.wait([self._answer], timeout=1.0)
            if ready:
                self._remote.stop.remote()
            else:
                self._ray.kill(self._remote)

    def wait(self, timeout_s: float, clock: Clock) -> None:
        """Wait for its end; kill it when it takes longer."""
        deadline_ns = clock.now_ns() + round(timeout_s * 1e9)
        while self.exit_code is None and clock.now_ns() < deadline_ns:
            clock.sleep_until(clock.now_ns() + POLL_NS)
        if self._code is None:
            self._ray.kill(self._remote)


def run_all(
    plans: Sequence[ProcessPlan],
    launcher: Launcher,
    clock: Clock,
    should_stop: Callable[[], bool],
    show: Callable[[Sequence[str], dict[str, int]], None],
    stop_limit_s: float,
) -> dict[str, int]:
    """Run all plans, as many at a time as the launcher has slots; return the exit codes by name.

    Args:
        show: called with the names of those that run, and the codes so far.
        stop_limit_s: time for each to end after a stop [s].
    """
    waiting, running, codes = list(plans), dict[int, tuple[str, Launched]](), dict[str, int]()
    try:
        while (waiting or running) and not should_stop():
            for slot, (name, launched) in list(running.items()):
                if (code := launched.exit_code) is not None:
                    codes[name] = code
                    del running[slot]
            for slot in (slot for slot in range(launcher.slots) if waiting and slot not in running):
                plan = waiting.pop(0)
                running[slot] = (plan.name, launcher.start(slot, plan))
            show([name for name, _ in running.values()], codes)
            clock.sleep_until(clock.now_ns() + POLL_NS)
    finally:
        for _, launched in running.values():
            launched.ask_to_stop()
        for _, launched in running.values():
            launched.wait(stop_limit_s, clock)
    return codes


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--ray: got no package 'ray', expected it here and on each computer of the cluster; pip install "
            "'robot-rl[ray]', or leave --ray out: --parallel runs several at a time here."
        ) from error
    return ray


def _own_paths() -> dict[str, Any]:
    """Return what lets workers import this package as this process does."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {"runtime_env": {"env_vars": {"PYTHONPATH": paths}}}
