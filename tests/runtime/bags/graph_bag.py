"""Bags of a simulated episode: what a graph run publishes, written as MCAP by `ros2 bag record`'s conventions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import Writer
from rosbags.typesys import Stores, get_typestore

from controllers.ros import graph
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import PERIOD_S
from robot_rl.envs.simulated import make_simulated_env
from robot_rl.hardware.graph import messages
from robot_rl.hardware.graph.dds_messages import message_type
from robot_rl.hardware.robot import RobotState

EPOCH_NS = 1_790_000_000_000_000_000
MS = 1_000_000
DELAY_NS = 3 * MS
"""From a message's stamp to its arrival at the recorder."""


class Maker:
    """The part of a wire that makes messages."""

    def make(self, type_name: str, **fields: Any) -> Any:
        message = message_type(type_name).make()
        for name, value in fields.items():
            setattr(message, name, value)
        return message


@dataclass
class Simulated:
    """One episode of the scripted expert: state and images before each step and at the end (T + 1), targets (T)."""

    states: list[RobotState] = field(default_factory=list)
    obs: list[dict[str, np.ndarray]] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)
    targets: list[Pose] = field(default_factory=list)
    fingers_m: list[float | None] = field(default_factory=list)


def simulate(task: str, seed: int, cameras: Iterable[str] | None = None, steps_max: int = 200) -> Simulated:
    env, made = make_simulated_env(task, cameras=cameras), Simulated()
    made.obs.append(env.reset(seed=seed)[0])
    made.states.append(env.cell.robots[""].state())
    ended = False
    while not ended and len(made.actions) < steps_max:
        action = env.expert_action()
        obs, _, terminated, truncated, _ = env.step(action)
        made.actions.append(np.asarray(action, np.float32))
        made.targets.append(env.targets[""])
        made.fingers_m.append(env._fingers_m[""])
        made.states.append(env.cell.robots[""].state())
        made.obs.append(obs)
        ended = terminated or truncated
    env.close()
    return made


class BagWriter:
    """Writes messages to an MCAP file, in the order of their arrival."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._wire, self._store = path, Maker(), get_typestore(Stores.ROS2_JAZZY)
        self._rows: list[tuple[int, str, str, bytes]] = []

    def add(self, topic: graph.Topic, message: Any, stamp_ns: int, namespace: str = "") -> None:
        data = bytes(self._store.serialize_cdr(message, topic.type))
        self._rows.append((stamp_ns + DELAY_NS, graph.resolve(topic, namespace), topic.type, data))

    def state(self, state: RobotState, at: int) -> None:
        self.add(graph.CURRENT_POSE, messages.pose_message(self._wire, state.T_base_tcp, at, "base"), at)
        self.add(graph.CURRENT_TWIST, messages.twist_message(self._wire, state.twist, at, "base"), at)
        self.add(graph.WRENCH, messages.wrench_message(self._wire, state.wrench, at, "hand"), at)
        finger = messages.joints_message(self._wire, [graph.FINGER_JOINT], np.array([state.finger_m]), at)
        self.add(graph.GRIPPER_STATE, finger, at)

    def target(self, T: Pose, finger_m: float | None, at: int, topic: graph.Topic = graph.TARGET_POSE) -> None:
        self.add(topic, messages.pose_message(self._wire, T, at, "base"), at)
        if finger_m is not None:
            finger = messages.joints_message(self._wire, [graph.FINGER_JOINT], np.array([finger_m]), at)
            self.add(graph.GRIPPER_TARGET, finger, at)

    def image(self, camera: str, image: np.ndarray, at: int) -> None:
        self.add(graph.image_topic(camera), messages.image_message(self._wire, image, at, camera), at)

    def labels(self, success: int, failure: int, at: int) -> None:
        counts = {"success": success, "failure": failure}
        buttons = np.array([counts.get(name, 0) for name in graph.HUMAN_BUTTONS], np.int32)
        joy = messages.stamped(self._wire, graph.HUMAN_INPUT.type, at, "browser", axes=np.zeros(7, np.float32))
        joy.buttons = buttons
        self.add(graph.HUMAN_INPUT, joy, at)

    def close(self) -> None:
        with self._path.open("wb") as file:
            writer, channels = Writer(file), dict[str, int]()
            writer.start(profile="ros2", library="test")
            for log_ns, topic, kind, data in sorted(self._rows, key=lambda row: row[0]):
                if topic not in channels:
                    text = self._store.generate_msgdef(kind, ros_version=2)[0].encode()
                    channels[topic] = writer.register_channel(
                        topic, "cdr", writer.register_schema(kind, "ros2msg", text)
                    )
                writer.add_message(channels[topic], log_ns, data, log_ns)
            writer.finish()


def write_run(
    bag: BagWriter, run: Simulated, start_ns: int, skip: Callable[[str, int], bool] = lambda *_: False
) -> None:
    """Write an episode as a run over the graph: targets at 10 Hz, 2 ms after the state; states four times as often.

    Args:
        skip: whether what `state` or `image` names is missing at step k.
    """
    period_ns = round(1e9 * PERIOD_S)
    for k, state in enumerate(run.states):
        at = start_ns + k * period_ns
        if not skip("state", k):
            bag.state(state, at)
        if not skip("image", k):
            for camera, image in run.obs[k].items():
                if image.ndim == 3:
                    bag.image(camera, image, at - 20 * MS)
        if k < len(run.targets):
            bag.target(run.targets[k], run.fingers_m[k], at + 2 * MS)
