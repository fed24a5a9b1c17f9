"""Benchmark of a 1 kHz loop's deadlines while a learner loads the machine; part of `control`.

`python -m robot_rl.bench.loop KIND NAME CPU` is one process of it, KIND host, sleep, machine (`robot_rl.bench.
loop_runners`) or load. The load computes all the time, on its own core where there are two. The
three others share the other core and take turns of a second in random order, because the load of a virtual machine
drifts from minute to minute. A line of standard input begins a turn, one of
standard output ends it; at the end of the input the metrics follow.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.progress import track

from controllers.arm import Target
from controllers.geometry import quat_from_matrix
from controllers.host.mailbox import Client
from controllers.host.realtime import end_with_parent
from robot_rl.bench.loop_runners import LoopRunner, MachineRunner, Runner, compute_load

LEADS = {"host": "loop", "sleep": "sleep_loop", "machine": "machine"}
LOOPS = ("host", "sleep")
TURN_S = 1.0
TARGET_PERIOD_S = 0.05
AMPLITUDE_M = 0.02


class Turns:
    """A process of the benchmark that takes turns; loops receive targets during theirs."""

    def __init__(self, kind: str, cpu: int) -> None:
        self._name = f"bench-{kind}-{os.getpid()}"
        command = [sys.executable, "-m", "robot_rl.bench.loop", kind, self._name, str(cpu)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self.greeting = self._line()
        self._client = Client(self._name) if kind in LOOPS else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def take(self, seconds: float) -> None:
        """One turn [s]."""
        self._lead()
        self._input.write(f"{seconds}\n")
        self._input.flush()
        while not select.select([self._output], [], [], TARGET_PERIOD_S)[0]:
            self._lead()
        self._line()

    def _lead(self) -> None:
        if self._client is None:
            return
        values, now_s = self._client.state().values, time.monotonic()
        p = values["p"][0] + AMPLITUDE_M * np.array([np.sin(now_s), np.cos(now_s), 0.0])
        quat = np.array(quat_from_matrix(np.ascontiguousarray(values["R"][0])))
        self._client.send(Target(p, quat, np.zeros(6), np.zeros(6), np.array([now_s])))

    def end(self) -> dict[str, Any]:
        """The metrics of all turns."""
        self._input.close()
        metrics: dict[str, Any] = json.loads(self._line())
        return metrics

    def _line(self) -> str:
        line = self._output.readline().strip()
        if not line:
            raise RuntimeError(
                f"loop benchmark: got no answer from {self._name}, expected a line; see the error above."
            )
        return line


def bench_loop(seconds: float = 20.0) -> dict[str, Any]:
    """Return `loop_*` of the control process, `sleep_loop_*` of the sleeping loop and `machine_*` of one that only
    reads the clock, each for `seconds` under load.
    """
    cpus = sorted(os.sched_getaffinity(0))
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, cpus)
        os.sched_setaffinity(0, {cpus[0]})  # so that this process does not disturb a loop
        load = stack.enter_context(Turns("load", cpus[0]))
        turns = {kind: stack.enter_context(Turns(kind, cpus[-1])) for kind in LEADS}
        for _ in track(range(round(seconds / TURN_S)), "loop beside a learner", console=Console(stderr=True)):
            for kind in rng.permutation(list(LEADS)):
                turns[kind].take(TURN_S)
        ends = {kind: turns[kind].end() for kind in LEADS}
    metrics = {"loop_seconds": seconds, "loop_cpu": cpus[-1], "load_cpu": cpus[0], "load": load.greeting}
    return metrics | {f"{LEADS[kind]}_{name}": value for kind, end in ends.items() for name, value in end.items()}


def main(arguments: Sequence[str]) -> int:
    """Run `KIND NAME CPU` in its own process."""
    kind, name, cpu = arguments
    if not end_with_parent():
        return 1
    os.sched_setaffinity(0, {int(cpu)})
    if kind == "load":
        compute_load()
    runner: Runner = MachineRunner() if kind == "machine" else LoopRunner(name, privileged=kind == "host")
    print("ready", flush=True)
    for line in sys.stdin:
        runner.turn(float(line))
        print("done", flush=True)
    print(json.dumps(runner.metrics()), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
