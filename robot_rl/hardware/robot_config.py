"""Settings of the robot: in this process, or on the ROS graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError

RobotKind = Literal["simulated", "dds", "ros"]
EpisodeSource = Literal["simulated", "unjudged", "operator"]


@dataclass(frozen=True)
class RobotConfig:
    """Kind and bounds of the robot; all above the hardware is the same for every kind.

    Raises:
        ConfigError: a bound that is not positive, or an unknown episode source.
    """

    kind: RobotKind = "simulated"
    """`simulated`: in the actor's process, time passes with its steps. `dds`, `ros`: an arm on the ROS graph, real or
    served by `robot-rl serve`, in real time; through plain DDS, or through rclpy where ROS is sourced."""
    arm: str = "simulated"
    """The arm in the simulator: `simulated`, or the YAML file of an arm with a `model`."""
    namespace: str = ""
    """The arm's namespace on the graph, as in `left`."""
    episode_source: EpisodeSource = "simulated"
    """Episode source: `simulated`, the simulator, in process or served on the graph; `unjudged`, the same without its
    ground truth, as if an operator judged: success comes from labels or a classifier; `operator`, a person on the
    graph: the arm goes to the start, the scene is set by hand until the person's device says ready."""
    cameras: Path | None = None
    """File of the robot's cameras, as `robot-rl look` takes it; None: topics named by the task's cameras."""
    wrench: Literal["auto", "sensor", "estimate"] = "auto"
    """Source of the wrench: the wrist's sensor on the topic `wrench`, or the controller's estimate. `auto`: the sensor
    of a served simulation, the estimate of a real arm."""
    gains: Literal["task", "controller"] = "task"
    """`task`: the task's stiffness, clips and workspace, as in simulation; `controller`: the controller's own, for a
    controller of another project."""
    state_age_ms: float = 100.0
    """Older states of the arm are refused: the episode ends, the arm holds [ms]. Source: one step at 10 Hz."""
    gripper_age_ms: float = 2000.0
    """Older states of the gripper are refused likewise [ms]. Source: a driver that blocks reads nothing during a
    motion, which takes a second or more."""
    image_age_ms: float = 200.0
    """Older images are refused likewise [ms]: one bound for all cameras when they are observed. A camera of the file
    `cameras` also has its own, `max_age_s`; the smaller one counts. Source: two steps at 10 Hz."""
    skew_ms: float = 150.0
    """An image and the arm's state may lie so far apart [ms]."""
    reaction_ms: float = 300.0
    """An action computed from an older observation is not sent: the episode ends likewise [ms]. Source: three steps."""
    start_timeout_s: float = 120.0
    """Longest wait for the first image and state [s]. Source: `robot-rl serve` compiles for a minute, once."""
    reset_timeout_s: float = 30.0
    """Longest time of a reset, including a server's restart [s]: DDS drops a killed process after ten."""

    def __post_init__(self) -> None:
        names = ("state_age_ms", "gripper_age_ms", "image_age_ms", "skew_ms", "reaction_ms")
        checks.positive(self, *names, "start_timeout_s", "reset_timeout_s")
        if self.kind == "simulated" and self.episode_source == "operator":
            raise ConfigError(
                "robot.episode_source: got 'operator' with the simulated arm, expected an arm on the graph; "
                "set robot.kind to dds or ros."
            )

    @property
    def wrench_source(self) -> Literal["sensor", "estimate"]:
        """Source of the wrench."""
        if self.wrench != "auto":
            return self.wrench
        return "estimate" if self.episode_source == "operator" else "sensor"

    @property
    def on_graph(self) -> bool:
        """Whether the arm runs in real time."""
        return self.kind != "simulated"
