"""Fingerprint of a run's cameras: their devices and ports, and their first images, as the policy sees them.

It is written when an actor first meets the cameras, and compared when the run goes on and when it is evaluated. Another
device or port, and cameras that have changed places, are refused; an image that has changed is a warning, because
light and objects change as well as mounts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras import camera_kind
from robot_rl.hardware.cameras.camera import Camera
from robot_rl.hardware.cameras.config import CameraConfig

FOLDER, DEVICES, IMAGES = "cameras", "devices.json", "first.safetensors"
CELLS = 16  # of an image's side, when images are compared
ALIKE = 0.6  # correlation of two images of one place
CLEARER = 0.2  # by which another camera's first image has to fit better


def check_cameras(folder: Path, configs: Sequence[CameraConfig], cameras: Mapping[str, Camera]) -> Iterator[str]:
    """Write the fingerprint below a folder, or compare with the one that is there; yield warnings.

    Raises:
        ConfigError: another device or port, or cameras that have changed places.
    """
    place = folder / FOLDER
    devices = {config.name: identity(config) for config in configs if config.name in cameras}
    images = {name: np.ascontiguousarray(camera.read().image) for name, camera in cameras.items()}
    if not (place / IMAGES).exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / DEVICES).write_text(json.dumps(devices, indent=2), encoding="utf-8")
        part = place / f"{IMAGES}.part"
        save_file(images, part)
        part.replace(place / IMAGES)  # a killed process leaves no half of it
        return
    advice = f"undo the change, or remove {place} where it is meant: the policy has learned from the other views"
    for name, before in json.loads((place / DEVICES).read_text(encoding="utf-8")).items():
        if devices.get(name, before) != before:
            raise ConfigError(f"camera {name}: got {devices[name]}, expected {before} as when the run began; {advice}.")
    yield from _changed(load_file(place / IMAGES), images, advice)


def identity(config: CameraConfig) -> dict[str, str]:
    """Return what tells a camera's device from others: what its kind names, else its label."""
    kind = camera_kind(config.kind)
    if hasattr(kind, "identity"):
        return dict(kind.identity(config))
    return {"device": str(kind.label(config))} if hasattr(kind, "label") else {}


def _changed(before: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray], advice: str) -> Iterator[str]:
    names = sorted(before.keys() & now.keys())
    for one, other in combinations(names, 2):
        crossed = min(likeness(now[one], before[other]), likeness(now[other], before[one]))
        if crossed > CLEARER + max(likeness(now[name], before[name]) for name in (one, other)):
            raise ConfigError(f"cameras: got {one} and {other} in each other's place, expected their own; {advice}.")
    for name in names:
        if (alike := likeness(now[name], before[name])) < ALIKE:
            yield f"camera {name}: its image is unlike the run's first one (correlation {alike:.2f}); {advice}"


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two images (H, W, 3) in grey, at a coarse grid; 1 for two that are alike."""
    a, b = _coarse(one), _coarse(other)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / size) if size > 0.0 else float(np.array_equal(a, b))


def _coarse(image: np.ndarray) -> np.ndarray:
    """Return (CELLS, CELLS): means of the image's cells, less their mean."""
    grey = image.astype(np.float64).mean(axis=2)
    rows = [part.mean(axis=0) for part in np.array_split(grey, CELLS, axis=0) if part.size]
    cells = np.array([part.mean(axis=1) for part in np.array_split(np.array(rows), CELLS, axis=1) if part.size])
    return cells - cells.mean()
