"""Healthy episodes with a camera, at the control rate."""

from typing import Any

import numpy as np

from robot_rl.core.records import StepRecord
from robot_rl.data.formats import Episode
from tests.data.builders import step_record

STEP_NS = 100_000_000


def observation(uid: int) -> dict[str, np.ndarray]:
    """Return a state that moves and an image that shows it."""
    image = np.full((12, 16, 3), 60 + uid % 100, np.uint8)
    return {"state": np.full(3, 0.01 * uid, np.float32), "wrist": image}


def camera_episode(length: int = 12, success: bool = True, episode: int = 0, **meta: Any) -> Episode:
    """Return an episode whose step i shows image i, recorded by a human's labels."""
    steps = [camera_step(i, episode=episode) for i in range(length - 1)]
    end = {"terminated": success, "truncated": not success, "success": success, "next_obs": observation(length)}
    steps.append(camera_step(length - 1, episode=episode, reward=float(success), **end))
    counted = {"task": "usb", "judges": ["ground-truth"], "steps": length, "reward": float(success)}
    return Episode(steps, {**counted, "success": success, **meta})


def camera_step(uid: int, **fields: Any) -> StepRecord:
    """Return step `uid` of such an episode."""
    action = np.array([0.3, -0.2, 1.0], np.float32)
    none = np.full(3, np.nan, np.float32)
    values = {"obs": observation(uid), "action": action, "policy_action": none, "human_action": none, "reward": 0.0}
    return step_record(uid, step=uid, stamp_ns=uid * STEP_NS, **(values | fields))
