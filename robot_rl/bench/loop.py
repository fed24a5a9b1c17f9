"""How well a 1 kHz loop keeps its deadlines while a learner loads the machine; part of the benchmark `control`.

The loop is the real host (`controllers.host`) on a simulated arm, in a process of its own: `python -m
robot_rl.bench.loop KIND SECONDS NAME CPU`, KIND host, sleep, machine or load. The sleeping loop is the same cycle over
`time.sleep`, without asking the kernel for anything: what a loop does that nobody thought about. The machine is what
neither can avoid: a process that only reads the clock. The load computes in a process beside them. Where there are two
cores it has one of them to itself; on one core all share it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from controllers.arm import KNOWN_ARMS
from controllers.compilation import compiled
from controllers.drivers.contract import Capabilities, DriverMode, Feedback, Reading
from controllers.geometry import FloatArray
from controllers.host import SPIN_US, Host, HostParts, run_host
from controllers.mailbox import Mailbox, Request
from controllers.monotonic import make_timespec, monotonic_ns
from controllers.pacing import NS_PER_S, Pacer, PreciseClock
from controllers.presets import preset
from controllers.realtime import realtime
from robot_rl.bench.arm import ArmInLoop, N
from robot_rl.sim.arm import HOME_Q
from robot_rl.sim.stepping import refresh_model, step_physics

RATE_HZ = 1000.0
BURST_S = 0.3
GAP_NS = 5_000  # two readings of the clock lie 50 ns apart; what takes longer was not ours


class ArmDriver:
    """A `Driver` of the benchmark's arm: reading and writing cost what they cost on a real one, without the wire."""

    def __init__(self) -> None:
        self.arm = ArmInLoop()
        state = self.arm.state._replace(tau_external=np.full(N, np.nan))
        self.feedback = Feedback(state, self.arm.dynamics, np.full(N, np.nan))
        self._mode = DriverMode.CLOSED

    def connect(self) -> Capabilities:
        """See `Driver`."""
        self._mode = DriverMode.READY
        return Capabilities("simulated arm", "MuJoCo", N, RATE_HZ, False, True, True, 0.1)

    def read(self) -> Reading:
        """See `Driver`."""
        refresh_model(*(*self.arm.of_model, self.arm.state.p, self.arm.dynamics))
        return Reading(self._mode, "", time.monotonic(), np.nan)

    def write(self, tau: FloatArray) -> bool:
        """See `Driver`: the arm moves on by one time step."""
        self.arm.data.ctrl[:N] = tau
        self.arm.state.tau[:] = tau
        step_physics(*self.arm.of_model[:2])
        self._mode = DriverMode.RUNNING
        return True

    def stop(self) -> None:
        """See `Driver`."""
        self._mode = DriverMode.READY

    def recover(self) -> None:
        """See `Driver`."""

    def close(self) -> None:
        """See `Driver`."""
        self._mode = DriverMode.CLOSED


class SleepClock:
    """`time.sleep` until a deadline: the kernel may be as late as it likes."""

    def now_ns(self) -> int:
        """Now [ns]."""
        return time.monotonic_ns()

    def sleep_until(self, deadline_ns: int) -> None:
        """Sleep for what remains."""
        if (remaining_ns := deadline_ns - time.monotonic_ns()) > 0:
            time.sleep(remaining_ns / NS_PER_S)


def run_loop(kind: str, seconds: float, name: str) -> dict[str, Any]:
    """In the loop's process: cycle for so long, then say how it went."""
    clock = PreciseClock(SPIN_US) if kind == "host" else SleepClock()
    mailbox = Mailbox(name, N, create=True)
    parts = HostParts(ArmDriver(), preset("guarded", HOME_Q), KNOWN_ARMS["fer"])
    host = Host(parts, mailbox, clock)
    try:
        host.connect()
        mailbox.request.copy["request"] = Request.ACTIVATE
        mailbox.request.publish()
        cycles = round(seconds * RATE_HZ)
        if kind == "host":
            with realtime() as granted:
                host.cycle()
                pacer = run_host(host, clock, RATE_HZ, paced=False, cycles=cycles)
        else:
            granted = None
            host.cycle()
            pacer = run_host(host, clock, RATE_HZ, paced=False, cycles=cycles)
    finally:
        mailbox.unlink()
    names = {"fifo": "fifo", "memory_locked": "locked", "awake": "awake"}
    return _figures(pacer) | {name: bool(granted and getattr(granted, wish)) for wish, name in names.items()}


def _figures(pacer: Pacer) -> dict[str, Any]:
    late = {f"late_us_{word}": pacer.late_us(point) for word, point in (("p50", 50), ("p99", 99), ("p999", 99.9))}
    return {"cycles": pacer.cycles, "misses": pacer.misses, **late, "late_us_max": round(pacer.late_max_us, 1)}


def compute_load(seconds: float) -> None:
    """In the load's process: what a learner does, for so long; a line says when it is warm, and what it is."""
    compute, what = _learner() if importlib.util.find_spec("jax") else _products()
    compute()
    print(what, flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        compute()


def _learner() -> tuple[Callable[[], object], str]:
    from robot_rl.agents.jax.learner import JaxLearner
    from robot_rl.bench.learner import cached_definition, random_batch

    definition = cached_definition()
    learner, batch = JaxLearner(definition, seed=0), random_batch(definition, 1)
    return lambda: learner.update(batch), "learner"


def _products() -> tuple[Callable[[], object], str]:
    A = np.random.default_rng(0).normal(size=(400, 400))
    return lambda: np.tanh(A @ A.T), "matrix products"


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


def run_machine(seconds: float) -> dict[str, Any]:
    """What the machine itself adds: how often and for how long a FIFO process that only reads the clock is stopped all
    the same, and how many deadlines of the loop's rate pass meanwhile beyond the first: missed by any loop.

    In bursts: Linux takes a core away from a real-time process that spins for more than 95 % of a second.
    """
    gaps_ns, timespec = np.zeros((100_000, 2), np.int64), make_timespec()
    clock_gaps(1000, GAP_NS, timespec, gaps_ns)
    found: list[np.ndarray] = []
    for _ in range(max(1, round(seconds / BURST_S))):
        with realtime():
            count = clock_gaps(round(BURST_S * NS_PER_S), GAP_NS, timespec, gaps_ns)
        found.append(gaps_ns[:count].copy())
        time.sleep(BURST_S / 3)
    return gap_figures(np.concatenate(found), len(found) * BURST_S)


def gap_figures(gaps_ns: np.ndarray, seconds: float) -> dict[str, Any]:
    """Figures of gaps (gaps, 2) in a watch of `seconds`; times from the start of a burst [ns]."""
    first, last = gaps_ns.T // round(NS_PER_S / RATE_HZ)
    us = (gaps_ns[:, 1] - gaps_ns[:, 0]) * 1e-3
    return {
        "seconds": round(seconds, 1),
        "gaps_per_s": round(us.size / seconds, 1),
        "gap_us_max": round(float(us.max(initial=0.0)), 1),
        "gaps_over_100us": int((us > 100.0).sum()),
        "misses": int(np.maximum(last - first - 1, 0).sum()),
    }


def bench_loop(seconds: float = 20.0) -> dict[str, Any]:
    """Return `loop_*` of the host, `sleep_loop_*` of the sleeping loop and `machine_*` of a process that only reads the
    clock, each so long under load.
    """
    cpus = sorted(os.sched_getaffinity(0))
    loop_cpu, load_on = cpus[-1], cpus[0]
    figures: dict[str, Any] = {"loop_seconds": seconds, "loop_cpu": loop_cpu, "load_cpu": load_on}
    with _start(["load", str(3.0 * seconds + 600.0), "-"], load_on) as load:
        try:
            figures["load"] = _answer(load)
            for kind, lead in (("host", "loop"), ("sleep", "sleep_loop"), ("machine", "machine")):
                with _start([kind, str(seconds), f"bench-{os.getpid()}"], loop_cpu) as loop:
                    figures |= {f"{lead}_{name}": value for name, value in json.loads(_answer(loop)).items()}
        finally:
            load.kill()
    for wish in ("fifo", "locked", "awake"):  # the sleeping loop asked for nothing
        del figures[f"sleep_loop_{wish}"]
    return figures


def _answer(process: subprocess.Popen[str]) -> str:
    """The line that a process has to say."""
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line:
        raise RuntimeError(
            f"loop benchmark: got no answer from {process.args!r}, expected one line; see the error above."
        )
    return line


def _start(arguments: list[str], cpu: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "robot_rl.bench.loop", *arguments, str(cpu)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main(arguments: Sequence[str]) -> int:
    """`KIND SECONDS NAME CPU`, in a process of its own."""
    kind, seconds, name, cpu = arguments
    os.sched_setaffinity(0, {int(cpu)})
    if kind == "load":
        compute_load(float(seconds))
        return 0
    figures = run_machine(float(seconds)) if kind == "machine" else run_loop(kind, float(seconds), name)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
