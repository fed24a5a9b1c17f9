"""Simulated arms for the control process: `python -m controllers.host robot_rl.sim.control_stack:pick_lift NAME`."""

from __future__ import annotations

from typing import Any

import numpy as np

from controllers.host.control_process import ControlStack
from robot_rl.core.clock import Clock, SystemClock
from robot_rl.core.extensions import resolve
from robot_rl.sim.driver import SimulatedDriver
from robot_rl.sim.simulation import Simulation

TASK = "robot_rl.tasks.pick_lift:TASK"  # by name: tasks stand above the simulator
WATCHED: dict[str, Any] = {"start_checks": True, "state_age_max_s": 0.010, "recoveries_per_minute": 3.0}


def pick_lift(clock: Clock | None = None) -> ControlStack:
    """PickLift's arm, paced by a clock, with the checks of a real arm; the scene is always the same one."""
    simulation = Simulation(resolve("task", TASK, {}))
    simulation.reset(np.random.default_rng(0))
    gains = simulation.gains.changed(ramp_s=0.1, **WATCHED)
    return ControlStack(SimulatedDriver(simulation, clock or SystemClock()), gains, simulation.loop.limits)
