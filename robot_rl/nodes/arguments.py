"""Command line of nodes: plain flags, or ROS arguments (`--ros-args -p name:=value -r __ns:=/left --params-file F`).

A parameter is the flag of the same name, so that a node has one set of settings and one help.
ROS arguments are parsed here, without ROS, so that nodes over plain DDS accept them too.
"""

import dataclasses
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import tyro

from robot_rl.core.errors import ConfigError, RobotRLError
from robot_rl.core.help import join_lines_of_help
from robot_rl.core.renamed import refuse_old_flags

T = TypeVar("T")


class RosWords(NamedTuple):
    """Command line: plain flags and ROS parameters."""

    plain: list[str]
    parameters: dict[str, str]
    from_files: dict[str, str]
    """Parameter files are shared by nodes: other nodes' parameters are ignored, as in ROS."""
    namespace: str | None
    by_ros: bool  # started by `ros2 run` or a launch file


def split_ros_words(arguments: Sequence[str], node: str) -> RosWords:
    """Separate plain flags from ROS arguments.

    Raises:
        ConfigError: a parameter or remapping that is none.

    Example:
        >>> split_ros_words(["--seed", "1", "--ros-args", "-p", "image_hz:=10", "-r", "__ns:=/left"], "actor")
        RosWords(plain=['--seed', '1'], parameters={'image_hz': '10'}, from_files={}, namespace='left', by_ros=True)
    """
    plain: list[str] = []
    parameters: dict[str, str] = {}
    from_files: dict[str, str] = {}
    namespace = None
    words, by_ros, inside = iter(arguments), False, False
    for word in words:
        if word in ("--ros-args", "--"):
            inside = word == "--ros-args"
            by_ros = by_ros or inside
        elif not inside:
            plain.append(word)
        elif word in ("-p", "--param"):
            name, value = _assignment(word, next(words, ""))
            parameters[name] = value
        elif word in ("-r", "--remap"):
            name, value = _assignment(word, next(words, ""))
            namespace = value.strip("/") if name.split(":")[-1] == "__ns" else namespace
        elif word == "--params-file":
            from_files |= read_parameters(Path(next(words, "")), node)
        elif word in ("--log-level", "-e", "--enclave", "--log-config-file"):
            next(words, "")  # rclpy's own
    return RosWords(plain, parameters, from_files, namespace, by_ros)


def read_parameters(path: Path, node: str) -> dict[str, str]:
    """Read a node's parameters from a file of ROS: those for all nodes, then its own.

    Raises:
        ConfigError: no such file.
    """
    import yaml  # comes with ROS, as the files do

    if not path.is_file():
        raise ConfigError(f"--params-file: got {path}, expected a YAML file; see `ros2 param dump`.")
    parameters: dict[str, str] = {}
    for name, part in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        if name.strip("/").split("/")[-1] in ("**", "*", node):
            parameters |= dict(_flat(part.get("ros__parameters", {})))
    return parameters


def as_flags(parameters: Mapping[str, str]) -> list[str]:
    """Write parameters as flags; booleans are there or not.

    Example:
        >>> as_flags({"image_hz": "10", "robot.kind": "ros", "use_sim_time": "false", "resume": "true"})
        ['--image-hz', '10', '--robot.kind', 'ros', '--resume']
    """
    flags: list[str] = []
    for name, value in parameters.items():
        if name == "use_sim_time" or value.lower() == "false":
            continue  # time is the wire's; a flag that is off is left out
        flag = f"--{name.replace('_', '-')}"
        flags += [flag] if value.lower() == "true" else [flag, value]
    return flags


def parse_node(words: RosWords, node: str, default: T, description: str, prog: str = "") -> T:
    """Return `default` changed by flags and parameters; tyro explains and exits with 2 where they do not fit."""
    known = names_of(default)
    tables = tables_of(default)
    from_files = {
        name: value for name, value in words.from_files.items() if name in known or name.split(".")[0] in tables
    }
    parameters = from_files | words.parameters
    flags = [*words.plain, *(word for table in tables for word in _table_flag(table, parameters))]
    flags += as_flags({name: value for name, value in parameters.items() if name.split(".")[0] not in tables})
    if words.namespace is not None:
        flags += ["--robot.namespace", words.namespace]
    if words.by_ros and not any(flag.startswith("--robot.kind") for flag in flags):
        flags += ["--robot.kind", "ros" if importlib.util.find_spec("rclpy") else "dds"]
    refuse_old_flags(flags)
    join_lines_of_help(type(default), flags)
    options = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(
        type(default), args=flags, prog=prog or node, description=description, default=default, config=options
    )


def names_of(settings: Any, lead: str = "") -> set[str]:
    """Return the names of a dataclass's fields, with those of dataclasses within it."""
    if not dataclasses.is_dataclass(settings):
        return set()
    names: set[str] = set()
    for field in dataclasses.fields(settings):
        names |= {f"{lead}{field.name}"} | names_of(getattr(settings, field.name), f"{lead}{field.name}.")
    return names


def tables_of(settings: Any) -> list[str]:
    """Return the names of the fields that are tables of texts: `settings.port` is an entry of `settings`."""
    return [field.name for field in dataclasses.fields(settings) if isinstance(getattr(settings, field.name), dict)]


def _table_flag(table: str, parameters: Mapping[str, str]) -> list[str]:
    pairs = [
        (name.removeprefix(f"{table}."), value) for name, value in parameters.items() if name.startswith(f"{table}.")
    ]
    return [f"--{table.replace('_', '-')}", *(word for pair in pairs for word in pair)] if pairs else []


def run_node(
    node: str, arguments: Sequence[str] | None, default: T, description: str, run: Callable[[T], None], prog: str = ""
) -> int:
    """Start a node from its command line, with errors on one line; return the exit code. `prog` is its name in them."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        run(parse_node(split_ros_words(words, node), node, default, description, prog))
    except RobotRLError as error:
        print(f"{prog or node}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    return 0


def _assignment(word: str, text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":=")
    if not (name and sign):
        raise ConfigError(f"{word}: got {text!r}, expected NAME:=VALUE; correct it.")
    return name, value


def _flat(parameters: Mapping[str, Any], lead: str = "") -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{lead}{name}.")
        else:
            yield f"{lead}{name}", str(value)
