"""LeRobot's gRPC transport, measured by its own Python: `PYTHON -I lerobot_transport.py SECONDS` prints JSON.

One process each for the learner's end and every actor, over loopback, with LeRobot's messages, chunks and channel
options: each transition is serialised, sent and deserialised by itself, as one record is. What arrives stays in memory
and is not acknowledged. A transition holds its frame once, where LeRobot sends that of the next step as well.
"""

import importlib
import json
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

SIZES = {"98_kb": 98_304, "2_kb": 2_048}
ACTORS = (1, 8)
VARIABLE = "ROBOT_RL_LEROBOT"
"""Environment variable that names a Python with LeRobot."""


def measure(seconds: float) -> dict[str, float]:
    """Return records/s and MB/s of LeRobot's transport; nothing where no Python with LeRobot is named."""
    python = os.environ.get(VARIABLE)
    if not python:
        return {}
    done = subprocess.run([python, "-I", Path(__file__), str(seconds)], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise OSError(f"{VARIABLE}: got {python!r}, which fails: {done.stderr[-500:]}")
    metrics: dict[str, float] = json.loads(lines[-1])
    return metrics


def _rate(size: int, actors: int, seconds: float) -> float:
    """Return the transitions a second that a learner's end deserialises, after as long a warm-up."""
    grpc, stubs = importlib.import_module("grpc"), importlib.import_module("lerobot.transport.services_pb2_grpc")
    wire, messages = (importlib.import_module(f"lerobot.transport.{name}") for name in ("utils", "services_pb2"))
    arrived: queue.Queue[bytes] = queue.Queue(1000)

    class Learner(stubs.LearnerServiceServicer):  # type: ignore[misc, name-defined]
        def SendTransitions(self, requests: Any, _context: Any) -> Any:
            wire.receive_bytes_in_chunks(requests, arrived, threading.Event())
            return messages.Empty()

    server = grpc.server(futures.ThreadPoolExecutor(2 * actors), options=wire.grpc_channel_options())
    stubs.add_LearnerServiceServicer_to_server(Learner(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_actor, args=(port, size), daemon=True) for _ in range(actors)]
    for process in processes:
        process.start()
    count = 0
    wire.bytes_to_transitions(arrived.get())
    for _ in range(2):
        count, start_s = 0, time.monotonic()
        while time.monotonic() - start_s < seconds:
            wire.bytes_to_transitions(arrived.get())
            count += 1
    for process in processes:
        process.kill()
        process.join()
    server.stop(0)
    return count / seconds


def _actor(port: int, size: int) -> None:
    grpc, torch = importlib.import_module("grpc"), importlib.import_module("torch")
    wire, messages = (importlib.import_module(f"lerobot.transport.{name}") for name in ("utils", "services_pb2"))
    stubs = importlib.import_module("lerobot.transport.services_pb2_grpc")
    frame = torch.randint(0, 256, (size,), dtype=torch.uint8)
    transition = {"state": {"frame": frame}, "action": torch.zeros(7), "reward": 0.0, "next_state": {}}
    record = transition | {"done": False, "truncated": False, "complementary_info": None}

    def stream() -> Iterator[Any]:
        while True:
            yield from wire.send_bytes_in_chunks(wire.transitions_to_bytes([record]), messages.Transition)

    channel = grpc.insecure_channel(f"127.0.0.1:{port}", wire.grpc_channel_options())
    stubs.LearnerServiceStub(channel).SendTransitions(stream())


def _main(seconds: float) -> None:
    metrics: dict[str, float] = {}
    for name, size in SIZES.items():
        for actors in ACTORS:
            rate, key = _rate(size, actors, seconds), f"lerobot_{name}_actors_{actors}"
            metrics |= {f"{key}_records_per_s": round(rate), f"{key}_mb_per_s": round(rate * size / 1e6, 1)}
    print(json.dumps(metrics))


if __name__ == "__main__":
    _main(float(sys.argv[1]))
