"""A hand's pose on a ROS topic as a device: a leader arm, a tracker, a phone.

The tool repeats the motion of the pose since the clutch was closed, so that handing over moves nothing: neither where
the hand is then nor what it did before counts. Speed is bounded by the action; of a hand that runs ahead, the tool
makes up `lead_m` and leaves the rest.

    d = p_hand - p_followed,  w = log(R_hand R_followed^T)         since the clutch closed, less what was commanded
    action = M d / step_m,  M w / step_rad                         bounded in size, not in direction

M turns from the hand's frame, x forward, y left, z up, to the operator's, which turns with the gripper.
"""

import threading
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from controllers.ros import graph
from controllers.ros.rejection import CommandRejected
from controllers.ros.wire import Wire
from robot_rl.core import checks
from robot_rl.core.action_layout import ActionLayout
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import ConfigError
from robot_rl.core.pose import GRIPPER_DOWN, Pose, rot_z, rotation_exp
from robot_rl.core.tasks import ActionScale
from robot_rl.hardware.graph.messages import read_pose
from robot_rl.teleop.device import Device, DeviceState
from robot_rl.teleop.devices import DeviceContext
from robot_rl.teleop.devices.handheld import hand_action

LOST_S = 1.0
"""A topic that is silent for so long is a lost device [s]."""
SMOOTHING = 0.9
OPEN_ABOVE, CLOSE_BELOW = 0.6, 0.4
"""Opening of the hand's gripper beyond which the arm's opens or closes."""
HELP = """\
  Pose: {topic}, engaged while {clutch} is true, or by another device's dead-man; gripper: {gripper}"""


@dataclass(frozen=True)
class PoseConfig:
    """Settings of a pose on a topic; a name with a leading / is outside the arm's namespace.

    Raises:
        ConfigError: a number that is not positive, or a speed above 1.
    """

    topic: str = graph.HUMAN_POSE_INPUT.name
    """PoseStamped of the hand, in any frame of its own whose z is up."""
    clutch: str = graph.HUMAN_CLUTCH.name
    """Bool, sent all the time: true while the person holds the dead-man. Another device's replaces it."""
    gripper: str = graph.HUMAN_GRIPPER.name
    """JointState whose first position is the opening of the hand's gripper in [0, 1]."""
    frame: Literal["operator", "tool"] = "operator"
    """`operator`: forward, left and up of the hand are the operator's; `tool`: the axes of the hand are the tool's."""
    scale: float = 1.0
    """Way of the tool for a way of the hand; turns stay as they are."""
    speed: float = 1.0
    """Fraction of the largest action that bounds the speed, in (0, 1]."""
    lead_m: float = 0.05
    """Way of the tool behind the hand that is made up for [m]."""
    lead_rad: float = 0.3
    """The same of turns [rad]."""
    jump_m: float = 0.15
    """A pose farther than this from the one before is another tracker's start: it releases [m]."""
    silent_s: float = 0.2
    """A topic that is silent for so long releases, until the clutch is opened and closed again [s]."""

    def __post_init__(self) -> None:
        checks.one_of(self, ("operator", "tool"), "frame")
        checks.positive(self, "scale", "speed", "lead_m", "lead_rad", "jump_m", "silent_s")
        checks.fraction(self, "speed")


class Follower:
    """The pose that has been commanded so far, in the hand's frame, since the clutch closed at `T_hand`."""

    def __init__(self, T_hand: Pose, config: PoseConfig, scale: ActionScale) -> None:
        self._config, self._scale = config, scale
        self._T_start = self._T_followed = T_hand

    def action(self, T_hand: Pose, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return translation and rotation (3,) of an action in the operator's frame, and count a share of it as done.

        Args:
            share: part of a step until the next call.
        """
        config, M = self._config, self._to_operator(T_hand)
        behind = T_hand.minus(self._T_followed)
        way, turn = _bounded(behind[:3], config.lead_m / config.scale), _bounded(behind[3:], config.lead_rad)
        steps_m, steps_rad = self._scale.step_m / config.scale, self._scale.step_rad
        translation, rotation = (_within(M @ part, config.speed) for part in (way / steps_m, turn / steps_rad))
        rest_m, rest_rad = way - share * steps_m * M.T @ translation, turn - share * steps_rad * M.T @ rotation
        self._T_followed = Pose(T_hand.p - rest_m, rotation_exp(rest_rad).T @ T_hand.R)
        return translation, rotation

    def _to_operator(self, T_hand: Pose) -> np.ndarray:
        """Return what turns from the hand's frame to the operator's, which has turned with the gripper as the hand."""
        if self._config.frame == "tool":
            return GRIPPER_DOWN @ T_hand.R.T
        turned = T_hand.R @ self._T_start.R.T
        return rot_z(-np.arctan2(turned[1, 0] - turned[0, 1], turned[0, 0] + turned[1, 1]))


def _bounded(vector: np.ndarray, longest: float) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector if length <= longest else vector * (longest / length)


def _within(vector: np.ndarray, largest: float) -> np.ndarray:
    return vector / max(1.0, float(np.abs(vector).max()) / largest)


class PoseDevice(Device):
    """A pose on a topic; see the module.

    Args:
        share: part of a step between two reads.
        owned: whether `close` leaves the graph.
    """

    Settings = PoseConfig

    @classmethod
    def open(cls, context: DeviceContext) -> "PoseDevice":
        """Return the pose of the settings' topics.

        Raises:
            ConfigError: the action moves no tool.
        """
        if context.scale is None:
            raise ConfigError("pose: got an environment without an arm, expected a task; use another device.")
        wire, owned = context.wire()
        share = 1.0 / context.reads_a_step
        return cls(wire, context.layout, context.scale, context.settings, context.clock, share, owned)

    def __init__(
        self,
        wire: Wire,
        layout: ActionLayout,
        scale: ActionScale,
        config: PoseConfig | None = None,
        clock: Clock | None = None,
        share: float = 1.0,
        owned: bool = False,
    ) -> None:
        self._wire, self._layout, self._scale, self._owned = wire, layout, scale, owned
        self._config, self._clock, self._share = config or PoseConfig(), clock or SystemClock(), share
        self._lock = threading.Lock()
        self._T_hand: Pose | None = None
        self._heard_ns = self._clutch_ns = 0
        self._interval_s = np.nan  # between poses, of late
        self._closed, self._jumped, self._gripper = False, False, 0.0
        self._enabled: bool | None = None  # by another device's dead-man
        self._follower: Follower | None = None
        self._locked = True
        config = self._config
        self.help = HELP.format(topic=config.topic, clutch=config.clutch, gripper=config.gripper)
        wire.subscribe(graph.HUMAN_POSE_INPUT._replace(name=config.topic), self._on_pose)
        wire.subscribe(graph.HUMAN_CLUTCH._replace(name=config.clutch), self._on_clutch)
        wire.subscribe(graph.HUMAN_GRIPPER._replace(name=config.gripper), self._on_gripper)

    def enable(self, held: bool) -> None:
        """Let another device's dead-man replace the clutch."""
        self._enabled = held

    def reset(self) -> None:
        """Begin an episode: the arm is elsewhere, so the hand's motion counts from where it is now."""
        self._follower = None

    def read(self, proposed: np.ndarray | None = None) -> DeviceState:
        """Return the motion of the hand that the tool has not followed yet."""
        with self._lock:
            T_hand, gripper, engaged = self._T_hand, self._gripper, self._engages()
        translation = rotation = np.zeros(3)
        if engaged and T_hand is not None:
            self._follower = self._follower or Follower(T_hand, self._config, self._scale)
            translation, rotation = self._follower.action(T_hand, self._share)
        else:
            self._follower, gripper = None, 0.0
        return self._state(hand_action(self._layout, translation, rotation, gripper), engaged)

    def watch(self) -> DeviceState:
        """Return the state without the motion."""
        return self._state(None, False)

    def close(self) -> None:
        """Close the wire if this device owns it."""
        owned, self._owned = self._owned, False
        if owned:
            self._wire.close()

    @property
    def detail(self) -> str:
        """Rate of the poses, and what engages."""
        by = "another device" if self._enabled is not None else self._config.clutch
        rate = "one pose at most" if np.isnan(self._interval_s) else f"{1.0 / max(self._interval_s, 1e-6):.0f} Hz"
        return f"{rate} on {self._config.topic}, engaged by {by}"

    def _state(self, action: np.ndarray | None, engaged: bool) -> DeviceState:
        heard = self._T_hand is not None
        alive = heard and self._age_s(self._heard_ns) <= LOST_S
        return DeviceState(action, engaged, alive=alive, stamp_ns=self._heard_ns if heard else None)

    def _engages(self) -> bool:
        """Return whether the hand moves the arm; after silence or a jump the dead-man must be released first."""
        held = self._closed if self._enabled is None else self._enabled
        heard_ns = self._heard_ns if self._enabled is not None else min(self._heard_ns, self._clutch_ns)
        silent = self._T_hand is None or self._age_s(heard_ns) > self._config.silent_s
        self._locked = silent or self._jumped or (self._locked and held)
        self._jumped = False
        return held and not self._locked

    def _age_s(self, stamp_ns: int) -> float:
        return (self._clock.now_ns() - stamp_ns) / NS_PER_S

    def _on_pose(self, message: Any) -> None:
        try:
            T_hand = read_pose(message, message.header.frame_id)
        except CommandRejected:
            return
        with self._lock:
            before, self._T_hand = self._T_hand, T_hand
            self._jumped |= before is not None and bool(np.linalg.norm(T_hand.p - before.p) > self._config.jump_m)
            if before is not None:
                interval_s, known = self._age_s(self._heard_ns), not np.isnan(self._interval_s)
                self._interval_s = SMOOTHING * self._interval_s + (1 - SMOOTHING) * interval_s if known else interval_s
            self._heard_ns = self._clock.now_ns()

    def _on_clutch(self, message: Any) -> None:
        with self._lock:
            self._closed, self._clutch_ns = bool(message.data), self._clock.now_ns()

    def _on_gripper(self, message: Any) -> None:
        opening = float(message.position[0]) if len(message.position) else np.nan
        with self._lock:
            self._gripper = float(opening > OPEN_ABOVE) - float(opening < CLOSE_BELOW)
