"""Gymnasium environments. Importing this registers `robot_rl/PickLift-v0`, `robot_rl/PegInsert-v0` and their `Varied`
variants.
"""

from __future__ import annotations

import gymnasium as gym

ENTRY_POINT = "robot_rl.envs.simulated:make_simulated_env"


def _register() -> None:
    for task in ("PickLift", "PegInsert"):
        for suffix, appearance in (("", "fixed"), ("Varied", "varied")):
            gym.register(f"robot_rl/{task}{suffix}-v0", ENTRY_POINT, kwargs={"task": task, "appearance": appearance})


_register()
