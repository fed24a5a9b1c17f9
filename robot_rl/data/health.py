"""Health of recorded episodes: faults of clocks, actions, cameras and labels, in words."""

from collections.abc import Iterator, Sequence

import numpy as np

from robot_rl.core.records import StepRecord
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.formats import Episode
from robot_rl.data.image_codec import decompress

GAP = 1.8
"""Step time, in medians of its episode, from which a step was missed."""
RATE_TOLERANCE = 0.2
"""Relative deviation of the median step time from the control period."""
SATURATED, SATURATED_SHARE = 0.99, 0.9
"""Size of an action component, and the share of the steps with such a component, from which motion was clipped."""
FROZEN_STEPS = 5
"""Successive equal images of a camera while the arm moves."""
MOVED = 1e-3
"""Change of an entry of the state that is motion."""
DARK = 4.0
"""Mean level of 255 below which an image is black."""
LABELS_ONLY = ("human-label",)


def find_faults(episode: Episode) -> tuple[str, ...]:
    """Return the faults of an episode, a few words each; empty for a healthy one."""
    steps = episode.steps
    found = [*_clock_faults(steps), *_action_faults(steps)]
    states = np.array([_state(step) for step in steps])
    for name, images in camera_images(steps).items():
        found += _camera_faults(name, images, states)
    hidden = sum(not step.observed for step in steps)
    found += [f"{hidden} steps hidden by faults"] if hidden else []
    judged = tuple(episode.meta.get("judges", ())) == LABELS_ONLY and not steps[-1].terminated
    return (*found, *(["no label"] if judged else []))


def camera_images(steps: Sequence[StepRecord]) -> dict[str, list[np.ndarray]]:
    """Return each camera's images of the steps (T + 1) and of the observation that closed the episode.

    Shapes: (H, W, 3) uint8 each.
    """
    images: dict[str, list[np.ndarray]] = {}
    last = steps[-1]
    pairs = [(step.obs, step.frames) for step in steps] + [(last.next_obs or {}, last.next_frames)]
    for obs, frames in pairs:
        for name, entry in obs.items():
            if entry.dtype == np.uint8 and entry.ndim == 3:
                images.setdefault(name, []).append(entry)
        for name, data in frames.items():
            images.setdefault(name, []).append(decompress(data))
    return dict(sorted(images.items()))


def paced(steps: Sequence[StepRecord]) -> bool:
    """Return whether the stamps are of real time: an own recording faster than the control rate is the simulator's."""
    times_s = _step_times_s(steps)
    return not (times_s.size and steps[0].actor and np.median(times_s) < (1.0 - RATE_TOLERANCE) * PERIOD_S)


def seconds(steps: Sequence[StepRecord]) -> float:
    """Return an episode's duration [s], the last step included; by the control period where stamps are not paced."""
    times_s = _step_times_s(steps)
    if not times_s.size or not paced(steps):
        return len(steps) * PERIOD_S
    return float(times_s.sum() + np.median(times_s))


def _step_times_s(steps: Sequence[StepRecord]) -> np.ndarray:
    return np.diff([step.stamp_ns for step in steps]) / 1e9


def _clock_faults(steps: Sequence[StepRecord]) -> Iterator[str]:
    times_s = _step_times_s(steps)
    if not times_s.size or not paced(steps):
        return
    median_s = float(np.median(times_s))
    if (times_s <= 0.0).any():
        yield f"clock stands or goes back at step {int(np.argmax(times_s <= 0.0)) + 1}"
    if (gaps := times_s > GAP * max(median_s, 1e-3)).any():
        yield f"{int(gaps.sum())} gaps, the longest {times_s.max():.2f} s"
    if abs(median_s / PERIOD_S - 1.0) > RATE_TOLERANCE:
        yield f"{1.0 / max(median_s, 1e-3):.1f} Hz instead of {1.0 / PERIOD_S:.0f}"


def _action_faults(steps: Sequence[StepRecord]) -> Iterator[str]:
    actions = np.array([step.action for step in steps])
    if not actions.shape[1]:
        yield "no actions; `robot-rl export --actions poses` makes them of tool poses"
        return
    if not np.isfinite(actions).all():
        yield "actions that are not finite"
        return
    sizes = np.abs(actions)
    continuous = ((sizes > 0.01) & (sizes < SATURATED)).any(axis=0)  # others are heads, such as a gripper's
    share = (sizes[:, continuous] >= SATURATED).any(axis=1).mean()
    if share >= SATURATED_SHARE:
        yield f"{share:.0%} of the actions saturated"


def _camera_faults(name: str, images: Sequence[np.ndarray], states: np.ndarray) -> Iterator[str]:
    if dark := sum(image.mean() < DARK for image in images):
        yield f"{name}: {dark} of {len(images)} images black"
    longest = run = 0
    for before, after, change in zip(images, images[1:], _motion(states), strict=False):
        run = run + 1 if change and before.shape == after.shape and np.array_equal(before, after) else 0
        longest = max(longest, run)
    if longest >= FROZEN_STEPS:
        yield f"{name}: frozen for {longest} steps"


def _motion(states: np.ndarray) -> np.ndarray:
    """Return whether the arm moved in each step (T - 1,) bool; always, without states."""
    if states.ndim != 2 or not states.shape[1]:
        return np.ones(max(len(states) - 1, 0), bool)
    moved: np.ndarray = np.abs(np.diff(states, axis=0)).max(axis=1) > MOVED
    return moved


def _state(step: StepRecord) -> np.ndarray:
    entries = [entry for entry in step.obs.values() if entry.ndim == 1 and entry.dtype.kind == "f"]
    return np.concatenate(entries) if entries else np.zeros(0)
