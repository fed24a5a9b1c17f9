"""Topics of a bag, MCAP files as `ros2 bag record --storage mcap` writes them, as series of stamped values.

Stamps are those of the messages' headers. Messages without one have the time of their arrival at the recorder, less the
usual delay of the others.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from controllers.ros import from_ros, graph
from controllers.ros.rejection import CommandRejected
from robot_rl.core.clock import NS_PER_S
from robot_rl.core.errors import BadMessageError, ConfigError, CorruptRecordError


class Message(NamedTuple):
    """A message of a bag."""

    topic: str
    stamp_ns: int | None  # of its header, where it has one
    log_ns: int  # time of its arrival at the recorder
    content: Any


class Series(NamedTuple):
    """Values of a topic in the order of their stamps."""

    topic: str
    stamps_ns: np.ndarray  # (T,) int64
    values: list[Any]
    refused: int = 0  # messages that hold no such value

    def before(self, times_ns: np.ndarray) -> np.ndarray:
        """Return the index of the newest value at or before each time; -1: there is none."""
        return np.searchsorted(self.stamps_ns, times_ns, "right") - 1

    @property
    def period_s(self) -> float:
        """Median time between two values [s]; infinite for fewer than two."""
        return float(np.median(np.diff(self.stamps_ns))) / NS_PER_S if len(self.values) > 1 else np.inf

    @property
    def gap_s(self) -> float:
        """Longest time between two values [s]."""
        return float(np.diff(self.stamps_ns).max(initial=0)) / NS_PER_S


class Bag:
    """The files of a bag.

    Args:
        path: an MCAP file, or the folder of one bag.

    Raises:
        ConfigError: no MCAP file is there, or rosbags is not installed.
        CorruptRecordError: damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise ConfigError("bag: got no rosbags, expected it; pip install 'robot-rl[ros]'.") from error
        self.path, self._store = path, get_typestore(Stores.ROS2_JAZZY)
        self._files = sorted(path.glob("*.mcap"), key=_number) if path.is_dir() else [path]
        if not self._files or not all(file.is_file() for file in self._files):
            raise ConfigError(
                f"bag: got {path} without an .mcap file, expected that of `ros2 bag record --storage mcap`; convert "
                "others by `ros2 bag convert`."
            )
        self.types = {topic: kind for file in self._files for topic, kind in self._channels(file)}

    def messages(self, topics: Collection[str]) -> Iterator[Message]:
        """Yield the messages of topics in the order of their arrival.

        Raises:
            CorruptRecordError: damaged.
        """
        from mcap.reader import make_reader

        for path in self._files if topics else ():
            with path.open("rb") as file, _damage(path):
                for _, channel, message in make_reader(file).iter_messages(topics=list(topics)):
                    content = self._store.deserialize_cdr(message.data, self.types[channel.topic])
                    stamp_ns = from_ros.stamp_ns(content) if hasattr(content, "header") else None
                    yield Message(channel.topic, stamp_ns, message.log_time, content)

    def read(self, topics: dict[str, Callable[[Any], Any]]) -> dict[str, Series]:
        """Return the series of topics, each by a function that returns a message's value.

        A message is refused, and counted, where that raises `CommandRejected` or `BadMessageError`.
        """
        rows: dict[str, list[tuple[int | None, int, Any]]] = {topic: [] for topic in topics}
        refused = dict.fromkeys(topics, 0)
        for topic, stamp_ns, log_ns, content in self.messages(topics):
            refused[topic] += 1
            with suppress(CommandRejected, BadMessageError):
                rows[topic].append((stamp_ns, log_ns, topics[topic](content)))
                refused[topic] -= 1
        delays = [log_ns - stamp_ns for found in rows.values() for stamp_ns, log_ns, _ in found if stamp_ns is not None]
        delay_ns = round(float(np.median(delays))) if delays else 0
        return {topic: _series(topic, found, delay_ns, refused[topic]) for topic, found in rows.items()}

    def find(self, topic: graph.Topic, namespace: str) -> str:
        """Return the name of a topic of an arm in this bag, also below no controller; empty: it is not recorded."""
        names = (graph.resolve(found, namespace) for found in (topic, graph.at_root(topic)))
        return next((name for name in names if name in self.types), "")

    def namespace(self, wanted: str) -> str:
        """Return the namespace of the arm.

        Raises:
            ConfigError: there is no arm, not the wanted one, or several.
        """
        end = graph.CURRENT_POSE.name.rpartition("/")[2]
        tails = (f"/{graph.CONTROLLER}/{end}", f"/{end}")
        names = [(topic, tail) for topic in self.types for tail in tails if topic.endswith(tail)]
        found = sorted({topic.removesuffix(tails[0]).removesuffix(tails[1]).strip("/") for topic, _ in names})
        if wanted.strip("/") in found and (wanted or len(found) == 1):
            return wanted.strip("/")
        if len(found) == 1 and not wanted:
            return found[0]
        raise ConfigError(
            f"bag: got {', '.join(repr(name) for name in found) or 'no'} namespaces with a topic {end}, expected "
            f"{wanted or 'one'}; name the arm's by --namespace, or record that topic."
        )

    def _channels(self, path: Path) -> list[tuple[str, str]]:
        from mcap.reader import make_reader

        with path.open("rb") as file, _damage(path):
            summary = make_reader(file).get_summary()
            if summary is None or not summary.channels:
                raise ValueError("without an index; `ros2 bag reindex` or `mcap recover` repairs a torn one")
            return [(each.topic, summary.schemas[each.schema_id].name) for each in summary.channels.values()]


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Name the file in errors of its reader."""
    from mcap.exceptions import McapError
    from rosbags.serde import SerdeError

    try:
        yield
    except (McapError, SerdeError, OSError, ValueError, KeyError, struct.error) as error:
        raise CorruptRecordError(f"bag: got {path} ({error!r}), expected a whole MCAP file.") from error


def _number(path: Path) -> tuple[int, str]:
    """Return the order of the files of one bag: NAME_0.mcap ... NAME_10.mcap."""
    tail = path.stem.rpartition("_")[2]
    return (int(tail) if tail.isdecimal() else -1, path.stem)


def _series(topic: str, rows: list[tuple[int | None, int, Any]], delay_ns: int, refused: int) -> Series:
    stamps = np.array([log - delay_ns if stamp is None else stamp for stamp, log, _ in rows], np.int64)
    order = np.argsort(stamps, kind="stable")
    return Series(topic, stamps[order], [rows[row][2] for row in order], refused)
