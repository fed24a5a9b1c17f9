"""Handshake of actor and learner: the learner refuses an incompatible actor, naming both sides."""

from dataclasses import dataclass
from typing import Any

from robot_rl import __version__
from robot_rl.core.errors import CorruptRecordError, RobotRLError
from robot_rl.core.schema import StepSchema
from robot_rl.transport.messages import PROTOCOL, pack, unpack
from robot_rl.transport.stream import is_stream

_TEXTS = ("actor", "run", "agent_hash", "package")  # fields of an introduction that cross the wire as they are
_IDENTITIES = ("stream", "process")
_COUNTS = ("first_sequence", "next_sequence")
_NAME_MAX = 255


@dataclass(frozen=True)
class Introduction:
    """Identity and protocol version of one side."""

    schema: StepSchema
    agent_hash: str  # of the agent's definition: names and shapes of the policy's parameters
    actor: str = ""  # empty for the learner
    run: str = ""  # empty for a learner that admits the first run which it meets
    protocol: int = PROTOCOL
    package: str = __version__

    def __str__(self) -> str:
        of_run = f" of run {self.run!r}" if self.run else ""
        name = f"actor {self.actor!r}{of_run}" if self.actor else f"learner{of_run}"
        return f"{name} (robot-rl {self.package}, task {self.schema.task!r}, agent {self.agent_hash[:8]})"


@dataclass(frozen=True)
class Hello:
    """First message of an actor."""

    introduction: Introduction
    stream: str  # of its spool
    process: str  # name of this process, made at random
    first_sequence: int  # oldest record of its spool
    next_sequence: int  # of the record that it will write next


def encode_hello(hello: Hello) -> bytes:
    """Return a hello as bytes."""
    values = {name: getattr(hello.introduction, name) for name in _TEXTS} | {"protocol": hello.introduction.protocol}
    own = {name: getattr(hello, name) for name in (*_IDENTITIES, *_COUNTS)}
    return pack(values | own | {"schema": hello.introduction.schema.to_json()})


def decode_hello(data: bytes) -> Hello:
    """Return the hello of untrusted bytes.

    Raises:
        CorruptRecordError: not a hello.
    """
    value = unpack(data)
    try:
        _check(value)
        texts, schema = {name: value[name] for name in _TEXTS}, StepSchema.from_json(value["schema"])
        introduction = Introduction(schema, protocol=value["protocol"], **texts)
        return Hello(introduction, **{name: value[name] for name in (*_IDENTITIES, *_COUNTS)})
    except (KeyError, TypeError, ValueError, RobotRLError) as error:
        names = sorted(value)[:20]
        raise CorruptRecordError(f"hello: got {names}, expected an actor's hello: {error}"[:1000]) from error


def _check(value: dict[str, Any]) -> None:
    """Check names, types and bounds of a hello's fields; those of its schema were checked as any header's.

    Raises:
        ValueError: a field does not fit.
    """
    if value.keys() != {*_TEXTS, *_IDENTITIES, *_COUNTS, "protocol", "schema"}:
        raise ValueError("other fields; the other side has another version of this package")
    for name in _TEXTS:
        text = value[name]
        if type(text) is not str or not (0 < len(text) <= _NAME_MAX and text.isprintable()):
            raise ValueError(f"{name}: got {text!r}, expected 1 to {_NAME_MAX} printable characters")
    for name in _IDENTITIES:
        if type(value[name]) is not str or not is_stream(value[name]):
            raise ValueError(f"{name}: expected 32 hexadecimal digits")
    counts = [value[name] for name in ("protocol", *_COUNTS)]
    if any(type(count) is not int or count < 0 for count in counts) or counts[1] > counts[2]:
        raise ValueError(f"got protocol and sequences {counts}, expected integers in order")


def refusal(learner: Introduction, actor: Introduction, key_name: str | None = None) -> str | None:
    """Return why this actor is refused, or None when it is compatible.

    Args:
        key_name: that its key is bound to; None without keys.
    """
    if key_name not in (None, actor.actor):
        return f"{actor}: got the key of {key_name or 'no actor'!r}, expected that of this name."
    reasons = [
        f"{what}: {theirs} against {mine}"
        for what, theirs, mine in (
            ("protocol", actor.protocol, learner.protocol),
            ("package version", actor.package, learner.package),
            ("agent", actor.agent_hash[:12], learner.agent_hash[:12]),
            ("run", repr(actor.run), repr(learner.run or actor.run)),
        )
        if theirs != mine
    ]
    reasons += actor.schema.difference(learner.schema)
    if not reasons:
        return None
    return f"{actor} does not fit {learner}: " + "; ".join(reasons) + ". Start both from the same configuration."
