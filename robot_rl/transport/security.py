"""Access control: loopback without keys, CURVE keys for every other address."""

import ipaddress
import os
from collections import deque
from pathlib import Path
from typing import Any

import zmq

from robot_rl.core.errors import ConfigError
from robot_rl.transport.keys import CurveKeys, fingerprint, read_keys

Socket = zmq.Socket[bytes]
EVENTS_MAX = 100


def check_address(address: str, keys: CurveKeys | None) -> None:
    """Refuse an address beyond loopback without keys.

    Raises:
        ConfigError: not tcp://host:port, or beyond this machine without keys.
    """
    host = host_of(address)
    if keys is None and not _is_loopback(host):
        raise ConfigError(
            f"address: got {address!r} without keys, expected loopback (tcp://127.0.0.1:PORT) or CURVE keys; "
            "make them with `robot-rl keys make` and name the key file."
        )


def host_of(address: str) -> str:
    """Return the host of tcp://host:port."""
    scheme, _, rest = address.partition("://")
    host, colon, port = rest.rpartition(":")
    if scheme != "tcp" or not colon or not host or not (port.isdigit() or port == "*"):
        raise ConfigError(f"address: got {address!r}, expected tcp://HOST:PORT; for example tcp://127.0.0.1:5555.")
    return host


def allow_host(socket: Socket, address: str) -> None:
    """Let a socket use the address of IPv6, where it has one, as in tcp://[::1]:5555."""
    socket.ipv6 = host_of(address).startswith("[")


def secure_listener(socket: Socket, keys: CurveKeys | None) -> None:
    """Make a bound socket use CURVE; its authenticator admits clients."""
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
        socket.curve_server = True


def secure_caller(socket: Socket, keys: CurveKeys | None) -> None:
    """Make a connecting socket use CURVE with its learner's key."""
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
        socket.curve_serverkey = next(iter(keys.peers.values())).encode()


def detect_dead_peers(socket: Socket) -> None:
    """Make the system end a connection whose other side has gone without a word, within about ten seconds.

    ZeroMQ's own heartbeats end the process by an assertion when they are due on a connection that broke while its
    queue was full: a learner that compiles for a minute beside an actor that is killed (libzmq 4.3.5).
    """
    socket.tcp_keepalive, socket.tcp_keepalive_idle = 1, 4
    socket.tcp_keepalive_intvl, socket.tcp_keepalive_cnt = 2, 3
    socket.tcp_maxrt = 10_000


class Admission:
    """Authenticator that admits only the public keys of a key file to a context's listeners, as it is at that time."""

    def __init__(self, context: zmq.Context[Socket], keys: CurveKeys | None) -> None:
        self._thread: Any = None
        self._keys, self._names = keys, dict[str, str]()
        self.events: deque[str] = deque(maxlen=EVENTS_MAX)
        """Keys that were refused and files that cannot be read, for the log."""
        if keys is None:
            return
        self._take(keys)
        self._stamp = _stamp(keys.file)
        from zmq.auth.thread import ThreadAuthenticator

        self._thread = ThreadAuthenticator(context)
        self._thread.start()
        self._thread.configure_curve_callback(domain="*", credentials_provider=self)

    def _take(self, keys: CurveKeys) -> None:
        self._keys, self._names = keys, {key: name for name, key in keys.peers.items()}

    def refresh(self) -> None:
        """Read the key file again if it has changed; one that cannot be read leaves the keys as they were."""
        if self._keys is None or (stamp := _stamp(self._keys.file)) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._take(read_keys(self._keys.file or Path()))
        except ConfigError as error:
            self.events.append(f"{error} The keys stay as they were.")

    def callback(self, domain: str, key: bytes) -> bool:
        """Return whether a public key may connect; called by zmq's authenticator in its thread."""
        self.refresh()
        text = key.decode("ascii", "replace")
        if text not in self._names and self._keys is not None:
            revoked = self._keys.revoked.get(text)
            owner = "an unknown key" if revoked is None else f"the revoked key of {revoked!r}"
            self.events.append(f"refused: a connection with {owner}, {fingerprint(text)}")
        return text in self._names

    def name_of(self, user_id: str) -> str | None:
        """Return the name that a key is bound to, empty for a key that is not admitted; None without keys."""
        return None if self._keys is None else self._names.get(user_id, "")

    def close(self) -> None:
        """Stop the authenticator."""
        if self._thread is not None:
            self._thread.stop()


def _stamp(file: Path | None) -> tuple[int, ...]:
    """Return what changes with a file."""
    try:
        status = os.stat(file or "")
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
