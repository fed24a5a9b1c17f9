"""The learner's benchmark feeds the agent what a replay would."""

from pathlib import Path

import pytest
from gymnasium.utils.env_checker import check_env

from robot_rl.agents.batches import random_batch
from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.jax.learner import JaxLearner
from robot_rl.bench.learner import CheckoutError, RandomStates, cached_definition, definition_of, measured_there, rate
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


def test_another_checkout_is_measured_by_its_own_benchmark(tmp_path: Path) -> None:
    room = tmp_path / "robot_rl" / "bench"
    room.mkdir(parents=True)
    for folder in (room, room.parent):
        (folder / "__init__.py").touch()
    (room / "learner.py").write_text("def run():\n    print('noise')\n    return {'updates_per_s_cached': 23.1}\n")
    assert measured_there(tmp_path) == {"against_updates_per_s_cached": 23.1}
    (room / "learner.py").write_text("def run():\n    raise OSError('no such camera')\n")
    with pytest.raises(CheckoutError, match="no such camera"):
        measured_there(tmp_path)


def test_states_that_fill_a_foreign_replay_are_an_environments() -> None:
    check_env(RandomStates(), skip_render_check=True)


@pytest.mark.slow
def test_a_rate_is_measured() -> None:
    assert rate(definition_of(ArraySpec((4, 6), "float16", 4), 2, "jax"), updates=1, calls=1) > 0


def test_counted_operations_of_a_critic_are_those_of_its_products() -> None:
    batch, counts = 64, []
    for critics in (4, 6):
        definition = cached_definition(critics)
        counts.append(JaxLearner(definition, 0).flop(random_batch(definition, 1, batch)))
    embedding, width = 3 * definition.config.projection, definition.config.hidden[0]
    forward = 2 * batch * (embedding * width + width * width)
    of_actor = 2 * 2 * batch * width * width  # its loss: forward and backward through the second layer
    assert (counts[1] - counts[0]) / 2 == pytest.approx(3 * forward + of_actor, rel=0.1)
