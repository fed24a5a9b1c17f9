"""Lines of bytes: real pseudo-terminals and real sockets."""

import os
import socket
from pathlib import Path

import pytest

from robot_rl.core.errors import ConfigError, DeviceLostError
from robot_rl.teleop.pendant.serial_line import check_name, open_line


def test_serial_port_carries_all_bytes_both_ways() -> None:
    far, near = os.openpty()
    line = open_line(os.ttyname(near))
    everything = bytes(range(256))
    line.write(everything)
    assert os.read(far, 512) == everything
    os.write(far, everything)
    assert line.read(1.0) == everything
    assert line.read(0.0) == b""
    line.close()
    os.close(near)
    os.close(far)


def test_serial_port_is_held_by_one_program() -> None:
    far, near = os.openpty()
    line = open_line(os.ttyname(near))
    with pytest.raises(DeviceLostError, match="expected an open line"):
        open_line(os.ttyname(near))
    line.close()
    os.close(near)
    os.close(far)


def test_pulled_plug_is_noticed() -> None:
    far, near = os.openpty()
    line = open_line(os.ttyname(near))
    os.close(near)
    os.close(far)
    with pytest.raises(DeviceLostError):
        line.read(1.0)
    line.close()


def test_missing_port_is_named() -> None:
    with pytest.raises(DeviceLostError, match="/dev/no-such-pendant"):
        open_line("/dev/no-such-pendant")


def test_file_that_is_no_terminal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceLostError):
        open_line(str(tmp_path / "file"))


def test_socket_carries_bytes_and_its_end_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = open_line(f"socket://127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        line.write(b"there")
        assert peer.recv(16) == b"there"
        peer.sendall(b"back")
        assert line.read(1.0) == b"back"
        peer.close()
        with pytest.raises(DeviceLostError, match="closed by the other end"):
            line.read(1.0)
        line.close()


@pytest.mark.parametrize("name", ["socket://10.0.0.1:5", "socket://example.org:5", "socket://127.0.0.1", "socket://:x"])
def test_sockets_beyond_this_machine_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected socket://127"):
        check_name(name)
