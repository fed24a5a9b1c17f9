"""Episodes as MCAP files of ROS 2 messages, one each, which Foxglove, Rerun and `ros2 bag` open, and back.

    CAMERA/color/image_raw/compressed   sensor_msgs/CompressedImage: the frame before each step, and the one that closed
                                        the episode; as recorded
    observation/NAME, action            std_msgs/Float32MultiArray and its like
    policy_action, human_action         the same, where there was one
    reward                              std_msgs/Float64
    events                              std_msgs/String: who acts from here on, success, the episode's end
    attachment episode.safetensors      all but the images, bit for bit, which `read` takes

Times are the recording's stamps; those of the simulator, which is no clock, are drawn out to the control rate.
"""

import io
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from robot_rl.core.errors import ConfigError, CorruptRecordError
from robot_rl.core.records import StepRecord
from robot_rl.core.tasks import PERIOD_S
from robot_rl.data.episodes import FRAME, IMAGE, from_arrays, to_arrays, unpacked
from robot_rl.data.formats import Episode
from robot_rl.data.health import paced
from robot_rl.data.whole_file import write_file

NAME = "episode-{number:06d}.mcap"
ATTACHMENT = "episode.safetensors"
TOPIC = "{camera}/color/image_raw/compressed"
"""As in `controllers.ros.graph.compressed_topic`."""
ARRAYS = {"f": "Float32MultiArray", "d": "Float64MultiArray", "B": "UInt8MultiArray", "q": "Int64MultiArray"}
"""Kind of a number -> message; half precision becomes single."""
PNG = b"\x89PNG"


class Message(NamedTuple):
    """A message to write."""

    topic: str
    type: str
    stamp_ns: int
    fields: Mapping[str, Any]


class McapEpisodes:
    """The dataset format of this module.

    Raises:
        ConfigError: rosbags is not installed.
    """

    def __init__(self) -> None:
        try:
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise ConfigError("dataset format mcap: got no rosbags; pip install 'robot-rl[ros]'.") from error
        self._types = get_typestore(Stores.ROS2_JAZZY)

    def count(self, folder: Path) -> int:
        """Return the number of episodes."""
        return len(_files(folder))

    def read(self, folder: Path) -> Iterator[Episode]:
        """Yield the episodes, oldest first."""
        yield from (self.episode(folder, number) for number in range(self.count(folder)))

    def episode(self, folder: Path, number: int) -> Episode:
        """Return one episode, counted from the oldest.

        Raises:
            CorruptRecordError: damaged, or not written by this module.
        """
        from mcap.exceptions import McapError
        from mcap.reader import make_reader

        path = _files(folder)[number]
        try:
            with path.open("rb") as file:
                reader = make_reader(file, validate_crcs=True)
                (data,) = (found.data for found in reader.iter_attachments() if found.name == ATTACHMENT)
                messages = [(channel.topic, bytes(message.data)) for _, channel, message in reader.iter_messages()]
            header = json.loads(_metadata(data)["robot_rl"])
            arrays = safetensors.numpy.load(data) | self._images(messages, json.loads(_metadata(data)["cameras"]))
            return from_arrays(header, arrays)
        except (McapError, OSError, ValueError, KeyError, struct.error, safetensors.SafetensorError) as error:
            raise CorruptRecordError(
                f"episode: got {path}, expected one that `robot-rl export --format mcap` wrote ({error!r}); a bag of "
                "topics holds no steps."
            ) from error

    def write(self, folder: Path, episode: Episode) -> None:
        """Write an episode under the next free number."""
        from mcap.writer import Writer

        header, arrays = to_arrays(episode)
        images = {prefix: unpacked(arrays, prefix) for prefix in (IMAGE, FRAME)}
        rest = {name: array for name, array in arrays.items() if not name.startswith((f"{IMAGE}/", f"{FRAME}/"))}
        cameras = {camera: prefix for prefix, found in images.items() for camera in found}
        about = {"robot_rl": json.dumps(header), "cameras": json.dumps(cameras)}
        buffer, stamps_ns = io.BytesIO(), _stamps_ns(episode.steps)
        writer = Writer(buffer)
        writer.start(profile="ros2", library="robot-rl")
        self._write_messages(writer, _messages(episode.steps, stamps_ns, images[IMAGE] | images[FRAME]))
        data = safetensors.numpy.save(rest, about)
        writer.add_attachment(stamps_ns[0], stamps_ns[0], ATTACHMENT, "application/octet-stream", data)
        writer.add_metadata("episode", {name: json.dumps(value) for name, value in episode.meta.items()})
        writer.finish()  # type: ignore[no-untyped-call]
        number = int(files[-1].stem.partition("-")[2]) + 1 if (files := _files(folder)) else 0
        write_file(folder / NAME.format(number=number), buffer.getvalue())

    def _write_messages(self, writer: Any, messages: Sequence[Message]) -> None:
        channels: dict[str, int] = {}
        for message in sorted(messages, key=lambda message: message.stamp_ns):
            if message.topic not in channels:
                definition = self._types.generate_msgdef(message.type, ros_version=2)[0].encode()
                schema = writer.register_schema(message.type, "ros2msg", definition)
                channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
            data = bytes(self._types.serialize_cdr(self._made(message.type, message.fields), message.type))
            writer.add_message(channels[message.topic], message.stamp_ns, data, message.stamp_ns)

    def _made(self, type_name: str, fields: Mapping[str, Any]) -> Any:
        """Return a message; a mapping makes an inner one, whose type is under the key `type`."""

        def inner(value: Any) -> Any:
            if isinstance(value, Mapping):
                return self._made(value["type"], {name: entry for name, entry in value.items() if name != "type"})
            return [inner(entry) for entry in value] if isinstance(value, list) else value

        return self._types.types[type_name](**{name: inner(value) for name, value in fields.items()})

    def _images(self, messages: Sequence[tuple[str, bytes]], cameras: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Return each camera's packed bytes by array name."""
        found = {}
        for camera, prefix in cameras.items():
            topic = TOPIC.format(camera=camera)
            data = [self._types.deserialize_cdr(data, _IMAGE_TYPE) for name, data in messages if name == topic]
            found[f"{prefix}/{camera}"] = np.concatenate([np.asarray(image.data) for image in data])  # type: ignore[attr-defined]
        return found


_IMAGE_TYPE = "sensor_msgs/msg/CompressedImage"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("episode-*.mcap"))


def _metadata(data: bytes) -> dict[str, str]:
    """Return the texts in the head of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + size])["__metadata__"])


def _stamps_ns(steps: Sequence[StepRecord]) -> list[int]:
    """Return the time of each step and of the observation that closes the episode (T + 1)."""
    period_ns = round(PERIOD_S * 1e9)
    if not paced(steps):
        return [steps[0].stamp_ns + i * period_ns for i in range(len(steps) + 1)]
    stamps = [step.stamp_ns for step in steps]
    return [*stamps, stamps[-1] + (stamps[-1] - stamps[-2] if len(stamps) > 1 else period_ns)]


def _messages(
    steps: Sequence[StepRecord], stamps_ns: Sequence[int], images: Mapping[str, Sequence[np.ndarray]]
) -> list[Message]:
    found = [
        _image(camera, stamp_ns, data)
        for camera, items in images.items()
        for stamp_ns, data in zip(stamps_ns, items, strict=False)
    ]
    observations = [step.obs for step in steps] + ([steps[-1].next_obs] if steps[-1].next_obs else [])
    for stamp_ns, obs in zip(stamps_ns, observations, strict=False):
        found += [
            _array(f"observation/{name}", stamp_ns, entry)
            for name, entry in obs.items()
            if name not in images or entry.dtype != np.uint8
        ]
    for stamp_ns, step in zip(stamps_ns, steps, strict=False):
        actions = {name: getattr(step, name) for name in ("action", "policy_action", "human_action")}
        found += [_array(name, stamp_ns, value) for name, value in actions.items() if np.isfinite(value).all()]
        found.append(Message("reward", "std_msgs/msg/Float64", stamp_ns, {"data": step.reward}))
    return [*found, *_events(steps, stamps_ns)]


def _events(steps: Sequence[StepRecord], stamps_ns: Sequence[int]) -> Iterator[Message]:
    before = None
    for stamp_ns, step in zip(stamps_ns, steps, strict=False):
        if step.source != before:
            yield Message("events", "std_msgs/msg/String", stamp_ns, {"data": f"{step.source.name.lower()} acts"})
        before = step.source
    last = steps[-1]
    end = "success" if last.success else "failure" if last.terminated else "out of time"
    yield Message("events", "std_msgs/msg/String", stamps_ns[-1], {"data": end})


def _image(camera: str, stamp_ns: int, data: np.ndarray) -> Message:
    stamp = {
        "type": "builtin_interfaces/msg/Time", "sec": stamp_ns // 1_000_000_000, "nanosec": stamp_ns % 1_000_000_000
    }  # fmt: skip
    header = {"type": "std_msgs/msg/Header", "stamp": stamp, "frame_id": camera}
    form = "png" if data[:4].tobytes() == PNG else "jpeg"
    fields = {"header": header, "format": form, "data": np.ascontiguousarray(data)}
    return Message(TOPIC.format(camera=camera), _IMAGE_TYPE, stamp_ns, fields)


def _array(topic: str, stamp_ns: int, array: np.ndarray) -> Message:
    values = array.astype(np.float32) if array.dtype == np.float16 else array
    kind = values.dtype.char if values.dtype.char in ARRAYS else "d"
    dims = [
        {
            "type": "std_msgs/msg/MultiArrayDimension",
            "label": "",
            "size": size,
            "stride": int(np.prod(values.shape[axis:])),
        }
        for axis, size in enumerate(values.shape)
    ]
    layout = {"type": "std_msgs/msg/MultiArrayLayout", "dim": dims, "data_offset": 0}
    data = np.ascontiguousarray(values.reshape(-1), dtype=kind)
    return Message(topic, f"std_msgs/msg/{ARRAYS[kind]}", stamp_ns, {"layout": layout, "data": data})
