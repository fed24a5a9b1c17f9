"""Stages of an episode: from labels to the name of each step, and back."""

from hypothesis import given
from hypothesis import strategies as st

from robot_rl.data.stages import meta_of_subtasks, split_stages, stages_meta, step_subtasks


def test_label_ends_the_stage_a_reaction_time_before() -> None:
    labels = [(), ("stage",), (), (), ("success", "stage"), ()]
    assert stages_meta(labels) == {"stages": [1, 4]}
    assert stages_meta(labels, 3) == {"stages": [0, 1]}
    assert stages_meta([(), ("success",)]) == {}


@given(st.lists(st.sampled_from(["reach", "grasp", "lift"]), min_size=1))
def test_names_of_the_steps_come_back(names: list[str]) -> None:
    meta = meta_of_subtasks(names)
    assert step_subtasks(meta, len(names)) == (names if meta else ["stage 1"] * len(names))


@given(st.sets(st.integers(0, 8)), st.integers(1, 8), st.booleans())
def test_parts_of_a_split_episode_keep_the_names_of_their_steps(ends: set[int], at: int, named: bool) -> None:
    meta = {"stages": sorted(ends)} if ends else {}
    meta |= {"subtasks": [f"part {i}" for i in range(len(ends) + 1)]} if ends and named else {}
    whole, (first, second) = step_subtasks(meta, 9), split_stages(meta, at)
    assert step_subtasks({**meta, **first}, at) + step_subtasks({**meta, **second}, 9 - at) == whole
