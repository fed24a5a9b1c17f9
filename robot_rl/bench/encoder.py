"""Benchmark of the shipped encoder: error of a linear probe of the object's place, and time of a frame.

Ridge regression from features and `state` to the object's place relative to the tool, on episodes of the expert and of
a disturbed expert; half of the episodes fit it, the others evaluate it. A small policy can use what a linear map finds;
perspective, which is not linear, is part of the error.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from robot_rl import build
from robot_rl.bench.timing import percentiles, time_calls
from robot_rl.envs.protocol import action_layout
from robot_rl.presets import preset
from robot_rl.runtime.acting.observation import encode_observation
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.vision.encoder import Encoder
from robot_rl.vision.probe import probe

STEPS = 2500
SCALES_MM = {"pick-lift": 100.0, "peg-insert": 50.0}
"""Tasks, and millimetres of one unit of their `object_state`."""
NOISE = 0.7
"""Standard deviation of the disturbance, in units of the action, in every second episode."""


def run() -> dict[str, Any]:
    """Return `probe_mm_<task>` (x, y, z), root mean square, and the time to encode a step's images."""
    metrics: dict[str, Any] = {}
    for task, scale_mm in SCALES_MM.items():
        env, encoder = build.make_env(preset(task)), build.make_encoder(preset(task))
        features, places, episodes = collect(env, encoder, STEPS)
        errors_mm = scale_mm * np.sqrt(np.square(probe(features, places, episodes % 4 >= 2, episodes)).mean(0))
        metrics[f"probe_mm_{task.replace('-', '_')}"] = [round(float(error), 2) for error in errors_mm]
        if encoder is not None and "encode_ms_p50" not in metrics:
            metrics |= encode_times(env, encoder)
        env.close()
    return metrics


def collect(env: Environment, encoder: Encoder | None, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features with state (N, F), places of the object (N, 3) and the episode of each step (N,)."""
    rows = [row for row, _ in zip(_steps(env, encoder), range(steps), strict=False)]
    features, places, episodes = zip(*rows, strict=True)
    return np.stack(features), np.stack(places), np.array(episodes)


def _steps(env: Environment, encoder: Encoder | None) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield the policy's observation, the object's place and the episode's number, without end."""
    rng, episode, unwrapped = np.random.default_rng(0), 0, env.unwrapped
    assert hasattr(unwrapped, "expert_action") and hasattr(unwrapped, "cell")  # the simulated environments' own
    moves = action_layout(env).is_continuous
    while True:
        raw, ended = env.reset(seed=episode)[0], False
        while not ended:
            obs = encode_observation(raw, encoder, rng)
            clean = [np.float64(value[0] if value.ndim == 2 else value) for _, value in sorted(obs.items())]
            yield np.concatenate(clean), unwrapped.cell.episodes.object_state()[:3], episode
            action = unwrapped.expert_action() + (episode % 2) * rng.normal(0.0, NOISE, moves.shape) * moves
            raw, _, terminated, truncated, _ = env.step(np.clip(action, -1.0, 1.0).astype(np.float32))
            ended = terminated or truncated
        episode += 1


def encode_times(env: Environment, encoder: Encoder) -> dict[str, float]:
    """Return median and 99th percentile of encoding all cameras of one step, variants included [ms]."""
    raw, rng = env.reset(seed=0)[0], np.random.default_rng(0)
    return percentiles("encode_ms", time_calls(lambda: encoder.encode(raw, rng), 200), 1e3)
