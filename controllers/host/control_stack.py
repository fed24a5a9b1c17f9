"""Driver, gains and limits of an arm for the control process, made from the arm's file."""

from typing import Any, NamedTuple

from controllers.arm import ArmLimits
from controllers.arms.spec import SIMULATED, ArmSpec, driver_class
from controllers.arms.values import ArmFileError
from controllers.drivers.contract import Driver
from controllers.extensions import resolve
from controllers.law.gains import Gains, make_gains
from controllers.law.presets import OWN, PARITY, preset


class ControlStack(NamedTuple):
    """One arm for the control process."""

    driver: Driver
    gains: Gains
    limits: ArmLimits


def check_guards(name: str, arm: ArmSpec) -> None:
    """Check that a preset leaves a real arm its guards: contact, energy, start checks, age of the state.

    Raises:
        ValueError: it does not, and the arm's file does not allow it.
    """
    if name in PARITY and arm.driver != SIMULATED and arm.gains.get("unguarded") is not True:
        raise ValueError(
            f"preset: got '{name}', which has no guards, for the driver '{arm.driver}', expected one of {sorted(OWN)}; "
            "or set `unguarded: true` below `gains` in the arm's file."
        )


def gains_of(arm: ArmSpec) -> Gains:
    """Return the gains of an arm's file: its preset, if any, and the fields that differ.

    Raises:
        ArmFileError: gains that do not exist or do not fit, with the field, its value and the rule.
    """
    given: dict[str, Any] = dict(arm.gains)
    name = given.pop("preset", "")
    given.pop("unguarded", None)
    try:
        check_guards(name, arm)
        return preset(name, arm.posture, **given) if name else make_gains(arm.posture, **given)
    except (ValueError, TypeError) as error:
        raise ArmFileError(f"{arm.name}: gains: {error}") from error


def make_stack(arm: ArmSpec) -> ControlStack:
    """Return driver, gains and limits of an arm; nothing is connected.

    Raises:
        ValueError: the file lacks what the driver needs, or its gains do not fit.
        DriverError: a library that is missing.
    """
    made = driver_class(arm.driver)
    if not hasattr(made, "from_arm"):
        raise ArmFileError(f"driver: got '{arm.driver}', expected a class with from_arm(arm); see docs/drivers.md.")
    return ControlStack(made.from_arm(arm), gains_of(arm), arm.limits)


def find_stack(name: str, **changes: str) -> ControlStack:
    """Return the stack of an arm's name or file; or what a function `module:function` returns, called with `changes`.

    Raises:
        ValueError: see `load_arm` and `make_stack`.
    """
    from controllers.arms.spec import load_arm

    if ":" in name:
        stack: ControlStack = resolve("control stack", name, {})(**changes)
        return stack
    return make_stack(load_arm(name, **changes))
