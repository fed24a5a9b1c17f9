"""Frames of one arm on the graph: its base and tool centre point, the hand, and the links of its model.

The base and the tool centre point carry the prefix of TF, as in `left/base`, in messages, too. Where the arm has a URDF
its text is published, and its root hangs below the base, so that the links of a robot_state_publisher are connected.
"""

import xml.etree.ElementTree as ET  # nosec B405 # files are read by xml_file.parse
from typing import NamedTuple

import numpy as np

from controllers.arms.model_file import find_model
from controllers.arms.spec import BUILT_IN, ArmSpec
from controllers.arms.values import ArmFileError, Offset, rotation_of_rpy
from controllers.arms.xml_file import parse
from controllers.ros import graph


class FixedFrame(NamedTuple):
    """A frame that does not move in its parent's."""

    parent: str
    child: str
    pose: Offset


class Frames(NamedTuple):
    """Names of an arm's frames, with their prefix; and its URDF."""

    base: str = graph.BASE
    tcp: str = graph.TCP
    fixed: tuple[FixedFrame, ...] = ()
    description: str = ""
    """Text of the URDF; empty where the arm has none."""


def frames_of(spec: ArmSpec, base: str = graph.BASE, prefix: str = "") -> Frames:
    """Return the frames of an arm.

    Args:
        base: name of the frame of commands and states.
        prefix: of all frames, as in `left/`.

    Raises:
        ArmFileError: the arm's model cannot be read, or lacks its base frame.
    """
    hand = spec.hand or Offset(np.zeros(3), np.eye(3))
    names = Frames(prefix + base, prefix + graph.TCP)
    fixed = [FixedFrame(names.tcp, prefix + graph.HAND, hand)]
    text = urdf_of(spec)
    robot = parse(text) if text else None
    if robot is not None and base not in [link.get("name") for link in robot.findall("link")]:
        fixed.append(_below(robot, spec.base_frame, names.base, prefix))  # else the model's own tree is connected
    return names._replace(fixed=tuple(fixed), description=text)


def urdf_of(spec: ArmSpec) -> str:
    """Return the text of the arm's URDF; empty where it has none.

    Raises:
        ArmFileError: the arm's model cannot be read.
    """
    model = find_model(spec.model) if spec.model not in ("", BUILT_IN) else None
    return model.path.read_text(encoding="utf-8") if model is not None and model.urdf else ""


def _below(robot: ET.Element, link: str, base: str, prefix: str) -> FixedFrame:
    """Return the model's root in the base, which coincides with one of its links; empty: the root."""
    joints = {_end(joint, "child"): joint for joint in robot.findall("joint")}
    names = [entry.get("name", "") for entry in robot.findall("link")]
    root = next(name for name in names if name not in joints)
    if link and link not in names:
        raise ArmFileError(f"base_frame: got '{link}', expected one of the model's links {names}.")
    R, p, at = np.eye(3), np.zeros(3), link or root
    while at != root:  # from the link up
        joint = joints[at]
        origin = joint.find("origin")
        texts = {} if origin is None else origin.attrib
        xyz, rpy = (np.array(texts.get(name, "0 0 0").split(), float) for name in ("xyz", "rpy"))
        turn = rotation_of_rpy(*rpy)
        R, p = turn @ R, turn @ p + xyz
        at = _end(joint, "parent")
    return FixedFrame(base, prefix + root, Offset(-R.T @ p, R.T))


def _end(joint: ET.Element, which: str) -> str:
    """Return the link of a joint's `parent` or `child`."""
    end = joint.find(which)
    return "" if end is None else end.get("link", "")
