"""A camera's node as a program of its own, over plain DDS: `python -m tests.nodes.camera_program NAME`.

The image is always the same one; what counts is that it comes, and when it was taken.
"""

import sys
import time

import numpy as np

from controllers.ros import graph
from robot_rl.hardware.graph.dds_wire import DdsWire
from robot_rl.hardware.graph.messages import image_message

SIZE = (120, 160, 3)
PERIOD_S = 1 / 15


def main(name: str) -> None:
    """Publish until killed."""
    wire = DdsWire(f"camera_{name}", "")
    publisher = wire.publisher(graph.image_topic(name))
    image = np.full(SIZE, 127, np.uint8)
    while True:
        publisher.publish(image_message(wire, image, wire.now_ns(), f"{name}_color_optical_frame"))
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    main(sys.argv[1])
