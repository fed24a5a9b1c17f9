"""The control benchmark measures the law, not a loop in a fault."""

import pytest

from controllers.arm import Reason
from robot_rl.bench.control import Host, bench_control


def test_the_host_follows_its_target():
    host = Host()
    assert host.tick() == Reason.OK
    assert abs(host.tau).max() > 0.0


@pytest.mark.slow
def test_the_figures_are_named_with_their_unit():
    figures = bench_control(calls=20, batches=3)
    assert set(figures) == {
        *(f"{name}_us_{p}" for name in ("tick", "call", "law") for p in ("p50", "p99")),
        "first_call_s",
    }
    assert figures["law_us_p50"] < figures["tick_us_p50"]
