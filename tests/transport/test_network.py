"""Networks that cut, delay, throttle, lose, reorder and damage: each record is stored once, in order, as it was sent.

ROBOT_RL_FAULTS=50 makes ten times as many faults, longer ones.
"""

import random
import signal
import time
from pathlib import Path

import pytest

from robot_rl.transport.keys import generate_keys
from tests.faults import FAULTS
from tests.transport.ends import actor_process, learner_process, result_of, size_of, stored
from tests.transport.proxy import Proxy, damage
from tests.waiting import eventually

AWAY_S = 60.0 if FAULTS > 5 else 2.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 12 * FAULTS)]


def cut(proxy: Proxy, rng: random.Random) -> None:
    time.sleep(rng.uniform(0.05, 0.3))
    proxy.cut()


def delay(proxy: Proxy, rng: random.Random) -> None:
    proxy.delay_s = rng.uniform(0.05, 0.4)
    time.sleep(0.4)


def throttle(proxy: Proxy, rng: random.Random) -> None:
    proxy.bytes_per_s = rng.uniform(20e3, 200e3)
    time.sleep(0.4)


def lose(proxy: Proxy, rng: random.Random) -> None:
    """The sender's system has delivered the bytes; they reach none; then the connection ends."""
    proxy.lossy, before = True, proxy.lost
    eventually(lambda: proxy.lost > before)
    time.sleep(rng.uniform(0.0, 0.3))
    proxy.cut()


def reorder(proxy: Proxy, rng: random.Random) -> None:
    """Bytes of the connection before arrive after those of the next one."""
    proxy.delay_s = rng.uniform(0.2, 0.6)
    time.sleep(0.5)
    proxy.cut_late()


def spoil(proxy: Proxy, rng: random.Random) -> None:
    """Bytes within the stream are lost, repeated, exchanged or flipped; keys find that, and TCP alone may not."""
    proxy.change = damage(rng)
    time.sleep(0.4)


FAULTS_OF = {
    "cut": cut,
    "delay": delay,
    "throttle": throttle,
    "loss": lose,
    "reordering": reorder,
    "loss, keys": lose,
    "damage, keys": spoil,
}
SLOW = ("damage, keys",)
"""A damaged length can keep a connection waiting until its heartbeat ends it: 14 s a fault in the mean."""


@pytest.mark.parametrize("name", FAULTS_OF)
def test_each_record_is_stored_once_in_order_as_it_was_sent(name: str, tmp_path: Path) -> None:
    rng, journal, keys = random.Random(name), tmp_path / "journal", generate_keys(tmp_path / "keys")
    mine, theirs = (("--keys", file) if "keys" in name else () for file in keys)
    with (
        learner_process(journal, *mine) as (learner, address),
        Proxy(address) as proxy,
        actor_process(tmp_path / "spool", proxy.address, "--name", "actor-0", *theirs, "--period-s", 0.001) as actor,
    ):
        for _ in range(FAULTS // 4 if name in SLOW else FAULTS):
            size = size_of(journal)
            eventually(lambda: size_of(journal) > size)  # noqa: B023 - called here
            FAULTS_OF[name](proxy, rng)
            proxy.heal()
        actor.send_signal(signal.SIGTERM)
        result = result_of(actor)
        assert learner.poll() is None
    assert actor.returncode == result["dropped"] == result["backlog"] == result["streams"] == 0
    assert len(result["accepted"]) > 50 and stored(journal, "actor-0") == result["accepted"]
    print(f"{name}: sent {len(result['accepted'])}, stored as many, {result['sessions']} sessions")


def test_a_learner_that_is_away_for_long_gets_what_it_missed(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with (
        Proxy("tcp://127.0.0.1:1") as proxy,
        actor_process(tmp_path / "spool", proxy.address, "--period-s", 0.001) as actor,
    ):
        with learner_process(journal) as (_, proxy.target):
            eventually(lambda: size_of(journal) > 10_000)
        time.sleep(AWAY_S)
        with learner_process(journal) as (learner, proxy.target):
            actor.send_signal(signal.SIGTERM)
            result = result_of(actor)
            assert learner.poll() is None
    assert actor.returncode == result["dropped"] == result["backlog"] == 0
    assert stored(journal) == result["accepted"]
    print(f"away for {AWAY_S:g} s: sent {len(result['accepted'])}, stored as many")
