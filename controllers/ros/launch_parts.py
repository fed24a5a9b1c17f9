"""Common parts of the launch files: arguments and nodes.

Nodes run as `PYTHON -m MODULE` with the Python that has this package's libraries, since ROS's own usually lacks numba.
Launch files therefore work from an installed overlay and from a source checkout.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessIO, OnProcessStart
from launch.events import Shutdown, matches_action
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.ros_adapters import get_ros_node
from lifecycle_msgs.msg import Transition

from controllers.arms.spec import SIMULATED, arm_names, load_arm
from controllers.ros import graph
from controllers.ros.frames import urdf_of
from controllers.ros.graph import CONTROLLER
from controllers.ros.namesake import wait_until_alone

CHECKOUT = Path(__file__).resolve().parents[2]
TOPICS = [topic for topic in vars(graph).values() if isinstance(topic, graph.Topic)]
CRISPS = [graph.at_root(topic) for topic in TOPICS if topic.name.startswith(f"{CONTROLLER}/target_")]
END_LIMIT_S = "20"  # the arm holds at once; its black box and the processes of loop and gripper end after that
JPEG_QUALITY = 90  # of recorded images, where the camera's file has no other


class Argument(NamedTuple):
    """One argument of a launch file."""

    default: str
    text: str
    choices: list[str] | None = None


ARGUMENTS: dict[str, Argument] = {
    "robot_type": Argument("fr3", f"arm: {', '.join(arm_names())}, or the path of its YAML file"),
    "driver": Argument("auto", "the driver, or module:Class; auto: that of the arm's file"),
    "gripper": Argument("auto", "the gripper's driver, none, or module:Class; auto: that of the arm's file"),
    "robot_ip": Argument("", "the arm's address, as in 172.16.0.2"),
    "use_fake_hardware": Argument(
        "false", "a simulated arm on the real one's topics: that of robot_type's model, or an FER", ["true", "false"]
    ),
    "namespace": Argument("", "of all topics and nodes of this arm, as in left"),
    "use_sim_time": Argument("false", "stamps from /clock instead of this computer's time", ["true", "false"]),
    "config": Argument("", "YAML file of parameters; empty: only the other arguments"),
    "cameras": Argument("", "cameras.json, or YAML files of parameters with commas between; empty: no cameras"),
    "rviz": Argument("false", "RViz, and a robot_state_publisher of the arm's URDF", ["true", "false"]),
    "crisp": Argument("false", "what crisp_py expects beside the topics of crisp_controllers", ["true", "false"]),
    "teleop": Argument("none", "input device of the human: none, keyboard, pendant, or module:Class"),
    "record": Argument("false", "write a rosbag2 in MCAP beside the run", ["true", "false"]),
    "bag": Argument("", "folder of the recording; empty: rosbag2 names it by the time"),
    "log_level": Argument("info", "of all nodes", ["debug", "info", "warn", "error", "fatal"]),
    "python": Argument("", "interpreter of the nodes; empty: the checkout's .venv, else that of colcon build"),
    "task": Argument("pick-lift", "task whose scene is simulated: a name, a file or module:NAME"),
    "run": Argument("", "folder of the run, with its config.json"),
    "address": Argument("tcp://127.0.0.1:5555", "where the learner listens"),
}  # fmt: skip


def declare(*names: str, **defaults: str) -> list[Any]:
    """Return the declarations of arguments by name; `defaults` replace the table's."""
    return [
        DeclareLaunchArgument(
            name,
            default_value=defaults.get(name, ARGUMENTS[name].default),
            description=ARGUMENTS[name].text,
            choices=ARGUMENTS[name].choices,
        )
        for name in (*names, *(name for name in defaults if name not in names))
    ]


def given(context: LaunchContext) -> dict[str, str]:
    """Return the arguments' values as text."""
    return dict(context.launch_configurations)


def interpreter(named: str) -> str:
    """Return the nodes' Python: the argument's, the checkout's, that of colcon's build, or this one."""
    own = CHECKOUT / ".venv" / "bin" / "python"
    return named or os.environ.get("ROBOT_RL_PYTHON", "") or (str(own) if own.exists() else _builder())


def _builder() -> str:
    """Return the interpreter of an installed node's first line; this one without an installation."""
    try:
        script = Path(get_package_prefix("robot_rl"), "lib", "robot_rl", CONTROLLER)
        return script.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").strip()
    except (PackageNotFoundError, OSError, IndexError):
        return sys.executable


def _words(arguments: dict[str, str], module: str) -> dict[str, Any]:
    return {
        "executable": interpreter(arguments["python"]),
        "arguments": ["-m", module],
        "namespace": arguments["namespace"],
        "additional_env": {
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
        },
        "output": "screen",
        "sigterm_timeout": END_LIMIT_S,
        "ros_arguments": ["--log-level", arguments["log_level"]],
    }


def node(module: str, name: str, arguments: dict[str, str], parameters: list[Any], **words: Any) -> Any:
    """Return a node of this package, without respawning."""
    return Node(**(_words(arguments, module) | {"name": name, "parameters": parameters} | words))


def controller(arguments: dict[str, str]) -> Any:
    """Return the impedance controller of an arm."""
    fake = arguments["use_fake_hardware"] == "true"
    usual = "" if arguments["driver"] == "auto" else arguments["driver"]
    address = "" if fake else arguments["robot_ip"]
    spec = load_arm(arguments["robot_type"], driver=usual, address=address)  # what does not exist ends the launch now
    rehearsed = fake and spec.model
    named: dict[str, Any] = {
        "driver": SIMULATED if rehearsed else "" if fake else usual,
        "arm": SIMULATED if fake and not rehearsed else arguments["robot_type"],
        "robot_ip": address,
        "gripper": "" if fake or arguments["gripper"] == "auto" else arguments["gripper"],
        "use_sim_time": arguments["use_sim_time"] == "true",
        "tf_prefix": tf_prefix(arguments),
        "crisp": arguments.get("crisp") == "true",
    }
    if arguments["config"]:  # the file's value holds unless an argument differs from its default
        named = {key: named[key] for key in ("use_sim_time", "tf_prefix", "crisp")} | _said(arguments, named)
    files = [arguments["config"]] if arguments["config"] else []
    words = _words(arguments, "controllers.ros.node")
    return LifecycleNode(**words, name=CONTROLLER, parameters=[*files, named])


def refuse_second(context: LaunchContext, namespace: str) -> None:
    """Refuse to launch a controller where one of the same name runs: requests of this launch would reach that one.

    Raises:
        RuntimeError: one runs.
    """
    status, node = graph.resolve(graph.STATUS, namespace), get_ros_node(context)
    if refused := wait_until_alone(lambda: node.count_publishers(status), status.rsplit("/", 1)[0]):
        raise RuntimeError(refused)


def _said(arguments: dict[str, str], named: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that override a file: fake hardware always, the others where they are not the default."""
    if arguments["use_fake_hardware"] == "true":
        return {key: named[key] for key in ("driver", "arm", "robot_ip", "gripper")}
    return {
        key: named[key]
        for key, argument in (
            ("driver", "driver"),
            ("arm", "robot_type"),
            ("robot_ip", "robot_ip"),
            ("gripper", "gripper"),
        )
        if arguments[argument] != ARGUMENTS[argument].default
    }


def teleoperation(arguments: dict[str, str], to: str = "controller") -> Any:
    """Return the human's device, which commands the controller or the actor. A keyboard reads this terminal."""
    device = {"device": arguments["teleop"], "to": to}
    return node("robot_rl.nodes.teleop", "teleop", arguments, [device], emulate_tty=True)


def simulated(arguments: dict[str, str]) -> Any:
    """Return the simulated robot: controller, gripper, cameras and task server in one node."""
    files = [arguments["config"]] if arguments["config"] else []
    task = {"task": arguments["task"]}
    return node("robot_rl.nodes.simulated_robot", CONTROLLER, arguments, [*files, task])


def _end(reason: str) -> Callable[[Any, LaunchContext], list[Any]]:
    """Return a handler of a process's exit that ends the launch, once: ROS cannot be shut down twice."""

    def ended(event: Any, context: LaunchContext) -> list[Any]:
        return [] if context.is_shutdown else [EmitEvent(event=Shutdown(reason=reason))]

    return ended


def beside(robot: Any, others: list[Any]) -> list[Any]:
    """Return the simulated robot, and the processes that start once it serves, after compiling, and end with it."""
    waiting = list(others)

    def served(event: Any) -> list[Any]:
        started, waiting[:] = (waiting[:], []) if b"serving " in event.text else ([], waiting)
        return started

    over = OnProcessExit(target_action=robot, on_exit=_end("the robot ended"))
    return [RegisterEventHandler(over), RegisterEventHandler(OnProcessIO(target_action=robot, on_stdout=served)), robot]


def in_order(arm: Any, then: list[Any]) -> list[Any]:
    """Return the controller, configured and activated, and the others, started afterwards; all end together.

    All processes get the signal of the end at once; the controller stops the arm inside its signal handler and from
    then on refuses commands. Later lifecycle requests are a person's: the launch continues in every state.
    """

    def change(transition: int) -> Any:
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(arm), transition_id=transition))

    def first(start: str, goal: str, entities: list[Any]) -> Any:
        return OnStateTransition(
            target_lifecycle_node=arm, start_state=start, goal_state=goal, entities=entities, handle_once=True
        )

    not_connected = EmitEvent(event=Shutdown(reason="the arm could not be connected"))
    handlers: list[Any] = [
        OnProcessStart(target_action=arm, on_start=[change(Transition.TRANSITION_CONFIGURE)]),
        first("configuring", "inactive", [change(Transition.TRANSITION_ACTIVATE)]),
        first("activating", "active", then),
        first("configuring", "unconfigured", [not_connected]),
        *(OnProcessExit(target_action=process, on_exit=_end("a node ended")) for process in (arm, *then)),
    ]
    return [*(RegisterEventHandler(handler) for handler in handlers), arm]


def cameras(arguments: dict[str, str]) -> list[Any]:
    """Return a node for each camera of the argument `cameras`: of a cameras.json, or of each YAML file."""
    usual = {"jpeg_quality": JPEG_QUALITY} if arguments["record"] == "true" else {}
    found: dict[str, Any] = {}
    for file in filter(None, (part.strip() for part in arguments["cameras"].split(","))):
        if file.endswith(".json"):
            entries = json.loads(Path(file).read_text(encoding="utf-8"))["cameras"]
            names = [entry["name"] for entry in entries if entry.get("kind") != "topic"]
            path = str(Path(file).expanduser().absolute())  # the node reads it: launch would make numbers of serials
            found |= {f"camera_{name}": {"camera": name, "file": path} for name in names}
        else:
            found[f"camera_{Path(file).stem}" if "," in arguments["cameras"] else "camera"] = file
    return [node("robot_rl.nodes.camera", name, arguments, [usual, given]) for name, given in found.items()]


def view(arguments: dict[str, str]) -> list[Any]:
    """Return RViz and, for an arm with a URDF, the publisher of its links; nothing unless it is wanted.

    Raises:
        RuntimeError: a package is not installed.
    """
    if arguments["rviz"] != "true":
        return []
    prefix, model = tf_prefix(arguments), urdf_of(load_arm(arguments["robot_type"]))
    links = {"robot_description": ParameterValue(model, value_type=str), "frame_prefix": prefix}
    namespace, own = arguments["namespace"], {"rviz2": [], "robot_state_publisher": [links] if model else None}
    for package in (package for package, parameters in own.items() if parameters is not None):
        try:
            get_package_prefix(package)
        except PackageNotFoundError as error:
            text = f"rviz: got no package {package}, expected it installed; run: apt install ros-jazzy-{package}."
            raise RuntimeError(text.replace("_", "-")) from error
    config = ["-d", str(_rviz_file()), "-f", prefix + graph.BASE]
    shown = Node(package="rviz2", executable="rviz2", namespace=namespace, arguments=config)
    renamed = [("robot_description", "robot_state_publisher/robot_description")]  # the controller publishes it, too
    publisher = Node(
        package="robot_state_publisher", executable="robot_state_publisher", namespace=namespace, parameters=[links],
        remappings=renamed,
    )  # fmt: skip
    return [shown, publisher] if model else [shown]


def _rviz_file() -> Path:
    """Return RViz's configuration beside the launch files, in a checkout or installed."""
    own = CHECKOUT / "launch" / "robot.rviz"
    return own if own.exists() else Path(get_package_prefix("robot_rl"), "share", "robot_rl", "launch", own.name)


def tf_prefix(arguments: dict[str, str]) -> str:
    """Return the prefix of the arm's frames, as in `left/`."""
    return graph.in_namespace("", arguments["namespace"])


def recording(arguments: dict[str, str]) -> Any:
    """Return a recorder, rosbag2 in MCAP: all topics of the arm, of its hand and of the human, images as JPEG."""
    names = [graph.resolve(topic, arguments["namespace"]) for topic in (*TOPICS, *CRISPS)]
    lead = graph.resolve(graph.Service("", ""), arguments["namespace"])
    images = ["--regex", rf"^({'|'.join(names)}|{lead}.*/(compressed|camera_info))$"]
    folder = ["--output", arguments["bag"]] if arguments["bag"] else []
    return ExecuteProcess(cmd=["ros2", "bag", "record", "--storage", "mcap", *folder, *images], output="screen")
