"""Benchmarks of the parts on this machine, by name."""

import importlib
import inspect
from typing import Any, NamedTuple

from robot_rl.core.errors import ConfigError, unknown_name


class Benchmark(NamedTuple):
    """A benchmark."""

    function: str
    """`module:function`, which returns named metrics; its arguments are the benchmark's options."""
    text: str


BENCHMARKS = {
    "cameras": Benchmark(
        "robot_rl.bench.cameras:run",
        "reading cameras while they deliver and while one is lost [us], crop and resize [us], age [ms]",
    ),
    "clock": Benchmark(
        "robot_rl.bench.clock:run",
        "the actor's period at 10, 20, 50 Hz beside a busy learner [ms], and missed steps",
    ),
    "control": Benchmark(
        "robot_rl.bench.control:run",
        "one tick of the control law, model terms included [us]; a 1 kHz loop's deadlines beside a learner",
    ),
    "dds": Benchmark(
        "robot_rl.bench.graph_times:measure_dds",
        "messages between two processes over plain DDS: round trip [us], 640x480 images [ms]",
    ),
    "encoder": Benchmark(
        "robot_rl.bench.encoder:run",
        "error of a linear map from the encoder's features to the object [mm], and encode a step [ms]",
    ),
    "env": Benchmark(
        "robot_rl.bench.env:run",
        "one 10 Hz step of the simulated tasks, controller included: state only and with two cameras [ms]",
    ),
    "fleet": Benchmark(
        "robot_rl.bench.fleet:run",
        "1, 2, 4, 8 simulated actors in real time on one learner: wall time until 30 of 30 episodes succeed [s]",
    ),
    "page": Benchmark(
        "robot_rl.bench.page:run",
        "the operator's page in Chromium: its stop to the arm's [ms], images a second, the acting loop's period",
    ),
    "pendant": Benchmark(
        "robot_rl.bench.pendant:run",
        "the pendant's firmware under QEMU: round trip, stop to open relay [ms]; `make firmware` first",
    ),
    "learner": Benchmark(
        "robot_rl.bench.learner:run", "updates a second, on cached features and with the encoder in the loop"
    ),
    "ros": Benchmark("robot_rl.bench.graph_times:measure_ros", "the same as dds over rclpy; source ROS first"),
    "soak": Benchmark(
        "robot_rl.bench.soak:run",
        "an hour of 8 actors in real time: memory, descriptors, threads, periods, each record sent and stored",
    ),
    "transport": Benchmark(
        "robot_rl.bench.transport:run",
        "the wire: durable records/s and MB/s, acknowledgement and publication [ms], with and without keys",
    ),
    "proof": Benchmark(
        "robot_rl.bench.proof.benchmark:run",
        "bounds of the control law on the simulated arm, compared with constant damping and other formulas",
    ),
}


def run_benchmark(name: str, **options: Any) -> dict[str, Any]:
    """Run one benchmark and return its metrics, unit at the end of each name.

    Raises:
        UnknownNameError: no benchmark of that name.
        ConfigError: an option that this benchmark does not have.
    """
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    module, function = BENCHMARKS[name].function.split(":")
    run = getattr(importlib.import_module(module), function)
    for option in set(options) - set(inspect.signature(run).parameters):
        raise ConfigError(f"bench {name}: got --{option}, expected no such option; it belongs to another benchmark.")
    metrics: dict[str, Any] = run(**options)
    return metrics
