"""`robot-rl bench transport`: rates and latencies of the wire between real processes.

One process each for the learner's end and for every actor, over loopback; the learner syncs to disk before it
acknowledges. Rates count durable acknowledgements.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np

from robot_rl.bench import lerobot_transport
from robot_rl.core.action_layout import continuous_layout
from robot_rl.core.errors import RobotRLError
from robot_rl.core.records import Source, StepRecord, no_action
from robot_rl.core.schema import ArraySpec, StepSchema
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.keys import CurveKeys, generate_keys, read_keys
from robot_rl.transport.receiver import LearnerServer
from robot_rl.transport.sender import ActorLink
from robot_rl.transport.session import WINDOW_RECORDS

SIZES = {"98_kb": 98_304, "2_kb": 2_048}
"""Observations: two images of 128 x 128 x 3 bytes, and features."""
ACTORS = (1, 8)
MEASURE_S = 3.0
LATENCIES, PUBLICATIONS = 100, 100
PERIOD_S = 0.02
WEIGHTS = {"w": np.zeros(250_000, np.float32)}
"""As large as the policy of the pick-lift task."""


def run(seconds: float = MEASURE_S) -> dict[str, float]:
    """Return records/s, MB/s, the learner's CPU time a record (of all its threads), the time to a durable
    acknowledgement and that from publication to the actor; with ROBOT_RL_LEROBOT the rates of LeRobot's transport, too.

    Args:
        seconds: duration of each measurement of a rate.
    """
    metrics: dict[str, float] = {}
    for secured in (False, True):
        suffix = "_curve" if secured else ""
        for name, size in SIZES.items():
            for actors in ACTORS:
                rates, cpu_s = _with_actors(size, actors, secured, partial(_stream, seconds))
                key = f"{name}_actors_{actors}{suffix}"
                metrics[f"{key}_records_per_s"] = round(sum(rates))
                metrics[f"{key}_mb_per_s"] = round(sum(rates) * size / 1e6, 1)
                metrics[f"{key}_learner_cpu_us"] = round(1e6 * cpu_s, 1)
        for name, act in (("acknowledge", _acknowledge), ("publish_to_actor", _receive)):
            times_s, _ = _with_actors(SIZES["98_kb"], 1, secured, act)
            metrics |= _with_percentiles(f"{name}{suffix}", times_s[0])
    return metrics | lerobot_transport.measure(seconds)


def _with_percentiles(name: str, times_s: np.ndarray) -> dict[str, float]:
    percentiles = {f"{name}_ms_p{q}": float(np.percentile(times_s, q)) * 1e3 for q in (50, 99)}
    return {key: round(value, 2) for key, value in percentiles.items()}


def _schema(size: int) -> StepSchema:
    return StepSchema({"frame": ArraySpec((size,), "uint8")}, continuous_layout(7), "bench")


def _record(size: int) -> StepRecord:
    obs = {"frame": np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)}
    action = np.zeros(7, np.float32)
    none, when = no_action(7), {"terminated": False, "truncated": False, "policy_version": 0, "stamp_ns": 0}
    result: dict[str, Any] = {"reward": 0.0, "success": False, "next_obs": None}
    return StepRecord("", "", 0, 0, 0, obs, action, none, none, Source.POLICY, **when, **result)  # type: ignore[arg-type]


def _with_actors(size: int, actors: int, secured: bool, act: Callable[..., Any]) -> tuple[list[Any], float]:
    """Run a learner's end here and actors as processes; return what each measured, and this end's CPU time a record."""
    context = multiprocessing.get_context("spawn")
    ready, go, results = context.Semaphore(0), context.Event(), context.Queue()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = generate_keys(folder / "keys", actors) if secured else [None] * (actors + 1)
        keys = [None if file is None else read_keys(file) for file in files]
        introduction = Introduction(_schema(size), "bench", run="bench")
        with (
            Journal(folder / "journal") as journal,
            LearnerServer("tcp://127.0.0.1:*", introduction, journal, keys=keys[0], sync_every_s=0.02) as server,
        ):
            places = [(size, server.address, folder / f"spool-{n}", f"actor-{n}", keys[n + 1]) for n in range(actors)]
            processes = [context.Process(target=_actor, args=(act, *place, ready, go, results)) for place in places]
            for process in processes:
                process.start()
            cpu_s = time.process_time()
            values = _serve(server, processes, act is _receive, ready, go, results)
            cpu_s = (time.process_time() - cpu_s) / max(1, server.counters.records)
            for process in processes:
                process.join()
    return values, cpu_s


def _serve(
    server: LearnerServer, processes: list[Any], publishes: bool, ready: Any, go: Event, results: Any
) -> list[Any]:
    """Serve until every actor has a result; publish steadily where that is what is measured.

    Raises:
        RobotRLError: an actor's process died.
    """
    values: list[Any] = []
    connected, published_s = 0, 0.0
    while len(values) < len(processes):
        if any(process.exitcode for process in processes):
            raise RobotRLError("bench transport: got an actor that ended with an error, expected none; it is above.")
        server.poll(0.005)
        connected += int(ready.acquire(block=False))
        if connected == len(processes):
            go.set()
        if publishes and time.monotonic() - published_s > PERIOD_S:
            published_s = time.monotonic()
            server.publish_weights(time.monotonic_ns(), WEIGHTS)
        try:
            values.append(results.get_nowait())
        except Empty:
            continue
    return values


def _actor(
    act: Callable[[ActorLink, StepRecord], Any],
    size: int,
    address: str,
    folder: Path,
    name: str,
    keys: CurveKeys | None,
    ready: Any,
    go: Event,
    results: Any,
) -> None:
    introduction = Introduction(_schema(size), "bench", name, "bench")
    with Journal(folder) as spool, ActorLink(address, introduction, spool, keys=keys) as link:
        while not link.counters.sessions:
            time.sleep(0.01)
        ready.release()
        go.wait()
        results.put(act(link, _record(size)))


def _stream(seconds: float, link: ActorLink, record: StepRecord) -> float:
    """Return the records a second that are acknowledged while the spool never runs empty, after as long a warm-up."""
    begun, start_s = 0, time.monotonic()
    for _ in range(2):
        begun, start_s = link.counters.acknowledged, time.monotonic()
        while time.monotonic() - start_s < seconds:
            if link.backlog < WINDOW_RECORDS:
                link.put(record)
            else:
                time.sleep(0.0005)
    return (link.counters.acknowledged - begun) / (time.monotonic() - start_s)


def _acknowledge(link: ActorLink, record: StepRecord) -> np.ndarray:
    """Return times from `put` to the durable acknowledgement [s], one record at a time."""
    times_s = []
    for _ in range(LATENCIES):
        start_s = time.monotonic()
        link.put(record)
        link.flush(10.0)
        times_s.append(time.monotonic() - start_s)
        time.sleep(PERIOD_S)
    return np.array(times_s)


def _receive(link: ActorLink, record: StepRecord) -> np.ndarray:
    """Return times from publication to the moment at which an actor can load the weights [s]."""
    times_s, version = list[float](), 0
    while len(times_s) < PUBLICATIONS:
        received = link.latest_weights()
        if received is not None and received[0] != version:
            version = received[0]
            times_s.append(1e-9 * (time.monotonic_ns() - version))
        time.sleep(0.0002)
    return np.array(times_s)
