"""The learner's benchmark feeds the agent what a replay would."""

import pytest

from robot_rl.agents.batches import random_batch
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.bench.learner import definition_of, rate
from robot_rl.core.action_layout import continuous_layout
from robot_rl.core.schema import ArraySpec
from robot_rl.vision.architecture import EncoderArchitecture


@pytest.mark.parametrize("camera", [ArraySpec((4, 6), "float16", 4), ArraySpec((16, 16, 3), "uint8")])
def test_batches_have_the_agents_shapes_and_dtypes(camera: ArraySpec) -> None:
    config = AgentConfig(trunk=EncoderArchitecture(16, 16))
    definition = AgentDefinition({"state": ArraySpec((5,), "float32"), "wrist": camera}, continuous_layout(4), config)
    batch = random_batch(definition, updates=2, batch=3)
    for side in ("obs", "next_obs"):
        for name, spec in definition.observation.items():
            assert getattr(batch, side)[name].shape == (2, 3, *spec.sample_shape)
            assert getattr(batch, side)[name].dtype == spec.dtype
    assert batch.action.shape == (2, 3, 4) and batch.terminated.shape == (2, 3)


@pytest.mark.slow
def test_a_rate_is_measured() -> None:
    assert rate(definition_of(ArraySpec((4, 6), "float16", 4), 2, "jax"), updates=1, calls=1) > 0
