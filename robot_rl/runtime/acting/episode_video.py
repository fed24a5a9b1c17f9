"""Video of episodes for people: the scene, beside it what the policy sees, above it number, time and outcome."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_rl.envs.protocol import robot_environment
from robot_rl.runtime.acting.observation import camera_images
from robot_rl.runtime.acting.rollout import Environment
from robot_rl.runtime.acting.stepper import Stepper
from robot_rl.runtime.runs.captions import beside, captioned, enlarged, with_column
from robot_rl.runtime.runs.video import VideoWriter

FrameSink = Callable[[np.ndarray], None]
END_FRAMES = 8
"""Frames for which the outcome stands."""


@dataclass(frozen=True)
class EpisodeVideo:
    """Destination of the frames of the first episodes."""

    sink: FrameSink
    """Takes one frame (H, W, 3) uint8."""
    episodes: int = 10

    def show(self, stepper: Stepper, number: int, steps: int, end: str = "", success: bool | None = None) -> None:
        """Append the present moment of an episode; with its end, which stays for `END_FRAMES`, in words."""
        image = _scene(stepper)
        if image is None:
            return
        who = "policy alone" if stepper.rollout.policy else "expert"
        text = f"{who}   episode {number + 1}   {steps * stepper.rollout.period_s:.1f} s   {end}"
        frame = captioned(image, text, success)
        for _ in range(END_FRAMES if end else 1):
            self.sink(frame)


@contextmanager
def episode_video(path: Path | None, env: Environment, episodes: int) -> Iterator[EpisodeVideo | None]:
    """Write the video of the first episodes to a file; None, and nothing written, without file or episodes.

    Args:
        env: sets the frames a second.
    """
    if path is None or episodes == 0:
        yield None
        return
    with VideoWriter(path, 1.0 / robot_environment(env).period_s, scale=1) as writer:
        yield EpisodeVideo(writer.add, episodes)


def _scene(stepper: Stepper) -> np.ndarray | None:
    """Return the environment's rendering with its cameras' images beside it; None where nothing can be seen."""
    env, images = stepper.rollout.env, list(camera_images(stepper.raw).values())
    if env.render_mode == "rgb_array":
        return with_column(enlarged(np.asarray(env.render())), images)
    return enlarged(beside(images, max(image.shape[0] for image in images))) if images else None
