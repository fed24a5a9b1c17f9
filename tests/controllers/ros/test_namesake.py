"""A second controller of one name does not start beside the first."""

import pytest

from controllers.ros.namesake import DISCOVERY_S, LEASE_S, wait_until_alone


class Graph:
    """How many others are seen, by the time since the start; its clock advances in each sleep."""

    def __init__(self, seen):
        self.now_s, self.seen = 0.0, seen

    def sleep(self, seconds):
        self.now_s += seconds

    def wait(self):
        name = "/left/impedance_controller"
        return wait_until_alone(lambda: int(self.seen(self.now_s)), name, lambda: self.now_s, self.sleep)


def test_a_controller_that_runs_is_named_and_refused():
    refused = Graph(lambda now_s: now_s > 0.5).wait()
    assert refused.startswith("/left/impedance_controller: got 1 already running, expected none;")


def test_a_lone_controller_waits_for_discovery_only():
    graph = Graph(lambda now_s: 0)
    assert graph.wait() == "" and graph.now_s == pytest.approx(DISCOVERY_S, abs=0.2)


def test_a_killed_controller_is_waited_for_until_the_graph_forgets_it():
    graph = Graph(lambda now_s: now_s < 10.0)
    assert graph.wait() == "" and 10.0 <= graph.now_s < LEASE_S
