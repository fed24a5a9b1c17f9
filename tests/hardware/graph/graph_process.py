"""A process of its own for one side of the graph: `python -m tests.hardware.graph.graph_process KIND`.

Serves the scripted arm and an image until its standard input closes.
"""

import sys
import threading
import time

import numpy as np

from tests.hardware.graph.state_server import GraphServer
from tests.hardware.graph.wires import open_wire
from tests.hardware.scripted_arm import JOINTS, ScriptedArm


def main() -> None:
    wire = open_wire(sys.argv[1], "served_arm")
    server = GraphServer(wire, ScriptedArm(), JOINTS)
    image = np.full((48, 64, 3), (10, 20, 30), np.uint8)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        server.publish_state()
        server.publish_image("wrist", image, wire.now_ns())
        time.sleep(0.01)
    wire.close()


if __name__ == "__main__":
    main()
