"""Gymnasium environments. Importing this registers each task by name, as in `robot_rl/PickLift-v0` and
`robot_rl/PickLiftVaried-v0`; `gymnasium.make("robot_rl.envs:robot_rl/PickLift-v0")` does both in one call.
"""

import gymnasium as gym

from robot_rl.tasks import environment_id, task_names

ENTRY_POINT = "robot_rl.envs.simulated:make_simulated_env"


def register() -> None:
    """Register all tasks that are not registered yet."""
    for task in task_names():
        for appearance in ("fixed", "varied"):
            name = environment_id(task, varied=appearance == "varied")
            if name not in gym.registry:
                gym.register(name, ENTRY_POINT, kwargs={"task": task, "appearance": appearance})


register()
