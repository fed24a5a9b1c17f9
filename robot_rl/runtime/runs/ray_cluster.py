"""Processes on the computers of a Ray cluster: spread over them, each with cores of its own where there are enough."""

import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robot_rl.core.clock import NS_PER_S, Clock
from robot_rl.core.errors import ConfigError, RunFolderError
from robot_rl.runtime.runs.core_claims import CoreClaims
from robot_rl.runtime.runs.processes import LOST, POLL_NS, Process, ProcessPlan, available_cores, failure

CONNECT_S = 5.0
"""Longest wait for a cluster's computer to answer at all [s]."""
ANSWER_S = 1.0
"""Time in which a process that runs answers [s]; one that has not started does not."""


class RayLauncher:
    """A Ray cluster, whose computers all see the runs' folder and have this package.

    Args:
        address: `local` for one on this computer, `auto` for the one that it belongs to, or `ray://HOST:PORT`.
        cores: of each process; Ray starts one where so many are free.
        flag: by which they are set, for errors.

    Raises:
        ConfigError: Ray is not installed, no cluster answers, or none of its computers has so many cores.
    """

    def __init__(self, address: str, slots: int, cores: int, flag: str) -> None:
        self.slots, self._cores, self._ray = slots, cores, _import_ray()
        where = {} if address == "local" else {"address": address}
        try:
            if ":" in address:  # Ray itself tries for minutes
                host, _, port = address.removeprefix("ray://").rpartition(":")
                socket.create_connection((host, int(port)), CONNECT_S).close()
            with _same_signal_handlers():
                self._ray.init(**where, include_dashboard=False, log_to_driver=False, **_own_paths())
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"--ray: got {address!r}, expected a cluster that answers ({error}).") from error
        most = max((node["Resources"].get("CPU", 0.0) for node in self._ray.nodes() if node["Alive"]), default=0.0)
        if most < cores:
            self.close()
            raise ConfigError(
                f"{flag}: got {cores}, expected at most {most:g}, the cores of the cluster's largest computer."
            )

    def start(self, slot: int, plan: ProcessPlan) -> "RayProcess":
        """Queue a process; it starts where cores are free, on the computer with the fewest."""
        return RayProcess(self._ray, plan, self._cores)

    def close(self) -> None:
        """Leave the cluster; one on this computer ends."""
        with _same_signal_handlers():
            self._ray.shutdown()


class RemoteProcess:
    """A process on a computer of the cluster; methods are called over Ray. It ends with the Ray worker it is in.

    Raises:
        RunFolderError: that computer does not see the folders of this one.
    """

    def __init__(self, name: str, command: Sequence[str], log: str, cores: int, folder: str) -> None:
        if not (Path(log).parent.is_dir() and Path(folder).is_dir()):
            raise RunFolderError(
                f"ray: got {platform.node()} without {Path(log).parent} or {folder}, expected them; share their disk."
            )
        os.chdir(folder)  # paths of the settings may be relative
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's, for one process that has all cores of the run
        self._claims = CoreClaims(cores, available_cores())
        words = (sys.executable, *command[1:])  # that computer's Python
        node = _import_ray().get_runtime_context().get_node_id()
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"-- {name}: on {platform.node()}, Ray node {node}\n")
        self._process = Process(ProcessPlan(name, words, Path(log), self._claims.cores))

    def exit_code(self) -> int | None:
        """Return the exit code, minus the signal that ended it; None while it runs."""
        return self._process.exit_code

    def stop(self) -> None:
        """Send SIGTERM; the process ends in good order."""
        self._process.ask_to_stop()


class RayProcess:
    """A process on the cluster, from here."""

    def __init__(self, ray: Any, plan: ProcessPlan, cores: int) -> None:
        self.plan, self._ray, self._asked = plan, ray, False
        self._code: int | None = None
        kind = ray.remote(num_cpus=cores, scheduling_strategy="SPREAD")(RemoteProcess)
        log = Path(plan.log or os.devnull).absolute()
        log.parent.mkdir(parents=True, exist_ok=True)
        self._remote = kind.remote(plan.name, plan.command, str(log), cores, os.getcwd())
        self._answer = self._remote.exit_code.remote()

    @property
    def exit_code(self) -> int | None:
        """Exit code, LOST where its computer was lost; None while it runs or waits for cores."""
        ready, _ = self._ray.wait([self._answer], timeout=0)
        if self._code is None and ready:
            try:
                self._code = self._ray.get(self._answer)
            except self._ray.exceptions.ActorUnavailableError:
                pass  # its network failed for a moment
            except self._ray.exceptions.RayError as error:
                self._code = LOST
                if not self._asked:
                    print(f"{self.plan.name}: {_reason(error)}", file=sys.stderr, flush=True)
            if self._code is None:
                self._answer = self._remote.exit_code.remote()
            else:
                self._ray.kill(self._remote)  # frees its cores
        return self._code

    @property
    def pid(self) -> int:
        """0: its number says nothing here."""
        return 0

    def running(self) -> bool:
        """Return whether it still runs, or waits for cores."""
        return self.exit_code is None

    def check(self) -> None:
        """Check that it has not failed.

        Raises:
            ProcessFailedError: it ended by itself with an error, or its computer was lost.
        """
        if self.exit_code and not self._asked:
            raise failure(self.plan, self.exit_code)

    def ask_to_stop(self) -> None:
        """Ask for an end in good order; one that waits for cores never starts."""
        if self.exit_code is None and not self._asked:
            self._asked = True
            ready, _ = self._ray.wait([self._answer], timeout=ANSWER_S)
            if ready:
                self._remote.stop.remote()
            else:
                self._ray.kill(self._remote)

    def wait(self, timeout_s: float, clock: Clock) -> None:
        """Wait for its end; kill it when it takes longer."""
        deadline_ns = clock.now_ns() + round(timeout_s * NS_PER_S)
        while self.exit_code is None and clock.now_ns() < deadline_ns:
            clock.sleep_until(clock.now_ns() + POLL_NS)
        if self._code is None:
            self._ray.kill(self._remote)


def _reason(error: Exception) -> str:
    """Return the kind of Ray's error, and the line of it that gives the cause, where it has one."""
    lines = [line.strip() for line in str(error).splitlines() if " died because " in line]
    return ": ".join([type(error).__name__, *lines[:1]])


@contextmanager
def _same_signal_handlers() -> Iterator[None]:
    """Keep this process's handlers of SIGTERM and SIGINT: Ray installs others that end it at once."""
    numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _import_ray() -> Any:
    try:
        with _same_signal_handlers():
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
