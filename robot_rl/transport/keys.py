"""Key files of a learner and its actors: made, listed by fingerprints, added to, revoked."""

import base64
import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import zmq
from zmq.utils import z85

from robot_rl.core.errors import ConfigError, unknown_name

LEARNER, UNREADABLE = "learner", "-"
SUFFIX = ".keys.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class CurveKeys:
    """Keys of one side: its own pair, and the public keys of its peers."""

    public: str
    secret: str = field(repr=False)
    peers: Mapping[str, str]
    """Name -> public key. On an actor the learner's; on the learner those of all admitted actors, where no other key
    may use the name."""
    revoked: Mapping[str, str] = field(default_factory=dict)
    """Public key -> name that it had, on the learner."""
    file: Path | None = None
    """Where it was read; a running learner reads it again when it has changed."""


class KeyRow(NamedTuple):
    """One public key that a folder's files know."""

    name: str
    fingerprint: str
    state: str
    """`learner`, `admitted`, `revoked`, `own`, or what is wrong with the file."""
    file: str


def fingerprint(public: str) -> str:
    """Return a short name of a public key, which people can compare."""
    digest = hashlib.sha256(z85.decode(public.encode())).digest()
    return "SHA256:" + base64.b64encode(digest).decode()[:22]


def generate_keys(folder: Path, actors: int = 1) -> list[Path]:
    """Write learner.keys.json and actor-N.keys.json, each readable by its owner only, and return their paths.

    Raises:
        ConfigError: a key file exists already.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (public, secret), *pairs = (_pair() for _ in range(actors + 1))
    names = {f"actor-{n}": actor for n, (actor, _) in enumerate(pairs)}
    keys = {LEARNER: CurveKeys(public, secret, names)}
    keys |= {f"actor-{n}": CurveKeys(*pair, {LEARNER: public}) for n, pair in enumerate(pairs)}
    return [_write_new(_file(folder, name), value) for name, value in keys.items()]


def add_actor(folder: Path, name: str) -> Path:
    """Write the key file of one more actor and admit it at the learner; return the file.

    Raises:
        ConfigError: no learner's file, a name that is taken, or none for a file.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name: got {name!r}, expected letters, digits, dots and dashes; as in lab-2.")
    learner = read_keys(_file(folder, LEARNER))
    if name in learner.peers or name == LEARNER:
        raise ConfigError(f"name: got {name!r}, which is taken, expected a new one; `robot-rl keys list {folder}`.")
    public, secret = _pair()
    path = _write_new(_file(folder, name), CurveKeys(public, secret, {LEARNER: learner.public}))
    _replace(learner, peers={**learner.peers, name: public})
    return path


def revoke(folder: Path, name: str) -> tuple[str, bool]:
    """Take an actor's key from those that the learner admits; return its fingerprint, and whether its file was here.

    A learner that runs with the file refuses the actor from now on. The name is free for another key; a file of the
    actor in this folder is deleted.

    Raises:
        ConfigError: no learner's file, or a name whose key is revoked already.
        UnknownNameError: no such actor.
    """
    learner = read_keys(_file(folder, LEARNER))
    if name not in learner.peers:
        if before := [fingerprint(key) for key, other in learner.revoked.items() if other == name]:
            raise ConfigError(f"actor: got {name!r}, whose key is revoked already: {', '.join(before)}.")
        raise unknown_name("actor", name, learner.peers)
    public = learner.peers[name]
    peers = {other: key for other, key in learner.peers.items() if other != name}
    _replace(learner, peers=peers, revoked={**learner.revoked, public: name})
    file = _file(folder, name)
    here = file.exists()
    file.unlink(missing_ok=True)
    return fingerprint(public), here


def list_keys(folder: Path) -> Iterator[KeyRow]:
    """Yield the keys that the files of a folder know, without any secret.

    Raises:
        ConfigError: there is no key file.
    """
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: (path.name != LEARNER + SUFFIX, path.name))
    if not files:
        raise ConfigError(f"keys: got {folder}, expected a folder with *{SUFFIX}; `robot-rl keys make` makes one.")
    for path in files:
        name = path.name.removesuffix(SUFFIX)
        try:
            keys = read_keys(path)
        except ConfigError as error:
            yield KeyRow(name, UNREADABLE, str(error), path.name)
            continue
        yield KeyRow(name, fingerprint(keys.public), LEARNER if name == LEARNER else "own", path.name)
        states = [(peer, key, LEARNER if peer == LEARNER else "admitted") for peer, key in keys.peers.items()]
        for peer, key, state in [*states, *((peer, key, "revoked") for key, peer in keys.revoked.items())]:
            yield KeyRow(peer, fingerprint(key), state, path.name)


def read_keys(path: Path) -> CurveKeys:
    """Return the keys of a file that `generate_keys` or `add_actor` wrote.

    Raises:
        ConfigError: no such file, not a key file, or one that others can read.
    """
    try:
        value = json.loads(_read_private(path))
        peers, revoked = value["peers"], value.get("revoked", {})
        if isinstance(peers, list):  # of a version whose files named no actors: they were numbered
            peers = {f"actor-{n}": key for n, key in enumerate(peers)}
        for key in (value["public"], value["secret"], *peers.values(), *revoked):
            if len(z85.decode(key.encode())) != 32:
                raise ValueError("a key of another length")
        if not (peers or revoked):
            raise ValueError("no peers")
        names = {str(name): key for name, key in peers.items()}
        return CurveKeys(
            value["public"], value["secret"], names, {key: str(name) for key, name in revoked.items()}, path
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        text = f"keys: got {path}, expected a key file ({error}); make one with `robot-rl keys make`."
        raise ConfigError(text) from error


def _read_private(path: Path) -> str:
    """Return the text of a file that belongs to this user and that no other can read.

    Raises:
        ValueError: it does not.
    """
    with path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise ValueError(f"of user {status.st_uid} with mode {status.st_mode & 0o777:o}; chmod 600 it")
        return file.read()


def _pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}{SUFFIX}"


def _replace(keys: CurveKeys, **changes: Mapping[str, str]) -> None:
    """Write a key file again with changes, in one step."""
    assert keys.file is not None
    part = keys.file.with_name(f"{keys.file.name}.part")
    part.unlink(missing_ok=True)
    _write_new(part, replace(keys, **changes))  # type: ignore[arg-type]
    part.replace(keys.file)


def _write_new(path: Path, keys: CurveKeys) -> Path:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exists:
        raise ConfigError(f"keys: got {path}, which exists, expected a new file; use it or move it.") from exists
    value = {name: entry for name, entry in asdict(keys).items() if name != "file"}
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    return path
