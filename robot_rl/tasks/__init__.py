"""Tasks: one file each, and one line each in `TASKS`. No simulator is needed to know a task.

A task is given by its name, as a TOML file (`path/task.toml`), as a Python file with a `TaskSpec` named `TASK`
(`path/task.py`), as `module:NAME`, or registered by another package under the entry points `robot_rl.tasks`.
"""

from pathlib import Path

from robot_rl.core import extensions
from robot_rl.core.errors import ConfigError
from robot_rl.core.tasks import TaskSpec
from robot_rl.tasks.files import read_task

TASKS = {"pick-lift": "robot_rl.tasks.pick_lift:TASK", "peg-insert": "robot_rl.tasks.peg_insert:TASK"}
"""Name -> `module:NAME`."""
GROUP = "robot_rl.tasks"
"""Entry points under which other packages register theirs."""
PYTHON, TOML = ".py", ".toml"


def task_names() -> list[str]:
    """Return the names of all tasks, those of other packages included."""
    return extensions.available(TASKS, GROUP)


def is_reference(task: str) -> bool:
    """Return whether a task is given by a file or `module:NAME` instead of its name."""
    return ":" in task or task.endswith((PYTHON, TOML))


def is_file_reference(task: str) -> bool:
    """Return whether a task is given by a file, `path/task.toml`, `path/task.py` or `path/task.py:NAME`."""
    return task.partition(":")[0].endswith((PYTHON, TOML))


def absolute(task: str) -> str:
    """Return a task's reference with a file's path made absolute."""
    path, separator, name = task.partition(":")
    return str(Path(path).expanduser().resolve()) + separator + name if path.endswith((PYTHON, TOML)) else task


def check_task(task: str) -> None:
    """Check that a task's reference is valid, without importing anything.

    Raises:
        UnknownNameError: an unknown name; the text lists the known ones and the nearest.
        ConfigError: a missing file.
    """
    if task.endswith((PYTHON, TOML)):
        if not Path(task).expanduser().is_file():
            raise ConfigError(f"task: got {task}, expected a file; `robot-rl task new NAME` writes one to start from.")
        return
    extensions.check("task", task, TASKS, GROUP)


def find_task(task: str) -> TaskSpec:
    """Return the task of a name, a file or `module:NAME`.

    Raises:
        UnknownNameError: an unknown name.
        ConfigError: a file that does not describe a task, or a name that is not a `TaskSpec`.
    """
    check_task(task)
    if task.endswith(TOML):
        return read_task(Path(task).expanduser())
    name = f"{task}:TASK" if task.endswith(PYTHON) else task
    found = extensions.resolve("task", name, TASKS, GROUP)
    if not isinstance(found, TaskSpec):
        raise ConfigError(f"task: got {task!r}, which is a {type(found).__name__}, expected a TaskSpec; name that one.")
    return found


def environment_id(task: str, varied: bool = False) -> str:
    """Return the id under which Gymnasium knows a task by name.

    Example:
        >>> environment_id("pick-lift"), environment_id("pick-lift", varied=True)
        ('robot_rl/PickLift-v0', 'robot_rl/PickLiftVaried-v0')
    """
    words = "".join(word.capitalize() for word in task.replace("_", "-").split("-"))
    return f"robot_rl/{words}{'Varied' if varied else ''}-v0"
