"""The device's side of the codec: reads what the host sends."""

from typing import cast

from robot_rl.teleop.pendant.messages import HOST_MESSAGES, HostMessage, read_message


def read_host_message(payload: bytes) -> tuple[int, HostMessage]:
    """Return sequence and message of a payload from the host."""
    sequence, message = read_message(payload, HOST_MESSAGES)
    return sequence, cast(HostMessage, message)
