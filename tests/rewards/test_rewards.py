"""Reward sources: the highest priority with an opinion decides, one thing at a time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.labels import LABELS
from robot_rl.rewards.combined import REWARD_SOURCES, CombinedReward, make_reward
from robot_rl.rewards.source import StepOutcome
from robot_rl.rewards.sources import GroundTruth, LabelSettings

WITHOUT_WEIGHTS = sorted(REWARD_SOURCES.keys() - {"classifier"})
outcomes = st.builds(
    StepOutcome,
    reward=st.floats(-1, 1),
    terminated=st.booleans(),
    success=st.booleans(),
    labels=st.lists(st.sampled_from(["success", "failure", "undo", "stage"]), max_size=3).map(tuple),
    intervention_start=st.booleans(),
)


@given(outcomes)
def test_ground_truth_alone_is_the_environments_judgement(outcome: StepOutcome) -> None:
    assert make_reward(["ground-truth"]).judge(outcome) == (outcome.reward, outcome.terminated, outcome.success)


@given(outcomes)
def test_last_label_with_a_verdict_overrides_the_ground_truth(outcome: StepOutcome) -> None:
    said = [label for label in outcome.labels if label != "undo"]
    reward, terminated, success = make_reward(["human-label", "ground-truth"]).judge(outcome)
    if not said:
        assert (reward, terminated, success) == (outcome.reward, outcome.terminated, outcome.success)
    elif said[-1] == "stage":
        assert (reward, terminated, success) == (0.25, outcome.terminated, outcome.success)
    else:
        assert (reward, terminated, success) == (float(said[-1] == "success"), True, said[-1] == "success")


@given(outcomes)
def test_interventions_replace_the_task_reward_and_nothing_else(outcome: StepOutcome) -> None:
    assert make_reward(WITHOUT_WEIGHTS).judge(outcome)[0] == 0.0
    assert make_reward(["ground-truth", "rlif"]).judge(outcome)[1:] == (outcome.terminated, outcome.success)


def test_only_rlif_blames_the_step_before_a_take_over() -> None:
    assert make_reward(["rlif"]).finalise(0.0, intervention_next=True) == -1.0
    assert make_reward(["rlif"]).finalise(0.0, intervention_next=False) == 0.0
    assert make_reward(["ground-truth", "human-label"]).finalise(0.5, intervention_next=True) == 0.5


@given(outcomes, st.lists(st.sampled_from(WITHOUT_WEIGHTS), min_size=1, unique=True))
def test_order_of_the_names_does_not_matter_and_an_end_stands(outcome: StepOutcome, names: list[str]) -> None:
    judged = [make_reward(list(order)).judge(outcome) for order in itertools.permutations(names)]
    assert all(result == judged[0] for result in judged)
    assert judged[0][1] or not outcome.terminated


@pytest.mark.parametrize(("mixed", "task"), [("false", 0.0), ("true", 0.75)])
def test_rlif_replaces_the_tasks_reward_or_adds_to_it(mixed: str, task: float) -> None:
    reward = make_reward(["ground-truth", "rlif"], {"rlif.task_reward": mixed})
    paid, _, _ = reward.judge(StepOutcome(0.75, False, False))
    assert (reward.finalise(paid, False), reward.finalise(paid, True)) == (task, task - 1.0)
    assert reward.recorded(0.75) == task


def test_wrong_sources_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ground-truth'"):
        make_reward(["ground_truth"])
    with pytest.raises(ConfigError, match="got none"):
        make_reward([])
    with pytest.raises(ConfigError, match="a priority of its own"):
        CombinedReward([GroundTruth(), GroundTruth()])


def test_labels_that_arrive_later_follow_the_rules_of_the_sources_in_use() -> None:
    assert make_reward(["ground-truth"]).label_rules() == {}
    assert make_reward(["rlif"]).label_rules() == {}
    rules = make_reward(["ground-truth", "human-label"]).label_rules()
    assert set(rules) == set(LABELS)
    with_interventions = make_reward(["human-label", "rlif"]).label_rules()
    assert all(rule.reward is None for rule in with_interventions.values())
    assert with_interventions["success"].terminated


@given(st.sampled_from(LABELS))
def test_a_label_does_the_same_live_and_later(label: str) -> None:
    reward = make_reward(["human-label"])
    rule, judged = reward.label_rules()[label], reward.judge(StepOutcome(0.0, False, False, labels=(label,)))
    assert judged == (rule.reward or 0.0, bool(rule.terminated), bool(rule.success))


@pytest.mark.parametrize("stage_reward", [0.0, 1.0, float("nan")])
def test_a_stage_pays_something_and_less_than_the_task(stage_reward: float) -> None:
    with pytest.raises(ConfigError, match="expected more than 0 and less than 1"):
        LabelSettings(stage_reward)


def test_stage_reward_is_a_setting() -> None:
    outcome = StepOutcome(0.0, False, False, labels=("stage",))
    reward = make_reward(["human-label"], {"human-label.stage_reward": "0.5"})
    assert reward.judge(outcome) == (0.5, False, False) and reward.label_rules()["stage"].reward == 0.5


def test_settings_that_no_source_has_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="stage_reward"):
        make_reward(["human-label"], {"human-label.stage_rewar": "0.5"})
    with pytest.raises(UnknownNameError, match="human-label"):
        make_reward(["human-label"], {"human-lable.stage_reward": "0.5"})
    with pytest.raises(ConfigError, match="settings of rlif"):
        make_reward(["rlif"], {"rlif.size": "2"})
    with pytest.raises(ConfigError, match="expected a class with `judge`"):
        make_reward(["collections:OrderedDict"])
