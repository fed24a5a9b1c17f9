"""Counters of both ends of the wire."""

from dataclasses import dataclass


@dataclass
class LinkCounters:
    """Counts of an actor's link since its creation."""

    put: int = 0  # accepted into the spool
    dropped: int = 0  # not accepted: the spool was full or the disk failed
    sent: int = 0  # including repeats
    acknowledged: int = 0
    sessions: int = 0  # connections that the learner welcomed
    streams: int = 0  # streams begun because the learner is ahead of the spool
    publications: int = 0  # sets of weights received
    corrupt: int = 0  # publications that are unreadable or of another agent


@dataclass
class ServerCounters:
    """Counts of a learner's received messages since the start."""

    records: int = 0  # new and stored
    duplicates: int = 0  # stored before, acknowledged again
    out_of_order: int = 0  # ahead of a gap; the actor sends them again
    gaps: int = 0  # records missing from every spool
    refused: int = 0  # incompatible actors, or records that contradict the hello
    unknown: int = 0  # messages of connections without a hello
    recovered: int = 0  # read back from the journal
    unreadable: int = 0  # records in the journal that are left out
    not_stored: int = 0  # records that the journal's disk did not take; the actor sends them again
    syncs: int = 0
    publications: int = 0
