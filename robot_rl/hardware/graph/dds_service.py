"""Services of std_srvs over plain DDS, as Cyclone's ROS middleware has them: a topic each for requests and replies.

Each message begins with the client's number and the request's, by which a client knows its reply.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from controllers.ros.graph import Quality, Service, Topic
from controllers.ros.wire import Answer

QUALITY = Quality(reliable=True, depth=10)


class ServiceTopics(NamedTuple):
    """The topics of one service; their names are complete."""

    request: Topic
    reply: Topic


def service_topics(service: Service, name: str) -> ServiceTopics:
    """Return the topics of a service with this full name."""
    package, _, kind = service.type.split("/")
    request = Topic(f"rq{name}Request", f"{package}/msg/{kind}_Request", QUALITY)
    return ServiceTopics(request, Topic(f"rr{name}Reply", f"{package}/msg/{kind}_Response", QUALITY))


def respond(reply: Any, request: Any, answer: Callable[[Any], Answer]) -> Any:
    """Fill an empty reply."""
    reply.client, reply.number = request.client, request.number
    reply.success, reply.message = answer(request)
    return reply


class ServiceClient:
    """One service's client: numbers its requests, and waits for their replies."""

    def __init__(self, send: Callable[[Any], None], ready: Callable[[], int]) -> None:
        self._send, self.ready = send, ready
        self._client = int.from_bytes(os.urandom(8), "little")
        self._number = 0
        self._replies: dict[int, Any] = {}
        self._news = threading.Condition()

    def on_reply(self, reply: Any) -> None:
        """Take a reply of the service, to whomever it is."""
        if reply.client == self._client:
            with self._news:
                self._replies[reply.number] = reply
                self._news.notify_all()

    def call(self, request: Any, timeout_s: float) -> Answer | None:
        """Send a request; return its answer, or None when none came in time."""
        self._number += 1
        request.client, request.number = self._client, self._number
        self._send(request)
        with self._news:
            self._news.wait_for(lambda: request.number in self._replies, timeout_s)
            reply = self._replies.pop(request.number, None)
        return None if reply is None else (bool(reply.success), str(reply.message))
