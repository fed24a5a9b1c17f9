"""Faults of recordings are found, and healthy recordings have none."""

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.core.records import StepRecord
from robot_rl.data.formats import Episode
from robot_rl.data.health import find_faults, paced, seconds
from tests.data.camera_episodes import STEP_NS, camera_episode, observation


def changed(change, first: int = 0, last: int = 12, **meta) -> tuple[str, ...]:
    """Return the faults of an episode some of whose steps are changed."""
    steps, original = camera_episode()
    steps = [change(i, step) if first <= i < last else step for i, step in enumerate(steps)]
    return find_faults(Episode(steps, {**original, **meta}))


def with_image(step: StepRecord, image: np.ndarray) -> StepRecord:
    return replace(step, obs={**step.obs, "wrist": image})


def test_a_healthy_episode_has_no_fault_and_lasts_its_steps() -> None:
    episode = camera_episode()
    assert find_faults(episode) == ()
    assert seconds(episode.steps) == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i, step: replace(step, stamp_ns=step.stamp_ns + (i > 5) * 3 * STEP_NS), "1 gaps, the longest 0.40 s"),
        (lambda i, step: replace(step, stamp_ns=2 * step.stamp_ns), "5.0 Hz instead of 10"),
        (lambda i, step: replace(step, stamp_ns=step.stamp_ns - (i == 6) * 2 * STEP_NS), "clock stands or goes back"),
        (lambda i, step: replace(step, action=np.array([np.nan, 0, 1], np.float32)), "not finite"),
        (lambda i, step: replace(step, observed=i % 2 == 0), "6 steps hidden by faults"),
    ],
)
def test_faults_of_clock_and_steps_are_named(change, words: str) -> None:
    assert words in " ".join(changed(change))


def test_clipped_motion_is_saturated_and_a_gripper_is_not() -> None:
    def clipped(i: int, step: StepRecord) -> StepRecord:
        return replace(step, action=np.array([1.0, 0.2, 1.0], np.float32))

    assert changed(clipped, last=11) == ("92% of the actions saturated",)
    assert changed(clipped, last=5) == ()


def test_a_camera_that_repeats_its_image_is_frozen_only_while_the_arm_moves() -> None:
    still = observation(3)
    assert changed(lambda i, step: with_image(step, still["wrist"]), 3, 9) == ("wrist: frozen for 5 steps",)
    assert changed(lambda i, step: replace(step, obs=still), 3, 9) == ()


def test_black_images_are_counted() -> None:
    black = np.zeros((12, 16, 3), np.uint8)
    assert changed(lambda i, step: with_image(step, black), 2, 4) == ("wrist: 2 of 13 images black",)


def test_an_episode_that_only_a_label_judges_needs_one() -> None:
    unlabelled = camera_episode(success=False, judges=["human-label"])
    assert find_faults(unlabelled) == ("no label",)
    assert find_faults(camera_episode(success=False)) == ()


def test_the_simulator_s_stamps_are_no_clock() -> None:
    steps = [replace(step, stamp_ns=step.stamp_ns // 30) for step in camera_episode().steps]
    assert not paced(steps) and find_faults(Episode(steps, {})) == ()
    assert seconds(steps) == pytest.approx(1.2)
    foreign = [replace(step, actor="") for step in steps]
    assert find_faults(Episode(foreign, {})) == ("300.0 Hz instead of 10",)
