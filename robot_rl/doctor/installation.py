"""Checks of this machine: installed packages, rendering, rates.

Each check runs in its own process, since rendering chooses its backend at the first import and may abort.
"""

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator

from robot_rl.doctor.finding import Finding, package_finding, probe

PACKAGES = {  # package -> extra that installs it; "" is the core
    "numpy": "",
    "numba": "",
    "gymnasium": "",
    "pyzmq": "",
    "av": "",
    "jax": "jax",
    "mujoco": "sim",
}
OPTIONAL_PACKAGES = {
    "opencv-python": "camera",
    "pyrealsense2": "camera",
    "cyclonedds": "ros",
    "pyserial": "pendant",
    "torch": "torch",
    "timm": "vision",
}

# Each prints one line. The scene is fixed, so that the metrics can be compared between versions of this project.
SCENE = """
import time, mujoco
links = ''.join(
    f'<body pos="0 0 .3"><joint axis="{i % 2} {1 - i % 2} 0" damping="1"/><geom type="capsule" size=".04 .12"/>'
    for i in range(7)) + '</body>' * 7
model = mujoco.MjModel.from_xml_string(
    '<mujoco><visual><quality shadowsize="0"/></visual><worldbody><light pos="0 0 3" castshadow="false"/>'
    '<camera name="c" pos="0 -3 1" xyaxes="1 0 0 0 .3 1"/><geom type="plane" size="2 2 .1"/>'
    + links + '</worldbody></mujoco>')
data = mujoco.MjData(model)
"""
RENDER = (
    SCENE
    + """
renderer = mujoco.Renderer(model, 128, 128)
mujoco.mj_forward(model, data)
for n in (3, 30):
    start = time.perf_counter()
    for _ in range(n):
        renderer.update_scene(data, 'c')
        image = renderer.render()
assert image.max() > 0
print(f'{(time.perf_counter() - start) / n * 1e3:.1f} ms a 128x128 image')
renderer.close()
"""
)
PHYSICS = (
    SCENE
    + """
start = time.perf_counter()
mujoco.mj_step(model, data, 20000)
print(f'{20000 / (time.perf_counter() - start):.0f} steps/s, seven joints')
"""
)
MATMUL = """
import time, importlib
jax = importlib.import_module('jax')
a = jax.numpy.ones((1024, 1024))
product = jax.jit(lambda x: x @ x)
product(a).block_until_ready()
start = time.perf_counter()
for _ in range(5):
    product(a).block_until_ready()
print(f'{5 * 2 * 1024**3 / (time.perf_counter() - start) / 1e9:.0f} GFLOP/s in a 1024 matrix product on '
      f'{jax.devices()[0].platform}')
"""
RENDER_ADVICE = {
    "egl": "sudo apt-get install libegl1 libgl1 libgl1-mesa-dri",
    "osmesa": "sudo apt-get install libosmesa6",
}


def examine() -> Iterator[Finding]:
    """Check this machine: versions, rendering, rates; for each line `ok`, or what to do.

    Exit code 1 when a needed part is missing.

    example: robot-rl doctor
    """
    yield _python()
    yield Finding(
        "ok", "cores", f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}"
    )
    for package, extra in PACKAGES.items():
        yield package_finding(package, extra, "missing")
    for package, extra in OPTIONAL_PACKAGES.items():
        yield package_finding(package, extra, "optional")
    yield _ros()
    yield probe("rendering (EGL)", RENDER, {"MUJOCO_GL": "egl"}, "missing", RENDER_ADVICE["egl"])
    yield probe("rendering (OSMesa)", RENDER, {"MUJOCO_GL": "osmesa"}, "optional", RENDER_ADVICE["osmesa"])
    yield probe("physics", PHYSICS, {}, "missing", "make setup")
    yield probe("jax", MATMUL, {}, "missing", "make setup")


def _python() -> Finding:
    fine = sys.version_info >= (3, 11)
    advice = "" if fine else "; expected 3.11 or newer: make setup PYTHON=/path/to/python3.11"
    return Finding("ok" if fine else "missing", "python", platform.python_version() + advice)


def _ros() -> Finding:
    if importlib.util.find_spec("rclpy") is None:
        return Finding("optional", "rclpy", "not found; it comes with ROS 2: source /opt/ros/DISTRIBUTION/setup.bash")
    return Finding("ok", "rclpy", os.environ.get("ROS_DISTRO", "found"))
