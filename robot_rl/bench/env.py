"""Benchmark of a 10 Hz step: physics, controller and, with cameras, rendering.

gym-hil's cube, where it is installed, is measured in the same run for comparison. Resets do not count.
"""

import importlib
import importlib.util
from typing import Any

import gymnasium
import numpy as np

from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.tasks import TASKS, environment_id

STEPS = {"state": 400, "pixel": 200}
BASELINE_STEPS = {"state": 60, "pixel": 12}
HEADLINE = "pick-lift"
"""Task whose numbers stand without a prefix."""
BASELINE_IDS = {"state": "gym_hil/PandaPickCubeBase-v0", "pixel": "gym_hil/PandaPickCubeBase-v0"}


def run() -> dict[str, Any]:
    """Return step times [ms] of each task, and of gym-hil where it is installed."""
    metrics: dict[str, Any] = {}
    for task in TASKS:
        lead = "" if task == HEADLINE else f"{task.replace('-', '_')}_"
        for kind, steps in STEPS.items():
            env = make_env(task, images=kind == "pixel")
            metrics |= {f"{lead}{name}": value for name, value in step_times(env, kind, steps).items()}
    return metrics | baseline_metrics()


def make_env(task: str, images: bool) -> gymnasium.Env[Any, Any]:
    """Return the environment of a task, with or without cameras."""
    return gymnasium.make(f"robot_rl.envs:{environment_id(task)}", cameras=None if images else ())


def step_times(env: gymnasium.Env[Any, Any], kind: str, steps: int) -> dict[str, float]:
    """Return median and 99th percentile of a step with random actions [ms], and close the environment."""
    rng = np.random.default_rng(0)
    shape = env.action_space.shape
    env.reset(seed=0)
    ended = False

    def step() -> None:
        nonlocal ended
        action = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        _, _, terminated, truncated, _ = env.step(action)
        ended = bool(terminated or truncated)

    durations_s: list[float] = []
    while len(durations_s) < steps:
        durations_s += list(time_calls(step, 1, warm_up=0))
        if ended:
            env.reset()
    env.close()
    return percentiles(f"{kind}_step_ms", np.array(durations_s[3:]), 1e3)


def baseline_metrics() -> dict[str, Any]:
    """Return gym-hil's metrics; a note when it is not installed or does not run."""
    if importlib.util.find_spec("gym_hil") is None:
        return {"gym_hil": "not installed: pip install --no-deps gym-hil==0.1.14"}
    importlib.import_module("gym_hil")
    metrics: dict[str, Any] = {}
    for kind, steps in BASELINE_STEPS.items():
        env = gymnasium.make(BASELINE_IDS[kind], image_obs=kind == "pixel")
        metrics |= {f"gym_hil_{name}": value for name, value in step_times(env, kind, steps).items()}
    return metrics
