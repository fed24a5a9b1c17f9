"""UR arms from the numbers that Universal Robots publishes: the truth of the fakes, and URDFs for the tests.

Source: "DH Parameters for calculations of kinematics and dynamics", universal-robots.com: a and d [m], alpha [rad], and
masses [kg]. Poses are in the controller's frame Base. The URDFs have the links of ur_description (ROS 2), whose root
`base_link` is turned by pi about z against `base`.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

PI = np.pi
ALPHA = (PI / 2, 0.0, 0.0, PI / 2, -PI / 2, 0.0)
LINKS = ("shoulder_link", "upper_arm_link", "forearm_link", "wrist_1_link", "wrist_2_link", "wrist_3_link")
JOINTS = (
    "shoulder_pan_joint", "shoulder_lift_joint", "elbow_joint", "wrist_1_joint", "wrist_2_joint", "wrist_3_joint"
)  # fmt: skip


class Kinematics(NamedTuple):
    """A row of Universal Robots' table."""

    a: tuple[float, ...]
    d: tuple[float, ...]
    mass_kg: tuple[float, ...]


def _row(d1: float, a2: float, a3: float, wrist: tuple[float, float, float], mass: tuple[float, ...]) -> Kinematics:
    return Kinematics((0.0, a2, a3, 0.0, 0.0, 0.0), (d1, 0.0, 0.0, *wrist), mass)


TABLE = {
    "ur3e": _row(0.15185, -0.24355, -0.2132, (0.13105, 0.08535, 0.0921), (1.98, 3.4445, 1.437, 0.871, 0.805, 0.261)),
    "ur5e": _row(0.1625, -0.425, -0.3922, (0.1333, 0.0997, 0.0996), (3.761, 8.058, 2.846, 1.37, 1.3, 0.365)),
    "ur10e": _row(0.1807, -0.6127, -0.57155, (0.17415, 0.11985, 0.11655), (7.369, 13.051, 3.989, 2.1, 1.98, 0.615)),
    "ur5": _row(0.089159, -0.425, -0.39225, (0.10915, 0.09465, 0.0823), (3.7, 8.393, 2.33, 1.219, 1.219, 0.1879)),
}


def T_base_tool0(arm: str, q: np.ndarray) -> np.ndarray:
    """Return the pose (4, 4) of the tool flange in Base: the product of the table's transforms."""
    T, row = np.eye(4), TABLE[arm]
    for theta, a, d, alpha in zip(q, row.a, row.d, ALPHA, strict=True):
        c, s, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
        T = T @ [[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]]
    return np.asarray(T)


def tcp_pose(arm: str, q: np.ndarray, tool_m: float = 0.0) -> list[float]:
    """Return what the arm reports, x y z and a rotation vector, for a TCP `tool_m` before the flange."""
    T = T_base_tool0(arm, q)
    cosine = np.clip((np.trace(T[:3, :3]) - 1.0) / 2.0, -1.0, 1.0)
    values, vectors = np.linalg.eig(T[:3, :3])
    axis = np.real(vectors[:, np.argmin(np.abs(values - 1.0))])
    spin = np.array([T[2, 1] - T[1, 2], T[0, 2] - T[2, 0], T[1, 0] - T[0, 1]])
    turn = axis * np.arccos(cosine) * (1.0 if spin @ axis >= 0.0 else -1.0)
    return [*(T[:3, 3] + tool_m * T[:3, 2]).tolist(), *turn.tolist()]


def urdf(arm: str) -> str:
    """Return a URDF with the links and frames of ur_description; inertias are those of balls."""
    row = TABLE[arm]
    (_, a2, a3, *_), (d1, _, _, d4, d5, d6) = row.a, row.d
    origins = (
        ((0, 0, d1), (0, 0, 0)), ((0, 0, 0), (PI / 2, 0, 0)), ((a2, 0, 0), (0, 0, 0)), ((a3, 0, d4), (0, 0, 0)),
        ((0, -d5, 0), (PI / 2, 0, 0)), ((0, d6, 0), (PI / 2, PI, PI)),
    )  # fmt: skip
    centres = ((0, 0, 0), (a2 / 2, 0, d4), (a3 / 2, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, -d6 / 2))
    parts = [_fixed("base_link", "base_link_inertia", yaw=PI), _fixed("base_link", "base", yaw=PI)]
    parent = "base_link_inertia"
    for number, (link, joint) in enumerate(zip(LINKS, JOINTS, strict=True)):
        parts.append(_link(link, row.mass_kg[number], centres[number]))
        limit = '<axis xyz="0 0 1"/><limit lower="-6.28" upper="6.28" effort="100" velocity="3.14"/>'
        parts.append(joint_element(joint, "revolute", parent, link, origins[number], limit))
        parent = link
    parts += [_fixed("wrist_3_link", "ft_frame", roll=PI), _fixed("wrist_3_link", "flange", pitch=-PI / 2, yaw=-PI / 2)]
    parts.append(_fixed("flange", "tool0", roll=PI / 2, yaw=PI / 2))
    return f'<robot name="{arm}"><link name="base_link"/>{"".join(parts)}</robot>'


def _link(name: str, mass: float, centre: tuple[float, ...]) -> str:
    ball = 0.4 * mass * 0.06**2
    tensor = f'<inertia ixx="{ball}" iyy="{ball}" izz="{ball}" ixy="0" ixz="0" iyz="0"/>'
    place = " ".join(map(str, centre))
    shape = '<geometry><mesh filename="package://ur_description/meshes/none.dae"/></geometry>'
    return (
        f'<link name="{name}"><visual>{shape}</visual><collision>{shape}</collision>'
        f'<inertial><origin xyz="{place}"/><mass value="{mass}"/>{tensor}</inertial></link>'
    )


def joint_element(name: str, kind: str, parent: str, child: str, origin: tuple, rest: str = "") -> str:
    xyz, rpy = (" ".join(map(str, part)) for part in origin)
    ends = f'<parent link="{parent}"/><child link="{child}"/><origin xyz="{xyz}" rpy="{rpy}"/>'
    return f'<joint name="{name}" type="{kind}">{ends}{rest}</joint>'


def _fixed(parent: str, child: str, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> str:
    joint = joint_element(f"{parent}-{child}", "fixed", parent, child, ((0, 0, 0), (roll, pitch, yaw)))
    return f'<link name="{child}"/>{joint}'


@cache
def urdf_file(arm: str) -> str:
    """Return the path of the arm's URDF, in a folder of this process."""
    path = Path(_folder().name, f"{arm}.urdf")
    path.write_text(urdf(arm), encoding="utf-8")
    return str(path)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ur-models-")
