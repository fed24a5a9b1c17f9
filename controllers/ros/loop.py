"""Interface of the loop as the node sees it."""

from typing import Protocol

from controllers.arm import Target
from controllers.host.mailbox import HostState, Request
from controllers.host.motions import MotionCommand
from controllers.law.gains import Gains


class Loop(Protocol):
    """Interface of the loop's client (`controllers.host.mailbox.Client`)."""

    def send(self, target: Target) -> None:
        """Set the latest target."""

    def set_gains(self, gains: Gains) -> None:
        """Request other gains."""

    def move(self, command: MotionCommand) -> None:
        """Start a joint motion or guiding, keep it alive, or end it."""

    def ask(self, request: Request) -> None:
        """Send another request."""

    def state(self) -> HostState:
        """Return the latest state."""
