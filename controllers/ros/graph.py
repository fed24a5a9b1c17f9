"""ROS graph of one arm: name, message type and QoS of each topic in one table, without ROS.

Names are relative to the arm's namespace (`/left`, or empty), so that one graph can hold several arms. Node and clients
of every library use names and QoS of this table only.

Frames: `base` and `tcp` of one arm, `hand` for the wrist's sensor. Units: SI.
"""

from enum import Enum
from typing import NamedTuple


class Quality(NamedTuple):
    """Quality of service of a topic, as in ROS; both sides must agree on it.

    `deadline_s` and `lifespan_s` are offered by the writer; 0 leaves them out.
    """

    reliable: bool
    latched: bool = False  # TRANSIENT_LOCAL: a late reader gets the last message
    depth: int = 1
    deadline_s: float = 0.0
    lifespan_s: float = 0.0


class Qualities(Enum):
    """QoS of the four kinds of topics."""

    COMMAND = Quality(reliable=True, lifespan_s=0.2)  # an old command is useless
    STATE = Quality(reliable=True, depth=1)  # a reliable writer reaches every reader
    SENSOR = Quality(reliable=False, depth=5)  # sensor data: for readers of other robots
    STATUS = Quality(reliable=True, latched=True)


class Topic(NamedTuple):
    """One topic: its name relative to the arm's namespace, its type as in `ros2 topic list -t`, its quality."""

    name: str
    type: str
    quality: Quality


class Service(NamedTuple):
    """One service: its name relative to the arm's namespace, and its type."""

    name: str
    type: str


CONTROLLER = "impedance_controller"
BASE, TCP, HAND = "base", "tcp", "hand"
FINGER_JOINT = "finger"

_POSE, _TWIST, _WRENCH = (f"geometry_msgs/msg/{name}Stamped" for name in ("Pose", "Twist", "Wrench"))
_JOINTS, _NUMBERS = "sensor_msgs/msg/JointState", "std_msgs/msg/Float64MultiArray"
_COMMAND, _STATE, _SENSOR, _STATUS = (quality.value for quality in Qualities)


def _own(name: str, kind: str, quality: Quality) -> Topic:
    return Topic(f"{CONTROLLER}/{name}", kind, quality)


def at_root(topic: Topic) -> Topic:
    """Return a topic of the controller under crisp_controllers' name: without that of the controller."""
    return topic._replace(name=topic.name.rsplit("/", 1)[-1])


# To the controller. Poses and twists of the TCP in `base`. Those below `human/` have priority.
TARGET_POSE = _own("target_pose", _POSE, _COMMAND)
TARGET_TWIST = _own("target_twist", _TWIST, _COMMAND)
TARGET_JOINT = _own("target_joint", _JOINTS, _COMMAND)
# a joint motion to all positions, once; `velocity`: fraction of the full speed, the same for each; empty: 1
JOINT_MOTION = _own("joint_motion", _JOINTS, _COMMAND)
TARGET_WRENCH = _own("target_wrench", _WRENCH, _COMMAND)
TARGET_STIFFNESS = _own("target_stiffness", _NUMBERS, _COMMAND)  # gains by name: see `from_ros.gains_of`
HUMAN_POSE = _own("human/target_pose", _POSE, _COMMAND)
HUMAN_TWIST = _own("human/target_twist", _TWIST, _COMMAND)
HUMAN_STOP = _own("human/stop", "std_msgs/msg/Bool", Quality(reliable=True, depth=10))  # true: latched as by ~/estop
# Stop reports of supervisors and controllers, sent to every arm of the graph: see `stops.py`.
STOP = Topic("/emergency_stop", "diagnostic_msgs/msg/DiagnosticStatus", Quality(reliable=True, depth=10))

# From the controller.
CURRENT_POSE = _own("current_pose", _POSE, _STATE)
COMMANDED_POSE = _own("commanded_pose", _POSE, _STATE)
CURRENT_TWIST = _own("current_twist", _TWIST, _STATE)
TRACKING_ERROR = _own("tracking_error", _TWIST, _STATE)  # a displacement: metres and a rotation vector
ESTIMATED_WRENCH = _own("estimated_wrench", _WRENCH, _STATE)  # in `base`, without a sensor
TAU_COMMAND = _own("tau_cmd", _JOINTS, _STATE)  # commanded torques, in the model's order of joints, and their state
GAINS = _own("gains", _NUMBERS, _STATUS)  # active, as in `target_stiffness`
STATUS = _own("status", "diagnostic_msgs/msg/DiagnosticStatus", _STATUS)
DIAGNOSTICS = Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", Quality(reliable=True, depth=10))

# Services of the controller.
_TRIGGER, _SWITCH = "std_srvs/srv/Trigger", "std_srvs/srv/SetBool"
ENABLE = Service(f"{CONTROLLER}/enable", _SWITCH)  # track targets from the measured pose; false: the arm holds itself
HOLD = Service(f"{CONTROLLER}/hold", _SWITCH)
RESET_TARGET = Service(f"{CONTROLLER}/reset_target", _TRIGGER)
RECOVER = Service(f"{CONTROLLER}/recover", _TRIGGER)  # release the emergency stop, or back off after a fault
HOME_POSE = Service(f"{CONTROLLER}/home", _TRIGGER)
GUIDE = Service(f"{CONTROLLER}/guide", _SWITCH)  # by hand, gravity only; false: hold where it is
ZERO_WRENCH = Service(f"{CONTROLLER}/zero_wrench", _TRIGGER)  # of `estimated_wrench`
ESTOP = Service(f"{CONTROLLER}/estop", _TRIGGER)
DUMP = Service(f"{CONTROLLER}/dump", _TRIGGER)  # write the black box

# Frames, and the arm's model.
TF = Topic("/tf", "tf2_msgs/msg/TFMessage", Quality(reliable=True, depth=100))
TF_STATIC = Topic("/tf_static", "tf2_msgs/msg/TFMessage", _STATUS)
ROBOT_DESCRIPTION = Topic("robot_description", "std_msgs/msg/String", _STATUS)  # the URDF, where the arm has one

# The arm and its hand.
JOINT_STATES = Topic("joint_states", _JOINTS, _STATE)
WRENCH = Topic(
    "wrench", _WRENCH, _STATE
)  # external wrench on the hand, in `hand`; of a sensor, without the tool's weight
GRIPPER_STATE = Topic("gripper/joint_states", _JOINTS, _STATE)  # position: travel of one finger [m]
GRIPPER_TARGET = Topic("gripper/target", _JOINTS, _COMMAND)

# The simulator's task server; absent on a real arm.
TASK_RESET = Topic("task/reset", "std_msgs/msg/UInt64", Quality(reliable=True))
TASK_STATE = Topic("task/state", _NUMBERS, Quality(reliable=True))
# Sections of `task/state`, one after the other in `data`; each is a dimension of the layout with its name and size.
TASK_STATE_SECTIONS = (
    ("reset_id", 1),  # id of the last reset; -1 before the first
    ("reset_stamp_s", 1),  # time of that scene, since the epoch
    ("stamp_s", 1),  # of this state
    ("success", 1),  # 0 or 1
    ("failure", 1),  # 0 or 1
    ("goal_position", 3),  # the scripted expert's goal of the TCP, in `base`
    ("goal_quat_xyzw", 4),
    ("goal_gripper", 1),  # -1 close, 0 as it is, 1 open
    ("object_state", 0),  # the task's own numbers, as many as there are
)

# The human's input for the actor's arbiter: axes as an action in [-1, 1], the gripper last.
HUMAN_PROMPT = Topic("human/prompt", "std_msgs/msg/String", _STATUS)  # what the person has to do now
HUMAN_INPUT = Topic("human/input", "sensor_msgs/msg/Joy", _COMMAND)
# A hand's pose in any frame of its own: a leader arm, a tracker, a phone; its clutch, and the opening of its gripper in
# [0, 1]. Readers take any quality.
HUMAN_POSE_INPUT = Topic("human/pose", _POSE, _SENSOR)
HUMAN_CLUTCH = Topic("human/clutch", "std_msgs/msg/Bool", _SENSOR)
HUMAN_GRIPPER = Topic("human/gripper", _JOINTS, _SENSOR)
# Buttons of `human/input`. The first two are 0 or 1; labels, requests to clear a stop, "the scene is set" and requests
# to save the last seconds are counts since the start of the sender, whose name is the frame_id: a lost message loses
# none; a restarted one clears nothing.
HUMAN_BUTTONS = ("engaged", "estop", "success", "failure", "undo", "stage", "clear", "ready", "save")


def image_topic(camera: str) -> Topic:
    """Return the topic of a camera's colour images, rgb8, stamped at exposure."""
    return Topic(f"{camera}/color/image_raw", "sensor_msgs/msg/Image", _SENSOR)


def compressed_topic(camera: str) -> Topic:
    """Return the topic of the same images as JPEG, for recordings, named as by image_transport."""
    return Topic(f"{camera}/color/image_raw/compressed", "sensor_msgs/msg/CompressedImage", _SENSOR)


def depth_topic(camera: str) -> Topic:
    """Return the topic of depth in the colour camera's pixels, 16UC1 [mm]."""
    return Topic(f"{camera}/aligned_depth_to_color/image_raw", "sensor_msgs/msg/Image", _SENSOR)


def camera_info_topic(camera: str) -> Topic:
    """Intrinsics."""
    return Topic(f"{camera}/color/camera_info", "sensor_msgs/msg/CameraInfo", _SENSOR)


def in_namespace(name: str, namespace: str) -> str:
    """Return the name of an arm's frame or node in its namespace, as in `left/base`."""
    space = namespace.strip("/")
    return f"{space}/{name}" if space else name


def resolve(topic: Topic | Service, namespace: str = "") -> str:
    """Return the full name of a topic or service in an arm's namespace.

    Example:
        >>> resolve(TARGET_POSE, "left")
        '/left/impedance_controller/target_pose'
        >>> resolve(DIAGNOSTICS, "left")
        '/diagnostics'
    """
    if topic.name.startswith("/"):
        return topic.name
    return "/".join(["", *(part for part in namespace.split("/") if part), topic.name])
