"""A task's file is changed in place: the values that were meant, and nothing else."""

import tomllib

import pytest

from robot_rl.core.errors import ConfigError
from robot_rl.tasks.edit import edited
from robot_rl.tasks.files import parse_task, task_template

CROP = {"left": 80, "top": 0, "width": 480, "height": 480}


def test_value_of_the_template_takes_the_place_of_its_example_and_comments_stay() -> None:
    text = task_template("usb")
    changed = edited(text, {("cameras", "wrist"): {"crop": CROP}, ("cameras", "side"): {"crop": CROP}})
    task = parse_task(changed)
    assert task.cameras["wrist"].crop == task.cameras["side"].crop and task.cameras["side"].crop.left == 80
    assert [line for line in text.splitlines() if line.startswith("[")] == [
        line for line in changed.splitlines() if line.startswith("[")
    ]
    assert changed.count("#") == text.count("#") - 1 and "# any names, any number" in changed


def test_values_are_replaced_wherever_they_stand() -> None:
    text = 'name = "a"\n[arm]\nposture = [\n  0.0, # 1\n  1.0,\n]\n[arm.start] # here\nposition_m = [1, 2, 3]  # up\n'
    changed = edited(
        text, {("arm",): {"posture": [2.0]}, ("arm", "start"): {"position_m": [4, 5, 6]}, ("b",): {"c": 1}}
    )
    assert changed == (
        'name = "a"\n[arm]\nposture = [2.0]\n[arm.start] # here\nposition_m = [4, 5, 6]  # up\n\n[b]\nc = 1\n'
    )
    assert edited(changed, {("b",): {"c": 1}}) == changed


@pytest.mark.parametrize("text", ["cameras = {}\n", "cameras.wrist.width = 3\n", "cameras = {wrist = {width = 96}}\n"])
def test_form_that_cannot_be_edited_is_refused_with_what_to_write(text: str) -> None:
    tomllib.loads(text)
    with pytest.raises(ConfigError, match=r"write \[cameras.wrist\] crop = \{left = 80"):
        edited(text, {("cameras", "wrist"): {"crop": CROP}})
