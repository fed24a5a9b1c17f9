"""The host's side of the pendant's protocol, without threads, ports or clocks: bytes and times in, bytes out."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import CorruptRecordError, HandshakeRefusedError
from robot_rl.teleop.pendant.config import PendantConfig
from robot_rl.teleop.pendant.frames import FrameReader, encode_frame
from robot_rl.teleop.pendant.messages import (
    Arm,
    Clear,
    Counters,
    DeviceMessage,
    Event,
    Flag,
    Heartbeat,
    Hello,
    HostMessage,
    Query,
    Reply,
    State,
    Stop,
    Welcome,
    read_device_message,
    write_message,
)

HELLO_EVERY_NS = NS_PER_S // 5
EVENTS_KEPT = 8
"""Events that a STATE still shows."""
SENT_KEPT = 256
"""Frames whose answer is awaited."""


@dataclass(slots=True)
class LinkCounters:
    """Counters of the line on the host's side; the device's own are in `PendantSession.device_counters`."""

    frames: int = 0  # accepted
    lost: int = 0  # missing numbers between accepted frames
    replayed: int = 0  # number not newer than the last
    bad_message: int = 0  # right CRC, wrong content
    bad_version: int = 0
    foreign: int = 0  # a welcome of another session, or frames before the welcome
    events: int = 0
    events_lost: int = 0  # button presses known only by their number
    sessions: int = 0  # begun; more than one means that it was lost in between


class PendantSession:
    """Keeps a session with the device.

    Call `receive` with what came and then `transmit` for what is to be sent, at least every few milliseconds; `opened`
    after the port was opened anew.

    Args:
        nonce: draws the number of a session, in [0, 2**32), not repeated.
    """

    def __init__(self, config: PendantConfig, nonce: Callable[[], int]) -> None:
        self.counters = LinkCounters()
        self.reader = FrameReader()
        self.state: State | None = None
        self.welcome: Welcome | None = None
        self.device_counters: Counters | None = None
        self.reply: Reply | None = None
        self.refusal: HandshakeRefusedError | None = None
        self.stamp_ns: int | None = None  # of the last accepted frame
        self.round_trips_ns: deque[int] = deque(maxlen=SENT_KEPT)
        self._config, self._nonce = config, nonce
        self._hello: Hello | None = None
        self._connected = False
        self._sequence = 0  # of the last frame sent
        self._device_sequence = 0
        self._commands: deque[HostMessage] = deque()
        self._events: deque[Event] = deque()
        self._event_count: int | None = None  # None: take the next STATE's as the start
        self._sent_ns: dict[int, int] = {}
        self._next_ns = 0  # when the next hello or heartbeat is due
        self._answered_ns = 0

    def opened(self) -> None:
        """Begin anew on a fresh line."""
        self.reader = FrameReader()
        self._disconnect()

    def alive(self, now_ns: int) -> bool:
        """Return whether the device answered lately."""
        silent = self.stamp_ns is None or now_ns - self.stamp_ns > self._config.silence_s * NS_PER_S
        return self._connected and not silent

    def take_events(self) -> list[Event]:
        """Return the events since the last call, oldest first."""
        events, self._events = list(self._events), deque()
        return events

    def arm(self) -> None:
        """Ask the device to close its relay; it refuses unless everything is well and the grip released."""
        if self.state is not None:
            self._commands.append(Arm(self.state.token))

    def clear(self) -> None:
        """Ask the device to clear its latched faults; it refuses while their reason lasts."""
        if self.state is not None:
            self._commands.append(Clear(self.state.token))

    def stop(self) -> None:
        """Ask the device to open its relay."""
        self._commands.append(Stop())

    def query(self) -> None:
        """Ask the device for its counters."""
        self._commands.append(Query())

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take in what came."""
        for payload in self.reader.push(data):
            try:
                sequence, message = read_device_message(payload)
            except HandshakeRefusedError as error:
                self.counters.bad_version += 1
                self.refusal = error
            except CorruptRecordError:
                self.counters.bad_message += 1
            else:
                self._take(sequence, message, now_ns)

    def transmit(self, now_ns: int, vouched: bool = True) -> bytes:
        """Return what is to be sent now.

        Args:
            vouched: the program that the pendant guards is well; without it no heartbeat goes out.
        """
        self._check(now_ns, vouched)
        if not self._connected:
            self._commands.clear()  # about a session that is over
            return self._hello_if_due(now_ns)
        out = b""
        while self._commands:
            out += self._send(self._commands.popleft(), now_ns)
        if vouched and now_ns >= self._next_ns and self.state is not None:
            self._next_ns = now_ns + round(self._config.heartbeat_s * NS_PER_S)
            out += self._send(Heartbeat(self.state.time_ms), now_ns)
        return out

    def _check(self, now_ns: int, vouched: bool) -> None:
        """Close a session that is silent, or whose device receives nothing."""
        if not vouched:
            self._answered_ns = now_ns
        deaf = now_ns - self._answered_ns > 2 * self._config.silence_s * NS_PER_S
        if self._connected and (deaf or not self.alive(now_ns)):
            self._disconnect()

    def _disconnect(self) -> None:
        self._connected, self._hello, self._next_ns = False, None, 0
        self._sent_ns.clear()

    def _hello_if_due(self, now_ns: int) -> bytes:
        if now_ns < self._next_ns:
            return b""
        self._next_ns = now_ns + HELLO_EVERY_NS
        self._hello = self._hello or Hello(self._nonce())
        return b"\0" + self._send(self._hello, now_ns)  # the zero ends whatever lay on the line

    def _send(self, message: HostMessage, now_ns: int) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._sent_ns[self._sequence] = now_ns
        if len(self._sent_ns) > SENT_KEPT:
            del self._sent_ns[next(iter(self._sent_ns))]
        return encode_frame(write_message(message, self._sequence))

    def _take(self, sequence: int, message: DeviceMessage, now_ns: int) -> None:
        if isinstance(message, Welcome):
            self._take_welcome(sequence, message, now_ns)
        elif not self._connected:
            self.counters.foreign += 1
        elif self._newer(sequence):
            self.stamp_ns = now_ns
            self._take_news(message, now_ns)

    def _take_welcome(self, sequence: int, message: Welcome, now_ns: int) -> None:
        if self._hello is None or message.nonce != self._hello.nonce:
            self.counters.foreign += 1
            return
        if self._connected:
            self._newer(sequence)  # requested twice, answered twice
            return
        self.counters.frames += 1
        restarted = self.welcome is None or self.welcome.boots != message.boots
        if restarted:
            self._event_count = None
        self.welcome, self.refusal = message, None
        self.counters.sessions += 1
        self._connected, self._device_sequence = True, sequence
        self.state = None
        self.stamp_ns = self._answered_ns = now_ns
        self._next_ns = 0

    def _newer(self, sequence: int) -> bool:
        ahead = (sequence - self._device_sequence) & 0xFFFF
        if not 0 < ahead < 0x8000:
            self.counters.replayed += 1
            return False
        self.counters.lost += ahead - 1
        self.counters.frames += 1
        self._device_sequence = sequence
        return True

    def _take_news(self, message: DeviceMessage, now_ns: int) -> None:
        if isinstance(message, State):
            self._take_state(message, now_ns)
        elif isinstance(message, Counters):
            self.device_counters = message
        elif isinstance(message, Reply):
            self.reply = message

    def _take_state(self, state: State, now_ns: int) -> None:
        if not state.flags & Flag.SESSION:  # it restarted and knows nothing of us
            self._disconnect()
            return
        sent_ns = self._sent_ns.pop(state.host_sequence, None)
        if sent_ns is not None:
            self._answered_ns = now_ns
            self.round_trips_ns.append(now_ns - sent_ns)
        first, self.state = self.state is None, state
        self._take_new_events(state, late=first)

    def _take_new_events(self, state: State, late: bool) -> None:
        """Take the events that are new; those during a lost session are too old and dropped."""
        seen = state.event_count if self._event_count is None else self._event_count
        self._event_count = state.event_count
        new = (state.event_count - seen) & 0xFF
        shown = 0 if late else min(new, EVENTS_KEPT)
        self.counters.events += shown
        self.counters.events_lost += new - shown
        for place in reversed(range(shown)):
            number = state.events >> 4 * place & 0xF
            if number in _EVENTS:
                self._take_event(_EVENTS[number])

    def _take_event(self, event: Event) -> None:
        self._events.append(event)
        if event is Event.REARM and self._config.arm_on_request:
            self.arm()


_EVENTS = {int(event): event for event in Event if event is not Event.NONE}
