"""A learner's end of the wire in a thread of the test, which stores what comes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_rl.core.schema import StepSchema
from robot_rl.transport.handshake import Introduction
from robot_rl.transport.journal import Journal
from robot_rl.transport.receiver import LearnerServer

AGENT, VERSION = "agent", 1


@contextmanager
def served(folder: Path, schema: StepSchema) -> Iterator[str]:
    """Store records in `folder`, and publish weights of one version; yield the address."""
    ended = threading.Event()
    with (
        Journal(folder) as journal,
        LearnerServer("tcp://127.0.0.1:*", Introduction(schema, AGENT), journal, sync_every_s=0.02) as server,
    ):
        server.publish_weights(VERSION, {})

        def serve() -> None:
            while not ended.is_set():
                server.poll(0.02)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.address
        finally:
            ended.set()
            thread.join()
