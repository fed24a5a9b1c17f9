"""Processes of the loop's benchmark (`robot_rl.bench.loop`), which take turns.

The control process' loop on a simulated arm; the same cycle over `time.sleep`, a baseline loop without real-time
settings; and a FIFO busy-wait that measures the kernel's own stalls.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import numpy as np

from controllers.arm import REASON_TEXT, Mode
from controllers.arms.spec import arm_limits
from controllers.compilation import compiled
from controllers.drivers.contract import Capabilities, DriverMode, Feedback, Reading
from controllers.geometry import FloatArray
from controllers.host.control_process import ControlProcess
from controllers.host.control_stack import ControlStack
from controllers.host.mailbox import Mailbox, Request
from controllers.host.monotonic import make_timespec, monotonic_ns
from controllers.host.pacing import Pacer, PreciseClock, pacing_clock
from controllers.host.realtime import RealtimeStatus, realtime
from controllers.host.run_loop import run_host
from controllers.host.shield import NOT_SHIELDED, shielded
from controllers.law.presets import preset
from robot_rl.bench.arm import ArmInLoop, N
from robot_rl.core.clock import NS_PER_S, SystemClock
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import refresh_model, step_physics

RATE_HZ = 1000.0
BURST_S = 0.25
GAP_NS = 5_000  # two readings of the clock are 50 ns apart; a longer gap is a stall


class Runner(Protocol):
    """A process that takes turns."""

    def turn(self, seconds: float) -> None:
        """Run for `seconds`."""

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of all turns."""


class ArmDriver:
    """A `Driver` of the benchmark's arm: reading and writing cost the same as on a real one, without the wire."""

    def __init__(self) -> None:
        self.arm = ArmInLoop()
        state = self.arm.loop.state._replace(tau_external=np.full(N, np.nan))
        self.feedback = Feedback(state, self.arm.loop.dynamics, np.full(N, np.nan))
        self._mode = DriverMode.CLOSED

    def connect(self) -> Capabilities:
        self._mode = DriverMode.READY
        return Capabilities("simulated arm", "MuJoCo", N, RATE_HZ, False, True, True, 0.1)

    def read(self) -> Reading:
        refresh_model(self.arm.views, self.arm.loop.state.p, self.arm.loop.dynamics)
        return Reading(self._mode, "", time.monotonic(), np.nan)

    def write(self, tau: FloatArray) -> bool:
        """See `Driver`: the arm moves on by one time step."""
        self.arm.data.ctrl[:N] = tau
        self.arm.loop.state.tau[:] = tau
        step_physics(self.arm.views)
        self._mode = DriverMode.RUNNING
        return True

    def stop(self) -> None:
        """See `Driver`: the brakes close."""
        self.arm.data.qvel[:] = 0.0
        self._mode = DriverMode.READY

    def recover(self) -> None:
        """See `Driver`."""

    def close(self) -> None:
        self._mode = DriverMode.CLOSED


class LoopRunner:
    """The control process' loop on the benchmark's arm; a `Runner`. `privileged`: with its real-time settings.

    Raises:
        RuntimeError: at the end of a turn in which the arm did not track.
    """

    def __init__(self, name: str, privileged: bool) -> None:
        self._mailbox = Mailbox(name, N, create=True)
        self._privileged, self._granted = privileged, RealtimeStatus(False, False, False)
        self._kept = NOT_SHIELDED
        parts = ControlStack(ArmDriver(), preset("guarded", HOME_Q), arm_limits("fer"))
        self._host = ControlProcess(parts, self._mailbox, PreciseClock())
        clock = pacing_clock(1.0 / RATE_HZ, own_core=True) if privileged else SystemClock()
        self._pacer = Pacer(1.0 / RATE_HZ, clock)
        self._host.connect()

    def turn(self, seconds: float) -> None:
        self._request(Request.ACTIVATE)
        with self._privileges():
            run_host(self._host, self._pacer, paced=False, cycles=round(seconds * RATE_HZ))
        if self._host.memory.mode in (Mode.IDLE, Mode.FAULT):
            raise RuntimeError(f"loop benchmark: got an arm that is not led: {REASON_TEXT[self._host.reason]}.")
        self._request(Request.DEACTIVATE)  # the arm rests at the next activation
        self._host.cycle()

    def _request(self, request: Request) -> None:
        self._mailbox.request.copy["request"] = request
        self._mailbox.request.publish()

    @contextmanager
    def _privileges(self) -> Iterator[None]:
        if not self._privileged:
            yield
            return
        (cpu,) = os.sched_getaffinity(0)
        with shielded(cpu) as self._kept, realtime() as self._granted:
            yield

    def metrics(self) -> dict[str, Any]:
        self._mailbox.unlink()
        pacer, granted = self._pacer, self._granted
        late_us = {"p50": pacer.late_us(50), "p99": pacer.late_us(99), "p999": pacer.late_us(99.9)}
        late = {f"late_us_{name}": round(us, 1) for name, us in (late_us | {"max": pacer.late_max_us}).items()}
        metrics = {"cycles": pacer.cycles, "misses": pacer.misses, **late}
        if not self._privileged:
            return metrics
        granted_by_name = {"fifo": granted.fifo, "locked": granted.memory_locked, "awake": granted.awake}
        return {**metrics, **granted_by_name, "threads_kept_off": self._kept.moved}


class MachineRunner:
    """Stalls of the machine: how often and how long a FIFO process that only reads the clock is stopped, and how many
    deadlines of the loop's rate pass meanwhile beyond the first, which any loop misses.

    In bursts: Linux throttles a real-time process that spins for more than 95 % of a second.
    """

    def __init__(self) -> None:
        self._gaps_ns, self._timespec = np.zeros((100_000, 2), np.int64), make_timespec()
        self._found: list[np.ndarray] = []
        clock_gaps(1000, GAP_NS, self._timespec, self._gaps_ns)

    def turn(self, seconds: float) -> None:
        """See `Runner`."""
        for _ in range(max(1, round(seconds / BURST_S))):
            with realtime():
                count = clock_gaps(round(BURST_S * NS_PER_S), GAP_NS, self._timespec, self._gaps_ns)
            self._found.append(self._gaps_ns[:count].copy())
            time.sleep(BURST_S / 5)

    def metrics(self) -> dict[str, Any]:
        """See `Runner`."""
        return gap_metrics(np.concatenate(self._found), len(self._found) * BURST_S)


@compiled
def clock_gaps(duration_ns: int, gap_ns: int, timespec: np.ndarray, gaps_ns: np.ndarray) -> int:
    """Read the clock without pause; write begin and end (gaps, 2) of gaps longer than gap_ns, return their number."""
    found = 0
    start = last = monotonic_ns(timespec)
    while last - start < duration_ns:
        now = monotonic_ns(timespec)
        if now - last > gap_ns:
            if found < gaps_ns.shape[0]:
                gaps_ns[found, 0], gaps_ns[found, 1] = last - start, now - start
            found += 1
        last = now
    return found


def gap_metrics(gaps_ns: np.ndarray, seconds: float) -> dict[str, Any]:
    """Return metrics of gaps (gaps, 2) in `seconds`; times from the start of a burst [ns]."""
    first, last = gaps_ns.T // round(NS_PER_S / RATE_HZ)
    us = (gaps_ns[:, 1] - gaps_ns[:, 0]) * 1e-3
    return {
        "seconds": round(seconds, 1),
        "gaps_per_s": round(us.size / seconds, 1),
        "gap_us_max": round(float(us.max(initial=0.0)), 1),
        "gaps_over_100us": int((us > 100.0).sum()),
        "misses": int(np.maximum(last - first - 1, 0).sum()),
    }


def compute_load() -> NoReturn:
    """Make a learner's updates in the load's process until it is killed; print a line when it is warm."""
    compute, what = _learner() if importlib.util.find_spec("jax") else _products()
    compute()
    print(what, flush=True)
    while True:
        compute()


def _learner() -> tuple[Callable[[], object], str]:
    from robot_rl.agents.backend import make_backend
    from robot_rl.agents.batches import random_batch
    from robot_rl.bench.learner import BATCH, cached_definition

    definition = cached_definition()
    learner, batch = make_backend(definition, 0).learner(), random_batch(definition, 1, BATCH)
    return lambda: learner.update(batch), "learner"


def _products() -> tuple[Callable[[], object], str]:
    A = np.random.default_rng(0).normal(size=(400, 400))
    return lambda: np.tanh(A @ A.T), "matrix products"
