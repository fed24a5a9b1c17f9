"""Linear probe of an encoder: what ridge regression reads from its features and the tool's pose on held-out episodes.

The goal's place seen from the tool is what a policy needs of the images; the tool's pose it knows. What the pose alone
says of the goal is read beside it. The regression's weight is chosen on a part of the training episodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from robot_rl.vision.architecture import EncoderFile
from robot_rl.vision.goal_reader import GoalReader
from robot_rl.vision.recordings import Recording

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
HELD_OUT_EVERY, CHOSEN_ON_EVERY = 4, 5  # episodes; the latter of those that are not held out
MM = 1e3
NEAR_M = 0.02
CHUNK = 100  # images
KNOWN_MIN = 50  # frames


@dataclass(frozen=True)
class Reading:
    """Errors of one quantity on held-out episodes, root mean square: of its length, and of each axis."""

    name: str
    unit: str
    error: float
    """With the images."""
    axes: tuple[float, ...]
    from_pose: float
    """With the tool's pose alone."""

    def line(self) -> str:
        """Return the errors as text."""
        axes = " ".join(f"{axis:.3g}" for axis in self.axes)
        return f"{self.name:<16}{self.error:7.3g} {self.unit} (axes {axes}; from the pose alone {self.from_pose:.3g})"


@dataclass(frozen=True)
class ProbeReport:
    """What is read from an encoder."""

    goal: Reading | None
    """Place of the goal seen from the tool; None where hardly any held-out episode succeeded."""
    others: tuple[Reading, ...] = ()

    def faults(self, limit: float) -> list[str]:
        """Return what makes the encoder useless, one line each; empty for a good one.

        Args:
            limit: largest error of the goal's place, as a share of the error from the pose alone.
        """
        if self.goal is None:
            return ["no goal is known, expected episodes with success among the recordings"]
        if self.goal.error > limit * self.goal.from_pose:
            bound = limit * self.goal.from_pose
            return [f"goal's place {self.goal.error:.1f} mm, expected {bound:.1f} mm or less"]
        return []

    def lines(self) -> list[str]:
        """Return the errors as text, one line each."""
        return [reading.line() for reading in (self.goal, *self.others) if reading is not None]


def held_out_rows(recording: Recording) -> np.ndarray:
    """Return a mask (N,) of the frames of every fourth episode, which no training may see."""
    return np.unique(recording.episodes, return_inverse=True)[1] % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def probe_encoder(encoder: EncoderFile, recording: Recording) -> ProbeReport:
    """Return what a linear map reads from an encoder, fitted to the training episodes, judged on the held-out ones."""
    features, known = all_features(encoder, recording.images), recording.known_goals()
    read = partial(_read, np.column_stack([features, recording.poses]), recording)
    places = np.arange(recording.goals.shape[1]) % 6 < 3
    goals = MM * recording.goals[:, places], recording.goals[:, ~places]
    if min((known & held).sum() for held in (held_out_rows(recording), ~held_out_rows(recording))) < KNOWN_MIN:
        return ProbeReport(None)
    others = [read("goal's rotation", "rad", goals[1], known)]
    if encoder.goal is not None:
        others += _read_out(encoder.goal, features, recording)
    if recording.objects.shape[1]:
        others.append(read("object (check)", "of its state in the simulator", recording.objects, known))
    return ProbeReport(read("goal's place", "mm", goals[0], known), tuple(others))


def _read(x: np.ndarray, recording: Recording, name: str, unit: str, targets: np.ndarray, known: np.ndarray) -> Reading:
    held_out, poses = held_out_rows(recording)[known], recording.poses[known]
    episodes = recording.episodes[known]
    errors = probe(x[known], targets[known], held_out, episodes)
    blind = probe(poses, targets[known], held_out, episodes)
    axes = tuple(np.sqrt(np.square(errors).mean(0)).tolist())
    return Reading(name, unit, _rms(errors), axes, _rms(blind))


def _read_out(reader: GoalReader, features: np.ndarray, recording: Recording) -> list[Reading]:
    """Return what the encoder's own read-out says of the goals' places on held-out episodes, all and near the goal."""
    known = recording.known_goals()
    held_out, poses = held_out_rows(recording)[known], recording.poses[known]
    places = np.arange(recording.goals.shape[1]) % 6 < 3
    goals = MM * recording.goals[known][:, places]
    errors = MM * reader.goals(np.column_stack([features[known], poses])[held_out])[:, places] - goals[held_out]
    blind = probe(poses, goals, held_out, recording.episodes[known])
    near = np.linalg.norm(goals[held_out], axis=1) < MM * NEAR_M
    rows = {"read-out": np.ones_like(near), f"within {MM * NEAR_M:.0f} mm": near}
    return [
        Reading(
            name, "mm", _rms(errors[part]), tuple(np.sqrt(np.square(errors[part]).mean(0)).tolist()), _rms(blind[part])
        )
        for name, part in rows.items()
        if part.any()
    ]


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.square(errors).sum(1).mean()))


def key_points(encoder: EncoderFile, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the place of each channel's maximum [pixels], (N, C, 2) as column and row, by camera."""
    channels = encoder.architecture.layers[-1].channels
    points = {}
    for camera, frames in images.items():
        features = encode_images(encoder, camera, frames)
        places = np.stack([features[:, :channels], features[:, channels : 2 * channels]], axis=-1)
        points[camera] = (places + 1.0) / 2.0 * (np.array(frames.shape[2:0:-1]) - 1)
    return points


def probe(features: np.ndarray, targets: np.ndarray, held_out: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    """Return the errors of a linear map on the held-out rows, fitted to the others.

    Shapes: features (N, F), targets (N, K), held_out (N,) bool, episodes (N,); returns (held out, K).
    """
    chosen_on = ~held_out & (np.unique(episodes, return_inverse=True)[1] % CHOSEN_ON_EVERY == 0)
    fit = ~held_out & ~chosen_on
    scores = [np.square(_errors(features, targets, fit, chosen_on, ridge)).mean() for ridge in RIDGES]
    return _errors(features, targets, ~held_out, held_out, RIDGES[int(np.argmin(scores))])


def _errors(x: np.ndarray, targets: np.ndarray, fit: np.ndarray, judge: np.ndarray, ridge: float) -> np.ndarray:
    x = np.column_stack([(x - x[fit].mean(0)) / (x[fit].std(0) + 1e-6), np.ones(len(x))])
    weights = np.linalg.solve(x[fit].T @ x[fit] + ridge * fit.sum() * np.eye(x.shape[1]), x[fit].T @ targets[fit])
    errors: np.ndarray = x[judge] @ weights - targets[judge]
    return errors


def all_features(encoder: EncoderFile, images: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the features (N, F) of all cameras, by name."""
    return np.column_stack([encode_images(encoder, camera, frames) for camera, frames in sorted(images.items())])


def encode_images(encoder: EncoderFile, camera: str, images: np.ndarray) -> np.ndarray:
    """Return the features of one camera's images (N, H, W, 3): (N, F) float64, rounded to half precision."""
    import jax

    from robot_rl.vision.jax_encoder import apply_encoder

    encode = jax.jit(partial(apply_encoder, architecture=encoder.architecture, prefix=encoder.owner(camera)))
    parts = [np.asarray(encode(encoder.params, images[i : i + CHUNK])) for i in range(0, len(images), CHUNK)]
    return np.concatenate(parts).astype(np.float16).astype(np.float64)
