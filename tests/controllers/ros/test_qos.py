"""A topic's quality in rclpy's words, by the real rclpy."""

import importlib.util
from typing import Any

import pytest

from controllers.ros.graph import Qualities, Quality
from controllers.ros.qos import ros_profile

pytestmark = pytest.mark.ros
OFFERED = Quality(reliable=True, deadline_s=0.05, lifespan_s=0.2)


@pytest.fixture
def qos() -> Any:
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip("rclpy cannot be imported: run: make ros")
    return importlib.import_module("rclpy.qos")


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("kind", Qualities)
def test_each_kind_of_topic_keeps_its_reliability_durability_and_depth(qos: Any, kind: Qualities, writes: bool) -> None:
    profile, quality = ros_profile(kind.value, writes), kind.value
    assert (profile.reliability == qos.ReliabilityPolicy.RELIABLE) == quality.reliable
    assert (profile.durability == qos.DurabilityPolicy.TRANSIENT_LOCAL) == quality.latched
    assert (profile.history, profile.depth) == (qos.HistoryPolicy.KEEP_LAST, quality.depth)


def test_a_writer_offers_deadline_and_lifespan(qos: Any) -> None:
    profile = ros_profile(OFFERED, writes=True)
    assert (profile.deadline.nanoseconds, profile.lifespan.nanoseconds) == (50_000_000, 200_000_000)


def test_a_reader_asks_for_neither_deadline_nor_lifespan(qos: Any) -> None:
    profile, default = ros_profile(OFFERED), qos.QoSProfile(depth=1)
    assert (profile.deadline, profile.lifespan) == (default.deadline, default.lifespan)
