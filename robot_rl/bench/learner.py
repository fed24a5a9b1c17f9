"""Benchmark of the learner: updates a second of each backend and precision, on features, state alone and images."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from robot_rl.agents.auto import installed
from robot_rl.agents.backend import make_backend
from robot_rl.agents.batches import random_batch
from robot_rl.agents.config import PRECISIONS, AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.bench.timing import time_calls
from robot_rl.core.action_layout import StateEntry, arm_layout, continuous_layout
from robot_rl.core.errors import RobotRLError
from robot_rl.core.schema import ArraySpec
from robot_rl.core.settings import changed
from robot_rl.presets import SMALL_TRUNK
from robot_rl.vision.architecture import EncoderArchitecture

BATCH, SMALL_BATCH = 256, 64
STATE, ACTION = 25, 7
LAYOUT = arm_layout(StateEntry("state", STATE - 1))
CAMERAS = ("wrist", "side")
CACHED_CALLS, CACHED_UPDATES = 10, 10
TRAINABLE_CALLS, TRAINABLE_UPDATES = 2, 2
LIMITED = ("cached", "cached_2_critics")
"""Rates that are compared with that of their matrix products alone."""
ROUNDS = 2
THEIRS = "import json; from robot_rl.bench.learner import run; print(json.dumps(run()))"


class CheckoutError(RobotRLError):
    """The benchmark of another checkout failed."""


def run(against: Path | None = None) -> dict[str, Any]:
    """Return updates a second of each installed backend and precision at batch 256, targets from 2 critics.

    State of 25 and two cameras. `jax_updates_per_s_cached`: 96 stored features a camera, 10 critics, float32;
    `_2_critics`: the same with 2; `_state`: no camera, no gripper, 2 critics of 256 x 256, the actor learns on each
    update, as in `sb3_updates_per_s`, SAC of stable-baselines3 where that is installed; `_trainable`: uint8 images
    of 128 x 128, 10 critics, random crops and the presets' trunk in the update; `_trainable_64`: images of 64 x 64, 2
    critics, batch 64. `jax_bfloat16_...`: the same with bfloat16 products. `jax_share_of_products_...`:
    what an update's operations would take at the rate of a layer's products alone, by what it takes.

    Args:
        against: checkout of another commit; its own benchmark runs in turn with this one, as `against_...`. The better
            of two rounds counts.

    Raises:
        CheckoutError: the other benchmark failed.
    """
    result: dict[str, Any] = {"batch": BATCH}
    for _ in range(ROUNDS if against else 1):
        theirs = {} if against is None else measured_there(against)
        for name, value in {**theirs, **measured_here()}.items():
            result[name] = max(result.get(name, value), value)
    return result


def measured_here() -> dict[str, Any]:
    """Return device and rates of all installed backends and precisions, and of stable-baselines3."""
    result: dict[str, Any] = {}
    for backend in installed():
        result[f"{backend}_device"] = make_backend(cached_definition(2, backend), 0).device
        for precision in PRECISIONS:
            prefix = backend if precision == "float32" else f"{backend}_{precision}"
            result |= {f"{prefix}_{key}": value for key, value in measured(backend, precision).items()}
    if importlib.util.find_spec("stable_baselines3"):
        result["sb3_updates_per_s"] = sb3_rate()
    return result


def measured(backend: str, precision: str) -> dict[str, Any]:
    """Return the rates of one backend and precision."""
    many, two = (cached_definition(critics, backend) for critics in (10, 2))
    agents = {
        "cached": (many, CACHED_UPDATES, CACHED_CALLS, BATCH),
        "cached_2_critics": (two, CACHED_UPDATES, CACHED_CALLS, BATCH),
        "state": (state_definition(backend), CACHED_UPDATES, CACHED_CALLS, BATCH),
        "trainable": (image_definition(128, 10, backend), TRAINABLE_UPDATES, TRAINABLE_CALLS, BATCH),
        "trainable_64": (image_definition(64, 2, backend), TRAINABLE_UPDATES, TRAINABLE_CALLS, SMALL_BATCH),
    }
    rates, definitions = {}, {}
    for name, (definition, *sizes) in agents.items():
        config = changed(definition.config, {"precision": precision})
        definitions[name] = replace(definition, config=config)
        rates[f"updates_per_s_{name}"] = rate(definitions[name], *sizes)
    if backend == "jax":
        from robot_rl.bench.products import limits

        rates |= limits({name: definitions[name] for name in LIMITED}, rates, precision)
    return rates


def measured_there(checkout: Path) -> dict[str, Any]:
    """Return the rates of another checkout's own benchmark, as `against_...`.

    Raises:
        CheckoutError: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", THEIRS]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckoutError(f"bench learner in {checkout}: got {done.stderr[-500:]}, expected rates; run it there.")
    rates: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {f"against_{name}": value for name, value in rates.items()}


def definition_of(
    camera: ArraySpec, num_critics: int, backend: str, trunk: EncoderArchitecture = SMALL_TRUNK
) -> AgentDefinition:
    """Return an agent with a state and two such cameras."""
    observation = {"state": ArraySpec((STATE,), "float32"), **dict.fromkeys(CAMERAS, camera)}
    config = AgentConfig(backend=backend, num_critics=num_critics, trunk=trunk)
    return AgentDefinition(observation, LAYOUT, config)


def cached_definition(num_critics: int = 10, backend: str = "jax") -> AgentDefinition:
    """Return an agent on stored features."""
    return definition_of(ArraySpec((4, 96), "float16", variants=4), num_critics, backend)


def image_definition(size: int, num_critics: int, backend: str) -> AgentDefinition:
    """Return an agent that learns convolutions on images of size x size, at 64 x 64 in all cases."""
    trunk = replace(SMALL_TRUNK, height=size, width=size, pool=size // 64)
    return definition_of(ArraySpec((size, size, 3), "uint8"), num_critics, backend, trunk)


def state_definition(backend: str) -> AgentDefinition:
    """Return an agent on a state alone, of the shape of `sb3_rate`."""
    config = AgentConfig(
        backend=backend, num_critics=2, hidden=(256, 256), activation="relu", critic_updates_per_actor_update=1
    )
    return AgentDefinition({"state": ArraySpec((STATE,), "float32")}, continuous_layout(ACTION), config)


def rate(definition: AgentDefinition, updates: int, calls: int, batch_size: int = BATCH) -> float:
    """Return an agent's updates a second: `updates` a call, the best of `calls` calls."""
    learner, batch = make_backend(definition, 0).learner(), random_batch(definition, updates, batch_size)
    durations_s = time_calls(lambda: learner.update(batch), calls, warm_up=1)
    return three_digits(updates / float(durations_s.min()))


def sb3_rate() -> float:
    """Return the updates a second of stable-baselines3's SAC: 2 critics, 256 x 256, batch 256, its replay included."""
    from stable_baselines3 import SAC

    agent = SAC("MlpPolicy", RandomStates(), batch_size=BATCH, device="cpu", learning_starts=4 * BATCH)
    agent.learn(4 * BATCH)
    durations_s = time_calls(lambda: agent.train(CACHED_UPDATES, BATCH), CACHED_CALLS, warm_up=1)
    return three_digits(CACHED_UPDATES / float(durations_s.min()))


class RandomStates(gymnasium.Env[np.ndarray, np.ndarray]):
    """States that no action changes, to fill a foreign replay with."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (STATE,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Return a state."""
        super().reset(seed=seed)
        return self._state(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Return another state."""
        return self._state(), 0.0, False, False, {}

    def _state(self) -> np.ndarray:
        return self.np_random.uniform(-1.0, 1.0, STATE).astype(np.float32)


def three_digits(per_s: float) -> float:
    """Return a rate rounded to three digits."""
    return round(per_s, 2 - math.floor(math.log10(per_s)))
