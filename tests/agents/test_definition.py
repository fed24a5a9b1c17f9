import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.agents.config import AgentConfig, Objective
from robot_rl.agents.definition import GROUPS, AgentDefinition
from robot_rl.core.action_layout import ActionLayout, StateEntry, continuous_layout
from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.schema import ArraySpec
from tests.agents.samples import DEFAULTS, LAYOUTS, MOTION, ONE_ARM, gripper, small_agent

ONE_HEAD = LAYOUTS["unobserved-gripper"]
VECTOR = {"state": ArraySpec((5,), "float32")}


def test_init_has_the_named_shapes_in_float32() -> None:
    definition = small_agent()
    params = definition.init(0)
    specs = definition.parameter_specs()
    assert list(params) == list(specs)
    assert all(params[name].shape == spec.shape and params[name].dtype == np.float32 for name, spec in specs.items())


def test_init_depends_on_seed_and_name_only() -> None:
    definition = small_agent()
    first, again, other = definition.init(3), definition.init(3), definition.init(4)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["actor/dense0/kernel"], other["actor/dense0/kernel"])
    without_camera = AgentDefinition(VECTOR, ONE_ARM, definition.config).init(3)
    assert np.array_equal(first["actor/dense1/kernel"], without_camera["actor/dense1/kernel"])


def test_critics_of_the_ensemble_share_nothing_and_start_apart() -> None:
    for name, value in small_agent().init(0).items():
        if name.startswith("critic/"):
            assert value.shape[0] == 4
        if name.startswith("critic/") and name.endswith("kernel"):
            assert not np.array_equal(value[0], value[1])


def test_policy_names_leave_the_critics_at_home() -> None:
    names = small_agent(images=True).policy_names()
    assert {name.split("/")[0] for name in names} == {"trunk", "projection", "actor", "discrete"}


@pytest.mark.parametrize("objective", ["value", "iql"])
def test_every_parameter_learns_in_exactly_one_group(objective: Objective) -> None:
    definition = small_agent(images=True, objective=objective)
    groups = [definition.group_names(group) for group in GROUPS]
    assert sorted(name for names in groups for name in names) == sorted(definition.parameter_specs())


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": (16, 8)},
        {"num_critics": 5},
        {"activation": "relu"},
        {"layout": LAYOUTS["unobserved-gripper"]},
        {"std_max": 2.0},
        {"objective": "iql"},
        {"critic": "categorical"},
    ],
)
def test_schema_hash_changes_with_shapes_and_meaning(change: dict) -> None:
    assert small_agent().schema_hash() != small_agent(**change).schema_hash()


def test_schema_hash_is_stable_and_ignores_rates() -> None:
    assert small_agent().schema_hash() == small_agent().schema_hash()
    assert small_agent().schema_hash() == small_agent(learning_rate=1e-4).schema_hash()


def test_schema_hash_changes_with_the_observation() -> None:
    config = small_agent().config
    other = AgentDefinition({"state": ArraySpec((6,), "float32")}, ONE_ARM, config)
    assert AgentDefinition(VECTOR, ONE_ARM, config).schema_hash() != other.schema_hash()


def test_target_entropy_defaults_to_half_the_continuous_dimensions() -> None:
    assert small_agent().target_entropy == -1.5
    assert small_agent(layout=continuous_layout(4)).target_entropy == -2.0
    assert small_agent(target_entropy=-7.0).target_entropy == -7.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"num_target_critics": 11}, "num_target_critics: got 11, expected at most num_critics = 10"),
        ({"num_critics": 0}, "num_critics: got 0, expected 1 or more"),
        ({"hidden": ()}, r"hidden: got \(\), expected 1 or more"),
        ({"discount": 1.5}, "discount: got 1.5, expected a number in"),
        ({"learning_rate": float("nan")}, "learning_rate: got nan"),
        ({"temperature_init": 0.0}, "temperature_init: got 0.0"),
        ({"objective": "iql", "reference_in_target": True}, "reference_in_target: got it with objective 'iql'"),
        ({"objective": "iql", "conservative_weight": 1.0}, "conservative_weight: got 1.0 with objective 'iql'"),
        ({"value_range": (1.0, 0.0)}, r"value_range: got \(1.0, 0.0\), expected the lower value first"),
        ({"initial_log_std": 3.0}, "initial_log_std: got 3.0"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(change: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        AgentConfig(**change)


@pytest.mark.parametrize(("name", "wrong", "near"), [("activation", "tan", "tanh"), ("backend", "jaxx", "jax")])
def test_an_unknown_choice_names_the_nearest(name: str, wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        AgentConfig(**{name: wrong})


@pytest.mark.parametrize(
    "spec",
    [ArraySpec((4, 4), "float32"), ArraySpec((64, 64, 3), "uint8"), ArraySpec((3,), "int32"), ArraySpec((), "float32")],
)
def test_an_observation_of_another_kind_is_refused(spec: ArraySpec) -> None:
    with pytest.raises(ConfigError, match="observation 'camera': got"):
        AgentDefinition({"camera": spec}, LAYOUTS["no-gripper"], AgentConfig())


def test_other_mistakes_in_the_definition_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected at least one"):
        AgentDefinition({}, ONE_ARM, AgentConfig())
    with pytest.raises(ConfigError, match="expected a continuous part"):
        AgentDefinition(VECTOR, ActionLayout((gripper(),)), AgentConfig())
    for position in (StateEntry("state", 9), StateEntry("finger", 0)):
        head = replace(gripper(), position=position)
        with pytest.raises(ConfigError, match="gripper: got its position at"):
            AgentDefinition(VECTOR, ActionLayout((MOTION, head)), AgentConfig())


def test_parameters_of_another_agent_are_refused_by_name() -> None:
    definition, other = small_agent(), small_agent(hidden=(16, 8))
    names = definition.policy_names()
    definition.check_parameters({name: definition.init(0)[name] for name in names}, names)
    with pytest.raises(ConfigError, match=r"parameter 'actor/dense1/kernel': got \(16, 8\), expected \(16, 16\)"):
        definition.check_parameters({name: other.init(0)[name] for name in names}, names)


def test_every_number_of_the_config_is_documented() -> None:
    source = __import__("inspect").getsource(AgentConfig)
    for field in dataclasses.fields(AgentConfig):
        after = source.split(f"    {field.name}: ", 1)[1].split("\n", 1)[1].lstrip()
        assert after.startswith('"""'), field.name


def test_the_samples_cover_known_fields_only() -> None:
    assert DEFAULTS.keys() <= {field.name for field in dataclasses.fields(AgentConfig)}
