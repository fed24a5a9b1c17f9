"""A backend small enough to check by equality, and a server whose records are a script."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from robot_rl.core.records import Record, Source, StepRecord
from robot_rl.data.batch import Batch
from robot_rl.data.replay import ONE_STEP
from tests.data.builders import step_record


def episodes(count: int, length: int, **fields: Any) -> list[StepRecord]:
    """Episodes of `length` steps, numbered through."""
    records = []
    for number in range(count * length):
        episode, step = divmod(number, length)
        ends = step == length - 1
        place = {"sequence": number, "episode": episode, "step": step, "truncated": ends}
        records.append(step_record(number % 1000, closing_uid=999 if ends else None, **(place | fields)))
    return records


def demonstrations(count: int, length: int) -> list[StepRecord]:
    """Episodes of an actor called demo."""
    return episodes(count, length, actor="demo", source=Source.DEMONSTRATION)


class TinyBackend:
    """Gradient descent with momentum and noise of its own: its state depends on every sample and every draw."""

    horizon = ONE_STEP

    def __init__(self, seed: int = 0) -> None:
        self.w, self.momentum = np.zeros(2, np.float32), np.zeros(2, np.float32)
        self._rng = np.random.default_rng(seed)
        self.calls = 0

    def update(self, batch: Batch) -> Mapping[str, Any]:
        self.calls += 1
        for obs, next_obs, reward in zip(batch.obs["state"], batch.next_obs["state"], batch.reward, strict=True):
            error = (obs - 0.9 * next_obs) @ self.w * 1e-3 - reward * 1e-3
            gradient = (error[:, None] * obs * 1e-3).mean(0) + self._rng.normal(size=2).astype(np.float32)
            self.momentum = np.float32(0.9) * self.momentum + gradient
            self.w = self.w - np.float32(1e-2) * self.momentum
        return {"loss": np.float32(error.mean())}

    def policy_parameters(self) -> dict[str, np.ndarray]:
        return {"w": self.w}

    def state_dict(self) -> dict[str, np.ndarray]:
        state = self._rng.bit_generator.state["state"]
        words = [state["state"] >> 64, state["state"] & (2**64 - 1), state["inc"] >> 64, state["inc"] & (2**64 - 1)]
        return {"w": self.w, "momentum": self.momentum, "rng": np.array(words, np.uint64)}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        self.w, self.momentum = state["w"].copy(), state["momentum"].copy()
        high, low, inc_high, inc_low = map(int, state["rng"])
        whole = self._rng.bit_generator.state
        whole["state"] = {"state": (high << 64) | low, "inc": (inc_high << 64) | inc_low}
        self._rng.bit_generator.state = whole


class ScriptedServer:
    """Gives its batches of records one poll at a time and remembers what was published."""

    def __init__(self, batches: list[list[Record]], recovered: list[Record] | None = None) -> None:
        self._batches, self._recovered = list(batches), recovered or []
        self.published: list[tuple[int, dict[str, np.ndarray]]] = []

    def status(self) -> dict[str, float]:
        return {"wire_refused": 0}

    @property
    def exhausted(self) -> bool:
        return not self._batches

    def recover(self) -> Iterator[Record]:
        yield from self._recovered

    def poll(self, timeout_s: float = 0.0) -> list[Record]:
        return self._batches.pop(0) if self._batches else []

    def publish_weights(self, version: int, parameters: Mapping[str, np.ndarray]) -> None:
        self.published.append((version, {name: array.copy() for name, array in parameters.items()}))


class ListMetrics:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def write(self, kind: str, step: int, **scalars: Any) -> None:
        self.events.append({"kind": kind, "step": step, **scalars})
