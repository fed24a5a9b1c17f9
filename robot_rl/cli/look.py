"""`robot-rl look`: a task's cameras live, with their crops, which it writes into the task's file."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tyro.conf import Positional

from robot_rl import build_graph
from robot_rl.core.errors import ConfigError, RobotRLError, unknown_name
from robot_rl.core.settings import load_settings, to_json
from robot_rl.core.tasks import Crop, TaskSpec
from robot_rl.hardware.cameras import all_kinds, camera_kind
from robot_rl.hardware.cameras.config import CameraConfig, CameraSet
from robot_rl.hardware.cameras.factory import close_cameras, make_cameras
from robot_rl.hardware.cameras.views import View
from robot_rl.hardware.robot_config import RobotConfig, RobotKind
from robot_rl.presets import task_config
from robot_rl.tasks import find_task
from robot_rl.tasks.edit import edit_task

TITLE = "robot-rl look: NUMBER chooses a camera's crop, q ends"
LIVE_MS = 100
TOPIC_AGE_S = 2.0
"""Oldest image of a topic that is shown [s]: nothing moves by it."""
Views = dict[str, View]
Source = tuple[dict[str, str], Callable[[], dict[str, np.ndarray]]]
"""Label of each camera by name, and a reader of their whole images."""


@dataclass(frozen=True)
class Arguments:
    """Show cameras: each image as it is delivered, with the crop drawn in and pixels ticked; beside it what the policy
    sees. On a screen a window shows them live: press a camera's number, drag its crop, and Enter writes it into the
    task's file, whose comments stay; `q` ends. Elsewhere the PNG is the image, and --crop names the crops.

    examples:
      robot-rl look                                    every camera of this machine with its defaults
      robot-rl look cameras.json --png look.png        those of a file
      robot-rl look usb.toml --cameras cameras.json    a task's cameras
      robot-rl look usb.toml --cameras cameras.json --crop wrist=80,0,480,480
      robot-rl look pick-lift --robot.kind dds         topics on the graph, as of `robot-rl serve`
    """

    source: Positional[str | None] = None
    """Task, or a file of cameras (.json); a task without cameras or an arm on the graph is shown as the simulator
    renders it."""
    cameras: Path | None = None
    """File of the robot's cameras, by the names of the task's; None: the task's `robot.cameras`."""
    kind: Annotated[RobotKind | None, tyro.conf.arg(name="robot.kind")] = None
    """Connection of cameras that are topics, `dds` or `ros`; None: the task's `robot.kind`."""
    crop: tuple[str, ...] = ()
    """Crops to write into the task's file, each NAME=LEFT,TOP,WIDTH,HEIGHT in pixels of the camera's image."""
    png: Path = Path("cameras.png")
    """Path of the image; an existing file is overwritten."""


def run(arguments: Arguments) -> int:
    """Write crops, show the cameras, save the last image."""
    source, views, crops = arguments.source, Views(), dict[str, Crop]()
    task = None if source is None or source.endswith(".json") else find_task(source)
    if task is None and arguments.crop:
        raise ConfigError(f"crop: got {source or 'no task'}, expected a task's TOML file; name it first.")
    if task is not None:
        crops = dict(_crop(text, task) for text in arguments.crop)
        views = {name: View(crops.get(name, see.crop), (see.height, see.width)) for name, see in task.cameras.items()}
    with _open(arguments, task, views) as (labels, read):
        images = read() if crops else {}
        for name in crops:  # one beyond the image is not written
            views[name].window(*images[name].shape[:2])
        write_crops(source, crops)
        if task is not None and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            _live(labels, read, views, arguments.source)
        save_sheet(labels, read(), views, arguments.png)
    print(f"{arguments.png}: {', '.join(labels)}")
    return 0


def _live(labels: dict[str, str], read: Callable[[], dict[str, np.ndarray]], views: Views, task: str | None) -> None:
    """Show the cameras in a window until `q`; after a camera's number its crop is dragged, and written."""
    import cv2

    from robot_rl.hardware.cameras.contact_sheet import Sheet, contact_sheet

    names, key = list(labels), ""
    while key != "q":
        images = read()
        sheet = contact_sheet([Sheet(labels[name], images[name], views[name]) for name in names])
        cv2.imshow(TITLE, sheet[..., ::-1])
        key = chr(cv2.waitKey(LIVE_MS) & 0xFF)
        if key.isdigit() and 0 < int(key) <= len(names):
            name = names[int(key) - 1]
            crop = proportioned(Crop(*cv2.selectROI(TITLE, images[name][..., ::-1])), views[name])
            write_crops(task, {name: crop})
            views[name] = replace(views[name], crop=crop)
    cv2.destroyAllWindows()


def proportioned(crop: Crop, view: View) -> Crop:
    """Return the largest part of a crop, from its upper left corner, with the proportions of what the policy sees."""
    height, width = view.size or (crop.height, crop.width)
    scale = min(crop.height / height, crop.width / width)
    return Crop(crop.left, crop.top, round(width * scale), round(height * scale))


def write_crops(task: str | None, crops: dict[str, Crop]) -> None:
    """Write crops into a task's file.

    Raises:
        ConfigError: a task that is no TOML file.
    """
    if not crops:
        return
    if task is None or not task.endswith(".toml"):
        raise ConfigError(f"crop: got task {task!r}, expected a TOML file; `robot-rl task new NAME` writes one.")
    edit_task(Path(task), {("cameras", name): {"crop": to_json(crop)} for name, crop in crops.items()})
    print(f"{task}: crop of {', '.join(crops)}", flush=True)


def save_sheet(labels: dict[str, str], images: dict[str, np.ndarray], views: Views, path: Path) -> None:
    """Save one image of all cameras.

    Raises:
        ConfigError: a crop beyond the image, or a path that cannot be written.
    """
    from robot_rl.hardware.cameras.contact_sheet import Sheet, contact_sheet, save_png

    save_png(path, contact_sheet([Sheet(labels[name], image, views[name]) for name, image in images.items()]))


def present_cameras() -> tuple[CameraConfig, ...]:
    """Return the settings of each camera of this machine, of every kind that can list them."""
    found: list[CameraConfig] = []
    for name, kind in all_kinds().items():
        try:
            found += kind.present() if hasattr(kind, "present") else ()
        except RobotRLError as error:
            print(f"{name}: {error}", file=sys.stderr)
    return tuple(found)


def _crop(text: str, task: TaskSpec) -> tuple[str, Crop]:
    name, _, numbers = text.partition("=")
    if name not in task.cameras:
        raise unknown_name("crop: camera", name, task.cameras)
    try:
        left, top, width, height = map(int, numbers.split(","))
    except ValueError as error:
        raise ConfigError(f"crop: got {text!r}, expected NAME=LEFT,TOP,WIDTH,HEIGHT; see the ruler.") from error
    return name, Crop(left, top, width, height)


@contextmanager
def _open(arguments: Arguments, task: TaskSpec | None, views: Views) -> Iterator[Source]:
    """Yield the cameras; those of a file complete `views`."""
    robot = RobotConfig() if task is None else task_config(arguments.source or "").robot
    robot = robot if arguments.kind is None else replace(robot, kind=arguments.kind)
    if task is not None and arguments.cameras is None and not robot.on_graph:
        from robot_rl.envs.simulated import DEVICE_SIZE, make_simulated_env
        from robot_rl.envs.simulated import make_cameras as make_simulated_cameras

        print(f"{task.name}: simulated cameras; --cameras opens real ones")
        middle = {name: replace(camera, crop=views[name].window(*DEVICE_SIZE)) for name, camera in task.cameras.items()}
        with closing(make_simulated_env(replace(task, cameras=middle), cameras=())) as env:
            env.reset(seed=0)
            episodes: Any = env.cell.episodes
            devices = make_simulated_cameras(episodes.simulation, task.cameras, whole=True)
            yield dict(zip(devices, devices, strict=True)), lambda: {n: d.read().image for n, d in devices.items()}
        return
    configs = {config.name: config for config in _configs(arguments, task, robot)}
    for name, config in configs.items():
        views[name] = replace(views.get(name, config.view), crop=views.get(name, config.view).crop or config.view.crop)
    whole = [_shown(config) for config in configs.values()]
    with ExitStack() as held:
        wire = None
        if any(map(_is_topic, whole)):
            wire = build_graph.make_wire(robot if robot.on_graph else replace(robot, kind="dds"), "look")
            held.callback(wire.close)
        cameras = make_cameras(whole, wire)
        held.callback(close_cameras, cameras)
        labels = {name: _label(config) for name, config in configs.items()}
        yield labels, lambda: dict(zip(configs, (camera.read().image for camera in cameras), strict=True))


def _configs(arguments: Arguments, task: TaskSpec | None, robot: RobotConfig) -> Sequence[CameraConfig]:
    """Return the cameras to open, and print what is not fixed about them."""
    from robot_rl.hardware.cameras.ros_topic import TopicConfig

    file = arguments.cameras or (Path(arguments.source) if arguments.source and task is None else robot.cameras)
    configs: Sequence[CameraConfig]
    if file is not None:
        configs = load_settings(CameraSet, file).cameras
    else:
        configs = present_cameras() if task is None else tuple(map(TopicConfig, task.cameras))
    if task is not None:
        by_name = {config.name: config for config in configs}
        if missing := sorted(task.cameras.keys() - by_name.keys()):
            raise unknown_name(f"camera in {file}", missing[0], by_name)
        configs = tuple(by_name[name] for name in task.cameras)
    for config in configs:
        for setting in ("auto_exposure", "auto_white_balance"):
            if getattr(config, setting, False):
                print(f"{config.name}: {setting} is on, so that the same scene changes; set it to false in {file}")
    if not configs:
        raise ConfigError("cameras: got none, expected one or more; see `robot-rl doctor cameras`.")
    return configs


def _shown(config: Any) -> CameraConfig:
    """Return settings that show the whole image; that of a topic may be late, since nothing moves by it."""
    return replace(config, view=View(size=None), **({"max_age_s": TOPIC_AGE_S} if _is_topic(config) else {}))


def _is_topic(config: CameraConfig) -> bool:
    return getattr(camera_kind(config.kind), "on_graph", False)


def _label(config: CameraConfig) -> str:
    kind = camera_kind(config.kind)
    return f"{config.name} ({config.kind} {kind.label(config)})" if hasattr(kind, "label") else config.name
