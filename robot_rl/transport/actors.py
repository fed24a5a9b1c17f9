"""Actors of a learner: their streams' progress, their connections, and which of two of one name is admitted."""

from array import array
from dataclasses import dataclass, field

from robot_rl.transport.handshake import Hello
from robot_rl.transport.router import Message
from robot_rl.transport.stream import LEGACY

STREAMS_MAX = 1000
"""Streams of one actor, hence spools that it lost in one run."""
ACTORS_MAX = 1000
COMPARED_MAX = 1000
"""Records whose checksums show an actor what is stored."""


@dataclass
class Stream:
    """Progress of one stream: the number expected next, and the checksums of the records before it."""

    expected: int
    checksums: "array[int]" = field(default_factory=lambda: array("I"))

    def add(self, sequence: int, checksum: int) -> None:
        """Enter a record that is stored; checksums before a gap are dropped."""
        if sequence != self.expected:
            self.checksums = array("I")
        self.checksums.append(checksum)
        self.expected = sequence + 1

    def skip_to(self, sequence: int) -> int:
        """Continue at a later record and return how many are missing."""
        missing = max(0, sequence - self.expected)
        if missing:
            self.expected, self.checksums = sequence, array("I")
        return missing

    def checksum(self, sequence: int) -> int | None:
        """Return the checksum of a stored record, None where it is not known."""
        index = sequence - self.expected + len(self.checksums)
        return self.checksums[index] if 0 <= index < len(self.checksums) else None

    def checksums_before(self, sequence: int) -> list[int | None]:
        """Return the checksums of the last records before one."""
        return [self.checksum(index) for index in range(max(0, sequence - COMPARED_MAX), sequence)]


@dataclass
class Actor:
    """One actor: its streams, and its connection while it has one."""

    name: str
    run: str
    streams: dict[str, Stream] = field(default_factory=dict)
    stream: str = LEGACY
    """Of the connection."""
    process: str = ""
    route: bytes = b""
    """Of the connection; empty without one."""
    address: str = ""
    key: str = ""
    """Public key of the connection; empty without keys."""
    dirty: bool = False
    """Whether there is something to acknowledge."""
    seen_s: float = 0.0
    """Time of the last message."""
    weights_under_way: bool = False
    """Whether a publication was sent and its receipt not yet confirmed."""
    weights_stale: bool = False
    """Whether a newer publication waits for that."""

    @property
    def progress(self) -> Stream:
        """Progress of the connection's stream."""
        return self.streams[self.stream]

    def __str__(self) -> str:
        place = f" from {self.address}" if self.address else ""
        return f"actor {self.name!r} of run {self.run!r} (stream {self.stream[:8] or 'unnamed'}{place})"

    def open(self, hello: Hello) -> Stream:
        """Return the progress of a hello's stream, a new one for a stream that is not known.

        A spool of a version without names of streams continues the stream without a name, unless it is behind it.
        """
        legacy = self.streams.get(LEGACY)
        if hello.stream not in self.streams and legacy is not None and hello.next_sequence >= legacy.expected:
            self.streams[hello.stream] = self.streams.pop(LEGACY)
        return self.streams.setdefault(hello.stream, Stream(hello.first_sequence))


class Roster:
    """All actors that a learner knows, by name and by connection, and who claims the name of one of them."""

    def __init__(self) -> None:
        self.newcomers: list[Newcomer] = []
        self._actors: dict[tuple[str, str], Actor] = {}
        self._routes: dict[bytes, Actor] = {}

    def named(self, name: str, run: str) -> Actor:
        """Return an actor by its name, a new one when there is none."""
        return self._actors.setdefault((name, run), Actor(name, run))

    def of(self, hello: Hello) -> Actor | None:
        """Return the actor of a hello, None where there are too many, or too many streams of it."""
        name = (hello.introduction.actor, hello.introduction.run)
        known = self._actors.get(name)
        if known is None:
            return None if len(self._actors) >= ACTORS_MAX else self.named(*name)
        return known if hello.stream in known.streams or len(known.streams) < STREAMS_MAX else None

    def at(self, route: bytes) -> Actor | None:
        """Return the actor of a connection."""
        return self._routes.get(route)

    def connected(self) -> list[Actor]:
        """Return the actors that have a connection."""
        return list(self._routes.values())

    def connect(self, actor: Actor, hello: Hello, message: Message, now_s: float) -> None:
        """Continue with the connection of a hello instead of the actor's last one."""
        self._routes.pop(actor.route, None)
        actor.stream, actor.process = hello.stream, hello.process
        actor.route, actor.address, actor.key = message.route, message.address, message.key
        actor.seen_s, actor.weights_under_way, actor.weights_stale = now_s, False, False
        self._routes[actor.route] = actor

    def disconnect(self, route: bytes) -> None:
        """Forget a connection."""
        actor = self._routes.pop(route, None)
        if actor is not None:
            actor.route = b""

    def claimants(self, actor: Actor) -> list["Newcomer"]:
        """Remove and return those who claim an actor's name."""
        return self._remove([newcomer for newcomer in self.newcomers if self.of(newcomer.hello) is actor])

    def unanswered(self, now_s: float) -> list["Newcomer"]:
        """Remove and return those whose namesake gave no sign of life in time."""
        return self._remove([newcomer for newcomer in self.newcomers if newcomer.until_s <= now_s])

    def _remove(self, newcomers: list["Newcomer"]) -> list["Newcomer"]:
        self.newcomers = [newcomer for newcomer in self.newcomers if newcomer not in newcomers]
        return newcomers


@dataclass(frozen=True)
class Newcomer:
    """Process that claims the name of an actor that is connected, and is admitted unless that one answers in time."""

    message: Message
    """Of its hello."""
    hello: Hello
    until_s: float

    def takeover(self, actor: Actor) -> str:
        """Return the line for the log where it is admitted."""
        return f"{actor}: gave no sign of life; its name is now that of a process from {self.message.address or 'here'}"

    def refusal(self, actor: Actor) -> str:
        """Return the reason, given to the newcomer, for keeping the actor that is there."""
        place = self.message.address or "here"
        return (
            f"actor {actor.name!r}: got a second one (stream {self.hello.stream[:8]}, from {place}) "
            f"beside {actor}, which is alive, expected one process for each name; start it with another --name and "
            "--index, or end the other one."
        )
