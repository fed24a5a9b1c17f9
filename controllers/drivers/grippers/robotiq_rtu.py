"""Robotiq's grippers over Modbus RTU. Source: their instruction manuals; registers 1000 to 1002 and 2000 to 2002."""

from collections.abc import Callable
from typing import Any

from controllers.drivers.grippers.contract import GripperError
from controllers.drivers.grippers.robotiq import Profile, Robotiq, Status

BAUD_RATE, SLAVE, TRIES = 115200, 9, 3
COMMAND_REGISTER, STATUS_REGISTER = 1000, 2000


class RobotiqRtu(Robotiq):
    """Over Modbus RTU: a USB adapter of RS-485, or the tool's port as a device file."""

    PLACE = ("slave", SLAVE)

    def __init__(self, address: str, place: int, profile: Profile) -> None:
        super().__init__(address, place, profile)
        try:
            import minimalmodbus
        except ImportError as error:
            raise GripperError(f"{error.name}: not installed; run: pip install -e '.[robotiq]'.") from error
        try:
            instrument: Any = minimalmodbus.Instrument(address, place)
        except OSError as error:
            raise GripperError(
                f"Robotiq: got '{error}', expected a serial port, as in /dev/ttyUSB0; set `address` of the gripper."
            ) from error
        instrument.serial.baudrate, instrument.serial.timeout = BAUD_RATE, 0.2
        self._instrument = instrument

    def status(self) -> Status:
        flags, request, position = self._exchange(self._instrument.read_registers, STATUS_REGISTER, 3)
        flags >>= 8
        return Status(flags >> 4 & 3, flags >> 6 & 3, request >> 8 & 15, request & 255, position >> 8, flags >> 3 & 1)

    def request(self, position: int, speed: int, force: int) -> None:
        self._write(0x0900, position, speed << 8 | force)  # rACT and rGTO

    def halt(self) -> None:
        self._write(0x0100, 0, 0)

    def reset(self) -> None:
        self._write(0, 0, 0)
        self._write(0x0100, 0, 0)

    def close(self) -> None:
        """See `GripperDriver`."""
        self._instrument.serial.close()

    def _write(self, *registers: int) -> None:
        self._exchange(self._instrument.write_registers, COMMAND_REGISTER, list(registers))

    def _exchange(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Repeat a request that was not answered, or not whole: noise on the cable."""
        with self._lock:
            for tries_left in reversed(range(TRIES)):
                try:
                    return call(*arguments)
                except (OSError, ValueError) as error:  # minimalmodbus' own, and pyserial's
                    if not tries_left:
                        raise GripperError(
                            f"Robotiq: got '{error}', expected an answer; check cable, power and slave."
                        ) from error
