"""A wire whose callbacks run in the thread that calls `poll`."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from controllers.ros.graph import Service, Topic
from controllers.ros.warning_log import WarningLog
from controllers.ros.wire import Answer, Wire

ANSWER_LIMIT_S = 5.0
WAITING_MAX = 1000  # messages that wait for `poll`; the oldest is dropped


class PolledWire:
    """See `Wire`; the wrapped wire is closed by its owner."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self.namespace = wire, wire.namespace
        self.make, self.publisher, self.call = wire.make, wire.publisher, wire.call
        self.publishers_of, self.now_ns = wire.publishers_of, wire.now_ns
        self._waiting: deque[Callable[[], Any]] = deque(maxlen=WAITING_MAX)
        self._warnings = WarningLog()

    def poll(self) -> None:
        """Run the callbacks of the messages since the last call."""
        for _ in range(len(self._waiting)):
            try:
                self._waiting.popleft()()
            except Exception as error:  # one callback's error must not stop the others
                self._warnings.note(f"a callback raised {error!r}; report this.")

    def subscribe(self, topic: Topic, callback: Callable[[Any], None]) -> None:
        self._wire.subscribe(topic, lambda message: self._waiting.append(partial(callback, message)))

    def serve(self, service: Service, answer: Callable[[Any], Answer]) -> None:
        """See `Wire`; the wire's thread waits for the answer."""

        def wait_for_answer(request: Any) -> Answer:
            future: Future[Answer] = Future()
            self._waiting.append(lambda: future.set_result(answer(request)))
            try:
                return future.result(ANSWER_LIMIT_S)
            except TimeoutError:
                return False, f"{service.name}: got no answer in {ANSWER_LIMIT_S} s, expected one; the arm is busy."

        self._wire.serve(service, wait_for_answer)

    def problems(self) -> tuple[str, ...]:
        return self._wire.problems() + self._warnings.texts()

    def close(self) -> None:
        """Drop waiting messages; the owner closes the wrapped wire."""
        self._waiting.clear()
