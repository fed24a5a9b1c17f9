"""Protocols of what an environment may offer beyond Gymnasium: an arm in real time, an expert."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class RealTimeEnv(Protocol):
    """An environment whose arm moves in real time, whoever steps it, as one on the ROS graph."""

    def session_metrics(self) -> dict[str, float]:
        """Return measured values of the session so far, by name, for each episode's line of metrics."""
        ...


@runtime_checkable
class ExpertEnv(Protocol):
    """An environment with a scripted expert that knows the ground truth."""

    def expert_action(self) -> np.ndarray:
        """Return the expert's action (A,) float32 in [-1, 1] for the present state."""
        ...
