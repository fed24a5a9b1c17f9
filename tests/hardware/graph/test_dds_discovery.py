"""Discovery over plain DDS in a process with several participants."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cyclonedds.qos import Policy, Qos, _CQos

from robot_rl.hardware.graph.dds_discovery import take_builtin

QUALITIES = (Qos(Policy.Reliability.BestEffort, Policy.Userdata(b"x" * 200)), Qos(Policy.Reliability.Reliable(0)))


class ReaderOfOne:
    """Converts one entity's qualities as cyclonedds's built-in readers do."""

    def __init__(self, qos: Qos) -> None:
        self._qos = _CQos.qos_to_cqos(qos)

    def take(self, limit: int, condition: Any) -> list[Any]:
        return [_CQos.cqos_to_qos(self._qos)]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
def test_two_threads_never_get_each_others_qualities() -> None:
    wrong = []

    def take_many(qos: Qos) -> None:
        reader: Any = ReaderOfOne(qos)
        wrong.extend(found for _ in range(5000) for found in take_builtin(reader, 1) if set(found) != set(qos))

    threads = [threading.Thread(target=take_many, args=(qos,)) for qos in QUALITIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
