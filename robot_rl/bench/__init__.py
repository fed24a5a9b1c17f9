"""Benchmarks: how fast the parts run on this machine. Each is a module with `run() -> dict` of named figures."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from robot_rl.core.errors import ConfigError, unknown_name

BENCHMARKS = {
    "cameras": "reading cameras while they deliver and while one is away [us], crop and resize [us], age [ms]",
    "control": "one tick of the control law, model terms included [us]; a 1 kHz loop's deadlines beside a learner",
    "dds": "messages between two processes over plain DDS: round trip [us], 640x480 pictures [ms]",
    "encoder": "how exactly a linear map finds the object in the encoder's features [mm], and encoding a step [ms]",
    "env": "one 10 Hz step of the simulated tasks, controller included: state only and with two cameras [ms]",
    "pendant": "the pendant's firmware under QEMU: round trip, stop to open relay [ms]; `make firmware` first",
    "learner": "updates a second, on cached features and with the encoder in the loop",
    "ros": "the same as dds over rclpy; source ROS first",
    "proof": "what the control law promises, on the simulated arm, beside constant damping and others' formulas",
}


def run_benchmark(name: str, **options: Any) -> dict[str, Any]:
    """Run one benchmark and return its figures, unit at the end of each name.

    Raises:
        UnknownNameError: no benchmark of that name.
        ConfigError: an option that this benchmark does not have.
    """
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    run = importlib.import_module(f"robot_rl.bench.{name}").run
    for option in set(options) - set(inspect.signature(run).parameters):
        raise ConfigError(f"bench {name}: got --{option}, expected no such option; it belongs to another benchmark.")
    figures: dict[str, Any] = run(**options)
    return figures
