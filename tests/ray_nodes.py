"""A real Ray cluster of three nodes on this computer, for tests; each node has a core of Ray's count."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MARKS = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # Ray's own
]


@contextmanager
def ray_nodes() -> Iterator[Any]:
    """Start the cluster, and end it."""
    os.environ.update(RAY_worker_niceness="0")  # Ray's own 15 lets everything else on this computer go first
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()


def kill(cluster: Any, node: str) -> None:
    """Kill a node, and add another one; the head, which holds the cluster's state, is none that may be killed."""
    (victim,) = (worker for worker in cluster.worker_nodes if worker.node_id == node)
    cluster.remove_node(victim, allow_graceful=False)
    cluster.add_node(num_cpus=1)


def nodes_of(log: Path) -> list[str]:
    """Return the Ray nodes that a log names, the last one last."""
    return re.findall(r"^-- .*: on .*, Ray node (\w+)$", log.read_text() if log.exists() else "", re.MULTILINE)


def printed(log: Path) -> str:
    """Return what the program itself printed."""
    return re.sub(r"^-- .*\n", "", log.read_text() if log.exists() else "", flags=re.MULTILINE)
