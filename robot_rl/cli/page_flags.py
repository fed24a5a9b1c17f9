"""Flags of the operator's page, for the commands that run an arm."""

import importlib.util
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from robot_rl.build_human import PAGE_DEVICE
from robot_rl.config import TrainConfig
from robot_rl.core.errors import ConfigError
from robot_rl.page.settings import DEFAULT_ADDRESS, TOKEN_VARIABLE, PageSettings


@dataclass(frozen=True, kw_only=True)
class PageFlags:
    """Flags of the operator's page."""

    page: bool = False
    """Serve a web page for the operator: cameras, state, joystick, labels, stop. Always with a person at a real arm."""
    no_page: bool = False
    """No page at a real arm either."""
    view3d: int | None = None
    """Port of a view of the simulated scene in three dimensions, for a browser on this computer: arm, part, target and
    cameras; 0: a free one; None: none. Extra `view3d`."""
    page_address: str = DEFAULT_ADDRESS
    """Address of the page. Beyond this computer, as with 0.0.0.0:8500 for a phone, the printed link has a token."""

    def page_settings(self, config: TrainConfig, device: str, run: Path | None = None) -> PageSettings | None:
        """Return the page's settings, None for none.

        Args:
            device: the person's input device, which may be the page itself.
            run: folder of the training whose metrics are shown.

        Raises:
            ConfigError: the page is asked for and refused, or an address that is none.
        """
        asked = self.page or device == PAGE_DEVICE
        if asked and self.no_page:
            raise ConfigError("--no-page: got it beside --page or the device 'browser', expected one of them.")
        real = config.robot.on_graph and config.robot.episode_source == "operator" and page_is_installed()
        if self.no_page or not (asked or real):
            return None
        return PageSettings(self.page_address, os.environ.get(TOKEN_VARIABLE, ""), run, page_title(config, run))

    def page_words(self, config: TrainConfig, device: str, run: Path) -> tuple[str, ...]:
        """Return the flags of page and view for the parts of a run, each at the same link; print the links."""
        settings, view = self.page_settings(config, device, run), self._view_words()
        if settings is None:
            return (*(("--no-page",) if self.no_page else ()), *view)
        port = settings.port or free_port()
        os.environ[TOKEN_VARIABLE] = settings.token  # the parts of the run inherit it
        print(f"page: {settings.url(port)}", flush=True)
        return ("--page", "--page-address", f"{settings.host}:{port}", *view)

    def _view_words(self) -> tuple[str, ...]:
        if self.view3d is None:
            return ()
        port = self.view3d or free_port()
        print(f"3-D view: http://127.0.0.1:{port}", flush=True)
        return ("--view3d", str(port))


def page_is_installed() -> bool:
    """Return whether the extra `page` is there; a page that was not asked for is left out without it."""
    return importlib.util.find_spec("websockets") is not None


def page_title(config: TrainConfig, run: Path | None) -> str:
    """Return the page's title: task, and run if there is one."""
    task = Path(config.task.partition(":")[0]).stem
    return task if run is None else f"{task} · {run.name}"


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
