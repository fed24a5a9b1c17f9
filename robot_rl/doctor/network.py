"""Network to an arm: its interface, link quality, and whether the arm answers."""

import ipaddress
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TRIES = 5
CONNECT_LIMIT_S, CLOSED_WITHIN_S = 2.0, 0.2


@dataclass(frozen=True)
class Interface:
    """A network interface."""

    name: str
    up: bool
    speed_mbps: int | None
    """As negotiated; None where unknown (loopback, virtual ones)."""
    wireless: bool


def interface_to(address: str, root: Path = Path("/")) -> str | None:
    """Return the interface of the route to an IPv4 address; None without a route.

    Reads the kernel's table, whose addresses are hexadecimal with the last byte first.
    """
    target = int(ipaddress.IPv4Address(address))
    if ipaddress.IPv4Address(address).is_loopback:
        return "lo"
    best: tuple[int, str] | None = None
    for line in _lines(root / "proc/net/route")[1:]:
        name, net, mask = (line.split()[column] for column in (0, 1, 7))
        net_bits, mask_bits = _reversed(net), _reversed(mask)
        if target & mask_bits == net_bits and (best is None or mask_bits > best[0]):
            best = mask_bits, name
    return best[1] if best else None


def read_interface(name: str, root: Path = Path("/")) -> Interface | None:
    """Return the kernel's data of an interface; None without one of that name."""
    folder = root / "sys/class/net" / name
    if not folder.is_dir():
        return None
    speed = (_lines(folder / "speed") or ["-1"])[0]
    return Interface(
        name=name,
        up=(_lines(folder / "operstate") or ["unknown"])[0] in ("up", "unknown"),  # loopback is unknown
        speed_mbps=int(speed) if speed.isdigit() and int(speed) > 0 else None,
        wireless=(folder / "wireless").is_dir(),
    )


def answer_time_s(address: str, port: int) -> float:
    """Return the shortest time in which a TCP connection is accepted [s].

    Raises:
        OSError: no answer, or connections that are closed at once, with which a vendor's library may try for minutes.
    """
    shortest_s = float("inf")
    for _ in range(TRIES):
        start_s = time.monotonic()
        with socket.create_connection((address, port), CONNECT_LIMIT_S):
            shortest_s = min(shortest_s, time.monotonic() - start_s)
    _check_open(address, port)
    return shortest_s


def _check_open(address: str, port: int) -> None:
    with socket.create_connection((address, port), CONNECT_LIMIT_S) as connection:
        connection.settimeout(CLOSED_WITHIN_S)
        with suppress(TimeoutError):  # it waits for a request
            if not connection.recv(1):
                raise ConnectionError("connections are closed at once")


def _reversed(word: str) -> int:
    return int.from_bytes(struct.pack("<I", int(word, 16)), "big")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
