"""Human-in-the-loop reinforcement learning for robot arms."""

import os
import sys

if sys.platform == "linux":  # MuJoCo chooses its renderer once, at its first import; EGL needs no screen
    os.environ.setdefault("MUJOCO_GL", "egl")

__version__ = "0.1.0"
