"""Edits of recordings change what was requested and lose nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.data.formats import Episode, make_format
from robot_rl.runtime.acting.demonstrations import HELD
from robot_rl.runtime.acting.edits import Edits, edit_folder, relabelled, split, undo
from tests.data.camera_episodes import camera_episode

FORMS = ("episodes", "lerobot")


@pytest.fixture(params=FORMS)
def recorded(request, tmp_path: Path) -> tuple[Path, str]:
    """Four episodes of 4 to 7 steps; success held after the last two."""
    if request.param == "lerobot":
        pytest.importorskip("pyarrow")
    form, folder = make_format(request.param), tmp_path / "demos"
    for number in range(4):
        form.write(folder, camera_episode(4 + number, episode=number, seed=number))
    for number in (2, 3):
        form.write(folder / HELD, camera_episode(2, demonstration=number))
    return folder, request.param


def lengths(folder: Path, form: str) -> list[int]:
    return [len(episode.steps) for episode in make_format(form).read(folder)]


def owners(folder: Path, form: str) -> list[int]:
    return [episode.meta["demonstration"] for episode in make_format(form).read(folder / HELD)]


def test_deletion_renumbers_what_was_held_and_is_undone(recorded: tuple[Path, str]) -> None:
    folder, form = recorded
    before = edit_folder(folder, form, Edits(delete=(0, 2)))
    assert (lengths(folder, form), owners(folder, form)) == ([5, 7], [1])
    assert (lengths(before, form), owners(before, form)) == ([4, 5, 6, 7], [2, 3])
    assert undo(folder) == before and lengths(folder, form) == [4, 5, 6, 7]
    undo(folder)
    assert lengths(folder, form) == [5, 7]


def test_edits_of_several_episodes_are_made_at_once(recorded: tuple[Path, str]) -> None:
    folder, form = recorded
    edit_folder(folder, form, Edits(delete=(0,), split={1: 2}, relabel={2: "failure"}))
    assert lengths(folder, form) == [2, 3, 6, 7]
    assert [episode.meta["success"] for episode in make_format(form).read(folder)] == [False, True, False, True]
    assert [episode.meta["seed"] for episode in make_format(form).read(folder)] == [1, 1, 2, 3]
    assert owners(folder, form) == [3], "steps held after a success that is none belong to no classifier"


def test_episodes_without_an_edit_stay_byte_by_byte(tmp_path: Path) -> None:
    folder, form = tmp_path / "demos", make_format("episodes")
    for number in range(3):
        form.write(folder, camera_episode(4 + number))
    old = [path.read_bytes() for path in sorted(folder.glob("*.safetensors"))]
    edit_folder(folder, "episodes", Edits(delete=(1,)))
    assert [path.read_bytes() for path in sorted(folder.glob("*.safetensors"))] == [old[0], old[2]]


def test_parts_of_a_split_hold_every_step_and_close_with_the_frame_that_follows() -> None:
    episode = camera_episode(9, object_states=[[float(i)] for i in range(10)], unsure=3)
    first, second = split(episode, 4)
    assert [step.stamp_ns for step in (*first.steps, *second.steps)] == [step.stamp_ns for step in episode.steps]
    assert first.steps[-1].next_obs is not None
    np.testing.assert_array_equal(first.steps[-1].next_obs["wrist"], episode.steps[4].obs["wrist"])
    assert [step.step for step in second.steps] == list(range(5))
    assert (first.meta["success"], second.meta["success"]) == (False, True)
    assert (first.meta["object_states"], second.meta["object_states"]) == (
        [[0.0], [1], [2], [3], [4]],
        [[4.0], [5], [6], [7], [8], [9]],
    )
    assert "unsure" not in first.meta and second.meta["unsure"] == 3


@pytest.mark.parametrize(("before", "verdict"), [(True, "failure"), (False, "success")])
def test_a_label_is_corrected_at_the_last_step(before: bool, verdict: str) -> None:
    steps, meta = relabelled(camera_episode(5, success=before), verdict)
    assert (steps[-1].success, steps[-1].terminated, steps[-1].reward) == (not before, True, float(not before))
    assert (meta["success"], meta["reward"], len(steps)) == (not before, float(not before), 5)


@pytest.mark.parametrize(
    ("edits", "text"),
    [
        (Edits(delete=(4,)), "expected 0 to 3"),
        (Edits(delete=(1,), split={1: 2}), "two edits of 1"),
        (Edits(split={0: 4}), "expected 1 to 3"),
        (Edits(split={0: 0}), "expected 1 to 3"),
    ],
)
def test_edits_that_cannot_be_made_change_nothing(recorded: tuple[Path, str], edits: Edits, text: str) -> None:
    folder, form = recorded
    with pytest.raises(ConfigError, match=text):
        edit_folder(folder, form, edits)
    assert lengths(folder, form) == [4, 5, 6, 7] and [path.name for path in folder.parent.iterdir()] == ["demos"]


def test_episodes_of_another_program_are_not_rewritten(tmp_path: Path) -> None:
    episode = camera_episode(4)
    foreign = Episode([replace(step, actor="") for step in episode.steps], episode.meta)
    make_format("episodes").write(tmp_path / "demos", foreign)
    with pytest.raises(ConfigError, match="robot-rl export"):
        edit_folder(tmp_path / "demos", "episodes", Edits(relabel={0: "failure"}))


def test_undo_needs_an_earlier_state(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without an earlier state"):
        undo(tmp_path / "demos")
