"""Success model: an ensemble of small networks over an encoder's features, its file, and the views that it judges.

    p(success) = sigmoid(mean_e w1_e . tanh(w0_e x + b0_e) + b1_e),     x standardised

File: safetensors with the weights, the training frames (so that it can be trained further without the recordings), and
in the header's metadata under `classifier` a JSON object: views, threshold and card. NumPy only: nothing is compiled.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import ArrayLike

from robot_rl.core.errors import ConfigError
from robot_rl.core.records import Observation

TRAINING_COMMAND = "robot-rl classifier train TASK --from FOLDER --out FILE"
_FRAMES = "frames/"


@dataclass(frozen=True)
class Views:
    """The inputs that a classifier judges."""

    encoder: str
    """Identity of the image encoder."""
    cameras: Mapping[str, str] = field(default_factory=dict)
    """By name: size and crop in words."""
    state: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Observed states by name, and which of their entries are used."""
    task: str = ""
    """Name of the task whose success is judged."""

    def read(self, obs: Observation) -> np.ndarray:
        """Return the inputs (V, I) float32 of an encoded observation: features of each camera, then states."""
        features = np.concatenate([obs[name].astype(np.float32) for name in sorted(self.cameras)], axis=-1)
        state = [obs[name][list(entries)] for name, entries in sorted(self.state.items())]
        tiled = np.tile(np.concatenate([*state, np.zeros(0)]), (len(features), 1))
        return np.concatenate([features, tiled], axis=-1, dtype=np.float32)

    def check(self, run: "Views") -> None:
        """Check that a run has these views.

        Raises:
            ConfigError: the first difference, with both sides.
        """
        if run.task != self.task:
            raise ConfigError(
                f"classifier: got one of task {self.task!r}, expected the run's, {run.task!r}; train one for it with "
                f"`{TRAINING_COMMAND}`."
            )
        if run.encoder != self.encoder:
            raise ConfigError(
                f"classifier: got one of encoder {self.encoder[:12] or 'none'}, expected the run's, "
                f"{run.encoder[:12] or 'none'}; train it again with `{TRAINING_COMMAND}`."
            )
        for kind in ("cameras", "state"):
            for name, entry in getattr(self, kind).items():
                seen = getattr(run, kind).get(name)
                if seen != entry:
                    raise ConfigError(
                        f"classifier {kind}: got one for {name} ({entry}), expected the run's "
                        f"({'no such view' if seen is None else seen}); train it again with `{TRAINING_COMMAND}`."
                    )


class Frames(NamedTuple):
    """Labelled frames."""

    inputs: np.ndarray
    """(N, V, I) float16: V encodings of a frame, the first one clean."""
    success: np.ndarray
    """(N,) bool."""
    episode: np.ndarray
    """(N,) int: frames of an episode are never on both sides of a split."""

    def part(self, rows: np.ndarray) -> "Frames":
        """Return some of the frames, by index (N,)."""
        return Frames(self.inputs[rows], self.success[rows], self.episode[rows])

    def joined(self, other: "Frames") -> "Frames":
        """Return these frames and others: their episodes numbered on, their encodings repeated to as many."""
        first = int(self.episode.max(initial=-1)) + 1
        episode = np.concatenate([self.episode, other.episode + first])
        variants = np.arange(self.inputs.shape[1]) % other.inputs.shape[1]
        return Frames(
            np.concatenate([self.inputs, other.inputs[:, variants]]),
            np.concatenate([self.success, other.success]),
            episode,
        )


@dataclass(frozen=True)
class SuccessModel:
    """A trained classifier."""

    views: Views
    weights: Mapping[str, np.ndarray]
    """mean, scale (I,); w0 (E, I, H), b0 (E, 1, H), w1 (E, H, 1), b1 (E, 1, 1)."""
    threshold: float
    """Probability above which a frame counts as success."""
    frames: Frames
    """Training data."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """Task, date, counts and scores on held-out episodes."""

    def probability(self, inputs: np.ndarray) -> np.ndarray:
        """Return the probability of success. Shapes: inputs (N, I); returns (N,)."""
        return sigmoid(logits(self.weights, self.standardised(inputs)[None]).mean(0))

    def standardised(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs of zero mean and unit variance over the training frames. Shapes: (..., I)."""
        scaled: np.ndarray = (inputs - self.weights["mean"]) / self.weights["scale"]
        return scaled


def logits(weights: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the members' logits. Shapes: x (E or 1, N, I); returns (E, N)."""
    hidden = np.tanh(x @ weights["w0"] + weights["b0"])
    output: np.ndarray = (hidden @ weights["w1"] + weights["b1"])[..., 0]
    return output


def sigmoid(x: ArrayLike) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return 0.5 + 0.5 * np.tanh(0.5 * np.asarray(x))


def save_model(path: Path, model: SuccessModel) -> None:
    """Write a classifier's file atomically."""
    header = {"views": asdict(model.views), "threshold": model.threshold, "card": dict(model.card)}
    arrays = dict(model.weights) | {_FRAMES + name: array for name, array in model.frames._asdict().items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(arrays, part, {"classifier": json.dumps(header)})
    os.replace(part, path)


def load_model(path: Path) -> SuccessModel:
    """Read a classifier's file.

    Raises:
        ConfigError: no such file, or not a classifier.
    """
    if not path.is_file():
        raise ConfigError(f"classifier: got {str(path)!r}, expected a file; train it with `{TRAINING_COMMAND}`.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["classifier"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        views = header["views"]
        state = {name: tuple(entries) for name, entries in views["state"].items()}
        frames = Frames(*(arrays.pop(_FRAMES + name) for name in Frames._fields))
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ConfigError(
            f"classifier: got {str(path)!r}, expected a classifier's safetensors ({error!r}); train it with "
            f"`{TRAINING_COMMAND}`."
        ) from error
    return SuccessModel(
        Views(views["encoder"], views["cameras"], state, views["task"]),
        arrays,
        header["threshold"],
        frames,
        header["card"],
    )
