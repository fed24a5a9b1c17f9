"""What the set-up installs is enough for what the documents and the optional libraries ask for."""

import http.server
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


def test_event_files_of_a_run_can_be_shown_with_what_the_set_up_installs() -> None:
    assert shutil.which("tensorboard", path=str(Path(sys.executable).parent))


@pytest.mark.parametrize("library", ["pyrealsense2", "cv2", "mujoco", "cyclonedds.core"])
def test_optional_libraries_find_the_system_libraries_that_they_link(library: str) -> None:
    program = f"try:\n    import {library}\nexcept ModuleNotFoundError:\n    print('not installed')"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("installed", ["nothing", "."])
def test_a_computer_without_ros_passes_and_prints_what_was_not_checked(tmp_path: Path, installed: str) -> None:
    script = Path(__file__).parents[2] / ".ci" / "ros.sh"
    env = {name: value for name, value in os.environ.items() if name != "AMENT_PREFIX_PATH"}
    env |= {"ROS_DISTRIBUTIONS": str(tmp_path / installed)}
    answer = subprocess.run([script], env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and answer.stdout.startswith("NOT CHECKED: no ROS 2"), answer


FLAW = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["2.1"], "summary": "Reads  too\nmuch.", "withdrawn": None}
PAGES = {
    "sound/1.0": {"info": {"version": "1.0"}, "vulnerabilities": []},
    "weak/2.0": {"info": {"version": "2.0"}, "vulnerabilities": [FLAW]},
    "cleared/3.0": {"info": {"version": "3.0"}, "vulnerabilities": [FLAW | {"withdrawn": "2026-01-01T00:00:00Z"}]},
    "newest": {"info": {"version": "4.0"}, "vulnerabilities": [FLAW]},
    "newer": {"info": {"version": "5.1"}, "vulnerabilities": []},
}
"""What an index knows, by name and version, or, where it has no document of a version, by name."""


class Index(http.server.BaseHTTPRequestHandler):
    """A package index that answers with `PAGES` and closes some connections after an answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = PAGES.get(self.path.removeprefix("/pypi/").removesuffix("/json"))
        body = json.dumps(page).encode()
        self.send_response(503 if "ailing" in self.path else 404 if page is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = page is None

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(folder: Path, index: str, pins: str, *flags: str) -> int:
    (folder / "pins.txt").write_text("# a comment\n" + pins.replace(" ", "\n"))
    main = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "audit.py"))["main"]
    return int(main(["--index", index, "--constraints", str(folder / "pins.txt"), *flags]))


@pytest.mark.parametrize(
    ("pins", "status", "expected"),
    [
        ("sound==1.0 cleared==3.0", 0, "0 known vulnerabilities in 2 of 2 packages.\n"),
        ("sound==1.0 weak==2.0", 1, "weak==2.0: PYSEC-1 = CVE-1, mended in: 2.1. Reads too much.\n1 known vuln"),
        ("newest==4.0", 1, "newest==4.0: PYSEC-1 = CVE-1"),
        ("sound==1.0 newer==5.0", 2, "NOT AUDITED: the index says nothing of newer==5.0."),
        ("ailing==1.0 " * 40 + "sound==1.0", 2, "NOT AUDITED: no network, or no index there (http://127.0.0.1:"),
        ("absent==1.0 weak==2.0", 1, "NOT AUDITED: the index says nothing of absent==1.0."),
    ],
)
def test_an_audit_finds_vulnerabilities_and_prints_what_was_not_looked_up(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str], pins: str, status: int, expected: str
) -> None:
    assert audit(tmp_path, index, pins) == status
    assert expected in capsys.readouterr().out
    assert audit(tmp_path, index, pins, "--reached-only") == (status if status < 2 else 0)


def test_an_audit_without_a_network_prints_so_and_fails_unless_it_may_do_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, status in (((), 2), (("--reached-only",), 0)):
        assert audit(tmp_path, "http://127.0.0.1:1", "sound==1.0", *flags) == status
        assert capsys.readouterr().out.startswith("NOT AUDITED: no network, or no index there (http://127.0.0.1:1: ")
