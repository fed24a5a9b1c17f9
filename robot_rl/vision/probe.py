"""Linear probe of an encoder: what ridge regression reads from its features on held-out episodes.

A small policy can use what a linear map finds; perspective, which is not linear, is part of the error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from robot_rl.vision.architecture import EncoderFile
from robot_rl.vision.recordings import Recording

RIDGE = 1e-3
HELD_OUT_EVERY = 4  # episodes
MM = 1e3
CHUNK = 100  # images


@dataclass(frozen=True)
class ProbeReport:
    """Errors of a linear read-out on held-out episodes, root mean square, beside what knowing nothing gives."""

    position_mm: float
    position_spread_mm: float
    motion_mm: float
    """Of the tool's displacement from a frame to the next."""
    motion_spread_mm: float
    gripper: float
    """Of the opening in 0..1; 0 without a gripper."""
    gripper_spread: float
    object_error: tuple[float, ...] = ()
    """Of the object's state in the simulator, in its units; a check only."""
    object_spread: tuple[float, ...] = ()

    def faults(self, limit_mm: float) -> list[str]:
        """Return what makes the encoder useless, one line each; empty for a good one."""
        lines = []
        if self.position_mm > limit_mm:
            lines.append(f"tool position {self.position_mm:.1f} mm, expected {limit_mm:g} mm or less")
        if self.motion_mm > 0.9 * self.motion_spread_mm:
            lines.append(
                f"motion {self.motion_mm:.1f} mm, expected less than its spread {self.motion_spread_mm:.1f} mm"
            )
        if self.gripper > max(0.9 * self.gripper_spread, 0.05):
            lines.append(f"gripper {self.gripper:.2f}, expected less than its spread {self.gripper_spread:.2f}")
        return lines

    def lines(self) -> list[str]:
        """Return the errors as text, one line each."""
        lines = [
            f"tool position  {self.position_mm:6.1f} mm  (spread {self.position_spread_mm:.0f} mm)",
            f"motion         {self.motion_mm:6.1f} mm  (spread {self.motion_spread_mm:.1f} mm)",
            f"gripper        {self.gripper:6.3f}     (spread {self.gripper_spread:.2f}, of its stroke)",
        ]
        if self.object_error:
            errors, spread = np.round(self.object_error, 2).tolist(), np.round(self.object_spread, 2).tolist()
            lines.append(f"object         {errors}  (spread {spread}); simulator's truth, a check only")
        return lines


def held_out_rows(recording: Recording) -> np.ndarray:
    """Return a mask (N,) of the frames of every fourth episode, which no training may see."""
    return np.unique(recording.episodes, return_inverse=True)[1] % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def probe_encoder(encoder: EncoderFile, recording: Recording, kinds: tuple[str, ...]) -> ProbeReport:
    """Return what a linear map reads from an encoder, fitted to the training episodes, judged on the held-out ones.

    Args:
        kinds: kind of each number of the poses: position, rotation or gripper.
    """
    held_out, features = held_out_rows(recording), encode_recording(encoder, recording)
    position, gripper = (recording.poses[:, [k == kind for k in kinds]] for kind in ("position", "gripper"))
    after = recording.following()
    changes = np.column_stack([features, features[after] - features])
    motion = position[after] - position
    objects = recording.objects
    with_pose = np.column_stack([features, recording.poses])
    return ProbeReport(
        MM * _rms(probe(features, position, held_out)),
        MM * _rms(position[held_out].std(0)),
        MM * _rms(probe(changes, motion, held_out)),
        MM * _rms(motion[held_out].std(0)),
        _rms(probe(features, gripper, held_out)),
        _rms(gripper[held_out].std(0)),
        tuple(probe(with_pose, objects, held_out).tolist()),
        tuple(objects[held_out].std(0).tolist()),
    )


def encode_recording(encoder: EncoderFile, recording: Recording) -> np.ndarray:
    """Return the features of all cameras (N, cameras x F) float64, as a policy gets them: in half precision."""
    return np.column_stack([_encode(encoder, camera, images) for camera, images in sorted(recording.images.items())])


def key_points(encoder: EncoderFile, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the place of each channel's maximum [pixels], (N, C, 2) as column and row, by camera."""
    channels = encoder.architecture.layers[-1].channels
    points = {}
    for camera, frames in images.items():
        features = _encode(encoder, camera, frames)
        places = np.stack([features[:, :channels], features[:, channels : 2 * channels]], axis=-1)
        points[camera] = (places + 1.0) / 2.0 * (np.array(frames.shape[2:0:-1]) - 1)
    return points


def probe(features: np.ndarray, targets: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return the root mean square error of a linear map, per target, on the held-out rows, fitted to the others.

    Shapes: features (N, F), targets (N, K), held_out (N,) bool; returns (K,).
    """
    mean, std = features[~held_out].mean(0), features[~held_out].std(0) + 1e-6
    x = np.column_stack([(features - mean) / std, np.ones(len(features))])
    fit = x[~held_out]
    weights = np.linalg.solve(fit.T @ fit + RIDGE * len(fit) * np.eye(x.shape[1]), fit.T @ targets[~held_out])
    return np.sqrt(np.square(x[held_out] @ weights - targets[held_out]).mean(0))


def _encode(encoder: EncoderFile, camera: str, images: np.ndarray) -> np.ndarray:
    import jax

    from robot_rl.vision.jax_encoder import apply_encoder

    encode = jax.jit(partial(apply_encoder, architecture=encoder.architecture, prefix=encoder.owner(camera)))
    parts = [np.asarray(encode(encoder.params, images[i : i + CHUNK])) for i in range(0, len(images), CHUNK)]
    return np.concatenate(parts).astype(np.float16).astype(np.float64)


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.square(errors).mean())) if errors.size else 0.0
