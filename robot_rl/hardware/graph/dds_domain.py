"""Network of a DDS participant: this machine's loopback by default.

Cyclone DDS takes its settings from the environment variable `CYCLONEDDS_URI`. Where that is not set, this module's
`LOOPBACK` is used: nothing leaves the machine, and multicast need not be enabled on `lo`. ROS nodes of this machine
join with the same settings: `export CYCLONEDDS_URI="$(python -m robot_rl.hardware.graph.dds_domain)"`. To reach another
computer, set `CYCLONEDDS_URI` on both. cyclonedds is imported when a domain is joined: ROS nodes use `LOOPBACK` without
it.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from robot_rl.core.errors import ConfigError

DOMAIN_MAX = 232  # beyond it the ports of the standard's formula end
PARTICIPANTS_MAX = 60  # on one machine and domain; each finds the others by their number
LOOPBACK = (
    '<CycloneDDS><Domain Id="any"><General><Interfaces><NetworkInterface name="lo" multicast="true"/></Interfaces>'
    # Loopback carries datagrams of 64 kB; in those an image takes half the time that it takes in Ethernet's.
    "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>64000B</FragmentSize>"
    "</General><Discovery><ParticipantIndex>auto</ParticipantIndex>"
    f"<MaxAutoParticipantIndex>{PARTICIPANTS_MAX}</MaxAutoParticipantIndex>"
    '<Peers><Peer address="localhost"/></Peers></Discovery></Domain></CycloneDDS>'
)


def enter_domain(domain_id: int) -> None:
    """Set the domain's settings for this process, before its first participant."""
    if not os.environ.get("CYCLONEDDS_URI"):
        _loopback_domain(domain_id)


@cache
def _loopback_domain(domain_id: int) -> Any:
    """Keep the domain until the process ends: deleting it would delete its participants."""
    from cyclonedds.domain import Domain

    return Domain(domain_id, LOOPBACK)


def domain_id_of(environment: Mapping[str, str]) -> int:
    """Return the number in ROS_DOMAIN_ID, 0 where it is not set.

    Raises:
        ConfigError: no number from 0 to 232.
    """
    text = environment.get("ROS_DOMAIN_ID", "") or "0"
    if not (text.isdecimal() and int(text) <= DOMAIN_MAX):
        raise ConfigError(f"ROS_DOMAIN_ID: got {text!r}, expected a number from 0 to {DOMAIN_MAX}; unset it for 0.")
    return int(text)


if __name__ == "__main__":
    print(LOOPBACK)
