"""The wall clock jumps by an hour, forwards and back: each record is stored once, in order, and nothing ends or waits.

ROBOT_RL_FAULTS=50 makes 50 jumps instead of 5.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import FAULTS
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.waiting import eventually
from tests.wall_clock import WallClock, needs_compiler

HOUR_S = 3600
pytestmark = [needs_compiler, pytest.mark.timeout(60 + 5 * FAULTS)]


def test_only_the_wall_clock_of_a_process_jumps(tmp_path: Path) -> None:
    wall, program = WallClock(tmp_path), "import time; print(time.time(), time.monotonic())"
    wall.set(-HOUR_S)
    before_s, since_s = time.time(), time.monotonic()
    words = [sys.executable, "-S", "-c", program]
    done = subprocess.run(words, env=os.environ | wall.environment, capture_output=True, text=True, check=True)
    wall_s, monotonic_s = map(float, done.stdout.split())
    assert before_s - HOUR_S <= wall_s <= time.time() - HOUR_S and since_s <= monotonic_s <= time.monotonic()


@pytest.mark.slow
def test_jumps_of_the_wall_clock_lose_no_record_and_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, rng, journal = WallClock(tmp_path), random.Random(1), tmp_path / "journal"
    for name, value in wall.environment.items():
        monkeypatch.setenv(name, value)
    with (
        learner_process(journal) as (learner, address),
        actor_process(tmp_path / "spool", address, "--period-s", 0.001) as actor,
    ):
        for _ in range(FAULTS):
            wall.set(rng.choice((-HOUR_S, 0, HOUR_S)) + rng.randrange(10))
            size = size_of(journal)
            eventually(lambda: size_of(journal) > size + 20_000)  # noqa: B023 - called here
        actor.send_signal(signal.SIGTERM)
        result = result_of(actor)
        assert learner.poll() is None
    assert actor.returncode == result["dropped"] == result["backlog"] == 0
    assert result["sessions"] == 1, "the connection broke"
    assert stored(journal) == result["accepted"]
    print(f"clock jumps: sent {len(result['accepted'])}, stored as many")
