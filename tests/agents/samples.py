"""Small agents and batches for the tests of this room."""

from typing import Any

import numpy as np

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.core.action_layout import ActionLayout, Continuous, Discrete, StateEntry
from robot_rl.core.schema import ArraySpec
from robot_rl.data.batch import Batch
from robot_rl.vision.architecture import ConvLayer, EncoderArchitecture

TINY_TRUNK = EncoderArchitecture(height=12, width=12, layers=(ConvLayer(3, 2, 4), ConvLayer(3, 1, 4, relu=False)))
DEFAULTS: dict[str, Any] = {
    "num_critics": 4,
    "num_target_critics": 2,
    "hidden": (16, 16),
    "discrete_hidden": (8,),
    "projection": 8,
    "learning_rate": 3e-3,
    "bc_weight": 0.5,
    "bc_weight_final": 0.1,
    "bc_decay_updates": 10,
    "discrete_margin": 0.1,
}


def gripper(name: str = "gripper", position: int | None = 0) -> Discrete:
    """Return the head of a gripper that the state tells the opening of."""
    entry = None if position is None else StateEntry("state", position)
    return Discrete(name, ("close", "hold", "open"), (-1.0, 0.0, 1.0), entry)


MOTION = Continuous("motion", 3)
ONE_ARM = ActionLayout((MOTION, gripper()))
LAYOUTS = {
    "one-arm": ONE_ARM,
    "unobserved-gripper": ActionLayout((MOTION, gripper(position=None))),
    "no-gripper": ActionLayout((MOTION,)),
    "two-arms": ActionLayout(
        (
            Continuous("left/motion", 2),
            gripper("left/gripper", 1),
            Continuous("right/motion", 1),
            Discrete("right/valve", ("shut", "open"), (-0.5, 0.75), StateEntry("state", 3)),
        )
    ),
}


def small_agent(images: bool = False, layout: ActionLayout = ONE_ARM, **changes: Any) -> AgentDefinition:
    """Return an agent with a state of 5 and one camera, as features of 6 or as images of 12 x 12."""
    camera = ArraySpec((12, 12, 3), "uint8") if images else ArraySpec((3, 6), "float16", 3)
    config = AgentConfig(**{**DEFAULTS, "trunk": TINY_TRUNK, **changes})
    return AgentDefinition({"state": ArraySpec((5,), "float32"), "wrist": camera}, layout, config)


def random_batch(definition: AgentDefinition, updates: int = 1, batch: int = 8, seed: int = 0) -> Batch:
    """Return a batch as the replay samples it."""
    rng = np.random.default_rng(seed)
    lead, steps = (updates, batch), definition.sample_steps
    flags = {name: (rng.random(lead) < 0.4).astype(np.float32) for name in ("terminated", "imitated")}
    shape = (*lead, *((steps,) if steps > 1 else ()), definition.layout.size)
    return Batch(
        obs=random_observation(definition, lead, rng),
        next_obs=random_observation(definition, lead, rng),
        action=rng.uniform(-1, 1, shape).astype(np.float32),
        reward=rng.standard_normal(lead, dtype=np.float32),
        discount=np.float32(definition.config.discount) ** rng.integers(1, steps + 1, lead, dtype=np.int32),
        outcome=rng.random(lead, dtype=np.float32) * (rng.random(lead) < 0.5),
        **flags,
    )


def random_observation(
    definition: AgentDefinition, lead: tuple[int, ...], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    obs = {}
    for name, spec in definition.observation.items():
        shape = (*lead, *spec.sample_shape)
        values = rng.integers(0, 256, shape) if spec.dtype == "uint8" else rng.standard_normal(shape)
        obs[name] = values.astype(spec.dtype)
    return obs


def first_of(batch: Batch) -> Batch:
    """Return the first update's batch in float64, without the axis of updates."""
    obs, next_obs = ({name: np.float64(value[0]) for name, value in side.items()} for side in batch[:2])
    return Batch(obs, next_obs, *(np.float64(value[0]) for value in batch[2:]))


def part_of(batch: Batch, update: int) -> Batch:
    """Return the batch of one of its updates, with an axis of updates of length 1."""
    rows = slice(update, update + 1)
    obs, next_obs = ({name: value[rows] for name, value in side.items()} for side in batch[:2])
    return Batch(obs, next_obs, *(value[rows] for value in batch[2:]))
