"""The loader of extensions (see `controllers.extensions`) with this package's errors."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from controllers import extensions
from controllers.extensions import available
from robot_rl.core.errors import ConfigError, UnknownNameError

__all__ = ["available", "check", "resolve"]

T = TypeVar("T")


def check(what: str, name: str, table: Mapping[str, str], group: str = "") -> None:
    """Check a name in settings without importing anything; any `module:Class` passes.

    Raises:
        UnknownNameError: the name is unknown; the text lists the known ones and the nearest.
    """
    _translated(extensions.check, what, name, table, group)


def resolve(what: str, name: str, table: Mapping[str, str], group: str = "") -> Any:
    """Return the object of a name, of `module:Class` or of `path/to/file.py:Class`.

    Args:
        what: the kind, for errors, as in "input device".
        table: name -> `module:Class`.
        group: entry points of other packages, as in "robot_rl.devices".

    Raises:
        UnknownNameError: an unknown name.
        ConfigError: it cannot be imported.
    """
    return _translated(extensions.resolve, what, name, table, group)


def _translated(function: Callable[..., T], *args: Any) -> T:
    try:
        return function(*args)
    except extensions.UnknownExtensionError as error:
        raise UnknownNameError(str(error)) from error
    except extensions.ExtensionError as error:
        raise ConfigError(str(error)) from error
