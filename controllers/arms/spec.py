"""An arm's file: driver, joints, limits, posture, model, payload and gains, as YAML.

    extends: fr3                 # a built-in arm's name or another file: what is not given here comes from there
    address: 172.16.0.2
    payload: {mass_kg: 0.73, com_m: [0.0, 0.0, 0.06]}
    tcp: {xyz_m: [0.0, 0.0, 0.174]}
    gains: {preset: guarded, workspace_lower: [0.3, -0.3, 0.02], workspace_upper: [0.7, 0.3, 0.6]}

The driver is one of `DRIVERS`, an entry point of the group `robot_rl.drivers`, `module:Class`, or `file.py:Class`
beside the arm's file: a class as in `controllers.drivers.contract.DriverClass`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from controllers.arm import ArmLimits
from controllers.arms.values import PARTS, ArmFileError, Offset, Payload, check_keys, joint_names, mapping, nearest
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
SIMULATED, BUILT_IN = "simulated", "built-in"
"""The simulated arm, and its driver; its `model`, which only the simulator has."""
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class ArmSpec:
    """One arm, as its file describes it. All poses, boxes and planes are in `base_frame`."""

    name: str
    driver: str
    joints: tuple[str, ...]
    """Names, in the model's order."""
    posture: tuple[float, ...]
    """(N,) where the nullspace is drawn to, and where a task usually begins [rad]."""
    limits: ArmLimits
    address: str = ""
    model: str = ""
    """URDF or MJCF, a path or `package://NAME/PATH`, of an arm that does not compute its own dynamics; and to simulate
    an arm."""
    base_frame: str = ""
    """The model's link that is the base; empty: its root. A UR's own poses are in `base`, the root is `base_link`."""
    tcp_frame: str = "tool0"
    """The model's link that carries the tool centre point."""
    tcp: Offset | None = None
    """The tool centre point in `tcp_frame`; None: its origin."""
    hand: Offset | None = None
    """The frame `hand` of the wrist's sensor and cameras, in that of the tool centre point; None: the same."""
    flange_frame: str = ""
    """The model's link that carries the payload; empty: `tcp_frame`."""
    namespace: str = ""
    """Of the arm's topics, for drivers over ROS."""
    payload: Payload | None = None
    rotor_inertia: tuple[float, ...] = ()
    """(N,) of the drives about their joints, which a URDF lacks [kg m^2]; empty: none."""
    rate_hz: float = 0.0
    """Of the arm's own cycle [Hz]; 0: that of the driver."""
    gains: Settings = field(default_factory=dict)
    """`preset`, fields of `Gains` that differ from it; `unguarded: true` allows a real arm a preset without guards."""
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
        check_keys(f"{self.name}: settings", self.settings, known)


_PARAMETERS = {"address": "robot_ip", "model": "urdf"}
_TEXTS = ("driver", "address", "model", "base_frame", "tcp_frame", "flange_frame", "namespace")


def arm_names() -> list[str]:
    """Return the names of the built-in arms."""
    return sorted(path.stem for path in HERE.glob("*.yaml"))


def load_arm(arm: str, **changes: Any) -> ArmSpec:
    """Return a built-in arm by its name, or one by the path of its file; `changes` are fields, empty ones are left out.

    Raises:
        ArmFileError: an unknown name, with the nearest; a file that cannot be read or does not fit, with its line.
        ExtensionError: a driver that does not exist.
    """
    name, content = _read(arm)
    given = {key: value for key, value in changes.items() if value}
    check_keys(name, given, _TEXTS)
    if content.get("driver") == given.get("driver", content.get("driver")) == SIMULATED and "address" in given:
        raise ArmFileError(
            f"arm: got '{arm}' at {given['address']}, expected an arm with an address; '{arm}' is simulated. "
            f"The arms are {[name for name in arm_names() if name != SIMULATED]}."
        )
    spec = _spec(name, _merged(content, given))
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
            f"{nearest(arm, arm_names())}"
        )
    return HERE / f"{arm}.yaml"


def _read(arm: str, *above: Path) -> tuple[str, dict[str, Any]]:
    """Name and content of a file over those of the files that it extends; `above`: the files that extend it."""
    path = _path(arm, above[-1].parent if above else None)
    if path in above:
        raise ArmFileError(f"{path}: got an arm that extends itself, expected one with an end; correct `extends`.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArmFileError(f"{path}: got '{error}', expected YAML; correct the file.") from error
    if not isinstance(content, dict):
        raise ArmFileError(f"{path}: got {type(content).__name__}, expected a mapping; see controllers/arms/fr3.yaml.")
    check_keys(str(path), content, {"extends", *(entry.name for entry in fields(ArmSpec))} - {"name"})
    _make_absolute(content, path.parent)
    base = content.pop("extends", None)
    if base is not None:
        content = _merged(_read(str(base), *above, path)[1], content)
    return path.stem, content


def _make_absolute(content: dict[str, Any], folder: Path) -> None:
    """Rewrite the paths of a file, which are relative to its folder."""
    gripper = content.get("gripper")
    for part in (content, gripper if isinstance(gripper, dict) else {}):
        file, colon, rest = str(part.get("driver", "")).partition(":")
        if (folder / file).is_file():
            part["driver"] = f"{folder / file}{colon}{rest}"
    model = content.get("model")
    if isinstance(model, str) and model not in ("", BUILT_IN) and "://" not in model:
        content["model"] = str(folder / Path(model).expanduser())


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes over a base; mappings are merged, but a preset or another gripper begins anew."""
    merged = dict(base)
    for name, value in changes.items():
        old = base.get(name)
        anew = isinstance(value, dict) and not {"preset", "driver"}.isdisjoint(value)
        merged[name] = {**old, **value} if isinstance(value, dict) and isinstance(old, dict) and not anew else value
    return merged


def _spec(name: str, content: Mapping[str, Any]) -> ArmSpec:
    missing = [key for key in ("driver", "joints", "posture", "limits") if key not in content]
    if missing:
        raise ArmFileError(f"{name}: got no {', '.join(missing)}, expected them; give them, or `extends` an arm.")
    try:
        joints = joint_names(content["joints"])
        values = {key: _value(key, value, len(joints)) for key, value in content.items() if value is not None}
        spec = ArmSpec(**(values | {"name": name, "joints": joints}))
        _check_posture(spec)
    except ValueError as error:
        raise ArmFileError(f"{name}: {error}") from error
    return spec


def _value(key: str, value: Any, joints: int) -> Any:
    """Return a field of the file as that of `ArmSpec`."""
    if key in PARTS:
        return PARTS[key](value, joints)
    if key in _TEXTS and not isinstance(value, str):
        raise ValueError(f"{key}: got {value!r}, expected text; write it in quotes.")
    return mapping(key, value) if key in ("gains", "settings", "gripper") else value


def _check_posture(spec: ArmSpec) -> None:
    for joint, angle, lower, upper in zip(
        spec.joints, spec.posture, spec.limits.q_lower, spec.limits.q_upper, strict=True
    ):
        if not lower <= angle <= upper:
            raise ValueError(f"posture: got {angle} for {joint}, expected a value in its limits [{lower}, {upper}].")
