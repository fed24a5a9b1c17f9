"""Handshake of actor and learner: the learner refuses an incompatible actor, naming both sides."""

from dataclasses import dataclass

from robot_rl import __version__
from robot_rl.core.errors import CorruptRecordError, RobotRLError
from robot_rl.core.schema import StepSchema
from robot_rl.transport.messages import PROTOCOL, pack, unpack

_TEXTS = ("actor", "run", "agent_hash", "package")  # fields of an introduction that cross the wire as they are


@dataclass(frozen=True)
class Introduction:
    """Identity and protocol version of one side."""

    schema: StepSchema
    agent_hash: str  # of the agent's definition: names and shapes of the policy's parameters
    actor: str = ""  # empty for the learner
    run: str = ""
    protocol: int = PROTOCOL
    package: str = __version__

    def __str__(self) -> str:
        name = f"actor {self.actor!r} of run {self.run!r}" if self.actor else "learner"
        return f"{name} (robot-rl {self.package}, task {self.schema.task!r}, agent {self.agent_hash[:8]})"


@dataclass(frozen=True)
class Hello:
    """First message of an actor."""

    introduction: Introduction
    first_sequence: int  # oldest record of its spool
    next_sequence: int  # of the record that it will write next


def encode_hello(hello: Hello) -> bytes:
    """Return a hello as bytes."""
    values = {name: getattr(hello.introduction, name) for name in _TEXTS} | {"protocol": hello.introduction.protocol}
    sequences = {"first_sequence": hello.first_sequence, "next_sequence": hello.next_sequence}
    return pack(values | sequences | {"schema": hello.introduction.schema.to_json()})


def decode_hello(data: bytes) -> Hello:
    """Return the hello of untrusted bytes.

    Raises:
        CorruptRecordError: not a hello.
    """
    value = unpack(data)
    try:
        texts, schema = {name: str(value[name]) for name in _TEXTS}, StepSchema.from_json(value["schema"])
        introduction = Introduction(schema, protocol=int(value["protocol"]), **texts)
        return Hello(introduction, int(value["first_sequence"]), int(value["next_sequence"]))
    except (KeyError, TypeError, ValueError, RobotRLError) as error:
        raise CorruptRecordError(f"hello: got {sorted(value)}, expected an actor's hello: {error}") from error


def refusal(learner: Introduction, hello: Hello, stored: int | None) -> str | None:
    """Return why this actor is refused, or None when it is compatible.

    Args:
        stored: sequence that the learner expects next of this actor; None for an unknown actor.
    """
    actor = hello.introduction
    reasons = [
        f"{what}: {theirs} against {mine}"
        for what, theirs, mine in (
            ("protocol", actor.protocol, learner.protocol),
            ("package version", actor.package, learner.package),
            ("agent", actor.agent_hash[:12], learner.agent_hash[:12]),
        )
        if theirs != mine
    ]
    reasons += actor.schema.difference(learner.schema)
    if stored is not None and hello.next_sequence < stored:
        reasons.append(
            f"sequence: the spool continues at {hello.next_sequence}, the learner holds {stored} records of this actor "
            "and run; the spool was lost or two actors share a name: use another actor name"
        )
    if not reasons:
        return None
    return f"{actor} does not fit {learner}: " + "; ".join(reasons) + ". Start both from the same configuration."
