"""Imports point down only (contracts in pyproject.toml), and optional libraries stay in their rooms."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "robot_rl").rglob("*.py")), *sorted((ROOT / "controllers").rglob("*.py"))]
FOLDERS = ("robot_rl", "controllers", "launch")

# Library -> the only folders (or files) whose code may import it, wherever in the file the import stands.
HOMES = {
    "jax": ("robot_rl/agents/jax/", "robot_rl/vision/", "robot_rl/bench/"),
    "optax": ("robot_rl/agents/jax/", "robot_rl/vision/"),
    "torch": ("robot_rl/agents/torch/", "robot_rl/vision/"),
    "timm": ("robot_rl/vision/pretrained.py",),
    "rclpy": (
        "robot_rl/nodes/",
        "robot_rl/hardware/",
        "controllers/ros/crisp_services.py",
        "controllers/ros/node.py",
        "controllers/ros/qos.py",
        "controllers/drivers/",
    ),
    "cyclonedds": ("robot_rl/hardware/graph/dds_", "robot_rl/doctor/ros_graph.py"),
    "mujoco": ("robot_rl/sim/", "robot_rl/tasks/", "robot_rl/bench/"),
    "cv2": ("robot_rl/hardware/", "robot_rl/nodes/", "robot_rl/doctor/", "robot_rl/cli/look.py"),
    "pyrealsense2": ("robot_rl/hardware/",),
    "zmq": ("robot_rl/transport/", "robot_rl/page/channel.py"),
    "websockets": ("robot_rl/page/",),
    "viser": ("robot_rl/sim/scene_view.py",),
    "trimesh": ("robot_rl/sim/surfaces.py",),
    "serial": ("robot_rl/teleop/pendant/serial_line.py",),
    "pickle": ("robot_rl/vision/resnet10.py",),  # an `Unpickler` that finds nothing but arrays
}


def test_import_contracts_hold() -> None:
    """Every contract of pyproject.toml is kept. A process of its own: the linter changes sys.path and logging."""
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    result = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("library", HOMES)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    """A heavy or optional library is imported only where it lives, so that the rest runs without it."""
    statement = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    strangers = [
        path
        for path in (source.relative_to(ROOT).as_posix() for source in SOURCES if statement.search(source.read_text()))
        if not path.startswith(HOMES[library])
    ]
    assert strangers == []


def test_annotations_are_deferred_only_where_their_types_are_imported_for_the_type_checker() -> None:
    """One rule: such files, and no others, begin with `from __future__ import annotations`; elsewhere a type that is
    not defined yet stands in quotes."""
    deferred, type_checking = "from __future__ import annotations\n", "if TYPE_CHECKING:\n"
    texts = {path: path.read_text() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    others = [path for path, text in texts.items() if f"\n{deferred}" in text and f"\n{type_checking}" not in text]
    assert others == []


def test_settings_and_command_lines_load_neither_learning_nor_simulation() -> None:
    """`--help` answers at once, and settings are read without the extras."""
    commands = [path.stem for path in (ROOT / "robot_rl" / "cli").glob("*.py") if not path.stem.startswith("__")]
    modules = ["robot_rl.config", "robot_rl.presets", *(f"robot_rl.cli.{name}" for name in commands)]
    heavy = "[name for name in ('jax', 'torch', 'timm', 'optax', 'mujoco', 'cv2') if name in sys.modules]"
    program = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint({heavy})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("[]\n", "")
