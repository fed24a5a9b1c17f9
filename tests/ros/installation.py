"""A ROS installation's environment, for processes that the tests start."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

PROBE = "import rclpy, std_srvs.srv, sensor_msgs.msg, diagnostic_msgs.msg, lifecycle_msgs.msg"


@cache
def ros_environment() -> dict[str, str] | str:
    """The environment in which this Python can import rclpy; or, in words, why there is none."""
    if "AMENT_PREFIX_PATH" in os.environ:
        return _tried(dict(os.environ), "the sourced ROS")
    found = sorted(Path("/opt/ros").glob("*/setup.bash"))
    reasons = ["no ROS 2 is sourced, and none at /opt/ros/*/setup.bash"]
    for setup in reversed(found):
        words = subprocess.run(["bash", "-c", f"source {setup} && env -0"], capture_output=True, check=True)
        answer = _tried(dict(word.split("=", 1) for word in words.stdout.decode().split("\0") if "=" in word), setup)
        if not isinstance(answer, str):
            return answer
        reasons = [answer]
    return reasons[0]


def _tried(environment: dict[str, str], what: object) -> dict[str, str] | str:
    result = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return environment
    return f"{what} does not work with {sys.executable}: {result.stderr.strip().splitlines()[-1]}"
