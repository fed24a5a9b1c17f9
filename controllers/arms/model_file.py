"""The model file of an arm, URDF or MJCF: where it is, and a URDF reduced to what dynamics need."""

import importlib.util
import os
import xml.etree.ElementTree as ET  # nosec B405 # files are read by xml_file.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from controllers.arms.values import ArmFileError
from controllers.arms.xml_file import parse

PACKAGE = "package://"
UNBOUNDED_RAD = 1e3  # limit of a 'continuous' joint; the arm's file has the one that is checked
_MOVABLE = ("revolute", "continuous", "prismatic")


class ModelFile(NamedTuple):
    """An existing model."""

    path: Path
    urdf: bool
    """URDF; otherwise MJCF."""


def find_model(model: str) -> ModelFile:
    """Return the file of a path, or of `package://NAME/PATH` in a ROS or Python package.

    Raises:
        ArmFileError: no such file, xacro (with the command that expands it), or another format.
    """
    path = _in_package(model) if model.startswith(PACKAGE) else Path(model).expanduser()
    if not path.is_file():
        raise ArmFileError(f"model: got '{model}', expected a URDF or MJCF file; there is none at {path.absolute()}.")
    try:
        root = parse(path)
    except ET.ParseError as error:
        raise ArmFileError(f"model: got {path} ({error}), expected URDF or MJCF; correct the file.") from error
    if path.suffix == ".xacro" or any("xacro}" in str(element.tag) for element in root.iter()):
        name = path.name.split(".")[0]
        raise ArmFileError(
            f"model: got xacro in {path}, expected URDF or MJCF; "
            f"run: ros2 run xacro xacro {path} ARGUMENT:=VALUE > {name}.urdf (docs/drivers.md has those of each arm)."
        )
    if root.tag not in ("robot", "mujoco"):
        raise ArmFileError(f"model: got <{root.tag}> in {path}, expected URDF (<robot>) or MJCF (<mujoco>).")
    return ModelFile(path, root.tag == "robot")


def reduced_urdf(path: Path, joints: Sequence[str]) -> str:
    """Return a URDF's links and joints as text, without shapes; joints other than `joints` are fixed.

    'continuous' joints become revolute ones without a stop, for a coordinate of their own.

    Raises:
        ArmFileError: it lacks one of the joints.
    """
    source = parse(path)
    movable = [joint.get("name", "") for joint in source.findall("joint") if joint.get("type") in _MOVABLE]
    check_joints(path, movable, joints)
    robot = ET.Element("robot", name=source.get("name", "arm"))
    for link in source.findall("link"):
        ET.SubElement(robot, "link", name=link.get("name", "")).extend(link.findall("inertial"))
    for joint in source.findall("joint"):
        robot.append(_reduced(joint, joints))
    return ET.tostring(robot, encoding="unicode")


def check_joints(where: object, movable: Sequence[str], joints: Sequence[str]) -> None:
    """Check that a model has the arm's joints, in their order.

    Raises:
        ArmFileError: it lacks one, or has them in another order.
    """
    if [name for name in movable if name in joints] != list(joints):
        raise ArmFileError(f"joints: got {list(joints)}, expected those of {where} in its order: {list(movable)}.")


def _reduced(joint: ET.Element, joints: Sequence[str]) -> ET.Element:
    name, kind = joint.get("name", ""), joint.get("type", "")
    if name not in joints:
        made = ET.Element("joint", name=name, type="fixed")
        made.extend(joint.findall("origin") + joint.findall("parent") + joint.findall("child"))
        return made
    made = ET.Element("joint", name=name, type="revolute" if kind == "continuous" else kind)
    made.extend(part for part in joint if part.tag in ("origin", "parent", "child", "axis", "limit", "dynamics"))
    if kind == "continuous":
        limit = made.find("limit") if made.find("limit") is not None else ET.SubElement(made, "limit")
        assert limit is not None
        limit.attrib.update(lower=str(-UNBOUNDED_RAD), upper=str(UNBOUNDED_RAD))
        for bound in ("effort", "velocity"):
            limit.attrib.setdefault(bound, "1000")
    return made


def _in_package(model: str) -> Path:
    name, _, rest = model.removeprefix(PACKAGE).partition("/")
    for folder in _package_folders(name):
        if (folder / rest).is_file():
            return folder / rest
    raise ArmFileError(
        f"model: got '{model}', expected a file of an installed package '{name}'; source ROS's setup.bash, or give "
        "the file's path."
    )


def _package_folders(name: str) -> Iterator[Path]:
    """Yield where a ROS or Python package keeps its files."""
    yield from (Path(prefix, "share", name) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if prefix)
    yield from (Path(root, name) for root in os.environ.get("ROS_PACKAGE_PATH", "").split(":") if root)
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    yield from map(Path, (found.submodule_search_locations or []) if found else [])
