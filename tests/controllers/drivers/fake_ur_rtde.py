"""ur-rtde's surface over a `UrArm`. `test_fakes.py` compares it with the installed wheel.

The script's way with a torque is the wheel's: the last one acts until the script ends, and only its watchdog ends it.
"""

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from tests.controllers.drivers.fake_arms import UrArm
from tests.controllers.drivers.ur_kinematics import tcp_pose


class DashboardClient:
    arm: ClassVar[UrArm]

    def __init__(self, hostname: str, port: int = 29999, verbose: bool = False) -> None: ...

    def connect(self, timeout_ms: int = 2000) -> None:
        if not self.arm.plugged:
            raise RuntimeError("Timeout connecting to UR dashboard server.")
        self.arm.block("connect")

    def disconnect(self) -> None: ...

    def polyscopeVersion(self) -> str:
        return self.arm.version

    def getRobotModel(self) -> str:
        return "UR5"

    def isInRemoteControl(self) -> bool:
        return self.arm.remote

    def closeSafetyPopup(self) -> None: ...

    def unlockProtectiveStop(self) -> None:
        self.arm.unlock()


class RTDEReceiveInterface:
    arm: ClassVar[UrArm]

    def __init__(
        self,
        hostname: str,
        frequency: float = -1.0,
        variables: list[str] = [],  # noqa: B006  (the wheel's own default)
        verbose: bool = False,
        use_upper_range_registers: bool = False,
        rt_priority: int = 0,
    ) -> None:
        if not self.arm.plugged:
            raise RuntimeError(f"Error: Could not connect to: {hostname} at 30004, verify the IP")

    def isConnected(self) -> bool:
        return self.arm.plugged

    def disconnect(self) -> None: ...

    def getTimestamp(self) -> float:
        self.arm.pass_time(0.002)
        return self.arm.time_s

    def getActualQ(self) -> list[float]:
        return list(self.arm.q)

    def getActualQd(self) -> list[float]:
        return [0.0] * 6

    def getActualTCPForce(self) -> list[float]:
        return list(self.arm.tcp_force)

    def getActualTCPPose(self) -> list[float]:
        return tcp_pose(self.arm.kind, np.array(self.arm.q), self.arm.tool_m)

    def getPayload(self) -> float:
        return self.arm.payload_kg

    def getPayloadCog(self) -> list[float]:
        return [0.0, 0.0, 0.05]

    def getRobotMode(self) -> int:
        return self.arm.robot_mode

    def getSafetyMode(self) -> int:
        return self.arm.safety_mode


class RTDEControlInterface:
    arm: ClassVar[UrArm]

    def __init__(
        self,
        hostname: str,
        frequency: float = -1.0,
        flags: int = 1,
        ur_cap_port: int = 50002,
        rt_priority: int = 0,
    ) -> None:
        self.arm.block("upload")
        if not self.arm.start_script():
            raise RuntimeError("ur_rtde: Failed to start control script, before timeout of 5 seconds")

    def setPayload(self, arg0: float, arg1: list[float]) -> bool:
        self.payload = (arg0, arg1)
        return True

    def isConnected(self) -> bool:
        return self.arm.plugged

    def disconnect(self) -> None: ...

    def isProgramRunning(self) -> bool:
        return self.arm.running

    def reuploadScript(self) -> bool:
        return self.arm.start_script_later()

    def stopScript(self) -> None:
        self.arm.end_script()

    def setWatchdog(self, min_frequency: float = 10.0) -> bool:
        self.arm.block("watchdog")
        self.arm.feed()
        if self.arm.running:
            self.arm.watchdog_s = 1.0 / min_frequency
        return self.arm.running

    def kickWatchdog(self) -> bool:
        self.arm.feed()
        return self.arm.running

    def directTorque(
        self,
        torque: list[float],
        viscous_scale: list[float] = [0.9, 0.9, 0.8, 0.9, 0.9, 0.9],  # noqa: B006
        coulomb_scale: list[float] = [0.8, 0.8, 0.7, 0.8, 0.8, 0.8],  # noqa: B006
    ) -> bool:
        self.arm.feed()
        if self.arm.running:
            self.arm.script_torque = [float(value) for value in torque]
        return self.arm.running

    def stopJ(self, a: float = 2.0, asynchronous: bool = False) -> None:
        self.arm.feed()
        self.arm.script_torque = None
        if not asynchronous:
            self.arm.pass_time(0.5)  # to brake; nothing feeds the watchdog meanwhile


MODULES = {
    "dashboard_client": (DashboardClient,),
    "rtde_receive": (RTDEReceiveInterface,),
    "rtde_control": (RTDEControlInterface,),
}


def library(arm: UrArm) -> SimpleNamespace:
    """The three modules, wired to an arm."""

    def wired(parts: tuple[Any, ...]) -> SimpleNamespace:
        return SimpleNamespace(**{part.__name__: type(part.__name__, (part,), {"arm": arm}) for part in parts})

    return SimpleNamespace(**{module: wired(parts) for module, parts in MODULES.items()})
