"""Flags without effect: settings that a user names, and that other settings leave unused."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from robot_rl.config import TrainConfig
from robot_rl.envs.foreign_config import is_foreign
from robot_rl.teleop.devices import device_type


class Rule(NamedTuple):
    """Condition under which settings are used."""

    names: tuple[str, ...]
    """Settings, or groups of them, as their flags name them, with underscores."""
    used: Callable[[TrainConfig], bool]
    why: Callable[[TrainConfig], str]
    """Setting that leaves them unused, with its value."""
    needs: str
    """What makes them count."""


def _moved_by_another(config: TrainConfig) -> bool:
    """Return whether a device beside that of the human moves the arm."""
    return config.human.kind != "none" and not getattr(device_type(config.human.kind), "moves", True)


def _kind(config: TrainConfig) -> str:
    return f"human.kind is {config.human.kind}"


GRAPH = ("namespace", "wrench", "gains", "state_age_ms", "gripper_age_ms", "image_age_ms", "skew_ms", "reaction_ms")
"""Settings of an arm on the graph."""
RULES = (
    Rule(("human.scripted",), lambda c: c.human.kind == "scripted", _kind, "--human.kind scripted"),
    Rule(("human.settings",), lambda c: c.human.kind not in ("none", "scripted"), _kind, "--human.kind DEVICE"),
    Rule(
        ("human.motion_device", "human.motion_settings"),
        _moved_by_another,
        _kind,
        "--human.kind pendant or pedal",
    ),
    Rule(("env",), lambda c: is_foreign(c.task), lambda c: f"the task is {c.task}", "a Gymnasium environment"),
    Rule(
        tuple(f"robot.{name}" for name in (*GRAPH, "cameras", "start_timeout_s", "reset_timeout_s")),
        lambda c: c.robot.on_graph,
        lambda c: "robot.kind is simulated",
        "--robot.kind dds or ros",
    ),
    Rule(
        ("demonstrations_format", "demonstrations_judge", "demonstrations_failures"),
        lambda c: c.demonstrations_from is not None,
        lambda c: "the run records its own",
        "--demonstrations-from FOLDER",
    ),
    Rule(("prior_networks",), lambda c: c.prior is not None, lambda c: "there is no prior", "--prior RUN"),
    Rule(
        ("agent.reference_temperature", "agent.reference_in_target"),
        lambda c: c.reference is not None,
        lambda c: "there is no reference",
        "--reference RUN",
    ),
    Rule(
        ("vision.kind", "vision.encoder", "vision.settings", "vision.variants", "vision.goal_only"),
        lambda c: c.vision.mode == "frozen",
        lambda c: f"vision.mode is {c.vision.mode}",
        "--vision.mode frozen",
    ),
    Rule(
        ("agent.trunk",),
        lambda c: c.vision.mode == "trainable",
        lambda c: f"vision.mode is {c.vision.mode}",
        "--vision.mode trainable",
    ),
    Rule(
        ("stuck.after_s", "stuck.still_m", "stuck.distance_m"),
        lambda c: c.stuck.retreats > 0,
        lambda c: "stuck.retreats is 0",
        "--stuck.retreats N",
    ),
    Rule(
        ("agent.value_range",),
        lambda c: c.agent.critic != "ensemble",
        lambda c: "agent.critic is ensemble",
        "--agent.critic categorical",
    ),
    Rule(
        ("agent.expectile", "agent.advantage_scale"),
        lambda c: c.agent.objective == "iql",
        lambda c: f"agent.objective is {c.agent.objective}",
        "--agent.objective iql",
    ),
    Rule(
        ("agent.bc_weight", "agent.bc_weight_final", "agent.bc_filter", "agent.bc_decay_updates", "agent.bc_decay"),
        lambda c: c.agent.objective == "value",
        lambda c: f"agent.objective is {c.agent.objective}",
        "--agent.objective value",
    ),
    Rule(
        ("evaluation.every_episodes",),
        lambda c: c.evaluation.every is not None,
        lambda c: "evaluation.every is None",
        "--evaluation.every STEPS",
    ),
    Rule(
        ("stop_window",),
        lambda c: c.budget.stop_success is not None,
        lambda c: "stop_success is None",
        "--stop-success RATE",
    ),
)


def idle_flags(words: Sequence[str], config: TrainConfig) -> Iterator[str]:
    """Yield a line for each flag of a command line that its settings leave without effect.

    Example:
        >>> list(idle_flags(["--stop-window", "20"], TrainConfig()))
        ['--stop-window has no effect: stop_success is None; it counts with --stop-success RATE']
    """
    for flag in dict.fromkeys(word.partition("=")[0] for word in words if word.startswith("--")):
        name = flag.removeprefix("--").replace("-", "_")
        for rule in RULES:
            if any(f"{name}.".startswith(f"{part}.") for part in rule.names) and not rule.used(config):
                yield f"{flag} has no effect: {rule.why(config)}; it counts with {rule.needs}"
