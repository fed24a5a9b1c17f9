"""Access control: loopback without keys, CURVE keys for every other address."""

import ipaddress
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from robot_rl.core.errors import ConfigError

Socket = zmq.Socket[bytes]


@dataclass(frozen=True)
class CurveKeys:
    """Keys of one side: its own pair, and the public keys of its peers.

    `peers` holds the learner's public key on an actor, and on the learner the public key of every admitted actor by the
    actor's name, which no other key may use.
    """

    public: str
    secret: str = field(repr=False)
    peers: Mapping[str, str]


def generate_keys(folder: Path, actors: int = 1) -> list[Path]:
    """Write learner.keys.json and actor-N.keys.json, each readable by its owner only, and return their paths.

    Raises:
        ConfigError: a key file exists already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [tuple(key.decode() for key in zmq.curve_keypair()) for _ in range(actors + 1)]
    (learner_public, learner_secret), *others = pairs
    names = {f"actor-{n}": public for n, (public, _) in enumerate(others)}
    keys = {"learner": CurveKeys(learner_public, learner_secret, names)}
    learner = {"learner": learner_public}
    keys |= {f"actor-{n}": CurveKeys(public, secret, learner) for n, (public, secret) in enumerate(others)}
    return [_write_keys(folder / f"{name}.keys.json", value) for name, value in keys.items()]


def read_keys(path: Path) -> CurveKeys:
    """Return the keys of a file that `generate_keys` wrote.

    Raises:
        ConfigError: no such file, not a key file, or one that others can read.
    """
    try:
        _check_private(path)
        value = json.loads(path.read_text())
        peers = value["peers"]
        if isinstance(peers, list):  # of a version whose files named no actors: they were numbered
            peers = {f"actor-{n}": key for n, key in enumerate(peers)}
        for key in (value["public"], value["secret"], *peers.values()):
            if len(z85.decode(key.encode())) != 32:
                raise ValueError("a key of another length")
        if not peers:
            raise ValueError("no peers")
        return CurveKeys(value["public"], value["secret"], {str(name): key for name, key in peers.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ConfigError(f"keys: got {path}, expected a key file ({error}); make one with `robot-rl keys`.") from error


def _check_private(path: Path) -> None:
    """Check that a file belongs to this user and that no other can read it.

    Raises:
        ValueError: it does not.
    """
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ValueError(f"of user {status.st_uid} with mode {status.st_mode & 0o777:o}; chmod 600 it")


def check_address(address: str, keys: CurveKeys | None) -> None:
    """Refuse an address beyond loopback without keys.

    Raises:
        ConfigError: not tcp://host:port, or beyond this machine without keys.
    """
    host = host_of(address)
    if keys is None and not _is_loopback(host):
        raise ConfigError(
            f"address: got {address!r} without keys, expected loopback (tcp://127.0.0.1:PORT) or CURVE keys; "
            "make them with `robot-rl keys` and name the key file."
        )


def host_of(address: str) -> str:
    """Return the host of tcp://host:port."""
    scheme, _, rest = address.partition("://")
    host, colon, port = rest.rpartition(":")
    if scheme != "tcp" or not colon or not host or not (port.isdigit() or port == "*"):
        raise ConfigError(f"address: got {address!r}, expected tcp://HOST:PORT; for example tcp://127.0.0.1:5555.")
    return host


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
    """Authenticator that admits only the given public keys to a context's listeners."""

    def __init__(self, context: zmq.Context[Socket], keys: CurveKeys | None) -> None:
        self._thread: Any = None
        self._names: dict[str, str] | None = None
        if keys is None:
            return
        self._names = {key: name for name, key in keys.peers.items()}
        from zmq.auth.thread import ThreadAuthenticator

        self._thread = ThreadAuthenticator(context)
        self._thread.start()
        self._thread.configure_curve_callback(domain="*", credentials_provider=self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Return whether a public key may connect; called by zmq's authenticator."""
        return self._names is not None and key.decode("ascii", "replace") in self._names

    def name_of(self, user_id: str) -> str | None:
        """Return the name that a key is bound to; None without keys."""
        return None if self._names is None else self._names.get(user_id, "")

    def close(self) -> None:
        """Stop the authenticator."""
        if self._thread is not None:
            self._thread.stop()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _write_keys(path: Path, keys: CurveKeys) -> Path:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exists:
        raise ConfigError(f"keys: got {path}, which exists, expected a new file; use it or move it.") from exists
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(keys), file)
    return path
