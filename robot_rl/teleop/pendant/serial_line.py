"""Lines of bytes to a device: a serial port through pyserial, or a TCP socket on this machine."""

import select
import socket
from collections.abc import Callable
from typing import Any, Protocol

from robot_rl.core.errors import ConfigError, DeviceLostError

BAUD = 460_800
CHUNK = 4096
WRITE_LIMIT_S = 0.1
CONNECT_LIMIT_S = 1.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SCHEME = "socket://"


class Line(Protocol):
    """Bytes in both directions."""

    def read(self, timeout_s: float) -> bytes:
        """Return what came, after at most `timeout_s`; empty when nothing did.

        Raises:
            DeviceLostError: the other end is gone.
        """

    def write(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            DeviceLostError: the other end is gone, or takes nothing.
        """

    def close(self) -> None:
        """Close the line."""


def open_line(name: str) -> Line:
    """Open a line by name.

    Raises:
        ConfigError: as `check_name`.
        DeviceLostError: it cannot be opened; the text holds the reason.
    """
    check_name(name)
    return SocketLine(*_socket_address(name)) if name.startswith(SCHEME) else SerialLine(name)


def check_name(name: str) -> None:
    """Check what can be checked without the device.

    Raises:
        ConfigError: a socket beyond this machine, which nothing would protect; a serial port without pyserial.
    """
    if not name.startswith(SCHEME):
        _pyserial()
        return
    host, port = _socket_address(name)
    if host not in LOOPBACK or not 0 < port < 1 << 16:
        raise ConfigError(f"port: got {name!r}, expected socket://127.0.0.1:PORT; other machines are not allowed.")


def _socket_address(name: str) -> tuple[str, int]:
    host, _, port = name.removeprefix(SCHEME).rpartition(":")
    return host, int(port) if port.isdecimal() else 0


class SerialLine:
    """A serial port, held by one program at a time."""

    def __init__(self, path: str) -> None:
        serial = _pyserial()
        try:
            self._port: Any = serial.Serial(path, BAUD, timeout=0, write_timeout=WRITE_LIMIT_S, exclusive=True)
        except (OSError, ValueError) as error:  # pyserial's own errors are OSErrors
            raise _lost(path, error) from error
        self._path = path

    def read(self, timeout_s: float) -> bytes:
        """Return what came."""

        def take() -> bytes:
            if not select.select([self._port.fileno()], [], [], timeout_s)[0]:
                return b""
            data: bytes = self._port.read(max(1, self._port.in_waiting))
            return data

        return self._guarded(take)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._guarded(lambda: self._port.write(data))

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (OSError, ValueError, TypeError) as error:  # ValueError, TypeError: closed meanwhile
            raise _lost(self._path, error) from error


class SocketLine:
    """A TCP connection without delay for small packets."""

    def __init__(self, host: str, port: int) -> None:
        self._name = f"{SCHEME}{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), CONNECT_LIMIT_S)
        except OSError as error:
            raise _lost(self._name, error) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(WRITE_LIMIT_S)

    def read(self, timeout_s: float) -> bytes:
        """Return what came."""
        try:
            if not select.select([self._socket], [], [], timeout_s)[0]:
                return b""
            data = self._socket.recv(CHUNK)
        except (OSError, ValueError) as error:
            raise _lost(self._name, error) from error
        if not data:
            raise _lost(self._name, "closed by the other end")
        return data

    def write(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _lost(self._name, error) from error

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _pyserial() -> Any:
    try:
        import serial
    except ImportError as error:
        raise ConfigError(
            "pyserial: got no such package, expected it for a serial port; "
            "run: pip install -c constraints.txt -e '.[pendant]'."
        ) from error
    return serial


def _lost(name: str, why: object) -> DeviceLostError:
    return DeviceLostError(
        f"{name}: got {why}, expected an open line; plug the device in, see `robot-rl doctor pendant`."
    )
