"""Settings of the page: where it listens, and what it shows beside the steps."""

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from robot_rl.core.errors import ConfigError

DEFAULT_ADDRESS = "127.0.0.1:8500"
TOKEN_VARIABLE = "ROBOT_RL_PAGE_TOKEN"  # nosec B105 # the name of a variable, not a token
"""Environment variable of the token, which must not be seen in a list of processes."""
PORT_FILE = "page-port"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class PageSettings:
    """Address of the page. Beyond loopback a token is part of it, made here unless one is given.

    Raises:
        ConfigError: an address that is none.
    """

    address: str = DEFAULT_ADDRESS
    """`HOST:PORT`; port 0 takes a free one."""
    token: str = ""
    run: Path | None = None
    """Folder of the training run whose metrics are shown; None: only what is seen while the page is open."""
    title: str = ""
    """Shown at the top."""
    host: str = field(init=False, default="")
    port: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ConfigError(f"page address: got {self.address!r}, expected HOST:PORT, as in {DEFAULT_ADDRESS}.")
        object.__setattr__(self, "host", host.strip("[]"))
        object.__setattr__(self, "port", int(port))
        if not self.is_loopback and not self.token:
            object.__setattr__(self, "token", secrets.token_urlsafe(16))

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this computer reach the page."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, port: int) -> str:
        """Return the link to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/" + (f"?token={self.token}" if self.token else "")


def write_port(folder: Path, port: int) -> None:
    """Write the port of an actor's page to the actor's folder, for the pages of the other arms."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PORT_FILE).write_text(f"{port}\n", encoding="utf-8")


def port_of(folder: Path) -> int | None:
    """Return the port of an actor's page; None where it has written none."""
    try:
        port = int((folder / PORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65536 else None
