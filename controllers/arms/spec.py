"""An arm's file: driver, joints, limits, posture, model, payload and gains, as YAML.

    extends: fr3                 # a built-in arm's name or another file: what is not given here comes from there
    address: 172.16.0.2
    payload: {mass_kg: 0.73, com_m: [0.0, 0.0, 0.06]}
    gains: {preset: guarded, workspace_lower: [0.3, -0.3, 0.02], workspace_upper: [0.7, 0.3, 0.6]}

The driver is one of `DRIVERS`, an entry point of the group `robot_rl.drivers`, `module:Class`, or `file.py:Class`
beside the arm's file: a class as in `controllers.drivers.contract.DriverClass`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from controllers.arm import ArmLimits
from controllers.checks import FloatArray, finite, no_nan, non_negative
from controllers.extensions import check, resolve

HERE = Path(__file__).parent
DRIVERS = {
    "simulated": "robot_rl.sim.driver:SimulatedDriver",
    "franka": "controllers.drivers.franka:FrankaDriver",
    "franky": "controllers.drivers.franky:FrankyDriver",
    "ur": "controllers.drivers.ur:UrDriver",
    "effort": "controllers.drivers.effort_ros:RosEffortDriver",
}
GROUP = "robot_rl.drivers"
Settings = Mapping[str, Any]


class ArmFileError(ValueError):
    """An arm that does not exist, or a file that does not describe one."""


@dataclass(frozen=True)
class Payload:
    """Load of the flange beyond the hand that the arm is configured for."""

    mass_kg: float
    com_m: FloatArray
    """(3,) centre of mass in the flange's frame [m]."""
    inertia_kg_m2: FloatArray
    """(3, 3) about the centre of mass, axes of the flange."""


@dataclass(frozen=True)
class ArmSpec:
    """One arm, as its file describes it."""

    name: str
    driver: str
    joints: tuple[str, ...]
    """Names, in the model's order."""
    posture: tuple[float, ...]
    """(N,) where the nullspace is drawn to, and where a task usually begins [rad]."""
    limits: ArmLimits
    address: str = ""
    model: str = ""
    """Path of the URDF, for drivers of arms that do not compute their own dynamics."""
    tcp_frame: str = "tool0"
    """The model's link that is the tool centre point."""
    flange_frame: str = ""
    """The model's link that carries the payload; empty: `tcp_frame`."""
    namespace: str = ""
    """Of the arm's topics, for drivers over ROS."""
    payload: Payload | None = None
    gains: Settings = field(default_factory=dict)
    """`preset`, and fields of `Gains` that differ from it."""
    settings: Settings = field(default_factory=dict)
    """Of the driver; each says which it takes."""
    gripper: Settings = field(default_factory=dict)
    """Its driver and settings (see `controllers.drivers.grippers.gripper_spec`); empty: the arm has none."""

    def needed(self, name: str) -> str:
        """Return the field `address` or `model`.

        Raises:
            ArmFileError: it is empty, and the driver needs it.
        """
        value: str = getattr(self, name)
        if not value:
            raise ArmFileError(
                f"{name}: got nothing, expected it for the driver '{self.driver}'; set it in the arm's file, "
                f"or by --set {name}=... (the node's parameter {_PARAMETERS[name]})."
            )
        return value

    def setting(self, name: str, default: Any) -> Any:
        """Return a setting of the driver."""
        return self.settings.get(name, default)

    def check_settings(self, *known: str) -> None:
        """Check that the file has no other settings than the driver's.

        Raises:
            ArmFileError: it has, with the nearest one's name.
        """
        _check_keys(f"{self.name}: settings", self.settings, known)


_PARAMETERS = {"address": "robot_ip", "model": "urdf"}
_LIMITS = ArmLimits._fields


def arm_names() -> list[str]:
    """Return the names of the built-in arms."""
    return sorted(path.stem for path in HERE.glob("*.yaml"))


def load_arm(arm: str, **changes: Any) -> ArmSpec:
    """Return a built-in arm by its name, or one by the path of its file; `changes` are fields, empty ones are left out.

    Raises:
        ArmFileError: an unknown name, with the nearest; a file that cannot be read or does not fit, with its line.
        ExtensionError: a driver that does not exist.
    """
    spec = _spec(*_read(arm))
    spec = replace(spec, **{name: value for name, value in changes.items() if value})
    check("driver", spec.driver, DRIVERS, GROUP)
    return spec


@cache
def arm_limits(name: str) -> ArmLimits:
    """Return the limits of an arm.

    Raises:
        ArmFileError: see `load_arm`.

    Example:
        >>> arm_limits("ur5e").tau_max[0]
        np.float64(150.0)
    """
    return load_arm(name).limits


def driver_class(driver: str) -> Any:
    """Return the class of a driver. See `controllers.drivers.contract.DriverClass`.

    Raises:
        ExtensionError: no such driver.
    """
    return resolve("driver", driver, DRIVERS, GROUP)


def _path(arm: str, beside: Path | None = None) -> Path:
    given = Path(arm).expanduser()
    if given.suffix in (".yaml", ".yml") or len(given.parts) > 1:
        path = given if beside is None or given.is_absolute() else beside / given
        if not path.is_file():
            raise ArmFileError(f"arm: got '{arm}', expected a file; there is none at {path.absolute()}.")
        return path.resolve()
    if arm not in arm_names():
        raise ArmFileError(
            f"arm: got '{arm}', expected one of {arm_names()} or the path of an arm's YAML file; "
            f"{_nearest(arm, arm_names())}"
        )
    return HERE / f"{arm}.yaml"


def _read(arm: str, beside: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Name and content of a file, with those of the files that it extends beneath."""
    path = _path(arm, beside)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArmFileError(f"{path}: got '{error}', expected YAML; correct the file.") from error
    if not isinstance(content, dict):
        raise ArmFileError(f"{path}: got {type(content).__name__}, expected a mapping; see controllers/arms/fr3.yaml.")
    _check_keys(str(path), content, {"extends", *(entry.name for entry in fields(ArmSpec))})
    for part, name in ((content, "model"), (content, "driver"), (content.get("gripper") or {}, "driver")):
        file, colon, rest = str(part.get(name, "")).partition(":")
        if file and (path.parent / file).is_file():  # paths are relative to the file
            part[name] = f"{path.parent / file}{colon}{rest}"
    base = content.pop("extends", None)
    if base is not None:
        content = _merged(_read(str(base), path.parent)[1], content)
    return path.stem, content


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes over a base; mappings are merged, but a preset or another gripper begins anew."""
    merged = dict(base)
    for name, value in changes.items():
        old = base.get(name)
        anew = isinstance(value, dict) and not {"preset", "driver"}.isdisjoint(value)
        merged[name] = {**old, **value} if isinstance(value, dict) and isinstance(old, dict) and not anew else value
    return merged


def _spec(name: str, content: dict[str, Any]) -> ArmSpec:
    missing = [entry for entry in ("driver", "joints", "posture", "limits") if entry not in content]
    if missing:
        raise ArmFileError(f"{name}: got no {', '.join(missing)}, expected them; give them, or `extends` an arm.")
    joints = tuple(str(joint) for joint in content["joints"])
    try:
        posture = finite("posture", content["posture"], len(joints))
        limits = _limits(content["limits"], len(joints))
        payload = _payload(content["payload"]) if content.get("payload") else None
    except (ValueError, TypeError, KeyError) as error:
        raise ArmFileError(f"{name}: {error}") from error
    made = {"name": name, "joints": joints, "posture": tuple(posture.tolist()), "limits": limits, "payload": payload}
    return ArmSpec(**(content | made))


def _limits(content: Settings, joints: int) -> ArmLimits:
    _check_keys("limits", content, _LIMITS)
    missing = sorted(set(_LIMITS) - set(content))
    if missing:
        raise ValueError(f"limits: got no {', '.join(missing)}, expected them; .inf is allowed for power_max.")
    arrays = {name: finite(f"limits.{name}", content[name], joints) for name in _LIMITS[:-1]}
    for name in _LIMITS[2:-1]:
        non_negative(f"limits.{name}", arrays[name], joints)
    if (arrays["q_lower"] >= arrays["q_upper"]).any():
        raise ValueError(f"limits.q_lower: got {arrays['q_lower'].tolist()}, expected values below q_upper; swap them.")
    return ArmLimits(**arrays, power_max=float(no_nan("limits.power_max", content["power_max"], 1)[0]))


def _payload(content: Settings) -> Payload:
    _check_keys("payload", content, [entry.name for entry in fields(Payload)])
    mass = float(non_negative("payload.mass_kg", content["mass_kg"], 1)[0])
    com = finite("payload.com_m", content.get("com_m", 0.0), 3)
    # by default that of a ball of 5 cm
    diagonal = non_negative("payload.inertia_kg_m2", content.get("inertia_kg_m2", 0.4 * mass * 0.05**2), 3)
    return Payload(mass, com, np.diag(diagonal))


def _check_keys(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            raise ArmFileError(f"{where}: got '{name}', expected one of {sorted(names)}; {_nearest(name, names)}")


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f"did you mean '{found[0]}'?" if found else "choose one of these."
