"""Benchmark of one tick of the control law on the simulated arm.

`tick_us` is one whole cycle in compiled code, as simulator and control process run it: model terms from MuJoCo, then
the tick with virtual walls, energy tank and contact estimate on; `bare_tick_us` has none of these. Each cycle is timed
separately, while the arm follows a circle, under SCHED_FIFO where that is permitted (`realtime`). `law_us` excludes the
model terms. `python_tick_us` is the time of calls from Python, `python_call_us` the same without model terms. The first
call may compile and takes `first_call_s`. The metrics of `robot_rl.bench.loop` follow.
"""

import time
from typing import Any

from controllers.arm import Mode
from controllers.host.realtime import realtime
from robot_rl.bench.arm import ArmInLoop
from robot_rl.bench.loop import bench_loop
from robot_rl.bench.timing import percentiles, time_calls

PERCENTILES = (50, 99, 99.9)


def bench_control(ticks: int = 50_000, calls: int = 3000) -> dict[str, Any]:
    """Return tick times [us], and the time of the first call [s]."""
    arm, bare = ArmInLoop(), ArmInLoop("panda_py")
    start = time.perf_counter()
    arm.follow_circle(1)
    first_call_s = time.perf_counter() - start
    with realtime() as granted:
        arm.follow_circle(1000)  # caches and clock speed settle
        cycle_s, law_s = arm.follow_circle(ticks)
        bare.follow_circle(1000)
        bare_s = bare.follow_circle(ticks // 5)[0]
        _check_active(arm)
        _check_active(bare)
        python_s, call_s = time_calls(arm.tick, calls), time_calls(arm.law, calls)
    return {
        **percentiles("tick_us", cycle_s, 1e6, PERCENTILES),
        **percentiles("bare_tick_us", bare_s, 1e6, PERCENTILES),
        **percentiles("law_us", law_s, 1e6, PERCENTILES),
        **percentiles("python_tick_us", python_s, 1e6),
        **percentiles("python_call_us", call_s, 1e6),
        "ticks": ticks,
        "realtime": granted.fifo,
        "first_call_s": round(first_call_s, 2),
    }


def _check_active(arm: ArmInLoop) -> None:
    mode = Mode(arm.loop.memory.mode)
    if mode != Mode.ACTIVE:
        raise RuntimeError(f"control benchmark: got mode {mode.name}, expected ACTIVE; a fault is not the law.")


def run(seconds: float = 20.0) -> dict[str, Any]:
    """Run the benchmark `control`: one tick, then a loop for `seconds`."""
    return bench_control() | bench_loop(seconds)
